#include "objects.h"

#include <string.h>

#if defined(_WIN32)
#  include <windows.h>
#else
#  include <time.h>
#endif

/* "6.2.1" to 60201. */
static int32_t loaded_gmp_version(void)
{
    int32_t parts[3] = {0, 0, 0};
    int part = 0;
    for (const char *at = gmp_version; *at != '\0' && part < 3; at++) {
        if (*at >= '0' && *at <= '9') {
            parts[part] = parts[part] * 10 + (*at - '0');
        } else {
            part++;
        }
    }
    return parts[0] * 10000 + parts[1] * 100 + parts[2];
}

int32_t pc_get_layout(int32_t *layout, int32_t capacity, int32_t *count)
{
    static const int32_t known[] = {
        sizeof(pc_info), offsetof(pc_info, abi_version), offsetof(pc_info, gmp_version),
        offsetof(pc_info, kernel_count), offsetof(pc_info, default_kernel), offsetof(pc_info, max_lanes),
        sizeof(pc_public_info), offsetof(pc_public_info, key_bits), offsetof(pc_public_info, modulus_bytes),
        offsetof(pc_public_info, ciphertext_bytes), offsetof(pc_public_info, plaintext_words),
        offsetof(pc_public_info, lanes), offsetof(pc_public_info, kernel), offsetof(pc_public_info, order_bits),
        offsetof(pc_public_info, number_bytes),
        sizeof(pc_term), offsetof(pc_term, magnitude), offsetof(pc_term, batch), offsetof(pc_term, index),
        offsetof(pc_term, shift),
        sizeof(pc_instruction), offsetof(pc_instruction, target), offsetof(pc_instruction, left),
        offsetof(pc_instruction, right),
        sizeof(pc_program_input), offsetof(pc_program_input, source), offsetof(pc_program_input, entry),
        offsetof(pc_program_input, tap),
        sizeof(pc_view), offsetof(pc_view, batch), offsetof(pc_view, positions), offsetof(pc_view, stride),
        offsetof(pc_view, taps),
    };
    const int32_t all = (int32_t)(sizeof known / sizeof known[0]);
    PC_REQUIRE(count != NULL && (layout != NULL || capacity == 0), PC_ERR_NULL);
    PC_REQUIRE(capacity >= 0, PC_ERR_LENGTH);
    *count = all;
    if (capacity > 0) {
        memcpy(layout, known, (size_t)pc_min(capacity, all) * sizeof *layout);
    }
    return PC_OK;
}

int32_t pc_get_info(pc_info *info)
{
    PC_REQUIRE(info != NULL, PC_ERR_NULL);
    int32_t chosen = pc_kernel_default();
    PC_REQUIRE(chosen >= 0 && chosen < pc_kernel_count(), PC_ERR_UNSUPPORTED);
    info->abi_version = PC_ABI_VERSION;
    info->gmp_version = loaded_gmp_version();
    info->kernel_count = pc_kernel_count();
    info->default_kernel = chosen;
    info->max_lanes = PC_MAX_LANES;
    return PC_OK;
}

int32_t pc_kernel_name(int32_t index, char *buffer, int32_t capacity)
{
    PC_REQUIRE(buffer != NULL, PC_ERR_NULL);
    const pc_kernel *kernel = pc_kernel_at(index);
    PC_REQUIRE(index >= 0 && kernel != NULL, PC_ERR_RANGE);
    size_t needed = strlen(kernel->name) + 1;
    PC_REQUIRE(capacity > 0 && (size_t)capacity >= needed, PC_ERR_LENGTH);
    memcpy(buffer, kernel->name, needed);
    return PC_OK;
}

static int64_t monotonic_nanoseconds(void)
{
#if defined(_WIN32)
    LARGE_INTEGER ticks, frequency;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&frequency);
    return (int64_t)((double)ticks.QuadPart * 1e9 / (double)frequency.QuadPart);
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
#endif
}

/* Fixed limbs without a pattern: a linear congruential generator's high halves. */
static void fill(mpz_t r, int limbs, uint64_t seed)
{
    mp_limb_t words[PC_MAX_LIMBS];
    for (int i = 0; i < limbs; i++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        mp_limb_t high = seed >> 32;
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        words[i] = high << 32 | seed >> 32;
    }
    pc_mpz_from_limbs(r, words, limbs);
    mpz_setbit(r, (mp_bitcnt_t)limbs * 64 - 1);
}

int32_t pc_reference_powm(int32_t repeats, int64_t *nanoseconds)
{
    PC_REQUIRE(nanoseconds != NULL, PC_ERR_NULL);
    PC_REQUIRE(repeats > 0, PC_ERR_RANGE);
    mpz_t base, exponent, modulus, power;
    mpz_inits(base, exponent, modulus, power, NULL);
    fill(base, 64, 1);
    fill(exponent, 32, 2);
    fill(modulus, 64, 3);
    mpz_setbit(modulus, 0);
    int64_t start = monotonic_nanoseconds();
    for (int32_t i = 0; i < repeats; i++) {
        mpz_powm(power, base, exponent, modulus);
    }
    *nanoseconds = monotonic_nanoseconds() - start;
    mpz_clears(base, exponent, modulus, power, NULL);
    return PC_OK;
}
