#include "power.h"

#include <string.h>

/* By fixed windows from the top: the same squarings, products and table reads for every exponent of `bits` bits. */
void pc_power(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *exponent, int32_t bits, mp_limb_t *table)
{
    const pc_kernel *kernel = modulus->kernel;
    size_t words = pc_group_words(modulus);
    int32_t window_bits = kernel->window_bits, entries = 1 << window_bits;
    pc_gather_ones(modulus, table);
    memcpy(table + words, group, words * sizeof *group);
    for (int32_t i = 2; i < entries; i++) {
        mp_limb_t *entry = table + (size_t)i * words;
        if (i % 2 == 0) {
            kernel->square(modulus, entry, table + (size_t)i / 2 * words);
        } else {
            kernel->multiply(modulus, entry, entry - words, group);
        }
    }

    pc_group factor;
    int32_t bit = (bits - 1) / window_bits * window_bits;
    kernel->select(modulus, group, table, entries, pc_window_at(exponent, modulus->limbs, bit, window_bits));
    while (bit > 0) {
        bit -= window_bits;
        for (int i = 0; i < window_bits; i++) {
            kernel->square(modulus, group, group);
        }
        kernel->select(modulus, factor.words, table, entries, pc_window_at(exponent, modulus->limbs, bit, window_bits));
        kernel->multiply(modulus, group, group, factor.words);
    }
    pc_wipe(&factor, words * sizeof(mp_limb_t));
}

void pc_power_sides(const pc_private *private_key, pc_group groups[2], const mp_limb_t *const exponents[2],
                    int32_t bits, int32_t used, mp_limb_t *table)
{
    const pc_modulus *const moduli[2] = {private_key->side[0].modulus, private_key->side[1].modulus};
    const pc_kernel *kernel = moduli[0]->kernel;
    if (used > kernel->pairs_that_pay) {
        pc_power(moduli[0], groups[0].words, exponents[0], bits, table);
        pc_power(moduli[1], groups[1].words, exponents[1], bits, table);
        return;
    }
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t rows[2][PC_MAX_LANES * PC_MAX_NUMBER_WORDS];
    for (int k = 0; k < 2; k++) {
        pc_scatter_row(moduli[k], rows[k], groups[k].words, used);
    }
    for (int32_t i = 0; i < used; i++) {
        mp_limb_t *const numbers[2] = {rows[0] + (ptrdiff_t)i * moduli[0]->number_words,
                                       rows[1] + (ptrdiff_t)i * moduli[1]->number_words};
        kernel->power_pair(moduli, numbers, exponents, bits, table);
    }
    for (int k = 0; k < 2; k++) {
        pc_gather_row(moduli[k], groups[k].words, rows[k], used);
        pc_wipe(rows[k], (size_t)used * (size_t)moduli[k]->number_words * sizeof *rows[k]);
    }
}
