/* The test of primes against GMP's, and against numbers that pass one of its two halves. */
#include "support.h"

#include "../src/prime.h"

static bool agrees(const mpz_t p)
{
    return pc_is_prime_var(p) == (mpz_probab_prime_p(p, 30) != 0);
}

/* All numbers of a range that begins at 2^bits - below. */
static void test_range(mp_bitcnt_t bits, unsigned long below, int32_t count)
{
    mpz_t p;
    mpz_init_set_ui(p, 0);
    mpz_setbit(p, bits);
    mpz_sub_ui(p, p, below);
    int32_t wrong = 0;
    for (int32_t i = 0; i < count; i++) {
        wrong += !agrees(p);
        mpz_add_ui(p, p, 1);
    }
    CHECK(wrong == 0);
    mpz_clear(p);
}

static void test_pseudoprimes(void)
{
    /* Strong pseudoprimes to the first seven, nine, twelve and thirteen primes; squares of Wieferich's primes, and
     * RSA-100. */
    static const char *const composites[] = {
        "341550071728321", "3825123056546413051", "318665857834031151167461", "3317044064679887385961981",
        "1194649", "12327121",
        "1522605027922533360535618378132637429718068114961380688657908494580122963258952897654000350692006139",
    };
    mpz_t p, q;
    mpz_inits(p, q, NULL);
    for (size_t i = 0; i < sizeof composites / sizeof composites[0]; i++) {
        CHECK(mpz_set_str(p, composites[i], 10) == 0);
        CHECK(agrees(p));
    }
    /* Products p * (k*(p - 1) + 1), the form of most numbers that pass Miller-Rabin, and p * (k*(p + 1) - 1), of those
     * that pass Lucas. */
    int32_t wrong = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        mpz_set_ui(p, (uint32_t)(random_word() >> 40) + (UINT32_C(1) << 20));
        mpz_nextprime(p, p);
        unsigned long factor = 2 + i % 3;
        if (i % 2 == 0) {
            mpz_sub_ui(q, p, 1);
            mpz_mul_ui(q, q, factor);
            mpz_add_ui(q, q, 1);
        } else {
            mpz_add_ui(q, p, 1);
            mpz_mul_ui(q, q, factor);
            mpz_sub_ui(q, q, 1);
        }
        mpz_mul(p, p, q);
        wrong += pc_is_prime_var(p);
    }
    CHECK(wrong == 0);
    mpz_clears(p, q, NULL);
}

/* Long numbers: a prime, and its product with another. */
static void test_long(mp_bitcnt_t bits)
{
    mpz_t p, q, bound;
    mpz_inits(p, q, bound, NULL);
    mpz_setbit(bound, bits);
    random_integer(p, bound);
    mpz_nextprime(p, p);
    random_integer(q, bound);
    mpz_nextprime(q, q);
    CHECK(pc_is_prime_var(p) && pc_is_prime_var(q));
    mpz_mul(q, p, q);
    CHECK(!pc_is_prime_var(q));
    mpz_mul(q, p, p);
    CHECK(!pc_is_prime_var(q));
    mpz_clears(p, q, bound, NULL);
}

int main(void)
{
    test_range(0, 1, 20000);
    test_range(32, 20000, 60000);
    test_range(64, 10000, 20000);
    test_pseudoprimes();
    for (mp_bitcnt_t bits = 33; bits < 1100; bits += 37) {
        test_long(bits);
    }
    test_long(2048);
    return summary();
}
