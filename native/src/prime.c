#include "prime.h"

#include <string.h>

#include "objects.h"

/*
 * Miller-Rabin rounds after the test of Baillie and PSW. FIPS 186-5 (table B.1) asks for five of them for random primes
 * of 1024 bits, an error below 2^-112, and for fewer for longer ones.
 */
#define FURTHER_ROUNDS 5

/* p and q must differ within their top bits, or n is factored from its square root. */
#define TOP_BITS_THAT_DIFFER 100

/*
 * What the tests below work with. They are written out, and every number has its final size from the start, because
 * mpz_probab_prime_p releases memory that holds the prime.
 */
typedef struct workspace {
    mpz_t odd;   /* the odd part of p - 1, or of p + 1 */
    mpz_t limit; /* p - 1                              */
    mpz_t value;
    mpz_t next;
    mpz_t product;
} workspace;

static void workspace_init(workspace *w, const mpz_t p)
{
    mp_bitcnt_t bits = 2 * (mp_bitcnt_t)mpz_sizeinbase(p, 2) + 128;
    mpz_init2(w->odd, bits);
    mpz_init2(w->limit, bits);
    mpz_init2(w->value, bits);
    mpz_init2(w->next, bits);
    mpz_init2(w->product, bits);
    mpz_sub_ui(w->limit, p, 1);
}

static void workspace_clear(workspace *w)
{
    pc_mpz_clear_secret(w->odd);
    pc_mpz_clear_secret(w->limit);
    pc_mpz_clear_secret(w->value);
    pc_mpz_clear_secret(w->next);
    pc_mpz_clear_secret(w->product);
}

/* Miller-Rabin: is p, odd and above base + 1, a strong probable prime to this base? */
static bool passes_miller_rabin(workspace *w, const mpz_t p, uint32_t base)
{
    mp_bitcnt_t twos = mpz_scan1(w->limit, 0);
    mpz_tdiv_q_2exp(w->odd, w->limit, twos);
    mpz_set_ui(w->value, base);
    mpz_powm(w->value, w->value, w->odd, p);
    if (mpz_cmp_ui(w->value, 1) == 0 || mpz_cmp(w->value, w->limit) == 0) {
        return true;
    }
    for (mp_bitcnt_t i = 1; i < twos; i++) {
        mpz_mul(w->product, w->value, w->value);
        mpz_tdiv_r(w->value, w->product, p);
        if (mpz_cmp(w->value, w->limit) == 0) {
            return true;
        }
    }
    return false;
}

/* r = a*b - c modulo p. */
static void lucas_step(workspace *w, mpz_t r, const mpz_t a, const mpz_t b, unsigned long c, const mpz_t p)
{
    mpz_mul(w->product, a, b);
    mpz_add(w->product, w->product, p);
    mpz_sub_ui(w->product, w->product, c);
    mpz_tdiv_r(r, w->product, p);
}

/*
 * Lucas: is p, odd, no square and above 2^16, an almost extra strong probable prime? With the least P >= 3 for which
 * P^2 - 4 is no square modulo p, and Q = 1: V_d = 2 or -2, or V_(d*2^r) = 0 for an r < s - 1, where p + 1 = d*2^s.
 */
static bool passes_lucas(workspace *w, const mpz_t p)
{
    unsigned long parameter = 3;
    int symbol;
    while ((symbol = mpz_ui_kronecker(parameter * parameter - 4, p)) == 1) {
        parameter++;
    }
    if (symbol == 0) {
        return false;
    }
    mpz_add_ui(w->odd, p, 1);
    mp_bitcnt_t twos = mpz_scan1(w->odd, 0);
    mpz_tdiv_q_2exp(w->odd, w->odd, twos);
    mpz_set_ui(w->value, 2);        /* V_k     */
    mpz_set_ui(w->next, parameter); /* V_(k+1) */
    for (mp_bitcnt_t bit = (mp_bitcnt_t)mpz_sizeinbase(w->odd, 2); bit-- > 0;) {
        if (mpz_tstbit(w->odd, bit) != 0) {
            lucas_step(w, w->value, w->value, w->next, parameter, p);
            lucas_step(w, w->next, w->next, w->next, 2, p);
        } else {
            lucas_step(w, w->next, w->value, w->next, parameter, p);
            lucas_step(w, w->value, w->value, w->value, 2, p);
        }
    }
    mpz_sub_ui(w->next, p, 2);
    bool passes = mpz_cmp_ui(w->value, 2) == 0 || mpz_cmp(w->value, w->next) == 0;
    for (mp_bitcnt_t r = 0; !passes && r + 1 < twos; r++) {
        passes = mpz_sgn(w->value) == 0;
        lucas_step(w, w->value, w->value, w->value, 2, p);
    }
    return passes;
}

/* By division, for numbers below 2^32. */
static bool is_small_prime(uint64_t p)
{
    bool prime = p > 1;
    for (uint64_t divisor = 2; prime && divisor * divisor <= p; divisor++) {
        prime = p % divisor != 0;
    }
    return prime;
}

bool pc_is_prime_var(const mpz_t p)
{
    if (mpz_sizeinbase(p, 2) <= 32) {
        return is_small_prime(mpz_get_ui(p));
    }
    if (mpz_even_p(p) != 0 || mpz_perfect_square_p(p) != 0) {
        return false;
    }
    workspace w;
    workspace_init(&w, p);
    bool prime = passes_miller_rabin(&w, p, 2) && passes_lucas(&w, p);
    uint64_t base = mpz_getlimbn(p, 0);
    for (int i = 0; prime && i < FURTHER_ROUNDS; i++) {
        base = base * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* others for every p */
        prime = passes_miller_rabin(&w, p, (uint32_t)(base >> 33) + 2);
    }
    workspace_clear(&w);
    return prime;
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

/* No odd prime below this one divides p - 1; below less where p is so short that there would be no such p. */
static uint32_t order_bound(int32_t bits)
{
    return UINT32_C(1) << pc_min(16, bits / 4);
}

/* And none but u itself, where p - 1 is to be a multiple of an order u: short ones (of tests) lie below that bound. */
static uint32_t order_bound_beside(int32_t bits, const mpz_srcptr order)
{
    return order == NULL ? order_bound(bits)
                         : UINT32_C(1) << pc_min(pc_min(16, bits / 4), (int32_t)mpz_sizeinbase(order, 2) - 1);
}

/*
 * The candidate in these bytes, forced to `bits` bits with the two top bits set, to 3 modulo 4 and, unless it is very
 * short, to 2 modulo 3, which leaves 3 out of p and of p - 1. Each candidate comes from three numbers, or from four.
 * With an order u it is the next of those that are 1 modulo u too.
 */
static void read_candidate(mpz_t p, const uint8_t *bytes, int32_t bits, const mpz_srcptr order)
{
    pc_mpz_from_bytes(p, bytes, (bits + 7) / 8);
    mpz_tdiv_r_2exp(p, p, (mp_bitcnt_t)bits);
    mpz_setbit(p, (mp_bitcnt_t)bits - 1);
    mpz_setbit(p, (mp_bitcnt_t)bits - 2);
    if (order != NULL) {
        mpz_t rest;
        mpz_init2(rest, (mp_bitcnt_t)bits + 64);
        mpz_sub_ui(rest, p, 1);
        mpz_tdiv_r(rest, rest, order);
        mpz_sub(rest, order, rest);
        mpz_add(p, p, rest);
        while (mpz_fdiv_ui(p, 4) != 3 || (order_bound(bits) > 3 && mpz_fdiv_ui(p, 3) != 2)) {
            mpz_add(p, p, order);
        }
        pc_mpz_clear_secret(rest);
        return;
    }
    mpz_setbit(p, 1);
    mpz_setbit(p, 0);
    if (order_bound(bits) > 3) {
        mpz_add_ui(p, p, 4 * (2 - mpz_fdiv_ui(p, 3)));
    }
}

/* Primes that are tried as divisors of p and of p - 1. */
#define SMALL_PRIME_BOUND 65536
#define SMALL_PRIMES 6541

/* The odd primes below the bound, in runs whose product fits a limb, four primes or more; runs end before `run_end`. */
typedef struct small_primes {
    int32_t count;
    int32_t runs;
    uint16_t prime[SMALL_PRIMES];
    int32_t run_end[SMALL_PRIMES / 4 + 1];
    mp_limb_t run_product[SMALL_PRIMES / 4 + 1];
} small_primes;

static void find_small_primes(small_primes *small)
{
    bool composite[SMALL_PRIME_BOUND / 2] = {false}; /* the odd numbers */
    mp_limb_t product = 1;
    small->count = 0;
    small->runs = 0;
    for (uint32_t i = 3; i < SMALL_PRIME_BOUND; i += 2) {
        if (composite[i / 2]) {
            continue;
        }
        for (uint64_t j = (uint64_t)i * i; j < SMALL_PRIME_BOUND; j += 2 * i) {
            composite[j / 2] = true;
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

/* Does a small prime divide p, other than p itself, or one below the bound p - 1? */
static bool has_small_factor(const small_primes *small, const mpz_t p, uint32_t bound)
{
    int32_t i = 0;
    for (int32_t run = 0; run < small->runs; run++) {
        mp_limb_t rest = mpn_mod_1(mpz_limbs_read(p), (mp_size_t)mpz_size(p), small->run_product[run]);
        for (; i < small->run_end[run]; i++) {
            uint32_t prime = small->prime[i];
            mp_limb_t digit = rest % prime;
            if ((digit == 0 && mpz_cmp_ui(p, prime) != 0) || (digit == 1 && prime < bound)) {
                return true;
            }
        }
    }
    return false;
}

bool pc_has_small_factor_var(const mp_limb_t *n, int32_t limbs)
{
    small_primes small;
    mpz_t value;
    find_small_primes(&small);
    return has_small_factor(&small, mpz_roinit_n(value, n, limbs), 0);
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

/* order: of a short-order key, or null. */
static int32_t search(const uint8_t *random, int32_t random_bytes, int32_t bits, const mpz_srcptr order,
                      const uint8_t *other, int32_t other_bytes, uint8_t *prime, int32_t prime_bytes)
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
        read_candidate(p, random + at, bits, order);
        bool fits_length = mpz_sizeinbase(p, 2) == (size_t)bits;
        if (fits_length && !has_small_factor(&small, p, order_bound_beside(bits, order))) {
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

int32_t pc_prime_search_var(const uint8_t *random, int32_t random_bytes, int32_t bits, const uint8_t *other,
                            int32_t other_bytes, uint8_t *prime, int32_t prime_bytes)
{
    return search(random, random_bytes, bits, NULL, other, other_bytes, prime, prime_bytes);
}

int32_t pc_prime_search_short_var(const uint8_t *random, int32_t random_bytes, int32_t bits, const uint8_t *order,
                                  int32_t order_bytes, const uint8_t *other, int32_t other_bytes, uint8_t *prime,
                                  int32_t prime_bytes)
{
    PC_REQUIRE(order != NULL, PC_ERR_NULL);
    PC_REQUIRE(order_bytes > 0 && order_bytes <= PC_SHORT_ORDER_BITS / 8, PC_ERR_LENGTH);
    int32_t order_bits = pc_bit_length(order, order_bytes);
    PC_REQUIRE(order_bits >= 3 && order_bits <= bits / 2, PC_ERR_RANGE);
    mpz_t u;
    mpz_init2(u, PC_SHORT_ORDER_BITS + 64);
    pc_mpz_from_bytes(u, order, order_bytes);
    int32_t status = PC_ERR_RANGE; /* a multiple of 2 or 3: no candidate suits, see read_candidate */
    if (mpz_even_p(u) == 0 && mpz_fdiv_ui(u, 3) != 0) {
        status = search(random, random_bytes, bits, u, other, other_bytes, prime, prime_bytes);
    }
    pc_mpz_clear_secret(u);
    pc_wipe_stack();
    return status;
}
