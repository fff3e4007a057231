#include "objects.h"

#include <string.h>

#define NEVER (-1)

typedef struct step {
    int32_t target;
    int32_t left;
    int32_t right;
    int32_t waits_for; /* the latest earlier step that touches a register in conflict with this one, or NEVER */
} step;

struct pc_program {
    int32_t inputs;
    int32_t temporaries;
    int32_t output_count;
    int32_t step_count;
    int32_t *outputs; /* registers, or -1 */
    step *steps;
};

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/*
 * Copies the instructions and notes for each the step it has to wait for. `written` and `touched` hold, for each
 * register, the last step that wrote it and the last that read or wrote it.
 */
static int32_t fill_steps(pc_program *program, const pc_instruction *instructions, int32_t *written, int32_t *touched)
{
    int32_t registers = program->inputs + program->temporaries;
    for (int32_t r = 0; r < registers; r++) {
        written[r] = touched[r] = NEVER;
    }
    for (int32_t i = 0; i < program->step_count; i++) {
        const pc_instruction *in = &instructions[i];
        PC_REQUIRE(in->target >= program->inputs && in->target < registers, PC_ERR_PROGRAM);
        PC_REQUIRE(in->left >= 0 && in->left < registers && in->right >= 0 && in->right < registers, PC_ERR_PROGRAM);
        PC_REQUIRE(in->left < program->inputs || written[in->left] != NEVER, PC_ERR_PROGRAM);
        PC_REQUIRE(in->right < program->inputs || written[in->right] != NEVER, PC_ERR_PROGRAM);
        int32_t waits_for = larger(touched[in->target], larger(written[in->left], written[in->right]));
        program->steps[i] = (step){in->target, in->left, in->right, waits_for};
        touched[in->left] = touched[in->right] = touched[in->target] = written[in->target] = i;
    }
    for (int32_t o = 0; o < program->output_count; o++) {
        int32_t r = program->outputs[o];
        PC_REQUIRE(r >= -1 && r < registers, PC_ERR_PROGRAM);
        PC_REQUIRE(r < program->inputs || written[r] != NEVER, PC_ERR_PROGRAM);
    }
    return PC_OK;
}

int32_t pc_program_create(const pc_instruction *instructions, int32_t instruction_count, int32_t inputs,
                          int32_t temporaries, const int32_t *outputs, int32_t output_count, pc_program **program)
{
    PC_REQUIRE(program != NULL, PC_ERR_NULL);
    PC_REQUIRE(instruction_count >= 0 && instruction_count <= PC_MAX_INSTRUCTIONS, PC_ERR_LENGTH);
    PC_REQUIRE(output_count >= 0 && output_count <= PC_MAX_BATCH, PC_ERR_LENGTH);
    PC_REQUIRE(instructions != NULL || instruction_count == 0, PC_ERR_NULL);
    PC_REQUIRE(outputs != NULL || output_count == 0, PC_ERR_NULL);
    PC_REQUIRE(inputs >= 0 && temporaries >= 0 && inputs <= PC_MAX_REGISTERS &&
                   temporaries <= PC_MAX_REGISTERS - inputs,
               PC_ERR_LENGTH);

    size_t registers = (size_t)inputs + (size_t)temporaries;
    pc_program *created = pc_allocate_zeroed(sizeof *created);
    int32_t *last = pc_allocate(2 * registers * sizeof *last);
    int32_t status = created != NULL && last != NULL ? PC_OK : PC_ERR_MEMORY;
    if (status == PC_OK) {
        created->inputs = inputs;
        created->temporaries = temporaries;
        created->output_count = output_count;
        created->step_count = instruction_count;
        created->outputs = pc_allocate((size_t)output_count * sizeof *created->outputs);
        created->steps = pc_allocate((size_t)instruction_count * sizeof *created->steps);
        status = created->outputs != NULL && created->steps != NULL ? PC_OK : PC_ERR_MEMORY;
    }
    if (status == PC_OK) {
        if (output_count > 0) {
            memcpy(created->outputs, outputs, (size_t)output_count * sizeof *outputs);
        }
        status = fill_steps(created, instructions, last, last + registers);
    }
    pc_release(last);
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
        pc_release(program->outputs);
        pc_release(program->steps);
        pc_release(program);
    }
    return PC_OK;
}

/* ---- running ------------------------------------------------------------------------------------------------ */

/*
 * Tiles run in blocks of as many as the kernel has lanes.
 *
 * A full block (run_groups) keeps each register as a group, lane t for tile t: inputs are gathered once, a step is one
 * product of groups, outputs are scattered once.
 *
 * In any other block (run_numbers) a register is one number for each tile. Products are issued in program order and
 * queued until a group is full, or until a step has to wait for one that is still queued: so a single tile fills the
 * lanes with products that do not depend on each other.
 */
typedef struct run {
    const pc_program *program;
    const pc_modulus *modulus;
    int32_t tiles;            /* of this block */
    const mp_limb_t **values; /* numbers: the one in register r of tile t, or null for 1: values[r * lanes + t] */
    uint8_t *present;         /* groups: bit t of present[r] is set unless register r of tile t is 1             */
    mp_limb_t *registers;     /* groups: one for each register; numbers: `lanes` for each                         */
    int64_t products;

    int32_t queued;
    int32_t first_queued_step;
    bool squares_only;
    const mp_limb_t *left[PC_MAX_LANES];
    const mp_limb_t *right[PC_MAX_LANES];
    mp_limb_t *target[PC_MAX_LANES];
} run;

static int64_t pointer_bytes(const pc_program *program, int32_t lanes)
{
    int64_t bytes = ((int64_t)program->inputs + program->temporaries) * lanes * (int64_t)sizeof(mp_limb_t *);
    return (bytes + PC_NUMBER_ALIGNMENT - 1) / PC_NUMBER_ALIGNMENT * PC_NUMBER_ALIGNMENT;
}

static int64_t scratch_bytes_for(const pc_program *program, const pc_modulus *modulus)
{
    int32_t lanes = modulus->kernel->lanes;
    return pointer_bytes(program, lanes) +
           ((int64_t)program->inputs + program->temporaries) * lanes * modulus->number_words *
               (int64_t)sizeof(mp_limb_t);
}

int32_t pc_program_scratch_bytes(const pc_program *program, const pc_public *key, int64_t *bytes)
{
    PC_REQUIRE(program != NULL && key != NULL && bytes != NULL, PC_ERR_NULL);
    *bytes = scratch_bytes_for(program, key->modulus);
    return PC_OK;
}

static void flush(run *r)
{
    const pc_modulus *modulus = r->modulus;
    const pc_kernel *kernel = modulus->kernel;
    pc_group left, right;
    if (r->queued == 0) {
        return;
    }
    for (int32_t i = r->queued; i < kernel->lanes; i++) {
        r->left[i] = r->right[i] = modulus->one;
        r->target[i] = NULL;
    }
    kernel->gather(modulus, left.words, r->left);
    if (r->squares_only) {
        kernel->square(modulus, left.words, left.words);
    } else {
        kernel->gather(modulus, right.words, r->right);
        kernel->multiply(modulus, left.words, left.words, right.words);
    }
    kernel->scatter(modulus, r->target, left.words);
    r->products += r->queued;
    r->queued = 0;
}

static void issue(run *r, int32_t index, mp_limb_t *target, const mp_limb_t *left, const mp_limb_t *right)
{
    if (r->queued == 0) {
        r->first_queued_step = index;
        r->squares_only = true;
    }
    r->left[r->queued] = left;
    r->right[r->queued] = right;
    r->target[r->queued] = target;
    r->squares_only &= left == right;
    if (++r->queued == r->modulus->kernel->lanes) {
        flush(r);
    }
}

static void run_step(run *r, int32_t index)
{
    const step *s = &r->program->steps[index];
    int32_t lanes = r->modulus->kernel->lanes;
    int32_t words = r->modulus->number_words;
    if (r->queued > 0 && s->waits_for >= r->first_queued_step) {
        flush(r);
    }
    for (int32_t t = 0; t < r->tiles; t++) {
        const mp_limb_t *left = r->values[(int64_t)s->left * lanes + t];
        const mp_limb_t *right = r->values[(int64_t)s->right * lanes + t];
        mp_limb_t *target = r->registers + ((int64_t)s->target * lanes + t) * words;
        const mp_limb_t *present = left != NULL ? left : right;
        if (left != NULL && right != NULL) {
            issue(r, index, target, left, right);
        } else if (present != NULL && present != target) {
            memcpy(target, present, (size_t)words * sizeof *target);
        }
        r->values[(int64_t)s->target * lanes + t] = present != NULL ? target : NULL;
    }
}

static mp_limb_t *group_of(const run *r, int32_t index)
{
    return r->registers + (int64_t)index * (int64_t)pc_group_words(r->modulus);
}

/* Lanes where an operand is 1 multiply as well, and are not counted. */
static void run_group_step(run *r, const step *s)
{
    const pc_kernel *kernel = r->modulus->kernel;
    mp_limb_t *target = group_of(r, s->target);
    const mp_limb_t *left = group_of(r, s->left), *right = group_of(r, s->right);
    uint8_t both = r->present[s->left] & r->present[s->right];
    r->products += __builtin_popcount(both);
    if (both == 0 && (r->present[s->left] == 0 || r->present[s->right] == 0)) {
        const mp_limb_t *only = r->present[s->left] != 0 ? left : right;
        if (only != target) {
            memcpy(target, only, pc_group_words(r->modulus) * sizeof *target);
        }
    } else if (s->left == s->right) {
        kernel->square(r->modulus, target, left);
    } else {
        kernel->multiply(r->modulus, target, left, right);
    }
    r->present[s->target] = (uint8_t)(r->present[s->left] | r->present[s->right]);
}

static void run_groups(run *r, const pc_batch *source, const int32_t *input_index, pc_batch *target,
                       const int32_t *output_index)
{
    const pc_program *program = r->program;
    const pc_kernel *kernel = r->modulus->kernel;
    const mp_limb_t *sources[PC_MAX_LANES];
    mp_limb_t *targets[PC_MAX_LANES];
    for (int32_t i = 0; i < program->inputs; i++) {
        r->present[i] = 0;
        for (int32_t t = 0; t < r->tiles; t++) {
            int32_t index = input_index[(int64_t)t * program->inputs + i];
            sources[t] = index < 0 ? r->modulus->one : pc_batch_at(source, index);
            r->present[i] |= (uint8_t)(index < 0 ? 0 : 1 << t);
        }
        kernel->gather(r->modulus, group_of(r, i), sources);
    }
    for (int32_t i = 0; i < program->step_count; i++) {
        run_group_step(r, &program->steps[i]);
    }
    for (int32_t o = 0; o < program->output_count; o++) {
        int32_t output = program->outputs[o];
        for (int32_t t = 0; t < r->tiles; t++) {
            int32_t index = output_index[(int64_t)t * program->output_count + o];
            targets[t] = index < 0 ? NULL : pc_batch_at(target, index);
            if (output < 0 && targets[t] != NULL) {
                memcpy(targets[t], r->modulus->one, (size_t)r->modulus->number_words * sizeof(mp_limb_t));
            }
        }
        if (output >= 0) {
            kernel->scatter(r->modulus, targets, group_of(r, output));
        }
    }
}

static void run_numbers(run *r, const pc_batch *source, const int32_t *input_index, pc_batch *target,
                        const int32_t *output_index)
{
    const pc_program *program = r->program;
    int32_t lanes = r->modulus->kernel->lanes;
    size_t number_bytes = (size_t)r->modulus->number_words * sizeof(mp_limb_t);
    for (int32_t t = 0; t < r->tiles; t++) {
        for (int32_t i = 0; i < program->inputs; i++) {
            int32_t index = input_index[(int64_t)t * program->inputs + i];
            r->values[(int64_t)i * lanes + t] = index < 0 ? NULL : pc_batch_at(source, index);
        }
    }
    for (int32_t i = 0; i < program->step_count; i++) {
        run_step(r, i);
    }
    flush(r);
    for (int32_t t = 0; t < r->tiles; t++) {
        for (int32_t o = 0; o < program->output_count; o++) {
            int32_t index = output_index[(int64_t)t * program->output_count + o];
            int32_t output = program->outputs[o];
            const mp_limb_t *value = output < 0 ? NULL : r->values[(int64_t)output * lanes + t];
            if (index >= 0) {
                memcpy(pc_batch_at(target, index), value != NULL ? value : r->modulus->one, number_bytes);
            }
        }
    }
}

/* Indices -1 .. available-1, those that are not -1 all different where a bitmap is given. */
static int32_t check_indices(const int32_t *index, int64_t count, int32_t available, uint8_t *seen)
{
    for (int64_t i = 0; i < count; i++) {
        PC_REQUIRE(index[i] >= -1 && index[i] < available, PC_ERR_RANGE);
        if (seen != NULL && index[i] >= 0) {
            uint8_t bit = (uint8_t)(1 << (index[i] % 8));
            PC_REQUIRE((seen[index[i] / 8] & bit) == 0, PC_ERR_RANGE);
            seen[index[i] / 8] = (uint8_t)(seen[index[i] / 8] | bit);
        }
    }
    return PC_OK;
}

int32_t pc_program_run(const pc_program *program, const pc_batch *source, const int32_t *input_index,
                       pc_batch *target, const int32_t *output_index, int32_t tiles, uint8_t *scratch,
                       int64_t scratch_bytes, int64_t *products)
{
    PC_REQUIRE(program != NULL && source != NULL && target != NULL && scratch != NULL, PC_ERR_NULL);
    PC_REQUIRE(source->key == target->key, PC_ERR_MISMATCH);
    PC_REQUIRE(source != target, PC_ERR_RANGE);
    PC_REQUIRE(tiles >= 0 && tiles <= PC_MAX_BATCH, PC_ERR_LENGTH);
    int64_t input_total = (int64_t)tiles * program->inputs;
    int64_t output_total = (int64_t)tiles * program->output_count;
    PC_REQUIRE(input_index != NULL || input_total == 0, PC_ERR_NULL);
    PC_REQUIRE(output_index != NULL || output_total == 0, PC_ERR_NULL);
    const pc_modulus *modulus = target->key->modulus;
    PC_REQUIRE((uintptr_t)scratch % PC_NUMBER_ALIGNMENT == 0, PC_ERR_RANGE);
    PC_REQUIRE(scratch_bytes >= scratch_bytes_for(program, modulus), PC_ERR_LENGTH);
    int32_t status = check_indices(input_index, input_total, source->count, NULL);
    PC_REQUIRE(status == PC_OK, status);
    uint8_t *seen = pc_allocate_zeroed((size_t)target->count / 8 + 1);
    PC_REQUIRE(seen != NULL, PC_ERR_MEMORY);
    status = check_indices(output_index, output_total, target->count, seen);
    pc_release(seen);
    PC_REQUIRE(status == PC_OK, status);

    int32_t lanes = modulus->kernel->lanes;
    run r = {.program = program, .modulus = modulus};
    r.values = (const mp_limb_t **)(void *)scratch;
    r.present = scratch;
    r.registers = (mp_limb_t *)(void *)(scratch + pointer_bytes(program, lanes));
    for (int32_t done = 0; done < tiles; done += lanes) {
        r.tiles = pc_min(lanes, tiles - done);
        (r.tiles == lanes && lanes > 1 ? run_groups : run_numbers)(
            &r, source, input_index + (int64_t)done * program->inputs, target,
            output_index + (int64_t)done * program->output_count);
    }
    if (products != NULL) {
        *products = r.products;
    }
    return PC_OK;
}
