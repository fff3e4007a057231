#include "kernel.h"

#include <stdlib.h>
#include <string.h>

#include "../memory.h"

/* PC_KERNELS comes from CMakeLists.txt: KERNEL(name) for each kernel of this build, the preferred one first. */
#define KERNEL(name) extern const pc_kernel pc_kernel_##name;
PC_KERNELS
#undef KERNEL

#define KERNEL(name) &pc_kernel_##name,
static const pc_kernel *const all_kernels[] = {PC_KERNELS};
#undef KERNEL

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

int32_t pc_number_words(const pc_kernel *kernel, int32_t limbs)
{
    int32_t words = kernel->number_words(limbs);
    return (words + PC_NUMBER_ALIGNMENT_WORDS - 1) / PC_NUMBER_ALIGNMENT_WORDS * PC_NUMBER_ALIGNMENT_WORDS;
}

pc_modulus *pc_modulus_create(const pc_kernel *kernel, const mp_limb_t *m, int32_t limbs, bool secret)
{
    pc_modulus *modulus = pc_allocate_zeroed(sizeof *modulus + kernel->state_bytes);
    if (modulus == NULL) {
        return NULL;
    }
    modulus->kernel = kernel;
    modulus->limbs = limbs;
    modulus->number_words = pc_number_words(kernel, limbs);
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
