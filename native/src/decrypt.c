#include "crt.h"
#include "power.h"

/*
 * c = (1 + m*n) * r, where r^e = 1 modulo p^2 for the exponent e of p's side: p - 1, or u_p for the subgroup of a
 * short-order key. So c^e = 1 + e*m*n there, and the same for q; joined as crt.c says they are blank - m*n modulo n^2.
 * In standard form the second half of that is the second half of blank, less m.
 */
static void plaintext_of(const pc_private *private_key, mp_limb_t *m, const mp_limb_t *standard)
{
    const pc_modulus *n = private_key->key->modulus;
    int32_t limbs = n->limbs;
    mp_limb_t below = mpn_sub_n(m, private_key->blank + limbs, standard + limbs, limbs);
    mpn_cnd_add_n(below, m, m, n->m, limbs);
}

/*
 * Not 0 if r^e is not 1 modulo p or modulo q: the first half is not that of blank then. With e = p - 1 it always is.
 */
static mp_limb_t strangeness(const pc_private *private_key, const mp_limb_t *standard)
{
    mp_limb_t differences = 0;
    for (int32_t i = 0; i < private_key->key->modulus->limbs; i++) {
        differences |= standard[i] ^ private_key->blank[i];
    }
    return differences;
}

/* PC_OK, or PC_ERR_SUBGROUP and no plaintexts if any was strange; without a branch. */
static int32_t conclude(uint64_t *plaintexts, int64_t words, mp_limb_t strange)
{
    mp_limb_t refused = (strange | (0 - strange)) >> 63;
    for (int64_t i = 0; i < words; i++) {
        plaintexts[i] &= refused - 1;
    }
    return (int32_t)refused * PC_ERR_SUBGROUP;
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

    size_t table_bytes = pc_power_table_words(private_key->side[0].modulus) * sizeof(mp_limb_t);
    mp_limb_t *table = pc_allocate(table_bytes);
    PC_REQUIRE(table != NULL, PC_ERR_MEMORY);

    const mp_limb_t *const exponents[2] = {private_key->side[0].exponent, private_key->side[1].exponent};
    pc_group group, sides[2];
    pc_standard standard;
    mp_limb_t strange = 0;
    for (int32_t done = 0; done < count; done += kernel->lanes) {
        int32_t used = pc_min(kernel->lanes, count - done);
        pc_gather_row(n, group.words, pc_batch_at(batch, offset + done), used);
        pc_crt_split(private_key, sides, group.words);
        pc_power_sides(private_key, sides, exponents, private_key->exponent_bits, used, table);
        pc_crt_join_plain(private_key, group.words, sides);
        kernel->leave(batch->key->secrets_modulus, standard.limbs, group.words);
        for (int32_t i = 0; i < used; i++) {
            const mp_limb_t *joined = standard.limbs + (ptrdiff_t)i * 2 * n->limbs;
            plaintext_of(private_key, plaintexts + (int64_t)(done + i) * n->limbs, joined);
            strange |= strangeness(private_key, joined);
        }
    }
    pc_wipe(&group, sizeof group);
    pc_wipe(sides, sizeof sides);
    pc_wipe(&standard, sizeof standard);
    pc_release_secret(table, table_bytes);
    pc_wipe_stack();
    return conclude(plaintexts, (int64_t)count * n->limbs, strange);
}
