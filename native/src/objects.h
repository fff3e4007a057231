/* What the handles of the ABI hold, and the checks that all of its functions share. */
#ifndef PC_OBJECTS_H
#define PC_OBJECTS_H

#include <stdatomic.h>

#include "kernels/kernel.h"
#include "memory.h"
#include "numbers.h"

/* The one form in which arguments are checked: at the head of a function, before anything is written. */
#define PC_REQUIRE(condition, status) \
    do {                              \
        if (!(condition)) {           \
            return (status);          \
        }                             \
    } while (0)

struct pc_public {
    atomic_int references;
    int32_t kernel_index;
    int32_t key_bits;
    int32_t modulus_bytes;
    int32_t order_bits;           /* of a short-order key; else 0 */
    pc_modulus *modulus;          /* n */
    pc_modulus *secrets_modulus;  /* n for operands that are secret, though n is not */
    mp_limb_t n_squared[2 * PC_MAX_LIMBS];
    mp_limb_t h[PC_MAX_LIMBS];    /* the base of the randomness is h_s = h^n mod n^2 */
};

pc_public *pc_public_retain(const pc_public *key);

/* One of the two primes, called p here. */
typedef struct pc_prime_side {
    pc_modulus *modulus;                   /* p */
    mp_limb_t exponent[PC_MAX_LIMBS];      /* h_s to this is 1: p - 1, or u_p of a short-order key */
    mp_limb_t root_exponent[PC_MAX_LIMBS]; /* 1/n modulo p - 1 */
    mp_limb_t *split_factors;              /* from residues modulo n^2 to residues modulo p^2, see crt.c */
} pc_prime_side;

struct pc_private {
    atomic_int references;
    pc_public *key;
    int32_t prime_bits;
    int32_t prime_limbs;
    int32_t exponent_bits;      /* of the sides' exponents */
    pc_prime_side side[2];      /* p and q */
    mp_limb_t *join_factors;    /* and back */
    mp_limb_t *decrypt_factors; /* and back to a plaintext, see decrypt.c */
    mp_limb_t blank[2 * PC_MAX_LIMBS]; /* what they make of encryptions of 0, in standard form */
};

pc_private *pc_private_retain(const pc_private *private_key);

struct pc_batch {
    pc_public *key;
    int32_t count;
    mp_limb_t *numbers;
};

static inline mp_limb_t *pc_batch_at(const pc_batch *batch, int64_t index)
{
    return batch->numbers + index * batch->key->modulus->number_words;
}

/* offset .. offset + count - 1 lies within 0 .. available - 1. */
static inline bool pc_range_fits(int32_t offset, int32_t count, int32_t available)
{
    return offset >= 0 && count >= 0 && count <= available && offset <= available - count;
}

/* A target range may be an operand's range or miss it, never shift over it. */
static inline bool pc_overlap_allowed(const pc_batch *source, int32_t source_offset, const pc_batch *target,
                                      int32_t target_offset, int32_t count)
{
    return source != target || source_offset == target_offset || source_offset - target_offset >= count ||
           target_offset - source_offset >= count;
}

static inline bool pc_ranges_meet(int32_t a, int32_t a_count, int32_t b, int32_t b_count)
{
    return a_count > 0 && b_count > 0 && a < b + b_count && b < a + a_count;
}

static inline int32_t pc_min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline bool pc_words_fit(int32_t words)
{
    return words > 0 && words <= PC_MAX_PLAINTEXT_WORDS;
}

/* Is |m| < n for all of these plaintexts? */
bool pc_plaintexts_fit(const pc_public *key, const uint64_t *plaintexts, int32_t words_each, int32_t count);

/*
 * Groups from rows of numbers: lanes 0 .. used-1 are row[0], row[1], ...; the others are fed with 1 and dropped.
 */
void pc_gather_row(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *row, int32_t used);
void pc_gather_ones(const pc_modulus *modulus, mp_limb_t *group);
void pc_scatter_row(const pc_modulus *modulus, mp_limb_t *row, const mp_limb_t *group, int32_t used);

#endif
