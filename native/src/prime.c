#include "prime.h"

#include "objects.h"

/* mpz_probab_prime_p counts its Baillie-PSW test as 24 of these; the rest are Miller-Rabin. */
#define PRIMALITY_ROUNDS 32

/* p and q must differ within their top bits, or n is factored from its square root. */
#define TOP_BITS_THAT_DIFFER 100

bool pc_is_prime_var(const mpz_t p)
{
    return mpz_probab_prime_p(p, PRIMALITY_ROUNDS) != 0;
}

bool pc_orders_fit_var(const mpz_t p, const mpz_t q)
{
    mp_bitcnt_t bits = (mp_bitcnt_t)mpz_sizeinbase(p, 2) + 64;
    mpz_t a, b;
    mpz_init2(a, bits);
    mpz_init2(b, bits);
    mpz_sub_ui(a, p, 1);
    mpz_sub_ui(b, q, 1);
    mpz_gcd(a, a, b);
    bool fit = mpz_cmp_ui(a, 2) == 0;
    pc_mpz_clear_secret(a);
    pc_mpz_clear_secret(b);
    return fit;
}

static bool too_close(const mpz_t p, const mpz_t q, int32_t bits)
{
    mpz_t difference;
    mpz_init2(difference, (mp_bitcnt_t)bits + 64);
    mpz_sub(difference, p, q);
    int32_t allowed = bits > TOP_BITS_THAT_DIFFER ? bits - TOP_BITS_THAT_DIFFER : 0;
    bool close = mpz_sgn(difference) == 0 || (int32_t)mpz_sizeinbase(difference, 2) <= allowed;
    pc_mpz_clear_secret(difference);
    return close;
}

/* The candidate in these bytes, forced to `bits` bits with the two top bits set and to 3 modulo 4. */
static void read_candidate(mpz_t p, const uint8_t *bytes, int32_t bits)
{
    pc_mpz_from_bytes(p, bytes, (bits + 7) / 8);
    mpz_tdiv_r_2exp(p, p, (mp_bitcnt_t)bits);
    mpz_setbit(p, (mp_bitcnt_t)bits - 1);
    mpz_setbit(p, (mp_bitcnt_t)bits - 2);
    mpz_setbit(p, 1);
    mpz_setbit(p, 0);
}

int32_t pc_prime_search_var(const uint8_t *random, int32_t random_bytes, int32_t bits, const uint8_t *other,
                            int32_t other_bytes, uint8_t *prime, int32_t prime_bytes)
{
    PC_REQUIRE(random != NULL && prime != NULL, PC_ERR_NULL);
    PC_REQUIRE(bits >= 4 && bits <= PC_MAX_KEY_BITS / 2, PC_ERR_RANGE);
    int32_t candidate_bytes = (bits + 7) / 8;
    PC_REQUIRE(random_bytes >= candidate_bytes, PC_ERR_LENGTH);
    PC_REQUIRE(prime_bytes >= candidate_bytes, PC_ERR_LENGTH);
    PC_REQUIRE(other == NULL || (other_bytes > 0 && other_bytes <= PC_MAX_KEY_BITS / 16), PC_ERR_LENGTH);
    PC_REQUIRE(other == NULL || pc_bit_length(other, other_bytes) == bits, PC_ERR_RANGE);

    mpz_t p, q;
    mpz_init2(p, (mp_bitcnt_t)bits + 64);
    mpz_init2(q, (mp_bitcnt_t)bits + 64);
    if (other != NULL) {
        pc_mpz_from_bytes(q, other, other_bytes);
    }
    int32_t status = PC_ERR_NO_PRIME;
    for (int32_t at = 0; status != PC_OK && at <= random_bytes - candidate_bytes; at += candidate_bytes) {
        read_candidate(p, random + at, bits);
        if (pc_is_prime_var(p) && (other == NULL || (!too_close(p, q, bits) && pc_orders_fit_var(p, q)))) {
            mp_limb_t limbs[PC_MAX_LIMBS];
            pc_limbs_from_mpz(limbs, (bits + 63) / 64, p);
            pc_bytes_from_limbs(prime, candidate_bytes, limbs);
            pc_wipe(limbs, sizeof limbs);
            status = PC_OK;
        }
    }
    pc_mpz_clear_secret(p);
    pc_mpz_clear_secret(q);
    pc_wipe_stack();
    return status;
}
