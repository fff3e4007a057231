#include "support.h"

static void test_public_arguments(int32_t kernel)
{
    key k;
    key_create(&k, 128, kernel);
    pc_public *made = NULL;
    const int32_t bytes = k.modulus_bytes, insecure = PC_FLAG_INSECURE_SIZE;
    uint8_t other[PC_MAX_KEY_BITS / 8 + 1] = {0};

    STATUS(PC_ERR_NULL, pc_public_create(NULL, bytes, k.h_bytes, bytes, insecure, kernel, &made));
    STATUS(PC_ERR_NULL, pc_public_create(k.n_bytes, bytes, NULL, bytes, insecure, kernel, &made));
    STATUS(PC_ERR_NULL, pc_public_create(k.n_bytes, bytes, k.h_bytes, bytes, insecure, kernel, NULL));
    STATUS(PC_ERR_LENGTH, pc_public_create(k.n_bytes, 0, k.h_bytes, bytes, insecure, kernel, &made));
    STATUS(PC_ERR_LENGTH, pc_public_create(k.n_bytes, -1, k.h_bytes, bytes, insecure, kernel, &made));
    STATUS(PC_ERR_LENGTH, pc_public_create(other, PC_MAX_KEY_BITS / 8 + 1, k.h_bytes, bytes, insecure, kernel, &made));
    STATUS(PC_ERR_LENGTH, pc_public_create(k.n_bytes, bytes, k.h_bytes, 0, insecure, kernel, &made));
    STATUS(PC_ERR_RANGE, pc_public_create(k.n_bytes, bytes, k.h_bytes, bytes, 2, kernel, &made));
    STATUS(PC_ERR_UNSUPPORTED, pc_public_create(k.n_bytes, bytes, k.h_bytes, bytes, insecure, -2, &made));
    STATUS(PC_ERR_UNSUPPORTED, pc_public_create(k.n_bytes, bytes, k.h_bytes, bytes, insecure, kernel_count(), &made));

    STATUS(PC_ERR_KEY, pc_public_create(k.n_bytes, bytes, k.h_bytes, bytes, 0, kernel, &made)); /* too small */
    memcpy(other, k.n_bytes, (size_t)bytes);
    STATUS(PC_ERR_KEY, pc_public_create(other, bytes + 1, k.h_bytes, bytes, insecure, kernel, &made)); /* zero on top */
    other[0] ^= 1;
    STATUS(PC_ERR_KEY, pc_public_create(other, bytes, k.h_bytes, bytes, insecure, kernel, &made)); /* even */
    memset(other, 0, sizeof other);
    STATUS(PC_ERR_KEY, pc_public_create(k.n_bytes, bytes, other, bytes, insecure, kernel, &made)); /* h = 0 */
    other[0] = 1;
    STATUS(PC_ERR_KEY, pc_public_create(k.n_bytes, bytes, other, bytes, insecure, kernel, &made)); /* h = 1 */
    STATUS(PC_ERR_KEY, pc_public_create(other, 1, other, 1, insecure, kernel, &made));             /* n = 1 */
    STATUS(PC_ERR_KEY, pc_public_create(k.n_bytes, bytes, k.n_bytes, bytes, insecure, kernel, &made)); /* h = n */
    STATUS(PC_ERR_KEY, pc_public_create(k.n_bytes, bytes, k.p_bytes, k.prime_bytes, insecure, kernel, &made));
    CHECK(made == NULL);

    pc_public_info info = {0};
    OK(pc_public_get_info(k.public, &info));
    CHECK(info.key_bits == k.bits && info.modulus_bytes == bytes && info.ciphertext_bytes == 2 * bytes);
    CHECK(info.plaintext_words == k.words && info.kernel == kernel);
    CHECK(info.lanes >= 1 && info.number_bytes >= 2 * k.words * 8);
    STATUS(PC_ERR_NULL, pc_public_get_info(NULL, &info));
    STATUS(PC_ERR_NULL, pc_public_get_info(k.public, NULL));
    int64_t number_bytes = -7;
    STATUS(PC_ERR_NULL, pc_number_bytes(kernel, k.bits, NULL));
    STATUS(PC_ERR_RANGE, pc_number_bytes(kernel, 0, &number_bytes));
    STATUS(PC_ERR_RANGE, pc_number_bytes(kernel, PC_MAX_KEY_BITS + 1, &number_bytes));
    STATUS(PC_ERR_UNSUPPORTED, pc_number_bytes(kernel_count(), k.bits, &number_bytes));
    STATUS(PC_ERR_UNSUPPORTED, pc_number_bytes(-2, k.bits, &number_bytes));
    CHECK(number_bytes == -7);
    OK(pc_number_bytes(kernel, k.bits, &number_bytes));
    CHECK(number_bytes == info.number_bytes);
    key_free(&k);
}

/* Is the pair refused, with an n that is its product? */
static void refuse_primes(unsigned long p, unsigned long q, int32_t kernel)
{
    uint8_t p_bytes[4] = {0}, q_bytes[4] = {0}, n_bytes[8] = {0};
    mpz_t n, value;
    mpz_init_set_ui(n, p);
    mpz_init(value);
    mpz_mul_ui(n, n, q);
    size_t bytes = (mpz_sizeinbase(n, 2) + 7) / 8;
    bytes_from_integer(n_bytes, sizeof n_bytes, n);
    mpz_set_ui(value, p);
    bytes_from_integer(p_bytes, sizeof p_bytes, value);
    mpz_set_ui(value, q);
    bytes_from_integer(q_bytes, sizeof q_bytes, value);
    uint8_t h = 2;
    pc_public *public = NULL;
    pc_private *private_key = NULL;
    OK(pc_public_create(n_bytes, (int32_t)bytes, &h, 1, PC_FLAG_INSECURE_SIZE, kernel, &public));
    STATUS(PC_ERR_KEY, pc_private_create(public, p_bytes, q_bytes, 4, 0, &private_key));
    CHECK(private_key == NULL);
    OK(pc_public_free(public));
    mpz_clears(n, value, NULL);
}

static void test_private_arguments(int32_t kernel)
{
    key k, stranger;
    key_create(&k, 128, kernel);
    key_create(&stranger, 128, kernel);
    pc_private *made = NULL;
    const int32_t bytes = k.prime_bytes;
    STATUS(PC_ERR_NULL, pc_private_create(NULL, k.p_bytes, k.q_bytes, bytes, 0, &made));
    STATUS(PC_ERR_NULL, pc_private_create(k.public, NULL, k.q_bytes, bytes, 0, &made));
    STATUS(PC_ERR_NULL, pc_private_create(k.public, k.p_bytes, NULL, bytes, 0, &made));
    STATUS(PC_ERR_NULL, pc_private_create(k.public, k.p_bytes, k.q_bytes, bytes, 0, NULL));
    STATUS(PC_ERR_LENGTH, pc_private_create(k.public, k.p_bytes, k.q_bytes, 0, 0, &made));
    STATUS(PC_ERR_RANGE, pc_private_create(k.public, k.p_bytes, k.q_bytes, bytes, PC_FLAG_INSECURE_SIZE, &made));
    STATUS(PC_ERR_LENGTH, pc_private_create(k.public, k.p_bytes, k.q_bytes, PC_MAX_KEY_BITS / 16 + 1, 0, &made));
    STATUS(PC_ERR_KEY, pc_private_create(k.public, stranger.p_bytes, stranger.q_bytes, bytes, 0, &made));
    STATUS(PC_ERR_KEY, pc_private_create(k.public, k.p_bytes, k.p_bytes, bytes, 0, &made));
    STATUS(PC_ERR_KEY, pc_private_create(k.public, k.p_bytes, k.q_bytes, bytes - 1, 0, &made));
    uint8_t zero[PC_MAX_KEY_BITS / 16] = {0};
    STATUS(PC_ERR_KEY, pc_private_create(k.public, zero, zero, bytes, 0, &made));
    CHECK(made == NULL);
    OK(pc_private_create(k.public, k.q_bytes, k.p_bytes, bytes, 0, &made)); /* the order is free */
    OK(pc_private_free(made));
    key_free(&k);
    key_free(&stranger);

    refuse_primes(23, 23, kernel);    /* equal */
    refuse_primes(29, 23, kernel);    /* 29 = 1 (mod 4) */
    refuse_primes(43, 23, kernel);    /* unequal lengths */
    refuse_primes(19, 31, kernel);    /* 6 divides both 18 and 30 */
    refuse_primes(27, 23, kernel);    /* 27 is not prime */
    refuse_primes(3 * 341, 1019, kernel); /* 341 is a pseudoprime to base 2 */
}

/* Roots of random numbers, of 0, 1 and n - 1; and what is refused. */
static void test_roots(int32_t bits, int32_t kernel)
{
    enum { COUNT = 11 };
    key k;
    key_create(&k, bits, kernel);
    int32_t each = k.modulus_bytes, valid = -1;
    int64_t bytes = (int64_t)COUNT * each;
    uint8_t *numbers = calloc(COUNT, (size_t)each), *roots = calloc(COUNT, (size_t)each);
    mpz_t number, root;
    mpz_inits(number, root, NULL);
    for (int32_t i = 0; i < COUNT; i++) {
        random_integer(number, k.n);
        if (i < 2) {
            mpz_set_ui(number, (unsigned long)i);
        } else if (i == 2) {
            mpz_sub_ui(number, k.n, 1);
        }
        bytes_from_integer(numbers + (ptrdiff_t)i * each, (size_t)each, number);
    }
    for (int32_t count = 1; count <= COUNT; count += 5) {
        int64_t used = (int64_t)count * each;
        OK(pc_find_roots(k.private_key, numbers, used, count, roots));
        for (int32_t i = 0; i < count; i++) {
            integer_from_bytes(root, roots + (ptrdiff_t)i * each, (size_t)each);
            integer_from_bytes(number, numbers + (ptrdiff_t)i * each, (size_t)each);
            CHECK(mpz_cmp(root, k.n) < 0);
            mpz_powm(root, root, k.n, k.n);
            CHECK(mpz_cmp(root, number) == 0);
        }
        OK(pc_check_roots(k.public, numbers, roots, used, count, &valid));
        CHECK(valid == 1);
        roots[used - each] ^= 1;
        OK(pc_check_roots(k.public, numbers, roots, used, count, &valid));
        CHECK(valid == 0);
        memset(roots + used - each, 0xff, (size_t)each); /* no less than n */
        OK(pc_check_roots(k.public, numbers, roots, used, count, &valid));
        CHECK(valid == 0);
    }
    STATUS(PC_ERR_NULL, pc_find_roots(NULL, numbers, bytes, COUNT, roots));
    STATUS(PC_ERR_NULL, pc_find_roots(k.private_key, NULL, bytes, COUNT, roots));
    STATUS(PC_ERR_NULL, pc_find_roots(k.private_key, numbers, bytes, COUNT, NULL));
    STATUS(PC_ERR_LENGTH, pc_find_roots(k.private_key, numbers, bytes - 1, COUNT, roots));
    STATUS(PC_ERR_LENGTH, pc_find_roots(k.private_key, numbers, -each, -1, roots));
    STATUS(PC_ERR_NULL, pc_check_roots(NULL, numbers, roots, bytes, COUNT, &valid));
    STATUS(PC_ERR_NULL, pc_check_roots(k.public, NULL, roots, bytes, COUNT, &valid));
    STATUS(PC_ERR_NULL, pc_check_roots(k.public, numbers, NULL, bytes, COUNT, &valid));
    STATUS(PC_ERR_NULL, pc_check_roots(k.public, numbers, roots, bytes, COUNT, NULL));
    STATUS(PC_ERR_LENGTH, pc_check_roots(k.public, numbers, roots, bytes + 1, COUNT, &valid));
    memcpy(numbers, k.n_bytes, (size_t)each);
    STATUS(PC_ERR_RANGE, pc_find_roots(k.private_key, numbers, bytes, COUNT, roots));
    STATUS(PC_ERR_RANGE, pc_check_roots(k.public, numbers, roots, bytes, COUNT, &valid));
    CHECK(valid == 0);
    mpz_clears(number, root, NULL);
    free(numbers);
    free(roots);
    key_free(&k);
}

/* Roots exist, and yet the check refuses. */
static void test_small_factor(int32_t kernel)
{
    uint8_t number[32] = {1};
    int32_t valid = -1;
    pc_public *public;
    int32_t bytes = public_with_small_factor(&public, kernel);
    OK(pc_check_roots(public, number, number, bytes, 1, &valid)); /* 1 is a root of 1 */
    CHECK(valid == 0);
    OK(pc_public_free(public));
}

/* The last holder of a reference frees: sanitizers and valgrind watch. */
static void test_lifetimes(int32_t kernel)
{
    key k;
    key_create(&k, 128, kernel);
    pc_encryptor *public = NULL, *owner = NULL;
    pc_batch *batch = NULL;
    OK(pc_batch_create(k.public, 3, &batch));
    OK(pc_encryptor_create_public(k.public, 16, 4, 0, &public));
    OK(pc_encryptor_create_owner(k.private_key, 16, 4, 0, &owner));
    key_free(&k);

    uint8_t random[6];
    uint64_t plaintexts[3] = {1, 2, 3};
    random_bytes(random, sizeof random);
    OK(pc_encrypt(public, plaintexts, 1, random, 6, batch, 0, 3));
    OK(pc_encryptor_free(public));
    OK(pc_encrypt(owner, plaintexts, 1, random, 6, batch, 0, 3));
    OK(pc_encryptor_free(owner));
    uint8_t bytes[3 * 32];
    OK(pc_export(batch, 0, 3, bytes, (int64_t)sizeof bytes));
    OK(pc_batch_free(batch));

    OK(pc_public_free(NULL));
    OK(pc_private_free(NULL));
    OK(pc_batch_free(NULL));
    OK(pc_encryptor_free(NULL));
    OK(pc_program_free(NULL));
}

/* Has p - 1 an odd factor below the bound? */
static bool order_has_factor_below(const mpz_t p, unsigned long bound)
{
    mpz_t order;
    mpz_init(order);
    mpz_sub_ui(order, p, 1);
    bool found = false;
    for (unsigned long factor = 3; factor < bound && !found; factor += 2) {
        found = mpz_divisible_ui_p(order, factor) != 0;
    }
    mpz_clear(order);
    return found;
}

static unsigned long order_bound(int32_t bits)
{
    return bits < 64 ? 1UL << (bits / 4) : 65536;
}

/* Is a prime p of 256 bits found, whose p - 1 has a factor as given and no small ones beside it? */
static bool finds_with_factor(unsigned long factor)
{
    uint8_t bytes[32], prime[32];
    mpz_t p, rest;
    mpz_inits(p, rest, NULL);
    do {
        random_bytes(bytes, sizeof bytes);
        integer_from_bytes(p, bytes, sizeof bytes);
        mpz_setbit(p, 255);
        mpz_setbit(p, 254);
        mpz_sub_ui(p, p, mpz_fdiv_ui(p, 12 * factor));
        for (mpz_add_ui(p, p, 1); mpz_fdiv_ui(p, 12) != 11; mpz_add_ui(p, p, factor)) {
        }
        mpz_sub_ui(rest, p, 1);
        mpz_divexact_ui(rest, rest, factor);
        mpz_add_ui(rest, rest, 1);
    } while (mpz_sizeinbase(p, 2) != 256 || mpz_probab_prime_p(p, 30) == 0 || order_has_factor_below(rest, 65536));
    bytes_from_integer(bytes, sizeof bytes, p);
    int32_t status = pc_prime_search_var(bytes, 32, 256, NULL, 0, prime, 32);
    CHECK(status == PC_ERR_NO_PRIME || memcmp(prime, bytes, 32) == 0);
    mpz_clears(p, rest, NULL);
    return status == PC_OK;
}

static void test_prime_search(void)
{
    uint8_t random[8192], prime[64], other[64], guard[64];
    random_bytes(random, sizeof random);
    memset(prime, 0xaa, sizeof prime);
    memcpy(guard, prime, sizeof guard);
    STATUS(PC_ERR_NULL, pc_prime_search_var(NULL, 8192, 256, NULL, 0, prime, 32));
    STATUS(PC_ERR_NULL, pc_prime_search_var(random, 8192, 256, NULL, 0, NULL, 32));
    STATUS(PC_ERR_RANGE, pc_prime_search_var(random, 8192, 3, NULL, 0, prime, 32));
    STATUS(PC_ERR_RANGE, pc_prime_search_var(random, 8192, PC_MAX_KEY_BITS / 2 + 1, NULL, 0, prime, 64));
    STATUS(PC_ERR_LENGTH, pc_prime_search_var(random, 31, 256, NULL, 0, prime, 32));
    STATUS(PC_ERR_LENGTH, pc_prime_search_var(random, -1, 256, NULL, 0, prime, 32));
    STATUS(PC_ERR_LENGTH, pc_prime_search_var(random, 8192, 256, NULL, 0, prime, 31));
    STATUS(PC_ERR_LENGTH, pc_prime_search_var(random, 8192, 256, other, 0, prime, 32));
    STATUS(PC_ERR_LENGTH, pc_prime_search_var(random, 8192, 256, other, PC_MAX_KEY_BITS, prime, 32));
    memset(other, 0, sizeof other);
    other[0] = 7;
    STATUS(PC_ERR_RANGE, pc_prime_search_var(random, 8192, 256, other, 32, prime, 32));
    memset(random, 0, 32); /* 3 * 2^254 + 3 is a multiple of 3 */
    STATUS(PC_ERR_NO_PRIME, pc_prime_search_var(random, 32, 256, NULL, 0, prime, 32));
    CHECK(memcmp(prime, guard, sizeof guard) == 0);

    mpz_t p, q, a, b;
    mpz_inits(p, q, a, b, NULL);
    static const int32_t sizes[] = {4, 5, 8, 12, 63, 64, 65, 127, 128, 250, 256};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int32_t bits = sizes[i], bytes = (sizes[i] + 7) / 8;
        memset(prime, 0xaa, sizeof prime);
        int32_t status;
        do {
            random_bytes(random, sizeof random);
            status = pc_prime_search_var(random, (int32_t)sizeof random, bits, NULL, 0, prime, bytes);
        } while (status == PC_ERR_NO_PRIME && bits > 4);
        if (status == PC_ERR_NO_PRIME) { /* 12..15 hold no prime that is 3 modulo 4 */
            continue;
        }
        OK(status);
        CHECK(prime[bytes] == 0xaa);
        integer_from_bytes(p, prime, (size_t)bytes);
        CHECK(mpz_sizeinbase(p, 2) == (size_t)bits && mpz_tstbit(p, (mp_bitcnt_t)bits - 2) == 1);
        CHECK(mpz_fdiv_ui(p, 4) == 3 && mpz_probab_prime_p(p, 30) != 0);
        CHECK(!order_has_factor_below(p, order_bound(bits)));
        /* Never the same prime again, whatever is drawn. */
        memcpy(other, prime, (size_t)bytes);
        memcpy(random, prime, (size_t)bytes);
        STATUS(PC_ERR_NO_PRIME, pc_prime_search_var(random, bytes, bits, other, bytes, prime, bytes));
    }

    /* A neighbour in the top 100 bits is skipped. */
    mpz_nextprime(q, p);
    while (mpz_fdiv_ui(q, 4) != 3 || order_has_factor_below(q, 65536)) {
        mpz_nextprime(q, q);
    }
    bytes_from_integer(random, 32, q);
    STATUS(PC_ERR_NO_PRIME, pc_prime_search_var(random, 32, 256, other, 32, prime, 32));
    OK(pc_prime_search_var(random, 32, 256, NULL, 0, prime, 32));

    CHECK(!finds_with_factor(5));
    CHECK(!finds_with_factor(257));
    CHECK(!finds_with_factor(65521)); /* the last prime below 2^16 */
    CHECK(finds_with_factor(65537));

    /* p - 1 and q - 1 share nothing but 2. */
    for (int i = 0; i < 40; i++) {
        random_bytes(random, sizeof random);
        if (pc_prime_search_var(random, (int32_t)sizeof random, 256, other, 32, prime, 32) == PC_OK) {
            integer_from_bytes(p, other, 32);
            integer_from_bytes(q, prime, 32);
            mpz_sub_ui(a, p, 1);
            mpz_sub_ui(b, q, 1);
            mpz_gcd(a, a, b);
            CHECK(mpz_cmp_ui(a, 2) == 0);
        }
    }
    mpz_clears(p, q, a, b, NULL);
}

int main(void)
{
    for (int32_t kernel = 0; kernel < kernel_count(); kernel++) {
        test_public_arguments(kernel);
        test_private_arguments(kernel);
        test_lifetimes(kernel);
        test_roots(128, kernel);
        test_roots(250, kernel);
        test_roots(2048, kernel);
        test_small_factor(kernel);
    }
    test_prime_search();
    return summary();
}
