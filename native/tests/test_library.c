#include "support.h"

static void test_info(void)
{
    pc_info info = {0};
    OK(pc_get_info(&info));
    CHECK(info.abi_version == PC_ABI_VERSION && info.gmp_version >= 60000 && info.max_lanes > 0);
    CHECK(info.kernel_count >= 1 && info.default_kernel >= 0 && info.default_kernel < info.kernel_count);
    STATUS(PC_ERR_NULL, pc_get_info(NULL));
}

/* Sizes and offsets in the header's order; the managed side compares its own with all of them. */
static void test_layout(void)
{
    int32_t layout[64], count = 0;
    OK(pc_get_layout(NULL, 0, &count));
    CHECK(count > 3 && count <= 64);
    layout[3] = -7;
    OK(pc_get_layout(layout, 3, &count));
    CHECK(layout[0] == (int32_t)sizeof(pc_info) && layout[1] == 0 && layout[2] == 4 && layout[3] == -7);
    OK(pc_get_layout(layout, 64, &count));
    CHECK(layout[count - 1] == (int32_t)offsetof(pc_view, taps));
    STATUS(PC_ERR_NULL, pc_get_layout(layout, 64, NULL));
    STATUS(PC_ERR_NULL, pc_get_layout(NULL, 64, &count));
    STATUS(PC_ERR_LENGTH, pc_get_layout(layout, -1, &count));
}

static void test_names(void)
{
    char name[16] = "?";
    STATUS(PC_ERR_NULL, pc_kernel_name(0, NULL, 16));
    STATUS(PC_ERR_RANGE, pc_kernel_name(-1, name, 16));
    STATUS(PC_ERR_RANGE, pc_kernel_name(kernel_count(), name, 16));
    STATUS(PC_ERR_LENGTH, pc_kernel_name(0, name, 0));
    STATUS(PC_ERR_LENGTH, pc_kernel_name(0, name, -1));
    STATUS(PC_ERR_LENGTH, pc_kernel_name(0, name, 3));
    CHECK(strcmp(name, "?") == 0);
    bool portable = false;
    for (int32_t i = 0; i < kernel_count(); i++) {
        OK(pc_kernel_name(i, name, (int32_t)sizeof name));
        portable = portable || strcmp(name, "gmp") == 0;
    }
    CHECK(portable);
}

#if !defined(_WIN32)
static void test_choice(void)
{
    static const struct {
        const char *name;
        int32_t lanes;
    } choices[] = {{"gmp", 1}, {"gmp4", 4}, {"gmp8", 8}};
    pc_info info = {0};
    char name[16];
    key k;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        setenv("POPCORN_KERNEL", choices[i].name, 1);
        OK(pc_get_info(&info));
        OK(pc_kernel_name(info.default_kernel, name, (int32_t)sizeof name));
        CHECK(strcmp(name, choices[i].name) == 0);
        key_create(&k, 128, -1); /* searches its primes by this kernel */
        pc_public_info key_info = {0};
        OK(pc_public_get_info(k.public, &key_info));
        CHECK(key_info.kernel == info.default_kernel && key_info.lanes == choices[i].lanes);
        key_free(&k);
    }
    key_create(&k, 128, -1);

    setenv("POPCORN_KERNEL", "abacus", 1);
    info.kernel_count = -7;
    STATUS(PC_ERR_UNSUPPORTED, pc_get_info(&info));
    CHECK(info.kernel_count == -7);
    pc_public *other = NULL;
    int64_t number_bytes = -7;
    STATUS(PC_ERR_UNSUPPORTED, pc_number_bytes(-1, 2048, &number_bytes));
    STATUS(PC_ERR_UNSUPPORTED, pc_public_create(k.n_bytes, k.modulus_bytes, k.h_bytes, k.modulus_bytes,
                                                PC_FLAG_INSECURE_SIZE, -1, &other));
    CHECK(other == NULL && number_bytes == -7);
    unsetenv("POPCORN_KERNEL");
    key_free(&k);
}
#endif

int main(void)
{
    test_info();
    test_names();
    test_layout();
#if !defined(_WIN32)
    test_choice();
#endif
    for (int32_t i = 0; i < kernel_count(); i++) {
        OK(pc_self_test(i));
    }
    STATUS(PC_ERR_RANGE, pc_self_test(-1));
    STATUS(PC_ERR_RANGE, pc_self_test(kernel_count()));

    int64_t nanoseconds = -1;
    STATUS(PC_ERR_NULL, pc_reference_powm(1, NULL));
    STATUS(PC_ERR_RANGE, pc_reference_powm(0, &nanoseconds));
    CHECK(nanoseconds == -1);
    OK(pc_reference_powm(1, &nanoseconds));
    CHECK(nanoseconds > 0);
    return summary();
}
