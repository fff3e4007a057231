/*
 * Loops over blocks of 128 bits in which oblivious transfer spends its time: AES-128 with vectors of several blocks.
 * One table of functions for each instruction set that has them; what they compute is said in popcorn.h. Arguments have
 * been checked. No branch and no address depends on a block; those of `add_code` depend on its key, which is public.
 */
#ifndef PC_BLOCKS_H
#define PC_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#define PC_BLOCK_BYTES 16
#define PC_AES_ROUNDS 10
#define PC_PAD_ITEMS 64 /* items of a call of make_pads at most: words of a row */

typedef struct pc_block_kernel {
    int32_t blocks_of_vector;
    bool (*available)(void);
    void (*send_tree)(const uint8_t *round_keys, const uint8_t *delta, const uint8_t *first, const uint8_t *cots,
                      int32_t levels, uint8_t *corrections, uint8_t *leaves);
    void (*receive_tree)(const uint8_t *round_keys, const uint8_t *cots, const uint8_t *corrections, int32_t levels,
                         uint8_t *leaves);
    void (*add_code)(const uint8_t *round_keys, const uint8_t *secret, int32_t secret_count, uint64_t first,
                     uint8_t *outputs, int32_t count);
    void (*hash_pads)(const uint8_t *round_keys, uint8_t *blocks, int32_t count, uint64_t first, uint64_t step);
    void (*make_pads)(const uint8_t *round_keys, const uint8_t *cots, int32_t items, int32_t choice_bits,
                      const uint8_t *multiples, int32_t pads, int32_t width, uint64_t first, uint64_t *words);
} pc_block_kernel;

extern const pc_block_kernel pc_block_kernel_vaes;

#endif
