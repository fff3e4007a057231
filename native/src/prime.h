/* Tests on primes of a key; variable time, used when a key is made or loaded. */
#ifndef PC_PRIME_H
#define PC_PRIME_H

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

/* Probably prime: Baillie-PSW and further Miller-Rabin rounds. */
bool pc_is_prime_var(const mpz_t p);

/* gcd(p - 1, q - 1) = 2 */
bool pc_orders_fit_var(const mpz_t p, const mpz_t q);

/* Does an odd prime below 2^16 divide n, other than n itself? */
bool pc_has_small_factor_var(const mp_limb_t *n, int32_t limbs);

#endif
