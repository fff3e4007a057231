#include "evaluate.h"
#include "straus.h"

static int32_t check_matrix(const pc_batch *source, const int32_t *row_start, const int32_t *column,
                            const int32_t *weight, int32_t rows, const pc_batch *target, int32_t offset)
{
    PC_REQUIRE(row_start[0] >= 0, PC_ERR_RANGE);
    for (int32_t r = 0; r < rows; r++) {
        PC_REQUIRE(row_start[r] <= row_start[r + 1], PC_ERR_RANGE);
    }
    PC_REQUIRE((column != NULL && weight != NULL) || row_start[0] == row_start[rows], PC_ERR_NULL);
    for (int32_t k = row_start[0]; k < row_start[rows]; k++) {
        PC_REQUIRE(column[k] >= 0 && column[k] < source->count, PC_ERR_RANGE);
        PC_REQUIRE(source != target || !pc_ranges_meet(column[k], 1, offset, rows), PC_ERR_RANGE);
    }
    return PC_OK;
}

/*
 * Products over the weights of one sign: row rows[i] (or i itself where rows is null) goes to the i-th number of
 * `target`. sign is 1 or -1.
 */
static int32_t multiply_rows(pc_straus *straus, const pc_batch *source, const int32_t *row_start,
                             const int32_t *column, const int32_t *weight, int32_t sign, const int32_t *rows,
                             int32_t count, mp_limb_t *target)
{
    const pc_modulus *modulus = source->key->modulus;
    int32_t lanes = modulus->kernel->lanes;
    int32_t status = PC_OK;
    for (int32_t done = 0; status == PC_OK && done < count; done += lanes) {
        mp_limb_t *targets[PC_MAX_LANES] = {NULL};
        for (int32_t lane = 0; lane < pc_min(lanes, count - done); lane++) {
            int32_t i = done + lane;
            int32_t row = rows != NULL ? rows[i] : i;
            targets[lane] = target + (int64_t)i * modulus->number_words;
            for (int32_t k = row_start[row]; status == PC_OK && k < row_start[row + 1]; k++) {
                int64_t signed_weight = (int64_t)weight[k] * sign;
                if (signed_weight > 0) {
                    status = pc_straus_add(straus, lane, pc_batch_at(source, column[k]), (uint64_t)signed_weight, 0);
                }
            }
        }
        if (status == PC_OK) {
            status = pc_straus_run(straus, targets);
        }
    }
    return status;
}

/* Lists the rows that have a negative weight; returns how many. */
static int32_t list_negative_rows(const int32_t *row_start, const int32_t *weight, int32_t rows, int32_t *listed)
{
    int32_t count = 0;
    for (int32_t r = 0; r < rows; r++) {
        bool negative = false;
        for (int32_t k = row_start[r]; k < row_start[r + 1]; k++) {
            negative |= weight[k] < 0;
        }
        if (negative) {
            listed[count++] = r;
        }
    }
    return count;
}

/* target row rows[i] *= factor i */
static void multiply_listed(const pc_modulus *modulus, mp_limb_t *target, const int32_t *rows, int32_t count,
                            const mp_limb_t *factors)
{
    const pc_kernel *kernel = modulus->kernel;
    pc_group value, factor;
    for (int32_t done = 0; done < count; done += kernel->lanes) {
        int32_t used = pc_min(kernel->lanes, count - done);
        const mp_limb_t *sources[PC_MAX_LANES];
        mp_limb_t *targets[PC_MAX_LANES];
        for (int32_t i = 0; i < kernel->lanes; i++) {
            targets[i] = i < used ? target + (int64_t)rows[done + i] * modulus->number_words : NULL;
            sources[i] = i < used ? targets[i] : modulus->one;
        }
        kernel->gather(modulus, value.words, sources);
        pc_gather_row(modulus, factor.words, factors + (int64_t)done * modulus->number_words, used);
        kernel->multiply(modulus, value.words, value.words, factor.words);
        kernel->scatter(modulus, targets, value.words);
    }
}

int32_t pc_multiply_sparse(const pc_batch *source, const int32_t *row_start, const int32_t *column,
                           const int32_t *weight, int32_t rows, pc_batch *target, int32_t offset, int64_t *products)
{
    PC_REQUIRE(source != NULL && target != NULL && row_start != NULL, PC_ERR_NULL);
    PC_REQUIRE(source->key == target->key, PC_ERR_MISMATCH);
    PC_REQUIRE(pc_range_fits(offset, rows, target->count), PC_ERR_RANGE);
    int32_t status = check_matrix(source, row_start, column, weight, rows, target, offset);
    PC_REQUIRE(status == PC_OK, status);

    const pc_modulus *modulus = target->key->modulus;
    int32_t *negative_rows = pc_allocate((size_t)rows * sizeof *negative_rows);
    PC_REQUIRE(negative_rows != NULL, PC_ERR_MEMORY);
    int32_t negatives = list_negative_rows(row_start, weight, rows, negative_rows);
    mp_limb_t *inverses = pc_allocate((size_t)negatives * (size_t)modulus->number_words * sizeof(mp_limb_t));
    pc_straus *straus = pc_straus_create(modulus);
    mp_limb_t *results = pc_batch_at(target, offset);

    status = inverses != NULL && straus != NULL ? PC_OK : PC_ERR_MEMORY;
    if (status == PC_OK) {
        status = multiply_rows(straus, source, row_start, column, weight, -1, negative_rows, negatives, inverses);
    }
    if (status == PC_OK) {
        status = pc_invert_numbers(modulus, inverses, inverses, negatives);
    }
    if (status == PC_OK) {
        status = multiply_rows(straus, source, row_start, column, weight, 1, NULL, rows, results);
    }
    if (status == PC_OK) {
        multiply_listed(modulus, results, negative_rows, negatives, inverses);
        if (products != NULL) {
            *products = pc_straus_products(straus) + 4 * (int64_t)negatives; /* three to invert, one to join */
        }
    }
    pc_straus_free(straus);
    pc_release(inverses);
    pc_release(negative_rows);
    return status;
}
