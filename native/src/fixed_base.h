/*
 * Powers of one fixed base: base^e as a product of table entries, one per window of e and no squaring.
 *
 * Entry (j, d) is base^(d * 2^(window_bits * j)), d = 0 .. 2^window_bits - 1. The number of products does not depend
 * on e, but the addresses of the entries do: who can watch the cache of the machine may learn about e.
 */
#ifndef PC_FIXED_BASE_H
#define PC_FIXED_BASE_H

#include "kernels/kernel.h"

#define PC_MAX_WINDOW_BITS 12

typedef struct pc_fixed_base {
    const pc_modulus *modulus; /* not owned */
    int32_t exponent_bits;
    int32_t window_bits;
    int32_t windows;
    mp_limb_t *table;
} pc_fixed_base;

/* base: a number. PC_ERR_MEMORY, or PC_OK and pc_fixed_base_clear becomes due. */
int32_t pc_fixed_base_init(pc_fixed_base *fixed, const pc_modulus *modulus, const mp_limb_t *base,
                           int32_t exponent_bits, int32_t window_bits);
/* Wipes the table of a secret modulus. A zeroed struct is fine. */
void pc_fixed_base_clear(pc_fixed_base *fixed);

int64_t pc_fixed_base_bytes(const pc_fixed_base *fixed);

/*
 * Lane i gets base^e_i; e_i is little-endian at exponents + i * exponent_bytes, bits above exponent_bits are ignored.
 * Lanes from `used` on are left with anything. Few numbers share the lanes, for low latency.
 */
void pc_fixed_base_power(const pc_fixed_base *fixed, mp_limb_t *group, const uint8_t *exponents,
                         int32_t exponent_bytes, int32_t used);

#endif
