#include "objects.h"

#include <string.h>

void pc_gather_row(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *row, int32_t used)
{
    const mp_limb_t *addresses[PC_MAX_LANES];
    for (int32_t i = 0; i < modulus->kernel->lanes; i++) {
        addresses[i] = i < used ? row + (ptrdiff_t)i * modulus->number_words : modulus->one;
    }
    modulus->kernel->gather(modulus, group, addresses);
}

void pc_gather_ones(const pc_modulus *modulus, mp_limb_t *group)
{
    const mp_limb_t *addresses[PC_MAX_LANES];
    for (int32_t i = 0; i < modulus->kernel->lanes; i++) {
        addresses[i] = modulus->one;
    }
    modulus->kernel->gather(modulus, group, addresses);
}

void pc_scatter_row(const pc_modulus *modulus, mp_limb_t *row, const mp_limb_t *group, int32_t used)
{
    mp_limb_t *addresses[PC_MAX_LANES];
    for (int32_t i = 0; i < modulus->kernel->lanes; i++) {
        addresses[i] = i < used ? row + (ptrdiff_t)i * modulus->number_words : NULL;
    }
    modulus->kernel->scatter(modulus, addresses, group);
}

int32_t pc_batch_create(const pc_public *key, int32_t count, pc_batch **batch)
{
    PC_REQUIRE(key != NULL && batch != NULL, PC_ERR_NULL);
    PC_REQUIRE(count > 0 && count <= PC_MAX_BATCH, PC_ERR_LENGTH);

    const pc_modulus *modulus = key->modulus;
    size_t number_bytes = (size_t)modulus->number_words * sizeof(mp_limb_t);
    pc_batch *created = pc_allocate(sizeof *created);
    mp_limb_t *numbers = pc_allocate_array((size_t)count, number_bytes);
    if (created == NULL || numbers == NULL) {
        pc_release(created);
        pc_release(numbers);
        return PC_ERR_MEMORY;
    }
    created->key = pc_public_retain(key);
    created->count = count;
    created->numbers = numbers;
    for (int32_t i = 0; i < count; i++) {
        memcpy(pc_batch_at(created, i), modulus->one, number_bytes);
    }
    *batch = created;
    return PC_OK;
}

int32_t pc_batch_free(pc_batch *batch)
{
    if (batch != NULL) {
        pc_public_free(batch->key);
        pc_release(batch->numbers);
        pc_release(batch);
    }
    return PC_OK;
}

/* Standard form of one ciphertext; false unless 0 < c < n^2. */
static bool split_ciphertext(const pc_public *key, const uint8_t *source, mp_limb_t *standard)
{
    const pc_modulus *modulus = key->modulus;
    int32_t limbs = modulus->limbs;
    mp_limb_t value[2 * PC_MAX_LIMBS];
    mp_limb_t quotient[PC_MAX_LIMBS + 1];
    pc_limbs_from_bytes(value, 2 * limbs, source, 2 * key->modulus_bytes);
    if (mpn_zero_p(value, 2 * limbs) || mpn_cmp(value, key->n_squared, 2 * limbs) >= 0) {
        return false;
    }
    mpn_tdiv_qr(quotient, standard, 0, value, 2 * limbs, modulus->m, limbs);
    memcpy(standard + limbs, quotient, (size_t)limbs * sizeof *quotient); /* below n, so the extra limb is zero */
    return true;
}

/* Is the product of all lanes coprime to n? x = a + b*n is exactly if a is. */
static bool lanes_coprime(const pc_modulus *modulus, const mp_limb_t *group)
{
    int32_t limbs = modulus->limbs;
    pc_standard standard;
    modulus->kernel->leave(modulus, standard.limbs, group);
    mpz_t n, product, lane;
    mpz_inits(n, product, lane, NULL);
    pc_mpz_from_limbs(n, modulus->m, limbs);
    mpz_set_ui(product, 1);
    for (int32_t i = 0; i < modulus->kernel->lanes; i++) {
        pc_mpz_from_limbs(lane, standard.limbs + i * 2 * limbs, limbs);
        mpz_mul(product, product, lane);
        mpz_mod(product, product, n);
    }
    mpz_gcd(product, product, n);
    bool coprime = mpz_cmp_ui(product, 1) == 0;
    mpz_clears(n, product, lane, NULL);
    return coprime;
}

/* Ciphertexts into `numbers`; the gcd is taken once, of the product of all. */
static int32_t enter_checked(const pc_public *key, const uint8_t *source, int32_t count, mp_limb_t *numbers)
{
    const pc_modulus *modulus = key->modulus;
    const pc_kernel *kernel = modulus->kernel;
    pc_standard standard;
    pc_group group, product;
    pc_gather_ones(modulus, product.words);
    for (int32_t done = 0; done < count; done += kernel->lanes) {
        int32_t used = pc_min(kernel->lanes, count - done);
        memset(&standard, 0, sizeof standard);
        for (int32_t i = 0; i < kernel->lanes; i++) {
            mp_limb_t *lane = standard.limbs + (ptrdiff_t)i * 2 * modulus->limbs;
            lane[0] = 1;
            if (i < used && !split_ciphertext(key, source + (int64_t)(done + i) * 2 * key->modulus_bytes, lane)) {
                return PC_ERR_CIPHERTEXT;
            }
        }
        kernel->enter(modulus, group.words, standard.limbs);
        kernel->multiply(modulus, product.words, product.words, group.words);
        pc_scatter_row(modulus, numbers + (int64_t)done * modulus->number_words, group.words, used);
    }
    return lanes_coprime(modulus, product.words) ? PC_OK : PC_ERR_CIPHERTEXT;
}

int32_t pc_import(const uint8_t *source, int64_t source_bytes, pc_batch *batch, int32_t offset, int32_t count)
{
    PC_REQUIRE(batch != NULL && (source != NULL || count == 0), PC_ERR_NULL);
    PC_REQUIRE(pc_range_fits(offset, count, batch->count), PC_ERR_RANGE);
    PC_REQUIRE(source_bytes == (int64_t)count * 2 * batch->key->modulus_bytes, PC_ERR_LENGTH);
    if (count == 0) {
        return PC_OK;
    }
    size_t number_bytes = (size_t)batch->key->modulus->number_words * sizeof(mp_limb_t);
    mp_limb_t *numbers = pc_allocate_array((size_t)count, number_bytes);
    PC_REQUIRE(numbers != NULL, PC_ERR_MEMORY);
    int32_t status = enter_checked(batch->key, source, count, numbers);
    if (status == PC_OK) {
        memcpy(pc_batch_at(batch, offset), numbers, (size_t)count * number_bytes);
    }
    pc_release(numbers);
    return status;
}

int32_t pc_export(const pc_batch *batch, int32_t offset, int32_t count, uint8_t *target, int64_t target_bytes)
{
    PC_REQUIRE(batch != NULL && (target != NULL || count == 0), PC_ERR_NULL);
    PC_REQUIRE(pc_range_fits(offset, count, batch->count), PC_ERR_RANGE);
    int32_t ciphertext_bytes = 2 * batch->key->modulus_bytes;
    PC_REQUIRE(target_bytes >= (int64_t)count * ciphertext_bytes, PC_ERR_LENGTH);

    const pc_modulus *modulus = batch->key->modulus;
    const pc_kernel *kernel = modulus->kernel;
    pc_standard standard;
    pc_group group;
    mp_limb_t value[2 * PC_MAX_LIMBS];
    for (int32_t done = 0; done < count; done += kernel->lanes) {
        int32_t used = pc_min(kernel->lanes, count - done);
        pc_gather_row(modulus, group.words, pc_batch_at(batch, offset + done), used);
        kernel->leave(modulus, standard.limbs, group.words);
        for (int32_t i = 0; i < used; i++) {
            pc_join_secret(value, standard.limbs + (ptrdiff_t)i * 2 * modulus->limbs, modulus->m, modulus->limbs);
            pc_bytes_from_limbs(target + (int64_t)(done + i) * ciphertext_bytes, ciphertext_bytes, value);
        }
    }
    return PC_OK;
}

int32_t pc_gather(const pc_batch *source, const int32_t *index, pc_batch *target, int32_t offset, int32_t count)
{
    PC_REQUIRE(source != NULL && target != NULL && (index != NULL || count == 0), PC_ERR_NULL);
    PC_REQUIRE(source->key == target->key, PC_ERR_MISMATCH);
    PC_REQUIRE(pc_range_fits(offset, count, target->count), PC_ERR_RANGE);
    for (int32_t i = 0; i < count; i++) {
        PC_REQUIRE(index[i] >= 0 && index[i] < source->count, PC_ERR_RANGE);
        PC_REQUIRE(source != target || !pc_ranges_meet(index[i], 1, offset, count), PC_ERR_RANGE);
    }
    size_t number_bytes = (size_t)target->key->modulus->number_words * sizeof(mp_limb_t);
    for (int32_t i = 0; i < count; i++) {
        memcpy(pc_batch_at(target, offset + i), pc_batch_at(source, index[i]), number_bytes);
    }
    return PC_OK;
}
