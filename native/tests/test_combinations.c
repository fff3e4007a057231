/* Combinations of powers against mpz_powm. */
#include "support.h"

#define SOURCES 3
#define PER_SOURCE 6
#define OUTPUTS 13

typedef struct fixture {
    key k;
    mpz_t *values[SOURCES];
    pc_batch *batches[SOURCES];
    pc_batch *target;
} fixture;

static void set_up(fixture *f, int32_t bits, int32_t kernel)
{
    key_create(&f->k, bits, kernel);
    for (int i = 0; i < SOURCES; i++) {
        f->values[i] = integers_create(PER_SOURCE);
        f->batches[i] = random_batch(&f->k, PER_SOURCE, f->values[i]);
    }
    f->target = random_batch(&f->k, OUTPUTS + 2, NULL);
}

static void tear_down(fixture *f)
{
    for (int i = 0; i < SOURCES; i++) {
        OK(pc_batch_free(f->batches[i]));
        integers_free(f->values[i], PER_SOURCE);
    }
    OK(pc_batch_free(f->target));
    key_free(&f->k);
}

static void oracle(mpz_t r, const fixture *f, const pc_term *terms, int32_t from, int32_t to)
{
    mpz_t power;
    mpz_init(power);
    mpz_set_ui(r, 1);
    for (int32_t i = from; i < to; i++) {
        integer_from_bytes(power, &terms[i].magnitude, 8);
        mpz_mul_2exp(power, power, (mp_bitcnt_t)terms[i].shift);
        mpz_powm(power, f->values[terms[i].batch][terms[i].index], power, f->k.n_squared);
        mpz_mul(r, r, power);
        mpz_mod(r, r, f->k.n_squared);
    }
    mpz_clear(power);
}

/* Runs a combination into target[1 ..] and checks every output; returns the products it took. */
static int64_t check_combination(fixture *f, const pc_term *terms, const int32_t *first, int32_t count)
{
    uint8_t *before = snapshot(&f->k, f->target, OUTPUTS + 2);
    int64_t products = -1;
    OK(pc_combine((const pc_batch *const *)f->batches, SOURCES, terms, first, count, f->target, 1, &products));
    mpz_t wanted;
    mpz_init(wanted);
    for (int32_t j = 0; j < count; j++) {
        oracle(wanted, f, terms, first[j], first[j + 1]);
        CHECK(number_is(&f->k, f->target, 1 + j, wanted));
        bytes_from_integer(before + (ptrdiff_t)(1 + j) * f->k.ciphertext_bytes, (size_t)f->k.ciphertext_bytes, wanted);
    }
    CHECK(unchanged(&f->k, f->target, OUTPUTS + 2, before));
    mpz_clear(wanted);
    free(before);
    return products;
}

static int64_t random_combination(fixture *f, int magnitude_bits, int32_t largest_shift, int32_t largest_count)
{
    pc_term terms[OUTPUTS * 16];
    int32_t first[OUTPUTS + 1] = {0};
    int32_t count = random_below(OUTPUTS + 1);
    for (int32_t j = 0; j < count; j++) {
        first[j + 1] = first[j] + random_below(largest_count + 1);
        for (int32_t i = first[j]; i < first[j + 1]; i++) {
            terms[i] = (pc_term){.magnitude = random_word() >> (64 - magnitude_bits),
                                 .batch = random_below(SOURCES),
                                 .index = random_below(PER_SOURCE),
                                 .shift = random_below(largest_shift + 1)};
            if (random_below(8) == 0) {
                terms[i].magnitude = random_below(2) == 0 ? 0 : UINT64_MAX >> (64 - magnitude_bits);
            }
        }
    }
    return check_combination(f, terms, first, count);
}

static int64_t products_of(fixture *f, const pc_term *terms, int32_t count)
{
    const int32_t first[2] = {0, count};
    return check_combination(f, terms, first, 1);
}

static void test_counts(fixture *f)
{
    pc_term terms[PER_SOURCE * SOURCES];
    for (int32_t i = 0; i < PER_SOURCE * SOURCES; i++) {
        terms[i] = (pc_term){.magnitude = 1, .batch = i / PER_SOURCE, .index = i % PER_SOURCE};
    }
    for (int32_t count = 0; count <= PER_SOURCE * SOURCES; count++) {
        CHECK(products_of(f, terms, count) == (count > 0 ? count - 1 : 0));
    }
    for (int bit = 0; bit < 64; bit++) { /* a power of two is squarings alone, wherever it is written */
        const pc_term by_magnitude = {.magnitude = UINT64_C(1) << bit}, by_shift = {.magnitude = 1, .shift = bit};
        CHECK(products_of(f, &by_magnitude, 1) == bit);
        CHECK(products_of(f, &by_shift, 1) == bit);
    }
    const pc_term three = {.magnitude = 3}, all_ones = {.magnitude = 255}, none = {.magnitude = 0, .shift = 9};
    CHECK(products_of(f, &three, 1) == 2);
    CHECK(products_of(f, &all_ones, 1) <= 11); /* binary would take 14 */
    CHECK(products_of(f, &none, 1) == 0);
    for (int i = 0; i < 8; i++) { /* squarings are shared: 8 slots of 64 bits */
        terms[i].shift = 64 * i;
    }
    CHECK(products_of(f, terms, 8) == 64 * 7 + 7);
    for (int i = 0; i < 16; i++) { /* the same base again and again: one table of powers */
        terms[i] = (pc_term){.magnitude = 0xffffffff, .shift = 40 * i};
    }
    CHECK(products_of(f, terms, 16) == 40 * 15 + 28 + (16 * 8 - 1) + 14); /* digits of 4 bits */
}

/* The count does not depend on how many lanes share the work. */
static void test_same_counts_on_all_kernels(void)
{
    int64_t count = -1;
    for (int32_t kernel = 0; kernel < kernel_count(); kernel++) {
        fixture f;
        set_up(&f, 64, kernel);
        pc_term terms[OUTPUTS * 9];
        int32_t first[OUTPUTS + 1];
        for (int32_t i = 0; i < OUTPUTS * 9; i++) {
            terms[i] = (pc_term){.magnitude = (uint64_t)i * 0x9e3779b97f4a7c15U >> (i % 64),
                                 .batch = i % SOURCES,
                                 .index = i / 2 % PER_SOURCE,
                                 .shift = i * 5 % 97};
        }
        for (int32_t j = 0; j <= OUTPUTS; j++) {
            first[j] = j * j * 9 / OUTPUTS; /* rows of growing length */
        }
        int64_t products = check_combination(&f, terms, first, OUTPUTS);
        CHECK(kernel == 0 || products == count);
        count = products;
        tear_down(&f);
    }
}

static void test_combine_arguments(fixture *f)
{
    const pc_batch *const *sources = (const pc_batch *const *)f->batches;
    const pc_term good = {.magnitude = 5};
    const int32_t first[] = {0, 1};
    uint8_t *before = snapshot(&f->k, f->target, OUTPUTS + 2);
    int64_t products = -7;
    STATUS(PC_ERR_NULL, pc_combine(NULL, SOURCES, &good, first, 1, f->target, 0, &products));
    STATUS(PC_ERR_NULL, pc_combine(sources, SOURCES, NULL, first, 1, f->target, 0, &products));
    STATUS(PC_ERR_NULL, pc_combine(sources, SOURCES, &good, NULL, 1, f->target, 0, &products));
    STATUS(PC_ERR_NULL, pc_combine(sources, SOURCES, &good, first, 1, NULL, 0, &products));
    STATUS(PC_ERR_LENGTH, pc_combine(sources, -1, &good, first, 1, f->target, 0, &products));
    STATUS(PC_ERR_RANGE, pc_combine(sources, 0, &good, first, 1, f->target, 0, &products));
    STATUS(PC_ERR_RANGE, pc_combine(sources, SOURCES, &good, first, 1, f->target, OUTPUTS + 2, &products));
    STATUS(PC_ERR_RANGE, pc_combine(sources, SOURCES, &good, first, 1, f->target, -1, &products));
    STATUS(PC_ERR_RANGE, pc_combine(sources, SOURCES, &good, first, -1, f->target, 0, &products));
    const pc_term bad[] = {
        {.magnitude = 1, .batch = SOURCES}, {.magnitude = 1, .batch = -1},
        {.magnitude = 1, .index = PER_SOURCE}, {.magnitude = 1, .index = -1},
        {.magnitude = 1, .shift = PC_MAX_SHIFT + 1}, {.magnitude = 1, .shift = -1},
        {.magnitude = 1, .reserved = 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        STATUS(PC_ERR_RANGE, pc_combine(sources, SOURCES, &bad[i], first, 1, f->target, 0, &products));
    }
    const int32_t falling[] = {1, 0}, negative[] = {-1, 0};
    STATUS(PC_ERR_RANGE, pc_combine(sources, SOURCES, &good, falling, 1, f->target, 0, &products));
    STATUS(PC_ERR_RANGE, pc_combine(sources, SOURCES, &good, negative, 1, f->target, 0, &products));
    const pc_batch *with_null[] = {f->batches[0], NULL};
    STATUS(PC_ERR_NULL, pc_combine(with_null, 2, &good, first, 1, f->target, 0, &products));
    key stranger;
    key_create(&stranger, 128, 0);
    pc_batch *other = random_batch(&stranger, 1, NULL);
    const pc_batch *with_stranger[] = {f->batches[0], other};
    STATUS(PC_ERR_MISMATCH, pc_combine(with_stranger, 2, &good, first, 1, f->target, 0, &products));
    OK(pc_batch_free(other));
    key_free(&stranger);
    const pc_batch *with_target[] = {f->target};
    const pc_term inside = {.magnitude = 1, .index = 2}, outside = {.magnitude = 1, .index = 0};
    STATUS(PC_ERR_RANGE, pc_combine(with_target, 1, &inside, first, 1, f->target, 2, &products));
    CHECK(unchanged(&f->k, f->target, OUTPUTS + 2, before) && products == -7);
    free(before);

    OK(pc_combine(with_target, 1, &outside, first, 1, f->target, 2, NULL));
    mpz_t copied;
    mpz_init(copied);
    read_number(copied, &f->k, f->target, 0);
    CHECK(number_is(&f->k, f->target, 2, copied));
    mpz_clear(copied);
    OK(pc_combine(NULL, 0, NULL, falling, 0, f->target, 0, &products));
    CHECK(products == 0);
    const pc_term highest = {.magnitude = UINT64_MAX, .shift = PC_MAX_SHIFT};
    const int32_t late[] = {3, 3};
    OK(pc_combine(sources, SOURCES, NULL, late, 1, f->target, 0, &products)); /* an empty row needs no terms */
    products_of(f, &highest, 1);
}

int main(void)
{
    static const int32_t sizes[] = {64, 100, 128, 254, 512, 2048};
    for (int32_t kernel = 0; kernel < kernel_count(); kernel++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            fixture f;
            set_up(&f, sizes[i], kernel);
            int rounds = sizes[i] < 512 ? 12 : 1;
            for (int round = 0; round < rounds; round++) {
                random_combination(&f, 1, 0, 15);
                random_combination(&f, 1, 70, 15);
                random_combination(&f, 8, 0, 15);
                random_combination(&f, 8, 100, 6);
                random_combination(&f, 64, 64, 10);
                random_combination(&f, 64, 512, 3);
            }
            if (sizes[i] == 128) {
                random_combination(&f, 64, PC_MAX_SHIFT, 4);
                test_counts(&f);
                test_combine_arguments(&f);
            }
            tear_down(&f);
        }
    }
    test_same_counts_on_all_kernels();
    return summary();
}
