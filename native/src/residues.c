#include "residues.h"

#include <string.h>

#include "inverse.h"
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
    pc_invert_lanes(modulus, standard.limbs, kernel->lanes);
    kernel->enter(modulus, inverses, standard.limbs);
    pc_wipe(&standard, sizeof standard);
}
