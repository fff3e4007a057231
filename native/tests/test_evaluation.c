#include "support.h"

#define COUNT 21

static void multiply(mpz_t r, const mpz_t a, const mpz_t b, const key *k)
{
    mpz_mul(r, a, b);
    mpz_mod(r, r, k->n_squared);
}

static bool all_are(const key *k, const pc_batch *batch, mpz_t *values)
{
    bool same = true;
    for (int32_t i = 0; i < COUNT; i++) {
        same = same && number_is(k, batch, i, values[i]);
    }
    return same;
}

static void test_add(const key *k)
{
    mpz_t *x = integers_create(COUNT), *y = integers_create(COUNT), *z = integers_create(COUNT);
    pc_batch *a = random_batch(k, COUNT, x), *b = random_batch(k, COUNT, y), *c = random_batch(k, COUNT, z);
    for (int32_t count = 0; count <= COUNT; count += 1 + count / 3) {
        int32_t ao = random_below(COUNT - count + 1), bo = random_below(COUNT - count + 1);
        int32_t to = random_below(COUNT - count + 1);
        OK(pc_add(a, ao, b, bo, c, to, count));
        for (int32_t i = 0; i < count; i++) {
            multiply(z[to + i], x[ao + i], y[bo + i], k);
        }
        CHECK(all_are(k, c, z));
        OK(pc_add(a, ao, b, bo, a, ao, count)); /* in place, left and right, and both at once */
        OK(pc_add(c, to, a, ao, a, ao, count));
        OK(pc_add(a, ao, a, ao, a, ao, count));
        for (int32_t i = 0; i < count; i++) {
            multiply(x[ao + i], x[ao + i], y[bo + i], k);
            multiply(x[ao + i], x[ao + i], z[to + i], k);
            multiply(x[ao + i], x[ao + i], x[ao + i], k);
        }
        CHECK(all_are(k, a, x));
    }
    OK(pc_add(a, 0, a, 5, a, 10, 5)); /* one batch, ranges apart */
    for (int32_t i = 0; i < 5; i++) {
        multiply(x[10 + i], x[i], x[5 + i], k);
    }
    CHECK(all_are(k, a, x));

    key stranger;
    key_create(&stranger, 128, 0);
    pc_batch *other = random_batch(&stranger, 3, NULL);
    STATUS(PC_ERR_NULL, pc_add(NULL, 0, b, 0, c, 0, 1));
    STATUS(PC_ERR_NULL, pc_add(a, 0, NULL, 0, c, 0, 1));
    STATUS(PC_ERR_NULL, pc_add(a, 0, b, 0, NULL, 0, 1));
    STATUS(PC_ERR_MISMATCH, pc_add(other, 0, b, 0, c, 0, 1));
    STATUS(PC_ERR_MISMATCH, pc_add(a, 0, other, 0, c, 0, 1));
    STATUS(PC_ERR_MISMATCH, pc_add(a, 0, b, 0, other, 0, 1));
    STATUS(PC_ERR_RANGE, pc_add(a, 1, b, 0, c, 0, COUNT));
    STATUS(PC_ERR_RANGE, pc_add(a, 0, b, 1, c, 0, COUNT));
    STATUS(PC_ERR_RANGE, pc_add(a, 0, b, 0, c, 1, COUNT));
    STATUS(PC_ERR_RANGE, pc_add(a, -1, b, 0, c, 0, 1));
    STATUS(PC_ERR_RANGE, pc_add(a, 0, b, -1, c, 0, 1));
    STATUS(PC_ERR_RANGE, pc_add(a, 0, b, 0, c, -1, 1));
    STATUS(PC_ERR_RANGE, pc_add(a, 0, b, 0, c, 0, -1));
    STATUS(PC_ERR_RANGE, pc_add(a, 0, b, 0, a, 1, 2)); /* shifted overlap */
    STATUS(PC_ERR_RANGE, pc_add(b, 0, a, 2, a, 0, 3));
    CHECK(all_are(k, a, x) && all_are(k, c, z));
    OK(pc_batch_free(other));
    key_free(&stranger);
    OK(pc_batch_free(a));
    OK(pc_batch_free(b));
    OK(pc_batch_free(c));
    integers_free(x, COUNT);
    integers_free(y, COUNT);
    integers_free(z, COUNT);
}

static void test_add_plain(const key *k)
{
    mpz_t *x = integers_create(COUNT);
    pc_batch *a = random_batch(k, COUNT, x);
    uint64_t *plaintexts = calloc((size_t)(COUNT * (k->words + 3)), 8);
    mpz_t m, factor, modulus;
    mpz_inits(m, factor, modulus, NULL);
    for (int32_t words_each = 1; words_each <= k->words + 3; words_each += 1 + words_each / 2) {
        int32_t count = random_below(COUNT) + 1, offset = random_below(COUNT - count + 1);
        mpz_set_ui(modulus, 0);
        mpz_setbit(modulus, (mp_bitcnt_t)words_each * 64);
        for (int32_t i = 0; i < count; i++) {
            mpz_tdiv_q_2exp(factor, modulus, 1);
            adversarial_integer(m, mpz_cmp(factor, k->n) < 0 ? factor : k->n);
            if (random_below(2) == 0) {
                mpz_neg(m, m);
            }
            mpz_mul(factor, m, k->n);
            mpz_add_ui(factor, factor, 1);
            multiply(x[offset + i], x[offset + i], factor, k);
            mpz_mod(m, m, modulus);
            bytes_from_integer(plaintexts + (ptrdiff_t)i * words_each, (size_t)words_each * 8, m);
        }
        OK(pc_add_plain(plaintexts, words_each, a, offset, count));
        CHECK(all_are(k, a, x));
    }
    STATUS(PC_ERR_NULL, pc_add_plain(NULL, 1, a, 0, 1));
    STATUS(PC_ERR_NULL, pc_add_plain(plaintexts, 1, NULL, 0, 1));
    STATUS(PC_ERR_LENGTH, pc_add_plain(plaintexts, 0, a, 0, 1));
    STATUS(PC_ERR_LENGTH, pc_add_plain(plaintexts, 66, a, 0, 1));
    STATUS(PC_ERR_RANGE, pc_add_plain(plaintexts, 1, a, 0, COUNT + 1));
    STATUS(PC_ERR_RANGE, pc_add_plain(plaintexts, 1, a, -1, 1));
    STATUS(PC_ERR_RANGE, pc_add_plain(plaintexts, 1, a, 0, -1));
    OK(pc_add_plain(NULL, 1, a, 0, 0));
    CHECK(all_are(k, a, x));
    mpz_clears(m, factor, modulus, NULL);
    free(plaintexts);
    OK(pc_batch_free(a));
    integers_free(x, COUNT);
}

static void test_invert(const key *k)
{
    mpz_t *x = integers_create(COUNT), *y = integers_create(COUNT);
    pc_batch *a = random_batch(k, COUNT, x), *b = random_batch(k, COUNT, y);
    for (int32_t count = 0; count <= COUNT; count++) {
        int32_t so = random_below(COUNT - count + 1), to = random_below(COUNT - count + 1);
        OK(pc_negate(a, so, b, to, count));
        for (int32_t i = 0; i < count; i++) {
            mpz_invert(y[to + i], x[so + i], k->n_squared);
        }
        CHECK(all_are(k, b, y));
    }
    OK(pc_negate(a, 3, a, 3, COUNT - 3)); /* in place */
    for (int32_t i = 3; i < COUNT; i++) {
        mpz_invert(x[i], x[i], k->n_squared);
    }
    CHECK(all_are(k, a, x));

    key stranger;
    key_create(&stranger, 128, 0);
    pc_batch *other = random_batch(&stranger, 3, NULL);
    STATUS(PC_ERR_NULL, pc_negate(NULL, 0, b, 0, 1));
    STATUS(PC_ERR_NULL, pc_negate(a, 0, NULL, 0, 1));
    STATUS(PC_ERR_MISMATCH, pc_negate(a, 0, other, 0, 1));
    STATUS(PC_ERR_RANGE, pc_negate(a, 1, b, 0, COUNT));
    STATUS(PC_ERR_RANGE, pc_negate(a, 0, b, 1, COUNT));
    STATUS(PC_ERR_RANGE, pc_negate(a, -1, b, 0, 1));
    STATUS(PC_ERR_RANGE, pc_negate(a, 0, b, 0, -1));
    STATUS(PC_ERR_RANGE, pc_negate(a, 0, a, 1, 2));
    CHECK(all_are(k, a, x) && all_are(k, b, y));
    OK(pc_batch_free(other));
    key_free(&stranger);
    OK(pc_batch_free(a));
    OK(pc_batch_free(b));
    integers_free(x, COUNT);
    integers_free(y, COUNT);
}

int main(void)
{
    static const int32_t sizes[] = {64, 66, 100, 126, 128, 192, 254, 512, 1000, 2048, 3072, 4096};
    for (int32_t kernel = 0; kernel < kernel_count(); kernel++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            key k;
            key_create(&k, sizes[i], kernel);
            test_add(&k);
            test_add_plain(&k);
            test_invert(&k);
            key_free(&k);
        }
    }
    return summary();
}
