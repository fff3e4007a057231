/* From residues modulo n^2 to residues modulo p^2 and q^2 and back, group by group: constant time in all of them. */
#ifndef PC_CRT_H
#define PC_CRT_H

#include "objects.h"

/*
 * Fills the factors of a private key whose sides hold their moduli p and q and their exponents. PC_OK or
 * PC_ERR_MEMORY.
 */
int32_t pc_crt_init(pc_private *private_key, const mpz_t p, const mpz_t q);
void pc_crt_clear(pc_private *private_key);

/* groups[0] modulo p^2 and groups[1] modulo q^2 from a group modulo n^2. */
void pc_crt_split(const pc_private *private_key, pc_group groups[2], const mp_limb_t *group);

/* And back; group may be one of the two. */
void pc_crt_join(const pc_private *private_key, mp_limb_t *group, const pc_group groups[2]);

/* And back from ciphertexts raised to the sides' exponents: blank - m*n, if they were encryptions of m. */
void pc_crt_join_plain(const pc_private *private_key, mp_limb_t *group, const pc_group groups[2]);

#endif
