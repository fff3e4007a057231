#include "inverse.h"

#include <string.h>

/* Montgomery's trick: products[i] = x_0 ... x_i, and back with the inverse of the whole product. */
bool pc_invert_lanes(const pc_modulus *modulus, mp_limb_t *standard, int32_t used)
{
    mp_bitcnt_t bits = 128 * (mp_bitcnt_t)modulus->limbs + 256; /* no number grows, or GMP would leave copies behind */
    int32_t limbs = modulus->limbs;
    mpz_t n, number, inverse, value, products[PC_MAX_LANES];
    mpz_init2(n, bits);
    mpz_init2(number, bits);
    mpz_init2(inverse, bits);
    mpz_init2(value, bits);
    pc_mpz_from_limbs(n, modulus->m, limbs);
    mpz_set_ui(value, 1);
    for (int32_t i = 0; i < used; i++) {
        mpz_init2(products[i], bits);
        pc_mpz_from_limbs(number, standard + (ptrdiff_t)i * 2 * limbs, limbs);
        mpz_mul(products[i], value, number);
        mpz_tdiv_r(products[i], products[i], n);
        mpz_set(value, products[i]);
    }
    bool exist = mpz_invert(inverse, value, n) != 0;
    for (int32_t i = used - 1; exist && i >= 0; i--) {
        mp_limb_t *at = standard + (ptrdiff_t)i * 2 * limbs;
        pc_mpz_from_limbs(number, at, limbs);
        if (i > 0) {
            mpz_mul(value, inverse, products[i - 1]);
            mpz_tdiv_r(value, value, n);
        } else {
            mpz_set(value, inverse);
        }
        pc_limbs_from_mpz(at, limbs, value);
        memset(at + limbs, 0, (size_t)limbs * sizeof *at);
        mpz_mul(inverse, inverse, number);
        mpz_tdiv_r(inverse, inverse, n);
    }
    for (int32_t i = 0; i < used; i++) {
        pc_mpz_clear_secret(products[i]);
    }
    pc_mpz_clear_secret(n);
    pc_mpz_clear_secret(number);
    pc_mpz_clear_secret(inverse);
    pc_mpz_clear_secret(value);
    return exist;
}
