/* Powers: constant time in base and exponent. */
#ifndef PC_POWER_H
#define PC_POWER_H

#include "objects.h"

/* Words of the memory that the functions below take, for a modulus; who lets a secret in wipes it. */
static inline size_t pc_power_table_words(const pc_modulus *modulus)
{
    return PC_SECRET_TABLE_GROUPS * pc_group_words(modulus);
}

/* group = group^exponent modulo m^2, an exponent of as many limbs as m, of which `bits` bits count. */
void pc_power(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *exponent, int32_t bits, mp_limb_t *table);

/*
 * groups[k] = groups[k]^exponents[k] modulo p^2 and q^2, for the `used` residues in their lanes; the other lanes may be
 * lost. Exponents of as many limbs as the primes, of which `bits` bits count.
 */
void pc_power_sides(const pc_private *private_key, pc_group groups[2], const mp_limb_t *const exponents[2],
                    int32_t bits, int32_t used, mp_limb_t *table);

#endif
