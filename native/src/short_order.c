/*
 * Short-order keys: p = 2*u_p*v_p + 1 with a prime u_p, and h of order u_p modulo p; the same for q. Encryptions differ
 * from 1 + m*n by a power of h_s = h^n, whose order modulo p^2 is u_p too: p takes no part in it, because h is raised
 * to a multiple of p. What u_p and u_q save is squarings; what they cost is an assumption, see docs/THREAT_MODEL.md.
 */
#include "short_order.h"

#include "prime.h"

/* The shortest primes of which there are two. */
#define LEAST_ORDER_BITS 3

int32_t pc_order_bits(int32_t key_bits)
{
    int32_t bits = pc_min(PC_SHORT_ORDER_BITS, (key_bits + 1) / 2 / 4);
    return bits > LEAST_ORDER_BITS ? bits : LEAST_ORDER_BITS;
}

bool pc_order_fits_var(const pc_public *key, const mpz_t p, const mpz_t u, bool fresh)
{
    if ((int32_t)mpz_sizeinbase(u, 2) != key->order_bits || mpz_even_p(u) != 0) {
        return false;
    }
    mp_bitcnt_t bits = (mp_bitcnt_t)key->key_bits + 128;
    mpz_t h, rest;
    mpz_init2(h, bits);
    mpz_init2(rest, bits);
    pc_mpz_from_limbs(h, key->h, key->modulus->limbs);
    mpz_tdiv_r(h, h, p);
    bool fits = mpz_cmp_ui(h, 1) != 0;
    mpz_powm(h, h, u, p);
    fits = fits && mpz_cmp_ui(h, 1) == 0;
    mpz_sub_ui(rest, p, 1);
    mpz_tdiv_r(rest, rest, u);
    fits = fits && mpz_sgn(rest) == 0 && (fresh || pc_is_prime_var(u));
    pc_mpz_clear_secret(h);
    pc_mpz_clear_secret(rest);
    return fits;
}

/* h = y^((p - 1) / u) modulo p. PC_ERR_NO_PRIME if that is 1 or 0, PC_ERR_KEY if u does not divide p - 1. */
static int32_t find_base(mpz_t h, const mpz_t y, const mpz_t p, const mpz_t u, mpz_t exponent, mpz_t rest)
{
    PC_REQUIRE(mpz_odd_p(p) != 0 && mpz_cmp_ui(p, 1) > 0 && mpz_sgn(u) != 0, PC_ERR_KEY);
    mpz_sub_ui(exponent, p, 1);
    mpz_tdiv_qr(exponent, rest, exponent, u);
    PC_REQUIRE(mpz_sgn(rest) == 0, PC_ERR_KEY);
    mpz_tdiv_r(h, y, p);
    mpz_powm(h, h, exponent, p);
    return mpz_cmp_ui(h, 1) > 0 ? PC_OK : PC_ERR_NO_PRIME;
}

enum { P, Q, U_P, U_Q, Y, H_P, H_Q, EXPONENT, REST, NUMBERS };

/* h that is H_P modulo p and H_Q modulo q, into H_P: H_P + p * ((H_Q - H_P) / p mod q). */
static bool join_bases(mpz_t *number)
{
    bool exists = mpz_invert(number[EXPONENT], number[P], number[Q]) != 0;
    if (exists) {
        mpz_tdiv_r(number[REST], number[H_P], number[Q]);
        mpz_add(number[H_Q], number[H_Q], number[Q]);
        mpz_sub(number[H_Q], number[H_Q], number[REST]);
        mpz_mul(number[REST], number[H_Q], number[EXPONENT]);
        mpz_tdiv_r(number[REST], number[REST], number[Q]);
        mpz_mul(number[EXPONENT], number[REST], number[P]);
        mpz_add(number[H_P], number[H_P], number[EXPONENT]);
    }
    return exists;
}

int32_t pc_short_base_var(const uint8_t *p, const uint8_t *q, int32_t prime_bytes, const uint8_t *u_p,
                          const uint8_t *u_q, int32_t order_bytes, const uint8_t *random, int32_t random_bytes,
                          uint8_t *h, int32_t h_bytes)
{
    PC_REQUIRE(p != NULL && q != NULL && u_p != NULL && u_q != NULL && random != NULL && h != NULL, PC_ERR_NULL);
    PC_REQUIRE(prime_bytes > 0 && prime_bytes <= PC_MAX_KEY_BITS / 16, PC_ERR_LENGTH);
    PC_REQUIRE(order_bytes > 0 && order_bytes <= PC_SHORT_ORDER_BITS / 8, PC_ERR_LENGTH);
    PC_REQUIRE(random_bytes >= 2 * prime_bytes && random_bytes <= PC_MAX_KEY_BITS / 8 + 16, PC_ERR_LENGTH);
    PC_REQUIRE(h_bytes >= 2 * prime_bytes && h_bytes <= PC_MAX_KEY_BITS / 8, PC_ERR_LENGTH);

    mpz_t number[NUMBERS];
    for (int i = 0; i < NUMBERS; i++) {
        mpz_init2(number[i], PC_MAX_KEY_BITS + 256); /* no number grows, or GMP would leave copies behind */
    }
    pc_mpz_from_bytes(number[P], p, prime_bytes);
    pc_mpz_from_bytes(number[Q], q, prime_bytes);
    pc_mpz_from_bytes(number[U_P], u_p, order_bytes);
    pc_mpz_from_bytes(number[U_Q], u_q, order_bytes);
    pc_mpz_from_bytes(number[Y], random, random_bytes);
    int32_t status = find_base(number[H_P], number[Y], number[P], number[U_P], number[EXPONENT], number[REST]);
    if (status == PC_OK) {
        status = find_base(number[H_Q], number[Y], number[Q], number[U_Q], number[EXPONENT], number[REST]);
    }
    if (status == PC_OK) {
        status = join_bases(number) ? PC_OK : PC_ERR_KEY;
    }
    if (status == PC_OK) {
        mp_limb_t limbs[PC_MAX_LIMBS];
        pc_limbs_from_mpz(limbs, PC_MAX_LIMBS, number[H_P]);
        pc_bytes_from_limbs(h, h_bytes, limbs);
    }
    for (int i = 0; i < NUMBERS; i++) {
        pc_mpz_clear_secret(number[i]);
    }
    pc_wipe_stack();
    return status;
}
