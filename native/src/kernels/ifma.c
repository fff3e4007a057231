/*
 * The AVX-512 IFMA kernel: eight residues in eight lanes, radix 2^52, dual-number Montgomery form.
 *
 * Layout. A half (A or B) is K digits of 52 bits, one 64-bit word each; a number is A's digits, then B's. A group holds
 * the digits of its eight lanes side by side: digit i of all lanes is one vector. A digit is the low 52 bits of its
 * word: vpmadd52 reads no others, so a carry that has been passed on need not be taken off.
 *
 * Form. R = 2^(52 K). K is the least multiple of the tile width with R >= 2^8 m; the residue x modulo m^2 is held as
 * (A, B) with x * R = A + B*m (mod m^2), as in gmp.c, but with slack instead of final subtractions:
 *     A < 4m,  B < 4m.
 *
 * Product of (A, B) and (C, D):
 *   T = A*C < 16m^2.  Montgomery reduction: q = -T/m mod R, A' = (T + q*m)/R < 16m^2/R + m <= (1 + 1/16) m.
 *   V = A*D + B*C - q + (R - 1 + E) with E = (1 - R) mod m, so that a multiple of m was added and V >= 0.
 *   V < 32m^2 + R + m, so B' = redc(V) < (32m^2 + m)/R + 1 + m, below (1 + 1/8) m + 2; for the smallest m, R > 2^700
 *   makes it at most m + 1. So both are below 4m again.
 * As digits, R - 1 + E is 2^52 - 1 + e_i, from which q_i is subtracted without a borrow.
 *
 * Square: T = A*A takes each product of two different digits once, with the digits of 2A; V = A*2B - q + (R - 1 + E).
 *
 * Columns. Products are gathered in columns of 64 bits: vpmadd52 adds the low or high 52 bits of a product of digits. A
 * column takes at most 4K such terms from A*D + B*C, 2K from the reduction, and one offset below 2^53: with K <= 80
 * less than 2^61. A column may be negative, but not below -2^52. Carries are only settled column by column as the
 * reduction walks over them, and once in the result.
 *
 * Speed. vpmadd52 is the bottleneck, so everything else hides behind it, by the tiles of ifma_tiles.h. A product takes
 * 10 K^2 of these instructions, a square 7 K^2 and a little. Where K is 40 or 80 Karatsuba's step leaves
 * 8.5 K^2 of a product. Its sums take back half of that, and in a square, where it would leave 6.5 K^2, all.
 *
 * No branch and no address depends on m or on the residues.
 */
#include "ifma_tiles.h"

#include <string.h>

#include "../memory.h"
#include "../numbers.h"
#include "digits.h"

/* The digits of 2x < R. */
INLINE void double_digits(mp_limb_t *r, const mp_limb_t *x, int32_t digits)
{
    const int carry_where_set = 0xd8; /* truth table of c ? b : a */
    vector carry = _mm512_setzero_si512();
    for (int32_t i = 0; i < digits; i++) {
        vector xi = load(x, i);
        store(r, i, _mm512_ternarylogic_epi64(_mm512_add_epi64(xi, xi), carry, broadcast(1), carry_where_set));
        carry = _mm512_srli_epi64(xi, DIGIT_BITS - 1);
    }
}

/* The digits of a half whose carries are not settled yet. */
INLINE void settle(mp_limb_t *r, const mp_limb_t *x, int32_t digits)
{
    vector carry = _mm512_setzero_si512();
    for (int32_t i = 0; i < digits; i++) {
        vector d = _mm512_add_epi64(load(x, i), carry);
        store(r, i, d);
        carry = _mm512_srai_epi64(d, DIGIT_BITS);
    }
}

typedef struct columns {
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t words[2 * MAX_DIGITS * LANES];
} columns;

/* The sums of the lower and the upper digits of a half, and the lanes whose sum has a bit more than these digits. */
typedef struct half_sum {
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t words[MAX_DIGITS / 2 * LANES];
    __mmask8 overflow;
} half_sum;

INLINE void add_halves(half_sum *sum, const mp_limb_t *x, int32_t count)
{
    vector carry = _mm512_setzero_si512();
    for (int32_t i = 0; i < count; i++) {
        vector d = _mm512_add_epi64(_mm512_add_epi64(digit_at(x, i), digit_at(x, count + i)), carry);
        carry = _mm512_srli_epi64(d, DIGIT_BITS);
        store(sum->words, i, _mm512_and_si512(d, digit_mask()));
    }
    sum->overflow = _mm512_test_epi64_mask(carry, carry);
}

/* Those of x[0] and y[0], x[1] and y[1]. */
typedef struct half_sums {
    const half_sum *x[2], *y[2];
} half_sums;

/*
 * t = p, 2K columns, by three products of half the length where there were four: with S = R^(1/2), x = x0 + x1*S and y
 * alike,
 *     x*y = x0*y0 + ((x0 + x1)*(y0 + y1) - x0*y0 - x1*y1) * S + x1*y1 * S^2.
 * sums: x0 + x1 and y0 + y1 for each product of p; an overflowing bit of one is worth S times the other. Columns stay
 * within 2^60 of zero, and may be negative; what they stand for is not.
 */
INLINE void karatsuba(mp_limb_t *t, products p, half_sums sums, int32_t digits, const int32_t width)
{
    int32_t half = digits / 2;
    products of_sums = p;
    for (int32_t k = 0; k < p.count; k++) {
        of_sums.x[k] = sums.x[k]->words;
        of_sums.y[k] = sums.y[k]->words;
    }
    multiply_columns(t, p, half, width);
    multiply_columns(t + digits * LANES, tile_of(p, half, half), half, width);
    for (int32_t i = 0; i < half; i++) {
        vector low0 = load(t, i), low1 = load(t, half + i);
        vector high0 = load(t, digits + i), high1 = load(t, digits + half + i);
        vector middle0 = _mm512_sub_epi64(_mm512_sub_epi64(low1, low0), high0);
        vector middle1 = _mm512_sub_epi64(_mm512_sub_epi64(high0, low1), high1);
        for (int32_t k = 0; k < p.count; k++) {
            middle1 = _mm512_mask_add_epi64(middle1, sums.x[k]->overflow, middle1, load(sums.y[k]->words, i));
            middle1 = _mm512_mask_add_epi64(middle1, sums.y[k]->overflow, middle1, load(sums.x[k]->words, i));
        }
        store(t, half + i, middle0);
        store(t, digits + i, middle1);
    }
    vector top = load(t, digits + half);
    for (int32_t k = 0; k < p.count; k++) {
        top = _mm512_mask_add_epi64(top, sums.x[k]->overflow & sums.y[k]->overflow, top, broadcast(1));
    }
    store(t, digits + half, top);
    for (int32_t s = 0; s < half; s += width) {
        for (int32_t d = 0; d < half; d += width) {
            add_products(t + (half + s + d) * LANES, tile_of(of_sums, s, d), width, false);
        }
    }
}

/* r = the reduction of t, unsettled columns. */
INLINE void reduce_columns(mp_limb_t *t, mp_limb_t *quotient, divisor m, int32_t digits, const int32_t width)
{
    start_reduction(t, quotient, m, width);
    reduce(t, NO_PRODUCTS, quotient, m, digits, width, false);
}

/* v += R - 1 + E - q */
INLINE void add_offset(mp_limb_t *v, const mp_limb_t *q, const ifma_state *state)
{
    for (int32_t i = 0; i < state->digits; i++) {
        store(v, i, _mm512_add_epi64(load(v, i), _mm512_sub_epi64(broadcast(state->offset[i]), load(q, i))));
    }
}

/* v = R - 1 + E - q, to which the products of the second half are added. */
INLINE void start_second_half(mp_limb_t *v, const mp_limb_t *q, const ifma_state *state)
{
    for (int32_t i = 0; i < state->digits; i++) {
        store(v, i, _mm512_sub_epi64(broadcast(state->offset[i]), load(q, i)));
    }
}

/* r = the reduction of first + second*m, each given as products; r may be an operand. */
INLINE void reduce_short(const ifma_state *state, mp_limb_t *r, products first, products second, const int32_t width)
{
    int32_t digits = state->digits, half = digits * LANES;
    divisor m = divisor_of(state);
    columns t, v;
    pc_group quotient;
    memset(t.words, 0, (size_t)half * sizeof *t.words);
    reduce(t.words, first, quotient.words, m, digits, width, true);
    start_second_half(v.words, quotient.words, state);
    reduce(v.words, second, quotient.words, m, digits, width, true);
    settle(r, t.words + half, digits);
    settle(r + half, v.words + half, digits);
}

/* r = a * b; r may be an operand, here and below. */
INLINE void product(const ifma_state *state, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *b, const int32_t width)
{
    int32_t half = state->digits * LANES;
    reduce_short(state, r, (products){{a}, {b}, 1}, (products){{a, a + half}, {b + half, b}, 2}, width);
}

/*
 * The same with Karatsuba's step. Arrays of a work lie at different places of a page: a load waits for an earlier store
 * whose address agrees in the low 12 bits.
 */
typedef struct long_work {
    columns t;
    alignas(PC_NUMBER_ALIGNMENT) uint8_t apart[512];
    columns v;
    alignas(PC_NUMBER_ALIGNMENT) uint8_t apart_too[1088];
    pc_group quotient;
    alignas(PC_NUMBER_ALIGNMENT) uint8_t from_sums[1600];
    half_sum a0, a1, b0, b1;
} long_work;

/* Wide enough that half the digits are whole tiles: K = 40 and 80. */
#define LONG_WIDTH 20

static bool is_long(const ifma_state *state)
{
    return state->digits % (2 * LONG_WIDTH) == 0;
}

/* r = the reduction of t + p*m */
INLINE void reduce_long(const ifma_state *state, mp_limb_t *r, long_work *w, products p, half_sums sums)
{
    int32_t digits = state->digits;
    divisor m = divisor_of(state);
    reduce_columns(w->t.words, w->quotient.words, m, digits, LONG_WIDTH);
    karatsuba(w->v.words, p, sums, digits, LONG_WIDTH);
    add_offset(w->v.words, w->quotient.words, state);
    reduce_columns(w->v.words, w->quotient.words, m, digits, LONG_WIDTH);
    settle(r, w->t.words + digits * LANES, digits);
    settle(r + digits * LANES, w->v.words + digits * LANES, digits);
}

/* On its own, to have no more on the stack than it needs. */
NOINLINE static void long_product(const ifma_state *state, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *b)
{
    int32_t digits = state->digits, half = digits * LANES;
    long_work w;
    add_halves(&w.a0, a, digits / 2);
    add_halves(&w.a1, a + half, digits / 2);
    add_halves(&w.b0, b, digits / 2);
    add_halves(&w.b1, b + half, digits / 2);
    karatsuba(w.t.words, (products){{a}, {b}, 1}, (half_sums){{&w.a0}, {&w.b0}}, digits, LONG_WIDTH);
    reduce_long(state, r, &w, (products){{a, a + half}, {b + half, b}, 2}, (half_sums){{&w.a0, &w.a1}, {&w.b1, &w.b0}});
}

/* The first half of the result is settled early: the next product starts with it. */
INLINE void square_of(const ifma_state *state, mp_limb_t *r, const mp_limb_t *a, const int32_t width)
{
    int32_t digits = state->digits, half = digits * LANES;
    divisor m = divisor_of(state);
    columns t, v;
    pc_group quotient, twice;
    double_digits(twice.words, a, digits);
    square_columns(t.words, a, twice.words, quotient.words, m, digits, width);
    reduce(t.words, NO_PRODUCTS, quotient.words, m, digits, width, false);
    settle(r, t.words + half, digits);
    start_second_half(v.words, quotient.words, state);
    reduce(v.words, (products){{twice.words}, {a + half}, 1}, quotient.words, m, digits, width, true);
    settle(r + half, v.words + half, digits);
}

static void multiply(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *b)
{
    const ifma_state *state = state_of(modulus);
    if (is_long(state)) {
        long_product(state, r, a, b);
    } else if (state->tile == 20) {
        product(state, r, a, b, 20);
    } else {
        product(state, r, a, b, 15);
    }
}

static void square(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a)
{
    const ifma_state *state = state_of(modulus);
    if (state->tile == 20) {
        square_of(state, r, a, 20);
    } else {
        square_of(state, r, a, 15);
    }
}

/* r = redc(x * y) < m + x*y/R for x, y of K digits, and the quotient's digits; r may be an operand. */
static void divide_half(const ifma_state *state, mp_limb_t *r, mp_limb_t *quotient, const mp_limb_t *x,
                        const mp_limb_t *y)
{
    int32_t digits = state->digits;
    divisor m = divisor_of(state);
    columns t;
    memset(t.words, 0, (size_t)digits * LANES * sizeof *t.words);
    if (state->tile == 20) {
        reduce(t.words, (products){{x, NULL}, {y, NULL}, 1}, quotient, m, state->digits, 20, true);
    } else {
        reduce(t.words, (products){{x, NULL}, {y, NULL}, 1}, quotient, m, state->digits, 15, true);
    }
    settle(r, t.words + digits * LANES, digits);
}

static void multiply_half(const ifma_state *state, mp_limb_t *r, const mp_limb_t *x, const mp_limb_t *y)
{
    pc_group quotient;
    divide_half(state, r, quotient.words, x, y);
}

/* r = x - m where that is not negative, else x. */
static void reduce_once(const ifma_state *state, mp_limb_t *r, const mp_limb_t *x)
{
    vector borrow = _mm512_setzero_si512();
    pc_group less;
    for (int32_t i = 0; i < state->digits; i++) {
        vector d = _mm512_add_epi64(_mm512_sub_epi64(load(x, i), broadcast(state->m[i])), borrow);
        borrow = _mm512_srai_epi64(d, DIGIT_BITS);
        store(less.words, i, _mm512_and_si512(d, digit_mask()));
    }
    __mmask8 negative = _mm512_movepi64_mask(borrow);
    for (int32_t i = 0; i < state->digits; i++) {
        store(r, i, _mm512_mask_blend_epi64(negative, load(less.words, i), load(x, i)));
    }
}

/* r = x + y modulo m, for x < 4m and y below (1 + 1/16) m: two subtractions bring it below 4m. */
static void add_half(const ifma_state *state, mp_limb_t *r, const mp_limb_t *x, const mp_limb_t *y)
{
    vector carry = _mm512_setzero_si512();
    pc_group sum;
    for (int32_t i = 0; i < state->digits; i++) {
        vector s = _mm512_add_epi64(_mm512_add_epi64(digit_at(x, i), digit_at(y, i)), carry);
        carry = _mm512_srli_epi64(s, DIGIT_BITS);
        store(sum.words, i, _mm512_and_si512(s, digit_mask()));
    }
    reduce_once(state, sum.words, sum.words);
    reduce_once(state, r, sum.words);
}

/* The digits of limbs, into one lane, and the limbs of a lane's digits. */
static void spread(mp_limb_t *group, int32_t lane, const mp_limb_t *limbs, int32_t limb_count, int32_t digits)
{
    pc_digits_of_limbs(group + lane, LANES, digits, DIGIT_BITS, limbs, limb_count);
}

static void collect(mp_limb_t *limbs, int32_t limb_count, const mp_limb_t *group, int32_t lane, int32_t digits)
{
    pc_limbs_of_digits(limbs, limb_count, group + lane, LANES, digits, DIGIT_BITS);
}

/* (A + B*m)(1 + k*m) = A + (B + k*A)*m, with k' = redc(k * R^2) = k*R and redc(k' * A) = k*A. */
static void add_plain(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *k)
{
    const ifma_state *state = state_of(modulus);
    int32_t half = state->digits * LANES;
    pc_group plain, constant;
    memset(&plain, 0, sizeof plain);
    memset(&constant, 0, sizeof constant);
    for (int32_t lane = 0; lane < LANES; lane++) {
        spread(plain.words, lane, k + (ptrdiff_t)lane * modulus->limbs, modulus->limbs, state->digits);
    }
    for (int32_t i = 0; i < state->digits; i++) {
        store(constant.words, i, broadcast(state->r_squared[i]));
    }
    multiply_half(state, plain.words, plain.words, constant.words);
    multiply_half(state, plain.words, plain.words, a);
    add_half(state, r + half, a + half, plain.words);
    if (r != a) {
        memcpy(r, a, (size_t)half * sizeof *r);
    }
}

/* The same number modulo m, below m and without carries above its digits; x < 2m. */
static void canonical(const ifma_state *state, mp_limb_t *r, const mp_limb_t *x)
{
    pc_group clean;
    for (int32_t i = 0; i < state->digits; i++) {
        store(clean.words, i, digit_at(x, i));
    }
    reduce_once(state, r, clean.words);
}

/* x = A + B*m over R is A * (1 + m*g) over R with g = B / A: redc(B * R^2 / A) = g*R, below (1 + 1/16) m ... */
static void ratio_of(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *inverse)
{
    const ifma_state *state = state_of(modulus);
    int32_t half = state->digits * LANES;
    pc_group ratio, constant;
    for (int32_t i = 0; i < state->digits; i++) {
        store(constant.words, i, broadcast(state->r_squared[i]));
    }
    multiply_half(state, ratio.words, a + half, inverse);
    multiply_half(state, ratio.words, ratio.words, constant.words);
    memmove(r, a, (size_t)half * sizeof *r);
    canonical(state, r + half, ratio.words);
}

/*
 * A*C = A'*R - q*m, so (A*C) / R = A' * (1 - m*(q/R) / A'). With J = R^2 / A' < 2m the last term times R^2 is redc(q*J)
 * < 3m: the new ratio is between 0 and 5m before it is reduced.
 */
static void ratio_step(const pc_modulus *modulus, mp_limb_t *power, mp_limb_t *inverse, const mp_limb_t *base,
                       const mp_limb_t *base_inverse)
{
    const ifma_state *state = state_of(modulus);
    int32_t half = state->digits * LANES;
    pc_group less, quotient;
    divide_half(state, power, quotient.words, power, base);
    multiply_half(state, inverse, inverse, base_inverse);
    multiply_half(state, less.words, quotient.words, inverse);
    vector carry = _mm512_setzero_si512();
    for (int32_t i = 0; i < state->digits; i++) {
        vector sum = _mm512_add_epi64(load(power + half, i), load(base + half, i));
        vector room = _mm512_sub_epi64(broadcast(3 * state->m[i]), digit_at(less.words, i));
        sum = _mm512_add_epi64(_mm512_add_epi64(sum, room), carry);
        carry = _mm512_srai_epi64(sum, DIGIT_BITS);
        store(power + half, i, _mm512_and_si512(sum, digit_mask()));
    }
    for (int32_t i = 0; i < 4; i++) {
        reduce_once(state, power + half, power + half);
    }
}

/* r *= (C, 0): a product without A*D. */
INLINE void multiply_by_first_half(const ifma_state *state, mp_limb_t *r, const mp_limb_t *c, const int32_t width)
{
    const mp_limb_t *second = r + state->digits * LANES;
    reduce_short(state, r, (products){{r}, {c}, 1}, (products){{second}, {c}, 1}, width);
}

NOINLINE static void long_multiply_by_first_half(const ifma_state *state, mp_limb_t *r, const mp_limb_t *c)
{
    int32_t digits = state->digits, half = digits * LANES;
    long_work w;
    add_halves(&w.a0, r, digits / 2);
    add_halves(&w.a1, r + half, digits / 2);
    add_halves(&w.b0, c, digits / 2);
    karatsuba(w.t.words, (products){{r}, {c}, 1}, (half_sums){{&w.a0}, {&w.b0}}, digits, LONG_WIDTH);
    reduce_long(state, r, &w, (products){{r + half}, {c}, 1}, (half_sums){{&w.a1}, {&w.b0}});
}

/* Ratios have digits of 52 bits: so many of them add up without a carry. */
static void absorb(const pc_modulus *modulus, mp_limb_t *r, mp_limb_t *sums, const mp_limb_t *factor, bool first)
{
    const ifma_state *state = state_of(modulus);
    int32_t half = state->digits * LANES;
    if (first) {
        memcpy(r, factor, (size_t)half * sizeof *r);
        memset(r + half, 0, (size_t)half * sizeof *r);
        memcpy(sums, factor + half, (size_t)half * sizeof *sums);
        return;
    }
    if (is_long(state)) {
        long_multiply_by_first_half(state, r, factor);
    } else if (state->tile == 20) {
        multiply_by_first_half(state, r, factor, 20);
    } else {
        multiply_by_first_half(state, r, factor, 15);
    }
    for (int32_t i = 0; i < state->digits; i++) {
        store(sums, i, _mm512_add_epi64(load(sums, i), load(factor + half, i)));
    }
}

/* The sum of PC_MAX_ABSORBED ratios is below 2^7 m < R: redc leaves at most m + 1 of it, and redc by A (1 + 1/16) m. */
static void absorb_sums(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *sums)
{
    const ifma_state *state = state_of(modulus);
    int32_t half = state->digits * LANES;
    pc_group ratio, unit;
    memset(unit.words, 0, (size_t)half * sizeof *unit.words);
    store(unit.words, 0, broadcast(1));
    settle(ratio.words, sums, state->digits);
    multiply_half(state, ratio.words, ratio.words, unit.words);
    multiply_half(state, ratio.words, ratio.words, r);
    add_half(state, r + half, r + half, ratio.words);
}

/* t += piece * the first half of a factor, v += piece * its second half; `count` digits of the piece are not zero. */
INLINE void add_piece(mp_limb_t *t, mp_limb_t *v, const mp_limb_t *piece, int32_t count, const mp_limb_t *factor,
                      int32_t digits, const int32_t width)
{
    for (int32_t s = 0; s < count; s += width) {
        for (int32_t d = 0; d < digits; d += width) {
            ptrdiff_t at = (s + d) * LANES;
            add_products(t + at, (products){{piece + s * LANES}, {factor + d * LANES}, 1}, width, false);
            add_products(v + at, (products){{piece + s * LANES}, {factor + (digits + d) * LANES}, 1}, width, false);
        }
    }
}

/* r = the reduction of t + v*m, as in a product. */
INLINE void reduce_sums(const ifma_state *state, mp_limb_t *r, mp_limb_t *t, mp_limb_t *v, const int32_t width)
{
    int32_t digits = state->digits;
    divisor m = divisor_of(state);
    pc_group quotient;
    reduce_columns(t, quotient.words, m, digits, width);
    add_offset(v, quotient.words, state);
    reduce_columns(v, quotient.words, m, digits, width);
    settle(r, t + digits * LANES, digits);
    settle(r + digits * LANES, v + digits * LANES, digits);
}

/*
 * T = the sum of pieces * first halves, V of pieces * second halves, then as in a product. Pieces are below R and
 * factors results of a product. With two pieces to a half the upper one is below m, since 4 n < R p for the primes p of
 * n; hence T < 2 * R * (1 + 1/16) m + 2m * (1 + 1/16) m, A' < 4m, and B' likewise with (1 + 1/8) m. A single piece to a
 * half is a half itself, for which that holds all the more.
 */
static void recombine(const pc_modulus *modulus, mp_limb_t *r, const pc_modulus *const *from,
                      const mp_limb_t *const *groups, int32_t count, const mp_limb_t *factors)
{
    const ifma_state *state = state_of(modulus);
    int32_t digits = state->digits;
    columns t, v;
    pc_group piece;
    memset(t.words, 0, (size_t)(2 * digits * LANES) * sizeof *t.words);
    memset(v.words, 0, (size_t)(2 * digits * LANES) * sizeof *v.words);
    for (int32_t half = 0; half < 2 * count; half++) {
        int32_t length = state_of(from[half / 2])->digits;
        const mp_limb_t *words = groups[half / 2] + half % 2 * length * LANES;
        for (int32_t cut = 0; cut < length; cut += digits) {
            int32_t used = length - cut < digits ? length - cut : digits;
            memset(piece.words, 0, (size_t)digits * LANES * sizeof *piece.words);
            memcpy(piece.words, words + cut * LANES, (size_t)used * LANES * sizeof *piece.words);
            if (state->tile == 20) {
                add_piece(t.words, v.words, piece.words, used, factors, digits, 20);
            } else {
                add_piece(t.words, v.words, piece.words, used, factors, digits, 15);
            }
            factors += pc_group_words(modulus);
        }
    }
    if (state->tile == 20) {
        reduce_sums(state, r, t.words, v.words, 20);
    } else {
        reduce_sums(state, r, t.words, v.words, 15);
    }
}

/* Eight rows of eight words to eight columns. */
INLINE void transpose(vector x[8])
{
    vector y[8], z[8];
    for (int i = 0; i < 4; i++) {
        y[2 * i] = _mm512_unpacklo_epi64(x[2 * i], x[2 * i + 1]);
        y[2 * i + 1] = _mm512_unpackhi_epi64(x[2 * i], x[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        z[i] = _mm512_shuffle_i64x2(y[i], y[i + 2], 0x88);
        z[i + 2] = _mm512_shuffle_i64x2(y[i], y[i + 2], 0xdd);
        z[i + 4] = _mm512_shuffle_i64x2(y[i + 4], y[i + 6], 0x88);
        z[i + 6] = _mm512_shuffle_i64x2(y[i + 4], y[i + 6], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        x[i] = _mm512_shuffle_i64x2(z[i], z[i + 4], 0x88);
        x[i + 4] = _mm512_shuffle_i64x2(z[i], z[i + 4], 0xdd);
    }
}

static void gather(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *const *numbers)
{
    for (int32_t i = 0; i < modulus->number_words; i += LANES) {
        vector x[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            x[lane] = _mm512_load_si512(numbers[lane] + i);
        }
        transpose(x);
        for (int word = 0; word < LANES; word++) {
            store(group, i + word, x[word]);
        }
    }
}

static void scatter(const pc_modulus *modulus, mp_limb_t *const *numbers, const mp_limb_t *group)
{
    for (int32_t i = 0; i < modulus->number_words; i += LANES) {
        vector x[LANES];
        for (int word = 0; word < LANES; word++) {
            x[word] = load(group, i + word);
        }
        transpose(x);
        for (int lane = 0; lane < LANES; lane++) {
            if (numbers[lane] != NULL) {
                _mm512_store_si512(numbers[lane] + i, x[lane]);
            }
        }
    }
}

static void enter(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *standard)
{
    const ifma_state *state = state_of(modulus);
    int32_t limbs = modulus->limbs, half = state->digits * LANES;
    pc_group plain, constant;
    memset(&plain, 0, sizeof plain);
    memset(&constant, 0, sizeof constant);
    for (int32_t lane = 0; lane < LANES; lane++) {
        const mp_limb_t *number = standard + (ptrdiff_t)lane * 2 * limbs;
        spread(plain.words, lane, number, limbs, state->digits);
        spread(plain.words + half, lane, number + limbs, limbs, state->digits);
    }
    for (int32_t i = 0; i < 2 * state->digits; i++) {
        store(constant.words, i, broadcast(state->r_squared[i]));
    }
    multiply(modulus, group, plain.words, constant.words);
}

static void leave(const pc_modulus *modulus, mp_limb_t *standard, const mp_limb_t *group)
{
    const ifma_state *state = state_of(modulus);
    int32_t limbs = modulus->limbs, half = state->digits * LANES;
    pc_group unit, plain;
    memset(&unit, 0, sizeof unit);
    store(unit.words, 0, broadcast(1));
    multiply(modulus, plain.words, group, unit.words);
    for (int32_t lane = 0; lane < LANES; lane++) {
        mp_limb_t a[PC_MAX_LIMBS + 1], b[PC_MAX_LIMBS + 1];
        collect(a, limbs + 1, plain.words, lane, state->digits);
        collect(b, limbs + 1, plain.words + half, lane, state->digits);
        /* After a product with 1, A <= m and B <= m + 1. */
        pc_standard_of_halves(modulus, standard + (ptrdiff_t)lane * 2 * limbs, a, b);
    }
}

/* x = x * x, modulo m; one half of each lane. */
INLINE void square_half(mp_limb_t *x, divisor m, int32_t digits, const int32_t width)
{
    columns t;
    pc_group quotient, twice;
    double_digits(twice.words, x, digits);
    square_columns(t.words, x, twice.words, quotient.words, m, digits, width);
    reduce(t.words, NO_PRODUCTS, quotient.words, m, digits, width, false);
    settle(x, t.words + digits * LANES, digits);
}

/* x = 2x in the lanes of the mask. */
INLINE void double_lanes(mp_limb_t *x, __mmask8 lanes, int32_t digits)
{
    pc_group twice;
    double_digits(twice.words, x, digits);
    for (int32_t i = 0; i < digits; i++) {
        store(x, i, _mm512_mask_mov_epi64(load(x, i), lanes, load(twice.words, i)));
    }
}

/* Entry after entry, some neighbouring vectors of each: the table exceeds the nearest cache and is read in order. */
static void select_entry(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *table, int32_t count, int32_t index)
{
    enum { STEP = PC_NUMBER_ALIGNMENT_WORDS };
    int32_t words = modulus->number_words;
    vector wanted = broadcast((uint64_t)index);
    for (int32_t i = 0; i < words; i += STEP) {
        vector found[STEP];
        for (int32_t k = 0; k < STEP; k++) {
            found[k] = _mm512_setzero_si512();
        }
        for (int32_t entry = 0; entry < count; entry++) {
            __mmask8 hit = _mm512_cmpeq_epi64_mask(wanted, broadcast((uint64_t)entry));
#pragma GCC unroll 8
            for (int32_t k = 0; k < STEP; k++) {
                found[k] = _mm512_mask_mov_epi64(found[k], hit, load(table, entry * words + i + k));
            }
        }
        for (int32_t k = 0; k < STEP; k++) {
            store(r, i + k, found[k]);
        }
    }
}

/* The same, with a number for each lane: a digit of an entry goes to the lanes that want it. */
static void look_up(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *table, int32_t count,
                    const int32_t *index, uint32_t lanes)
{
    enum { STEP = PC_NUMBER_ALIGNMENT_WORDS };
    int32_t words = modulus->number_words;
    vector wanted = _mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)(const void *)index));
    for (int32_t i = 0; i < words; i += STEP) {
        vector found[STEP];
        load_vectors(found, group + i * LANES, STEP);
        for (int32_t entry = 0; entry < count; entry++) {
            __mmask8 hit = _mm512_mask_cmpeq_epi64_mask((__mmask8)lanes, wanted, broadcast((uint64_t)entry));
#pragma GCC unroll 8
            for (int32_t k = 0; k < STEP; k++) {
                found[k] = _mm512_mask_mov_epi64(found[k], hit, broadcast(table[entry * words + i + k]));
            }
        }
        store_vectors(group + i * LANES, found, STEP);
    }
}

static bool available(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("bmi2");
}

/* The tile width that makes the shorter number: K digits with at least 8 bits of slack. */
static int32_t tile_for(int32_t limbs)
{
    int32_t least = (64 * limbs + 8 + DIGIT_BITS - 1) / DIGIT_BITS;
    int32_t twenties = (least + 19) / 20 * 20, fifteens = (least + 14) / 15 * 15;
    return twenties <= fifteens ? 20 : 15;
}

static int32_t digits_for(int32_t limbs)
{
    int32_t tile = tile_for(limbs);
    int32_t least = (64 * limbs + 8 + DIGIT_BITS - 1) / DIGIT_BITS;
    return (least + tile - 1) / tile * tile;
}

static int32_t number_words(int32_t limbs)
{
    return 2 * digits_for(limbs);
}

static int32_t radix_bits(int32_t limbs)
{
    return DIGIT_BITS * digits_for(limbs);
}

static void setup(pc_modulus *modulus)
{
    ifma_state *state = (ifma_state *)(void *)modulus->state;
    state->digits = digits_for(modulus->limbs);
    state->tile = tile_for(modulus->limbs);
    state->inverse = pc_negative_inverse(modulus->m[0]) & DIGIT_MASK;
    pc_digits_setup(modulus, state->digits, DIGIT_BITS, state->m, state->offset, state->r_squared,
                    state->r_squared + state->digits);
}

/*
 * 2^((p-1)/2) modulo eight candidates p, each in its lane, is 1 or -1 for each of them that is prime. The power takes
 * one squaring for each bit, and a doubling where the bit is set: x is below (1 + 1/16) p before that, (2x)^2 below
 * R*p/32 behind it.
 */
static uint32_t may_be_prime(const mp_limb_t *candidates, int32_t limbs)
{
    int32_t digits = digits_for(limbs), tile = tile_for(limbs);
    mp_bitcnt_t bits = (mp_bitcnt_t)digits * DIGIT_BITS;
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t inverses[LANES];
    pc_group m, x;
    memset(&m, 0, sizeof m);
    memset(&x, 0, sizeof x);
    for (int32_t lane = 0; lane < LANES; lane++) {
        const mp_limb_t *candidate = candidates + (ptrdiff_t)lane * limbs;
        mp_limb_t start[PC_MAX_LIMBS];
        inverses[lane] = pc_negative_inverse(candidate[0]) & DIGIT_MASK;
        spread(m.words, lane, candidate, limbs, digits);
        pc_two_in_form(start, candidate, limbs, bits); /* the top bit of the exponent */
        spread(x.words, lane, start, limbs, digits);
    }

    divisor modulus = {m.words, load(inverses, 0), false};
    for (int32_t bit = 64 * limbs - 2 - __builtin_clzll(candidates[limbs - 1]); bit > 0; bit--) {
        __mmask8 set = 0;
        for (int32_t lane = 0; lane < LANES; lane++) {
            mp_limb_t limb = candidates[(ptrdiff_t)lane * limbs + bit / 64];
            set = (__mmask8)(set | ((limb >> (bit % 64)) & 1) << lane);
        }
        if (tile == 20) {
            square_half(x.words, modulus, digits, 20);
        } else {
            square_half(x.words, modulus, digits, 15);
        }
        double_lanes(x.words, set, digits);
    }

    uint32_t passed = 0;
    for (int32_t lane = 0; lane < LANES; lane++) {
        mp_limb_t power[PC_MAX_LIMBS + 1];
        collect(power, limbs + 1, x.words, lane, digits);
        passed |= (uint32_t)pc_is_one_or_minus_one(power, candidates + (ptrdiff_t)lane * limbs, limbs, bits) << lane;
    }
    pc_wipe(&m, sizeof m);
    pc_wipe(&x, sizeof x);
    return passed;
}

const pc_kernel PC_IN_KERNEL(pc_kernel_ifma) = {
    .name = PC_KERNEL_NAME("ifma"),
    .lanes = LANES,
    .digit_bits = DIGIT_BITS,
    .state_bytes = sizeof(ifma_state),
    .public_state_bytes = offsetof(ifma_state, inverse),
    .window_bits = 4,
    .pairs_that_pay = 4, /* a power of one pair costs about a quarter of those of a group */
    .available = available,
    .number_words = number_words,
    .radix_bits = radix_bits,
    .setup = setup,
    .gather = gather,
    .scatter = scatter,
    .enter = enter,
    .leave = leave,
    .multiply = multiply,
    .square = square,
    .add_plain = add_plain,
    .ratio_of = ratio_of,
    .ratio_step = ratio_step,
    .absorb = absorb,
    .absorb_sums = absorb_sums,
    .recombine = recombine,
    .select = select_entry,
    .look_up = look_up,
    .power_pair = PC_IN_KERNEL(pc_ifma_power_pair),
    .may_be_prime = may_be_prime,
};
