#include "objects.h"
#include "straus.h"

static bool term_fits(const pc_batch *const *sources, int32_t source_count, const pc_term *term,
                      const pc_batch *target, int32_t offset, int32_t count)
{
    if (term->batch < 0 || term->batch >= source_count || term->shift < 0 || term->shift > PC_MAX_SHIFT ||
        term->reserved != 0) {
        return false;
    }
    const pc_batch *source = sources[term->batch];
    return term->index >= 0 && term->index < source->count &&
           (source != target || !pc_ranges_meet(term->index, 1, offset, count));
}

int32_t pc_combine(const pc_batch *const *sources, int32_t source_count, const pc_term *terms, const int32_t *first,
                   int32_t count, pc_batch *target, int32_t offset, int64_t *products)
{
    PC_REQUIRE(target != NULL && first != NULL, PC_ERR_NULL);
    PC_REQUIRE(source_count >= 0, PC_ERR_LENGTH);
    PC_REQUIRE(sources != NULL || source_count == 0, PC_ERR_NULL);
    PC_REQUIRE(pc_range_fits(offset, count, target->count), PC_ERR_RANGE);
    for (int32_t i = 0; i < source_count; i++) {
        PC_REQUIRE(sources[i] != NULL, PC_ERR_NULL);
        PC_REQUIRE(sources[i]->key == target->key, PC_ERR_MISMATCH);
    }
    PC_REQUIRE(first[0] >= 0, PC_ERR_RANGE);
    for (int32_t j = 0; j < count; j++) {
        PC_REQUIRE(first[j] <= first[j + 1], PC_ERR_RANGE);
    }
    PC_REQUIRE(terms != NULL || first[0] == first[count], PC_ERR_NULL);
    for (int32_t i = first[0]; i < first[count]; i++) {
        PC_REQUIRE(term_fits(sources, source_count, &terms[i], target, offset, count), PC_ERR_RANGE);
    }

    pc_straus *straus = pc_straus_create(target->key->modulus);
    PC_REQUIRE(straus != NULL, PC_ERR_MEMORY);
    int32_t lanes = target->key->modulus->kernel->lanes;
    int32_t status = PC_OK;
    for (int32_t done = 0; status == PC_OK && done < count; done += lanes) {
        mp_limb_t *targets[PC_MAX_LANES] = {NULL};
        for (int32_t lane = 0; lane < pc_min(lanes, count - done); lane++) {
            int32_t j = done + lane;
            targets[lane] = pc_batch_at(target, offset + j);
            for (int32_t i = first[j]; status == PC_OK && i < first[j + 1]; i++) {
                status = pc_straus_add(straus, lane, pc_batch_at(sources[terms[i].batch], terms[i].index),
                                       terms[i].magnitude, terms[i].shift);
            }
        }
        if (status == PC_OK) {
            status = pc_straus_run(straus, targets);
        }
    }
    if (status == PC_OK && products != NULL) {
        *products = pc_straus_products(straus);
    }
    pc_straus_free(straus);
    pc_wipe_stack();
    return status;
}
