/*
 * The portable kernel: one lane, dual-number Montgomery form over the public mpn functions of GMP.
 *
 * Form. L limbs, R = 2^(64 L) > m. The residue x modulo m^2 is held as two residues (A, B) below m with
 *     x * R = A + B*m  (mod m^2).
 *
 * Product of (A, B) and (C, D). T = A*C < m^2. Limb by limb, Montgomery reduction adds the multiple q*m that clears
 * the low half: T + q*m = u*R, 0 <= q < R, so T = u*R - q*m and
 *     (A + B*m)(C + D*m) = T + (AD + BC)*m = u*R + (AD + BC - q)*m   (mod m^2).
 * Divided by R, that is u + redc(AD + BC - q)*m: redc, the plain Montgomery reduction modulo m, may be applied to the
 * second factor because m*y only depends on y mod m.
 *
 * Ranges. u = (T + q*m)/R < (m^2 + R*m)/R < 2m. Let c = 1 if u >= m; then A' = u - c*m, and since
 * (A', B') = (A' + m, B' - 1) as numbers, c is added to B', that is c*R to S = AD + BC - q + c*R.
 * S >= -q > -R: let S = hi*R + lo with 0 <= lo < R, hi >= -1, and V = (lo + q'*m)/R its reduced low half, V <= m.
 * Then redc(S) = hi + V. It is not negative: hi = -1 needs lo > 0 (q < R), hence V >= 1. It is below 3m:
 * hi <= 2(m-1)^2/R + 1 <= 2m - 2, V <= m. Two conditional subtractions leave B' < m. m may fill its limbs exactly, so
 * the carry out of the top limb is kept beside the sum ("top") until then.
 *
 * Cost in half-size units: 3 products and 2 reductions; squaring 1 square (a half), 1 product, 2 reductions.
 *
 * Everything outside the two multiplications is branch-free in any case; `secret` only chooses mpn_sec_mul and
 * mpn_sec_sqr over the functions that may switch algorithms.
 */
#include "kernel.h"

#include <string.h>

#include "../memory.h"
#include "digits.h"

_Static_assert(sizeof(mp_limb_t) == 8 && GMP_NUMB_BITS == 64, "GMP with full 64-bit limbs is needed");

/* mpn_sec_mul and mpn_sec_sqr ask for scratch: none in the GMP of today, up to twice the product by the manual. */
#define SECRET_SCRATCH_LIMBS (8 * PC_MAX_LIMBS)

typedef struct gmp_state {
    mp_limb_t inverse;                     /* -m^-1 mod 2^64                  */
    mp_limb_t r_squared[2 * PC_MAX_LIMBS]; /* R^2 mod m^2, as A and B: A is R^2 mod m */
} gmp_state;

static const gmp_state *state_of(const pc_modulus *modulus)
{
    return (const gmp_state *)(const void *)modulus->state;
}

static bool available(void)
{
    return mpn_sec_mul_itch(PC_MAX_LIMBS, PC_MAX_LIMBS) <= SECRET_SCRATCH_LIMBS &&
           mpn_sec_sqr_itch(PC_MAX_LIMBS) <= SECRET_SCRATCH_LIMBS;
}

static int32_t number_words(int32_t limbs)
{
    return 2 * limbs;
}

static int32_t radix_bits(int32_t limbs)
{
    return 64 * limbs;
}

static void setup(pc_modulus *modulus)
{
    int32_t limbs = modulus->limbs;
    gmp_state *state = (gmp_state *)(void *)modulus->state;

    state->inverse = pc_negative_inverse(modulus->m[0]);

    mp_bitcnt_t bits = (mp_bitcnt_t)limbs * 64;
    mpz_t m, value, quotient;
    mpz_init2(m, bits);
    mpz_init2(value, 2 * bits + 128);
    mpz_init2(quotient, 2 * bits + 128);
    mpz_import(m, (size_t)limbs, -1, sizeof(mp_limb_t), 0, 0, modulus->m);
    mpz_mul(quotient, m, m);
    mpz_setbit(value, 2 * bits);
    mpz_mod(value, value, quotient);
    mpz_fdiv_qr(quotient, value, value, m);
    mpz_export(state->r_squared, NULL, -1, sizeof(mp_limb_t), 0, 0, value);
    mpz_export(state->r_squared + limbs, NULL, -1, sizeof(mp_limb_t), 0, 0, quotient);
    pc_mpz_clear_secret(m);
    pc_mpz_clear_secret(value);
    pc_mpz_clear_secret(quotient);
}

static void mul(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *b)
{
    if (modulus->secret) {
        mp_limb_t scratch[SECRET_SCRATCH_LIMBS];
        mpn_sec_mul(r, a, modulus->limbs, b, modulus->limbs, scratch);
    } else {
        mpn_mul_n(r, a, b, modulus->limbs);
    }
}

static void sqr(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a)
{
    if (modulus->secret) {
        mp_limb_t scratch[SECRET_SCRATCH_LIMBS];
        mpn_sec_sqr(r, a, modulus->limbs, scratch);
    } else {
        mpn_sqr(r, a, modulus->limbs);
    }
}

/*
 * u = (t + quotient*m) / R, 2*limbs limbs of t being destroyed; returns the carry out of u. Each row clears one limb,
 * which then keeps the row's carry; the carries are added in one go at the end.
 */
static mp_limb_t reduce(const pc_modulus *modulus, mp_limb_t *u, mp_limb_t *t, mp_limb_t *quotient)
{
    int32_t limbs = modulus->limbs;
    mp_limb_t inverse = state_of(modulus)->inverse;
    for (int32_t i = 0; i < limbs; i++) {
        quotient[i] = t[i] * inverse;
        t[i] = mpn_addmul_1(t + i, modulus->m, limbs, quotient[i]);
    }
    return mpn_add_n(u, t + limbs, t, limbs);
}

/* (top, u) -= m unless that is negative; returns 1 if it was subtracted. */
static mp_limb_t subtract_modulus(const pc_modulus *modulus, mp_limb_t *top, mp_limb_t *u)
{
    *top -= mpn_sub_n(u, u, modulus->m, modulus->limbs);
    mp_limb_t negative = *top >> 63;
    *top += mpn_cnd_add_n(negative, u, u, modulus->m, modulus->limbs);
    return negative ^ 1;
}

/* The second half of product and square: r from t = A*C and (top, s) = AD + BC. */
static void finish(const pc_modulus *modulus, mp_limb_t *r, mp_limb_t *t, mp_limb_t top, mp_limb_t *s)
{
    int32_t limbs = modulus->limbs;
    mp_limb_t quotient[2 * PC_MAX_LIMBS];

    mp_limb_t top_a = reduce(modulus, r, t, quotient);
    mp_limb_t carried = subtract_modulus(modulus, &top_a, r);

    /* s -= q - c*R, written in two's complement: the high half of q - c*R is all ones if c = 1 and zero otherwise. */
    for (int32_t i = 0; i < limbs; i++) {
        quotient[limbs + i] = 0 - carried;
    }
    top += carried - mpn_sub_n(s, s, quotient, 2 * limbs);

    top += reduce(modulus, r + limbs, s, quotient);
    subtract_modulus(modulus, &top, r + limbs);
    subtract_modulus(modulus, &top, r + limbs);
}

static void multiply(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *b)
{
    int32_t limbs = modulus->limbs;
    mp_limb_t t[2 * PC_MAX_LIMBS], s[2 * PC_MAX_LIMBS];
    mul(modulus, s, a, b + limbs);
    mul(modulus, t, a + limbs, b);
    mp_limb_t top = mpn_add_n(s, s, t, 2 * limbs);
    mul(modulus, t, a, b);
    finish(modulus, r, t, top, s);
}

static void square(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a)
{
    int32_t limbs = modulus->limbs;
    mp_limb_t t[2 * PC_MAX_LIMBS], s[2 * PC_MAX_LIMBS];
    mul(modulus, s, a, a + limbs);
    mp_limb_t top = mpn_lshift(s, s, 2 * limbs, 1);
    sqr(modulus, t, a);
    finish(modulus, r, t, top, s);
}

/* r = redc(a * b) modulo m, a and b residues below m. */
static void multiply_half(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *b)
{
    mp_limb_t t[2 * PC_MAX_LIMBS], quotient[PC_MAX_LIMBS];
    mul(modulus, t, a, b);
    mp_limb_t top = reduce(modulus, r, t, quotient);
    subtract_modulus(modulus, &top, r);
}

/* r = x + y and r = x - y modulo m, for residues below m. */
static void add_half(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *x, const mp_limb_t *y)
{
    mp_limb_t top = mpn_add_n(r, x, y, modulus->limbs);
    subtract_modulus(modulus, &top, r);
}

static void subtract_half(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *x, const mp_limb_t *y)
{
    mp_limb_t borrow = mpn_sub_n(r, x, y, modulus->limbs);
    mpn_cnd_add_n(borrow, r, r, modulus->m, modulus->limbs);
}

/* (A + B*m)(1 + k*m) = A + (B + k*A)*m. With k' = redc(k * R^2) = k*R, redc(k' * A) = k*A. */
static void add_plain(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *k)
{
    int32_t limbs = modulus->limbs;
    mp_limb_t product[PC_MAX_LIMBS];
    multiply_half(modulus, product, k, state_of(modulus)->r_squared);
    multiply_half(modulus, product, product, a);
    if (r != a) {
        memcpy(r, a, (size_t)limbs * sizeof *r);
    }
    add_half(modulus, r + limbs, a + limbs, product);
}

/* x = A + B*m over R is A * (1 + m*g) over R with g = B / A: redc(B * R^2 / A) = g*R. */
static void ratio_of(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *inverse)
{
    int32_t limbs = modulus->limbs;
    mp_limb_t ratio[PC_MAX_LIMBS];
    multiply_half(modulus, ratio, a + limbs, inverse);
    multiply_half(modulus, ratio, ratio, state_of(modulus)->r_squared);
    memmove(r, a, (size_t)limbs * sizeof *r);
    memcpy(r + limbs, ratio, (size_t)limbs * sizeof *r);
}

/*
 * A*C = u*R - q*m = (A' + c*m)*R - q*m, so (A*C) / R = A' * (1 + m*(c - q/R) / A'). With J = R^2 / A' the last term
 * times R^2 is c*J - redc(q*J).
 */
static void ratio_step(const pc_modulus *modulus, mp_limb_t *power, mp_limb_t *inverse, const mp_limb_t *base,
                       const mp_limb_t *base_inverse)
{
    int32_t limbs = modulus->limbs;
    mp_limb_t t[2 * PC_MAX_LIMBS], quotient[PC_MAX_LIMBS], carried[PC_MAX_LIMBS] = {0};
    mul(modulus, t, power, base);
    mp_limb_t top = reduce(modulus, power, t, quotient);
    mp_limb_t once = subtract_modulus(modulus, &top, power);
    multiply_half(modulus, inverse, inverse, base_inverse);
    multiply_half(modulus, quotient, quotient, inverse);
    mpn_cnd_add_n(once, carried, carried, inverse, limbs);
    add_half(modulus, power + limbs, power + limbs, base + limbs);
    add_half(modulus, power + limbs, power + limbs, carried);
    subtract_half(modulus, power + limbs, power + limbs, quotient);
}

static void absorb(const pc_modulus *modulus, mp_limb_t *r, mp_limb_t *sums, const mp_limb_t *factor, bool first)
{
    int32_t limbs = modulus->limbs;
    size_t bytes = (size_t)limbs * sizeof *r;
    if (first) {
        memcpy(r, factor, bytes);
        memset(r + limbs, 0, bytes);
        memcpy(sums, factor + limbs, bytes);
        return;
    }
    mp_limb_t t[2 * PC_MAX_LIMBS], s[2 * PC_MAX_LIMBS];
    mul(modulus, t, r, factor);
    mul(modulus, s, r + limbs, factor);
    finish(modulus, r, t, 0, s);
    add_half(modulus, sums, sums, factor + limbs);
}

static void absorb_sums(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *sums)
{
    mp_limb_t unit[PC_MAX_LIMBS] = {1}, ratio[PC_MAX_LIMBS];
    multiply_half(modulus, ratio, sums, unit);
    multiply_half(modulus, ratio, ratio, r);
    add_half(modulus, r + modulus->limbs, r + modulus->limbs, ratio);
}

/* r += x. (A, B) and (A - m, B + 1) are the same number. */
static void add_residue(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *x)
{
    int32_t limbs = modulus->limbs;
    mp_limb_t top = mpn_add_n(r, r, x, limbs);
    mp_limb_t carried[PC_MAX_LIMBS] = {subtract_modulus(modulus, &top, r)};
    top = mpn_add_n(r + limbs, r + limbs, x + limbs, limbs);
    top += mpn_add_n(r + limbs, r + limbs, carried, limbs);
    subtract_modulus(modulus, &top, r + limbs);
}

/* A piece is any number below R: as the first half of a factor that leaves u < 2m, and S < R*m. */
static void recombine(const pc_modulus *modulus, mp_limb_t *r, const pc_modulus *const *from,
                      const mp_limb_t *const *groups, int32_t count, const mp_limb_t *factors)
{
    int32_t limbs = modulus->limbs;
    memset(r, 0, (size_t)limbs * 2 * sizeof *r);
    for (int32_t half = 0; half < 2 * count; half++) {
        int32_t length = from[half / 2]->limbs;
        const mp_limb_t *words = groups[half / 2] + half % 2 * length;
        for (int32_t cut = 0; cut < length; cut += limbs) {
            int32_t left = length - cut;
            mp_limb_t piece[2 * PC_MAX_LIMBS] = {0};
            memcpy(piece, words + cut, (size_t)(left < limbs ? left : limbs) * sizeof *piece);
            multiply(modulus, piece, piece, factors);
            add_residue(modulus, r, piece);
            factors += modulus->number_words;
        }
    }
}

static void gather(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *const *numbers)
{
    memcpy(group, numbers[0], (size_t)modulus->limbs * 2 * sizeof *group);
}

static void scatter(const pc_modulus *modulus, mp_limb_t *const *numbers, const mp_limb_t *group)
{
    if (numbers[0] != NULL) {
        memcpy(numbers[0], group, (size_t)modulus->limbs * 2 * sizeof *group);
    }
}

/* A product with the form's constant (R^2 mod m^2) multiplies by R ... */
static void enter(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *standard)
{
    multiply(modulus, group, standard, state_of(modulus)->r_squared);
}

/* ... and one with (1, 0) divides by it. */
static void leave(const pc_modulus *modulus, mp_limb_t *standard, const mp_limb_t *group)
{
    mp_limb_t unit[2 * PC_MAX_LIMBS] = {1};
    multiply(modulus, standard, group, unit);
}

static void select_entry(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *table, int32_t count, int32_t index)
{
    mpn_sec_tabselect(r, table, modulus->number_words, count, index);
}

static void look_up(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *table, int32_t count,
                    const int32_t *index, uint32_t lanes)
{
    if (lanes != 0) {
        mpn_sec_tabselect(group, table, modulus->number_words, count, index[0]);
    }
}

const pc_kernel PC_IN_KERNEL(pc_kernel_gmp) = {
    .name = PC_KERNEL_NAME("gmp"),
    .lanes = 1,
    .digit_bits = 64,
    .state_bytes = sizeof(gmp_state),
    .window_bits = 5,
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
};
