#include "kernel.h"

#include <stdlib.h>
#include <string.h>

#include "../memory.h"

extern const pc_kernel pc_kernel_gmp;
#if defined(PC_KERNEL_IFMA)
extern const pc_kernel pc_kernel_ifma;
#endif
#if defined(PC_TEST_KERNELS)
extern const pc_kernel pc_kernel_gmp8;
extern const pc_kernel pc_kernel_ifma_emulated;
#endif

/* Fastest first: the first one that the processor can run is the default. */
static const pc_kernel *const all_kernels[] = {
#if defined(PC_KERNEL_IFMA)
    &pc_kernel_ifma,
#endif
    &pc_kernel_gmp,
#if defined(PC_TEST_KERNELS)
    &pc_kernel_gmp8,
    &pc_kernel_ifma_emulated,
#endif
};

#define KERNELS_IN_BUILD ((int32_t)(sizeof all_kernels / sizeof all_kernels[0]))

int32_t pc_kernel_count(void)
{
    int32_t count = 0;
    for (int32_t i = 0; i < KERNELS_IN_BUILD; i++) {
        count += all_kernels[i]->available();
    }
    return count;
}

const pc_kernel *pc_kernel_at(int32_t index)
{
    for (int32_t i = 0; i < KERNELS_IN_BUILD; i++) {
        if (all_kernels[i]->available() && index-- == 0) {
            return all_kernels[i];
        }
    }
    return NULL;
}

int32_t pc_kernel_default(void)
{
    const char *wanted = getenv("POPCORN_KERNEL");
    if (wanted == NULL || wanted[0] == '\0') {
        return 0;
    }
    for (int32_t i = 0; i < pc_kernel_count(); i++) {
        if (strcmp(pc_kernel_at(i)->name, wanted) == 0) {
            return i;
        }
    }
    return -1;
}

pc_modulus *pc_modulus_create(const pc_kernel *kernel, const mp_limb_t *m, int32_t limbs, bool secret)
{
    pc_modulus *modulus = pc_allocate_zeroed(sizeof *modulus + kernel->state_bytes);
    if (modulus == NULL) {
        return NULL;
    }
    int32_t words = kernel->number_words(limbs);
    modulus->kernel = kernel;
    modulus->limbs = limbs;
    modulus->number_words =
        (words + PC_NUMBER_ALIGNMENT_WORDS - 1) / PC_NUMBER_ALIGNMENT_WORDS * PC_NUMBER_ALIGNMENT_WORDS;
    modulus->secret = secret;
    memcpy(modulus->m, m, (size_t)limbs * sizeof *m);
    kernel->setup(modulus);

    pc_standard standard;
    pc_group group;
    mp_limb_t *addresses[PC_MAX_LANES] = {modulus->one};
    memset(&standard, 0, sizeof standard);
    for (int32_t i = 0; i < kernel->lanes; i++) {
        standard.limbs[i * 2 * limbs] = 1;
    }
    kernel->enter(modulus, group.words, standard.limbs);
    kernel->scatter(modulus, addresses, group.words);
    if (secret) {
        pc_wipe(&group, sizeof group); /* the form of 1 is R mod m^2 */
    }
    return modulus;
}

void pc_modulus_free(pc_modulus *modulus)
{
    if (modulus != NULL && modulus->secret) {
        pc_wipe(modulus, sizeof *modulus + modulus->kernel->state_bytes);
    }
    pc_release(modulus);
}
