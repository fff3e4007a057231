#include "inverse.h"
#include "objects.h"

#include <string.h>

bool pc_plaintexts_fit(const pc_public *key, const uint64_t *plaintexts, int32_t words_each, int32_t count)
{
    mp_limb_t k[PC_MAX_LIMBS];
    bool fit = true;
    for (int32_t i = 0; i < count; i++) {
        fit &= pc_residue_from_plaintext(k, key->modulus->m, key->modulus->limbs,
                                         plaintexts + (int64_t)i * words_each, words_each);
    }
    pc_wipe(k, sizeof k);
    return fit;
}

int32_t pc_add(const pc_batch *a, int32_t ao, const pc_batch *b, int32_t bo, pc_batch *target, int32_t to,
               int32_t count)
{
    PC_REQUIRE(a != NULL && b != NULL && target != NULL, PC_ERR_NULL);
    PC_REQUIRE(a->key == target->key && b->key == target->key, PC_ERR_MISMATCH);
    PC_REQUIRE(pc_range_fits(ao, count, a->count) && pc_range_fits(bo, count, b->count) &&
                   pc_range_fits(to, count, target->count),
               PC_ERR_RANGE);
    PC_REQUIRE(pc_overlap_allowed(a, ao, target, to, count) && pc_overlap_allowed(b, bo, target, to, count),
               PC_ERR_RANGE);

    const pc_modulus *modulus = target->key->modulus;
    const pc_kernel *kernel = modulus->kernel;
    pc_group left, right;
    for (int32_t done = 0; done < count; done += kernel->lanes) {
        int32_t used = pc_min(kernel->lanes, count - done);
        pc_gather_row(modulus, left.words, pc_batch_at(a, ao + done), used);
        pc_gather_row(modulus, right.words, pc_batch_at(b, bo + done), used);
        kernel->multiply(modulus, left.words, left.words, right.words);
        pc_scatter_row(modulus, pc_batch_at(target, to + done), left.words, used);
    }
    return PC_OK;
}

int32_t pc_add_plain(const uint64_t *plaintexts, int32_t words_each, pc_batch *batch, int32_t offset, int32_t count)
{
    PC_REQUIRE(batch != NULL && (plaintexts != NULL || count == 0), PC_ERR_NULL);
    PC_REQUIRE(pc_words_fit(words_each), PC_ERR_LENGTH);
    PC_REQUIRE(pc_range_fits(offset, count, batch->count), PC_ERR_RANGE);
    PC_REQUIRE(pc_plaintexts_fit(batch->key, plaintexts, words_each, count), PC_ERR_RANGE);

    const pc_modulus *modulus = batch->key->modulus;
    const pc_kernel *kernel = modulus->kernel;
    pc_group group;
    mp_limb_t k[PC_MAX_LANES * PC_MAX_LIMBS] = {0};
    for (int32_t done = 0; done < count; done += kernel->lanes) {
        int32_t used = pc_min(kernel->lanes, count - done);
        for (int32_t i = 0; i < used; i++) {
            pc_residue_from_plaintext(k + (ptrdiff_t)i * modulus->limbs, modulus->m, modulus->limbs,
                                      plaintexts + (int64_t)(done + i) * words_each, words_each);
        }
        pc_gather_row(modulus, group.words, pc_batch_at(batch, offset + done), used);
        kernel->add_plain(modulus, group.words, group.words, k);
        pc_scatter_row(modulus, pc_batch_at(batch, offset + done), group.words, used);
    }
    pc_wipe(k, sizeof k);
    pc_wipe(&group, sizeof group);
    pc_wipe_stack();
    return PC_OK;
}

/* Numbers that share one modular inversion: enough to make its cost vanish, few enough to stay in a cache. */
#define INVERSION_CHUNK 1024

/*
 * group = group^-1, all lanes by one inversion modulo n; those from `used` on hold 1. v = a^-1 mod n is a solution
 * modulo n; x*v = 1 + e*n, so v*(1 - e*n) is one modulo n^2.
 */
static void invert_group(const pc_modulus *modulus, mp_limb_t *group, int32_t used)
{
    const pc_kernel *kernel = modulus->kernel;
    int32_t limbs = modulus->limbs;
    int32_t lanes = kernel->lanes;
    pc_standard standard;
    kernel->leave(modulus, standard.limbs, group);

    pc_invert_lanes(modulus, standard.limbs, used); /* they exist: batches hold units only */

    pc_group solution;
    mp_limb_t k[PC_MAX_LANES * PC_MAX_LIMBS];
    kernel->enter(modulus, solution.words, standard.limbs);
    kernel->multiply(modulus, group, group, solution.words);
    kernel->leave(modulus, standard.limbs, group);
    for (int32_t i = 0; i < lanes; i++) {
        const mp_limb_t *e = standard.limbs + (ptrdiff_t)i * 2 * limbs + limbs;
        mp_limb_t *minus_e = k + (ptrdiff_t)i * limbs;
        if (mpn_zero_p(e, limbs)) {
            memset(minus_e, 0, (size_t)limbs * sizeof *minus_e);
        } else {
            mpn_sub_n(minus_e, modulus->m, e, limbs);
        }
    }
    kernel->add_plain(modulus, group, solution.words, k);
}

/*
 * Montgomery's trick over groups: prefixes[i] = x_0 ... x_i, one inversion, and back. Spare lanes hold 1, whose inverse
 * is 1.
 */
static void invert_chunk(const pc_modulus *modulus, mp_limb_t *target, const mp_limb_t *source, int32_t count,
                         mp_limb_t *prefixes)
{
    const pc_kernel *kernel = modulus->kernel;
    int32_t lanes = kernel->lanes;
    size_t words = pc_group_words(modulus);
    int32_t groups = (count + lanes - 1) / lanes;
    pc_group x, inverse, result;
    for (int32_t i = 0; i < groups; i++) {
        mp_limb_t *prefix = prefixes + (size_t)i * words;
        pc_gather_row(modulus, prefix, source + (size_t)i * words, pc_min(lanes, count - i * lanes));
        if (i > 0) {
            kernel->multiply(modulus, prefix, prefix, prefix - words);
        }
    }
    memcpy(inverse.words, prefixes + (size_t)(groups - 1) * words, words * sizeof(mp_limb_t));
    invert_group(modulus, inverse.words, pc_min(lanes, count));
    for (int32_t i = groups - 1; i > 0; i--) {
        int32_t used = pc_min(lanes, count - i * lanes);
        pc_gather_row(modulus, x.words, source + (size_t)i * words, used);
        kernel->multiply(modulus, result.words, inverse.words, prefixes + (size_t)(i - 1) * words);
        kernel->multiply(modulus, inverse.words, inverse.words, x.words);
        pc_scatter_row(modulus, target + (size_t)i * words, result.words, used);
    }
    pc_scatter_row(modulus, target, inverse.words, pc_min(lanes, count));
}

/* target[i] = source[i]^-1 for two rows of numbers that are the same or do not meet. PC_OK or PC_ERR_MEMORY. */
static int32_t invert_numbers(const pc_modulus *modulus, mp_limb_t *target, const mp_limb_t *source, int32_t count)
{
    int32_t lanes = modulus->kernel->lanes;
    int32_t chunk = pc_min(count, INVERSION_CHUNK * lanes);
    size_t groups = (size_t)((chunk + lanes - 1) / lanes);
    mp_limb_t *prefixes = pc_allocate_array(groups, pc_group_words(modulus) * sizeof(mp_limb_t));
    PC_REQUIRE(prefixes != NULL, PC_ERR_MEMORY);
    for (int32_t done = 0; done < count; done += chunk) {
        int64_t at = (int64_t)done * modulus->number_words;
        invert_chunk(modulus, target + at, source + at, pc_min(chunk, count - done), prefixes);
    }
    pc_release(prefixes);
    return PC_OK;
}

int32_t pc_negate(const pc_batch *source, int32_t so, pc_batch *target, int32_t to, int32_t count)
{
    PC_REQUIRE(source != NULL && target != NULL, PC_ERR_NULL);
    PC_REQUIRE(source->key == target->key, PC_ERR_MISMATCH);
    PC_REQUIRE(pc_range_fits(so, count, source->count) && pc_range_fits(to, count, target->count), PC_ERR_RANGE);
    PC_REQUIRE(pc_overlap_allowed(source, so, target, to, count), PC_ERR_RANGE);
    if (count == 0) {
        return PC_OK;
    }
    return invert_numbers(target->key->modulus, pc_batch_at(target, to), pc_batch_at(source, so), count);
}
