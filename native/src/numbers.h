/* Multi-limb helpers: byte strings, two's complement plaintexts. */
#ifndef PC_NUMBERS_H
#define PC_NUMBERS_H

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

/* Little-endian bytes to limbs, zero-extended; count <= 8 * limbs. */
void pc_limbs_from_bytes(mp_limb_t *r, int32_t limbs, const uint8_t *bytes, int32_t count);
/* The low `count` bytes of a number; count <= 8 * its limbs. */
void pc_bytes_from_limbs(uint8_t *bytes, int32_t count, const mp_limb_t *a);

/* Bits of a little-endian byte string; 0 for zero. */
int32_t pc_bit_length(const uint8_t *bytes, int32_t count);
/* Limbs of a number without its zero top limbs; variable time. */
int32_t pc_normalized_limbs(const mp_limb_t *a, int32_t limbs);

/* Bits bit .. bit + width - 1 of a number, width <= 16; zero beyond it. Constant time in the number. */
int32_t pc_window_at(const mp_limb_t *a, int32_t limbs, int32_t bit, int32_t width);

/* mpz from little-endian bytes or limbs, and into exactly `limbs` limbs (zero-extended; the number must fit). */
void pc_mpz_from_bytes(mpz_t r, const uint8_t *bytes, int32_t count);
void pc_mpz_from_limbs(mpz_t r, const mp_limb_t *a, int32_t limbs);
void pc_limbs_from_mpz(mp_limb_t *r, int32_t limbs, const mpz_t a);

/* Words of a signed plaintext may exceed those of n: sign extension. */
#define PC_MAX_PLAINTEXT_WORDS 65

/*
 * k = m mod n for the two's complement number m of `count` words; false unless |m| < n. Constant time in m as long as
 * it is in range.
 */
bool pc_residue_from_plaintext(mp_limb_t *k, const mp_limb_t *n, int32_t limbs, const uint64_t *words, int32_t count);

/* x = a + b*m in 2 * limbs limbs, constant time. */
void pc_join_secret(mp_limb_t *x, const mp_limb_t *standard, const mp_limb_t *m, int32_t limbs);

#endif
