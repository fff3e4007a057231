#include "short_order.h"

#include <string.h>

/* n odd and of an allowed size, h in (1, n) coprime to n: the two as integers. */
static int32_t read_public(const uint8_t *n, int32_t n_bytes, const uint8_t *h, int32_t h_bytes, bool any_size,
                           mpz_t n_value, mpz_t h_value)
{
    int32_t key_bits = pc_bit_length(n, n_bytes);
    PC_REQUIRE(n[n_bytes - 1] != 0 && (n[0] & 1) == 1, PC_ERR_KEY);
    PC_REQUIRE(key_bits >= (any_size ? 4 : PC_MIN_KEY_BITS) && key_bits <= PC_MAX_KEY_BITS, PC_ERR_KEY);
    pc_mpz_from_bytes(n_value, n, n_bytes);
    pc_mpz_from_bytes(h_value, h, h_bytes);
    PC_REQUIRE(mpz_cmp_ui(h_value, 1) > 0 && mpz_cmp(h_value, n_value) < 0, PC_ERR_KEY);

    mpz_t divisor;
    mpz_init(divisor);
    mpz_gcd(divisor, h_value, n_value);
    bool coprime = mpz_cmp_ui(divisor, 1) == 0;
    mpz_clear(divisor);
    return coprime ? PC_OK : PC_ERR_KEY;
}

/* Null if there is no such kernel. -1: the default. */
static const pc_kernel *find_kernel(int32_t *index)
{
    *index = *index == -1 ? pc_kernel_default() : *index;
    return *index >= 0 ? pc_kernel_at(*index) : NULL;
}

static void release(pc_public *key)
{
    pc_modulus_free(key->modulus);
    pc_modulus_free(key->secrets_modulus);
    pc_release(key);
}

int32_t pc_public_create(const uint8_t *n, int32_t n_bytes, const uint8_t *h, int32_t h_bytes, int32_t flags,
                         int32_t kernel, pc_public **key)
{
    PC_REQUIRE(n != NULL && h != NULL && key != NULL, PC_ERR_NULL);
    PC_REQUIRE(n_bytes > 0 && n_bytes <= PC_MAX_KEY_BITS / 8, PC_ERR_LENGTH);
    PC_REQUIRE(h_bytes > 0 && h_bytes <= PC_MAX_KEY_BITS / 8, PC_ERR_LENGTH);
    PC_REQUIRE((flags & ~(PC_FLAG_INSECURE_SIZE | PC_FLAG_SHORT_ORDER)) == 0, PC_ERR_RANGE);
    const pc_kernel *chosen = find_kernel(&kernel);
    PC_REQUIRE(chosen != NULL, PC_ERR_UNSUPPORTED);

    mpz_t n_value, h_value;
    mpz_inits(n_value, h_value, NULL);
    int32_t status = read_public(n, n_bytes, h, h_bytes, (flags & PC_FLAG_INSECURE_SIZE) != 0, n_value, h_value);
    pc_public *created = NULL;
    int32_t limb_count = (n_bytes + 7) / 8;
    if (status == PC_OK) {
        created = pc_allocate_zeroed(sizeof *created);
        status = created != NULL ? PC_OK : PC_ERR_MEMORY;
    }
    if (status == PC_OK) {
        mp_limb_t limbs[PC_MAX_LIMBS];
        pc_limbs_from_bytes(limbs, limb_count, n, n_bytes);
        created->modulus = pc_modulus_create(chosen, limbs, limb_count, false);
        created->secrets_modulus = pc_modulus_create(chosen, limbs, limb_count, true);
        status = created->modulus != NULL && created->secrets_modulus != NULL ? PC_OK : PC_ERR_MEMORY;
    }
    if (status == PC_OK) {
        atomic_init(&created->references, 1);
        created->kernel_index = kernel;
        created->key_bits = pc_bit_length(n, n_bytes);
        created->modulus_bytes = n_bytes;
        created->order_bits = (flags & PC_FLAG_SHORT_ORDER) != 0 ? pc_order_bits(created->key_bits) : 0;
        pc_limbs_from_mpz(created->h, limb_count, h_value);
        mpz_mul(n_value, n_value, n_value);
        pc_limbs_from_mpz(created->n_squared, 2 * limb_count, n_value);
        *key = created;
    } else if (created != NULL) {
        release(created);
    }
    mpz_clears(n_value, h_value, NULL);
    return status;
}

pc_public *pc_public_retain(const pc_public *key)
{
    pc_public *shared = (pc_public *)key; /* the count is not part of the key's value */
    atomic_fetch_add(&shared->references, 1);
    return shared;
}

int32_t pc_public_free(pc_public *key)
{
    if (key != NULL && atomic_fetch_sub(&key->references, 1) == 1) {
        release(key);
    }
    return PC_OK;
}

int32_t pc_public_get_info(const pc_public *key, pc_public_info *info)
{
    PC_REQUIRE(key != NULL && info != NULL, PC_ERR_NULL);
    info->key_bits = key->key_bits;
    info->modulus_bytes = key->modulus_bytes;
    info->ciphertext_bytes = 2 * key->modulus_bytes;
    info->plaintext_words = key->modulus->limbs;
    info->lanes = key->modulus->kernel->lanes;
    info->kernel = key->kernel_index;
    info->order_bits = key->order_bits;
    info->reserved = 0;
    info->number_bytes = (int64_t)key->modulus->number_words * (int64_t)sizeof(mp_limb_t);
    return PC_OK;
}

int32_t pc_number_bytes(int32_t kernel, int32_t key_bits, int64_t *bytes)
{
    PC_REQUIRE(bytes != NULL, PC_ERR_NULL);
    PC_REQUIRE(key_bits > 0 && key_bits <= PC_MAX_KEY_BITS, PC_ERR_RANGE);
    const pc_kernel *chosen = find_kernel(&kernel);
    PC_REQUIRE(chosen != NULL, PC_ERR_UNSUPPORTED);
    *bytes = (int64_t)pc_number_words(chosen, (key_bits + 63) / 64) * (int64_t)sizeof(mp_limb_t);
    return PC_OK;
}
