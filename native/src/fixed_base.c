#include "fixed_base.h"

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

/* Entry (j, 1) of every window: the base squared window_bits times from one to the next. */
static void fill_window_bases(const pc_fixed_base *fixed, const mp_limb_t *base)
{
    const pc_modulus *modulus = fixed->modulus;
    pc_group power;
    pc_gather_row(modulus, power.words, base, 1);
    for (int32_t j = 0; j < fixed->windows; j++) {
        pc_scatter_row(modulus, entry(fixed, j, 1), power.words, 1);
        for (int32_t i = 0; i < fixed->window_bits && j + 1 < fixed->windows; i++) {
            modulus->kernel->square(modulus, power.words, power.words);
        }
    }
    pc_wipe(&power, sizeof power);
}

/* The other entries of windows first .. first+used-1, one window per lane. */
static void fill_windows(const pc_fixed_base *fixed, int32_t first, int32_t used)
{
    const pc_modulus *modulus = fixed->modulus;
    const pc_kernel *kernel = modulus->kernel;
    const mp_limb_t *sources[PC_MAX_LANES];
    mp_limb_t *targets[PC_MAX_LANES];
    pc_group base, power;
    for (int32_t i = 0; i < kernel->lanes; i++) {
        sources[i] = i < used ? entry(fixed, first + i, 1) : modulus->one;
    }
    kernel->gather(modulus, base.words, sources);
    pc_gather_ones(modulus, power.words);
    for (int32_t digit = 0; digit < 1 << fixed->window_bits; digit++) {
        for (int32_t i = 0; i < kernel->lanes; i++) {
            targets[i] = i < used ? entry(fixed, first + i, digit) : NULL;
        }
        kernel->scatter(modulus, targets, power.words);
        kernel->multiply(modulus, power.words, power.words, base.words);
    }
    pc_wipe(&base, sizeof base);
    pc_wipe(&power, sizeof power);
}

int32_t pc_fixed_base_init(pc_fixed_base *fixed, const pc_modulus *modulus, const mp_limb_t *base,
                           int32_t exponent_bits, int32_t window_bits)
{
    pc_fixed_base created = {modulus, exponent_bits, window_bits, (exponent_bits + window_bits - 1) / window_bits,
                             NULL};
    created.table = pc_allocate(table_words(&created) * sizeof(mp_limb_t));
    PC_REQUIRE(created.table != NULL, PC_ERR_MEMORY);
    fill_window_bases(&created, base);
    for (int32_t j = 0; j < created.windows; j += modulus->kernel->lanes) {
        fill_windows(&created, j, pc_min(modulus->kernel->lanes, created.windows - j));
    }
    *fixed = created;
    return PC_OK;
}

void pc_fixed_base_clear(pc_fixed_base *fixed)
{
    if (fixed->table != NULL && fixed->modulus->secret) {
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

/* The entries that the lanes need at one window. They come from all over a large table: their way is long. */
static void find_factors(const pc_fixed_base *fixed, const mp_limb_t **factors, const uint8_t *exponents,
                         int32_t exponent_bytes, int32_t used, int32_t window)
{
    const pc_modulus *modulus = fixed->modulus;
    for (int32_t i = 0; i < modulus->kernel->lanes; i++) {
        const uint8_t *exponent = exponents + (int64_t)i * exponent_bytes;
        factors[i] = modulus->one;
        if (i < used) {
            factors[i] = entry(fixed, window, digit_of(fixed, exponent, exponent_bytes, window));
            for (int32_t word = 0; word < modulus->number_words; word += PC_NUMBER_ALIGNMENT_WORDS) {
                __builtin_prefetch(factors[i] + word);
            }
        }
    }
}

void pc_fixed_base_power(const pc_fixed_base *fixed, mp_limb_t *group, const uint8_t *exponents,
                         int32_t exponent_bytes, int32_t used)
{
    const pc_modulus *modulus = fixed->modulus;
    const pc_kernel *kernel = modulus->kernel;
    const mp_limb_t *factors[PC_MAX_LANES];
    pc_group factor;
    find_factors(fixed, factors, exponents, exponent_bytes, used, 0);
    kernel->gather(modulus, group, factors);
    if (fixed->windows > 1) {
        find_factors(fixed, factors, exponents, exponent_bytes, used, 1);
    }
    for (int32_t j = 1; j < fixed->windows; j++) {
        kernel->gather(modulus, factor.words, factors);
        if (j + 1 < fixed->windows) {
            find_factors(fixed, factors, exponents, exponent_bytes, used, j + 1); /* on their way during the product */
        }
        kernel->multiply(modulus, group, group, factor.words);
    }
    pc_wipe(&factor, pc_group_words(modulus) * sizeof(mp_limb_t));
    pc_wipe(factors, sizeof factors);
}
