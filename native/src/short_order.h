/* The orders u_p and u_q of short-order keys; variable time, used when a key is made or loaded. */
#ifndef PC_SHORT_ORDER_H
#define PC_SHORT_ORDER_H

#include "objects.h"

/* Bits of the orders of a short-order key of `key_bits` bits. */
int32_t pc_order_bits(int32_t key_bits);

/* Is u, a prime (taken on trust if fresh) of the key's length, the order of its h modulo p? */
bool pc_order_fits_var(const pc_public *key, const mpz_t p, const mpz_t u, bool fresh);

#endif
