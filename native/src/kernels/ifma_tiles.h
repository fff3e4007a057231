/*
 * Tiles of columns: the inner loops of the AVX-512 IFMA kernel, for eight residues in eight lanes.
 *
 * A tile is `width` rows by `width` digits; it adds x[i] * y[j] into column i + j (the low half of the product) and
 * column i + j + 1 (the high half). Its rows are taken in blocks of `rows`: the block's columns, one for each digit and
 * one more for each row, wait in registers, and each digit that is loaded serves all rows. Between two blocks the
 * columns go through memory; that costs less than moving them from register to register, and code that repeats for each
 * block stays small enough for the processor's cache of decoded instructions.
 *
 * `width` and `rows` are constants wherever these functions are expanded: 20 with blocks of 4, or 15 with blocks of 5.
 */
#ifndef PC_IFMA_TILES_H
#define PC_IFMA_TILES_H

#include "ifma.h"

#include <string.h>

#define MAX_TILE 20
#define MAX_ROWS 5
/* Columns of a block. */
#define MAX_WINDOW (MAX_TILE + MAX_ROWS)

INLINE int32_t rows_of(const int32_t width)
{
    return width == 20 ? 4 : 5;
}

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

INLINE void load_vectors(vector *x, const mp_limb_t *words, const int32_t count)
{
#pragma GCC unroll 25
    for (int32_t i = 0; i < count; i++) {
        x[i] = load(words, i);
    }
}

INLINE void store_vectors(mp_limb_t *words, const vector *x, const int32_t count)
{
#pragma GCC unroll 25
    for (int32_t i = 0; i < count; i++) {
        store(words, i, x[i]);
    }
}

/* sum[r ..] += x[r] * y for the rows first <= r < last. */
INLINE void add_digit(vector *sum, const vector *x, vector y, const int32_t first, const int32_t last)
{
#pragma GCC unroll 5
    for (int32_t r = first; r < last; r++) {
        sum[r] = add_low(sum[r], x[r], y);
    }
#pragma GCC unroll 5
    for (int32_t r = first; r < last; r++) {
        sum[r + 1] = add_high(sum[r + 1], x[r], y);
    }
}

/* sum += a block of rows x of x * y. */
INLINE void add_block(vector *sum, const mp_limb_t *x, const mp_limb_t *y, const int32_t width)
{
    const int32_t rows = rows_of(width);
    vector xs[MAX_ROWS];
    load_vectors(xs, x, rows);
#pragma GCC unroll 20
    for (int32_t j = 0; j < width; j++) {
        add_digit(sum + j, xs, load(y, j), 0, rows);
    }
}

/* x[0]*y[0] + x[1]*y[1], or only the first `count` of these. */
typedef struct products {
    const mp_limb_t *x[2], *y[2];
    int32_t count;
} products;

#define NO_PRODUCTS ((products){{NULL, NULL}, {NULL, NULL}, 0})

/* The products of a strip of rows from s on and a tile of digits from t on. */
INLINE products tile_of(products p, int32_t s, int32_t t)
{
    products tile = p;
    for (int32_t k = 0; k < p.count; k++) {
        tile.x[k] = p.x[k] + s * LANES;
        tile.y[k] = p.y[k] + t * LANES;
    }
    return tile;
}

/* The columns of a block; the last, which it is the first to reach, are zero and not read if they are `fresh`. */
INLINE void load_window(vector *sum, const mp_limb_t *columns, bool fresh, const int32_t width)
{
    const int32_t rows = rows_of(width);
    load_vectors(sum, columns, width);
#pragma GCC unroll 5
    for (int32_t r = 0; r < rows; r++) {
        sum[width + r] = fresh ? _mm512_setzero_si512() : load(columns, width + r);
    }
}

/* columns += p + q*m: 2 * width columns, of which `fresh` ones from width on are zero and not read. */
INLINE void add_tile(mp_limb_t *columns, products p, const mp_limb_t *q, divisor m, const int32_t width, bool fresh)
{
    const int32_t rows = rows_of(width);
    for (int32_t i = 0; i < width * LANES; i += rows * LANES) {
        vector sum[MAX_WINDOW], quotient[MAX_ROWS];
        start_block();
        load_window(sum, columns + i, fresh, width);
#pragma GCC unroll 2
        for (int32_t k = 0; k < p.count; k++) {
            add_block(sum, p.x[k] + i, p.y[k], width);
        }
        load_vectors(quotient, q + i, rows);
#pragma GCC unroll 20
        for (int32_t j = 0; j < width; j++) {
            add_digit(sum + j, quotient, digit_of(m, j), 0, rows);
        }
        store_vectors(columns + i, sum, width + rows);
    }
}

/* columns += p: 2 * width columns, of which `fresh` ones from width on are zero and not read. */
INLINE void add_products(mp_limb_t *columns, products p, const int32_t width, bool fresh)
{
    for (int32_t i = 0; i < width * LANES; i += rows_of(width) * LANES) {
        vector sum[MAX_WINDOW];
        start_block();
        load_window(sum, columns + i, fresh, width);
#pragma GCC unroll 2
        for (int32_t k = 0; k < p.count; k++) {
            add_block(sum, p.x[k] + i, p.y[k], width);
        }
        store_vectors(columns + i, sum, width + rows_of(width));
    }
}

/* columns = p for operands of `digits` digits, tile by tile. */
INLINE void multiply_columns(mp_limb_t *columns, products p, int32_t digits, const int32_t width)
{
    int32_t last = digits - width;
    memset(columns, 0, (size_t)width * LANES * sizeof *columns);
    for (int32_t s = 0; s < digits; s += width) {
        for (int32_t t = 0; t < digits; t += width) {
            add_products(columns + (s + t) * LANES, tile_of(p, s, t), width, s == 0 || t == last);
        }
    }
}

/*
 * Quotient digit r of a block, once column r is complete but for the block's own digits below r: makes q[r] and
 * completes column r + 1 in the same sense. With the low half of q[r] * m[0] column r would be the next multiple of
 * 2^52 from where it is; what that multiple carries is added to column r + 1 at once. Lanes outside the mask get q = 0
 * and stay as they are.
 */
INLINE void next_quotient(vector *sum, vector *q, divisor m, __mmask8 lanes, const int32_t r, const int32_t rows)
{
    q[r] = _mm512_maskz_madd52lo_epu64(lanes, _mm512_setzero_si512(), sum[r], m.inverse);
    vector carried = _mm512_add_epi64(sum[r], digit_mask());
    /* Two sums: the way from one quotient digit to the next is long enough. */
    vector low = _mm512_maskz_srai_epi64(lanes, carried, DIGIT_BITS), high = sum[r + 1];
#pragma GCC unroll 5
    for (int32_t k = 0; k <= r; k++) {
        high = add_high(high, q[k], digit_of(m, r - k));
        if (r + 1 < rows) {
            low = add_low(low, q[k], digit_of(m, r + 1 - k));
        }
    }
    sum[r + 1] = _mm512_add_epi64(low, high);
}

/* What next_quotient leaves to add of digit j of m: rows that take it to columns from `rows` on. */
INLINE void add_rest(vector *sum, const vector *q, divisor m, const int32_t j, const int32_t rows)
{
    add_digit(sum + j, q, digit_of(m, j), j < rows ? rows - j : 0, rows);
}

/*
 * The diagonal tile of a reduction: columns += p + q*m as in add_tile, with the quotient digits q[0 .. width) that
 * clear the lower half of the columns. That half is not written: all it held is carried on. The way from one quotient
 * digit to the next hides behind the last product.
 */
INLINE void add_diagonal_tile(mp_limb_t *columns, products p, mp_limb_t *q, divisor m, const int32_t width, bool fresh)
{
    const int32_t rows = rows_of(width), last = p.count - 1, every = (width - rows) / rows;
    for (int32_t i = 0; i < width * LANES; i += rows * LANES) {
        vector sum[MAX_WINDOW], quotient[MAX_ROWS], x[MAX_ROWS];
        start_block();
        load_window(sum, columns + i, fresh, width);
#pragma GCC unroll 2
        for (int32_t k = 0; k < last; k++) {
            add_block(sum, p.x[k] + i, p.y[k], width);
        }
        load_vectors(x, p.x[last] + i, rows);
#pragma GCC unroll 20
        for (int32_t j = 0; j < width; j++) {
            const int32_t behind = j + 1 - rows; /* digits since column 0 of the block is complete */
            add_digit(sum + j, x, load(p.y[last], j), 0, rows);
            if (behind >= 0 && behind % every == 0 && behind / every < rows) {
                next_quotient(sum, quotient, m, ALL_LANES, behind / every, rows);
            }
        }
        store_vectors(q + i, quotient, rows);
#pragma GCC unroll 20
        for (int32_t j = 1; j < width; j++) {
            add_rest(sum, quotient, m, j, rows);
        }
        store_vectors(columns + i + rows * LANES, sum + rows, width);
    }
}

/* The first quotient digits of a diagonal tile without products. */
INLINE void start_reduction(mp_limb_t *columns, mp_limb_t *q, divisor m, const int32_t width)
{
    const int32_t rows = rows_of(width);
    vector sum[MAX_ROWS + 1], quotient[MAX_ROWS];
    start_block();
    load_vectors(sum, columns, rows + 1);
#pragma GCC unroll 5
    for (int32_t r = 0; r < rows; r++) {
        next_quotient(sum, quotient, m, ALL_LANES, r, rows);
    }
    store_vectors(q, quotient, rows);
    store(columns, rows, sum[rows]);
}

/*
 * The diagonal tile without products, after start_reduction. The way to the next block's quotient digits hides behind
 * this block's rest; the last block finds none. q takes `rows` digits more than there are.
 */
INLINE void reduce_tile(mp_limb_t *columns, mp_limb_t *q, divisor m, const int32_t width)
{
    const int32_t rows = rows_of(width), last = (width - rows) * LANES;
    for (int32_t i = 0; i <= last; i += rows * LANES) {
        vector sum[MAX_WINDOW], quotient[MAX_ROWS], next[MAX_ROWS];
        __mmask8 more = i < last ? ALL_LANES : 0;
        start_block();
        load_vectors(quotient, q + i, rows);
        load_vectors(sum + rows, columns + i + rows * LANES, width);
#pragma GCC unroll 20
        for (int32_t j = 1; j < width; j++) {
            const int32_t behind = j + 1 - 2 * rows;
            add_rest(sum, quotient, m, j, rows);
            if (behind >= 0 && behind < rows) {
                next_quotient(sum + rows, next, m, more, behind, rows);
            }
        }
        store_vectors(q + i + rows * LANES, next, rows);
        store_vectors(columns + i + rows * LANES, sum + rows, width);
    }
}

/*
 * Montgomery reduction of columns + p: q receives the K quotient digits, columns[K .. 2K) the result, unsettled. Strip
 * by strip of rows, each tile takes the products and the reduction in one go. `fresh`: columns from K on are zero and
 * not read. Without products the first quotient digits are there already.
 */
INLINE void reduce(mp_limb_t *columns, products p, mp_limb_t *q, divisor m, int32_t digits, const int32_t width,
                   bool fresh)
{
    int32_t last = digits - width;
    for (int32_t s = 0; s < digits; s += width) {
        mp_limb_t *strip = columns + s * LANES, *strip_q = q + s * LANES;
        if (p.count > 0) {
            add_diagonal_tile(strip, tile_of(p, s, 0), strip_q, m, width, fresh && last == 0);
        } else {
            if (s > 0) {
                start_reduction(strip, strip_q, m, width);
            }
            reduce_tile(strip, strip_q, m, width);
        }
        for (int32_t t = width; t <= last; t += width) {
            add_tile(strip + t * LANES, tile_of(p, s, t), strip_q, divisor_from(m, t), width, fresh && t == last);
        }
    }
}

/*
 * A block of rows of the square of one tile's digits, from row i on. Row i is x[i] times x[i] and the digits of 2x
 * above
 * it: each pair of digits once. Bit 0 of the lowest of those, twice[i + 1], is the top bit of x[i] and not above it.
 * Blocks before this one have reached column i + width; what lies beyond is zero and not read.
 */
INLINE void square_block(mp_limb_t *columns, const mp_limb_t *x, const mp_limb_t *twice, const int32_t i,
                         const int32_t width)
{
    const int32_t rows = rows_of(width), count = width + rows - i;
    vector sum[MAX_WINDOW], xs[MAX_ROWS];
    start_block();
#pragma GCC unroll 25
    for (int32_t c = 0; c < count; c++) {
        sum[c] = i > 0 && c < width - i ? load(columns, 2 * i + c) : _mm512_setzero_si512();
    }
    load_vectors(xs, x + i * LANES, rows);
#pragma GCC unroll 20
    for (int32_t j = 0; j < width - i; j++) {
        vector y = load(twice, i + j);
        if (j < rows) {
            sum[2 * j] = add_low(sum[2 * j], xs[j], xs[j]);
            sum[2 * j + 1] = add_high(sum[2 * j + 1], xs[j], xs[j]);
        }
        if (j > 0 && j <= rows) {
            add_digit(sum + j, xs, _mm512_andnot_si512(broadcast(1), y), j - 1, j);
        }
        add_digit(sum + j, xs, y, 0, j <= rows ? j - 1 : rows);
    }
    if (i + rows == width) {
        /* The tile's last digit meets its own top bit in the next tile's first: taken back here. */
        vector own = xs[rows - 1];
        __mmask8 top_bit = _mm512_test_epi64_mask(own, broadcast(UINT64_C(1) << (DIGIT_BITS - 1)));
        sum[2 * rows - 1] = _mm512_mask_sub_epi64(sum[2 * rows - 1], top_bit, sum[2 * rows - 1],
                                                  _mm512_and_si512(own, digit_mask()));
    }
    store_vectors(columns + 2 * i * LANES, sum, count);
}

/* columns = x * x, 2K of them, and the first quotient digits of their reduction. twice: the digits of 2x. */
INLINE void square_columns(mp_limb_t *columns, const mp_limb_t *x, const mp_limb_t *twice, mp_limb_t *q, divisor m,
                           int32_t digits, const int32_t width)
{
    for (int32_t s = 0; s < digits; s += width) {
#pragma GCC unroll 5
        for (int32_t i = 0; i < width; i += rows_of(width)) {
            square_block(columns + 2 * s * LANES, x + s * LANES, twice + s * LANES, i, width);
            if (s == 0 && i == 0) {
                /* Columns 0 .. rows are complete; the way from digit to digit hides behind the blocks that follow. */
                start_reduction(columns, q, m, width);
            }
        }
    }
    for (int32_t s = 0; s < digits; s += width) {
        for (int32_t t = s + width; t < digits; t += width) {
            add_products(columns + (s + t) * LANES, (products){{x + s * LANES}, {twice + t * LANES}, 1}, width, false);
        }
    }
}

#endif
