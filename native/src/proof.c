/*
 * That gcd(n, phi(n)) = 1: every number then has an n-th root modulo n, and who knows the factors finds it. Where the
 * gcd is not 1 a prime divides it, which is 2^16 at least if n has no smaller factor, and no more than one number in
 * 2^16 has a root.
 */
#include "crt.h"
#include "power.h"
#include "prime.h"

#include <string.h>

/* Do `count` numbers of modulus_bytes each lie below n? */
static bool numbers_fit(const pc_public *key, const uint8_t *numbers, int32_t count)
{
    mp_limb_t number[PC_MAX_LIMBS];
    int32_t limbs = key->modulus->limbs;
    bool fit = true;
    for (int32_t i = 0; i < count; i++) {
        pc_limbs_from_bytes(number, limbs, numbers + (int64_t)i * key->modulus_bytes, key->modulus_bytes);
        fit &= mpn_cmp(number, key->modulus->m, limbs) < 0;
    }
    return fit;
}

/* Numbers modulo n, `used` of them, as a group modulo n^2. */
static void enter_numbers(const pc_public *key, mp_limb_t *group, const uint8_t *numbers, int32_t used)
{
    const pc_modulus *n = key->modulus;
    pc_standard standard;
    memset(&standard, 0, sizeof standard);
    for (int32_t i = 0; i < used; i++) {
        pc_limbs_from_bytes(standard.limbs + (ptrdiff_t)i * 2 * n->limbs, n->limbs,
                            numbers + (int64_t)i * key->modulus_bytes, key->modulus_bytes);
    }
    n->kernel->enter(n, group, standard.limbs);
}

/* And back. */
static void leave_numbers(const pc_public *key, const pc_modulus *n, uint8_t *numbers, const mp_limb_t *group,
                          int32_t used)
{
    pc_standard standard;
    n->kernel->leave(n, standard.limbs, group);
    for (int32_t i = 0; i < used; i++) {
        pc_bytes_from_limbs(numbers + (int64_t)i * key->modulus_bytes, key->modulus_bytes,
                            standard.limbs + (ptrdiff_t)i * 2 * n->limbs);
    }
    pc_wipe(&standard, sizeof standard);
}

int32_t pc_find_roots(const pc_private *private_key, const uint8_t *numbers, int64_t bytes, int32_t count,
                      uint8_t *roots)
{
    PC_REQUIRE(private_key != NULL && (count == 0 || (numbers != NULL && roots != NULL)), PC_ERR_NULL);
    const pc_public *key = private_key->key;
    PC_REQUIRE(count >= 0 && bytes == (int64_t)count * key->modulus_bytes, PC_ERR_LENGTH);
    PC_REQUIRE(numbers_fit(key, numbers, count), PC_ERR_RANGE);

    size_t table_bytes = pc_power_table_words(private_key->side[0].modulus) * sizeof(mp_limb_t);
    mp_limb_t *table = pc_allocate(table_bytes);
    PC_REQUIRE(table != NULL, PC_ERR_MEMORY);

    /* The root modulo n from those modulo p^2 and q^2, whose second halves are of no account. */
    const mp_limb_t *const exponents[2] = {private_key->side[0].root_exponent, private_key->side[1].root_exponent};
    const pc_kernel *kernel = key->modulus->kernel;
    pc_group group, sides[2];
    for (int32_t done = 0; done < count; done += kernel->lanes) {
        int32_t used = pc_min(kernel->lanes, count - done);
        int64_t at = (int64_t)done * key->modulus_bytes;
        enter_numbers(key, group.words, numbers + at, used);
        pc_crt_split(private_key, sides, group.words);
        pc_power_sides(private_key, sides, exponents, private_key->prime_bits, used, table);
        pc_crt_join(private_key, group.words, sides);
        leave_numbers(key, key->secrets_modulus, roots + at, group.words, used);
    }
    pc_wipe(&group, sizeof group);
    pc_wipe(sides, sizeof sides);
    pc_release_secret(table, table_bytes);
    pc_wipe_stack();
    return PC_OK;
}

int32_t pc_check_roots(const pc_public *key, const uint8_t *numbers, const uint8_t *roots, int64_t bytes,
                       int32_t count, int32_t *valid)
{
    PC_REQUIRE(key != NULL && valid != NULL && (count == 0 || (numbers != NULL && roots != NULL)), PC_ERR_NULL);
    PC_REQUIRE(count >= 0 && bytes == (int64_t)count * key->modulus_bytes, PC_ERR_LENGTH);
    PC_REQUIRE(numbers_fit(key, numbers, count), PC_ERR_RANGE);

    const pc_modulus *n = key->modulus;
    if (!numbers_fit(key, roots, count) || pc_has_small_factor_var(n->m, n->limbs)) {
        *valid = 0;
        return PC_OK;
    }
    mp_limb_t *table = pc_allocate_array(pc_power_table_words(n), sizeof(mp_limb_t));
    PC_REQUIRE(table != NULL, PC_ERR_MEMORY);
    bool all = true;
    for (int32_t done = 0; all && done < count; done += n->kernel->lanes) {
        int32_t used = pc_min(n->kernel->lanes, count - done);
        int64_t at = (int64_t)done * key->modulus_bytes;
        uint8_t powers[PC_MAX_LANES * PC_MAX_KEY_BITS / 8];
        pc_group group;
        enter_numbers(key, group.words, roots + at, used);
        pc_power(n, group.words, n->m, key->key_bits, table);
        leave_numbers(key, n, powers, group.words, used);
        all = memcmp(powers, numbers + at, (size_t)used * (size_t)key->modulus_bytes) == 0;
    }
    pc_release(table);
    *valid = all ? 1 : 0;
    return PC_OK;
}
