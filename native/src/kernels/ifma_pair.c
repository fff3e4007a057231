/*
 * Powers of two single residues by AVX-512 IFMA, for low latency: the digits of a residue side by side in the lanes of
 * its vectors, one residue modulo each of two moduli. Form, ranges and names are those of ifma.c; what differs is the
 * order of the work.
 *
 * Layout. A half has V = K / 8 vectors, rounded up; what follows the K digits is zero.
 *
 * Reduction of S, a sum of products x*y, row by row. Lane c of `sum` is the column that the row at hand calls c, except
 * for column 0: that one is complete, and `head` holds it as an integer. Row i adds x_i * y_0 to it, finds the quotient
 * digit q_i that clears its low 52 bits with q_i * m_0, and takes what is above them along. In the lanes, row i adds
 * the low halves of x_i * y and q_i * m, moves all on by one lane, hands the lowest to the head and adds the high
 * halves, which belong one column higher. What those leave in lane 0 is in the head already; nobody reads it.
 *
 * From one quotient digit to the next leads a chain of some 20 cycles through two multipliers. Four reductions run side
 * by side to fill it: those of both halves, for both moduli. The second half's starts R - 1 + E - q need only the digit
 * q_i that the first half has just found.
 *
 * A product takes 10 K V of the vpmadd52 instructions, a square 8 K V. No branch and no address depends on a modulus, a
 * residue or an exponent.
 */
#include <string.h>

#include "../memory.h"
#include "../numbers.h"
#include "ifma.h"

#define MAX_VECTORS 5
#define HALF_WORDS (MAX_VECTORS * LANES)
#define WINDOW_BITS 5
#define WINDOW_ENTRIES (1 << WINDOW_BITS)

_Static_assert(WINDOW_ENTRIES <= PC_SECRET_TABLE_GROUPS, "a pair is no longer than a group");

/* Two halves of V vectors for each modulus: half h of residue k at words + (2*k + h) * V * LANES. */
typedef struct pair {
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t words[4 * HALF_WORDS];
} pair;

/* One half for each modulus. */
typedef struct halves {
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t of[2][HALF_WORDS];
} halves;

__extension__ typedef unsigned __int128 wide;

typedef struct pair_moduli {
    halves m;
    halves offset; /* digits of R - 1 + E, as in ifma_state */
    mp_limb_t inverse[2];
    int32_t digits;
} pair_moduli;

/* Up by one lane: the top lane of `below` comes in. */
INLINE vector up(vector x, vector below)
{
    return _mm512_alignr_epi64(x, below, LANES - 1);
}

/* Down by one lane: the lowest lane of `above` comes in. */
INLINE vector down(vector x, vector above)
{
    return _mm512_alignr_epi64(above, x, 1);
}

/* The digits of 2x < R. */
INLINE void double_digits(mp_limb_t *r, const mp_limb_t *x, const int32_t vectors)
{
    vector below = _mm512_setzero_si512();
#pragma GCC unroll 6
    for (int32_t v = 0; v < vectors; v++) {
        vector xv = load(x, v), top = _mm512_srli_epi64(xv, DIGIT_BITS - 1);
        store(r, v, _mm512_or_si512(_mm512_and_si512(_mm512_slli_epi64(xv, 1), digit_mask()), up(top, below)));
        below = top;
    }
}

/* The digits of columns whose sum is below R. */
INLINE void settle(mp_limb_t *r, const vector *sum, const int32_t vectors)
{
    /* Each column passes on what exceeds its digit once: what is left exceeds a digit by less than 2^12. */
    vector x[MAX_VECTORS], below = _mm512_setzero_si512();
    uint64_t carries = 0, full = 0;
#pragma GCC unroll 6
    for (int32_t v = 0; v < vectors; v++) {
        vector carry = _mm512_srli_epi64(sum[v], DIGIT_BITS);
        x[v] = _mm512_add_epi64(_mm512_and_si512(sum[v], digit_mask()), up(carry, below));
        below = carry;
        carries |= (uint64_t)_mm512_cmpgt_epu64_mask(x[v], digit_mask()) << (v * LANES);
        full |= (uint64_t)_mm512_cmpeq_epu64_mask(x[v], digit_mask()) << (v * LANES);
    }
    /* A carry moves into the next digit and through full ones: just what an addition of bits does. */
    uint64_t into = ((carries << 1) + full) ^ full;
#pragma GCC unroll 6
    for (int32_t v = 0; v < vectors; v++) {
        x[v] = _mm512_mask_add_epi64(x[v], (__mmask8)(into >> (v * LANES)), x[v], broadcast(1));
        store(r, v, _mm512_and_si512(x[v], digit_mask()));
    }
}

/* x[0]*y[0] + x[1]*y[1], or only the first `count` of these. */
typedef struct products {
    const mp_limb_t *x[2], *y[2];
    int32_t count;
} products;

/* A reduction on its way. */
typedef struct reduction {
    vector sum[MAX_VECTORS];
    mp_limb_t head;
} reduction;

INLINE void start_reduction(reduction *s, const int32_t vectors)
{
    s->head = 0;
#pragma GCC unroll 6
    for (int32_t v = 0; v < vectors; v++) {
        s->sum[v] = _mm512_setzero_si512();
    }
}

/* Row i of p and the quotient; returns its digit. */
INLINE mp_limb_t add_row(reduction *s, const products *p, int32_t i, const mp_limb_t *m, mp_limb_t inverse,
                         const int32_t vectors)
{
    wide head = s->head;
#pragma GCC unroll 2
    for (int32_t t = 0; t < p->count; t++) {
        head += (wide)p->x[t][i] * p->y[t][0];
    }
    mp_limb_t q = ((mp_limb_t)head * inverse) & DIGIT_MASK;
    head += (wide)q * m[0];

#pragma GCC unroll 6
    for (int32_t v = 0; v < vectors; v++) {
#pragma GCC unroll 2
        for (int32_t t = 0; t < p->count; t++) {
            s->sum[v] = add_low(s->sum[v], broadcast(p->x[t][i]), load(p->y[t], v));
        }
        s->sum[v] = add_low(s->sum[v], broadcast(q), load(m, v));
    }
#pragma GCC unroll 6
    for (int32_t v = 0; v < vectors; v++) {
        s->sum[v] = down(s->sum[v], v + 1 < vectors ? s->sum[v + 1] : _mm512_setzero_si512());
    }
    s->head = (mp_limb_t)(head >> DIGIT_BITS) + (mp_limb_t)_mm_cvtsi128_si64(_mm512_castsi512_si128(s->sum[0]));
#pragma GCC unroll 6
    for (int32_t v = 0; v < vectors; v++) {
#pragma GCC unroll 2
        for (int32_t t = 0; t < p->count; t++) {
            s->sum[v] = add_high(s->sum[v], broadcast(p->x[t][i]), load(p->y[t], v));
        }
        s->sum[v] = add_high(s->sum[v], broadcast(q), load(m, v));
    }
    return q;
}

INLINE void finish_reduction(mp_limb_t *r, reduction *s, const int32_t vectors)
{
    s->sum[0] = _mm512_mask_mov_epi64(s->sum[0], 1, broadcast(s->head));
    settle(r, s->sum, vectors);
}

INLINE mp_limb_t *half(mp_limb_t *words, int32_t k, int32_t h, const int32_t vectors)
{
    return words + (2 * k + h) * vectors * LANES;
}

INLINE const mp_limb_t *half_of(const mp_limb_t *words, int32_t k, int32_t h, const int32_t vectors)
{
    return words + (2 * k + h) * vectors * LANES;
}

/* Both halves of a result for both moduli, from the products of which each is the reduction; r may be an operand. */
INLINE void reduce(const pair_moduli *moduli, mp_limb_t *r, const products first[2], const products second[2],
                   const int32_t vectors)
{
    reduction a[2], b[2];
    for (int32_t k = 0; k < 2; k++) {
        start_reduction(&a[k], vectors);
        start_reduction(&b[k], vectors);
    }
    for (int32_t i = 0; i < moduli->digits; i++) {
#pragma GCC unroll 2
        for (int32_t k = 0; k < 2; k++) {
            const mp_limb_t *m = moduli->m.of[k];
            mp_limb_t q = add_row(&a[k], &first[k], i, m, moduli->inverse[k], vectors);
            b[k].head += moduli->offset.of[k][i] - q;
            add_row(&b[k], &second[k], i, m, moduli->inverse[k], vectors);
        }
    }
    for (int32_t k = 0; k < 2; k++) {
        finish_reduction(half(r, k, 0, vectors), &a[k], vectors);
        finish_reduction(half(r, k, 1, vectors), &b[k], vectors);
    }
}

INLINE void multiply(const pair_moduli *moduli, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *b,
                     const int32_t vectors)
{
    products first[2], second[2];
    for (int32_t k = 0; k < 2; k++) {
        const mp_limb_t *a0 = half_of(a, k, 0, vectors), *a1 = half_of(a, k, 1, vectors);
        const mp_limb_t *b0 = half_of(b, k, 0, vectors), *b1 = half_of(b, k, 1, vectors);
        first[k] = (products){{a0}, {b0}, 1};
        second[k] = (products){{a0, a1}, {b1, b0}, 2};
    }
    reduce(moduli, r, first, second, vectors);
}

INLINE void square(const pair_moduli *moduli, mp_limb_t *r, const mp_limb_t *a, const int32_t vectors)
{
    halves twice;
    products first[2], second[2];
    for (int32_t k = 0; k < 2; k++) {
        const mp_limb_t *a0 = half_of(a, k, 0, vectors);
        double_digits(twice.of[k], half_of(a, k, 1, vectors), vectors);
        first[k] = (products){{a0}, {a0}, 1};
        second[k] = (products){{twice.of[k]}, {a0}, 1};
    }
    reduce(moduli, r, first, second, vectors);
}

/* r = for each modulus its own entry of a table of pairs; reads them all. */
INLINE void select_pair(mp_limb_t *r, const mp_limb_t *table, const int32_t index[2], const int32_t vectors)
{
    for (int32_t k = 0; k < 2; k++) {
        vector found[2 * MAX_VECTORS];
        for (int32_t v = 0; v < 2 * vectors; v++) {
            found[v] = _mm512_setzero_si512();
        }
        for (int32_t entry = 0; entry < WINDOW_ENTRIES; entry++) {
            __mmask8 hit = _mm512_cmpeq_epi64_mask(broadcast((uint64_t)index[k]), broadcast((uint64_t)entry));
            const mp_limb_t *residue = half_of(table + entry * 4 * vectors * LANES, k, 0, vectors);
            for (int32_t v = 0; v < 2 * vectors; v++) {
                found[v] = _mm512_mask_mov_epi64(found[v], hit, load(residue, v));
            }
        }
        for (int32_t v = 0; v < 2 * vectors; v++) {
            store(half(r, k, 0, vectors), v, found[v]);
        }
    }
}

/* Between numbers at rest, whose halves follow each other without padding, and pairs, whose digits are whole words. */
INLINE void read_numbers(mp_limb_t *r, const mp_limb_t *const numbers[2], int32_t digits, const int32_t vectors)
{
    memset(r, 0, (size_t)(4 * vectors * LANES) * sizeof *r);
    for (int32_t k = 0; k < 2; k++) {
        for (int32_t i = 0; i < digits; i++) {
            half(r, k, 0, vectors)[i] = numbers[k][i] & DIGIT_MASK;
            half(r, k, 1, vectors)[i] = numbers[k][digits + i] & DIGIT_MASK;
        }
    }
}

INLINE void write_numbers(mp_limb_t *const numbers[2], const mp_limb_t *a, int32_t digits, const int32_t vectors)
{
    for (int32_t k = 0; k < 2; k++) {
        memcpy(numbers[k], half_of(a, k, 0, vectors), (size_t)digits * sizeof *a);
        memcpy(numbers[k] + digits, half_of(a, k, 1, vectors), (size_t)digits * sizeof *a);
    }
}

/* By fixed windows from the top: the same squarings, products and table reads for every exponent of `bits` bits. */
INLINE void power(const pc_modulus *const moduli[2], mp_limb_t *const numbers[2], const mp_limb_t *const exponents[2],
                  int32_t bits, mp_limb_t *table, const int32_t vectors)
{
    pair_moduli constants;
    const mp_limb_t *ones[2], *bases[2];
    memset(&constants, 0, sizeof constants);
    constants.digits = state_of(moduli[0])->digits;
    for (int32_t k = 0; k < 2; k++) {
        const ifma_state *state = state_of(moduli[k]);
        size_t bytes = (size_t)state->digits * sizeof(mp_limb_t);
        memcpy(constants.m.of[k], state->m, bytes);
        memcpy(constants.offset.of[k], state->offset, bytes);
        constants.inverse[k] = state->inverse;
        ones[k] = moduli[k]->one;
        bases[k] = numbers[k];
    }

    ptrdiff_t words = 4 * vectors * LANES;
    read_numbers(table, ones, constants.digits, vectors);
    read_numbers(table + words, bases, constants.digits, vectors);
    for (ptrdiff_t i = 2; i < WINDOW_ENTRIES; i++) {
        multiply(&constants, table + i * words, table + (i - 1) * words, table + words, vectors);
    }

    pair result, factor;
    int32_t limbs = moduli[0]->limbs;
    int32_t bit = (bits - 1) / WINDOW_BITS * WINDOW_BITS;
    for (bool first = true; bit >= 0; bit -= WINDOW_BITS, first = false) {
        const int32_t index[2] = {pc_window_at(exponents[0], limbs, bit, WINDOW_BITS),
                                  pc_window_at(exponents[1], limbs, bit, WINDOW_BITS)};
        select_pair(factor.words, table, index, vectors);
        if (first) {
            result = factor;
            continue;
        }
        for (int32_t i = 0; i < WINDOW_BITS; i++) {
            square(&constants, result.words, result.words, vectors);
        }
        multiply(&constants, result.words, result.words, factor.words, vectors);
    }
    write_numbers(numbers, result.words, constants.digits, vectors);
    pc_wipe(&constants, sizeof constants);
    pc_wipe(&result, sizeof result);
    pc_wipe(&factor, sizeof factor);
}

void PC_IN_KERNEL(pc_ifma_power_pair)(const pc_modulus *const moduli[2], mp_limb_t *const numbers[2],
                                      const mp_limb_t *const exponents[2], int32_t bits, mp_limb_t *table)
{
    /* K is 15, 20, 30 or 40 for moduli of half the largest key. */
    switch ((state_of(moduli[0])->digits + LANES - 1) / LANES) {
    case 2:
        power(moduli, numbers, exponents, bits, table, 2);
        break;
    case 3:
        power(moduli, numbers, exponents, bits, table, 3);
        break;
    case 4:
        power(moduli, numbers, exponents, bits, table, 4);
        break;
    default:
        power(moduli, numbers, exponents, bits, table, MAX_VECTORS);
        break;
    }
}
