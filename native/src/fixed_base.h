/*
 * Powers of one fixed base: base^e as a product of table entries, one per window of e and no squaring.
 *
 * Entry (j, d) is base^(d * 2^(window_bits * j)), d = 0 .. 2^window_bits - 1, in the kernel's ratio form: a product
 * with it takes four fifths of a whole one. The number of products does not depend on e. A table that is indexed has
 * addresses that do: who can watch the cache of the machine may learn about e. One that is scanned is read in full for
 * every window: nothing shows, and small windows pay.
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
    bool scanned;
    mp_limb_t *table;
} pc_fixed_base;

/*
 * Everything but `table` and `windows` is set. base, inverse: numbers, each other's inverse modulo m. PC_ERR_MEMORY, or
 * PC_OK and pc_fixed_base_clear becomes due. Then each of the table's parts is to be filled, by any threads in any
 * order.
 */
int32_t pc_fixed_base_init(pc_fixed_base *fixed, const mp_limb_t *base, const mp_limb_t *inverse);
int32_t pc_fixed_base_parts(const pc_fixed_base *fixed);
void pc_fixed_base_fill(const pc_fixed_base *fixed, int32_t part);
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
