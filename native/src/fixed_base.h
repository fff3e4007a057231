/*
 * Products of powers of fixed bases: one table entry per window of an exponent e, and no squaring.
 *
 * Entry (j, d) is base_j^d, d = 0 .. 2^window_bits - 1, in the kernel's ratio form: a product with it takes four fifths
 * of a whole one. Either base_j = base^(2^(window_bits * j)), and the product is base^e; or the bases of the windows
 * are independent. The number of products does not depend on e. A table that is indexed has
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
    bool secret; /* to be wiped */
    mp_limb_t *table;
} pc_fixed_base;

/*
 * Everything but `table` and `windows` is set. PC_ERR_MEMORY, or PC_OK and pc_fixed_base_clear becomes due. Then bases
 * are to be placed, with their inverses modulo m: the powers of one base, two numbers, in all windows; or those of the
 * windows of one part, in the lanes of groups. Then each of the table's parts is to be filled. Parts are independent of
 * each other.
 */
int32_t pc_fixed_base_init(pc_fixed_base *fixed);
void pc_fixed_base_place(const pc_fixed_base *fixed, const mp_limb_t *base, const mp_limb_t *inverse);
void pc_fixed_base_place_part(const pc_fixed_base *fixed, int32_t part, const mp_limb_t *bases,
                              const mp_limb_t *inverses);
int32_t pc_fixed_base_parts(const pc_fixed_base *fixed);
/* The windows of a part: the first of them, and how many. */
int32_t pc_fixed_base_part(const pc_fixed_base *fixed, int32_t part, int32_t *count);
void pc_fixed_base_fill(const pc_fixed_base *fixed, int32_t part);
/* A zeroed struct is fine. */
void pc_fixed_base_clear(pc_fixed_base *fixed);

int64_t pc_fixed_base_bytes(const pc_fixed_base *fixed);

/*
 * Lane i gets base^e_i, or the product of the bases' powers by the windows of e_i; e_i is little-endian at
 * exponents + i * exponent_bytes, bits above exponent_bits are ignored.
 * Lanes from `used` on are left with anything. Few numbers share the lanes, for low latency.
 */
void pc_fixed_base_power(const pc_fixed_base *fixed, mp_limb_t *group, const uint8_t *exponents,
                         int32_t exponent_bytes, int32_t used);

#endif
