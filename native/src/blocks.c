/* Blocks of oblivious transfer: checks, and the vectors of this processor. */
#include "blocks.h"

#include <stddef.h>

#include "../include/popcorn.h"
#include "objects.h"

#define MAX_LEVELS 24
#define MAX_LOG_SECRET 21
#define MAX_CHOICE_BITS 4

static const pc_block_kernel *kernel(void)
{
#if defined(PC_BLOCK_KERNEL)
    return PC_BLOCK_KERNEL.available() ? &PC_BLOCK_KERNEL : NULL;
#else
    return NULL;
#endif
}

int32_t pc_blocks_of_vector(int32_t *blocks)
{
    PC_REQUIRE(blocks != NULL, PC_ERR_NULL);
    *blocks = kernel() == NULL ? 0 : kernel()->blocks_of_vector;
    return PC_OK;
}

static bool is_tree(int32_t levels, int32_t leaf_count)
{
    return levels >= 2 && levels <= MAX_LEVELS && leaf_count == 1 << levels;
}

int32_t pc_tree_send(const uint8_t *round_keys, const uint8_t *delta, const uint8_t *first, const uint8_t *cots,
                     int32_t levels, uint8_t *corrections, uint8_t *leaves, int32_t leaf_count)
{
    PC_REQUIRE(round_keys != NULL && delta != NULL && first != NULL && cots != NULL, PC_ERR_NULL);
    PC_REQUIRE(corrections != NULL && leaves != NULL, PC_ERR_NULL);
    PC_REQUIRE(is_tree(levels, leaf_count), PC_ERR_LENGTH);
    PC_REQUIRE(kernel() != NULL, PC_ERR_UNSUPPORTED);
    kernel()->send_tree(round_keys, delta, first, cots, levels, corrections, leaves);
    return PC_OK;
}

int32_t pc_tree_receive(const uint8_t *round_keys, const uint8_t *cots, const uint8_t *corrections, int32_t levels,
                        uint8_t *leaves, int32_t leaf_count)
{
    PC_REQUIRE(round_keys != NULL && cots != NULL && corrections != NULL && leaves != NULL, PC_ERR_NULL);
    PC_REQUIRE(is_tree(levels, leaf_count), PC_ERR_LENGTH);
    PC_REQUIRE(kernel() != NULL, PC_ERR_UNSUPPORTED);
    kernel()->receive_tree(round_keys, cots, corrections, levels, leaves);
    return PC_OK;
}

int32_t pc_code_add(const uint8_t *round_keys, const uint8_t *secret, int32_t secret_count, uint64_t first,
                    uint8_t *outputs, int32_t count)
{
    PC_REQUIRE(round_keys != NULL && secret != NULL && (outputs != NULL || count == 0), PC_ERR_NULL);
    PC_REQUIRE(count >= 0 && secret_count >= 1 && secret_count <= 1 << MAX_LOG_SECRET, PC_ERR_LENGTH);
    PC_REQUIRE((secret_count & (secret_count - 1)) == 0, PC_ERR_LENGTH);
    PC_REQUIRE(kernel() != NULL, PC_ERR_UNSUPPORTED);
    kernel()->add_code(round_keys, secret, secret_count, first, outputs, count);
    return PC_OK;
}

int32_t pc_pads_hash(const uint8_t *round_keys, uint8_t *blocks, int32_t count, uint64_t first, uint64_t step)
{
    PC_REQUIRE(round_keys != NULL && (blocks != NULL || count == 0), PC_ERR_NULL);
    PC_REQUIRE(count >= 0, PC_ERR_LENGTH);
    PC_REQUIRE(kernel() != NULL, PC_ERR_UNSUPPORTED);
    kernel()->hash_pads(round_keys, blocks, count, first, step);
    return PC_OK;
}

int32_t pc_pads_make(const uint8_t *round_keys, const uint8_t *cots, int32_t items, int32_t choice_bits,
                     const uint8_t *multiples, int32_t pads, int32_t width, uint64_t first, uint64_t *words,
                     int32_t word_count)
{
    PC_REQUIRE(round_keys != NULL && multiples != NULL, PC_ERR_NULL);
    PC_REQUIRE(items == 0 || (cots != NULL && words != NULL), PC_ERR_NULL);
    PC_REQUIRE(items >= 0 && items <= PC_PAD_ITEMS, PC_ERR_LENGTH);
    PC_REQUIRE(choice_bits >= 1 && choice_bits <= MAX_CHOICE_BITS && width >= 1 && width <= 64, PC_ERR_RANGE);
    PC_REQUIRE(pads >= 1 && pads <= 1 << choice_bits, PC_ERR_LENGTH);
    int32_t fit = 64 / width, rows = (pads + fit - 1) / fit;
    PC_REQUIRE(items == 0 || word_count >= (rows - 1) * PC_PAD_ITEMS + items, PC_ERR_LENGTH);
    PC_REQUIRE(kernel() != NULL, PC_ERR_UNSUPPORTED);
    kernel()->make_pads(round_keys, cots, items, choice_bits, multiples, pads, width, first, words);
    return PC_OK;
}
