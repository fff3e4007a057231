#include "numbers.h"

#include <string.h>

#include "../include/popcorn.h"
#include "memory.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#  error "byte strings are copied to limbs as they are: a little-endian processor is needed"
#endif

_Static_assert(PC_MAX_PLAINTEXT_WORDS == PC_MAX_KEY_BITS / 64 + 1, "one word more than the largest key");

void pc_limbs_from_bytes(mp_limb_t *r, int32_t limbs, const uint8_t *bytes, int32_t count)
{
    memset(r, 0, (size_t)limbs * sizeof *r);
    memcpy(r, bytes, (size_t)count);
}

void pc_bytes_from_limbs(uint8_t *bytes, int32_t count, const mp_limb_t *a)
{
    memcpy(bytes, a, (size_t)count);
}

int32_t pc_bit_length(const uint8_t *bytes, int32_t count)
{
    while (count > 0 && bytes[count - 1] == 0) {
        count--;
    }
    int32_t bits = count * 8;
    for (int32_t mask = 0x80; count > 0 && (bytes[count - 1] & mask) == 0; mask >>= 1) {
        bits--;
    }
    return bits;
}

int32_t pc_normalized_limbs(const mp_limb_t *a, int32_t limbs)
{
    while (limbs > 0 && a[limbs - 1] == 0) {
        limbs--;
    }
    return limbs;
}

int32_t pc_window_at(const mp_limb_t *a, int32_t limbs, int32_t bit, int32_t width)
{
    int32_t limb = bit / 64, shift = bit % 64;
    mp_limb_t value = a[limb] >> shift;
    if (shift > 64 - width && limb + 1 < limbs) {
        value |= a[limb + 1] << (64 - shift);
    }
    return (int32_t)(value & ((UINT64_C(1) << width) - 1));
}

void pc_mpz_from_bytes(mpz_t r, const uint8_t *bytes, int32_t count)
{
    mpz_import(r, (size_t)count, -1, 1, 0, 0, bytes);
}

void pc_mpz_from_limbs(mpz_t r, const mp_limb_t *a, int32_t limbs)
{
    mpz_import(r, (size_t)limbs, -1, sizeof *a, 0, 0, a);
}

void pc_limbs_from_mpz(mp_limb_t *r, int32_t limbs, const mpz_t a)
{
    memset(r, 0, (size_t)limbs * sizeof *r);
    mpz_export(r, NULL, -1, sizeof *r, 0, 0, a);
}

bool pc_residue_from_plaintext(mp_limb_t *k, const mp_limb_t *n, int32_t limbs, const uint64_t *words, int32_t count)
{
    mp_limb_t magnitude[PC_MAX_PLAINTEXT_WORDS] = {0};
    mp_limb_t negated[PC_MAX_PLAINTEXT_WORDS];
    memcpy(magnitude, words, (size_t)count * sizeof *magnitude);
    mp_limb_t negative = magnitude[count - 1] >> 63;
    mp_limb_t mask = 0 - negative;

    mp_limb_t carry = negative;
    mp_limb_t excess = 0;
    for (int32_t i = 0; i < PC_MAX_PLAINTEXT_WORDS; i++) {
        mp_limb_t word = i < count ? magnitude[i] ^ mask : 0;
        magnitude[i] = word + carry;
        carry = (mp_limb_t)(magnitude[i] < word);
        if (i >= limbs) {
            excess |= magnitude[i];
        }
    }
    mp_limb_t below = mpn_sub_n(negated, n, magnitude, limbs) ^ 1; /* no borrow: |m| <= n */
    mp_limb_t difference = 0;
    for (int32_t i = 0; i < limbs; i++) {
        difference |= negated[i];
        k[i] = (negated[i] & mask) | (magnitude[i] & ~mask);
    }
    bool in_range = excess == 0 && below == 1 && difference != 0;
    pc_wipe(magnitude, sizeof magnitude);
    pc_wipe(negated, sizeof negated);
    return in_range;
}

void pc_join_secret(mp_limb_t *x, const mp_limb_t *standard, const mp_limb_t *m, int32_t limbs)
{
    /* Rows by mpn_addmul_1: as constant in time as mpn_sec_mul and without its scratch. */
    memcpy(x, standard, (size_t)limbs * sizeof *x);
    for (int32_t i = 0; i < limbs; i++) {
        x[limbs + i] = mpn_addmul_1(x + i, m, limbs, standard[limbs + i]);
    }
}
