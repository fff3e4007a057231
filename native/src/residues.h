/* Random n-th residues modulo n^2, made from seeds: y^n for y modulo n, and y^n depends on no more of y than that. */
#ifndef PC_RESIDUES_H
#define PC_RESIDUES_H

#include "objects.h"

/* A seed is drawn this much wider than n, so that its reduction modulo n is uniform up to 2^-128. */
#define PC_SEED_EXTRA_BYTES 16

/*
 * Seeds from `count` numbers of modulus_bytes + PC_SEED_EXTRA_BYTES random bytes, reduced modulo n to as many limbs as
 * n each. PC_ERR_KEY if one is not coprime to n.
 */
int32_t pc_seeds_read(const pc_public *key, mp_limb_t *seeds, int32_t count, const uint8_t *random);

/*
 * From `used` seeds, as many at most as there are lanes: the residues in the lanes of one group, and their inverses
 * modulo n, in whatever second half, in those of another. table: pc_power_table_words. Who calls it wipes all of them.
 */
void pc_seeds_raise(const pc_public *key, const mp_limb_t *seeds, int32_t used, mp_limb_t *residues,
                    mp_limb_t *inverses, mp_limb_t *table);

#endif
