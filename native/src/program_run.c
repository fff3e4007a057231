#include "program.h"

#include <string.h>

#if defined(__x86_64__)
#  include <immintrin.h>
#endif

/*
 * Tiles run in blocks of as many as the kernel has lanes.
 *
 * A full block (run_block) keeps each temporary as a group, lane t for tile t: an instruction is one product of groups,
 * inputs are gathered where they are used, outputs are scattered once.
 *
 * Tiles that fill no block run one by one, each temporary one number: the lanes hold the chains of a bundle. Bundles
 * are the steps that several threads may share: each takes the next one as soon as all that it waits for is finished.
 */

#define OUTPUTS_PER_STEP 16

/* Steps of a tile that runs alone: its bundles in order, then its outputs. A step that is taken gets done. */
typedef struct progress {
    atomic_int next;     /* the first that nobody took */
    atomic_int finished; /* all before this one are    */
    atomic_uchar done[]; /* of each step               */
} progress;

/* Bit t: lane t. */
typedef uint8_t lane_set;
_Static_assert(PC_MAX_LANES <= 8 * sizeof(lane_set), "a set has a bit for each lane");

typedef struct run {
    const pc_program *program;
    const pc_modulus *modulus;
    const pc_view *sources;
    const pc_view *target;
    int32_t tile;       /* the only one, or that of lane 0                                               */
    progress *progress;
    lane_set *present;  /* of each temporary: the lanes or tiles that are not 1 for want of any present input */
    mp_limb_t *registers;
    int64_t products;
} run;

static int32_t step_count(const pc_program *program)
{
    return program->bundle_count + (program->output_count + OUTPUTS_PER_STEP - 1) / OUTPUTS_PER_STEP;
}

static int64_t aligned(int64_t bytes)
{
    return (bytes + PC_NUMBER_ALIGNMENT - 1) / PC_NUMBER_ALIGNMENT * PC_NUMBER_ALIGNMENT;
}

static int64_t progress_bytes(const pc_program *program)
{
    return aligned((int64_t)sizeof(progress) + step_count(program));
}

static int64_t present_bytes(const pc_program *program)
{
    return aligned((int64_t)program->temporaries * (int64_t)sizeof(lane_set));
}

/* A full block's registers are `lanes` numbers wide, those of a tile alone one. */
static int64_t scratch_bytes_for(const pc_program *program, const pc_modulus *modulus, int32_t tiles)
{
    int32_t lanes = modulus->kernel->lanes, width = tiles >= lanes ? lanes : 1;
    return progress_bytes(program) + present_bytes(program) +
           (int64_t)program->temporaries * width * modulus->number_words * (int64_t)sizeof(mp_limb_t);
}

int32_t pc_program_scratch_bytes(const pc_program *program, const pc_public *key, int32_t tiles, int64_t *bytes)
{
    PC_REQUIRE(program != NULL && key != NULL && bytes != NULL, PC_ERR_NULL);
    PC_REQUIRE(tiles >= 0 && tiles <= PC_MAX_BATCH, PC_ERR_LENGTH);
    *bytes = scratch_bytes_for(program, key->modulus, tiles);
    return PC_OK;
}

/* ---- operands ------------------------------------------------------------------------------------------------ */

/* Null where it is absent. */
static const mp_limb_t *input_of(const run *r, int32_t index, int32_t tile)
{
    const pc_program_input *in = &r->program->inputs[index];
    const pc_view *view = &r->sources[in->source];
    int32_t position = view->positions[(int64_t)tile * view->taps + in->tap];
    return position < 0 ? NULL : pc_batch_at(view->batch, (int64_t)in->entry * view->stride + position);
}

/* Null where it is dropped. */
static mp_limb_t *output_of(const run *r, int32_t output, int32_t tile)
{
    int32_t position = r->target->positions[(int64_t)tile * r->target->taps];
    return position < 0 ? NULL : pc_batch_at(r->target->batch, (int64_t)output * r->target->stride + position);
}

/* ---- full blocks --------------------------------------------------------------------------------------------- */

/* The group of a register, gathered into `room` if it is an input; `present` receives its lanes. */
static const mp_limb_t *group_of(const run *r, int32_t index, pc_group *room, lane_set *present)
{
    int32_t temporary = index - r->program->input_count;
    if (temporary >= 0) {
        *present = r->present[temporary];
        return r->registers + (int64_t)temporary * (int64_t)pc_group_words(r->modulus);
    }
    const mp_limb_t *numbers[PC_MAX_LANES];
    *present = 0;
    for (int32_t t = 0; t < r->modulus->kernel->lanes; t++) {
        const mp_limb_t *number = input_of(r, index, r->tile + t);
        numbers[t] = number != NULL ? number : r->modulus->one;
        *present = (lane_set)(*present | (number != NULL) << t);
    }
    if (*present != 0) {
        r->modulus->kernel->gather(r->modulus, room->words, numbers);
    }
    return room->words;
}

/* Lanes where an operand is absent multiply as well, and are not counted. */
static void run_instruction(run *r, const pc_instruction *in)
{
    const pc_kernel *kernel = r->modulus->kernel;
    pc_group left_room, right_room;
    lane_set has_left, has_right;
    int32_t temporary = in->target - r->program->input_count;
    mp_limb_t *target = r->registers + (int64_t)temporary * (int64_t)pc_group_words(r->modulus);
    const mp_limb_t *left = group_of(r, in->left, &left_room, &has_left);
    if (pc_is_square(in)) {
        if (has_left != 0) {
            kernel->square(r->modulus, target, left);
        }
        r->present[temporary] = has_left;
        r->products += __builtin_popcount(has_left);
        return;
    }
    const mp_limb_t *right = group_of(r, in->right, &right_room, &has_right);
    if (has_left != 0 && has_right != 0) {
        kernel->multiply(r->modulus, target, left, right);
    } else if ((has_left | has_right) != 0) {
        const mp_limb_t *only = has_left != 0 ? left : right;
        if (only != target) {
            memcpy(target, only, pc_group_words(r->modulus) * sizeof *target);
        }
    }
    r->present[temporary] = has_left | has_right;
    r->products += __builtin_popcount(has_left & has_right);
}

static void run_block(run *r)
{
    const pc_program *program = r->program;
    int32_t lanes = r->modulus->kernel->lanes;
    for (int32_t i = 0; i < program->instruction_count; i++) {
        run_instruction(r, &program->instructions[i]);
    }
    for (int32_t o = 0; o < program->output_count; o++) {
        pc_group room;
        lane_set present = 0;
        const mp_limb_t *group =
            program->outputs[o] < 0 ? NULL : group_of(r, program->outputs[o], &room, &present);
        mp_limb_t *targets[PC_MAX_LANES];
        for (int32_t t = 0; t < lanes; t++) {
            targets[t] = output_of(r, o, r->tile + t);
            if (present == 0 && targets[t] != NULL) {
                memcpy(targets[t], r->modulus->one, (size_t)r->modulus->number_words * sizeof(mp_limb_t));
            }
        }
        if (present != 0) {
            r->modulus->kernel->scatter(r->modulus, targets, group);
        }
    }
}

/* ---- one tile ------------------------------------------------------------------------------------------------- */

/* Null where it is absent. */
static const mp_limb_t *number_of(const run *r, int32_t index)
{
    int32_t temporary = index - r->program->input_count;
    if (temporary < 0) {
        return input_of(r, index, r->tile);
    }
    return r->present[temporary] == 0 ? NULL : r->registers + (int64_t)temporary * r->modulus->number_words;
}

/* Gathers the left or right operands of one instruction of each chain; returns the lanes that have one. */
static lane_set gather_operands(const run *r, pc_group *group, const pc_instruction *in, int32_t length,
                                int32_t used, bool left)
{
    const mp_limb_t *numbers[PC_MAX_LANES];
    lane_set present = 0;
    for (int32_t lane = 0; lane < r->modulus->kernel->lanes; lane++) {
        const mp_limb_t *number = NULL;
        if (lane < used) {
            const pc_instruction *at = in + (int64_t)lane * length;
            number = number_of(r, left ? at->left : at->right);
        }
        numbers[lane] = number != NULL ? number : r->modulus->one;
        present = (lane_set)(present | (number != NULL) << lane);
    }
    if (present != 0) {
        r->modulus->kernel->gather(r->modulus, group->words, numbers);
    }
    return present;
}

/* Chains side by side, as many as there are lanes. The value of each stays in its lane from end to end. */
static void run_chains(run *r, const pc_instruction *first, int32_t length, int32_t used)
{
    const pc_kernel *kernel = r->modulus->kernel;
    pc_group value, factor;
    lane_set present = gather_operands(r, &value, first, length, used, true);
    for (int32_t i = 0; i < length; i++) {
        if (pc_is_square(&first[i])) {
            if (present != 0) {
                kernel->square(r->modulus, value.words, value.words);
            }
            r->products += __builtin_popcount(present);
            continue;
        }
        lane_set has_factor = gather_operands(r, present != 0 ? &factor : &value, first + i, length, used, false);
        if (present != 0 && has_factor != 0) {
            kernel->multiply(r->modulus, value.words, value.words, factor.words);
        }
        r->products += __builtin_popcount(present & has_factor);
        present |= has_factor;
    }
    mp_limb_t *targets[PC_MAX_LANES] = {NULL};
    for (int32_t lane = 0; lane < used; lane++) {
        int32_t temporary = first[(int64_t)lane * length].target - r->program->input_count;
        r->present[temporary] = (lane_set)(present >> lane & 1);
        if (r->present[temporary] != 0) {
            targets[lane] = r->registers + (int64_t)temporary * r->modulus->number_words;
        }
    }
    if (present != 0) {
        kernel->scatter(r->modulus, targets, value.words);
    }
}

static void run_bundle(run *r, const pc_bundle *bundle)
{
    int32_t lanes = r->modulus->kernel->lanes;
    for (int32_t done = 0; done < bundle->chains; done += lanes) {
        run_chains(r, &r->program->instructions[bundle->first + done * bundle->length], bundle->length,
                   pc_min(lanes, bundle->chains - done));
    }
}

static void copy_outputs(const run *r, int32_t first)
{
    const pc_program *program = r->program;
    int32_t end = pc_min(first + OUTPUTS_PER_STEP, program->output_count);
    for (int32_t o = first; o < end; o++) {
        const mp_limb_t *value = program->outputs[o] < 0 ? NULL : number_of(r, program->outputs[o]);
        mp_limb_t *target = output_of(r, o, r->tile);
        if (target != NULL) {
            memcpy(target, value != NULL ? value : r->modulus->one,
                   (size_t)r->modulus->number_words * sizeof *target);
        }
    }
}

static void begin(const pc_program *program, progress *p)
{
    atomic_init(&p->next, 0);
    atomic_init(&p->finished, 0);
    for (int32_t i = 0; i < step_count(program); i++) {
        atomic_init(&p->done[i], 0);
    }
}

static void wait_a_moment(void)
{
#if defined(__x86_64__)
    _mm_pause();
#endif
}

/* Takes the next step that is ready; -1 if none is left, -2 if all that is left waits for others. */
enum { NONE_LEFT = -1, NONE_READY = -2, PATIENCE = 100 };

static int32_t take_step(const pc_program *program, progress *p)
{
    for (int32_t waits = 0; waits < PATIENCE;) {
        int next = atomic_load(&p->next);
        if (next == step_count(program)) {
            return NONE_LEFT;
        }
        int32_t waits_for =
            next < program->bundle_count ? program->bundles[next].waits_for : program->bundle_count - 1;
        if (atomic_load(&p->finished) <= waits_for) {
            waits++;
            wait_a_moment();
        } else if (atomic_compare_exchange_weak(&p->next, &next, next + 1)) {
            return next;
        }
    }
    return NONE_READY;
}

/* Of two threads that finish neighbours at once, one at least sees both done and moves on past both. */
static void finish_step(const pc_program *program, progress *p, int32_t step)
{
    atomic_store(&p->done[step], 1);
    int finished = atomic_load(&p->finished);
    while (finished < step_count(program) && atomic_load(&p->done[finished]) != 0) {
        if (atomic_compare_exchange_weak(&p->finished, &finished, finished + 1)) {
            finished++;
        }
    }
}

/* Does what is ready; true if nothing is left to take. */
static bool join(run *r)
{
    const pc_program *program = r->program;
    for (;;) {
        int32_t step = take_step(program, r->progress);
        if (step < 0) {
            return step == NONE_LEFT;
        }
        if (step < program->bundle_count) {
            run_bundle(r, &program->bundles[step]);
        } else {
            copy_outputs(r, (step - program->bundle_count) * OUTPUTS_PER_STEP);
        }
        finish_step(program, r->progress, step);
    }
}

/* ---- entry points --------------------------------------------------------------------------------------------- */

/* Wherever a tile sees an entry that is named, the batch has a number there. */
static int32_t check_view(const pc_view *view, int32_t entries, int32_t taps, int32_t first_tile, int32_t tiles)
{
    PC_REQUIRE(view->batch != NULL, PC_ERR_NULL);
    PC_REQUIRE(view->stride >= 0, PC_ERR_RANGE);
    int64_t room = view->batch->count - (entries > 0 ? (int64_t)(entries - 1) * view->stride : 0);
    PC_REQUIRE(view->taps >= taps, PC_ERR_RANGE);
    int64_t first = (int64_t)first_tile * view->taps, end = first + (int64_t)tiles * view->taps;
    PC_REQUIRE(view->positions != NULL || first == end, PC_ERR_NULL);
    for (int64_t i = first; i < end; i++) {
        PC_REQUIRE(view->positions[i] >= -1 && view->positions[i] < room, PC_ERR_RANGE);
    }
    return PC_OK;
}

static int32_t check_run(const pc_program *program, const pc_view *sources, int32_t source_count,
                         const pc_view *target, int32_t first_tile, int32_t tiles, const uint8_t *scratch,
                         int64_t scratch_bytes)
{
    PC_REQUIRE(program != NULL && target != NULL && scratch != NULL, PC_ERR_NULL);
    PC_REQUIRE(sources != NULL || source_count == 0, PC_ERR_NULL);
    PC_REQUIRE(source_count >= program->source_count && source_count <= PC_MAX_SOURCES, PC_ERR_LENGTH);
    PC_REQUIRE(tiles >= 0 && first_tile >= 0 && tiles <= PC_MAX_BATCH && first_tile <= PC_MAX_BATCH, PC_ERR_LENGTH);
    int32_t status = check_view(target, program->output_count, 1, first_tile, tiles);
    PC_REQUIRE(status == PC_OK, status);
    for (int32_t i = 0; i < source_count; i++) {
        status = check_view(&sources[i], program->entries[i], program->taps[i], first_tile, tiles);
        PC_REQUIRE(status == PC_OK, status);
        PC_REQUIRE(sources[i].batch->key == target->batch->key, PC_ERR_MISMATCH);
        PC_REQUIRE(sources[i].batch != target->batch, PC_ERR_RANGE);
    }
    PC_REQUIRE((uintptr_t)scratch % PC_NUMBER_ALIGNMENT == 0, PC_ERR_RANGE);
    PC_REQUIRE(scratch_bytes >= scratch_bytes_for(program, target->batch->key->modulus, tiles), PC_ERR_LENGTH);
    return PC_OK;
}

static run run_of(const pc_program *program, const pc_view *sources, const pc_view *target, int32_t tile,
                  uint8_t *scratch)
{
    uint8_t *present = scratch + progress_bytes(program);
    return (run){
        .program = program,
        .modulus = target->batch->key->modulus,
        .sources = sources,
        .target = target,
        .tile = tile,
        .progress = (progress *)(void *)scratch,
        .present = (lane_set *)(void *)present,
        .registers = (mp_limb_t *)(void *)(present + present_bytes(program)),
    };
}

int32_t pc_program_run(const pc_program *program, const pc_view *sources, int32_t source_count,
                       const pc_view *target, int32_t first_tile, int32_t tiles, uint8_t *scratch,
                       int64_t scratch_bytes, int64_t *products)
{
    int32_t status =
        check_run(program, sources, source_count, target, first_tile, tiles, scratch, scratch_bytes);
    PC_REQUIRE(status == PC_OK, status);
    run r = run_of(program, sources, target, first_tile, scratch);
    int32_t lanes = r.modulus->kernel->lanes, end = first_tile + tiles;
    for (; lanes > 1 && end - r.tile >= lanes; r.tile += lanes) {
        run_block(&r);
    }
    for (; r.tile < end; r.tile++) {
        begin(program, r.progress);
        (void)join(&r); /* alone, nothing waits for others */
    }
    if (products != NULL) {
        *products = r.products;
    }
    return PC_OK;
}

int32_t pc_program_begin(const pc_program *program, const pc_public *key, uint8_t *scratch, int64_t scratch_bytes)
{
    PC_REQUIRE(program != NULL && key != NULL && scratch != NULL, PC_ERR_NULL);
    PC_REQUIRE((uintptr_t)scratch % PC_NUMBER_ALIGNMENT == 0, PC_ERR_RANGE);
    PC_REQUIRE(scratch_bytes >= scratch_bytes_for(program, key->modulus, 1), PC_ERR_LENGTH);
    begin(program, (progress *)(void *)scratch);
    return PC_OK;
}

int32_t pc_program_join(const pc_program *program, const pc_view *sources, int32_t source_count,
                        const pc_view *target, int32_t tile, uint8_t *scratch, int64_t scratch_bytes, int32_t *done,
                        int64_t *products)
{
    PC_REQUIRE(done != NULL && products != NULL, PC_ERR_NULL);
    int32_t status = check_run(program, sources, source_count, target, tile, 1, scratch, scratch_bytes);
    PC_REQUIRE(status == PC_OK, status);
    run r = run_of(program, sources, target, tile, scratch);
    *done = join(&r);
    *products = r.products;
    return PC_OK;
}
