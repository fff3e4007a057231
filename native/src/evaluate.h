#ifndef PC_EVALUATE_H
#define PC_EVALUATE_H

#include "objects.h"

/* target[i] = source[i]^-1 for two rows of numbers that are the same or do not meet. PC_OK or PC_ERR_MEMORY. */
int32_t pc_invert_numbers(const pc_modulus *modulus, mp_limb_t *target, const mp_limb_t *source, int32_t count);

#endif
