/* Memory of the library: 64-byte aligned, never handed to the caller to free, wiped where it held a secret. */
#ifndef PC_MEMORY_H
#define PC_MEMORY_H

#include <gmp.h>
#include <stddef.h>

/* Null when memory runs out, or when an array's bytes are more than any number of them. */
void *pc_allocate(size_t bytes);
void *pc_allocate_array(size_t count, size_t bytes_each);
void *pc_allocate_zeroed(size_t bytes);
void pc_release(void *memory);

/* Overwrites memory that held a secret; never optimised away. */
void pc_wipe(void *memory, size_t bytes);
void pc_release_secret(void *memory, size_t bytes);

/* Overwrites the stack below the caller: what the functions it called left there. */
void pc_wipe_stack(void);

/* mpz_clear that wipes the limbs first. What GMP reallocated on the way is out of reach: size with mpz_init2. */
void pc_mpz_clear_secret(mpz_t number);

#endif
