/*
 * Under valgrind: secrets are marked as undefined memory, so that each branch and each address that depends on one is
 * an error that valgrind counts. The vector kernel runs as the same source in plain C, because valgrind does not know
 * AVX-512: what is tested of it is the algorithm, not what the compiler makes of the real intrinsics.
 */
#include <stddef.h>

#include <valgrind/memcheck.h>

#include "../src/objects.h"
#include "support.h"

/* A group and a single number: both ways of a power. */
#define COUNT (PC_MAX_LANES + 1)
#define EXPONENT_BITS 24

static void hide(void *memory, size_t bytes)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(memory, bytes);
}

static void reveal(void *memory, size_t bytes)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(memory, bytes);
}

/* Applies `mark` to a modulus and to what its kernel made of it, except for numbers that only tell its length. */
static void for_each_number_of(pc_modulus *modulus, void (*mark)(void *, size_t))
{
    size_t lengths = modulus->kernel->public_state_bytes;
    mark(modulus->m, sizeof modulus->m);
    mark(modulus->one, sizeof modulus->one);
    mark(modulus->state + lengths, modulus->kernel->state_bytes - lengths);
}

/* Applies `mark` to all secret numbers of a private key. */
static void for_each_secret(pc_private *private_key, void (*mark)(void *, size_t))
{
    size_t factors = 4 * sizeof(mp_limb_t);
    for (int i = 0; i < 2; i++) {
        pc_prime_side *side = &private_key->side[i];
        for_each_number_of(side->modulus, mark);
        mark(side->exponent, sizeof side->exponent);
        mark(side->root_exponent, sizeof side->root_exponent);
        mark(side->split_factors, factors * pc_group_words(side->modulus));
    }
    mark(private_key->join_factors, factors * pc_group_words(private_key->key->modulus));
    mark(private_key->decrypt_factors, factors * pc_group_words(private_key->key->modulus));
    mark(private_key->blank, sizeof private_key->blank);
}

static unsigned errors(void)
{
    return VALGRIND_COUNT_ERRORS;
}

/* The last one, which stands for all: this is slow. */
static bool decrypts_to(const key *k, const pc_batch *batch, const uint64_t *plaintexts)
{
    uint64_t decrypted[PC_MAX_LIMBS];
    OK(pc_decrypt(k->private_key, batch, COUNT - 1, 1, decrypted, k->words));
    return decrypted[0] == plaintexts[COUNT - 1] && mpn_zero_p(decrypted + 1, k->words - 1);
}

/* The primes are secret, and whatever is made of them. */
static void test_decryption(const key *k)
{
    pc_batch *batch = NULL;
    int32_t words = COUNT * k->words;
    uint64_t plaintexts[COUNT];
    uint64_t *decrypted = malloc((size_t)words * 8);
    random_bytes(plaintexts, sizeof plaintexts);
    OK(pc_batch_create(k->public, COUNT, &batch));
    for (int i = 0; i < COUNT; i++) {
        plaintexts[i] >>= 8;
    }
    OK(pc_add_plain(plaintexts, 1, batch, 0, COUNT));

    unsigned before = errors();
    for_each_secret(k->private_key, hide);
    int32_t status = pc_decrypt(k->private_key, batch, 0, COUNT, decrypted, words);
    for_each_secret(k->private_key, reveal);
    reveal(&status, sizeof status);
    reveal(decrypted, (size_t)words * 8);
    CHECK(errors() == before);
    OK(status);
    for (int i = 0; i < COUNT; i++) {
        CHECK(decrypted[i * k->words] == plaintexts[i]);
    }
    free(decrypted);
    OK(pc_batch_free(batch));
}

/* A ciphertext outside the subgroup among others. */
static void test_refusal(const key *k)
{
    pc_batch *batch = NULL;
    mpz_t stranger;
    uint64_t decrypted[3 * PC_MAX_LIMBS];
    OK(pc_batch_create(k->public, 3, &batch));
    mpz_init(stranger);
    mpz_sub_ui(stranger, k->n_squared, 1);
    write_number(k, batch, 1, stranger);
    unsigned before = errors();
    for_each_secret(k->private_key, hide);
    int32_t status = pc_decrypt(k->private_key, batch, 0, 3, decrypted, 3 * k->words);
    for_each_secret(k->private_key, reveal);
    reveal(&status, sizeof status);
    reveal(decrypted, sizeof decrypted);
    CHECK(errors() == before);
    STATUS(PC_ERR_SUBGROUP, status);
    CHECK(mpn_zero_p(decrypted, 3 * k->words) != 0);
    mpz_clear(stranger);
    OK(pc_batch_free(batch));
}

/* The roots by which the owner proves what n is. */
static void test_roots(const key *k)
{
    int64_t bytes = (int64_t)COUNT * k->modulus_bytes;
    uint8_t *numbers = malloc((size_t)bytes), *roots = malloc((size_t)bytes);
    mpz_t number;
    mpz_init(number);
    for (int i = 0; i < COUNT; i++) {
        random_integer(number, k->n);
        bytes_from_integer(numbers + (ptrdiff_t)i * k->modulus_bytes, (size_t)k->modulus_bytes, number);
    }
    unsigned before = errors();
    for_each_secret(k->private_key, hide);
    int32_t status = pc_find_roots(k->private_key, numbers, bytes, COUNT, roots);
    for_each_secret(k->private_key, reveal);
    reveal(&status, sizeof status);
    reveal(roots, (size_t)bytes);
    CHECK(errors() == before);
    OK(status);
    mpz_t root;
    mpz_init(root);
    for (int i = 0; i < COUNT; i++) {
        integer_from_bytes(root, roots + (ptrdiff_t)i * k->modulus_bytes, (size_t)k->modulus_bytes);
        integer_from_bytes(number, numbers + (ptrdiff_t)i * k->modulus_bytes, (size_t)k->modulus_bytes);
        mpz_powm(root, root, k->n, k->n);
        CHECK(mpz_cmp(root, number) == 0);
    }
    mpz_clears(number, root, NULL);
    free(numbers);
    free(roots);
}

typedef struct encryption {
    pc_encryptor *encryptor;
    pc_batch *batch;
    int32_t random_bytes; /* those in use */
    uint8_t random[COUNT * 2 * (PC_SHORT_ORDER_BITS + PC_HIDING_BITS) / 8];
    uint64_t plaintexts[COUNT];
} encryption;

/* Encrypts and re-randomises once. */
static void run(encryption *e)
{
    const int64_t bytes = (int64_t)COUNT * e->random_bytes;
    int32_t encrypted = pc_encrypt(e->encryptor, e->plaintexts, 1, e->random, bytes, e->batch, 0, COUNT);
    int32_t rerandomized = pc_rerandomize(e->encryptor, e->random, bytes, e->batch, 0, COUNT);
    reveal(e->batch->numbers,
           (size_t)(e->batch->count * e->batch->key->modulus->number_words) * sizeof(mp_limb_t));
    OK(encrypted);
    OK(rerandomized);
}

static void draw(encryption *e, const key *k)
{
    *e = (encryption){.batch = random_batch(k, COUNT, NULL)};
    random_bytes(e->random, sizeof e->random);
    for (int i = 0; i < COUNT; i++) {
        e->plaintexts[i] = random_word() >> 8;
    }
}

static void finish(encryption *e, const key *k)
{
    CHECK(decrypts_to(k, e->batch, e->plaintexts));
    OK(pc_encryptor_free(e->encryptor));
    OK(pc_batch_free(e->batch));
}

/* The owner's tables are made from secret numbers, and are secret with them. */
static void test_owner_encryption(const key *k, int32_t flags)
{
    encryption e;
    draw(&e, k);
    unsigned before = errors();
    for_each_secret(k->private_key, hide);
    int32_t exponent_bits = k->order_bits != 0 ? k->order_bits : EXPONENT_BITS;
    int32_t status = pc_encryptor_create_owner(k->private_key, exponent_bits, 4, flags, &e.encryptor);
    OK(pc_encryptor_random_bytes(e.encryptor, &e.random_bytes));
    if ((flags & PC_FLAG_CONSTANT_TIME) != 0) {
        hide(e.random, sizeof e.random);
    }
    run(&e);
    for_each_secret(k->private_key, reveal);
    reveal(e.random, sizeof e.random);
    CHECK(errors() == before);
    OK(status);
    finish(&e, k);
}

/* In constant time by request: nothing shows of the randomness. */
static void test_public_encryption(const key *k)
{
    encryption e;
    draw(&e, k);
    OK(pc_encryptor_create_public(k->public, EXPONENT_BITS, 4, PC_FLAG_CONSTANT_TIME, &e.encryptor));
    OK(pc_encryptor_random_bytes(e.encryptor, &e.random_bytes));
    unsigned before = errors();
    hide(e.random, sizeof e.random);
    run(&e);
    reveal(e.random, sizeof e.random);
    CHECK(errors() == before);
    finish(&e, k);
}

/* That the test sees what it is there to see: a branch and an address that depend on a secret. */
static void test_controls(void)
{
    static const uint8_t table[256] = {1, 2, 3};
    static volatile uint8_t sink;
    volatile uint8_t secret = (uint8_t)random_word();
    hide((void *)(uintptr_t)&secret, sizeof secret);
    unsigned before = errors();
    if (secret > 100) {
        sink = 1;
    }
    CHECK(errors() > before);
    before = errors();
    sink = table[secret];
    CHECK(errors() > before);
    reveal((void *)(uintptr_t)&secret, sizeof secret);
    reveal((void *)(uintptr_t)&sink, sizeof sink);
}

int main(void)
{
    if (RUNNING_ON_VALGRIND == 0) {
        fprintf(stderr, "this test shows nothing unless it runs under valgrind\n");
        return 2;
    }
    fprintf(stderr, "errors that must be seen:\n");
    test_controls();
    fprintf(stderr, "errors that must not be:\n");
    for (int32_t i = 0; i < pc_kernel_count(); i++) {
        /* In plain C a vector kernel's longest loops are slow here, and those of half the length are the same ones. */
        bool is_slow = is_emulated(i) && getenv("POPCORN_SLOW_TESTS") == NULL;
        const int32_t sizes[] = {254, is_slow ? 1024 : 2048};
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            if (j > 0 && is_another_number_of_lanes(i)) {
                continue; /* GMP's functions for long numbers are those of one lane */
            }
            key k;
            key_create(&k, sizes[j], i);
            test_decryption(&k);
            if (j == 0) { /* powers and sums of products as in the others, which is slow here */
                test_roots(&k);
                test_owner_encryption(&k, 0);
                test_public_encryption(&k);
            }
            test_owner_encryption(&k, PC_FLAG_CONSTANT_TIME);
            key_free(&k);

            /* Orders are secret too, and whether all ciphertexts are in the subgroup shows in the status alone. */
            key_create_short(&k, sizes[j], i);
            test_decryption(&k);
            if (j == 0) {
                test_refusal(&k);
                test_roots(&k);
            }
            test_owner_encryption(&k, PC_FLAG_CONSTANT_TIME);
            key_free(&k);
        }
    }
    return summary();
}
