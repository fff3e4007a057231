/* A product program in memory: what program.c makes and program_run.c runs. */
#ifndef PC_PROGRAM_H
#define PC_PROGRAM_H

#include "objects.h"

/*
 * Instructions that fill the lanes when a tile runs alone: up to PC_MAX_LANES chains of `length` instructions each, one
 * chain after the other. A chain multiplies one register again and again; none of them touches what another writes,
 * and they square in the same places.
 */
typedef struct pc_bundle {
    int32_t first;
    int32_t chains;
    int32_t length;
    int32_t waits_for; /* the latest earlier bundle that touches a register in conflict with this one, or -1 */
} pc_bundle;

struct pc_program {
    int32_t input_count;
    int32_t temporaries;
    int32_t output_count;
    int32_t instruction_count;
    int32_t bundle_count;
    int32_t source_count;
    int32_t entries[PC_MAX_SOURCES]; /* of each source: more than any input names */
    int32_t taps[PC_MAX_SOURCES];
    pc_program_input *inputs;
    int32_t *outputs; /* registers, or -1 */
    pc_instruction *instructions;
    pc_bundle *bundles;
};

static inline bool pc_is_square(const pc_instruction *instruction)
{
    return instruction->left == instruction->right;
}

#endif
