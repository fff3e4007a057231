/* Everything there is modulo 437^2 = (19 * 23)^2. */
#include "support.h"

enum { P = 19, Q = 23, N = P * Q, N_SQUARED = N * N };

static uint32_t power(uint32_t base, uint32_t exponent)
{
    uint64_t result = 1, square = base;
    for (; exponent != 0; exponent >>= 1) {
        if (exponent & 1) {
            result = result * square % N_SQUARED;
        }
        square = square * square % N_SQUARED;
    }
    return (uint32_t)result;
}

static bool is_unit(uint32_t c)
{
    return c % P != 0 && c % Q != 0;
}

static void put(uint8_t *wire, uint32_t c)
{
    for (int i = 0; i < 4; i++) {
        wire[i] = (uint8_t)(c >> (8 * i));
    }
}

/* Every ciphertext, as (1 + n*m) * r^n for every m and unit r below n, decrypts to its m. */
static void test_all_ciphertexts(const key *k)
{
    static uint8_t wire[N_SQUARED * 4];
    static uint64_t plaintexts[N_SQUARED];
    static uint16_t message_of[N_SQUARED];
    int32_t count = 0;
    memset(message_of, 0xff, sizeof message_of);
    for (uint32_t r = 1; r < N; r++) {
        if (is_unit(r)) {
            uint32_t mask = power(r, N);
            for (uint32_t m = 0; m < N; m++) {
                message_of[(uint64_t)(1 + N * m) * mask % N_SQUARED] = (uint16_t)m;
            }
        }
    }
    for (uint32_t c = 1; c < N_SQUARED; c++) {
        if (is_unit(c)) {
            put(wire + 4 * (ptrdiff_t)count++, c);
        }
    }
    CHECK(count == N * (P - 1) * (Q - 1));

    pc_batch *batch = NULL;
    OK(pc_batch_create(k->public, count, &batch));
    OK(pc_import(wire, 4 * (int64_t)count, batch, 0, count));
    OK(pc_decrypt(k->private_key, batch, 0, count, plaintexts, count));
    int32_t wrong = 0, at = 0;
    for (uint32_t c = 1; c < N_SQUARED; c++) {
        if (is_unit(c)) {
            wrong += plaintexts[at++] != message_of[c];
        }
    }
    CHECK(wrong == 0);

    static uint8_t out[N_SQUARED * 4];
    OK(pc_export(batch, 0, count, out, 4 * (int64_t)count));
    CHECK(memcmp(wire, out, 4 * (size_t)count) == 0);

    /* Every inverse: more than one chunk of them. */
    pc_batch *inverses = NULL;
    OK(pc_batch_create(k->public, count, &inverses));
    OK(pc_negate(batch, 0, inverses, 0, count));
    OK(pc_add(batch, 0, inverses, 0, inverses, 0, count));
    OK(pc_export(inverses, 0, count, out, 4 * (int64_t)count));
    wrong = 0;
    for (int32_t i = 0; i < count; i++) {
        wrong += out[4 * i] != 1 || out[4 * i + 1] != 0 || out[4 * i + 2] != 0 || out[4 * i + 3] != 0;
    }
    CHECK(wrong == 0);
    OK(pc_batch_free(inverses));
    OK(pc_batch_free(batch));
}

/* Every number below 2^32 that a ciphertext could be, near the borders: accepted if and only if it is a unit. */
static void test_import_borders(const key *k)
{
    pc_batch *batch = NULL;
    OK(pc_batch_create(k->public, 1, &batch));
    int32_t wrong = 0;
    for (uint32_t c = 0; c < N_SQUARED + 2 * N; c++) {
        uint8_t wire[4];
        put(wire, c);
        int32_t wanted = c > 0 && c < N_SQUARED && is_unit(c) ? PC_OK : PC_ERR_CIPHERTEXT;
        wrong += c < 2 * N || c > N_SQUARED - 2 * N ? pc_import(wire, 4, batch, 0, 1) != wanted : 0;
    }
    CHECK(wrong == 0);
    OK(pc_batch_free(batch));
}

/* Every pair of plaintexts under encryptions that differ: sums, and plaintexts added. */
static void test_all_sums(const key *k)
{
    static uint64_t left[N * N], right[N * N], sums[N * N];
    static uint8_t random[N * N];
    pc_encryptor *owner = NULL, *public = NULL;
    pc_batch *a = NULL, *b = NULL;
    OK(pc_encryptor_create_owner(k->private_key, 8, 4, 0, &owner));
    OK(pc_encryptor_create_public(k->public, 8, 3, PC_FLAG_CONSTANT_TIME, &public));
    OK(pc_batch_create(k->public, N * N, &a));
    OK(pc_batch_create(k->public, N * N, &b));
    for (int32_t i = 0; i < N * N; i++) {
        left[i] = (uint64_t)(i / N);
        right[i] = (uint64_t)0 - (uint64_t)(i % N);
        random[i] = (uint8_t)i;
    }
    OK(pc_encrypt(owner, left, 1, random, N * N, a, 0, N * N));
    OK(pc_encrypt(public, right, 1, random, N * N, b, 0, N * N));
    OK(pc_add(a, 0, b, 0, b, 0, N * N));
    OK(pc_decrypt(k->private_key, b, 0, N * N, sums, N * N));
    int32_t wrong = 0;
    for (int32_t i = 0; i < N * N; i++) {
        wrong += sums[i] != (uint64_t)((i / N - i % N + N) % N);
    }
    CHECK(wrong == 0);
    OK(pc_add_plain(right, 1, a, 0, N * N));
    OK(pc_decrypt(k->private_key, a, 0, N * N, sums, N * N));
    wrong = 0;
    for (int32_t i = 0; i < N * N; i++) {
        wrong += sums[i] != (uint64_t)((i / N - i % N + N) % N);
    }
    CHECK(wrong == 0);
    OK(pc_batch_free(a));
    OK(pc_batch_free(b));
    OK(pc_encryptor_free(owner));
    OK(pc_encryptor_free(public));
}

/* Every plaintext times every magnitude below 64 and some shifts. */
static void test_all_multiples(const key *k)
{
    pc_batch *source = NULL, *target = NULL;
    pc_encryptor *encryptor = NULL;
    static uint64_t plaintexts[N];
    static uint8_t random[N];
    static pc_term terms[N];
    static int32_t first[N + 1];
    OK(pc_batch_create(k->public, N, &source));
    OK(pc_batch_create(k->public, N, &target));
    OK(pc_encryptor_create_public(k->public, 8, 4, 0, &encryptor));
    for (int32_t i = 0; i < N; i++) {
        plaintexts[i] = (uint64_t)i;
        random[i] = (uint8_t)(3 * i);
    }
    OK(pc_encrypt(encryptor, plaintexts, 1, random, N, source, 0, N));
    const pc_batch *sources[] = {source};
    int32_t wrong = 0;
    for (int32_t magnitude = 0; magnitude < 64; magnitude++) {
        for (int32_t i = 0; i < N; i++) {
            terms[i] = (pc_term){.magnitude = (uint64_t)magnitude, .index = i, .shift = i % 5};
            first[i + 1] = i + 1;
        }
        OK(pc_combine(sources, 1, terms, first, N, target, 0, NULL));
        OK(pc_decrypt(k->private_key, target, 0, N, plaintexts, N));
        for (int32_t i = 0; i < N; i++) {
            wrong += plaintexts[i] != (uint64_t)((i * magnitude << (i % 5)) % N);
        }
    }
    CHECK(wrong == 0);
    OK(pc_encryptor_free(encryptor));
    OK(pc_batch_free(source));
    OK(pc_batch_free(target));
}

int main(void)
{
    mpz_t p, q;
    mpz_init_set_ui(p, P);
    mpz_init_set_ui(q, Q);
    for (int32_t kernel = 0; kernel < kernel_count(); kernel++) {
        if (is_emulated(kernel)) {
            continue;
        }
        key k;
        key_from_primes(&k, p, q, kernel);
        test_all_ciphertexts(&k);
        test_import_borders(&k);
        test_all_sums(&k);
        test_all_multiples(&k);
        key_free(&k);
    }
    mpz_clears(p, q, NULL);
    return summary();
}
