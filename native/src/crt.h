/* From residues modulo p and q to one modulo n, and back: constant time in all of them. */
#ifndef PC_CRT_H
#define PC_CRT_H

#include "objects.h"

/* Fills the constants of a private key whose sides hold their moduli; p and q are its primes. */
void pc_crt_setup(pc_private *private_key, const mpz_t p, const mpz_t q);

/* The standard forms modulo p^2 and q^2 of a residue modulo n^2 given in standard form. */
void pc_crt_reduce(const pc_private *private_key, mp_limb_t *standard_p, mp_limb_t *standard_q,
                   const mp_limb_t *standard, mp_limb_t *scratch);

/* m in [0, n), plaintext of m_p modulo p and m_q modulo q. */
void pc_crt_join_plaintext(const pc_private *private_key, mp_limb_t *m, const mp_limb_t *m_p, const mp_limb_t *m_q,
                           mp_limb_t *scratch);

/* The standard form modulo n^2 of what has these standard forms modulo p^2 and q^2. */
void pc_crt_join(const pc_private *private_key, mp_limb_t *standard, const mp_limb_t *standard_p,
                 const mp_limb_t *standard_q, mp_limb_t *scratch);

#endif
