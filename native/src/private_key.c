#include "crt.h"
#include "prime.h"
#include "short_order.h"

#include <string.h>

static bool primes_fit(const mpz_t p, const mpz_t q, const pc_public *key, bool fresh)
{
    if (mpz_sizeinbase(p, 2) != mpz_sizeinbase(q, 2) || mpz_cmp(p, q) == 0 || mpz_tstbit(p, 0) == 0 ||
        mpz_tstbit(p, 1) == 0 || mpz_tstbit(q, 0) == 0 || mpz_tstbit(q, 1) == 0) {
        return false;
    }
    mp_bitcnt_t bits = (mp_bitcnt_t)mpz_sizeinbase(p, 2);
    mpz_t product;
    mpz_init2(product, 2 * bits + 64);
    mpz_mul(product, p, q);
    bool fits = mpz_size(product) == (size_t)key->modulus->limbs &&
                mpn_cmp(mpz_limbs_read(product), key->modulus->m, key->modulus->limbs) == 0;
    pc_mpz_clear_secret(product);
    return fits && pc_orders_fit_var(p, q) && (fresh || (pc_is_prime_var(p) && pc_is_prime_var(q)));
}

/* exponent = 1/q modulo p - 1, where n = q: it exists, because q is no divisor of p - 1, a number as long. */
static void find_root_exponent(mp_limb_t *exponent, int32_t limbs, const mpz_t p, const mpz_t q)
{
    mp_bitcnt_t bits = 2 * (mp_bitcnt_t)mpz_sizeinbase(p, 2) + 64;
    mpz_t order, inverse;
    mpz_init2(order, bits);
    mpz_init2(inverse, bits);
    mpz_sub_ui(order, p, 1);
    mpz_invert(inverse, q, order);
    pc_limbs_from_mpz(exponent, limbs, inverse);
    pc_mpz_clear_secret(order);
    pc_mpz_clear_secret(inverse);
}

/* orders: those of a short-order key, or null. */
static int32_t fill(pc_private *private_key, const mpz_t p, const mpz_t q, const mpz_srcptr *orders)
{
    private_key->prime_bits = (int32_t)mpz_sizeinbase(p, 2);
    private_key->prime_limbs = (int32_t)mpz_size(p);
    private_key->exponent_bits = orders != NULL ? private_key->key->order_bits : private_key->prime_bits;
    const mpz_srcptr primes[2] = {p, q};
    for (int i = 0; i < 2; i++) {
        pc_prime_side *side = &private_key->side[i];
        mp_limb_t limbs[PC_MAX_LIMBS];
        pc_limbs_from_mpz(limbs, private_key->prime_limbs, primes[i]);
        side->modulus = pc_modulus_create(private_key->key->modulus->kernel, limbs, private_key->prime_limbs, true);
        limbs[0] ^= 1; /* p - 1: p is odd */
        if (orders != NULL) {
            pc_limbs_from_mpz(limbs, private_key->prime_limbs, orders[i]);
        }
        memcpy(side->exponent, limbs, (size_t)private_key->prime_limbs * sizeof *limbs);
        find_root_exponent(side->root_exponent, private_key->prime_limbs, primes[i], primes[1 - i]);
        pc_wipe(limbs, sizeof limbs);
        PC_REQUIRE(side->modulus != NULL, PC_ERR_MEMORY);
    }
    return pc_crt_init(private_key, p, q);
}

/* u_p and u_q: the orders of a short-order key, or null. */
static int32_t create(const pc_public *key, const uint8_t *p, const uint8_t *q, int32_t prime_bytes,
                      const uint8_t *u_p, const uint8_t *u_q, int32_t order_bytes, int32_t flags,
                      pc_private **private_key)
{
    PC_REQUIRE(prime_bytes > 0 && prime_bytes <= PC_MAX_KEY_BITS / 16, PC_ERR_LENGTH);
    PC_REQUIRE((flags & ~PC_FLAG_FRESH_PRIMES) == 0, PC_ERR_RANGE);
    PC_REQUIRE((key->order_bits != 0) == (u_p != NULL), PC_ERR_KEY);

    mp_bitcnt_t bits = (mp_bitcnt_t)prime_bytes * 8;
    mpz_t p_value, q_value, orders[2];
    mpz_init2(p_value, bits + 64);
    mpz_init2(q_value, bits + 64);
    mpz_init2(orders[0], bits + 64);
    mpz_init2(orders[1], bits + 64);
    pc_mpz_from_bytes(p_value, p, prime_bytes);
    pc_mpz_from_bytes(q_value, q, prime_bytes);
    bool fresh = (flags & PC_FLAG_FRESH_PRIMES) != 0, fit = primes_fit(p_value, q_value, key, fresh);
    if (u_p != NULL) {
        pc_mpz_from_bytes(orders[0], u_p, order_bytes);
        pc_mpz_from_bytes(orders[1], u_q, order_bytes);
        fit = fit && pc_order_fits_var(key, p_value, orders[0], fresh) &&
              pc_order_fits_var(key, q_value, orders[1], fresh);
    }

    int32_t status = fit ? PC_OK : PC_ERR_KEY;
    pc_private *created = NULL;
    if (status == PC_OK) {
        created = pc_allocate_zeroed(sizeof *created);
        status = created != NULL ? PC_OK : PC_ERR_MEMORY;
    }
    if (status == PC_OK) {
        atomic_init(&created->references, 1);
        created->key = pc_public_retain(key);
        status = fill(created, p_value, q_value, u_p != NULL ? (const mpz_srcptr[2]){orders[0], orders[1]} : NULL);
    }
    if (status == PC_OK) {
        *private_key = created;
    } else {
        pc_private_free(created);
    }
    pc_mpz_clear_secret(p_value);
    pc_mpz_clear_secret(q_value);
    pc_mpz_clear_secret(orders[0]);
    pc_mpz_clear_secret(orders[1]);
    pc_wipe_stack();
    return status;
}

int32_t pc_private_create(const pc_public *key, const uint8_t *p, const uint8_t *q, int32_t prime_bytes,
                          int32_t flags, pc_private **private_key)
{
    PC_REQUIRE(key != NULL && p != NULL && q != NULL && private_key != NULL, PC_ERR_NULL);
    return create(key, p, q, prime_bytes, NULL, NULL, 0, flags, private_key);
}

int32_t pc_private_create_short(const pc_public *key, const uint8_t *p, const uint8_t *q, int32_t prime_bytes,
                                const uint8_t *u_p, const uint8_t *u_q, int32_t order_bytes, int32_t flags,
                                pc_private **private_key)
{
    PC_REQUIRE(key != NULL && p != NULL && q != NULL && private_key != NULL, PC_ERR_NULL);
    PC_REQUIRE(u_p != NULL && u_q != NULL, PC_ERR_NULL);
    PC_REQUIRE(order_bytes > 0 && order_bytes <= PC_SHORT_ORDER_BITS / 8, PC_ERR_LENGTH);
    return create(key, p, q, prime_bytes, u_p, u_q, order_bytes, flags, private_key);
}

pc_private *pc_private_retain(const pc_private *private_key)
{
    pc_private *shared = (pc_private *)private_key; /* the count is not part of the key's value */
    atomic_fetch_add(&shared->references, 1);
    return shared;
}

int32_t pc_private_free(pc_private *private_key)
{
    if (private_key != NULL && atomic_fetch_sub(&private_key->references, 1) == 1) {
        pc_crt_clear(private_key);
        pc_modulus_free(private_key->side[0].modulus);
        pc_modulus_free(private_key->side[1].modulus);
        pc_public_free(private_key->key);
        pc_release_secret(private_key, sizeof *private_key);
    }
    return PC_OK;
}
