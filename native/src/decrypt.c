#include "crt.h"

#include <string.h>

#define WINDOW_BITS 5
#define WINDOW_ENTRIES (1 << WINDOW_BITS)

/* Bits bit .. bit + WINDOW_BITS - 1 of an exponent. */
static int32_t window_at(const mp_limb_t *exponent, int32_t limbs, int32_t bit)
{
    int32_t limb = bit / 64, shift = bit % 64;
    mp_limb_t value = exponent[limb] >> shift;
    if (shift > 64 - WINDOW_BITS && limb + 1 < limbs) {
        value |= exponent[limb + 1] << (64 - shift);
    }
    return (int32_t)(value & (WINDOW_ENTRIES - 1));
}

/*
 * group = group^exponent by fixed windows from the top: the same squarings, products and table reads for every exponent
 * of `bits` bits. table: room for WINDOW_ENTRIES groups.
 */
static void power_secret(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *exponent, int32_t bits,
                         mp_limb_t *table)
{
    const pc_kernel *kernel = modulus->kernel;
    size_t words = pc_group_words(modulus);
    pc_gather_ones(modulus, table);
    memcpy(table + words, group, words * sizeof *group);
    for (size_t i = 2; i < WINDOW_ENTRIES; i++) {
        if (i % 2 == 0) {
            kernel->square(modulus, table + i * words, table + i / 2 * words);
        } else {
            kernel->multiply(modulus, table + i * words, table + (i - 1) * words, group);
        }
    }

    pc_group factor;
    int32_t bit = (bits - 1) / WINDOW_BITS * WINDOW_BITS;
    kernel->select(modulus, group, table, WINDOW_ENTRIES, window_at(exponent, modulus->limbs, bit));
    while (bit > 0) {
        bit -= WINDOW_BITS;
        for (int i = 0; i < WINDOW_BITS; i++) {
            kernel->square(modulus, group, group);
        }
        kernel->select(modulus, factor.words, table, WINDOW_ENTRIES, window_at(exponent, modulus->limbs, bit));
        kernel->multiply(modulus, group, group, factor.words);
    }
    pc_wipe(&factor, words * sizeof(mp_limb_t));
}

/*
 * Plaintexts modulo one prime. c^(p-1) = 1 + b*p; the decryption factor f turns that into f + (b*f mod p)*p, whose
 * second half in standard form is m mod p.
 */
static void decrypt_side(const pc_private *private_key, const pc_prime_side *side, pc_standard *standard,
                         mp_limb_t *table)
{
    const pc_modulus *modulus = side->modulus;
    const pc_kernel *kernel = modulus->kernel;
    const mp_limb_t *factors[PC_MAX_LANES];
    pc_group group, factor;
    for (int32_t i = 0; i < kernel->lanes; i++) {
        factors[i] = side->decryption_factor;
    }
    kernel->enter(modulus, group.words, standard->limbs);
    power_secret(modulus, group.words, side->exponent, private_key->prime_bits, table);
    kernel->gather(modulus, factor.words, factors);
    kernel->multiply(modulus, group.words, group.words, factor.words);
    kernel->leave(modulus, standard->limbs, group.words);
    pc_wipe(&group, sizeof group);
    pc_wipe(&factor, sizeof factor);
}

/* The standard forms modulo p^2 and q^2 of the ciphertexts in a group's lanes. */
static void reduce_ciphertexts(const pc_private *private_key, const mp_limb_t *group, pc_standard *sides,
                               mp_limb_t *scratch)
{
    const pc_modulus *n = private_key->key->modulus;
    pc_standard standard;
    n->kernel->leave(n, standard.limbs, group);
    for (int32_t i = 0; i < n->kernel->lanes; i++) {
        ptrdiff_t at = (ptrdiff_t)i * 2 * private_key->prime_limbs;
        pc_crt_reduce(private_key, sides[0].limbs + at, sides[1].limbs + at,
                      standard.limbs + (ptrdiff_t)i * 2 * n->limbs, scratch);
    }
}

int32_t pc_decrypt(const pc_private *private_key, const pc_batch *batch, int32_t offset, int32_t count,
                   uint64_t *plaintexts, int64_t words)
{
    PC_REQUIRE(private_key != NULL && batch != NULL && (plaintexts != NULL || count == 0), PC_ERR_NULL);
    PC_REQUIRE(private_key->key == batch->key, PC_ERR_MISMATCH);
    PC_REQUIRE(pc_range_fits(offset, count, batch->count), PC_ERR_RANGE);
    const pc_modulus *n = batch->key->modulus;
    const pc_kernel *kernel = n->kernel;
    PC_REQUIRE(words >= (int64_t)count * n->limbs, PC_ERR_LENGTH);

    int32_t prime_limbs = private_key->prime_limbs;
    size_t table_limbs = WINDOW_ENTRIES * pc_group_words(private_key->side[0].modulus);
    size_t workspace_bytes = (table_limbs + (size_t)private_key->scratch_limbs) * sizeof(mp_limb_t);
    mp_limb_t *table = pc_allocate(workspace_bytes);
    PC_REQUIRE(table != NULL, PC_ERR_MEMORY);
    mp_limb_t *scratch = table + table_limbs;

    pc_group group;
    pc_standard sides[2];
    mp_limb_t m[PC_MAX_LIMBS];
    for (int32_t done = 0; done < count; done += kernel->lanes) {
        int32_t used = pc_min(kernel->lanes, count - done);
        pc_gather_row(n, group.words, pc_batch_at(batch, offset + done), used);
        reduce_ciphertexts(private_key, group.words, sides, scratch);
        decrypt_side(private_key, &private_key->side[0], &sides[0], table);
        decrypt_side(private_key, &private_key->side[1], &sides[1], table);
        for (int32_t i = 0; i < used; i++) {
            ptrdiff_t second_half = (ptrdiff_t)i * 2 * prime_limbs + prime_limbs;
            pc_crt_join_plaintext(private_key, m, sides[0].limbs + second_half, sides[1].limbs + second_half, scratch);
            memcpy(plaintexts + (int64_t)(done + i) * n->limbs, m, (size_t)n->limbs * sizeof *m);
        }
    }
    pc_wipe(sides, sizeof sides);
    pc_wipe(m, sizeof m);
    pc_release_secret(table, workspace_bytes);
    pc_wipe_stack();
    return PC_OK;
}
