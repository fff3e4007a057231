#include "support.h"

static void test_info(void)
{
    pc_info info = {.struct_size = (int32_t)sizeof info};
    OK(pc_get_info(&info));
    CHECK(info.abi_version == PC_ABI_VERSION && info.limb_bits == 64 && info.gmp_version >= 60000);
    CHECK(info.sizeof_term == 24 && info.sizeof_instruction == 12);
    CHECK(info.kernel_count >= 1 && info.default_kernel >= 0 && info.default_kernel < info.kernel_count);
    STATUS(PC_ERR_NULL, pc_get_info(NULL));
    pc_info wrong = {.struct_size = (int32_t)sizeof wrong - 4, .abi_version = -7};
    STATUS(PC_ERR_LENGTH, pc_get_info(&wrong));
    CHECK(wrong.abi_version == -7);
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
    pc_info info = {.struct_size = (int32_t)sizeof info};
    char name[16];
    setenv("POPCORN_KERNEL", "gmp8", 1);
    OK(pc_get_info(&info));
    OK(pc_kernel_name(info.default_kernel, name, (int32_t)sizeof name));
    CHECK(strcmp(name, "gmp8") == 0);
    key k;
    key_create(&k, 128, -1);
    pc_public_info key_info = {.struct_size = (int32_t)sizeof key_info};
    OK(pc_public_get_info(k.public, &key_info));
    CHECK(key_info.kernel == info.default_kernel && key_info.lanes == 8);

    setenv("POPCORN_KERNEL", "abacus", 1);
    info.kernel_count = -7;
    STATUS(PC_ERR_UNSUPPORTED, pc_get_info(&info));
    CHECK(info.kernel_count == -7);
    pc_public *other = NULL;
    STATUS(PC_ERR_UNSUPPORTED, pc_public_create(k.n_bytes, k.modulus_bytes, k.h_bytes, k.modulus_bytes,
                                                PC_FLAG_INSECURE_SIZE, -1, &other));
    CHECK(other == NULL);
    unsetenv("POPCORN_KERNEL");
    key_free(&k);
}
#endif

int main(void)
{
    test_info();
    test_names();
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
