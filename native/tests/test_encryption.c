/* Encryption and decryption against plain integers and Paillier by the book. */
#include "support.h"

#define COUNT 11

/* A signed plaintext in (-n, n), also as `words` two's complement words. */
static void draw_plaintext(mpz_t m, const key *k, uint64_t *words, int32_t count)
{
    mpz_t bound, modulus;
    mpz_inits(bound, modulus, NULL);
    mpz_setbit(bound, (mp_bitcnt_t)count * 64 - 1); /* |m| below both n and 2^(64 count - 1) */
    if (mpz_cmp(bound, k->n) > 0) {
        mpz_set(bound, k->n);
    }
    adversarial_integer(m, bound);
    if (random_below(2) == 0) {
        mpz_neg(m, m);
    }
    mpz_setbit(modulus, (mp_bitcnt_t)count * 64);
    mpz_mod(modulus, m, modulus);
    bytes_from_integer(words, (size_t)count * 8, modulus);
    mpz_clears(bound, modulus, NULL);
}

/* (1 + n*m) * h_s^alpha mod n^2, alpha from its bytes with excess bits dropped. */
static void oracle(mpz_t c, const key *k, const mpz_t m, const uint8_t *alpha, int32_t exponent_bits)
{
    mpz_t power;
    mpz_init(power);
    integer_from_bytes(power, alpha, (size_t)(exponent_bits + 7) / 8);
    mpz_tdiv_r_2exp(power, power, (mp_bitcnt_t)exponent_bits);
    mpz_powm(power, k->h_s, power, k->n_squared);
    mpz_mul(c, m, k->n);
    mpz_add_ui(c, c, 1);
    mpz_mul(c, c, power);
    mpz_mod(c, c, k->n_squared);
    mpz_clear(power);
}

static bool plaintext_is(const key *k, const uint64_t *words, const mpz_t m)
{
    mpz_t found, wanted;
    mpz_inits(found, wanted, NULL);
    integer_from_bytes(found, words, (size_t)k->words * 8);
    mpz_mod(wanted, m, k->n);
    bool same = mpz_cmp(found, wanted) == 0;
    mpz_clears(found, wanted, NULL);
    return same;
}

static void test_encryptor(const key *k, const pc_encryptor *encryptor, int32_t exponent_bits, int32_t words_each)
{
    int32_t each = (exponent_bits + 7) / 8, reported = 0;
    OK(pc_encryptor_random_bytes(encryptor, &reported));
    CHECK(reported == each);

    uint8_t *random = malloc((size_t)COUNT * (size_t)each);
    uint64_t *plaintexts = calloc((size_t)COUNT * (size_t)words_each, 8);
    uint64_t *decrypted = calloc((size_t)(COUNT * k->words), 8);
    mpz_t *messages = integers_create(COUNT), *values = integers_create(COUNT);
    mpz_t zero, c;
    mpz_inits(zero, c, NULL);
    pc_batch *batch = random_batch(k, COUNT, values);
    int32_t count = random_below(COUNT) + 1, offset = random_below(COUNT - count + 1);
    random_bytes(random, (size_t)COUNT * (size_t)each);
    memset(random, 0, (size_t)each); /* alpha = 0 and all ones too */
    if (count > 1) {
        memset(random + each, 0xff, (size_t)each);
    }
    for (int32_t i = 0; i < count; i++) {
        draw_plaintext(messages[i], k, plaintexts + (ptrdiff_t)i * words_each, words_each);
    }

    OK(pc_encrypt(encryptor, plaintexts, words_each, random, (int64_t)count * each, batch, offset, count));
    OK(pc_decrypt(k->private_key, batch, offset, count, decrypted, (int64_t)count * k->words));
    for (int32_t i = 0; i < COUNT; i++) {
        if (i >= offset && i < offset + count) {
            oracle(values[i], k, messages[i - offset], random + (ptrdiff_t)(i - offset) * each, exponent_bits);
            CHECK(plaintext_is(k, decrypted + (ptrdiff_t)(i - offset) * k->words, messages[i - offset]));
            if (k->bits <= 1024) {
                textbook_decrypt(c, k, values[i]);
                mpz_mod(messages[i - offset], messages[i - offset], k->n);
                CHECK(mpz_cmp(c, messages[i - offset]) == 0);
            }
        }
        CHECK(number_is(k, batch, i, values[i]));
    }

    random_bytes(random, (size_t)COUNT * (size_t)each);
    OK(pc_rerandomize(encryptor, random, (int64_t)count * each, batch, offset, count));
    for (int32_t i = 0; i < count; i++) {
        oracle(c, k, zero, random + (ptrdiff_t)i * each, exponent_bits);
        mpz_mul(values[offset + i], values[offset + i], c);
        mpz_mod(values[offset + i], values[offset + i], k->n_squared);
    }
    for (int32_t i = 0; i < COUNT; i++) {
        CHECK(number_is(k, batch, i, values[i]));
    }

    OK(pc_encrypt(encryptor, NULL, 0, random, (int64_t)count * each, batch, offset, count));
    for (int32_t i = 0; i < count; i++) {
        oracle(c, k, zero, random + (ptrdiff_t)i * each, exponent_bits);
        CHECK(number_is(k, batch, offset + i, c));
    }
    mpz_clears(zero, c, NULL);
    integers_free(messages, COUNT);
    integers_free(values, COUNT);
    OK(pc_batch_free(batch));
    free(random);
    free(plaintexts);
    free(decrypted);
}

static void test_tables(const key *k, int32_t exponent_bits, int32_t window_bits, int32_t words_each)
{
    pc_encryptor *public = NULL, *owner = NULL;
    int32_t flags = random_below(2) == 0 ? PC_FLAG_CONSTANT_TIME : 0;
    OK(pc_encryptor_create_public(k->public, exponent_bits, window_bits, flags, &public));
    OK(pc_encryptor_create_owner(k->private_key, exponent_bits, window_bits, flags | PC_FLAG_FILL_LATER, &owner));
    int32_t parts = 0;
    OK(pc_encryptor_parts(owner, &parts));
    for (int32_t part = parts - 1; part >= 0; part--) {
        OK(pc_encryptor_fill(owner, part, random_below(2) == 0 ? 1 : parts - part));
    }
    int64_t public_bytes = 0, owner_bytes = 0;
    OK(pc_encryptor_table_bytes(public, &public_bytes));
    OK(pc_encryptor_table_bytes(owner, &owner_bytes));
    int64_t entries = (int64_t)((exponent_bits + window_bits - 1) / window_bits) << window_bits;
    CHECK(public_bytes >= entries * 2 * k->modulus_bytes && owner_bytes >= entries * 4 * k->prime_bytes);
    test_encryptor(k, public, exponent_bits, words_each);
    test_encryptor(k, owner, exponent_bits, words_each);
    OK(pc_encryptor_free(public));
    OK(pc_encryptor_free(owner));
}

/* Random and adversarial ciphertexts, not only those that came from an encryption. */
static void test_decryption(const key *k)
{
    mpz_t *messages = integers_create(COUNT);
    pc_batch *batch = random_batch(k, COUNT, messages);
    uint64_t *decrypted = malloc((size_t)(COUNT * k->words + 1) * 8);
    for (int32_t i = 0; i < COUNT; i++) {
        textbook_decrypt(messages[i], k, messages[i]);
    }
    for (int32_t count = 0; count <= COUNT; count += 1 + count / 2) {
        int32_t offset = COUNT - count;
        memset(decrypted, 0xaa, (size_t)(COUNT * k->words + 1) * 8);
        OK(pc_decrypt(k->private_key, batch, offset, count, decrypted, (int64_t)count * k->words));
        for (int32_t i = 0; i < count; i++) {
            CHECK(plaintext_is(k, decrypted + (ptrdiff_t)i * k->words, messages[offset + i]));
        }
        CHECK(decrypted[count * k->words] == UINT64_C(0xaaaaaaaaaaaaaaaa));
    }
    free(decrypted);
    OK(pc_batch_free(batch));
    integers_free(messages, COUNT);
}

/* |m| = n and beyond is refused, at any place in the call and with any number of words. */
static void test_plaintext_range(const key *k)
{
    pc_encryptor *encryptor = NULL;
    OK(pc_encryptor_create_public(k->public, 8, 4, 0, &encryptor));
    pc_batch *batch = random_batch(k, 3, NULL);
    uint8_t *before = snapshot(k, batch, 3);
    uint8_t random[3] = {1, 2, 3};
    int32_t words_each = k->words + 1;
    uint64_t *plaintexts = calloc((size_t)(3 * words_each), 8);
    mpz_t m, modulus;
    mpz_inits(m, modulus, NULL);
    mpz_setbit(modulus, (mp_bitcnt_t)words_each * 64);
    for (int variant = 0; variant < 5; variant++) {
        switch (variant) {
        case 0: mpz_set(m, k->n); break;
        case 1: mpz_neg(m, k->n); break;
        case 2: mpz_add_ui(m, k->n, 1); break;
        case 3: mpz_tdiv_q_2exp(m, modulus, 1); mpz_neg(m, m); break;     /* the lowest that the words hold */
        default: mpz_tdiv_q_2exp(m, modulus, 1); mpz_sub_ui(m, m, 1); break; /* the highest */
        }
        mpz_mod(m, m, modulus);
        memset(plaintexts, 0, (size_t)(3 * words_each) * 8);
        bytes_from_integer(plaintexts + 2 * words_each, (size_t)words_each * 8, m);
        STATUS(PC_ERR_RANGE, pc_encrypt(encryptor, plaintexts, words_each, random, 3, batch, 0, 3));
        STATUS(PC_ERR_RANGE, pc_add_plain(plaintexts, words_each, batch, 0, 3));
        CHECK(unchanged(k, batch, 3, before));
    }
    mpz_clears(m, modulus, NULL);
    free(plaintexts);
    free(before);
    OK(pc_batch_free(batch));
    OK(pc_encryptor_free(encryptor));
}

static void test_arguments(const key *k)
{
    pc_encryptor *encryptor = NULL;
    STATUS(PC_ERR_NULL, pc_encryptor_create_public(NULL, 8, 4, 0, &encryptor));
    STATUS(PC_ERR_NULL, pc_encryptor_create_public(k->public, 8, 4, 0, NULL));
    STATUS(PC_ERR_NULL, pc_encryptor_create_owner(NULL, 8, 4, 0, &encryptor));
    STATUS(PC_ERR_NULL, pc_encryptor_create_owner(k->private_key, 8, 4, 0, NULL));
    static const int32_t bad[][2] = {{0, 4}, {-1, 4}, {PC_MAX_EXPONENT_BITS + 1, 4}, {8, 0}, {8, -1}, {8, 13}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        STATUS(PC_ERR_RANGE, pc_encryptor_create_public(k->public, bad[i][0], bad[i][1], 0, &encryptor));
        STATUS(PC_ERR_RANGE, pc_encryptor_create_owner(k->private_key, bad[i][0], bad[i][1], 0, &encryptor));
    }
    STATUS(PC_ERR_RANGE, pc_encryptor_create_public(k->public, 12, 4, PC_FLAG_INSECURE_SIZE, &encryptor));
    STATUS(PC_ERR_RANGE, pc_encryptor_create_owner(k->private_key, 12, 4, 16, &encryptor));
    CHECK(encryptor == NULL);
    OK(pc_encryptor_create_public(k->public, 12, 4, PC_FLAG_FILL_LATER, &encryptor));
    int32_t parts = 0;
    STATUS(PC_ERR_NULL, pc_encryptor_parts(encryptor, NULL));
    STATUS(PC_ERR_NULL, pc_encryptor_parts(NULL, &parts));
    OK(pc_encryptor_parts(encryptor, &parts));
    STATUS(PC_ERR_NULL, pc_encryptor_fill(NULL, 0, 1));
    STATUS(PC_ERR_RANGE, pc_encryptor_fill(encryptor, -1, 1));
    STATUS(PC_ERR_RANGE, pc_encryptor_fill(encryptor, parts, 1));
    STATUS(PC_ERR_RANGE, pc_encryptor_fill(encryptor, 0, parts + 1));
    STATUS(PC_ERR_NULL, pc_encryptor_random_bytes(encryptor, NULL));
    STATUS(PC_ERR_NULL, pc_encryptor_table_bytes(encryptor, NULL));
    int32_t bytes;
    int64_t table_bytes;
    STATUS(PC_ERR_NULL, pc_encryptor_random_bytes(NULL, &bytes));
    STATUS(PC_ERR_NULL, pc_encryptor_table_bytes(NULL, &table_bytes));

    key stranger;
    key_create(&stranger, 128, 0);
    pc_batch *batch = random_batch(k, 3, NULL), *other = random_batch(&stranger, 3, NULL);
    uint8_t *before = snapshot(k, batch, 3);
    const uint64_t m[3] = {1, 2, 3};
    const uint8_t random[6] = {0};
    STATUS(PC_ERR_UNSUPPORTED, pc_encrypt(encryptor, m, 1, random, 6, batch, 0, 3));
    STATUS(PC_ERR_UNSUPPORTED, pc_rerandomize(encryptor, random, 6, batch, 0, 3));
    OK(pc_encryptor_fill(encryptor, 0, parts));
    STATUS(PC_ERR_NULL, pc_encrypt(NULL, m, 1, random, 6, batch, 0, 3));
    STATUS(PC_ERR_NULL, pc_encrypt(encryptor, m, 1, NULL, 6, batch, 0, 3));
    STATUS(PC_ERR_NULL, pc_encrypt(encryptor, m, 1, random, 6, NULL, 0, 3));
    STATUS(PC_ERR_MISMATCH, pc_encrypt(encryptor, m, 1, random, 6, other, 0, 3));
    STATUS(PC_ERR_RANGE, pc_encrypt(encryptor, m, 1, random, 6, batch, 1, 3));
    STATUS(PC_ERR_RANGE, pc_encrypt(encryptor, m, 1, random, 6, batch, -1, 3));
    STATUS(PC_ERR_RANGE, pc_encrypt(encryptor, m, 1, random, -2, batch, 0, -1));
    STATUS(PC_ERR_LENGTH, pc_encrypt(encryptor, m, 1, random, 5, batch, 0, 3));
    STATUS(PC_ERR_LENGTH, pc_encrypt(encryptor, m, 1, random, 7, batch, 0, 3));
    STATUS(PC_ERR_LENGTH, pc_encrypt(encryptor, m, 0, random, 6, batch, 0, 3));
    STATUS(PC_ERR_LENGTH, pc_encrypt(encryptor, m, 66, random, 6, batch, 0, 3));
    STATUS(PC_ERR_NULL, pc_rerandomize(NULL, random, 6, batch, 0, 3));
    STATUS(PC_ERR_NULL, pc_rerandomize(encryptor, NULL, 6, batch, 0, 3));
    STATUS(PC_ERR_NULL, pc_rerandomize(encryptor, random, 6, NULL, 0, 3));
    STATUS(PC_ERR_MISMATCH, pc_rerandomize(encryptor, random, 6, other, 0, 3));
    STATUS(PC_ERR_RANGE, pc_rerandomize(encryptor, random, 6, batch, 1, 3));
    STATUS(PC_ERR_LENGTH, pc_rerandomize(encryptor, random, 5, batch, 0, 3));
    OK(pc_encrypt(encryptor, NULL, 0, NULL, 0, batch, 3, 0));
    OK(pc_rerandomize(encryptor, NULL, 0, batch, 0, 0));
    CHECK(unchanged(k, batch, 3, before));

    uint64_t *plaintexts = malloc((size_t)(3 * k->words) * 8);
    memset(plaintexts, 0xaa, (size_t)(3 * k->words) * 8);
    const int64_t room = 3 * (int64_t)k->words;
    STATUS(PC_ERR_NULL, pc_decrypt(NULL, batch, 0, 3, plaintexts, room));
    STATUS(PC_ERR_NULL, pc_decrypt(k->private_key, NULL, 0, 3, plaintexts, room));
    STATUS(PC_ERR_NULL, pc_decrypt(k->private_key, batch, 0, 3, NULL, room));
    STATUS(PC_ERR_MISMATCH, pc_decrypt(k->private_key, other, 0, 3, plaintexts, room));
    STATUS(PC_ERR_RANGE, pc_decrypt(k->private_key, batch, 1, 3, plaintexts, room));
    STATUS(PC_ERR_RANGE, pc_decrypt(k->private_key, batch, -1, 3, plaintexts, room));
    STATUS(PC_ERR_RANGE, pc_decrypt(k->private_key, batch, 0, -1, plaintexts, room));
    STATUS(PC_ERR_LENGTH, pc_decrypt(k->private_key, batch, 0, 3, plaintexts, room - 1));
    CHECK(plaintexts[0] == UINT64_C(0xaaaaaaaaaaaaaaaa) && plaintexts[room - 1] == UINT64_C(0xaaaaaaaaaaaaaaaa));
    free(plaintexts);
    free(before);
    OK(pc_batch_free(batch));
    OK(pc_batch_free(other));
    key_free(&stranger);
    OK(pc_encryptor_free(encryptor));
}

#define SEED_EXTRA_BYTES 16

/* y^n modulo n^2 for the seeds y. */
static mpz_t *bases_of(const key *k, const uint8_t *seeds, int32_t windows)
{
    size_t seed_bytes = (size_t)k->modulus_bytes + SEED_EXTRA_BYTES;
    mpz_t *bases = integers_create(windows);
    for (int32_t j = 0; j < windows; j++) {
        integer_from_bytes(bases[j], seeds + (size_t)j * seed_bytes, seed_bytes);
        mpz_powm(bases[j], bases[j], k->n, k->n_squared);
    }
    return bases;
}

/* c *= product of bases[j]^d_j, d_j the windows of alpha. */
static void multiply_by_powers(mpz_t c, const key *k, mpz_t *bases, const uint8_t *alpha, int32_t windows,
                               int32_t window_bits)
{
    mpz_t power, digit, all;
    mpz_inits(power, digit, all, NULL);
    integer_from_bytes(all, alpha, (size_t)(windows * window_bits + 7) / 8);
    for (int32_t j = 0; j < windows; j++) {
        mpz_tdiv_q_2exp(digit, all, (mp_bitcnt_t)(j * window_bits));
        mpz_tdiv_r_2exp(digit, digit, (mp_bitcnt_t)window_bits);
        mpz_powm(power, bases[j], digit, k->n_squared);
        mpz_mul(c, c, power);
        mpz_mod(c, c, k->n_squared);
    }
    mpz_clears(power, digit, all, NULL);
}

static void test_rerandomizer(const key *k, int32_t windows, int32_t window_bits, int32_t flags)
{
    int64_t seed_bytes = (int64_t)windows * (k->modulus_bytes + SEED_EXTRA_BYTES);
    int32_t each = (windows * window_bits + 7) / 8, reported = 0, parts = 0;
    uint8_t *seeds = malloc((size_t)seed_bytes), *random = malloc((size_t)COUNT * (size_t)each);
    random_bytes(seeds, (size_t)seed_bytes);
    pc_encryptor *encryptor = NULL;
    OK(pc_encryptor_create_rerandomizer(k->public, seeds, seed_bytes, windows, window_bits, flags, &encryptor));
    OK(pc_encryptor_parts(encryptor, &parts));
    for (int32_t part = parts - 1; part >= 0; part--) {
        OK(pc_encryptor_fill(encryptor, part, 1));
    }
    OK(pc_encryptor_random_bytes(encryptor, &reported));
    CHECK(reported == each);
    mpz_t *values = integers_create(COUNT), *bases = bases_of(k, seeds, windows);
    for (int32_t count = 1; count <= COUNT; count += 5) {
        pc_batch *batch = random_batch(k, COUNT, values);
        random_bytes(random, (size_t)COUNT * (size_t)each);
        OK(pc_rerandomize(encryptor, random, (int64_t)count * each, batch, 0, count));
        for (int32_t i = 0; i < COUNT; i++) {
            if (i < count) {
                multiply_by_powers(values[i], k, bases, random + (ptrdiff_t)i * each, windows, window_bits);
            }
            CHECK(number_is(k, batch, i, values[i]));
        }
        OK(pc_batch_free(batch));
    }
    OK(pc_encryptor_free(encryptor));
    integers_free(values, COUNT);
    integers_free(bases, windows);
    free(seeds);
    free(random);
}

static void test_rerandomizer_arguments(const key *k)
{
    pc_encryptor *made = NULL;
    uint8_t seeds[3 * 64];
    random_bytes(seeds, sizeof seeds);
    int32_t each = k->modulus_bytes + SEED_EXTRA_BYTES;
    int64_t bytes = 3 * (int64_t)each;
    CHECK(bytes <= (int64_t)sizeof seeds);
    STATUS(PC_ERR_NULL, pc_encryptor_create_rerandomizer(NULL, seeds, bytes, 3, 4, 0, &made));
    STATUS(PC_ERR_NULL, pc_encryptor_create_rerandomizer(k->public, NULL, bytes, 3, 4, 0, &made));
    STATUS(PC_ERR_NULL, pc_encryptor_create_rerandomizer(k->public, seeds, bytes, 3, 4, 0, NULL));
    STATUS(PC_ERR_LENGTH, pc_encryptor_create_rerandomizer(k->public, seeds, bytes - 1, 3, 4, 0, &made));
    STATUS(PC_ERR_LENGTH, pc_encryptor_create_rerandomizer(k->public, seeds, bytes, 2, 4, 0, &made));
    STATUS(PC_ERR_RANGE, pc_encryptor_create_rerandomizer(k->public, seeds, 0, 0, 4, 0, &made));
    STATUS(PC_ERR_RANGE, pc_encryptor_create_rerandomizer(k->public, seeds, bytes, 3, 0, 0, &made));
    STATUS(PC_ERR_RANGE, pc_encryptor_create_rerandomizer(k->public, seeds, bytes, 3, 13, 0, &made));
    STATUS(PC_ERR_RANGE, pc_encryptor_create_rerandomizer(k->public, seeds, (1 << 20) * (int64_t)each, 1 << 20, 4, 0,
                                                          &made));
    STATUS(PC_ERR_RANGE, pc_encryptor_create_rerandomizer(k->public, seeds, bytes, 3, 4, 16, &made));
    memset(seeds + each, 0, (size_t)each); /* a seed that is p */
    memcpy(seeds + each, k->p_bytes, (size_t)k->prime_bytes);
    STATUS(PC_ERR_KEY, pc_encryptor_create_rerandomizer(k->public, seeds, bytes, 3, 4, 0, &made));
    CHECK(made == NULL);
}

static void test_rerandomizer_of_bad_key(int32_t kernel)
{
    uint8_t seeds[64];
    pc_encryptor *made = NULL;
    pc_public *public;
    int32_t bytes = public_with_small_factor(&public, kernel);
    random_bytes(seeds, sizeof seeds);
    STATUS(PC_ERR_KEY, pc_encryptor_create_rerandomizer(public, seeds, bytes + SEED_EXTRA_BYTES, 1, 4, 0, &made));
    CHECK(made == NULL);
    OK(pc_public_free(public));
}

int main(void)
{
    static const int32_t sizes[] = {64, 66, 100, 126, 128, 130, 192, 254, 258, 384, 512, 1000};
    static const int32_t parameters[][2] = {{1, 1}, {7, 3}, {8, 8}, {13, 5}, {32, 12}, {64, 7}, {65, 11}, {100, 9}};
    for (int32_t kernel = 0; kernel < kernel_count(); kernel++) {
        test_rerandomizer_of_bad_key(kernel);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            key k;
            key_create(&k, sizes[i], kernel);
            for (size_t j = 0; j < sizeof parameters / sizeof parameters[0]; j++) {
                if (parameters[j][1] < 9 || sizes[i] == 130) {
                    test_tables(&k, parameters[j][0], parameters[j][1], 1 + random_below(k.words + 3));
                }
            }
            test_decryption(&k);
            test_plaintext_range(&k);
            if (sizes[i] >= 126 && sizes[i] <= 258) {
                test_rerandomizer(&k, 17, 3, sizes[i] == 130 ? PC_FLAG_CONSTANT_TIME : 0);
                test_rerandomizer(&k, 8, 8, PC_FLAG_FILL_LATER);
            }
            if (sizes[i] == 192) {
                test_arguments(&k);
                test_rerandomizer_arguments(&k);
            }
            key_free(&k);
        }
        /* The shortest key in earnest and the longest; what lies between only among the slow tests. */
        int32_t step = getenv("POPCORN_SLOW_TESTS") != NULL ? 1024 : 2048;
        bool is_real = !is_emulated(kernel) && !is_another_number_of_lanes(kernel);
        for (int32_t bits = 2048; bits <= (is_real ? 4096 : 2048); bits += step) {
            key k;
            key_create(&k, bits, kernel);
            test_tables(&k, 30, 4, k.words + 1);
            test_rerandomizer(&k, 13, 4, PC_FLAG_FILL_LATER);
            test_decryption(&k);
            test_plaintext_range(&k);
            key_free(&k);
        }
    }
    return summary();
}
