/* What kernels with short digits share: digits from limbs and back, and the constants of a modulus as digits. */
#ifndef PC_DIGITS_H
#define PC_DIGITS_H

#include "kernel.h"

/* words[i * stride] = digit i of `count`, of `bits` bits each, of a number of `limb_count` limbs. */
void pc_digits_of_limbs(mp_limb_t *words, int32_t stride, int32_t count, int32_t bits, const mp_limb_t *limbs,
                        int32_t limb_count);

/* The number that fits `limb_count` limbs and has these digits; what stands above a digit in its word is ignored. */
void pc_limbs_of_digits(mp_limb_t *limbs, int32_t limb_count, const mp_limb_t *words, int32_t stride, int32_t count,
                        int32_t bits);

/* -m^-1 mod 2^64 for an odd m */
mp_limb_t pc_negative_inverse(mp_limb_t m);

/*
 * For R = 2^(count * bits), as `count` digits each: m; offset, the digits e_i + 2^bits - 1 of R - 1 + E with
 * E = (1 - R) mod m; R^2 mod m^2 = first + second * m. modulus: limbs and m are set.
 */
void pc_digits_setup(const pc_modulus *modulus, int32_t count, int32_t bits, mp_limb_t *m, mp_limb_t *offset,
                     mp_limb_t *first, mp_limb_t *second);

/* The standard form of a + b*m, a < 2m and b < 3m - 1 of limbs + 1 limbs each, which are destroyed. */
void pc_standard_of_halves(const pc_modulus *modulus, mp_limb_t *standard, mp_limb_t *a, mp_limb_t *b);

/*
 * For a kernel's test of primes, with R = 2^radix_bits: start = 2*R mod p, and whether power, of limbs + 1 limbs, is R
 * or -R modulo p. Variable time.
 */
void pc_two_in_form(mp_limb_t *start, const mp_limb_t *p, int32_t limbs, mp_bitcnt_t radix_bits);
bool pc_is_one_or_minus_one(const mp_limb_t *power, const mp_limb_t *p, int32_t limbs, mp_bitcnt_t radix_bits);

#endif
