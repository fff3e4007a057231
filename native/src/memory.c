#if defined(__linux__)
#  define _DEFAULT_SOURCE /* madvise */
#endif

#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#  include <malloc.h>
#elif defined(__linux__)
#  include <sys/mman.h>
#endif

#define ALIGNMENT 64
#define HUGE_PAGE ((size_t)2 << 20)
/* From here on whole huge pages are asked for: tables that are read at random places miss the TLB otherwise. */
#define LARGE (2 * HUGE_PAGE)

void *pc_allocate(size_t bytes)
{
    if (bytes > SIZE_MAX - HUGE_PAGE) {
        return NULL;
    }
    size_t alignment = bytes < LARGE ? ALIGNMENT : HUGE_PAGE;
    size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    if (rounded == 0) {
        rounded = alignment;
    }
#if defined(_WIN32)
    return _aligned_malloc(rounded, alignment);
#else
    void *memory = aligned_alloc(alignment, rounded);
#  if defined(__linux__)
    if (memory != NULL && alignment == HUGE_PAGE) {
        (void)madvise(memory, rounded, MADV_HUGEPAGE); /* a wish: where it is refused, small pages serve as well */
    }
#  endif
    return memory;
#endif
}

void *pc_allocate_array(size_t count, size_t bytes_each)
{
    return bytes_each != 0 && count > SIZE_MAX / bytes_each ? NULL : pc_allocate(count * bytes_each);
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

#define STACK_DEPTH 98304

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
