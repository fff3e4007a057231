#include "crt.h"
#include "power.h"

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

    size_t table_bytes = pc_power_table_words(private_key->side[0].modulus) * sizeof(mp_limb_t);
    mp_limb_t *table = pc_allocate(table_bytes);
    PC_REQUIRE(table != NULL, PC_ERR_MEMORY);

    const mp_limb_t *const exponents[2] = {private_key->side[0].exponent, private_key->side[1].exponent};
    pc_group group, sides[2];
    pc_standard standard;
    for (int32_t done = 0; done < count; done += kernel->lanes) {
        int32_t used = pc_min(kernel->lanes, count - done);
        pc_gather_row(n, group.words, pc_batch_at(batch, offset + done), used);
        pc_crt_split(private_key, sides, group.words);
        pc_power_sides(private_key, sides, exponents, used, table);
        pc_crt_join(private_key, group.words, sides);
        kernel->leave(batch->key->secrets_modulus, standard.limbs, group.words);
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
