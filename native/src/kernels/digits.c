#include "digits.h"

#include <string.h>

#include "../memory.h"
#include "../numbers.h"

static mp_limb_t mask_of(int32_t bits)
{
    return (UINT64_C(1) << bits) - 1;
}

void pc_digits_of_limbs(mp_limb_t *words, int32_t stride, int32_t count, int32_t bits, const mp_limb_t *limbs,
                        int32_t limb_count)
{
    for (int32_t i = 0; i < count; i++) {
        int32_t bit = i * bits, limb = bit / 64, shift = bit % 64;
        mp_limb_t digit = limb < limb_count ? limbs[limb] >> shift : 0;
        if (shift > 64 - bits && limb + 1 < limb_count) {
            digit |= limbs[limb + 1] << (64 - shift);
        }
        words[(ptrdiff_t)i * stride] = digit & mask_of(bits);
    }
}

void pc_limbs_of_digits(mp_limb_t *limbs, int32_t limb_count, const mp_limb_t *words, int32_t stride, int32_t count,
                        int32_t bits)
{
    memset(limbs, 0, (size_t)limb_count * sizeof *limbs);
    for (int32_t i = 0; i < count; i++) {
        int32_t bit = i * bits, limb = bit / 64, shift = bit % 64;
        mp_limb_t digit = words[(ptrdiff_t)i * stride] & mask_of(bits);
        if (limb < limb_count) {
            limbs[limb] |= digit << shift;
        }
        if (shift > 64 - bits && limb + 1 < limb_count) {
            limbs[limb + 1] |= digit >> (64 - shift);
        }
    }
}

mp_limb_t pc_negative_inverse(mp_limb_t m)
{
    mp_limb_t inverse = 1; /* Newton: each step doubles the number of right bits, m*1 = 1 (mod 2) */
    for (int i = 0; i < 6; i++) {
        inverse *= 2 - m * inverse;
    }
    return 0 - inverse;
}

/* The digits of a number that is not negative and below R. */
static void export_digits(mp_limb_t *digits, int32_t count, int32_t bits, const mpz_t x)
{
    pc_digits_of_limbs(digits, 1, count, bits, mpz_limbs_read(x), (int32_t)mpz_size(x));
}

void pc_digits_setup(const pc_modulus *modulus, int32_t count, int32_t bits, mp_limb_t *m, mp_limb_t *offset,
                     mp_limb_t *first, mp_limb_t *second)
{
    mp_bitcnt_t radix_bits = (mp_bitcnt_t)count * (mp_bitcnt_t)bits;
    mpz_t divisor, value, quotient;
    mpz_init2(divisor, radix_bits);
    mpz_init2(value, 2 * radix_bits + 128);
    mpz_init2(quotient, 2 * radix_bits + 128);
    mpz_import(divisor, (size_t)modulus->limbs, -1, sizeof(mp_limb_t), 0, 0, modulus->m);
    export_digits(m, count, bits, divisor);

    mpz_setbit(value, radix_bits);
    mpz_ui_sub(value, 1, value);
    mpz_fdiv_r(value, value, divisor); /* E */
    export_digits(offset, count, bits, value);
    for (int32_t i = 0; i < count; i++) {
        offset[i] += mask_of(bits);
    }

    mpz_mul(quotient, divisor, divisor);
    mpz_set_ui(value, 0);
    mpz_setbit(value, 2 * radix_bits);
    mpz_mod(value, value, quotient);
    mpz_fdiv_qr(quotient, value, value, divisor);
    export_digits(first, count, bits, value);
    export_digits(second, count, bits, quotient);
    pc_mpz_clear_secret(divisor);
    pc_mpz_clear_secret(value);
    pc_mpz_clear_secret(quotient);
}

/* (top, u) -= m unless that is negative; returns 1 if it was subtracted. */
static mp_limb_t subtract_modulus(const pc_modulus *modulus, mp_limb_t *u)
{
    int32_t limbs = modulus->limbs;
    mp_limb_t top = u[limbs] - mpn_sub_n(u, u, modulus->m, limbs);
    mp_limb_t negative = top >> 63;
    u[limbs] = top + mpn_cnd_add_n(negative, u, u, modulus->m, limbs);
    return negative ^ 1;
}

/* (A, B) and (A - m, B + 1) are the same number. */
void pc_standard_of_halves(const pc_modulus *modulus, mp_limb_t *standard, mp_limb_t *a, mp_limb_t *b)
{
    int32_t limbs = modulus->limbs;
    mp_limb_t one[PC_MAX_LIMBS + 1] = {subtract_modulus(modulus, a)};
    mpn_add_n(b, b, one, limbs + 1);
    subtract_modulus(modulus, b);
    subtract_modulus(modulus, b);
    memcpy(standard, a, (size_t)limbs * sizeof *a);
    memcpy(standard + limbs, b, (size_t)limbs * sizeof *b);
}

void pc_two_in_form(mp_limb_t *start, const mp_limb_t *p, int32_t limbs, mp_bitcnt_t radix_bits)
{
    mpz_t divisor, value;
    mpz_init2(divisor, radix_bits);
    mpz_init2(value, radix_bits + 128);
    pc_mpz_from_limbs(divisor, p, limbs);
    mpz_setbit(value, radix_bits + 1);
    mpz_mod(value, value, divisor);
    pc_limbs_from_mpz(start, limbs, value);
    pc_mpz_clear_secret(divisor);
    pc_mpz_clear_secret(value);
}

bool pc_is_one_or_minus_one(const mp_limb_t *power, const mp_limb_t *p, int32_t limbs, mp_bitcnt_t radix_bits)
{
    mpz_t divisor, value, r;
    mpz_init2(divisor, radix_bits);
    mpz_init2(value, radix_bits + 128);
    mpz_init2(r, radix_bits + 128);
    pc_mpz_from_limbs(divisor, p, limbs);
    pc_mpz_from_limbs(value, power, limbs + 1);
    mpz_setbit(r, radix_bits);
    bool passed = mpz_congruent_p(value, r, divisor) != 0;
    mpz_add(value, value, r);
    passed = passed || mpz_divisible_p(value, divisor);
    pc_mpz_clear_secret(divisor);
    pc_mpz_clear_secret(value);
    pc_mpz_clear_secret(r);
    return passed;
}
