#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#  include <malloc.h>
#endif

#define ALIGNMENT 64

void *pc_allocate(size_t bytes)
{
    if (bytes > SIZE_MAX - ALIGNMENT) {
        return NULL;
    }
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded == 0) {
        rounded = ALIGNMENT;
    }
#if defined(_WIN32)
    return _aligned_malloc(rounded, ALIGNMENT);
#else
    return aligned_alloc(ALIGNMENT, rounded);
#endif
}

void *pc_allocate_zeroed(size_t bytes)
{
    void *memory = pc_allocate(bytes);
    if (memory != NULL) {
        memset(memory, 0, bytes);
    }
    return memory;
}

void pc_release(void *memory)
{
#if defined(_WIN32)
    _aligned_free(memory);
#else
    free(memory);
#endif
}

/* Called through a volatile pointer, so that the compiler cannot know it is memset and drop a dead store. */
static void *(*const volatile set_memory)(void *, int, size_t) = memset;

void pc_wipe(void *memory, size_t bytes)
{
    set_memory(memory, 0, bytes);
}

#define STACK_DEPTH 65536

__attribute__((noinline)) void pc_wipe_stack(void)
{
    unsigned char below[STACK_DEPTH];
    pc_wipe(below, sizeof below);
}

void pc_release_secret(void *memory, size_t bytes)
{
    if (memory != NULL) {
        pc_wipe(memory, bytes);
        pc_release(memory);
    }
}

void pc_mpz_clear_secret(mpz_t number)
{
    /* All allocated limbs, not only the significant ones: earlier values may have been longer. */
    if (number->_mp_alloc > 0) {
        mp_size_t limbs = number->_mp_alloc;
        pc_wipe(mpz_limbs_write(number, limbs), (size_t)limbs * sizeof(mp_limb_t));
        mpz_limbs_finish(number, 0);
    }
    mpz_clear(number);
}
