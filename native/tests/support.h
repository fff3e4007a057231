/* What the tests share: checks that count, a seeded generator, keys, and ciphertexts as GMP integers. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "popcorn.h"

extern int passed, failed;

void check(bool condition, const char *file, int line, const char *text);
void check_status(int32_t status, int32_t wanted, const char *file, int line, const char *text);
#define CHECK(condition) check((condition), __FILE__, __LINE__, #condition)
#define STATUS(wanted, call) check_status((call), (wanted), __FILE__, __LINE__, #call)
#define OK(call) STATUS(PC_OK, call)

/* Prints "N passed, N failed"; the exit status of main. */
int summary(void);

/* A deterministic generator, for tests only. */
uint64_t random_word(void);
int32_t random_below(int32_t bound);
void random_bytes(void *target, size_t bytes);
/* Uniform below the bound, or one of the numbers where carries and borrows go wrong. */
void random_integer(mpz_t r, const mpz_t bound);
void adversarial_integer(mpz_t r, const mpz_t bound);

void integer_from_bytes(mpz_t r, const void *bytes, size_t count);
void bytes_from_integer(void *bytes, size_t count, const mpz_t a);

typedef struct key {
    mpz_t p, q, n, n_squared, h, h_s;
    int32_t bits, prime_bytes, modulus_bytes, ciphertext_bytes, words;
    uint8_t p_bytes[PC_MAX_KEY_BITS / 16], q_bytes[PC_MAX_KEY_BITS / 16];
    uint8_t n_bytes[PC_MAX_KEY_BITS / 8], h_bytes[PC_MAX_KEY_BITS / 8];
    mpz_t u_p, u_q; /* of a short-order key; else 0 */
    int32_t order_bits, order_bytes;
    uint8_t u_p_bytes[PC_SHORT_ORDER_BITS / 8], u_q_bytes[PC_SHORT_ORDER_BITS / 8];
    pc_public *public;
    pc_private *private_key;
} key;

/* A key of `bits` bits (the same for the same state of the generator). */
void key_create(key *k, int32_t bits, int32_t kernel);
void key_from_primes(key *k, const mpz_t p, const mpz_t q, int32_t kernel);
/* A short-order key, the same way. */
void key_create_short(key *k, int32_t bits, int32_t kernel);
void key_from_orders(key *k, const mpz_t p, const mpz_t q, const mpz_t u_p, const mpz_t u_q, int32_t kernel);
void key_free(key *k);

int32_t kernel_count(void);
/* A vector kernel in plain C, some fifty times slower than the real one: not for millions of products. */
bool is_emulated(int32_t kernel);

/* Whether a kernel is the one of GMP for more lanes, which the code above kernels sees as any length shows. */
bool is_another_number_of_lanes(int32_t kernel);

/* Ciphertexts of a batch as integers, through import and export. */
void read_number(mpz_t r, const key *k, const pc_batch *batch, int32_t index);
void write_number(const key *k, pc_batch *batch, int32_t index, const mpz_t value);
bool number_is(const key *k, const pc_batch *batch, int32_t index, const mpz_t value);
/* A random unit modulo n^2; every other one adversarial. */
void random_unit(mpz_t r, const key *k);
/* A batch of such units; values (may be null) receives `count` initialised integers. */
pc_batch *random_batch(const key *k, int32_t count, mpz_t *values);
mpz_t *integers_create(int32_t count);
void integers_free(mpz_t *values, int32_t count);
/* Copies of all ciphertexts in standard form, to see that a refused call changed nothing. */
uint8_t *snapshot(const key *k, const pc_batch *batch, int32_t count);
bool unchanged(const key *k, const pc_batch *batch, int32_t count, const uint8_t *before);

/* Paillier by the book: m = L(c^lambda mod n^2) * mu mod n. */
void textbook_decrypt(mpz_t m, const key *k, const mpz_t c);

/* A public key with n = 65521 * p, p prime: a factor below 2^16. Returns the bytes of n, 32 at most. */
int32_t public_with_small_factor(pc_public **public, int32_t kernel);

#endif
