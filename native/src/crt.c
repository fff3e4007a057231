/*
 * The Chinese remainder theorem as sums of products in the kernel's form.
 *
 * A residue x modulo n^2 is held as (A, B), x * R_n = A + B*n. Its halves are plain integers; cut into pieces at R_p,
 * A = A_0 + A_1 * R_p and likewise B, they give
 *     x * R_p = (A_0 + A_1 * R_p + B_0 * n + B_1 * n * R_p) * R_p / R_n   (mod p^2):
 * a sum of four pieces times known factors. The other way round, x_p * R_p = A_p + B_p*p and the same for q give
 *     x * R_n = (A_p + B_p * p) * e_p * R_n / R_p + (A_q + B_q * q) * e_q * R_n / R_q   (mod n^2),
 * where e_p is 1 modulo p^2 and 0 modulo q^2, e_q the reverse. No division, nothing that depends on a value.
 *
 * Decryption has x_p = 1 + e*m*n modulo p^2 for the exponent e of p's side, and joins with k_p*e_p in place of e_p,
 * where k_p = -1/e modulo p: k_p*x_p = k_p - m*n. What encryptions of 0 come to, k_p*e_p + k_q*e_q, is `blank`.
 */
#include "crt.h"

#include <string.h>

/* Factors of one recombination, at most: two halves of two groups in one piece, or of one group in two. */
#define MAX_FACTORS 4

/* The factor as a group modulo m^2: the same residue in all lanes. */
static void set_factor(const pc_modulus *modulus, mp_limb_t *group, const mpz_t factor, const mpz_t m)
{
    int32_t limbs = modulus->limbs;
    pc_standard standard;
    mpz_t a, b;
    mpz_init2(a, (mp_bitcnt_t)limbs * 128 + 128);
    mpz_init2(b, (mp_bitcnt_t)limbs * 128 + 128);
    mpz_fdiv_qr(b, a, factor, m);
    for (int32_t i = 0; i < modulus->kernel->lanes; i++) {
        pc_limbs_from_mpz(standard.limbs + (ptrdiff_t)i * 2 * limbs, limbs, a);
        pc_limbs_from_mpz(standard.limbs + (ptrdiff_t)i * 2 * limbs + limbs, limbs, b);
    }
    modulus->kernel->enter(modulus, group, standard.limbs);
    pc_mpz_clear_secret(a);
    pc_mpz_clear_secret(b);
    pc_wipe(&standard, sizeof standard);
}

static mp_bitcnt_t radix_bits(const pc_modulus *modulus)
{
    return (mp_bitcnt_t)modulus->kernel->radix_bits(modulus->limbs);
}

/*
 * The factors for the two halves of a group modulo from^2, in the order of pc_kernel.recombine: weight * R_to / R_from
 * times 1, from, and if halves have two pieces R_to times these. Returns where the next ones go.
 */
static mp_limb_t *set_factors(const pc_modulus *to, mp_limb_t *groups, const mpz_t to_value, const pc_modulus *from,
                              const mpz_t from_value, const mpz_t weight)
{
    mp_bitcnt_t bits = 4 * (mp_bitcnt_t)PC_MAX_KEY_BITS; /* room for a product of two residues */
    mpz_t square, factor, radix;
    mpz_init2(square, bits);
    mpz_init2(factor, bits);
    mpz_init2(radix, bits);
    mpz_mul(square, to_value, to_value);
    mpz_setbit(radix, radix_bits(from));
    mpz_invert(radix, radix, square);
    mpz_mul_2exp(factor, radix, radix_bits(to));
    mpz_mod(factor, factor, square);
    mpz_mul(factor, factor, weight);
    mpz_mod(factor, factor, square);
    for (int half = 0; half < 2; half++) {
        mpz_set(radix, factor);
        for (mp_bitcnt_t cut = 0; cut < radix_bits(from); cut += radix_bits(to)) {
            set_factor(to, groups, radix, to_value);
            groups += pc_group_words(to);
            mpz_mul_2exp(radix, radix, radix_bits(to));
            mpz_mod(radix, radix, square);
        }
        mpz_mul(factor, factor, from_value);
        mpz_mod(factor, factor, square);
    }
    pc_mpz_clear_secret(square);
    pc_mpz_clear_secret(factor);
    pc_mpz_clear_secret(radix);
    return groups;
}

static size_t factor_bytes(const pc_modulus *modulus)
{
    return MAX_FACTORS * pc_group_words(modulus) * sizeof(mp_limb_t);
}

/* k = -1/e modulo p, for the exponent e of p's side: 1 for p - 1. */
static void find_plain_weight(mpz_t k, const pc_prime_side *side, const mpz_t p)
{
    pc_mpz_from_limbs(k, side->exponent, side->modulus->limbs);
    mpz_invert(k, k, p);
    mpz_sub(k, p, k);
}

int32_t pc_crt_init(pc_private *private_key, const mpz_t p, const mpz_t q)
{
    const pc_modulus *n = private_key->key->modulus;
    const mpz_srcptr primes[2] = {p, q};
    mp_bitcnt_t bits = 4 * (mp_bitcnt_t)PC_MAX_KEY_BITS;
    mpz_t n_value, n_squared, weight, other, blank;
    mpz_init2(n_value, bits);
    mpz_init2(n_squared, bits);
    mpz_init2(weight, bits);
    mpz_init2(other, bits);
    mpz_init2(blank, bits);
    mpz_mul(n_value, p, q);
    mpz_mul(n_squared, n_value, n_value);

    mp_limb_t *join = private_key->join_factors = pc_allocate(factor_bytes(n));
    mp_limb_t *decrypt = private_key->decrypt_factors = pc_allocate(factor_bytes(n));
    int32_t status = join != NULL && decrypt != NULL ? PC_OK : PC_ERR_MEMORY;
    for (int i = 0; i < 2 && status == PC_OK; i++) {
        pc_prime_side *side = &private_key->side[i];
        side->split_factors = pc_allocate(factor_bytes(side->modulus));
        if (side->split_factors == NULL) {
            status = PC_ERR_MEMORY;
            break;
        }
        mpz_set_ui(weight, 1);
        set_factors(side->modulus, side->split_factors, primes[i], n, n_value, weight);

        /* e_p = q^2 * (q^-2 mod p^2) */
        mpz_mul(weight, primes[i], primes[i]);
        mpz_mul(other, primes[1 - i], primes[1 - i]);
        mpz_invert(weight, other, weight);
        mpz_mul(weight, weight, other);
        join = set_factors(n, join, n_value, side->modulus, primes[i], weight);

        find_plain_weight(other, side, primes[i]);
        mpz_mul(weight, weight, other);
        mpz_tdiv_r(weight, weight, n_squared);
        decrypt = set_factors(n, decrypt, n_value, side->modulus, primes[i], weight);
        mpz_add(blank, blank, weight);
    }
    if (status == PC_OK) {
        mpz_tdiv_r(blank, blank, n_squared);
        mpz_tdiv_qr(weight, other, blank, n_value);
        pc_limbs_from_mpz(private_key->blank, n->limbs, other);
        pc_limbs_from_mpz(private_key->blank + n->limbs, n->limbs, weight);
    }
    pc_mpz_clear_secret(n_value);
    pc_mpz_clear_secret(n_squared);
    pc_mpz_clear_secret(weight);
    pc_mpz_clear_secret(other);
    pc_mpz_clear_secret(blank);
    return status;
}

static void release_factors(const pc_modulus *modulus, mp_limb_t *factors)
{
    if (factors != NULL) {
        pc_release_secret(factors, factor_bytes(modulus));
    }
}

void pc_crt_clear(pc_private *private_key)
{
    release_factors(private_key->key->modulus, private_key->join_factors);
    release_factors(private_key->key->modulus, private_key->decrypt_factors);
    release_factors(private_key->side[0].modulus, private_key->side[0].split_factors);
    release_factors(private_key->side[1].modulus, private_key->side[1].split_factors);
}

void pc_crt_split(const pc_private *private_key, pc_group groups[2], const mp_limb_t *group)
{
    const pc_modulus *n = private_key->key->modulus;
    for (int i = 0; i < 2; i++) {
        const pc_prime_side *side = &private_key->side[i];
        side->modulus->kernel->recombine(side->modulus, groups[i].words, &n, &group, 1, side->split_factors);
    }
}

static void join_sides(const pc_private *private_key, mp_limb_t *group, const pc_group groups[2],
                       const mp_limb_t *factors)
{
    const pc_modulus *n = private_key->key->secrets_modulus;
    const pc_modulus *const primes[2] = {private_key->side[0].modulus, private_key->side[1].modulus};
    const mp_limb_t *const words[2] = {groups[0].words, groups[1].words};
    n->kernel->recombine(n, group, primes, words, 2, factors);
}

void pc_crt_join(const pc_private *private_key, mp_limb_t *group, const pc_group groups[2])
{
    join_sides(private_key, group, groups, private_key->join_factors);
}

void pc_crt_join_plain(const pc_private *private_key, mp_limb_t *group, const pc_group groups[2])
{
    join_sides(private_key, group, groups, private_key->decrypt_factors);
}
