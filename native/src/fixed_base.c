#include "fixed_base.h"

#include <string.h>

#include "objects.h"

static mp_limb_t *entry(const pc_fixed_base *fixed, int32_t window, int32_t digit)
{
    int64_t index = ((int64_t)window << fixed->window_bits) + digit;
    return fixed->table + index * fixed->modulus->number_words;
}

static size_t table_words(const pc_fixed_base *fixed)
{
    return ((size_t)fixed->windows << fixed->window_bits) * (size_t)fixed->modulus->number_words;
}

/*
 * Until pc_fixed_base_fill entry (j, 1) is the base of window j, and the first half of entry (j, 0) is R^2 / A of that,
 * which is the first half of the inverse. From one window to the next both are squared window_bits times.
 */
void pc_fixed_base_place(const pc_fixed_base *fixed, const mp_limb_t *base, const mp_limb_t *inverse)
{
    const pc_modulus *modulus = fixed->modulus;
    const pc_kernel *kernel = modulus->kernel;
    pc_group power, inverse_power;
    pc_gather_row(modulus, power.words, base, 1);
    pc_gather_row(modulus, inverse_power.words, inverse, 1);
    for (int32_t j = 0; j < fixed->windows; j++) {
        pc_scatter_row(modulus, entry(fixed, j, 0), inverse_power.words, 1);
        pc_scatter_row(modulus, entry(fixed, j, 1), power.words, 1);
        for (int32_t i = 0; i < fixed->window_bits && j + 1 < fixed->windows; i++) {
            kernel->square(modulus, power.words, power.words);
            kernel->square(modulus, inverse_power.words, inverse_power.words);
        }
    }
    pc_wipe(&power, sizeof power);
    pc_wipe(&inverse_power, sizeof inverse_power);
}

int32_t pc_fixed_base_parts(const pc_fixed_base *fixed)
{
    int32_t lanes = fixed->modulus->kernel->lanes;
    return (fixed->windows + lanes - 1) / lanes;
}

int32_t pc_fixed_base_part(const pc_fixed_base *fixed, int32_t part, int32_t *count)
{
    int32_t lanes = fixed->modulus->kernel->lanes, first = part * lanes;
    *count = pc_min(lanes, fixed->windows - first);
    return first;
}

void pc_fixed_base_place_part(const pc_fixed_base *fixed, int32_t part, const mp_limb_t *bases,
                              const mp_limb_t *inverses)
{
    const pc_modulus *modulus = fixed->modulus;
    mp_limb_t *base_at[PC_MAX_LANES] = {NULL}, *inverse_at[PC_MAX_LANES] = {NULL};
    int32_t count, first = pc_fixed_base_part(fixed, part, &count);
    for (int32_t i = 0; i < count; i++) {
        base_at[i] = entry(fixed, first + i, 1);
        inverse_at[i] = entry(fixed, first + i, 0);
    }
    modulus->kernel->scatter(modulus, base_at, bases);
    modulus->kernel->scatter(modulus, inverse_at, inverses);
}

/* The entries of some windows, one window per lane. R^2 / A is R modulo m for 1: the first half of 1 itself. */
void pc_fixed_base_fill(const pc_fixed_base *fixed, int32_t part)
{
    const pc_modulus *modulus = fixed->modulus;
    const pc_kernel *kernel = modulus->kernel;
    int32_t used, first = pc_fixed_base_part(fixed, part, &used);
    const mp_limb_t *sources[PC_MAX_LANES], *inverses[PC_MAX_LANES];
    mp_limb_t *targets[PC_MAX_LANES];
    struct {
        pc_group base, base_inverse, power, inverse;
    } work;
    for (int32_t i = 0; i < kernel->lanes; i++) {
        sources[i] = i < used ? entry(fixed, first + i, 1) : modulus->one;
        inverses[i] = i < used ? entry(fixed, first + i, 0) : modulus->one;
    }
    kernel->gather(modulus, work.base.words, sources);
    kernel->gather(modulus, work.base_inverse.words, inverses);
    kernel->ratio_of(modulus, work.base.words, work.base.words, work.base_inverse.words);
    pc_gather_ones(modulus, work.inverse.words);
    kernel->ratio_of(modulus, work.power.words, work.inverse.words, work.inverse.words);
    for (int32_t digit = 0; digit < 1 << fixed->window_bits; digit++) {
        for (int32_t i = 0; i < kernel->lanes; i++) {
            targets[i] = i < used ? entry(fixed, first + i, digit) : NULL;
        }
        kernel->scatter(modulus, targets, work.power.words);
        kernel->ratio_step(modulus, work.power.words, work.inverse.words, work.base.words, work.base_inverse.words);
    }
    pc_wipe(&work, sizeof work);
}

int32_t pc_fixed_base_init(pc_fixed_base *fixed)
{
    fixed->windows = (fixed->exponent_bits + fixed->window_bits - 1) / fixed->window_bits;
    fixed->table = pc_allocate_array(table_words(fixed), sizeof(mp_limb_t));
    PC_REQUIRE(fixed->table != NULL, PC_ERR_MEMORY);
    return PC_OK;
}

void pc_fixed_base_clear(pc_fixed_base *fixed)
{
    if (fixed->table != NULL && fixed->secret) {
        pc_wipe(fixed->table, table_words(fixed) * sizeof(mp_limb_t));
    }
    pc_release(fixed->table);
    fixed->table = NULL;
}

int64_t pc_fixed_base_bytes(const pc_fixed_base *fixed)
{
    return (int64_t)(table_words(fixed) * sizeof(mp_limb_t));
}

/* Window `window` of a little-endian exponent; bits from exponent_bits on read as zero. */
static int32_t digit_of(const pc_fixed_base *fixed, const uint8_t *exponent, int32_t exponent_bytes, int32_t window)
{
    int32_t bit = window * fixed->window_bits;
    int32_t bits = pc_min(fixed->window_bits, fixed->exponent_bits - bit);
    uint32_t value = 0;
    for (int32_t i = 0; i < 3 && bit / 8 + i < exponent_bytes; i++) {
        value |= (uint32_t)exponent[bit / 8 + i] << (8 * i);
    }
    return (int32_t)((value >> (bit % 8)) & ((1U << bits) - 1));
}

/*
 * How the numbers of a group are spread over its lanes: `share` lanes for each, a power of two, which take turns at the
 * windows. A single number so takes windows / lanes products and a few to join its lanes.
 */
static int32_t share_of(const pc_modulus *modulus, int32_t used)
{
    int32_t share = 1;
    while (2 * share * used <= modulus->kernel->lanes) {
        share *= 2;
    }
    return share;
}

/*
 * The entries that the lanes need at one step, one of the windows step * share .. each. They come from all over a large
 * table: their way is long.
 */
static void find_factors(const pc_fixed_base *fixed, const mp_limb_t **factors, const uint8_t *exponents,
                         int32_t exponent_bytes, int32_t used, int32_t share, int32_t step)
{
    const pc_modulus *modulus = fixed->modulus;
    for (int32_t i = 0; i < modulus->kernel->lanes; i++) {
        int32_t number = i / share, window = step * share + i % share;
        factors[i] = entry(fixed, 0, 0);
        if (number < used && window < fixed->windows) {
            const uint8_t *exponent = exponents + (int64_t)number * exponent_bytes;
            factors[i] = entry(fixed, window, digit_of(fixed, exponent, exponent_bytes, window));
            for (int32_t word = 0; word < modulus->number_words; word += PC_NUMBER_ALIGNMENT_WORDS) {
                __builtin_prefetch(factors[i] + word);
            }
        }
    }
}

/* Moves lane from[i] of a group to lane i. */
static void move_lanes(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *group, const int32_t *from)
{
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t rows[PC_MAX_LANES * PC_MAX_NUMBER_WORDS];
    const mp_limb_t *sources[PC_MAX_LANES];
    int32_t lanes = modulus->kernel->lanes;
    pc_scatter_row(modulus, rows, group, lanes);
    for (int32_t i = 0; i < lanes; i++) {
        sources[i] = rows + (ptrdiff_t)from[i] * modulus->number_words;
    }
    modulus->kernel->gather(modulus, r, sources);
    pc_wipe(rows, (size_t)lanes * (size_t)modulus->number_words * sizeof *rows);
}

/* Lane i = the product of lanes i * share .. (i + 1) * share - 1. */
static void join_lanes(const pc_modulus *modulus, mp_limb_t *group, mp_limb_t *other, int32_t share)
{
    int32_t from[PC_MAX_LANES], lanes = modulus->kernel->lanes;
    for (int32_t half = share / 2; half > 0; half /= 2) {
        for (int32_t i = 0; i < lanes; i++) {
            from[i] = (i + half) % lanes;
        }
        move_lanes(modulus, other, group, from);
        modulus->kernel->multiply(modulus, group, group, other);
    }
    for (int32_t i = 0; i < lanes; i++) {
        from[i] = i * share % lanes;
    }
    move_lanes(modulus, group, group, from);
}

/* Beside the group in the making: its next factor, and what the ratios of those before add up to. */
typedef struct accumulator {
    pc_group factor, sums;
    int32_t absorbed;
} accumulator;

static void absorb(const pc_modulus *modulus, mp_limb_t *group, accumulator *a)
{
    if (a->absorbed > 0 && a->absorbed % PC_MAX_ABSORBED == 0) {
        modulus->kernel->absorb_sums(modulus, group, a->sums.words);
        memset(a->sums.words, 0, pc_group_words(modulus) * sizeof(mp_limb_t));
    }
    modulus->kernel->absorb(modulus, group, a->sums.words, a->factor.words, a->absorbed++ == 0);
}

/* By indices: the next step's factors are on their way during a product. */
static void power_by_index(const pc_fixed_base *fixed, mp_limb_t *group, accumulator *a, const uint8_t *exponents,
                           int32_t exponent_bytes, int32_t used, int32_t share)
{
    const pc_modulus *modulus = fixed->modulus;
    const mp_limb_t *factors[PC_MAX_LANES];
    int32_t steps = (fixed->windows + share - 1) / share;
    find_factors(fixed, factors, exponents, exponent_bytes, used, share, 0);
    for (int32_t step = 0; step < steps; step++) {
        modulus->kernel->gather(modulus, a->factor.words, factors);
        if (step + 1 < steps) {
            find_factors(fixed, factors, exponents, exponent_bytes, used, share, step + 1);
        }
        absorb(modulus, group, a);
    }
    pc_wipe(factors, sizeof factors);
}

/* By scans: lane i looks into window step * share + i % share. */
static void power_by_scan(const pc_fixed_base *fixed, mp_limb_t *group, accumulator *a, const uint8_t *exponents,
                          int32_t exponent_bytes, int32_t used, int32_t share)
{
    const pc_modulus *modulus = fixed->modulus;
    const pc_kernel *kernel = modulus->kernel;
    const mp_limb_t *ones[PC_MAX_LANES];
    int32_t index[PC_MAX_LANES] = {0};
    for (int32_t i = 0; i < kernel->lanes; i++) {
        ones[i] = entry(fixed, 0, 0);
    }
    for (int32_t first = 0; first < fixed->windows; first += share) {
        kernel->gather(modulus, a->factor.words, ones);
        for (int32_t turn = 0; turn < share && first + turn < fixed->windows; turn++) {
            uint32_t lanes = 0;
            for (int32_t number = 0; number < used; number++) {
                int32_t lane = number * share + turn;
                const uint8_t *exponent = exponents + (int64_t)number * exponent_bytes;
                index[lane] = digit_of(fixed, exponent, exponent_bytes, first + turn);
                lanes |= UINT32_C(1) << lane;
            }
            kernel->look_up(modulus, a->factor.words, entry(fixed, first + turn, 0), 1 << fixed->window_bits, index,
                            lanes);
        }
        absorb(modulus, group, a);
    }
    pc_wipe(index, sizeof index);
}

void pc_fixed_base_power(const pc_fixed_base *fixed, mp_limb_t *group, const uint8_t *exponents,
                         int32_t exponent_bytes, int32_t used)
{
    const pc_modulus *modulus = fixed->modulus;
    int32_t share = share_of(modulus, used);
    accumulator a;
    a.absorbed = 0;
    if (fixed->scanned) {
        power_by_scan(fixed, group, &a, exponents, exponent_bytes, used, share);
    } else {
        power_by_index(fixed, group, &a, exponents, exponent_bytes, used, share);
    }
    modulus->kernel->absorb_sums(modulus, group, a.sums.words);
    if (share > 1) {
        join_lanes(modulus, group, a.factor.words, share);
    }
    pc_wipe(&a, sizeof a);
}
