#include "crt.h"

#include <string.h>

/*
 * group = group^exponent by fixed windows from the top: the same squarings, products and table reads for every exponent
 * of `bits` bits. table: room for PC_SECRET_TABLE_GROUPS groups.
 */
static void power_secret(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *exponent, int32_t bits,
                         mp_limb_t *table)
{
    const pc_kernel *kernel = modulus->kernel;
    size_t words = pc_group_words(modulus);
    int32_t window_bits = kernel->window_bits, entries = 1 << window_bits;
    pc_gather_ones(modulus, table);
    memcpy(table + words, group, words * sizeof *group);
    for (int32_t i = 2; i < entries; i++) {
        mp_limb_t *entry = table + (size_t)i * words;
        if (i % 2 == 0) {
            kernel->square(modulus, entry, table + (size_t)i / 2 * words);
        } else {
            kernel->multiply(modulus, entry, entry - words, group);
        }
    }

    pc_group factor;
    int32_t bit = (bits - 1) / window_bits * window_bits;
    kernel->select(modulus, group, table, entries, pc_window_at(exponent, modulus->limbs, bit, window_bits));
    while (bit > 0) {
        bit -= window_bits;
        for (int i = 0; i < window_bits; i++) {
            kernel->square(modulus, group, group);
        }
        kernel->select(modulus, factor.words, table, entries, pc_window_at(exponent, modulus->limbs, bit, window_bits));
        kernel->multiply(modulus, group, group, factor.words);
    }
    pc_wipe(&factor, words * sizeof(mp_limb_t));
}

/* A power of one pair costs about a quarter of those of a whole group: up to this many, numbers go one by one. */
#define FEW 4

/* c^(p-1) and c^(q-1) for the `used` ciphertexts in the lanes of two groups; the other lanes may be lost. */
static void power_sides(const pc_private *private_key, pc_group groups[2], int32_t used, mp_limb_t *table)
{
    const pc_modulus *const moduli[2] = {private_key->side[0].modulus, private_key->side[1].modulus};
    const mp_limb_t *const exponents[2] = {private_key->side[0].exponent, private_key->side[1].exponent};
    const pc_kernel *kernel = moduli[0]->kernel;
    if (kernel->power_pair == NULL || used > FEW) {
        power_secret(moduli[0], groups[0].words, exponents[0], private_key->prime_bits, table);
        power_secret(moduli[1], groups[1].words, exponents[1], private_key->prime_bits, table);
        return;
    }
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t rows[2][FEW * PC_MAX_NUMBER_WORDS];
    for (int k = 0; k < 2; k++) {
        pc_scatter_row(moduli[k], rows[k], groups[k].words, used);
    }
    for (int32_t i = 0; i < used; i++) {
        mp_limb_t *const numbers[2] = {rows[0] + (ptrdiff_t)i * moduli[0]->number_words,
                                       rows[1] + (ptrdiff_t)i * moduli[1]->number_words};
        kernel->power_pair(moduli, numbers, exponents, private_key->prime_bits, table);
    }
    for (int k = 0; k < 2; k++) {
        pc_gather_row(moduli[k], groups[k].words, rows[k], used);
    }
    pc_wipe(rows, sizeof rows);
}

/*
 * m from the standard form of X, where X = c^(p-1) modulo p^2 and c^(q-1) modulo q^2. Both are 1 - m*n there, and
 * 1 - m*n = 1 + ((n - m) mod n) * n modulo n^2: the second half is -m.
 */
static void plaintext_of(const pc_modulus *n, mp_limb_t *m, const mp_limb_t *standard)
{
    int32_t limbs = n->limbs;
    mpn_sub_n(m, n->m, standard + limbs, limbs); /* n instead of 0 if the half is 0 */
    mp_limb_t below = mpn_sub_n(m, m, n->m, limbs);
    mpn_cnd_add_n(below, m, m, n->m, limbs);
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

    size_t table_bytes = PC_SECRET_TABLE_GROUPS * pc_group_words(private_key->side[0].modulus) * sizeof(mp_limb_t);
    mp_limb_t *table = pc_allocate(table_bytes);
    PC_REQUIRE(table != NULL, PC_ERR_MEMORY);

    pc_group group, sides[2];
    pc_standard standard;
    for (int32_t done = 0; done < count; done += kernel->lanes) {
        int32_t used = pc_min(kernel->lanes, count - done);
        pc_gather_row(n, group.words, pc_batch_at(batch, offset + done), used);
        pc_crt_split(private_key, sides, group.words);
        power_sides(private_key, sides, used, table);
        pc_crt_join(private_key, group.words, sides);
        kernel->leave(n, standard.limbs, group.words);
        for (int32_t i = 0; i < used; i++) {
            plaintext_of(n, plaintexts + (int64_t)(done + i) * n->limbs, standard.limbs + (ptrdiff_t)i * 2 * n->limbs);
        }
    }
    pc_wipe(&group, sizeof group);
    pc_wipe(sides, sizeof sides);
    pc_wipe(&standard, sizeof standard);
    pc_release_secret(table, table_bytes);
    pc_wipe_stack();
    return PC_OK;
}
