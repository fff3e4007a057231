#include "program.h"

#include <string.h>

#define NEVER (-1)

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int32_t check_inputs(pc_program *program)
{
    for (int32_t i = 0; i < program->input_count; i++) {
        const pc_program_input *in = &program->inputs[i];
        PC_REQUIRE(in->source >= 0 && in->source < PC_MAX_SOURCES, PC_ERR_PROGRAM);
        PC_REQUIRE(in->entry >= 0 && in->entry < PC_MAX_BATCH, PC_ERR_PROGRAM);
        PC_REQUIRE(in->tap >= 0 && in->tap < PC_MAX_BATCH, PC_ERR_PROGRAM);
        program->source_count = larger(program->source_count, in->source + 1);
        program->entries[in->source] = larger(program->entries[in->source], in->entry + 1);
        program->taps[in->source] = larger(program->taps[in->source], in->tap + 1);
    }
    return PC_OK;
}

/* Every register exists, no input is written, and nothing is read that was not written before. */
static int32_t check_instructions(const pc_program *program, bool *written)
{
    int32_t inputs = program->input_count, registers = inputs + program->temporaries;
    for (int32_t r = 0; r < registers; r++) {
        written[r] = r < inputs;
    }
    for (int32_t i = 0; i < program->instruction_count; i++) {
        const pc_instruction *in = &program->instructions[i];
        PC_REQUIRE(in->target >= inputs && in->target < registers, PC_ERR_PROGRAM);
        PC_REQUIRE(in->left >= 0 && in->left < registers && in->right >= 0 && in->right < registers, PC_ERR_PROGRAM);
        PC_REQUIRE(written[in->left] && written[in->right], PC_ERR_PROGRAM);
        written[in->target] = true;
    }
    for (int32_t o = 0; o < program->output_count; o++) {
        int32_t r = program->outputs[o];
        PC_REQUIRE(r == -1 || (r >= 0 && r < registers && written[r]), PC_ERR_PROGRAM);
    }
    return PC_OK;
}

/* Instructions from `first` on that multiply its target again and again. */
static int32_t chain_length(const pc_program *program, int32_t first)
{
    const pc_instruction *in = program->instructions;
    int32_t end = first + 1;
    while (end < program->instruction_count && in[end].target == in[first].target &&
           in[end].left == in[first].target) {
        end++;
    }
    return end - first;
}

static bool same_shape(const pc_instruction *a, const pc_instruction *b, int32_t length)
{
    for (int32_t i = 0; i < length; i++) {
        if (pc_is_square(&a[i]) != pc_is_square(&b[i])) {
            return false;
        }
    }
    return true;
}

/* For each register the last bundle that wrote it and the last that read or wrote it. */
typedef struct uses {
    int32_t *written;
    int32_t *touched;
} uses;

/* The last bundle that a chain has to wait for. */
static int32_t conflict_of(const pc_instruction *chain, int32_t length, const uses *u)
{
    int32_t conflict = larger(u->touched[chain->target], u->written[chain->left]);
    for (int32_t i = 0; i < length; i++) {
        conflict = larger(conflict, u->written[chain[i].right]);
    }
    return conflict;
}

static void note_uses(const pc_instruction *chain, int32_t length, int32_t bundle, uses *u)
{
    u->touched[chain->left] = bundle;
    for (int32_t i = 0; i < length; i++) {
        u->touched[chain[i].right] = bundle;
    }
    u->touched[chain->target] = u->written[chain->target] = bundle;
}

/* In order: a chain joins its predecessor's bundle if there is room, it is alike and needs nothing from there. */
static void make_bundles(pc_program *program, uses *u)
{
    int32_t registers = program->input_count + program->temporaries;
    for (int32_t r = 0; r < registers; r++) {
        u->written[r] = u->touched[r] = NEVER;
    }
    pc_bundle *current = NULL;
    for (int32_t i = 0, length; i < program->instruction_count; i += length) {
        const pc_instruction *chain = &program->instructions[i];
        length = chain_length(program, i);
        int32_t conflict = conflict_of(chain, length, u);
        if (current == NULL || current->chains == PC_MAX_LANES || current->length != length ||
            conflict == program->bundle_count - 1 ||
            !same_shape(&program->instructions[current->first], chain, length)) {
            current = &program->bundles[program->bundle_count++];
            *current = (pc_bundle){i, 0, length, NEVER};
        }
        current->chains++;
        current->waits_for = larger(current->waits_for, conflict);
        note_uses(chain, length, program->bundle_count - 1, u);
    }
}

static void *copy_of(const void *values, int32_t count, size_t bytes_each)
{
    void *copy = pc_allocate_array((size_t)count, bytes_each);
    if (copy != NULL && count > 0) {
        memcpy(copy, values, (size_t)count * bytes_each);
    }
    return copy;
}

/* Checks a program whose arrays are copied, and arranges it. */
static int32_t prepare(pc_program *program)
{
    size_t registers = (size_t)program->input_count + (size_t)program->temporaries;
    PC_REQUIRE(program->inputs != NULL && program->outputs != NULL && program->instructions != NULL, PC_ERR_MEMORY);
    int32_t status = check_inputs(program);
    PC_REQUIRE(status == PC_OK, status);

    int32_t *written = pc_allocate_array(registers, sizeof *written);
    int32_t *touched = pc_allocate_array(registers, sizeof *touched);
    bool *known = pc_allocate_array(registers, sizeof *known);
    pc_bundle *bundles = pc_allocate_array((size_t)program->instruction_count, sizeof *bundles);
    status = written != NULL && touched != NULL && known != NULL && bundles != NULL ? PC_OK : PC_ERR_MEMORY;
    if (status == PC_OK) {
        status = check_instructions(program, known);
    }
    if (status == PC_OK) {
        program->bundles = bundles;
        make_bundles(program, &(uses){written, touched});
        program->bundles = copy_of(bundles, program->bundle_count, sizeof *bundles);
        status = program->bundles != NULL ? PC_OK : PC_ERR_MEMORY;
    }
    pc_release(written);
    pc_release(touched);
    pc_release(known);
    pc_release(bundles);
    return status;
}

int32_t pc_program_create(const pc_instruction *instructions, int32_t instruction_count,
                          const pc_program_input *inputs, int32_t input_count, int32_t temporaries,
                          const int32_t *outputs, int32_t output_count, pc_program **program)
{
    PC_REQUIRE(program != NULL, PC_ERR_NULL);
    PC_REQUIRE(instruction_count >= 0 && instruction_count <= PC_MAX_INSTRUCTIONS, PC_ERR_LENGTH);
    PC_REQUIRE(output_count >= 0 && output_count <= PC_MAX_BATCH, PC_ERR_LENGTH);
    PC_REQUIRE(instructions != NULL || instruction_count == 0, PC_ERR_NULL);
    PC_REQUIRE(inputs != NULL || input_count <= 0, PC_ERR_NULL);
    PC_REQUIRE(outputs != NULL || output_count == 0, PC_ERR_NULL);
    PC_REQUIRE(input_count >= 0 && temporaries >= 0 && input_count <= PC_MAX_REGISTERS &&
                   temporaries <= PC_MAX_REGISTERS - input_count,
               PC_ERR_LENGTH);

    pc_program *created = pc_allocate_zeroed(sizeof *created);
    PC_REQUIRE(created != NULL, PC_ERR_MEMORY);
    created->input_count = input_count;
    created->temporaries = temporaries;
    created->output_count = output_count;
    created->instruction_count = instruction_count;
    created->inputs = copy_of(inputs, input_count, sizeof *inputs);
    created->outputs = copy_of(outputs, output_count, sizeof *outputs);
    created->instructions = copy_of(instructions, instruction_count, sizeof *instructions);
    int32_t status = prepare(created);
    if (status == PC_OK) {
        *program = created;
    } else {
        pc_program_free(created);
    }
    return status;
}

int32_t pc_program_free(pc_program *program)
{
    if (program != NULL) {
        pc_release(program->inputs);
        pc_release(program->outputs);
        pc_release(program->instructions);
        pc_release(program->bundles);
        pc_release(program);
    }
    return PC_OK;
}
