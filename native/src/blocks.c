/* Blocks of oblivious transfer: checks, and the vectors of this processor. */
#include "blocks.h"

#include <stddef.h>

#include "../include/popcorn.h"
#include "objects.h"

#define MAX_LEVELS 24
#define MAX_LOG_SECRET 21

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
