/*
 * Columns of products of 28-bit digits: the inner loops of the AVX2 kernel, for four residues in four lanes.
 *
 * A block of ROWS digits of one factor waits in registers while the other factor passes by, digit by digit. So do the
 * columns that a digit reaches, one for each row: with a digit and a product that makes 12 of 16 registers. A product
 * takes a multiplication and an addition, a digit two loads and a store more.
 */
#ifndef PC_AVX2_COLUMNS_H
#define PC_AVX2_COLUMNS_H

#include "kernel.h"

#include <immintrin.h>
#include <string.h>

#define LANES 4
#define DIGIT_BITS 28
#define DIGIT_MASK ((UINT64_C(1) << DIGIT_BITS) - 1)
#define ROWS 5
#define MAX_DIGITS 150
/* Products of digits that a column takes: 2^36 is more than what a column below it carries. */
#define MAX_TERMS 255

_Static_assert(LANES <= PC_MAX_LANES && MAX_DIGITS <= PC_MAX_NUMBER_WORDS, "the limits of all kernels");
_Static_assert(MAX_DIGITS * DIGIT_BITS >= PC_MAX_KEY_BITS + 8 && MAX_DIGITS % ROWS == 0 && MAX_DIGITS <= MAX_TERMS,
               "the longest modulus");

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

typedef __m256i vector;

INLINE vector load(const mp_limb_t *vectors, int32_t i)
{
    return _mm256_load_si256((const vector *)(const void *)(vectors + (ptrdiff_t)i * LANES));
}

INLINE void store(mp_limb_t *vectors, int32_t i, vector x)
{
    _mm256_store_si256((vector *)(void *)(vectors + (ptrdiff_t)i * LANES), x);
}

INLINE vector broadcast(mp_limb_t x)
{
    return _mm256_set1_epi64x((long long)x);
}

INLINE vector add(vector x, vector y)
{
    return _mm256_add_epi64(x, y);
}

INLINE vector low_digit(vector x)
{
    return _mm256_and_si256(x, broadcast(DIGIT_MASK));
}

/* What x passes on to the next digit. */
INLINE vector carry_of(vector x)
{
    return _mm256_srli_epi64(x, DIGIT_BITS);
}

/* The digits of a half, and the columns that half a product fills. */
typedef struct half {
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t words[MAX_DIGITS * LANES];
} half;

typedef struct wide {
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t words[2 * MAX_DIGITS * LANES];
} wide;

/* Digits to multiply by, in the low 32 bits of their words: a vector for each, or one word for all lanes. */
typedef struct multiplier {
    const mp_limb_t *words;
    bool shared;
} multiplier;

INLINE multiplier each(const mp_limb_t *words)
{
    return (multiplier){words, false};
}

INLINE multiplier shared(const mp_limb_t *words)
{
    return (multiplier){words, true};
}

INLINE vector digit(multiplier y, int32_t i)
{
    return y.shared ? broadcast(y.words[i]) : load(y.words, i);
}

INLINE multiplier skip(multiplier y, int32_t i)
{
    y.words += y.shared ? i : i * LANES;
    return y;
}

/* A modulus to reduce by: one for all lanes, or one for each. */
typedef struct divisor {
    multiplier m;
    vector inverse; /* -m^-1 mod 2^28 */
} divisor;

/* sum += x * y. The compiler is kept from collecting additions: it would run out of registers. */
INLINE void add_product(vector *sum, vector x, vector y)
{
    *sum = add(*sum, _mm256_mul_epu32(x, y));
    __asm__("" : "+x"(*sum));
}

/*
 * columns += x[0 .. ROWS) * y[0 .. ROWS * turns). sum[j % ROWS] is the column that digit j meets in row 0; the column
 * that its last row is the first to reach is loaded, the one that it is the last to reach is stored.
 */
INLINE void add_rows(mp_limb_t *columns, const mp_limb_t *x, multiplier y, int32_t turns)
{
    vector rows[ROWS], sum[ROWS];
#pragma GCC unroll 5
    for (int32_t r = 0; r < ROWS; r++) {
        rows[r] = load(x, r);
    }
#pragma GCC unroll 5
    for (int32_t r = 0; r < ROWS - 1; r++) {
        sum[r] = load(columns, r);
    }
    for (; turns > 0; turns--) {
#pragma GCC unroll 5
        for (int32_t j = 0; j < ROWS; j++) {
            vector next = digit(y, j);
            sum[(j + ROWS - 1) % ROWS] = load(columns, j + ROWS - 1);
#pragma GCC unroll 5
            for (int32_t r = 0; r < ROWS; r++) {
                add_product(&sum[(j + r) % ROWS], rows[r], next);
            }
            store(columns, j, sum[j]);
        }
        columns += ROWS * LANES;
        y = skip(y, ROWS);
    }
#pragma GCC unroll 5
    for (int32_t r = 0; r < ROWS - 1; r++) {
        store(columns, r, sum[r]);
    }
}

/* columns += x * y, x of `count` digits and y of `length`. */
INLINE void add_products(mp_limb_t *columns, const mp_limb_t *x, int32_t count, multiplier y, int32_t length)
{
    for (int32_t i = 0; i < count * LANES; i += ROWS * LANES) {
        add_rows(columns + i, x + i, y, length / ROWS);
    }
}

/*
 * columns += x * x. A pair of different digits counts twice: twice the digit has 29 bits. Row by row, a block first
 * meets itself, which for three columns takes the place of rows, and then all digits above.
 */
INLINE void add_square(mp_limb_t *columns, const mp_limb_t *x, int32_t count)
{
    half twice;
    for (int32_t i = 0; i < count; i++) {
        store(twice.words, i, add(load(x, i), load(x, i)));
    }
    for (int32_t i = 0; i < count; i += ROWS) {
        vector sum[2 * ROWS - 1];
        mp_limb_t *own = columns + 2 * i * LANES;
#pragma GCC unroll 9
        for (int32_t c = 0; c < 2 * ROWS - 1; c++) {
            sum[c] = load(own, c);
        }
#pragma GCC unroll 5
        for (int32_t r = 0; r < ROWS; r++) {
            add_product(&sum[2 * r], load(x, i + r), load(x, i + r));
#pragma GCC unroll 5
            for (int32_t j = r + 1; j < ROWS; j++) {
                add_product(&sum[r + j], load(x, i + r), load(twice.words, i + j));
            }
        }
#pragma GCC unroll 9
        for (int32_t c = 0; c < 2 * ROWS - 1; c++) {
            store(own, c, sum[c]);
        }
        add_rows(own + ROWS * LANES, x + i * LANES, each(twice.words + (i + ROWS) * LANES), (count - i) / ROWS - 1);
    }
}

/* Carries every column's upper bits into the next; what all stand for is below 2^(28 * count). */
INLINE void settle(mp_limb_t *columns, int32_t count)
{
    vector carry = _mm256_setzero_si256();
    for (int32_t i = 0; i < count; i++) {
        vector x = add(load(columns, i), carry);
        store(columns, i, low_digit(x));
        carry = carry_of(x);
    }
}

/*
 * The quotient digits q[0 .. ROWS) that clear as many columns, which are complete; what these carry is added to the
 * next one.
 */
INLINE void next_quotient(mp_limb_t *columns, mp_limb_t *q, divisor d)
{
    vector found[ROWS], carry = _mm256_setzero_si256();
#pragma GCC unroll 5
    for (int32_t r = 0; r < ROWS; r++) {
        vector x = load(columns, r);
#pragma GCC unroll 5
        for (int32_t k = 0; k < r; k++) {
            add_product(&x, found[k], digit(d.m, r - k));
        }
        x = add(x, carry);
        found[r] = low_digit(_mm256_mul_epu32(x, d.inverse));
        add_product(&x, found[r], digit(d.m, 0));
        carry = carry_of(x);
        store(q, r, found[r]);
    }
    store(columns, ROWS, add(load(columns, ROWS), carry));
}

/* columns[ROWS ..] += what next_quotient leaves to add of q[0 .. ROWS) * m[0 .. 2 * ROWS). */
INLINE void add_triangle(mp_limb_t *columns, const mp_limb_t *q, multiplier m)
{
#pragma GCC unroll 4
    for (int32_t c = ROWS; c < 2 * ROWS - 1; c++) {
        vector sum = load(columns, c);
#pragma GCC unroll 4
        for (int32_t r = c - ROWS + 1; r < ROWS; r++) {
            add_product(&sum, load(q, r), digit(m, c - r));
        }
        store(columns, c, sum);
    }
}

/*
 * Montgomery reduction of 2K columns: q receives the K quotient digits, columns[K .. 2K) the result, unsettled. From
 * one quotient digit to the next it takes some 10 cycles; the processor looks ahead and fills them with rows of the
 * block before. Code that mixes the two was no faster.
 */
INLINE void reduce(mp_limb_t *columns, mp_limb_t *q, divisor d, int32_t count)
{
    for (int32_t i = 0; i < count * LANES; i += ROWS * LANES) {
        next_quotient(columns + i, q + i, d);
        add_triangle(columns + i, q + i, d.m);
        add_rows(columns + i + ROWS * LANES, q + i, skip(d.m, ROWS), count / ROWS - 1);
    }
}

#endif
