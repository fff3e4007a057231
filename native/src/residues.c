#include "residues.h"

#include <string.h>

#include "power.h"

int32_t pc_seeds_read(const pc_public *key, mp_limb_t *seeds, int32_t count, const uint8_t *random)
{
    const pc_modulus *modulus = key->modulus;
    int32_t seed_bytes = key->modulus_bytes + PC_SEED_EXTRA_BYTES;
    mp_bitcnt_t bits = 128 * (mp_bitcnt_t)modulus->limbs + 256;
    mpz_t n, seed, product;
    mpz_init2(n, bits);
    mpz_init2(seed, bits);
    mpz_init2(product, bits);
    pc_mpz_from_limbs(n, modulus->m, modulus->limbs);
    mpz_set_ui(product, 1);
    for (int32_t i = 0; i < count; i++) {
        pc_mpz_from_bytes(seed, random + (int64_t)i * seed_bytes, seed_bytes);
        mpz_tdiv_r(seed, seed, n);
        pc_limbs_from_mpz(seeds + (ptrdiff_t)i * modulus->limbs, modulus->limbs, seed);
        mpz_mul(product, product, seed);
        mpz_tdiv_r(product, product, n);
    }
    mpz_gcd(product, product, n);
    bool units = mpz_cmp_ui(product, 1) == 0;
    pc_mpz_clear_secret(n);
    pc_mpz_clear_secret(seed);
    pc_mpz_clear_secret(product);
    return units ? PC_OK : PC_ERR_KEY;
}

/* standard: lane by lane numbers below n, with a second half of zeros; each becomes its inverse modulo n. */
static void invert_lanes(const pc_modulus *modulus, mp_limb_t *standard)
{
    /* Montgomery's trick: products[i] = x_0 ... x_i, and back with the inverse of the whole product. */
    mp_bitcnt_t bits = 128 * (mp_bitcnt_t)modulus->limbs + 256;
    int32_t limbs = modulus->limbs, lanes = modulus->kernel->lanes;
    mpz_t n, number, inverse, value, products[PC_MAX_LANES];
    mpz_init2(n, bits);
    mpz_init2(number, bits);
    mpz_init2(inverse, bits);
    mpz_init2(value, bits);
    pc_mpz_from_limbs(n, modulus->m, limbs);
    mpz_set_ui(value, 1);
    for (int32_t i = 0; i < lanes; i++) {
        mpz_init2(products[i], bits);
        pc_mpz_from_limbs(number, standard + (ptrdiff_t)i * 2 * limbs, limbs);
        mpz_mul(products[i], value, number);
        mpz_tdiv_r(products[i], products[i], n);
        mpz_set(value, products[i]);
    }
    mpz_invert(inverse, value, n); /* exists: seeds are units */
    for (int32_t i = lanes - 1; i >= 0; i--) {
        mp_limb_t *at = standard + (ptrdiff_t)i * 2 * limbs;
        pc_mpz_from_limbs(number, at, limbs);
        if (i > 0) {
            mpz_mul(value, inverse, products[i - 1]);
            mpz_tdiv_r(value, value, n);
        } else {
            mpz_set(value, inverse);
        }
        pc_limbs_from_mpz(at, limbs, value);
        mpz_mul(inverse, inverse, number);
        mpz_tdiv_r(inverse, inverse, n);
    }
    for (int32_t i = 0; i < lanes; i++) {
        pc_mpz_clear_secret(products[i]);
    }
    pc_mpz_clear_secret(n);
    pc_mpz_clear_secret(number);
    pc_mpz_clear_secret(inverse);
    pc_mpz_clear_secret(value);
}

void pc_seeds_raise(const pc_public *key, const mp_limb_t *seeds, int32_t used, mp_limb_t *residues,
                    mp_limb_t *inverses, mp_limb_t *table)
{
    const pc_modulus *modulus = key->modulus;
    const pc_kernel *kernel = modulus->kernel;
    int32_t limbs = modulus->limbs;
    pc_standard standard;
    memset(&standard, 0, sizeof standard);
    for (int32_t i = 0; i < kernel->lanes; i++) {
        mp_limb_t *at = standard.limbs + (ptrdiff_t)i * 2 * limbs;
        at[0] = 1;
        if (i < used) {
            memcpy(at, seeds + (ptrdiff_t)i * limbs, (size_t)limbs * sizeof *at);
        }
    }
    kernel->enter(modulus, residues, standard.limbs);
    pc_power(modulus, residues, modulus->m, key->key_bits, table);
    kernel->leave(modulus, standard.limbs, residues);
    for (int32_t i = 0; i < kernel->lanes; i++) {
        memset(standard.limbs + (ptrdiff_t)i * 2 * limbs + limbs, 0, (size_t)limbs * sizeof(mp_limb_t));
    }
    invert_lanes(modulus, standard.limbs);
    kernel->enter(modulus, inverses, standard.limbs);
    pc_wipe(&standard, sizeof standard);
}
