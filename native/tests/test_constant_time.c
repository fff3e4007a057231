/*
 * Under valgrind: everything that depends on the primes is marked as undefined memory, so that each branch and each
 * address that depends on it is reported as an error. The windows of the encryption exponents are outside of this: they
 * do choose addresses (see fixed_base.h).
 */
#include <valgrind/memcheck.h>

#include "../src/objects.h"
#include "support.h"

#define COUNT 9
#define EXPONENT_BITS 40

static void hide(void *memory, size_t bytes)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(memory, bytes);
}

static void reveal(void *memory, size_t bytes)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(memory, bytes);
}

/* Applies `mark` to all secret numbers of a private key. */
static void for_each_secret(pc_private *private_key, void (*mark)(void *, size_t))
{
    for (int i = 0; i < 2; i++) {
        pc_prime_side *side = &private_key->side[i];
        mark(side->modulus->m, sizeof side->modulus->m);
        mark(side->modulus->one, sizeof side->modulus->one);
        mark(side->modulus->state, side->modulus->kernel->state_bytes);
        mark(side->exponent, sizeof side->exponent);
        mark(side->decryption_factor, sizeof side->decryption_factor);
    }
    mark(private_key->inverse_p, sizeof private_key->inverse_p);
    mark(private_key->p_squared, sizeof private_key->p_squared);
    mark(private_key->q_squared, sizeof private_key->q_squared);
    mark(private_key->inverse_p_squared, sizeof private_key->inverse_p_squared);
}

static void test_key(int32_t bits, int32_t kernel)
{
    key k;
    key_create(&k, bits, kernel);
    mpz_t *values = integers_create(COUNT);
    pc_batch *batch = random_batch(&k, COUNT, values);
    size_t words = (size_t)k.words * COUNT;
    uint64_t *decrypted = malloc(words * 8);
    uint64_t plaintexts[COUNT];
    uint8_t random[COUNT * EXPONENT_BITS / 8];
    random_bytes(random, sizeof random);
    random_bytes(plaintexts, sizeof plaintexts);
    for (int i = 0; i < COUNT; i++) {
        plaintexts[i] >>= 8;
    }
    pc_encryptor *encryptor = NULL;

    for_each_secret(k.private_key, hide);
    int32_t decrypt_status = pc_decrypt(k.private_key, batch, 0, COUNT, decrypted, (int64_t)words);
    /* The tables are made from hidden numbers and are hidden with them. */
    int32_t create_status = pc_encryptor_create_owner(k.private_key, EXPONENT_BITS, 4, 0, &encryptor);
    int32_t encrypt_status =
        pc_encrypt(encryptor, plaintexts, 1, random, (int64_t)sizeof random, batch, 0, COUNT);
    for_each_secret(k.private_key, reveal);
    reveal(decrypted, words * 8);
    reveal(pc_batch_at(batch, 0), (size_t)COUNT * (size_t)k.public->modulus->number_words * sizeof(mp_limb_t));
    OK(decrypt_status);
    OK(create_status);
    OK(encrypt_status);

    mpz_t wanted, found;
    mpz_inits(wanted, found, NULL);
    OK(pc_decrypt(k.private_key, batch, 0, COUNT, decrypted, (int64_t)words));
    for (int i = 0; i < COUNT; i++) {
        integer_from_bytes(wanted, &plaintexts[i], 8);
        integer_from_bytes(found, decrypted + i * k.words, (size_t)k.words * 8);
        CHECK(mpz_cmp(wanted, found) == 0);
    }
    mpz_clears(wanted, found, NULL);
    OK(pc_encryptor_free(encryptor));
    OK(pc_batch_free(batch));
    integers_free(values, COUNT);
    free(decrypted);
    key_free(&k);
}

int main(void)
{
    if (RUNNING_ON_VALGRIND == 0) {
        fprintf(stderr, "this test shows nothing unless it runs under valgrind\n");
        return 2;
    }
    for (int32_t i = 0; i < pc_kernel_count(); i++) {
        if (strcmp(pc_kernel_at(i)->name, "gmp8") != 0) { /* its state holds a pointer to another kernel */
            test_key(254, i);
            test_key(512, i);
            test_key(2048, i);
        }
    }
    return summary();
}
