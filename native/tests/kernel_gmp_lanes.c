/*
 * Kernels for tests: residues in eight or four lanes, lane-interleaved like a vector kernel's, each computed by the
 * portable kernel. Numbers at rest are longer than the portable kernel's, so that no algorithm can take their size for
 * granted.
 */
#include "../src/kernels/kernel.h"

#include <string.h>

#define EXTRA_WORDS 5
#define SCALAR_STATE_BYTES 4096 /* no less than the portable kernel's */

extern const pc_kernel pc_kernel_gmp;

static int32_t lanes_of(const pc_modulus *modulus)
{
    return modulus->kernel->lanes;
}

static pc_modulus *scalar_of(const pc_modulus *modulus)
{
    return (pc_modulus *)(void *)modulus->state;
}

static bool available(void)
{
    return pc_kernel_gmp.available();
}

static int32_t number_words(int32_t limbs)
{
    return 2 * limbs + EXTRA_WORDS;
}

static int32_t radix_bits(int32_t limbs)
{
    return pc_kernel_gmp.radix_bits(limbs);
}

static void setup(pc_modulus *modulus)
{
    pc_modulus *scalar = scalar_of(modulus);
    scalar->kernel = &pc_kernel_gmp;
    scalar->limbs = modulus->limbs;
    scalar->number_words = modulus->number_words;
    scalar->secret = modulus->secret;
    memcpy(scalar->m, modulus->m, sizeof scalar->m);
    pc_kernel_gmp.setup(scalar);
}

static void load(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *group, int lane)
{
    for (int32_t i = 0; i < 2 * modulus->limbs; i++) {
        r[i] = group[i * lanes_of(modulus) + lane];
    }
}

static void store(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *a, int lane)
{
    for (int32_t i = 0; i < 2 * modulus->limbs; i++) {
        group[i * lanes_of(modulus) + lane] = a[i];
    }
}

static void gather(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *const *numbers)
{
    for (int lane = 0; lane < lanes_of(modulus); lane++) {
        store(modulus, group, numbers[lane], lane);
    }
}

static void scatter(const pc_modulus *modulus, mp_limb_t *const *numbers, const mp_limb_t *group)
{
    for (int lane = 0; lane < lanes_of(modulus); lane++) {
        if (numbers[lane] != NULL) {
            load(modulus, numbers[lane], group, lane);
        }
    }
}

static void enter(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *standard)
{
    mp_limb_t number[PC_MAX_NUMBER_WORDS];
    for (int lane = 0; lane < lanes_of(modulus); lane++) {
        pc_kernel_gmp.enter(scalar_of(modulus), number, standard + (ptrdiff_t)lane * 2 * modulus->limbs);
        store(modulus, group, number, lane);
    }
}

static void leave(const pc_modulus *modulus, mp_limb_t *standard, const mp_limb_t *group)
{
    mp_limb_t number[PC_MAX_NUMBER_WORDS];
    for (int lane = 0; lane < lanes_of(modulus); lane++) {
        load(modulus, number, group, lane);
        pc_kernel_gmp.leave(scalar_of(modulus), standard + (ptrdiff_t)lane * 2 * modulus->limbs, number);
    }
}

static void multiply(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *b)
{
    mp_limb_t left[PC_MAX_NUMBER_WORDS], right[PC_MAX_NUMBER_WORDS];
    for (int lane = 0; lane < lanes_of(modulus); lane++) {
        load(modulus, left, a, lane);
        load(modulus, right, b, lane);
        pc_kernel_gmp.multiply(scalar_of(modulus), left, left, right);
        store(modulus, r, left, lane);
    }
}

static void square(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a)
{
    mp_limb_t number[PC_MAX_NUMBER_WORDS];
    for (int lane = 0; lane < lanes_of(modulus); lane++) {
        load(modulus, number, a, lane);
        pc_kernel_gmp.square(scalar_of(modulus), number, number);
        store(modulus, r, number, lane);
    }
}

static void add_plain(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *k)
{
    mp_limb_t number[PC_MAX_NUMBER_WORDS];
    for (int lane = 0; lane < lanes_of(modulus); lane++) {
        load(modulus, number, a, lane);
        pc_kernel_gmp.add_plain(scalar_of(modulus), number, number, k + (ptrdiff_t)lane * modulus->limbs);
        store(modulus, r, number, lane);
    }
}

static void ratio_of(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *inverse)
{
    mp_limb_t number[PC_MAX_NUMBER_WORDS], other[PC_MAX_NUMBER_WORDS];
    for (int lane = 0; lane < lanes_of(modulus); lane++) {
        load(modulus, number, a, lane);
        load(modulus, other, inverse, lane);
        pc_kernel_gmp.ratio_of(scalar_of(modulus), number, number, other);
        store(modulus, r, number, lane);
    }
}

static void ratio_step(const pc_modulus *modulus, mp_limb_t *power, mp_limb_t *inverse, const mp_limb_t *base,
                       const mp_limb_t *base_inverse)
{
    mp_limb_t numbers[4][PC_MAX_NUMBER_WORDS];
    for (int lane = 0; lane < lanes_of(modulus); lane++) {
        load(modulus, numbers[0], power, lane);
        load(modulus, numbers[1], inverse, lane);
        load(modulus, numbers[2], base, lane);
        load(modulus, numbers[3], base_inverse, lane);
        pc_kernel_gmp.ratio_step(scalar_of(modulus), numbers[0], numbers[1], numbers[2], numbers[3]);
        store(modulus, power, numbers[0], lane);
        store(modulus, inverse, numbers[1], lane);
    }
}

static void absorb(const pc_modulus *modulus, mp_limb_t *r, mp_limb_t *sums, const mp_limb_t *factor, bool first)
{
    mp_limb_t numbers[3][PC_MAX_NUMBER_WORDS] = {{0}};
    for (int lane = 0; lane < lanes_of(modulus); lane++) {
        load(modulus, numbers[0], r, lane);
        load(modulus, numbers[1], sums, lane);
        load(modulus, numbers[2], factor, lane);
        pc_kernel_gmp.absorb(scalar_of(modulus), numbers[0], numbers[1], numbers[2], first);
        store(modulus, r, numbers[0], lane);
        store(modulus, sums, numbers[1], lane);
    }
}

static void absorb_sums(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *sums)
{
    mp_limb_t number[PC_MAX_NUMBER_WORDS], other[PC_MAX_NUMBER_WORDS];
    for (int lane = 0; lane < lanes_of(modulus); lane++) {
        load(modulus, number, r, lane);
        load(modulus, other, sums, lane);
        pc_kernel_gmp.absorb_sums(scalar_of(modulus), number, other);
        store(modulus, r, number, lane);
    }
}

static void recombine(const pc_modulus *modulus, mp_limb_t *r, const pc_modulus *const *from,
                      const mp_limb_t *const *groups, int32_t count, const mp_limb_t *factors)
{
    mp_limb_t numbers[2][PC_MAX_NUMBER_WORDS], scalar_factors[4 * PC_MAX_NUMBER_WORDS] = {0};
    const mp_limb_t *scalar_groups[2] = {numbers[0], numbers[1]};
    const pc_modulus *scalar_from[2];
    int32_t pieces = 0;
    for (int32_t k = 0; k < count; k++) {
        scalar_from[k] = scalar_of(from[k]);
        pieces += 2 * ((from[k]->limbs + modulus->limbs - 1) / modulus->limbs);
    }
    for (int lane = 0; lane < lanes_of(modulus); lane++) {
        mp_limb_t number[PC_MAX_NUMBER_WORDS];
        for (int32_t k = 0; k < count; k++) {
            load(from[k], numbers[k], groups[k], lane);
        }
        for (int32_t i = 0; i < pieces; i++) {
            load(modulus, scalar_factors + i * modulus->number_words, factors + (size_t)i * pc_group_words(modulus),
                 lane);
        }
        pc_kernel_gmp.recombine(scalar_of(modulus), number, scalar_from, scalar_groups, count, scalar_factors);
        store(modulus, r, number, lane);
    }
}

static void select_entry(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *table, int32_t count, int32_t index)
{
    mpn_sec_tabselect(r, table, (mp_size_t)pc_group_words(modulus), count, index);
}

static void look_up(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *table, int32_t count,
                    const int32_t *index, uint32_t lanes)
{
    mp_limb_t number[PC_MAX_NUMBER_WORDS];
    for (int lane = 0; lane < lanes_of(modulus); lane++) {
        if ((lanes >> lane & 1) != 0) {
            mpn_sec_tabselect(number, table, modulus->number_words, count, index[lane]);
            store(modulus, group, number, lane);
        }
    }
}

/* A test by the book, for what waits until there is a candidate for each lane. */
static uint32_t may_be_prime(const mp_limb_t *candidates, int32_t limbs, int32_t lanes)
{
    uint32_t passed = 0;
    mpz_t p;
    for (int32_t lane = 0; lane < lanes; lane++) {
        passed |= (uint32_t)(mpz_probab_prime_p(mpz_roinit_n(p, candidates + lane * limbs, limbs), 1) != 0) << lane;
    }
    return passed;
}

static uint32_t may_be_prime4(const mp_limb_t *candidates, int32_t limbs)
{
    return may_be_prime(candidates, limbs, 4);
}

#define KERNEL(count, window, primes)                                              \
    {                                                                              \
        .name = "gmp" #count, .lanes = (count), .digit_bits = 64,                  \
        .state_bytes = sizeof(pc_modulus) + SCALAR_STATE_BYTES,                    \
        .public_state_bytes = offsetof(pc_modulus, m), .window_bits = (window),    \
        .available = available, .number_words = number_words,                      \
        .radix_bits = radix_bits, .setup = setup, .gather = gather,                \
        .scatter = scatter, .enter = enter, .leave = leave, .multiply = multiply,  \
        .square = square, .add_plain = add_plain, .ratio_of = ratio_of,            \
        .ratio_step = ratio_step, .absorb = absorb, .absorb_sums = absorb_sums,    \
        .recombine = recombine, .select = select_entry, .look_up = look_up,        \
        .may_be_prime = (primes),                                                  \
    }

extern const pc_kernel pc_kernel_gmp8, pc_kernel_gmp4;
const pc_kernel pc_kernel_gmp8 = KERNEL(8, 3, NULL);
const pc_kernel pc_kernel_gmp4 = KERNEL(4, 2, may_be_prime4);
