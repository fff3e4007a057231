/* What the two files of the AVX-512 IFMA kernel share: the constants of a modulus, and its vectors of 52-bit digits. */
#ifndef PC_IFMA_H
#define PC_IFMA_H

#include "kernel.h"

#include <immintrin.h>

#define LANES 8
#define DIGIT_BITS 52
#define DIGIT_MASK ((UINT64_C(1) << DIGIT_BITS) - 1)
#define MAX_DIGITS 80

_Static_assert(LANES <= PC_MAX_LANES && 2 * MAX_DIGITS <= PC_MAX_NUMBER_WORDS, "the limits of all kernels");

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

#define ALL_LANES ((__mmask8)0xff)

typedef __m512i vector;

typedef struct ifma_state {
    int32_t digits; /* K */
    int32_t tile;   /* 20 or 15, divides K */
    mp_limb_t inverse; /* -m^-1 mod 2^52 */
    mp_limb_t m[MAX_DIGITS];
    mp_limb_t offset[MAX_DIGITS];        /* digits of R - 1 + E: 2^52 - 1 + e_i       */
    mp_limb_t r_squared[2 * MAX_DIGITS]; /* R^2 mod m^2 as A and B: A is R^2 mod m */
} ifma_state;

static inline const ifma_state *state_of(const pc_modulus *modulus)
{
    return (const ifma_state *)(const void *)modulus->state;
}

INLINE vector load(const mp_limb_t *group, int32_t i)
{
    return _mm512_load_si512(group + (ptrdiff_t)i * LANES);
}

INLINE void store(mp_limb_t *group, int32_t i, vector x)
{
    _mm512_store_si512(group + (ptrdiff_t)i * LANES, x);
}

INLINE vector broadcast(mp_limb_t x)
{
    return _mm512_set1_epi64((long long)x);
}

INLINE vector add_low(vector sum, vector x, vector y)
{
    return _mm512_madd52lo_epu64(sum, x, y);
}

INLINE vector add_high(vector sum, vector x, vector y)
{
    return _mm512_madd52hi_epu64(sum, x, y);
}

INLINE vector digit_mask(void)
{
    return broadcast(DIGIT_MASK);
}

/* Digit i of each lane, on its own. */
INLINE vector digit_at(const mp_limb_t *group, int32_t i)
{
    return _mm512_and_si512(load(group, i), digit_mask());
}

/* Vectors stay in memory from here on: the compiler would carry more of them along than there are registers. */
INLINE void start_block(void)
{
    __asm__ volatile("" ::: "memory");
}

/* pc_kernel.power_pair */
void PC_IN_KERNEL(pc_ifma_power_pair)(const pc_modulus *const moduli[2], mp_limb_t *const numbers[2],
                                      const mp_limb_t *const exponents[2], int32_t bits, mp_limb_t *table);

#endif
