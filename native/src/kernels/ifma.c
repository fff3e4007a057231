/*
 * The AVX-512 IFMA kernel: eight residues in eight lanes, radix 2^52, dual-number Montgomery form.
 *
 * Layout. A half (A or B) is K digits of 52 bits, one 64-bit word each; a number is A's digits, then B's. A group holds
 * the digits of its eight lanes side by side: digit i of all lanes is one vector.
 *
 * Form. R = 2^(52 K). K is the least multiple of the tile width with R >= 2^8 m; the residue x modulo m^2 is held as
 * (A, B) with x * R = A + B*m (mod m^2), as in gmp.c, but with slack instead of final subtractions:
 *     A < 2m,  B < 2m,  all digits below 2^52.
 *
 * Product of (A, B) and (C, D):
 *   T = A*C < 4m^2.  Montgomery reduction: q = -T/m mod R, A' = (T + q*m)/R < 4m^2/R + m <= (1 + 1/64) m.
 *   V = A*D + B*C - q + (R - 1 + E) with E = (1 - R) mod m, so that a multiple of m was added and V >= 0.
 *   V < 8m^2 + R + m, so B' = redc(V) < (8m^2 + m)/R + 1 + m, below (1 + 1/32) m + 2. For m < 96, where that may be 2m
 *   or more, R > 2^700 makes it at most m + 1. So both are below 2m again.
 * As digits, R - 1 + E is 2^52 - 1 + e_i, from which q_i is subtracted without a borrow.
 *
 * Square: T = A*A takes each product of two different digits once, with the digits of 2A; V = A*2B - q + (R - 1 + E).
 *
 * Columns. Products are gathered in columns of 64 bits: vpmadd52 adds the low or high 52 bits of a product of digits. A
 * column takes at most 4K such terms from A*D + B*C, 2K from the reduction, and one offset below 2^53: with K <= 80
 * less than 2^61. A column may be negative, but not below -2^52. Carries are only settled column by column as the
 * reduction walks over them, and once in the result.
 *
 * Speed. vpmadd52 is the bottleneck, so everything else hides behind it: a tile of `width` columns rolls through
 * registers (width + 1 accumulators), one row of all its products after the other, those of the reduction among them;
 * only finished columns go to memory. A product takes 10 K^2 of these instructions, a square 7 K^2 and a little.
 *
 * No branch and no address depends on m or on the residues.
 */
#include "ifma.h"

#include <string.h>

#include "../memory.h"
#include "../numbers.h"

#define MAX_TILE 20

/* A modulus to reduce by: one for all lanes, or a group of digits and an inverse for each. */
typedef struct divisor {
    const mp_limb_t *m;
    vector inverse; /* -m^-1 mod 2^52 */
    bool shared;
} divisor;

INLINE divisor divisor_of(const ifma_state *state)
{
    return (divisor){state->m, broadcast(state->inverse), true};
}

INLINE vector digit_of(divisor m, int32_t i)
{
    return m.shared ? broadcast(m.m[i]) : load(m.m, i);
}

/* The digits from t on. */
INLINE divisor divisor_from(divisor m, int32_t t)
{
    m.m += m.shared ? t : t * LANES;
    return m;
}

/* sum += xi * y and sum += qi * m. */
INLINE void add_row(vector *sum, vector xi, const mp_limb_t *y, const int32_t from, const int32_t width)
{
#pragma GCC unroll 20
    for (int32_t j = from; j < width; j++) {
        vector yj = load(y, j);
        sum[j] = add_low(sum[j], xi, yj);
        sum[j + 1] = add_high(sum[j + 1], xi, yj);
    }
}

INLINE void add_quotient_row(vector *sum, vector qi, divisor m, const int32_t from, const int32_t width)
{
#pragma GCC unroll 20
    for (int32_t j = from; j < width; j++) {
        vector mj = digit_of(m, j);
        sum[j] = add_low(sum[j], qi, mj);
        sum[j + 1] = add_high(sum[j + 1], qi, mj);
    }
}

INLINE void load_columns(vector *sum, const mp_limb_t *columns, const int32_t width)
{
#pragma GCC unroll 20
    for (int32_t j = 0; j < width; j++) {
        sum[j] = load(columns, j);
    }
}

INLINE void store_columns(mp_limb_t *columns, const vector *sum, const int32_t width)
{
#pragma GCC unroll 20
    for (int32_t j = 0; j < width; j++) {
        store(columns, j, sum[j]);
    }
}

/* On to the next row: its first column is this row's second. */
INLINE void roll(vector *sum, const int32_t width)
{
#pragma GCC unroll 20
    for (int32_t j = 0; j < width; j++) {
        sum[j] = sum[j + 1];
    }
}

/* x[0]*y[0] + x[1]*y[1], or only the first `count` of these. */
typedef struct products {
    const mp_limb_t *x[2], *y[2];
    int32_t count;
} products;

/* The products of a strip of rows and a tile of columns. */
INLINE products tile_of(products p, int32_t s, int32_t t)
{
    products tile = p;
    for (int32_t k = 0; k < p.count; k++) {
        tile.x[k] = p.x[k] + s * LANES;
        tile.y[k] = p.y[k] + t * LANES;
    }
    return tile;
}

/* columns += p + q*m: 2 * width columns, of which `fresh` ones from width on are zero and not read. */
INLINE void add_tile(mp_limb_t *columns, products p, const mp_limb_t *q, divisor m, const int32_t width, bool fresh)
{
    vector sum[MAX_TILE + 1];
    load_columns(sum, columns, width);
    for (int32_t i = 0; i < width; i++) {
        sum[width] = fresh ? _mm512_setzero_si512() : load(columns, width + i);
#pragma GCC unroll 2
        for (int32_t k = 0; k < p.count; k++) {
            add_row(sum, load(p.x[k], i), p.y[k], 0, width);
        }
        add_quotient_row(sum, load(q, i), m, 0, width);
        store(columns, i, sum[0]);
        roll(sum, width);
    }
    store_columns(columns + width * LANES, sum, width);
}

/*
 * The diagonal tile of a reduction: columns += p + q*m as above, with the quotient digits q[0 .. width) that clear the
 * lower half of the columns. Nothing is written there: all it held is carried on.
 */
INLINE void add_diagonal_tile(mp_limb_t *columns, products p, mp_limb_t *q, divisor m, const int32_t width,
                              bool fresh)
{
    vector zero = _mm512_setzero_si512();
    vector sum[MAX_TILE + 1];
    load_columns(sum, columns, width);
    for (int32_t i = 0; i < width; i++) {
        sum[width] = fresh ? zero : load(columns, width + i);
        vector x[2];
#pragma GCC unroll 2
        for (int32_t k = 0; k < p.count; k++) {
            x[k] = load(p.x[k], i);
            sum[0] = add_low(sum[0], x[k], load(p.y[k], 0));
        }
        vector qi = add_low(zero, sum[0], m.inverse); /* on its way while the row of p is added */
        store(q, i, qi);
#pragma GCC unroll 2
        for (int32_t k = 0; k < p.count; k++) {
            sum[1] = add_high(sum[1], x[k], load(p.y[k], 0));
            add_row(sum, x[k], p.y[k], 1, width);
        }
        sum[0] = add_low(sum[0], qi, digit_of(m, 0));
        sum[1] = add_high(sum[1], qi, digit_of(m, 0));
        sum[1] = _mm512_add_epi64(sum[1], _mm512_srai_epi64(sum[0], DIGIT_BITS));
        add_quotient_row(sum, qi, m, 1, width);
        roll(sum, width);
    }
    store_columns(columns + width * LANES, sum, width);
}

/*
 * The same without products. Nothing hides the way to the next quotient digit, so it is computed as soon as its column
 * is complete, ahead of the rest of the row.
 */
INLINE void reduce_tile(mp_limb_t *columns, mp_limb_t *q, divisor m, const int32_t width)
{
    vector zero = _mm512_setzero_si512();
    vector sum[MAX_TILE + 1];
    load_columns(sum, columns, width);
    vector qi = add_low(zero, sum[0], m.inverse);
    for (int32_t i = 0; i < width; i++) {
        store(q, i, qi);
        sum[width] = load(columns, width + i);
        sum[0] = add_low(sum[0], qi, digit_of(m, 0));
        sum[1] = add_low(sum[1], qi, digit_of(m, 1));
        sum[1] = add_high(sum[1], qi, digit_of(m, 0));
        sum[1] = _mm512_add_epi64(sum[1], _mm512_srai_epi64(sum[0], DIGIT_BITS));
        vector next = add_low(zero, sum[1], m.inverse);
        sum[2] = add_high(sum[2], qi, digit_of(m, 1));
        add_quotient_row(sum, qi, m, 2, width);
        qi = next;
        roll(sum, width);
    }
    store_columns(columns + width * LANES, sum, width);
}

/*
 * Montgomery reduction of columns + p: q receives the K quotient digits, columns[K .. 2K) the result, unsettled. Strip
 * by strip of rows, each tile takes the products and the reduction in one go. `fresh`: columns from K on are zero and
 * not read.
 */
INLINE void reduce(mp_limb_t *columns, products p, mp_limb_t *q, divisor m, int32_t digits, const int32_t width,
                   bool fresh)
{
    int32_t last = digits - width;
    for (int32_t s = 0; s < digits; s += width) {
        mp_limb_t *strip = columns + s * LANES, *strip_q = q + s * LANES;
        if (p.count == 0) {
            reduce_tile(strip, strip_q, m, width);
        } else {
            add_diagonal_tile(strip, tile_of(p, s, 0), strip_q, m, width, fresh && last == 0);
        }
        for (int32_t t = width; t <= last; t += width) {
            add_tile(strip + t * LANES, tile_of(p, s, t), strip_q, divisor_from(m, t), width, fresh && t == last);
        }
    }
}

#define NO_PRODUCTS ((products){{NULL, NULL}, {NULL, NULL}, 0})

/* The digits of 2x < R. */
INLINE void double_digits(mp_limb_t *r, const mp_limb_t *x, int32_t digits)
{
    vector carry = _mm512_setzero_si512();
    for (int32_t i = 0; i < digits; i++) {
        vector xi = load(x, i);
        store(r, i, _mm512_or_si512(_mm512_and_si512(_mm512_slli_epi64(xi, 1), digit_mask()), carry));
        carry = _mm512_srli_epi64(xi, DIGIT_BITS - 1);
    }
}

/*
 * columns = the square of one tile's digits x. Row i is x[i] times x[i] and the digits of 2x above it: each pair of
 * digits once. The lowest of those, twice[i + 1], holds the top bit of x[i], which is not above it: that is taken back.
 */
INLINE void square_tile(mp_limb_t *columns, const mp_limb_t *x, const mp_limb_t *twice, const int32_t width)
{
    vector sum[2 * MAX_TILE];
#pragma GCC unroll 40
    for (int32_t j = 0; j < 2 * width; j++) {
        sum[j] = _mm512_setzero_si512();
    }
#pragma GCC unroll 20
    for (int32_t i = 0; i < width; i++) {
        vector xi = load(x, i);
        sum[2 * i] = add_low(sum[2 * i], xi, xi);
        sum[2 * i + 1] = add_high(sum[2 * i + 1], xi, xi);
#pragma GCC unroll 20
        for (int32_t j = 1; j < width; j++) {
            if (j > i) {
                sum[i + j] = add_low(sum[i + j], xi, load(twice, j));
                sum[i + j + 1] = add_high(sum[i + j + 1], xi, load(twice, j));
            }
        }
        __mmask8 top_bit = _mm512_movepi64_mask(_mm512_slli_epi64(xi, 64 - DIGIT_BITS));
        store(columns, 2 * i, sum[2 * i]);
        store(columns, 2 * i + 1, _mm512_mask_sub_epi64(sum[2 * i + 1], top_bit, sum[2 * i + 1], xi));
    }
}

/* columns += x * y, a tile. */
INLINE void add_product(mp_limb_t *columns, const mp_limb_t *x, const mp_limb_t *y, const int32_t width)
{
    vector sum[MAX_TILE + 1];
    load_columns(sum, columns, width);
    for (int32_t i = 0; i < width; i++) {
        sum[width] = load(columns, width + i);
        add_row(sum, load(x, i), y, 0, width);
        store(columns, i, sum[0]);
        roll(sum, width);
    }
    store_columns(columns + width * LANES, sum, width);
}

/* columns = x * x, 2K of them. */
INLINE void square_columns(mp_limb_t *columns, const mp_limb_t *x, const mp_limb_t *twice, int32_t digits,
                           const int32_t width)
{
    for (int32_t s = 0; s < digits; s += width) {
        square_tile(columns + 2 * s * LANES, x + s * LANES, twice + s * LANES, width);
    }
    for (int32_t s = 0; s < digits; s += width) {
        for (int32_t t = s + width; t < digits; t += width) {
            add_product(columns + (s + t) * LANES, x + s * LANES, twice + t * LANES, width);
        }
    }
}

/* Settles the carries of two independent halves side by side: their chains of additions overlap. */
INLINE void settle(mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *b, int32_t digits)
{
    vector mask = digit_mask();
    vector carry_a = _mm512_setzero_si512(), carry_b = carry_a;
    for (int32_t i = 0; i < digits; i++) {
        vector da = _mm512_add_epi64(load(a, i), carry_a);
        vector db = _mm512_add_epi64(load(b, i), carry_b);
        store(r, i, _mm512_and_si512(da, mask));
        store(r, digits + i, _mm512_and_si512(db, mask));
        carry_a = _mm512_srai_epi64(da, DIGIT_BITS);
        carry_b = _mm512_srai_epi64(db, DIGIT_BITS);
    }
}

typedef struct columns {
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t words[2 * MAX_DIGITS * LANES];
} columns;

/* v = R - 1 + E - q, to which the products of the second half are added. */
INLINE void start_second_half(mp_limb_t *v, const mp_limb_t *q, const ifma_state *state)
{
    for (int32_t i = 0; i < state->digits; i++) {
        store(v, i, _mm512_sub_epi64(broadcast(state->offset[i]), load(q, i)));
    }
}

/* r = a * b and r = a * a; r may be an operand. */
INLINE void product(const ifma_state *state, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *b, const int32_t width)
{
    int32_t half = state->digits * LANES;
    divisor m = divisor_of(state);
    columns t, v;
    pc_group quotient;
    memset(t.words, 0, (size_t)half * sizeof *t.words);
    reduce(t.words, (products){{a, NULL}, {b, NULL}, 1}, quotient.words, m, state->digits, width, true);
    start_second_half(v.words, quotient.words, state);
    reduce(v.words, (products){{a, a + half}, {b + half, b}, 2}, quotient.words, m, state->digits, width, true);
    settle(r, t.words + half, v.words + half, state->digits);
}

INLINE void square_of(const ifma_state *state, mp_limb_t *r, const mp_limb_t *a, const int32_t width)
{
    int32_t half = state->digits * LANES;
    divisor m = divisor_of(state);
    columns t, v;
    pc_group quotient, twice;
    double_digits(twice.words, a, state->digits);
    square_columns(t.words, a, twice.words, state->digits, width);
    reduce(t.words, NO_PRODUCTS, quotient.words, m, state->digits, width, false);
    start_second_half(v.words, quotient.words, state);
    reduce(v.words, (products){{twice.words, NULL}, {a + half, NULL}, 1}, quotient.words, m, state->digits, width, true);
    settle(r, t.words + half, v.words + half, state->digits);
}

static void multiply(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *b)
{
    const ifma_state *state = state_of(modulus);
    if (state->tile == 20) {
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

/* r = redc(x * y) < m + x*y/R for x, y of K digits; two halves of which only the first is wanted. */
static void multiply_half(const ifma_state *state, mp_limb_t *r, const mp_limb_t *x, const mp_limb_t *y)
{
    int32_t digits = state->digits;
    divisor m = divisor_of(state);
    columns t;
    pc_group quotient, settled;
    memset(t.words, 0, (size_t)digits * LANES * sizeof *t.words);
    if (state->tile == 20) {
        reduce(t.words, (products){{x, NULL}, {y, NULL}, 1}, quotient.words, m, state->digits, 20, true);
    } else {
        reduce(t.words, (products){{x, NULL}, {y, NULL}, 1}, quotient.words, m, state->digits, 15, true);
    }
    const mp_limb_t *high = t.words + digits * LANES;
    settle(settled.words, high, high, digits);
    memcpy(r, settled.words, (size_t)digits * LANES * sizeof *r);
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

/* r = x + y modulo m, for x < 2m and y below (1 + 1/64) m: two subtractions at most bring it below 2m, even 1.1m. */
static void add_half(const ifma_state *state, mp_limb_t *r, const mp_limb_t *x, const mp_limb_t *y)
{
    vector carry = _mm512_setzero_si512();
    pc_group sum;
    for (int32_t i = 0; i < state->digits; i++) {
        vector s = _mm512_add_epi64(_mm512_add_epi64(load(x, i), load(y, i)), carry);
        carry = _mm512_srli_epi64(s, DIGIT_BITS);
        store(sum.words, i, _mm512_and_si512(s, digit_mask()));
    }
    reduce_once(state, sum.words, sum.words);
    reduce_once(state, r, sum.words);
}

/* The digits of limbs, into one lane. */
static void spread(mp_limb_t *group, int32_t lane, const mp_limb_t *limbs, int32_t limb_count, int32_t digits)
{
    for (int32_t i = 0; i < digits; i++) {
        int32_t bit = i * DIGIT_BITS, limb = bit / 64, shift = bit % 64;
        mp_limb_t digit = limb < limb_count ? limbs[limb] >> shift : 0;
        if (shift > 64 - DIGIT_BITS && limb + 1 < limb_count) {
            digit |= limbs[limb + 1] << (64 - shift);
        }
        group[i * LANES + lane] = digit & ((UINT64_C(1) << DIGIT_BITS) - 1);
    }
}

/* The limbs of a lane's digits. */
static void collect(mp_limb_t *limbs, int32_t limb_count, const mp_limb_t *group, int32_t lane, int32_t digits)
{
    memset(limbs, 0, (size_t)limb_count * sizeof *limbs);
    for (int32_t i = 0; i < digits; i++) {
        int32_t bit = i * DIGIT_BITS, limb = bit / 64, shift = bit % 64;
        mp_limb_t digit = group[i * LANES + lane];
        if (limb < limb_count) {
            limbs[limb] |= digit << shift;
        }
        if (shift > 64 - DIGIT_BITS && limb + 1 < limb_count) {
            limbs[limb + 1] |= digit >> (64 - shift);
        }
    }
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

/* (top, u) -= m unless that is negative; returns 1 if it was subtracted. */
static mp_limb_t subtract_modulus(const pc_modulus *modulus, mp_limb_t *u)
{
    int32_t limbs = modulus->limbs;
    mp_limb_t top = u[limbs] - mpn_sub_n(u, u, modulus->m, limbs);
    mp_limb_t negative = top >> 63;
    u[limbs] = top + mpn_cnd_add_n(negative, u, u, modulus->m, limbs);
    return negative ^ 1;
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
        mp_limb_t a[PC_MAX_LIMBS + 1], b[PC_MAX_LIMBS + 1], one[PC_MAX_LIMBS + 1] = {0};
        collect(a, limbs + 1, plain.words, lane, state->digits);
        collect(b, limbs + 1, plain.words + half, lane, state->digits);
        /* (A, B) and (A - m, B + 1) are the same number; after a product with 1, A <= m and B <= m + 1. */
        one[0] = subtract_modulus(modulus, a);
        mpn_add_n(b, b, one, limbs + 1);
        subtract_modulus(modulus, b);
        subtract_modulus(modulus, b);
        memcpy(standard + (ptrdiff_t)lane * 2 * limbs, a, (size_t)limbs * sizeof *a);
        memcpy(standard + (ptrdiff_t)lane * 2 * limbs + limbs, b, (size_t)limbs * sizeof *b);
    }
}

/* x = x * x, modulo m; one half of each lane. */
INLINE void square_half(mp_limb_t *x, divisor m, int32_t digits, const int32_t width)
{
    columns t;
    pc_group quotient, twice, settled;
    double_digits(twice.words, x, digits);
    square_columns(t.words, x, twice.words, digits, width);
    reduce(t.words, NO_PRODUCTS, quotient.words, m, digits, width, false);
    const mp_limb_t *high = t.words + digits * LANES;
    settle(settled.words, high, high, digits);
    memcpy(x, settled.words, (size_t)digits * LANES * sizeof *x);
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

/* Entry after entry, some neighbouring vectors of each: the table is longer than the nearest cache and read in order. */
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

static bool available(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512ifma");
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

/* The digits of a number that is not negative and below R. */
static void export_digits(mp_limb_t *digits, int32_t count, const mpz_t x)
{
    mpz_t rest;
    mpz_init_set(rest, x);
    for (int32_t i = 0; i < count; i++) {
        digits[i] = mpz_getlimbn(rest, 0) & ((UINT64_C(1) << DIGIT_BITS) - 1);
        mpz_fdiv_q_2exp(rest, rest, DIGIT_BITS);
    }
    pc_mpz_clear_secret(rest);
}

/* -m^-1 mod 2^52 */
static mp_limb_t negative_inverse(mp_limb_t m)
{
    mp_limb_t inverse = 1; /* Newton: each step doubles the number of right bits */
    for (int i = 0; i < 6; i++) {
        inverse *= 2 - m * inverse;
    }
    return (0 - inverse) & ((UINT64_C(1) << DIGIT_BITS) - 1);
}

static void setup(pc_modulus *modulus)
{
    ifma_state *state = (ifma_state *)(void *)modulus->state;
    state->digits = digits_for(modulus->limbs);
    state->tile = tile_for(modulus->limbs);
    mp_bitcnt_t bits = (mp_bitcnt_t)state->digits * DIGIT_BITS;

    state->inverse = negative_inverse(modulus->m[0]);

    mpz_t m, value, quotient;
    mpz_init2(m, bits);
    mpz_init2(value, 2 * bits + 128);
    mpz_init2(quotient, 2 * bits + 128);
    mpz_import(m, (size_t)modulus->limbs, -1, sizeof(mp_limb_t), 0, 0, modulus->m);
    export_digits(state->m, state->digits, m);

    mpz_setbit(value, bits);
    mpz_ui_sub(value, 1, value);
    mpz_fdiv_r(value, value, m); /* E */
    export_digits(state->offset, state->digits, value);
    for (int32_t i = 0; i < state->digits; i++) {
        state->offset[i] += (UINT64_C(1) << DIGIT_BITS) - 1;
    }

    mpz_mul(quotient, m, m);
    mpz_set_ui(value, 0);
    mpz_setbit(value, 2 * bits);
    mpz_mod(value, value, quotient);
    mpz_fdiv_qr(quotient, value, value, m);
    export_digits(state->r_squared, state->digits, value);
    export_digits(state->r_squared + state->digits, state->digits, quotient);
    pc_mpz_clear_secret(m);
    pc_mpz_clear_secret(value);
    pc_mpz_clear_secret(quotient);
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
    mpz_t p, value, r;
    mpz_init2(p, bits);
    mpz_init2(value, bits + 128);
    mpz_init2(r, bits + 128);
    memset(&m, 0, sizeof m);
    memset(&x, 0, sizeof x);
    mpz_setbit(r, bits);
    for (int32_t lane = 0; lane < LANES; lane++) {
        const mp_limb_t *candidate = candidates + (ptrdiff_t)lane * limbs;
        mp_limb_t start[PC_MAX_LIMBS];
        inverses[lane] = negative_inverse(candidate[0]);
        spread(m.words, lane, candidate, limbs, digits);
        pc_mpz_from_limbs(p, candidate, limbs);
        mpz_mul_2exp(value, r, 1); /* the top bit of the exponent */
        mpz_mod(value, value, p);
        pc_limbs_from_mpz(start, limbs, value);
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
        pc_mpz_from_limbs(p, candidates + (ptrdiff_t)lane * limbs, limbs);
        pc_mpz_from_limbs(value, power, limbs + 1);
        bool one = mpz_congruent_p(value, r, p) != 0;
        mpz_add(value, value, r);
        passed |= (uint32_t)(one || mpz_divisible_p(value, p)) << lane;
    }
    pc_mpz_clear_secret(p);
    pc_mpz_clear_secret(value);
    pc_mpz_clear_secret(r);
    pc_wipe(&m, sizeof m);
    pc_wipe(&x, sizeof x);
    return passed;
}

const pc_kernel pc_kernel_ifma = {
    .name = PC_IFMA_NAME,
    .lanes = LANES,
    .state_bytes = sizeof(ifma_state),
    .available = available,
    .number_words = number_words,
    .setup = setup,
    .gather = gather,
    .scatter = scatter,
    .enter = enter,
    .leave = leave,
    .multiply = multiply,
    .square = square,
    .add_plain = add_plain,
    .select = select_entry,
    .power_pair = pc_ifma_power_pair,
    .may_be_prime = may_be_prime,
};
