#include "crt.h"

#include <string.h>

/*
 * Sizes. A prime has P limbs and n has N, 2P - 1 <= N <= 2P unless both are 1; n^2 and residues modulo it take 2N
 * limbs, at most 4P. Squares of primes have 2P limbs or 2P - 1.
 */

#define MAX_PRIME_LIMBS (PC_MAX_LIMBS / 2)

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void pc_crt_setup(pc_private *private_key, const mpz_t p, const mpz_t q)
{
    int32_t limbs = private_key->prime_limbs;
    mp_bitcnt_t bits = (mp_bitcnt_t)limbs * 64;
    mpz_t p_squared, q_squared, inverse;
    mpz_init2(p_squared, 2 * bits + 64);
    mpz_init2(q_squared, 2 * bits + 64);
    mpz_init2(inverse, 2 * bits + 64);
    mpz_mul(p_squared, p, p);
    mpz_mul(q_squared, q, q);
    pc_limbs_from_mpz(private_key->p_squared, 2 * limbs, p_squared);
    pc_limbs_from_mpz(private_key->q_squared, 2 * limbs, q_squared);
    private_key->q_squared_limbs = (int32_t)mpz_size(q_squared);
    mpz_invert(inverse, p, q);
    pc_limbs_from_mpz(private_key->inverse_p, limbs, inverse);
    mpz_invert(inverse, p_squared, q_squared);
    pc_limbs_from_mpz(private_key->inverse_p_squared, 2 * limbs, inverse);
    pc_mpz_clear_secret(p_squared);
    pc_mpz_clear_secret(q_squared);
    pc_mpz_clear_secret(inverse);

    int32_t n_limbs = private_key->key->modulus->limbs;
    int64_t scratch = pc_division_scratch_limbs(4 * limbs, limbs);
    scratch = max64(scratch, pc_division_scratch_limbs(2 * n_limbs + 2, limbs));
    scratch = max64(scratch, pc_division_scratch_limbs(4 * limbs, private_key->q_squared_limbs));
    scratch = max64(scratch, pc_division_scratch_limbs(4 * limbs, n_limbs));
    scratch = max64(scratch, mpn_sec_mul_itch(2 * limbs, 2 * limbs));
    private_key->scratch_limbs = scratch;
}

void pc_crt_reduce(const pc_private *private_key, mp_limb_t *standard_p, mp_limb_t *standard_q,
                   const mp_limb_t *standard, mp_limb_t *scratch)
{
    const pc_modulus *n = private_key->key->modulus;
    mp_limb_t *const standards[2] = {standard_p, standard_q};
    mp_limb_t value[2 * PC_MAX_LIMBS + 2] = {0};
    mp_limb_t copy[2 * PC_MAX_LIMBS + 2];
    pc_join_secret(value, standard, n->m, n->limbs);
    for (int i = 0; i < 2; i++) {
        const pc_modulus *prime = private_key->side[i].modulus;
        memcpy(copy, value, sizeof copy);
        pc_split_secret(standards[i], copy, 2 * n->limbs, prime->m, prime->limbs, scratch);
    }
    pc_wipe(value, sizeof value);
    pc_wipe(copy, sizeof copy);
}

/*
 * r = x_p + p * ((x_q - x_p) * inverse mod q), `limbs` limbs of x_p and p, `q_limbs` of q and inverse; r gets twice
 * `limbs`.
 * p < 2^k <= 2q for primes of k bits, and p^2 < 4q^2 for their squares.
 */
static void join(mp_limb_t *r, const mp_limb_t *x_p, const mp_limb_t *x_q, const mp_limb_t *p, const mp_limb_t *q,
                 const mp_limb_t *inverse, int32_t limbs, int32_t q_limbs, mp_limb_t *scratch)
{
    mp_limb_t difference[2 * PC_MAX_LIMBS];
    mp_limb_t factor[2 * MAX_PRIME_LIMBS];

    /* x_q - x_p mod q: reduce x_p, subtract, add q back on borrow. */
    memcpy(difference, x_p, (size_t)limbs * sizeof *difference);
    pc_remainder_secret(factor, difference, limbs, q, q_limbs, scratch);
    mp_limb_t borrow = mpn_sub_n(factor, x_q, factor, q_limbs);
    mpn_cnd_add_n(borrow, factor, factor, q, q_limbs);

    mpn_sec_mul(difference, factor, q_limbs, inverse, q_limbs, scratch);
    memset(factor, 0, sizeof factor);
    pc_remainder_secret(factor, difference, 2 * q_limbs, q, q_limbs, scratch);

    /* r = x_p + p * factor; the sum is below p * q, so no carry leaves it. */
    mpn_sec_mul(r, p, limbs, factor, limbs, scratch);
    memcpy(difference, x_p, (size_t)limbs * sizeof *difference);
    memset(difference + limbs, 0, (size_t)limbs * sizeof *difference);
    mpn_add_n(r, r, difference, 2 * limbs);
    pc_wipe(difference, sizeof difference);
    pc_wipe(factor, sizeof factor);
}

void pc_crt_join_plaintext(const pc_private *private_key, mp_limb_t *m, const mp_limb_t *m_p, const mp_limb_t *m_q,
                           mp_limb_t *scratch)
{
    int32_t limbs = private_key->prime_limbs;
    mp_limb_t joined[2 * MAX_PRIME_LIMBS];
    join(joined, m_p, m_q, private_key->side[0].modulus->m, private_key->side[1].modulus->m, private_key->inverse_p,
         limbs, limbs, scratch);
    memcpy(m, joined, (size_t)private_key->key->modulus->limbs * sizeof *m);
    pc_wipe(joined, sizeof joined);
}

void pc_crt_join(const pc_private *private_key, mp_limb_t *standard, const mp_limb_t *standard_p,
                 const mp_limb_t *standard_q, mp_limb_t *scratch)
{
    int32_t limbs = private_key->prime_limbs;
    const pc_modulus *n = private_key->key->modulus;
    mp_limb_t x_p[2 * MAX_PRIME_LIMBS], x_q[2 * MAX_PRIME_LIMBS];
    mp_limb_t joined[4 * MAX_PRIME_LIMBS];
    pc_join_secret(x_p, standard_p, private_key->side[0].modulus->m, limbs);
    pc_join_secret(x_q, standard_q, private_key->side[1].modulus->m, limbs);
    join(joined, x_p, x_q, private_key->p_squared, private_key->q_squared, private_key->inverse_p_squared, 2 * limbs,
         private_key->q_squared_limbs, scratch);
    pc_split_secret(standard, joined, 4 * limbs, n->m, n->limbs, scratch);
    pc_wipe(x_p, sizeof x_p);
    pc_wipe(x_q, sizeof x_q);
    pc_wipe(joined, sizeof joined);
}
