/* Inverses modulo n, all lanes of a group by one inversion. */
#ifndef PC_INVERSE_H
#define PC_INVERSE_H

#include "objects.h"

/*
 * standard: numbers modulo n^2 in standard form, lane by lane; the first halves of the first `used` become their
 * inverses modulo n, the second halves 0. False, and nothing is changed, if one of them has none. The numbers may be
 * secret: what is made of them is wiped.
 */
bool pc_invert_lanes(const pc_modulus *modulus, mp_limb_t *standard, int32_t used);

#endif
