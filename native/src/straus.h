/*
 * Products of powers by Straus' method, for as many outputs at once as the kernel has lanes. Variable time.
 *
 * Each magnitude is cut into odd digits of at most w bits; a digit is one product at its bit position, and the
 * squarings from position to position are shared by all terms of an output. w is chosen for each base of each output by
 * counting: a magnitude of 1 costs its one product, and odd powers of a base are prepared only where they save more
 * than they cost. An output that is one multiple of one number takes digits at fixed positions instead, because the
 * lanes share their steps.
 */
#ifndef PC_STRAUS_H
#define PC_STRAUS_H

#include "kernels/kernel.h"

typedef struct pc_straus pc_straus;

/* Null when memory runs out. */
pc_straus *pc_straus_create(const pc_modulus *modulus);
void pc_straus_free(pc_straus *straus);

/* Adds the factor number^(magnitude * 2^shift) to the output in `lane`. PC_OK or PC_ERR_MEMORY. */
int32_t pc_straus_add(pc_straus *straus, int32_t lane, const mp_limb_t *number, uint64_t magnitude, int32_t shift);

/* Writes the outputs of all lanes to *targets[lane] (null: dropped) and starts afresh. PC_OK or PC_ERR_MEMORY. */
int32_t pc_straus_run(pc_straus *straus, mp_limb_t *const *targets);

/* Products and squarings done so far, spare lanes not counted. */
int64_t pc_straus_products(const pc_straus *straus);

#endif
