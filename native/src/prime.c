#include "prime.h"

#include <string.h>

#include "objects.h"

/*
 * mpz_probab_prime_p counts its Baillie-PSW test as 24 of these; the rest are Miller-Rabin rounds. FIPS 186-5 (table
 * B.1) asks for five of them for random primes of 1024 bits, an error below 2^-112, and for fewer for longer ones.
 */
#define PRIMALITY_ROUNDS (24 + 5)

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

/* Small primes are worth a division each as long as that is cheaper than the share of tests it saves. */
#define SMALL_PRIME_BOUND 8192

/* The odd primes below the bound, in runs whose product fits a limb; runs are ended by `run_end`. */
typedef struct small_primes {
    int32_t count;
    int32_t runs;
    uint16_t prime[SMALL_PRIME_BOUND / 4];
    int32_t run_end[SMALL_PRIME_BOUND / 8];
    mp_limb_t run_product[SMALL_PRIME_BOUND / 8];
} small_primes;

static void find_small_primes(small_primes *small)
{
    bool composite[SMALL_PRIME_BOUND] = {false};
    mp_limb_t product = 1;
    small->count = 0;
    small->runs = 0;
    for (uint32_t i = 3; i < SMALL_PRIME_BOUND; i += 2) {
        if (composite[i]) {
            continue;
        }
        for (uint32_t j = i * i; j < SMALL_PRIME_BOUND; j += 2 * i) {
            composite[j] = true;
        }
        if (product > UINT64_MAX / i) {
            small->run_end[small->runs] = small->count;
            small->run_product[small->runs++] = product;
            product = 1;
        }
        product *= i;
        small->prime[small->count++] = (uint16_t)i;
    }
    small->run_end[small->runs] = small->count;
    small->run_product[small->runs++] = product;
}

/* Does a small prime divide p, other than p itself? */
static bool has_small_factor(const small_primes *small, const mpz_t p)
{
    int32_t i = 0;
    for (int32_t run = 0; run < small->runs; run++) {
        mp_limb_t rest = mpn_mod_1(mpz_limbs_read(p), (mp_size_t)mpz_size(p), small->run_product[run]);
        for (; i < small->run_end[run]; i++) {
            if (rest % small->prime[i] == 0 && mpz_cmp_ui(p, small->prime[i]) != 0) {
                return true;
            }
        }
    }
    return false;
}

/* The kernel that tests many candidates at once, or null. */
static const pc_kernel *testing_kernel(void)
{
    int32_t index = pc_kernel_default();
    const pc_kernel *kernel = index >= 0 ? pc_kernel_at(index) : NULL;
    return kernel != NULL && kernel->may_be_prime != NULL ? kernel : NULL;
}

/* Candidates without small factors wait here until there is one for each lane of the kernel's test. */
typedef struct candidates {
    const pc_kernel *kernel; /* null: they need not wait */
    int32_t count;
    mp_limb_t limbs[PC_MAX_LANES * PC_MAX_LIMBS];
} candidates;

/*
 * The first prime among these that fits q (null: any) into p; false if there is none. Those that the kernel has sorted
 * out are not looked at again.
 */
static bool find_prime(candidates *waiting, int32_t bits, mpz_t p, const mpz_srcptr q)
{
    int32_t limbs = (bits + 63) / 64;
    const pc_kernel *kernel = waiting->kernel;
    uint32_t passed = UINT32_MAX;
    if (kernel != NULL && waiting->count > 0) {
        for (int32_t i = waiting->count; i < kernel->lanes; i++) {
            memcpy(waiting->limbs + (ptrdiff_t)i * limbs, waiting->limbs, (size_t)limbs * sizeof(mp_limb_t));
        }
        passed = kernel->may_be_prime(waiting->limbs, limbs);
    }
    bool found = false;
    for (int32_t i = 0; i < waiting->count && !found; i++) {
        if ((passed >> i & 1) != 0) {
            pc_mpz_from_limbs(p, waiting->limbs + (ptrdiff_t)i * limbs, limbs);
            found = pc_is_prime_var(p) && (q == NULL || (!too_close(p, q, bits) && pc_orders_fit_var(p, q)));
        }
    }
    waiting->count = 0;
    return found;
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
    small_primes small;
    candidates waiting = {.kernel = testing_kernel()};
    find_small_primes(&small);
    mpz_srcptr fits = other != NULL ? q : NULL;
    int32_t limbs = (bits + 63) / 64;
    bool found = false;
    for (int32_t at = 0; !found && at <= random_bytes - candidate_bytes; at += candidate_bytes) {
        read_candidate(p, random + at, bits);
        if (!has_small_factor(&small, p)) {
            pc_limbs_from_mpz(waiting.limbs + (ptrdiff_t)waiting.count++ * limbs, limbs, p);
        }
        if (waiting.count == (waiting.kernel != NULL ? waiting.kernel->lanes : 1)) {
            found = find_prime(&waiting, bits, p, fits);
        }
    }
    found = found || find_prime(&waiting, bits, p, fits);
    if (found) {
        mp_limb_t bytes[PC_MAX_LIMBS];
        pc_limbs_from_mpz(bytes, limbs, p);
        pc_bytes_from_limbs(prime, candidate_bytes, bytes);
        pc_wipe(bytes, sizeof bytes);
    }
    pc_wipe(&waiting, sizeof waiting);
    pc_mpz_clear_secret(p);
    pc_mpz_clear_secret(q);
    pc_wipe_stack();
    return found ? PC_OK : PC_ERR_NO_PRIME;
}
