/*
 * The AVX2 kernel: four residues in four lanes, radix 2^28, dual-number Montgomery form.
 *
 * Layout. A half (A or B) is K digits of 28 bits, K a multiple of ROWS. Word i of a number has A's digit i in its low
 * 32 bits and B's in its upper ones. A group has the words of its four lanes side by side. vpmuludq multiplies the low
 * 32 bits of 64-bit lanes, so a group is an array of A's digits as it stands; B's are shifted down before a product.
 *
 * Form. R = 2^(28 K) >= 2^8 m, and the residue x modulo m^2 is held as (A, B) with x * R = A + B*m (mod m^2), A < 4m
 * and B < 4m, as in ifma.c: the derivation of product, square and all other operations, with their ranges, stands
 * there. Digits are clean here, that is below 2^28, so that they fit their 32 bits.
 *
 * Columns. Products of digits are gathered in unsigned columns of 64 bits, and each vector of four products takes one
 * addition. 255 products fit a column with what is carried into it. The second half of a product is A*D + B*C and its
 * reduction, 3K of them: moduli longer than 85 digits settle their columns in between.
 *
 * Speed. Products of vectors are the bottleneck, with their additions: 5 K^2 in a product of two groups, 3.5 K^2 and a
 * little in a square. A block of ROWS digits of one factor waits in registers while the other factor passes by, digit
 * by digit; the columns that a digit reaches are in registers as well.
 *
 * No branch and no address depends on m or on the residues.
 */
#include "avx2_columns.h"

#include "../memory.h"
#include "../numbers.h"
#include "digits.h"

#define WINDOW_BITS 5
#define WINDOW_ENTRIES (1 << WINDOW_BITS)

typedef struct avx2_state {
    int32_t digits;                  /* K */
    mp_limb_t inverse;               /* -m^-1 mod 2^28 */
    mp_limb_t m[MAX_DIGITS];
    mp_limb_t offset[MAX_DIGITS];    /* digits of R - 1 + E: 2^28 - 1 + e_i       */
    mp_limb_t r_squared[MAX_DIGITS]; /* R^2 mod m^2 as a number: A is R^2 mod m */
    mp_limb_t r_squared_second[MAX_DIGITS];
} avx2_state;

static const avx2_state *state_of(const pc_modulus *modulus)
{
    return (const avx2_state *)(const void *)modulus->state;
}

INLINE vector second_of(vector x)
{
    return _mm256_srli_epi64(x, 32);
}

/* A factor, digits of both its halves. */
typedef struct operand {
    multiplier a, b;
} operand;

/* What the arithmetic needs of a modulus, or of one modulus for each lane. */
typedef struct constants {
    int32_t digits;
    divisor divisor;
    multiplier offset; /* digits of R - 1 + E */
} constants;

INLINE constants constants_of(const avx2_state *state)
{
    return (constants){state->digits, {shared(state->m), broadcast(state->inverse)}, shared(state->offset)};
}

INLINE void clear(wide *t, int32_t count)
{
    memset(t->words, 0, (size_t)(2 * count * LANES) * sizeof *t->words);
}

/* v = R - 1 + E - q, in 2K columns. */
INLINE void start_second_half(wide *v, const half *q, constants c)
{
    for (int32_t i = 0; i < c.digits; i++) {
        store(v->words, i, _mm256_sub_epi64(digit(c.offset, i), load(q->words, i)));
    }
    memset(v->words + c.digits * LANES, 0, (size_t)(c.digits * LANES) * sizeof *v->words);
}

/* Settles columns that are to hold so many products of K digits and could not. */
INLINE void make_room(mp_limb_t *columns, int32_t count, int32_t products)
{
    if (products * count > MAX_TERMS) {
        settle(columns, 2 * count);
    }
}

/* The reduction of v, to which so many products were added already, unsettled in its upper half. */
INLINE void reduce_terms(mp_limb_t *v, mp_limb_t *q, constants c, int32_t products)
{
    make_room(v, c.digits, products + 1);
    reduce(v, q, c.divisor, c.digits);
}

/* r = the number with halves t and v, whose carries are not settled. */
INLINE void join(mp_limb_t *r, const mp_limb_t *t, const mp_limb_t *v, int32_t count)
{
    vector carry_t = _mm256_setzero_si256(), carry_v = _mm256_setzero_si256();
    for (int32_t i = 0; i < count; i++) {
        vector a = add(load(t, i), carry_t), b = add(load(v, i), carry_v);
        store(r, i, _mm256_or_si256(low_digit(a), _mm256_slli_epi64(low_digit(b), 32)));
        carry_t = carry_of(a);
        carry_v = carry_of(b);
    }
}

/* r = the first halves of a's numbers with other second halves. */
INLINE void join_second(mp_limb_t *r, const mp_limb_t *a, const half *second, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        store(r, i, _mm256_blend_epi32(load(a, i), _mm256_slli_epi64(load(second->words, i), 32), 0xaa));
    }
}

/* The second halves of a group's numbers. */
INLINE void split(half *second, const mp_limb_t *group, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        store(second->words, i, second_of(load(group, i)));
    }
}

/* r = a * f; r may be an operand, here and below. f.b.words may be null: f is (C, 0). */
INLINE void multiply_by(constants c, mp_limb_t *r, const mp_limb_t *a, operand f)
{
    int32_t count = c.digits;
    wide t, v;
    half second, quotient;
    split(&second, a, count);
    clear(&t, count);
    add_products(t.words, a, count, f.a, count);
    reduce_terms(t.words, quotient.words, c, 1);
    start_second_half(&v, &quotient, c);
    add_products(v.words, second.words, count, f.a, count);
    if (f.b.words != NULL) {
        make_room(v.words, count, 2);
        add_products(v.words, a, count, f.b, count);
    }
    reduce_terms(v.words, quotient.words, c, f.b.words != NULL ? 2 : 1);
    join(r, t.words + count * LANES, v.words + count * LANES, count);
}

INLINE void multiply_groups(constants c, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *b)
{
    half second;
    split(&second, b, c.digits);
    multiply_by(c, r, a, (operand){each(b), each(second.words)});
}

/* V = A*2B - q + (R - 1 + E), in two parts where the columns have no room for all of A*2B. */
INLINE void square_group(constants c, mp_limb_t *r, const mp_limb_t *a)
{
    int32_t count = c.digits, part = 2 * count > MAX_TERMS ? count / (2 * ROWS) * ROWS : count;
    wide t, v;
    half twice, quotient;
    for (int32_t i = 0; i < count; i++) {
        vector b = second_of(load(a, i));
        store(twice.words, i, add(b, b));
    }
    clear(&t, count);
    add_square(t.words, a, count);
    reduce_terms(t.words, quotient.words, c, 1);
    start_second_half(&v, &quotient, c);
    add_products(v.words, a, part, each(twice.words), count);
    if (part < count) {
        settle(v.words, 2 * count);
        add_products(v.words + part * LANES, a + part * LANES, count - part, each(twice.words), count);
    }
    reduce_terms(v.words, quotient.words, c, 2);
    join(r, t.words + count * LANES, v.words + count * LANES, count);
}

static void multiply(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *b)
{
    multiply_groups(constants_of(state_of(modulus)), r, a, b);
}

static void square(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a)
{
    square_group(constants_of(state_of(modulus)), r, a);
}

/* The digits of a half whose carries are not settled yet. */
INLINE void clean(half *r, const mp_limb_t *x, int32_t count)
{
    memmove(r->words, x, (size_t)count * LANES * sizeof *x);
    settle(r->words, count);
}

/* r = redc(x * y) < m + x*y/R for x, y of K digits, and the quotient's digits; r may be an operand. */
INLINE void divide_half(const avx2_state *state, half *r, half *quotient, const mp_limb_t *x, multiplier y)
{
    int32_t count = state->digits;
    wide t;
    clear(&t, count);
    add_products(t.words, x, count, y, count);
    reduce_terms(t.words, quotient->words, constants_of(state), 1);
    clean(r, t.words + count * LANES, count);
}

INLINE void multiply_half(const avx2_state *state, half *r, const mp_limb_t *x, multiplier y)
{
    half quotient;
    divide_half(state, r, &quotient, x, y);
}

/* r = x - m where that is not negative, else x. The digits of R - 1 - m are those of m, each taken from 2^28 - 1. */
static void reduce_once(const avx2_state *state, half *r, const half *x)
{
    vector carry = broadcast(1);
    half less;
    for (int32_t i = 0; i < state->digits; i++) {
        vector d = add(add(load(x->words, i), broadcast(DIGIT_MASK - state->m[i])), carry);
        carry = carry_of(d);
        store(less.words, i, low_digit(d));
    }
    vector keep = _mm256_cmpeq_epi64(carry, _mm256_setzero_si256());
    for (int32_t i = 0; i < state->digits; i++) {
        store(r->words, i, _mm256_blendv_epi8(load(less.words, i), load(x->words, i), keep));
    }
}

/* A number's second half += y modulo m, for y below (1 + 1/16) m: two subtractions bring it below 4m. */
INLINE void add_to_second(const avx2_state *state, mp_limb_t *r, const half *y)
{
    vector carry = _mm256_setzero_si256();
    half sum;
    for (int32_t i = 0; i < state->digits; i++) {
        vector s = add(add(second_of(load(r, i)), load(y->words, i)), carry);
        carry = carry_of(s);
        store(sum.words, i, low_digit(s));
    }
    reduce_once(state, &sum, &sum);
    reduce_once(state, &sum, &sum);
    join_second(r, r, &sum, state->digits);
}

/* (A + B*m)(1 + k*m) = A + (B + k*A)*m, with k' = redc(k * R^2) = k*R and redc(k' * A) = k*A. */
static void add_plain(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *k)
{
    const avx2_state *state = state_of(modulus);
    half plain;
    for (int32_t lane = 0; lane < LANES; lane++) {
        pc_digits_of_limbs(plain.words + lane, LANES, state->digits, DIGIT_BITS, k + (ptrdiff_t)lane * modulus->limbs,
                           modulus->limbs);
    }
    multiply_half(state, &plain, plain.words, shared(state->r_squared));
    multiply_half(state, &plain, plain.words, each(a));
    if (r != a) {
        memcpy(r, a, (size_t)state->digits * LANES * sizeof *r);
    }
    add_to_second(state, r, &plain);
}

/* x = A + B*m over R is A * (1 + m*g) over R with g = B / A: redc(B * R^2 / A) = g*R, below (1 + 1/16) m. */
static void ratio_of(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *inverse)
{
    const avx2_state *state = state_of(modulus);
    half ratio;
    split(&ratio, a, state->digits);
    multiply_half(state, &ratio, ratio.words, each(inverse));
    multiply_half(state, &ratio, ratio.words, shared(state->r_squared));
    reduce_once(state, &ratio, &ratio);
    join_second(r, a, &ratio, state->digits);
}

/*
 * A*C = A'*R - q*m, so (A*C) / R = A' * (1 - m*(q/R) / A'). With J = R^2 / A' < 2m the last term times R^2 is redc(q*J)
 * < 3m: the new ratio is between 0 and 5m before it is reduced. The digits of 3m + R - 1 - less do not borrow.
 */
static void ratio_step(const pc_modulus *modulus, mp_limb_t *power, mp_limb_t *inverse, const mp_limb_t *base,
                       const mp_limb_t *base_inverse)
{
    const avx2_state *state = state_of(modulus);
    half first, ratio, less, quotient;
    divide_half(state, &first, &quotient, power, each(base));
    multiply_half(state, &less, inverse, each(base_inverse));
    memcpy(inverse, less.words, (size_t)state->digits * LANES * sizeof *inverse);
    multiply_half(state, &less, quotient.words, each(inverse));
    vector carry = broadcast(1);
    for (int32_t i = 0; i < state->digits; i++) {
        vector sum = add(second_of(load(power, i)), second_of(load(base, i)));
        vector room = _mm256_sub_epi64(broadcast(3 * state->m[i] + DIGIT_MASK), load(less.words, i));
        sum = add(add(sum, room), carry);
        carry = carry_of(sum);
        store(ratio.words, i, low_digit(sum));
    }
    for (int32_t i = 0; i < 4; i++) {
        reduce_once(state, &ratio, &ratio);
    }
    join(power, first.words, ratio.words, state->digits);
}

/* Ratios have digits of 28 bits: so many of them add up without a carry. */
static void absorb(const pc_modulus *modulus, mp_limb_t *r, mp_limb_t *sums, const mp_limb_t *factor, bool first)
{
    const avx2_state *state = state_of(modulus);
    int32_t count = state->digits;
    for (int32_t i = 0; i < count; i++) {
        vector ratio = second_of(load(factor, i));
        store(sums, i, first ? ratio : add(load(sums, i), ratio));
        if (first) {
            store(r, i, _mm256_and_si256(load(factor, i), broadcast(UINT32_MAX)));
        }
    }
    if (!first) {
        multiply_by(constants_of(state), r, r, (operand){each(factor), {NULL, false}});
    }
}

/* The sum of PC_MAX_ABSORBED ratios is below 2^7 m < R: redc leaves at most m + 1 of it, and redc by A (1 + 1/16) m. */
static void absorb_sums(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *sums)
{
    const avx2_state *state = state_of(modulus);
    int32_t count = state->digits;
    wide t;
    half ratio, quotient;
    clear(&t, count);
    memcpy(t.words, sums, (size_t)count * LANES * sizeof *sums);
    reduce_terms(t.words, quotient.words, constants_of(state), 0);
    clean(&ratio, t.words + count * LANES, count);
    multiply_half(state, &ratio, ratio.words, each(r));
    add_to_second(state, r, &ratio);
}

/*
 * T = the sum of pieces * first halves, V of pieces * second halves, then as in a product; ranges as in ifma.c. Up to
 * four pieces and what settled: columns are settled before each that could be too much.
 */
static void recombine(const pc_modulus *modulus, mp_limb_t *r, const pc_modulus *const *from,
                      const mp_limb_t *const *groups, int32_t count, const mp_limb_t *factors)
{
    const constants c = constants_of(state_of(modulus));
    int32_t digits = c.digits, terms = 0;
    wide t, v;
    half second, piece, quotient;
    clear(&t, digits);
    clear(&v, digits);
    for (int32_t part = 0; part < 2 * count; part++) {
        const mp_limb_t *group = groups[part / 2];
        int32_t length = state_of(from[part / 2])->digits;
        for (int32_t cut = 0; cut < length; cut += digits) {
            int32_t used = length - cut < digits ? length - cut : digits;
            for (int32_t i = 0; i < used; i++) {
                vector x = load(group, cut + i);
                store(piece.words, i, part % 2 == 1 ? second_of(x) : low_digit(x));
            }
            make_room(t.words, digits, ++terms);
            make_room(v.words, digits, terms);
            split(&second, factors, digits);
            add_products(t.words, piece.words, used, each(factors), digits);
            add_products(v.words, piece.words, used, each(second.words), digits);
            factors += pc_group_words(modulus);
        }
    }
    reduce_terms(t.words, quotient.words, c, terms);
    for (int32_t i = 0; i < digits; i++) {
        vector offset = _mm256_sub_epi64(digit(c.offset, i), load(quotient.words, i));
        store(v.words, i, add(load(v.words, i), offset));
    }
    reduce_terms(v.words, quotient.words, c, terms);
    join(r, t.words + digits * LANES, v.words + digits * LANES, digits);
}

/* Four rows of four words to four columns. */
INLINE void transpose(vector x[LANES])
{
    vector low01 = _mm256_unpacklo_epi64(x[0], x[1]), high01 = _mm256_unpackhi_epi64(x[0], x[1]);
    vector low23 = _mm256_unpacklo_epi64(x[2], x[3]), high23 = _mm256_unpackhi_epi64(x[2], x[3]);
    x[0] = _mm256_permute2x128_si256(low01, low23, 0x20);
    x[1] = _mm256_permute2x128_si256(high01, high23, 0x20);
    x[2] = _mm256_permute2x128_si256(low01, low23, 0x31);
    x[3] = _mm256_permute2x128_si256(high01, high23, 0x31);
}

static void gather(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *const *numbers)
{
    for (int32_t i = 0; i < modulus->number_words; i += LANES) {
        vector x[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            x[lane] = _mm256_load_si256((const vector *)(const void *)(numbers[lane] + i));
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
                _mm256_store_si256((vector *)(void *)(numbers[lane] + i), x[lane]);
            }
        }
    }
}

static void enter(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *standard)
{
    const avx2_state *state = state_of(modulus);
    int32_t limbs = modulus->limbs;
    half first, second;
    pc_group plain;
    for (int32_t lane = 0; lane < LANES; lane++) {
        const mp_limb_t *number = standard + (ptrdiff_t)lane * 2 * limbs;
        pc_digits_of_limbs(first.words + lane, LANES, state->digits, DIGIT_BITS, number, limbs);
        pc_digits_of_limbs(second.words + lane, LANES, state->digits, DIGIT_BITS, number + limbs, limbs);
    }
    join(plain.words, first.words, second.words, state->digits);
    multiply_by(constants_of(state), group, plain.words,
                (operand){shared(state->r_squared), shared(state->r_squared_second)});
}

static void leave(const pc_modulus *modulus, mp_limb_t *standard, const mp_limb_t *group)
{
    static const mp_limb_t one[MAX_DIGITS] = {1};
    const avx2_state *state = state_of(modulus);
    int32_t limbs = modulus->limbs;
    half second;
    pc_group plain;
    multiply_by(constants_of(state), plain.words, group, (operand){shared(one), {NULL, false}});
    split(&second, plain.words, state->digits);
    for (int32_t lane = 0; lane < LANES; lane++) {
        mp_limb_t a[PC_MAX_LIMBS + 1], b[PC_MAX_LIMBS + 1];
        pc_limbs_of_digits(a, limbs + 1, plain.words + lane, LANES, state->digits, DIGIT_BITS);
        pc_limbs_of_digits(b, limbs + 1, second.words + lane, LANES, state->digits, DIGIT_BITS);
        pc_standard_of_halves(modulus, standard + (ptrdiff_t)lane * 2 * limbs, a, b);
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
            found[k] = _mm256_setzero_si256();
        }
        for (int32_t entry = 0; entry < count; entry++) {
            vector hit = _mm256_cmpeq_epi64(wanted, broadcast((uint64_t)entry));
#pragma GCC unroll 8
            for (int32_t k = 0; k < STEP; k++) {
                found[k] = _mm256_or_si256(found[k], _mm256_and_si256(hit, load(table, entry * words + i + k)));
            }
        }
        for (int32_t k = 0; k < STEP; k++) {
            store(r, i + k, found[k]);
        }
    }
}

/* The same, with a number for each lane: a word of an entry goes to the lanes that want it. */
static void look_up(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *table, int32_t count,
                    const int32_t *index, uint32_t lanes)
{
    enum { STEP = PC_NUMBER_ALIGNMENT_WORDS };
    int32_t words = modulus->number_words;
    vector bit = _mm256_set_epi64x(8, 4, 2, 1);
    vector wanted = _mm256_cvtepi32_epi64(_mm_loadu_si128((const __m128i *)(const void *)index));
    vector asked = _mm256_cmpeq_epi64(_mm256_and_si256(broadcast(lanes), bit), bit);
    for (int32_t i = 0; i < words; i += STEP) {
        vector found[STEP];
        for (int32_t k = 0; k < STEP; k++) {
            found[k] = load(group, i + k);
        }
        for (int32_t entry = 0; entry < count; entry++) {
            vector hit = _mm256_and_si256(asked, _mm256_cmpeq_epi64(wanted, broadcast((uint64_t)entry)));
#pragma GCC unroll 8
            for (int32_t k = 0; k < STEP; k++) {
                found[k] = _mm256_blendv_epi8(found[k], broadcast(table[entry * words + i + k]), hit);
            }
        }
        for (int32_t k = 0; k < STEP; k++) {
            store(group, i + k, found[k]);
        }
    }
}

static int32_t number_words(int32_t limbs)
{
    int32_t least = (64 * limbs + 8 + DIGIT_BITS - 1) / DIGIT_BITS;
    return (least + ROWS - 1) / ROWS * ROWS;
}

/* Digit by digit and modulus by modulus for even and odd lanes. */
typedef struct pair_moduli {
    half m, offset;
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t inverse[LANES];
} pair_moduli;

NOINLINE static void multiply_pair(const pair_moduli *moduli, int32_t digits, mp_limb_t *r, const mp_limb_t *a,
                                   const mp_limb_t *b)
{
    const divisor d = {each(moduli->m.words), load(moduli->inverse, 0)};
    multiply_groups((constants){digits, d, each(moduli->offset.words)}, r, a, b);
}

NOINLINE static void square_pair(const pair_moduli *moduli, int32_t digits, mp_limb_t *r, const mp_limb_t *a)
{
    const divisor d = {each(moduli->m.words), load(moduli->inverse, 0)};
    square_group((constants){digits, d, each(moduli->offset.words)}, r, a);
}

/* The entry of a table of groups that each lane wants, all of them read. */
static void select_lanes(mp_limb_t *r, const mp_limb_t *table, int32_t digits, const int32_t index[2])
{
    vector wanted = _mm256_set_epi64x(index[1], index[0], index[1], index[0]);
    memset(r, 0, (size_t)digits * LANES * sizeof *r);
    for (int32_t entry = 0; entry < WINDOW_ENTRIES; entry++) {
        vector hit = _mm256_cmpeq_epi64(wanted, broadcast((uint64_t)entry));
        for (int32_t i = 0; i < digits; i++) {
            store(r, i, _mm256_or_si256(load(r, i), _mm256_and_si256(hit, load(table, entry * digits + i))));
        }
    }
}

/*
 * Both sides of a number in two lanes of one group, in half the time of two groups; the other two lanes do the same.
 * By fixed windows from the top: the same squarings, products and table reads for every exponent of `bits` bits.
 */
static void power_pair(const pc_modulus *const moduli[2], mp_limb_t *const numbers[2],
                       const mp_limb_t *const exponents[2], int32_t bits, mp_limb_t *table)
{
    int32_t digits = state_of(moduli[0])->digits, limbs = moduli[0]->limbs;
    size_t words = (size_t)digits * LANES;
    pair_moduli pair;
    pc_group result, factor;
    for (int32_t lane = 0; lane < LANES; lane++) {
        const avx2_state *state = state_of(moduli[lane % 2]);
        pair.inverse[lane] = state->inverse;
        for (int32_t i = 0; i < digits; i++) {
            pair.m.words[i * LANES + lane] = state->m[i];
            pair.offset.words[i * LANES + lane] = state->offset[i];
            table[i * LANES + lane] = moduli[lane % 2]->one[i];
            table[(digits + i) * LANES + lane] = numbers[lane % 2][i];
        }
    }
    for (size_t i = 2; i < WINDOW_ENTRIES; i++) {
        multiply_pair(&pair, digits, table + i * words, table + (i - 1) * words, table + words);
    }

    int32_t bit = (bits - 1) / WINDOW_BITS * WINDOW_BITS;
    for (bool first = true; bit >= 0; bit -= WINDOW_BITS, first = false) {
        const int32_t index[2] = {pc_window_at(exponents[0], limbs, bit, WINDOW_BITS),
                                  pc_window_at(exponents[1], limbs, bit, WINDOW_BITS)};
        if (first) {
            select_lanes(result.words, table, digits, index);
            continue;
        }
        for (int32_t i = 0; i < WINDOW_BITS; i++) {
            square_pair(&pair, digits, result.words, result.words);
        }
        select_lanes(factor.words, table, digits, index);
        multiply_pair(&pair, digits, result.words, result.words, factor.words);
    }
    for (int32_t i = 0; i < digits; i++) {
        numbers[0][i] = result.words[i * LANES];
        numbers[1][i] = result.words[i * LANES + 1];
    }
    pc_wipe(&pair, sizeof pair);
    pc_wipe(&result, sizeof result);
    pc_wipe(&factor, sizeof factor);
}

/* x = x * x, modulo a modulus for each lane; one half. */
NOINLINE static void square_half(half *x, divisor d, int32_t digits)
{
    const constants c = {digits, d, {NULL, false}};
    wide t;
    half quotient;
    clear(&t, digits);
    add_square(t.words, x->words, digits);
    reduce_terms(t.words, quotient.words, c, 1);
    clean(x, t.words + digits * LANES, digits);
}

/* As in ifma.c: 2^((p-1)/2) by squarings, and doublings of the lanes whose exponent has a bit. */
static uint32_t may_be_prime(const mp_limb_t *candidates, int32_t limbs)
{
    int32_t digits = number_words(limbs);
    mp_bitcnt_t bits = (mp_bitcnt_t)digits * DIGIT_BITS;
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t inverses[LANES];
    half m, x;
    for (int32_t lane = 0; lane < LANES; lane++) {
        const mp_limb_t *candidate = candidates + (ptrdiff_t)lane * limbs;
        mp_limb_t start[PC_MAX_LIMBS];
        pc_two_in_form(start, candidate, limbs, bits);
        inverses[lane] = pc_negative_inverse(candidate[0]) & DIGIT_MASK;
        pc_digits_of_limbs(m.words + lane, LANES, digits, DIGIT_BITS, candidate, limbs);
        pc_digits_of_limbs(x.words + lane, LANES, digits, DIGIT_BITS, start, limbs);
    }

    const divisor d = {each(m.words), load(inverses, 0)};
    for (int32_t bit = 64 * limbs - 2 - __builtin_clzll(candidates[limbs - 1]); bit > 0; bit--) {
        square_half(&x, d, digits);
        alignas(PC_NUMBER_ALIGNMENT) mp_limb_t doubled[LANES];
        for (int32_t lane = 0; lane < LANES; lane++) {
            doubled[lane] = 0 - (candidates[(ptrdiff_t)lane * limbs + bit / 64] >> (bit % 64) & 1);
        }
        for (int32_t i = 0; i < digits; i++) {
            vector digit_i = load(x.words, i);
            store(x.words, i, add(digit_i, _mm256_and_si256(digit_i, load(doubled, 0))));
        }
        settle(x.words, digits);
    }

    uint32_t passed = 0;
    for (int32_t lane = 0; lane < LANES; lane++) {
        mp_limb_t power[PC_MAX_LIMBS + 1];
        pc_limbs_of_digits(power, limbs + 1, x.words + lane, LANES, digits, DIGIT_BITS);
        passed |= (uint32_t)pc_is_one_or_minus_one(power, candidates + (ptrdiff_t)lane * limbs, limbs, bits) << lane;
    }
    pc_wipe(&m, sizeof m);
    pc_wipe(&x, sizeof x);
    return passed;
}

static bool available(void)
{
    return __builtin_cpu_supports("avx2");
}

static int32_t radix_bits(int32_t limbs)
{
    return DIGIT_BITS * number_words(limbs);
}

static void setup(pc_modulus *modulus)
{
    avx2_state *state = (avx2_state *)(void *)modulus->state;
    state->digits = number_words(modulus->limbs);
    state->inverse = pc_negative_inverse(modulus->m[0]) & DIGIT_MASK;
    pc_digits_setup(modulus, state->digits, DIGIT_BITS, state->m, state->offset, state->r_squared,
                    state->r_squared_second);
}

const pc_kernel PC_IN_KERNEL(pc_kernel_avx2) = {
    .name = PC_KERNEL_NAME("avx2"),
    .lanes = LANES,
    .digit_bits = DIGIT_BITS,
    .halves_share_words = true,
    .state_bytes = sizeof(avx2_state),
    .public_state_bytes = offsetof(avx2_state, inverse),
    .window_bits = WINDOW_BITS,
    .pairs_that_pay = 1, /* two pairs take as long as two groups */
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
    .power_pair = power_pair,
    .may_be_prime = may_be_prime,
};
