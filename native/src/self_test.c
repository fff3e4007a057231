#include "objects.h"

#include <string.h>

/*
 * A fixed 2048-bit key: from the fractional parts of the square roots of 2 and 3 upwards, the first primes 3 modulo 4
 * that fit together; h = -2^2. The ciphertexts' checksum was computed apart from this library, with plain integers.
 */
static const uint8_t prime_p[128] = {
    0x33, 0x9c, 0x81, 0x20, 0x13, 0x41, 0x49, 0xd5, 0x5d, 0xb0, 0xdc, 0x06, 0x1f, 0x24, 0x5e, 0xea,
    0x9b, 0x90, 0xe7, 0x63, 0x86, 0xc6, 0x54, 0x96, 0xb9, 0xd3, 0x6f, 0x17, 0x47, 0x51, 0xab, 0x8d,
    0x67, 0x9c, 0xf8, 0x5e, 0xe4, 0x78, 0x15, 0x8c, 0x14, 0x8b, 0x10, 0x2d, 0x22, 0x79, 0x63, 0x95,
    0xf7, 0x66, 0x78, 0x23, 0xc0, 0x38, 0x0b, 0xa6, 0x9c, 0x3e, 0x5e, 0x85, 0x0e, 0x5d, 0x40, 0xa4,
    0xd1, 0x4e, 0xf4, 0x7b, 0x6c, 0x0e, 0x09, 0xf0, 0x94, 0xf6, 0x38, 0x87, 0xbc, 0x50, 0xe9, 0x1e,
    0x72, 0xb6, 0x07, 0xb9, 0xdf, 0xfc, 0x63, 0x51, 0x87, 0x45, 0x71, 0x75, 0x08, 0x06, 0xf9, 0x95,
    0x2a, 0x32, 0x67, 0x06, 0x0b, 0x59, 0x2f, 0xda, 0x99, 0x50, 0x77, 0x12, 0x75, 0xc1, 0xde, 0x3a,
    0x3e, 0x7d, 0x95, 0xea, 0x66, 0x13, 0xfb, 0xb2, 0x08, 0xc9, 0xbc, 0xf3, 0x67, 0xe6, 0x09, 0xea,
};

static const uint8_t prime_q[128] = {
    0x07, 0x10, 0x53, 0xd5, 0x90, 0xcb, 0xc7, 0xa5, 0x68, 0x37, 0x4f, 0xe2, 0xc3, 0x11, 0x7f, 0x5f,
    0x35, 0x99, 0x58, 0xfc, 0xce, 0x6c, 0x81, 0x72, 0xb5, 0x2a, 0x89, 0xe5, 0x30, 0x6f, 0x42, 0x29,
    0x77, 0xe5, 0x9f, 0x9a, 0x3a, 0xf3, 0xbe, 0x6e, 0xfd, 0x09, 0x7b, 0xaf, 0x53, 0xf5, 0x6b, 0x1b,
    0x30, 0xb7, 0x2d, 0xd4, 0x3b, 0xde, 0x5e, 0xde, 0xe6, 0x3a, 0x8c, 0x13, 0xe6, 0x22, 0xe1, 0xb9,
    0x83, 0xa3, 0xd9, 0x1a, 0xa0, 0x33, 0xcd, 0xd0, 0x68, 0xec, 0xa1, 0xa3, 0x4d, 0xf2, 0x4c, 0xcc,
    0x87, 0x8f, 0x22, 0x12, 0xae, 0x0a, 0x93, 0xa9, 0xbd, 0x5d, 0xf1, 0x5e, 0xd9, 0xcf, 0x0b, 0x49,
    0xe2, 0xa6, 0x45, 0x6e, 0x48, 0xa6, 0x20, 0xc7, 0x98, 0x47, 0xda, 0x53, 0xcc, 0x34, 0xd8, 0x25,
    0x89, 0x3b, 0xb8, 0x78, 0x70, 0x2d, 0x74, 0x25, 0x3b, 0xa7, 0xca, 0x84, 0x85, 0xae, 0x67, 0xfb,
};

/*
 * A short-order key: orders from the fractional parts of the square roots of 5 and 7 upwards, primes from those of 2
 * and 3; h = 2^((p - 1) / u_p) modulo p, and the same for q.
 */
static const uint8_t short_p[128] = {
    0x77, 0xb2, 0x18, 0x7b, 0xce, 0xb9, 0xad, 0x19, 0x21, 0x0f, 0xcd, 0x19, 0x35, 0x1b, 0x07, 0x2a,
    0x4c, 0x2c, 0x42, 0xda, 0x68, 0x0a, 0x84, 0x79, 0xfc, 0xaf, 0x04, 0x10, 0x67, 0x3e, 0x9d, 0xd9,
    0x8d, 0x0e, 0xf9, 0x5e, 0xe4, 0x78, 0x15, 0x8c, 0x14, 0x8b, 0x10, 0x2d, 0x22, 0x79, 0x63, 0x95,
    0xf7, 0x66, 0x78, 0x23, 0xc0, 0x38, 0x0b, 0xa6, 0x9c, 0x3e, 0x5e, 0x85, 0x0e, 0x5d, 0x40, 0xa4,
    0xd1, 0x4e, 0xf4, 0x7b, 0x6c, 0x0e, 0x09, 0xf0, 0x94, 0xf6, 0x38, 0x87, 0xbc, 0x50, 0xe9, 0x1e,
    0x72, 0xb6, 0x07, 0xb9, 0xdf, 0xfc, 0x63, 0x51, 0x87, 0x45, 0x71, 0x75, 0x08, 0x06, 0xf9, 0x95,
    0x2a, 0x32, 0x67, 0x06, 0x0b, 0x59, 0x2f, 0xda, 0x99, 0x50, 0x77, 0x12, 0x75, 0xc1, 0xde, 0x3a,
    0x3e, 0x7d, 0x95, 0xea, 0x66, 0x13, 0xfb, 0xb2, 0x08, 0xc9, 0xbc, 0xf3, 0x67, 0xe6, 0x09, 0xea,
};

static const uint8_t short_q[128] = {
    0x3b, 0x82, 0x57, 0x9a, 0x36, 0x24, 0xa9, 0x70, 0x00, 0xa0, 0xbc, 0x2e, 0x7f, 0xd7, 0x8e, 0xd2,
    0x03, 0x49, 0x38, 0x99, 0x94, 0x7d, 0xc5, 0x2d, 0x21, 0xaa, 0x18, 0x1c, 0x82, 0xac, 0x2c, 0x95,
    0xc3, 0x26, 0xa0, 0x9a, 0x3a, 0xf3, 0xbe, 0x6e, 0xfd, 0x09, 0x7b, 0xaf, 0x53, 0xf5, 0x6b, 0x1b,
    0x30, 0xb7, 0x2d, 0xd4, 0x3b, 0xde, 0x5e, 0xde, 0xe6, 0x3a, 0x8c, 0x13, 0xe6, 0x22, 0xe1, 0xb9,
    0x83, 0xa3, 0xd9, 0x1a, 0xa0, 0x33, 0xcd, 0xd0, 0x68, 0xec, 0xa1, 0xa3, 0x4d, 0xf2, 0x4c, 0xcc,
    0x87, 0x8f, 0x22, 0x12, 0xae, 0x0a, 0x93, 0xa9, 0xbd, 0x5d, 0xf1, 0x5e, 0xd9, 0xcf, 0x0b, 0x49,
    0xe2, 0xa6, 0x45, 0x6e, 0x48, 0xa6, 0x20, 0xc7, 0x98, 0x47, 0xda, 0x53, 0xcc, 0x34, 0xd8, 0x25,
    0x89, 0x3b, 0xb8, 0x78, 0x70, 0x2d, 0x74, 0x25, 0x3b, 0xa7, 0xca, 0x84, 0x85, 0xae, 0x67, 0xfb,
};

static const uint8_t short_u_p[32] = {
    0x49, 0x1d, 0x83, 0xa1, 0x23, 0xd4, 0xd8, 0xf0, 0xa3, 0xe4, 0x44, 0xe7, 0xd7, 0x4e, 0x04, 0x21,
    0x68, 0x90, 0xdb, 0xb9, 0xc0, 0x80, 0x39, 0xe7, 0x2b, 0xf8, 0x94, 0xfe, 0x72, 0xf3, 0x6e, 0xfc,
};

static const uint8_t short_u_q[32] = {
    0xa1, 0xf9, 0x2d, 0x8e, 0xfe, 0xa6, 0x34, 0x8e, 0xfc, 0x5d, 0x41, 0x78, 0x7b, 0xfe, 0x77, 0x4a,
    0xd5, 0x20, 0x7a, 0xc3, 0x1f, 0xe6, 0xa7, 0xce, 0xf1, 0x36, 0x1d, 0x5f, 0x3a, 0xf5, 0x4f, 0xe5,
};

#define PRIME_BYTES 128
#define ORDER_BYTES 32
#define MODULUS_BYTES 256
#define WORDS 32
#define EXPONENT_BITS 32
#define SHORT_RANDOM_BYTES 80 /* for each number, of the short-order key's owner */
#define CIPHERTEXTS_CHECKSUM UINT64_C(0x35fdf411319cc59b)
#define SHORT_CHECKSUM UINT64_C(0x1519fbcbeb460caa)
#define SHORT_OWNER_CHECKSUM UINT64_C(0x08626e67578f7d3f)

/* More than the lanes of any kernel, so that full groups and spare lanes both occur. */
#define COUNT 9
_Static_assert(COUNT > PC_MAX_LANES, "the fixed ciphertexts fill no group of a kernel with so many lanes");

static const int64_t messages[COUNT] = {
    0, 1, -1, 12345678901234567, -98765432109876543, INT64_C(1) << 62, INT64_MIN, 77, -1000003,
};

typedef struct fixture {
    pc_public *key;
    pc_private *private_key;
    pc_encryptor *owner;
    pc_encryptor *public;
    pc_batch *a;
    pc_batch *b;
    pc_program *program;
    mp_limb_t n[WORDS];
    uint64_t owner_checksum, public_checksum;
    int32_t owner_random_bytes;
    uint8_t random[COUNT * SHORT_RANDOM_BYTES];
    uint8_t bytes[COUNT * 2 * MODULUS_BYTES];
    uint64_t plaintexts[COUNT * WORDS];
} fixture;

static void find_modulus(fixture *f, uint8_t *n, const uint8_t *p_bytes, const uint8_t *q_bytes)
{
    mp_limb_t p[WORDS / 2], q[WORDS / 2];
    pc_limbs_from_bytes(p, WORDS / 2, p_bytes, PRIME_BYTES);
    pc_limbs_from_bytes(q, WORDS / 2, q_bytes, PRIME_BYTES);
    mpn_mul_n(f->n, p, q, WORDS / 2);
    pc_bytes_from_limbs(n, MODULUS_BYTES, f->n);
}

static int32_t create_key(fixture *f, int32_t kernel)
{
    uint8_t n[MODULUS_BYTES], h[MODULUS_BYTES];
    mp_limb_t h_limbs[WORDS];
    find_modulus(f, n, prime_p, prime_q);
    mpn_sub_1(h_limbs, f->n, WORDS, 4);
    pc_bytes_from_limbs(h, MODULUS_BYTES, h_limbs);
    int32_t status = pc_public_create(n, MODULUS_BYTES, h, MODULUS_BYTES, 0, kernel, &f->key);
    PC_REQUIRE(status == PC_OK, status);
    status = pc_private_create(f->key, prime_p, prime_q, PRIME_BYTES, 0, &f->private_key);
    PC_REQUIRE(status == PC_OK, status);
    f->owner_checksum = f->public_checksum = CIPHERTEXTS_CHECKSUM;
    f->owner_random_bytes = EXPONENT_BITS / 8;
    return pc_encryptor_create_owner(f->private_key, EXPONENT_BITS, 4, 0, &f->owner);
}

static int32_t create_short_key(fixture *f, int32_t kernel)
{
    uint8_t n[MODULUS_BYTES], h[MODULUS_BYTES];
    const uint8_t two[MODULUS_BYTES] = {2};
    find_modulus(f, n, short_p, short_q);
    int32_t status = pc_short_base_var(short_p, short_q, PRIME_BYTES, short_u_p, short_u_q, ORDER_BYTES, two,
                                       MODULUS_BYTES, h, MODULUS_BYTES);
    PC_REQUIRE(status == PC_OK, status);
    status = pc_public_create(n, MODULUS_BYTES, h, MODULUS_BYTES, PC_FLAG_SHORT_ORDER, kernel, &f->key);
    PC_REQUIRE(status == PC_OK, status);
    status = pc_private_create_short(f->key, short_p, short_q, PRIME_BYTES, short_u_p, short_u_q, ORDER_BYTES, 0,
                                     &f->private_key);
    PC_REQUIRE(status == PC_OK, status);
    f->owner_checksum = SHORT_OWNER_CHECKSUM;
    f->public_checksum = SHORT_CHECKSUM;
    f->owner_random_bytes = SHORT_RANDOM_BYTES;
    return pc_encryptor_create_owner(f->private_key, 8 * ORDER_BYTES, 4, 0, &f->owner);
}

/* Byte j of number i is 37j + 11i + 5. Returns how many they are. */
static int64_t draw(fixture *f, int32_t bytes_each)
{
    for (int32_t i = 0; i < COUNT; i++) {
        for (int32_t j = 0; j < bytes_each; j++) {
            f->random[i * bytes_each + j] = (uint8_t)(37 * j + 11 * i + 5);
        }
    }
    return (int64_t)COUNT * bytes_each;
}

static int32_t set_up(fixture *f, int32_t (*create)(fixture *, int32_t), int32_t kernel)
{
    const pc_instruction instructions[] = {{3, 0, 1}, {4, 3, 3}, {3, 4, 2}}; /* 2(x + y) + z */
    const pc_program_input inputs[] = {{0, 0, 0}, {0, 0, 1}, {0, 0, 2}};
    const int32_t output = 3;
    int32_t status = create(f, kernel);
    PC_REQUIRE(status == PC_OK, status);
    status = pc_encryptor_create_public(f->key, EXPONENT_BITS, 3, 0, &f->public);
    PC_REQUIRE(status == PC_OK, status);
    status = pc_batch_create(f->key, COUNT, &f->a);
    PC_REQUIRE(status == PC_OK, status);
    status = pc_batch_create(f->key, COUNT, &f->b);
    PC_REQUIRE(status == PC_OK, status);
    return pc_program_create(instructions, 3, inputs, 3, 2, &output, 1, &f->program);
}

static void tear_down(fixture *f)
{
    pc_program_free(f->program);
    pc_batch_free(f->a);
    pc_batch_free(f->b);
    pc_encryptor_free(f->public);
    pc_encryptor_free(f->owner);
    pc_private_free(f->private_key);
    pc_public_free(f->key);
}

/* FNV-1a */
static uint64_t checksum(const uint8_t *bytes, size_t count)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < count; i++) {
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return sum;
}

static int32_t expect_ciphertexts(fixture *f, const pc_batch *batch, uint64_t wanted)
{
    int32_t status = pc_export(batch, 0, COUNT, f->bytes, (int64_t)sizeof f->bytes);
    PC_REQUIRE(status == PC_OK, status);
    return checksum(f->bytes, sizeof f->bytes) == wanted ? PC_OK : PC_ERR_SELF_TEST;
}

/* Decrypts batch[0 .. count-1] and compares with two's complement values of `words` words each. */
static int32_t expect(fixture *f, const pc_batch *batch, const uint64_t *values, int32_t words, int32_t count)
{
    int32_t status = pc_decrypt(f->private_key, batch, 0, count, f->plaintexts, COUNT * WORDS);
    PC_REQUIRE(status == PC_OK, status);
    for (int32_t i = 0; i < count; i++) {
        mp_limb_t wanted[WORDS], found[WORDS];
        pc_residue_from_plaintext(wanted, f->n, WORDS, values + (ptrdiff_t)i * words, words);
        memcpy(found, f->plaintexts + (ptrdiff_t)i * WORDS, sizeof found);
        PC_REQUIRE(mpn_cmp(wanted, found, WORDS) == 0, PC_ERR_SELF_TEST);
    }
    return PC_OK;
}

static int32_t test_encryption(fixture *f)
{
    const uint64_t *plaintexts = (const uint64_t *)messages;
    int64_t bytes = draw(f, f->owner_random_bytes);
    int32_t status = pc_encrypt(f->owner, plaintexts, 1, f->random, bytes, f->a, 0, COUNT);
    PC_REQUIRE(status == PC_OK, status);
    status = expect_ciphertexts(f, f->a, f->owner_checksum);
    PC_REQUIRE(status == PC_OK, status);
    bytes = draw(f, EXPONENT_BITS / 8);
    status = pc_encrypt(f->public, plaintexts, 1, f->random, bytes, f->b, 0, COUNT);
    PC_REQUIRE(status == PC_OK, status);
    status = expect_ciphertexts(f, f->b, f->public_checksum);
    PC_REQUIRE(status == PC_OK, status);
    status = pc_import(f->bytes, (int64_t)sizeof f->bytes, f->b, 0, COUNT);
    PC_REQUIRE(status == PC_OK, status);
    return expect(f, f->b, plaintexts, 1, COUNT);
}

/* a holds the messages m; b becomes -(m + m) + 3m = m. */
static int32_t test_sums(fixture *f)
{
    uint64_t tripled[COUNT][2];
    for (int32_t i = 0; i < COUNT; i++) {
        uint64_t sign = messages[i] < 0 ? UINT64_MAX : 0;
        uint64_t low = (uint64_t)messages[i];
        uint64_t twice = low + low;
        tripled[i][0] = twice + low;
        tripled[i][1] = sign + sign + sign + (twice < low) + (tripled[i][0] < twice);
    }
    int32_t status = pc_add(f->a, 0, f->a, 0, f->b, 0, COUNT);
    PC_REQUIRE(status == PC_OK, status);
    status = pc_negate(f->b, 0, f->b, 0, COUNT);
    PC_REQUIRE(status == PC_OK, status);
    status = pc_add_plain(&tripled[0][0], 2, f->b, 0, COUNT);
    PC_REQUIRE(status == PC_OK, status);
    return expect(f, f->b, (const uint64_t *)messages, 1, COUNT);
}

/* Message 7 in a slot of 64 bits above message 3, and 255 times message 1. */
static int32_t test_combination(fixture *f)
{
    const pc_term terms[] = {{1, 0, 3, 0, 0}, {1, 0, 7, 64, 0}, {255, 0, 1, 0, 0}};
    const int32_t first[] = {0, 2, 3};
    const uint64_t wanted[2][2] = {{(uint64_t)messages[3], (uint64_t)messages[7]}, {255, 0}};
    const pc_batch *source = f->a;
    int32_t status = pc_combine(&source, 1, terms, first, 2, f->b, 0, NULL);
    PC_REQUIRE(status == PC_OK, status);
    return expect(f, f->b, &wanted[0][0], 2, 2);
}

/* 2(x + y) + z on two tiles, an absent input in the second. */
static int32_t test_program(fixture *f)
{
    const int32_t inputs[] = {1, 7, 8, 3, -1, 1};
    const int32_t outputs[] = {1, 0};
    const int64_t wanted[] = {2 * 12345678901234567 + 1, 2 * (1 + 77) - 1000003};
    const pc_view source = {f->a, inputs, COUNT, 3}, target = {f->b, outputs, COUNT, 1};
    int64_t bytes = 0;
    int32_t status = pc_program_scratch_bytes(f->program, f->key, 2, &bytes);
    PC_REQUIRE(status == PC_OK, status);
    uint8_t *scratch = pc_allocate((size_t)bytes);
    PC_REQUIRE(scratch != NULL, PC_ERR_MEMORY);
    status = pc_program_run(f->program, &source, 1, &target, 0, 2, scratch, bytes, NULL);
    pc_release(scratch);
    PC_REQUIRE(status == PC_OK, status);
    return expect(f, f->b, (const uint64_t *)wanted, 1, 2);
}

/* -1 = n^2 - 1 has order 2: no ciphertext of a short-order key, and all are refused with it. */
static int32_t test_refusal(fixture *f)
{
    mp_limb_t square[2 * WORDS];
    mpn_sqr(square, f->n, WORDS);
    square[0] -= 1; /* n is odd */
    pc_bytes_from_limbs(f->bytes, 2 * MODULUS_BYTES, square);
    int32_t status = pc_import(f->bytes, 2 * MODULUS_BYTES, f->b, COUNT - 1, 1);
    PC_REQUIRE(status == PC_OK, status);
    status = pc_decrypt(f->private_key, f->b, 0, COUNT, f->plaintexts, COUNT * WORDS);
    PC_REQUIRE(status == PC_ERR_SUBGROUP, PC_ERR_SELF_TEST);
    return mpn_zero_p(f->plaintexts, COUNT * WORDS) != 0 ? PC_OK : PC_ERR_SELF_TEST;
}

typedef int32_t (*self_test)(fixture *);

/* Tests of one key, up to a null. */
static int32_t run_tests(int32_t (*create)(fixture *, int32_t), int32_t kernel, const self_test *tests)
{
    fixture *f = pc_allocate_zeroed(sizeof *f);
    PC_REQUIRE(f != NULL, PC_ERR_MEMORY);
    int32_t status = set_up(f, create, kernel);
    for (; status == PC_OK && *tests != NULL; tests++) {
        status = (*tests)(f);
    }
    tear_down(f);
    pc_release(f);
    return status;
}

int32_t pc_self_test(int32_t kernel)
{
    static const self_test tests[] = {test_encryption, test_sums, test_combination, test_program, NULL};
    static const self_test tests_of_short_order[] = {test_encryption, test_refusal, NULL};
    PC_REQUIRE(kernel >= 0 && kernel < pc_kernel_count(), PC_ERR_RANGE);
    int32_t status = run_tests(create_key, kernel, tests);
    if (status == PC_OK) {
        status = run_tests(create_short_key, kernel, tests_of_short_order);
    }
    /* Every argument above is right, so any refusal is a failure of the build too. */
    return status == PC_OK || status == PC_ERR_MEMORY ? status : PC_ERR_SELF_TEST;
}
