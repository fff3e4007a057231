#include "support.h"

#define COUNT 19

static void test_create(const key *k)
{
    pc_batch *batch = NULL;
    STATUS(PC_ERR_NULL, pc_batch_create(NULL, 1, &batch));
    STATUS(PC_ERR_NULL, pc_batch_create(k->public, 1, NULL));
    STATUS(PC_ERR_LENGTH, pc_batch_create(k->public, 0, &batch));
    STATUS(PC_ERR_LENGTH, pc_batch_create(k->public, -1, &batch));
    STATUS(PC_ERR_LENGTH, pc_batch_create(k->public, PC_MAX_BATCH + 1, &batch));
    CHECK(batch == NULL);
    OK(pc_batch_create(k->public, COUNT, &batch));
    mpz_t one;
    mpz_init_set_ui(one, 1);
    for (int32_t i = 0; i < COUNT; i++) {
        CHECK(number_is(k, batch, i, one));
    }
    mpz_clear(one);
    OK(pc_batch_free(batch));
}

/* All counts at several offsets: what is inside the range changes, the rest does not. */
static void test_ranges(const key *k)
{
    mpz_t *values = integers_create(COUNT), *fresh = integers_create(COUNT);
    pc_batch *batch = random_batch(k, COUNT, values);
    size_t bytes = (size_t)k->ciphertext_bytes;
    uint8_t *wire = malloc(COUNT * bytes + 1);
    for (int32_t count = 0; count <= COUNT; count++) {
        int32_t offset = random_below(COUNT - count + 1);
        for (int32_t i = 0; i < count; i++) {
            random_unit(fresh[i], k);
            bytes_from_integer(wire + (size_t)i * bytes, bytes, fresh[i]);
            mpz_set(values[offset + i], fresh[i]);
        }
        OK(pc_import(wire, (int64_t)count * k->ciphertext_bytes, batch, offset, count));
        for (int32_t i = 0; i < COUNT; i++) {
            CHECK(number_is(k, batch, i, values[i]));
        }
        memset(wire, 0xaa, COUNT * bytes + 1);
        OK(pc_export(batch, offset, count, wire, (int64_t)count * k->ciphertext_bytes));
        for (int32_t i = 0; i < count; i++) {
            integer_from_bytes(fresh[i], wire + (size_t)i * bytes, bytes);
            CHECK(mpz_cmp(fresh[i], values[offset + i]) == 0);
        }
        CHECK(wire[(size_t)count * bytes] == 0xaa);
    }
    free(wire);
    OK(pc_batch_free(batch));
    integers_free(values, COUNT);
    integers_free(fresh, COUNT);
}

/* A bad ciphertext anywhere in a call refuses all of it. */
static void test_bad_ciphertexts(const key *k)
{
    pc_batch *batch = random_batch(k, COUNT, NULL);
    uint8_t *before = snapshot(k, batch, COUNT);
    size_t bytes = (size_t)k->ciphertext_bytes;
    uint8_t *wire = malloc(COUNT * bytes);
    mpz_t bad, good, largest;
    mpz_inits(bad, good, largest, NULL);
    mpz_setbit(largest, (mp_bitcnt_t)bytes * 8);
    mpz_sub_ui(largest, largest, 1);
    for (int variant = 0; variant < 9; variant++) {
        switch (variant) {
        case 0: mpz_set_ui(bad, 0); break;
        case 1: mpz_set(bad, k->n_squared); break;
        case 2: mpz_add_ui(bad, k->n_squared, 1); break;
        case 3: mpz_set(bad, k->p); break;
        case 4: mpz_set(bad, k->n); break;
        case 5: mpz_sub(bad, k->n_squared, k->q); break;
        case 6: mpz_mul(bad, k->p, k->p); break;
        case 7: mpz_mul_ui(bad, k->q, 2); break;
        default: mpz_set(bad, largest); break;
        }
        for (int32_t at = 0; at < COUNT; at += 6) {
            for (int32_t i = 0; i < COUNT; i++) {
                random_unit(good, k);
                bytes_from_integer(wire + (size_t)i * bytes, bytes, i == at ? bad : good);
            }
            STATUS(PC_ERR_CIPHERTEXT, pc_import(wire, COUNT * k->ciphertext_bytes, batch, 0, COUNT));
            CHECK(unchanged(k, batch, COUNT, before));
        }
        /* A batch that is nothing but bad. */
        for (int32_t i = 0; i < COUNT; i++) {
            bytes_from_integer(wire + (size_t)i * bytes, bytes, bad);
        }
        STATUS(PC_ERR_CIPHERTEXT, pc_import(wire, COUNT * k->ciphertext_bytes, batch, 0, COUNT));
        CHECK(unchanged(k, batch, COUNT, before));
    }
    mpz_sub_ui(good, k->n_squared, 1);
    bytes_from_integer(wire, bytes, good);
    OK(pc_import(wire, k->ciphertext_bytes, batch, 0, 1)); /* the largest that is right */
    mpz_clears(bad, good, largest, NULL);
    free(wire);
    free(before);
    OK(pc_batch_free(batch));
}

static void test_arguments(const key *k)
{
    pc_batch *batch = random_batch(k, 3, NULL);
    uint8_t *before = snapshot(k, batch, 3);
    const int32_t bytes = k->ciphertext_bytes;
    uint8_t *wire = snapshot(k, batch, 3);
    STATUS(PC_ERR_NULL, pc_import(NULL, bytes, batch, 0, 1));
    STATUS(PC_ERR_NULL, pc_import(wire, bytes, NULL, 0, 1));
    STATUS(PC_ERR_LENGTH, pc_import(wire, bytes - 1, batch, 0, 1));
    STATUS(PC_ERR_LENGTH, pc_import(wire, bytes + 1, batch, 0, 1));
    STATUS(PC_ERR_LENGTH, pc_import(wire, -bytes, batch, 0, 1));
    STATUS(PC_ERR_RANGE, pc_import(wire, bytes, batch, 3, 1));
    STATUS(PC_ERR_RANGE, pc_import(wire, bytes, batch, -1, 1));
    STATUS(PC_ERR_RANGE, pc_import(wire, -bytes, batch, 0, -1));
    STATUS(PC_ERR_RANGE, pc_import(wire, bytes, batch, INT32_MAX, 1));
    STATUS(PC_ERR_RANGE, pc_import(wire, (int64_t)bytes * INT32_MAX, batch, 1, INT32_MAX));
    OK(pc_import(NULL, 0, batch, 3, 0));
    CHECK(unchanged(k, batch, 3, before));

    memset(wire, 0xaa, (size_t)bytes);
    STATUS(PC_ERR_NULL, pc_export(batch, 0, 1, NULL, bytes));
    STATUS(PC_ERR_NULL, pc_export(NULL, 0, 1, wire, bytes));
    STATUS(PC_ERR_LENGTH, pc_export(batch, 0, 1, wire, bytes - 1));
    STATUS(PC_ERR_LENGTH, pc_export(batch, 0, 1, wire, -1));
    STATUS(PC_ERR_RANGE, pc_export(batch, 3, 1, wire, bytes));
    STATUS(PC_ERR_RANGE, pc_export(batch, -1, 1, wire, bytes));
    STATUS(PC_ERR_RANGE, pc_export(batch, 0, -1, wire, bytes));
    OK(pc_export(batch, 0, 0, NULL, 0));
    CHECK(wire[0] == 0xaa && wire[bytes - 1] == 0xaa);
    free(wire);
    free(before);
    OK(pc_batch_free(batch));
}

static void test_gather(const key *k)
{
    mpz_t *values = integers_create(COUNT);
    pc_batch *source = random_batch(k, COUNT, values), *target = NULL;
    OK(pc_batch_create(k->public, COUNT, &target));
    int32_t index[COUNT];
    for (int32_t i = 0; i < COUNT; i++) {
        index[i] = random_below(COUNT); /* duplicates occur */
    }
    mpz_t one;
    mpz_init_set_ui(one, 1);
    OK(pc_gather(source, index, target, 2, COUNT - 4));
    for (int32_t i = 0; i < COUNT; i++) {
        CHECK(i >= 2 && i < COUNT - 2 ? number_is(k, target, i, values[index[i - 2]]) : number_is(k, target, i, one));
    }
    mpz_clear(one);

    const int32_t inside[] = {0, 5, 1}, bad[] = {0, COUNT}, negative[] = {-1};
    OK(pc_gather(source, inside, source, 7, 2)); /* within one batch, ranges apart */
    CHECK(number_is(k, source, 8, values[5]));
    uint8_t *before = snapshot(k, source, COUNT);
    STATUS(PC_ERR_RANGE, pc_gather(source, inside, source, 5, 3));
    STATUS(PC_ERR_RANGE, pc_gather(source, inside, source, 1, 3));
    CHECK(unchanged(k, source, COUNT, before));
    free(before);
    before = snapshot(k, target, COUNT);
    STATUS(PC_ERR_NULL, pc_gather(NULL, inside, target, 0, 1));
    STATUS(PC_ERR_NULL, pc_gather(source, NULL, target, 0, 1));
    STATUS(PC_ERR_NULL, pc_gather(source, inside, NULL, 0, 1));
    STATUS(PC_ERR_RANGE, pc_gather(source, bad, target, 0, 2));
    STATUS(PC_ERR_RANGE, pc_gather(source, negative, target, 0, 1));
    STATUS(PC_ERR_RANGE, pc_gather(source, inside, target, COUNT - 1, 2));
    STATUS(PC_ERR_RANGE, pc_gather(source, inside, target, -1, 2));
    STATUS(PC_ERR_RANGE, pc_gather(source, inside, target, 0, -1));
    OK(pc_gather(source, NULL, target, 0, 0));
    key stranger;
    key_create(&stranger, 128, 0);
    pc_batch *other = NULL;
    OK(pc_batch_create(stranger.public, 3, &other));
    STATUS(PC_ERR_MISMATCH, pc_gather(other, inside, target, 0, 1));
    OK(pc_batch_free(other));
    key_free(&stranger);
    CHECK(unchanged(k, target, COUNT, before));
    free(before);
    OK(pc_batch_free(source));
    OK(pc_batch_free(target));
    integers_free(values, COUNT);
}

int main(void)
{
    static const int32_t sizes[] = {64, 66, 100, 126, 128, 130, 192, 254, 512, 1000, 2048, 3072, 4096};
    for (int32_t kernel = 0; kernel < kernel_count(); kernel++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            key k;
            key_create(&k, sizes[i], kernel);
            test_ranges(&k);
            if (sizes[i] <= 512 || sizes[i] == 2048) {
                test_bad_ciphertexts(&k);
            }
            if (sizes[i] == 192) {
                test_create(&k);
                test_arguments(&k);
                test_gather(&k);
            }
            key_free(&k);
        }
    }
    return summary();
}
