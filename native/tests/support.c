#include "support.h"

#include "known_primes.h"

int passed, failed;

void check(bool condition, const char *file, int line, const char *text)
{
    if (condition) {
        passed++;
    } else {
        failed++;
        fprintf(stderr, "%s:%d: failed: %s\n", file, line, text);
    }
}

void check_status(int32_t status, int32_t wanted, const char *file, int line, const char *text)
{
    if (status == wanted) {
        passed++;
    } else {
        failed++;
        fprintf(stderr, "%s:%d: failed: %s returned %d instead of %d\n", file, line, text, (int)status, (int)wanted);
    }
}

int summary(void)
{
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

/* xorshift64* */
uint64_t random_word(void)
{
    static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(0x2545f4914f6cdd1d);
}

int32_t random_below(int32_t bound)
{
    return (int32_t)(random_word() % (uint64_t)bound);
}

void random_bytes(void *target, size_t bytes)
{
    uint8_t *out = target;
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(random_word() >> 32);
    }
}

void random_integer(mpz_t r, const mpz_t bound)
{
    uint8_t bytes[PC_MAX_KEY_BITS / 4 + 16];
    size_t count = mpz_sizeinbase(bound, 2) / 8 + 9;
    random_bytes(bytes, count);
    integer_from_bytes(r, bytes, count);
    mpz_mod(r, r, bound);
}

void adversarial_integer(mpz_t r, const mpz_t bound)
{
    mp_bitcnt_t bits = (mp_bitcnt_t)mpz_sizeinbase(bound, 2);
    switch (random_below(6)) {
    case 0:
        mpz_set_ui(r, 0);
        break;
    case 1:
        mpz_set_ui(r, 1);
        break;
    case 2:
        mpz_sub_ui(r, bound, 1);
        break;
    case 3: /* all ones up to some bit */
        mpz_set_ui(r, 0);
        mpz_setbit(r, 1 + (mp_bitcnt_t)(random_word() % bits));
        mpz_sub_ui(r, r, 1);
        break;
    case 4: /* runs of ones and zeros */
        mpz_set_ui(r, 0);
        for (mp_bitcnt_t i = 0; i < bits; i++) {
            if (i / 64 % 2 == 0) {
                mpz_setbit(r, i);
            }
        }
        break;
    default:
        random_integer(r, bound);
        break;
    }
    mpz_mod(r, r, bound);
}

void integer_from_bytes(mpz_t r, const void *bytes, size_t count)
{
    mpz_import(r, count, -1, 1, 0, 0, bytes);
}

void bytes_from_integer(void *bytes, size_t count, const mpz_t a)
{
    memset(bytes, 0, count);
    if (mpz_sizeinbase(a, 256) > count) {
        fprintf(stderr, "the integer does not fit into %zu bytes\n", count);
        exit(2);
    }
    mpz_export(bytes, NULL, -1, 1, 0, 0, a);
}

/* order: null, or an order of order_bytes bytes that divides the prime less 1. */
static void search_prime(uint8_t *prime, int32_t bits, const uint8_t *order, int32_t order_bytes,
                         const uint8_t *other)
{
    uint8_t candidates[32768];
    int32_t bytes = (bits + 7) / 8, other_bytes = other != NULL ? bytes : 0, count = (int32_t)sizeof candidates;
    int32_t status = PC_ERR_NO_PRIME;
    while (status == PC_ERR_NO_PRIME) {
        random_bytes(candidates, sizeof candidates);
        status = order != NULL ? pc_prime_search_short_var(candidates, count, bits, order, order_bytes, other,
                                                           other_bytes, prime, bytes)
                               : pc_prime_search_var(candidates, count, bits, other, other_bytes, prime, bytes);
    }
    OK(status);
}

void key_create(key *k, int32_t bits, int32_t kernel)
{
    static const struct {
        int32_t bits;
        const char *p, *q;
    } known[] = {
        {2048, KNOWN_P_1024, KNOWN_Q_1024}, {3072, KNOWN_P_1536, KNOWN_Q_1536}, {4096, KNOWN_P_2048, KNOWN_Q_2048}};
    mpz_t p, q;
    mpz_inits(p, q, NULL);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].bits == bits) {
            mpz_set_str(p, known[i].p, 16);
            mpz_set_str(q, known[i].q, 16);
        }
    }
    if (mpz_sgn(p) == 0) {
        uint8_t p_bytes[PC_MAX_KEY_BITS / 16], q_bytes[PC_MAX_KEY_BITS / 16];
        search_prime(p_bytes, bits / 2, NULL, 0, NULL);
        search_prime(q_bytes, bits / 2, NULL, 0, p_bytes);
        integer_from_bytes(p, p_bytes, (size_t)(bits / 2 + 7) / 8);
        integer_from_bytes(q, q_bytes, (size_t)(bits / 2 + 7) / 8);
    }
    key_from_primes(k, p, q, kernel);
    mpz_clears(p, q, NULL);
}

void key_create_short(key *k, int32_t bits, int32_t kernel)
{
    uint8_t p_bytes[PC_MAX_KEY_BITS / 16], q_bytes[PC_MAX_KEY_BITS / 16];
    uint8_t u_p_bytes[PC_SHORT_ORDER_BITS / 8], u_q_bytes[PC_SHORT_ORDER_BITS / 8];
    int32_t order_bits = bits / 8 < PC_SHORT_ORDER_BITS ? bits / 8 : PC_SHORT_ORDER_BITS;
    int32_t order_bytes = (order_bits + 7) / 8;
    mpz_t p, q, u_p, u_q;
    mpz_inits(p, q, u_p, u_q, NULL);
    if (bits == 2048) {
        mpz_set_str(p, SHORT_P_1024, 16);
        mpz_set_str(q, SHORT_Q_1024, 16);
        mpz_set_str(u_p, SHORT_U_P, 16);
        mpz_set_str(u_q, SHORT_U_Q, 16);
    } else {
        search_prime(u_p_bytes, order_bits, NULL, 0, NULL);
        search_prime(u_q_bytes, order_bits, NULL, 0, u_p_bytes);
        search_prime(p_bytes, bits / 2, u_p_bytes, order_bytes, NULL);
        search_prime(q_bytes, bits / 2, u_q_bytes, order_bytes, p_bytes);
        integer_from_bytes(p, p_bytes, (size_t)(bits / 2 + 7) / 8);
        integer_from_bytes(q, q_bytes, (size_t)(bits / 2 + 7) / 8);
        integer_from_bytes(u_p, u_p_bytes, (size_t)order_bytes);
        integer_from_bytes(u_q, u_q_bytes, (size_t)order_bytes);
    }
    key_from_orders(k, p, q, u_p, u_q, kernel);
    mpz_clears(p, q, u_p, u_q, NULL);
}

/* The numbers that follow from the primes, in all their forms; h is yet to come. */
static void key_begin(key *k, const mpz_t p, const mpz_t q)
{
    memset(k, 0, sizeof *k);
    mpz_inits(k->p, k->q, k->n, k->n_squared, k->h, k->h_s, k->u_p, k->u_q, NULL);
    mpz_set(k->p, p);
    mpz_set(k->q, q);
    mpz_mul(k->n, p, q);
    mpz_mul(k->n_squared, k->n, k->n);
    k->bits = (int32_t)mpz_sizeinbase(k->n, 2);
    k->prime_bytes = (int32_t)(mpz_sizeinbase(p, 2) + 7) / 8;
    k->modulus_bytes = (k->bits + 7) / 8;
    k->ciphertext_bytes = 2 * k->modulus_bytes;
    k->words = (k->bits + 63) / 64;
    bytes_from_integer(k->p_bytes, (size_t)k->prime_bytes, p);
    bytes_from_integer(k->q_bytes, (size_t)k->prime_bytes, q);
    bytes_from_integer(k->n_bytes, (size_t)k->modulus_bytes, k->n);
}

static void key_finish(const key *k)
{
    if (k->public == NULL || k->private_key == NULL) {
        summary();
        exit(1);
    }
}

void key_from_orders(key *k, const mpz_t p, const mpz_t q, const mpz_t u_p, const mpz_t u_q, int32_t kernel)
{
    uint8_t y[PC_MAX_KEY_BITS / 8 + 16];
    key_begin(k, p, q);
    mpz_set(k->u_p, u_p);
    mpz_set(k->u_q, u_q);
    k->order_bits = (int32_t)mpz_sizeinbase(u_p, 2);
    k->order_bytes = (k->order_bits + 7) / 8;
    bytes_from_integer(k->u_p_bytes, (size_t)k->order_bytes, u_p);
    bytes_from_integer(k->u_q_bytes, (size_t)k->order_bytes, u_q);
    int32_t status = PC_ERR_NO_PRIME;
    while (status == PC_ERR_NO_PRIME) {
        random_bytes(y, (size_t)k->modulus_bytes + 16);
        status = pc_short_base_var(k->p_bytes, k->q_bytes, k->prime_bytes, k->u_p_bytes, k->u_q_bytes, k->order_bytes,
                                   y, k->modulus_bytes + 16, k->h_bytes, 2 * k->prime_bytes);
    }
    OK(status);
    integer_from_bytes(k->h, k->h_bytes, (size_t)k->modulus_bytes);
    mpz_powm(k->h_s, k->h, k->n, k->n_squared);
    OK(pc_public_create(k->n_bytes, k->modulus_bytes, k->h_bytes, k->modulus_bytes,
                        PC_FLAG_INSECURE_SIZE | PC_FLAG_SHORT_ORDER, kernel, &k->public));
    OK(pc_private_create_short(k->public, k->p_bytes, k->q_bytes, k->prime_bytes, k->u_p_bytes, k->u_q_bytes,
                               k->order_bytes, 0, &k->private_key));
    key_finish(k);
}

void key_from_primes(key *k, const mpz_t p, const mpz_t q, int32_t kernel)
{
    key_begin(k, p, q);
    mpz_t divisor;
    mpz_init(divisor);
    do {
        random_integer(k->h, k->n);
        mpz_mul(k->h, k->h, k->h);
        mpz_neg(k->h, k->h);
        mpz_mod(k->h, k->h, k->n);
        mpz_gcd(divisor, k->h, k->n);
    } while (mpz_cmp_ui(divisor, 1) != 0 || mpz_cmp_ui(k->h, 1) <= 0);
    mpz_clear(divisor);
    mpz_powm(k->h_s, k->h, k->n, k->n_squared);
    bytes_from_integer(k->h_bytes, (size_t)k->modulus_bytes, k->h);
    OK(pc_public_create(k->n_bytes, k->modulus_bytes, k->h_bytes, k->modulus_bytes, PC_FLAG_INSECURE_SIZE, kernel,
                        &k->public));
    OK(pc_private_create(k->public, k->p_bytes, k->q_bytes, k->prime_bytes, 0, &k->private_key));
    key_finish(k);
}

void key_free(key *k)
{
    OK(pc_private_free(k->private_key));
    OK(pc_public_free(k->public));
    mpz_clears(k->p, k->q, k->n, k->n_squared, k->h, k->h_s, k->u_p, k->u_q, NULL);
}

int32_t kernel_count(void)
{
    pc_info info = {0};
    OK(pc_get_info(&info));
    return info.kernel_count;
}

/* Whether a kernel's name has this in it. */
static bool is_named(int32_t kernel, const char *part)
{
    char name[32] = "";
    OK(pc_kernel_name(kernel, name, (int32_t)sizeof name));
    return strstr(name, part) != NULL;
}

bool is_emulated(int32_t kernel)
{
    return is_named(kernel, "-emulated");
}

bool is_another_number_of_lanes(int32_t kernel)
{
    return is_named(kernel, "gmp4") || is_named(kernel, "gmp8");
}

void read_number(mpz_t r, const key *k, const pc_batch *batch, int32_t index)
{
    uint8_t bytes[PC_MAX_KEY_BITS / 4];
    OK(pc_export(batch, index, 1, bytes, (int64_t)sizeof bytes));
    integer_from_bytes(r, bytes, (size_t)k->ciphertext_bytes);
}

void write_number(const key *k, pc_batch *batch, int32_t index, const mpz_t value)
{
    uint8_t bytes[PC_MAX_KEY_BITS / 4];
    bytes_from_integer(bytes, (size_t)k->ciphertext_bytes, value);
    OK(pc_import(bytes, k->ciphertext_bytes, batch, index, 1));
}

bool number_is(const key *k, const pc_batch *batch, int32_t index, const mpz_t value)
{
    mpz_t found;
    mpz_init(found);
    read_number(found, k, batch, index);
    bool same = mpz_cmp(found, value) == 0;
    mpz_clear(found);
    return same;
}

void random_unit(mpz_t r, const key *k)
{
    mpz_t other;
    mpz_init(other);
    do {
        if (random_below(2) == 0) {
            random_integer(r, k->n_squared);
        } else { /* a + b*n with adversarial halves */
            adversarial_integer(r, k->n);
            adversarial_integer(other, k->n);
            mpz_addmul(r, other, k->n);
        }
        mpz_gcd(other, r, k->n);
    } while (mpz_cmp_ui(other, 1) != 0);
    mpz_clear(other);
}

pc_batch *random_batch(const key *k, int32_t count, mpz_t *values)
{
    pc_batch *batch = NULL;
    mpz_t value;
    mpz_init(value);
    OK(pc_batch_create(k->public, count, &batch));
    for (int32_t i = 0; i < count; i++) {
        random_unit(value, k);
        write_number(k, batch, i, value);
        if (values != NULL) {
            mpz_set(values[i], value);
        }
    }
    mpz_clear(value);
    return batch;
}

mpz_t *integers_create(int32_t count)
{
    mpz_t *values = malloc((size_t)count * sizeof *values);
    for (int32_t i = 0; i < count; i++) {
        mpz_init(values[i]);
    }
    return values;
}

void integers_free(mpz_t *values, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        mpz_clear(values[i]);
    }
    free(values);
}

uint8_t *snapshot(const key *k, const pc_batch *batch, int32_t count)
{
    size_t bytes = (size_t)count * (size_t)k->ciphertext_bytes;
    uint8_t *copy = malloc(bytes);
    OK(pc_export(batch, 0, count, copy, (int64_t)bytes));
    return copy;
}

bool unchanged(const key *k, const pc_batch *batch, int32_t count, const uint8_t *before)
{
    uint8_t *now = snapshot(k, batch, count);
    bool same = memcmp(before, now, (size_t)count * (size_t)k->ciphertext_bytes) == 0;
    free(now);
    return same;
}

void textbook_decrypt(mpz_t m, const key *k, const mpz_t c)
{
    mpz_t lambda, other, mu;
    mpz_inits(lambda, other, mu, NULL);
    mpz_sub_ui(lambda, k->p, 1);
    mpz_sub_ui(other, k->q, 1);
    mpz_lcm(lambda, lambda, other);
    mpz_invert(mu, lambda, k->n); /* g = 1 + n: L(g^lambda) = lambda */
    mpz_powm(m, c, lambda, k->n_squared);
    mpz_sub_ui(m, m, 1);
    mpz_divexact(m, m, k->n);
    mpz_mul(m, m, mu);
    mpz_mod(m, m, k->n);
    mpz_clears(lambda, other, mu, NULL);
}

int32_t public_with_small_factor(pc_public **public, int32_t kernel)
{
    uint8_t n_bytes[32] = {0}, h = 2;
    mpz_t n;
    mpz_init_set_ui(n, 1);
    mpz_mul_2exp(n, n, 130);
    mpz_nextprime(n, n);
    mpz_mul_ui(n, n, 65521);
    int32_t bytes = (int32_t)(mpz_sizeinbase(n, 2) + 7) / 8;
    bytes_from_integer(n_bytes, (size_t)bytes, n);
    mpz_clear(n);
    OK(pc_public_create(n_bytes, bytes, &h, 1, PC_FLAG_INSECURE_SIZE, kernel, public));
    return bytes;
}
