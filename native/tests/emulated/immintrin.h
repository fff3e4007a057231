/*
 * Intrinsics in plain C, without a branch: those that the vector kernels use. Tests compile the kernels' own sources a
 * second time against this header, as more kernels: their algorithms run on any processor, and under valgrind, which
 * does not know AVX-512. What the compiler makes of the real intrinsics is beyond what this can show.
 *
 * One line adds an intrinsic, whatever the width of its vectors. One that is missing here is an error of the compiler.
 */
#ifndef EMULATED_IMMINTRIN_H
#define EMULATED_IMMINTRIN_H

#include <stdbool.h>
#include <stdint.h>

/* The processor that a kernel asks for its features. */
#define __builtin_cpu_supports(feature) true

typedef struct __m512i {
    uint64_t lane[8];
} __attribute__((aligned(64), may_alias)) __m512i;

typedef struct __m128i {
    uint64_t lane[2];
} __m128i;

typedef struct __m256i {
    int32_t lane[8];
} __attribute__((may_alias)) __m256i;

typedef uint8_t __mmask8;

#define EMULATED static inline __attribute__((always_inline))

/* A function that returns a vector, by what is in its lane i, or the mask of as many lanes, by its bit i. */
#define LANES_OF(type) ((int32_t)(sizeof((type){0}).lane / sizeof((type){0}).lane[0]))

#define VECTOR(type, name, parameters, lane_i)        \
    EMULATED type name parameters                     \
    {                                                 \
        type r_;                                      \
        for (int32_t i = 0; i < LANES_OF(type); i++) { \
            r_.lane[i] = (lane_i);                    \
        }                                             \
        return r_;                                    \
    }

#define MASK(type, name, parameters, bit_i)           \
    EMULATED __mmask8 name parameters                 \
    {                                                 \
        uint32_t r_ = 0;                              \
        for (int32_t i = 0; i < LANES_OF(type); i++) { \
            r_ |= (uint32_t)((bit_i) & 1) << i;       \
        }                                             \
        return (__mmask8)r_;                          \
    }

/* One of two, by bit i of the mask k. */
EMULATED uint64_t emulated_choose(uint32_t k, int32_t i, uint64_t one, uint64_t zero)
{
    uint64_t mask = 0 - (uint64_t)(k >> i & 1);
    return (one & mask) | (zero & ~mask);
}

EMULATED uint64_t emulated_low52(uint64_t x)
{
    return x & ((UINT64_C(1) << 52) - 1);
}

EMULATED uint64_t emulated_product_low52(uint64_t x, uint64_t y)
{
    return emulated_low52(emulated_low52(x) * emulated_low52(y));
}

EMULATED uint64_t emulated_product_high52(uint64_t x, uint64_t y)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)emulated_low52(x) * emulated_low52(y) >> 52);
}

/* Bit by bit the entry of the truth table that a, b and c name. */
EMULATED uint64_t emulated_truth(uint64_t a, uint64_t b, uint64_t c, uint32_t truth_table)
{
    uint64_t r = 0;
    for (int32_t entry = 0; entry < 8; entry++) {
        uint32_t names = (uint32_t)entry;
        r |= emulated_choose(names, 2, a, ~a) & emulated_choose(names, 1, b, ~b) & emulated_choose(names, 0, c, ~c) &
             emulated_choose(truth_table, entry, UINT64_MAX, 0);
    }
    return r;
}

EMULATED __m512i _mm512_load_si512(const void *at)
{
    return *(const __m512i *)at;
}

EMULATED void _mm512_store_si512(void *at, __m512i a)
{
    *(__m512i *)at = a;
}

EMULATED __m256i _mm256_loadu_si256(const __m256i *at)
{
    return *at;
}

EMULATED __m128i _mm512_castsi512_si128(__m512i a)
{
    return (__m128i){{a.lane[0], a.lane[1]}};
}

EMULATED long long _mm_cvtsi128_si64(__m128i a)
{
    return (long long)a.lane[0];
}

VECTOR(__m512i, _mm512_setzero_si512, (void), 0)
VECTOR(__m512i, _mm512_cvtepi32_epi64, (__m256i a), (uint64_t)(int64_t)a.lane[i])
VECTOR(__m512i, _mm512_set1_epi64, (long long x), (uint64_t)x)

VECTOR(__m512i, _mm512_add_epi64, (__m512i a, __m512i b), a.lane[i] + b.lane[i])
VECTOR(__m512i, _mm512_sub_epi64, (__m512i a, __m512i b), a.lane[i] - b.lane[i])
VECTOR(__m512i, _mm512_and_si512, (__m512i a, __m512i b), a.lane[i] & b.lane[i])
VECTOR(__m512i, _mm512_or_si512, (__m512i a, __m512i b), a.lane[i] | b.lane[i])
VECTOR(__m512i, _mm512_andnot_si512, (__m512i a, __m512i b), ~a.lane[i] & b.lane[i])
VECTOR(__m512i, _mm512_ternarylogic_epi64, (__m512i a, __m512i b, __m512i c, uint32_t truth_table),
       emulated_truth(a.lane[i], b.lane[i], c.lane[i], truth_table))
VECTOR(__m512i, _mm512_slli_epi64, (__m512i a, uint32_t n), a.lane[i] << n)
VECTOR(__m512i, _mm512_srli_epi64, (__m512i a, uint32_t n), a.lane[i] >> n)
VECTOR(__m512i, _mm512_srai_epi64, (__m512i a, uint32_t n), (uint64_t)((int64_t)a.lane[i] >> n))
VECTOR(__m512i, _mm512_madd52lo_epu64, (__m512i a, __m512i b, __m512i c),
       a.lane[i] + emulated_product_low52(b.lane[i], c.lane[i]))
VECTOR(__m512i, _mm512_madd52hi_epu64, (__m512i a, __m512i b, __m512i c),
       a.lane[i] + emulated_product_high52(b.lane[i], c.lane[i]))

VECTOR(__m512i, _mm512_alignr_epi64, (__m512i a, __m512i b, int32_t n),
       i + n < 8 ? b.lane[(i + n) % 8] : a.lane[(i + n) % 8])
VECTOR(__m512i, _mm512_unpacklo_epi64, (__m512i a, __m512i b), i % 2 == 0 ? a.lane[i] : b.lane[i - 1])
VECTOR(__m512i, _mm512_unpackhi_epi64, (__m512i a, __m512i b), i % 2 == 0 ? a.lane[i + 1] : b.lane[i])
VECTOR(__m512i, _mm512_shuffle_i64x2, (__m512i a, __m512i b, uint32_t n),
       (i < 4 ? a : b).lane[2 * (n >> (i / 2 * 2) & 3) + (uint32_t)i % 2])

VECTOR(__m512i, _mm512_mask_mov_epi64, (__m512i old, __mmask8 k, __m512i a),
       emulated_choose(k, i, a.lane[i], old.lane[i]))
VECTOR(__m512i, _mm512_mask_blend_epi64, (__mmask8 k, __m512i a, __m512i b),
       emulated_choose(k, i, b.lane[i], a.lane[i]))
VECTOR(__m512i, _mm512_mask_add_epi64, (__m512i old, __mmask8 k, __m512i a, __m512i b),
       emulated_choose(k, i, a.lane[i] + b.lane[i], old.lane[i]))
VECTOR(__m512i, _mm512_mask_sub_epi64, (__m512i old, __mmask8 k, __m512i a, __m512i b),
       emulated_choose(k, i, a.lane[i] - b.lane[i], old.lane[i]))
VECTOR(__m512i, _mm512_maskz_srai_epi64, (__mmask8 k, __m512i a, uint32_t n),
       emulated_choose(k, i, (uint64_t)((int64_t)a.lane[i] >> n), 0))
VECTOR(__m512i, _mm512_maskz_madd52lo_epu64, (__mmask8 k, __m512i a, __m512i b, __m512i c),
       emulated_choose(k, i, a.lane[i] + emulated_product_low52(b.lane[i], c.lane[i]), 0))

MASK(__m512i, _mm512_cmpeq_epi64_mask, (__m512i a, __m512i b), a.lane[i] == b.lane[i])
MASK(__m512i, _mm512_mask_cmpeq_epi64_mask, (__mmask8 k, __m512i a, __m512i b), (a.lane[i] == b.lane[i]) & (k >> i & 1))
MASK(__m512i, _mm512_cmpeq_epu64_mask, (__m512i a, __m512i b), a.lane[i] == b.lane[i])
MASK(__m512i, _mm512_cmpgt_epu64_mask, (__m512i a, __m512i b), a.lane[i] > b.lane[i])
MASK(__m512i, _mm512_test_epi64_mask, (__m512i a, __m512i b), (a.lane[i] & b.lane[i]) != 0)
MASK(__m512i, _mm512_movepi64_mask, (__m512i a), a.lane[i] >> 63)

#endif
