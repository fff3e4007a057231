/* Product programs against an interpreter over plain integers. */
#include "support.h"

#define MOST_REGISTERS 40
#define MOST_STEPS 90
#define MOST_OUTPUTS 9
#define MOST_TILES 19
#define SOURCES 2
#define ENTRIES 3 /* of a source, and its positions and taps */
#define STRIDE 5
#define TAPS 4
#define NUMBERS (ENTRIES * STRIDE)

typedef struct recipe {
    int32_t input_count, temporaries, steps, output_count;
    pc_program_input inputs[MOST_REGISTERS];
    pc_instruction instructions[MOST_STEPS];
    int32_t outputs[MOST_OUTPUTS];
    bool written[MOST_REGISTERS];
    int32_t readable[MOST_REGISTERS], readable_count;
} recipe;

static int32_t draw_readable(const recipe *r)
{
    return r->readable[random_below(r->readable_count)];
}

static void add_instruction(recipe *r, int32_t target, int32_t left, int32_t right)
{
    if (r->steps < MOST_STEPS) {
        r->instructions[r->steps++] = (pc_instruction){target, left, right};
        if (!r->written[target]) {
            r->written[target] = true;
            r->readable[r->readable_count++] = target;
        }
    }
}

/* Neighbouring chains of one length, mostly free of conflicts: what fills the lanes of a tile that runs alone. */
static void add_chains(recipe *r)
{
    int32_t length = 1 + random_below(5), squares = random_below(1 << length), readable = r->readable_count;
    int32_t first = random_below(r->temporaries), chains = 1 + random_below(10);
    for (int32_t chain = 0; chain < chains; chain++) {
        int32_t target = r->input_count + (first + chain) % r->temporaries;
        for (int32_t i = 0; i < length; i++) {
            int32_t left = i > 0 ? target : r->readable[random_below(readable)];
            int32_t right = r->readable[random_below(random_below(8) == 0 ? r->readable_count : readable)];
            bool square = (squares >> i & 1) != 0;
            add_instruction(r, target, left, square ? left : right);
        }
    }
}

/* A random program that reads only what was written; few registers, so that they are reused in every way. */
static void draw_recipe(recipe *r)
{
    memset(r, 0, sizeof *r);
    r->input_count = 1 + random_below(6);
    r->temporaries = 1 + random_below(random_below(2) == 0 ? 8 : 30);
    r->output_count = 1 + random_below(MOST_OUTPUTS);
    for (int32_t i = 0; i < r->input_count; i++) {
        r->inputs[i] = (pc_program_input){random_below(SOURCES), random_below(ENTRIES), random_below(TAPS)};
        r->readable[r->readable_count++] = i;
    }
    int32_t steps = random_below(MOST_STEPS + 1);
    while (r->steps < steps) {
        if (random_below(4) == 0) {
            add_chains(r);
        } else {
            int32_t left = draw_readable(r);
            add_instruction(r, r->input_count + random_below(r->temporaries), left,
                            random_below(4) == 0 ? left : draw_readable(r));
        }
    }
    for (int32_t o = 0; o < r->output_count; o++) {
        r->outputs[o] = random_below(8) == 0 ? -1 : draw_readable(r);
    }
}

/* What a run reads: for each source its numbers, and the positions that the tiles see. */
typedef struct reading {
    mpz_t *values[SOURCES];
    pc_view views[SOURCES];
    int32_t positions[SOURCES][MOST_TILES * TAPS];
} reading;

static void draw_positions(reading *from)
{
    for (int32_t s = 0; s < SOURCES; s++) {
        from->views[s].positions = from->positions[s];
        for (int32_t i = 0; i < MOST_TILES * TAPS; i++) {
            from->positions[s][i] = random_below(5) == 0 ? -1 : random_below(STRIDE);
        }
    }
}

/* One tile by the book; absent values are marked by 0. Returns the products done. */
static int64_t interpret(const recipe *r, const reading *from, int32_t tile, mpz_t *registers, const key *k)
{
    int64_t products = 0;
    for (int32_t i = 0; i < r->input_count; i++) {
        const pc_program_input *in = &r->inputs[i];
        int32_t position = from->positions[in->source][tile * TAPS + in->tap];
        if (position < 0) {
            mpz_set_ui(registers[i], 0);
        } else {
            mpz_set(registers[i], from->values[in->source][in->entry * STRIDE + position]);
        }
    }
    for (int32_t i = 0; i < r->steps; i++) {
        const pc_instruction *in = &r->instructions[i];
        if (mpz_sgn(registers[in->left]) == 0) {
            mpz_set(registers[in->target], registers[in->right]);
        } else if (mpz_sgn(registers[in->right]) == 0) {
            mpz_set(registers[in->target], registers[in->left]);
        } else {
            mpz_mul(registers[in->target], registers[in->left], registers[in->right]);
            mpz_mod(registers[in->target], registers[in->target], k->n_squared);
            products++;
        }
    }
    return products;
}

static void shuffle(int32_t *values, int32_t count)
{
    for (int32_t i = count - 1; i > 0; i--) {
        int32_t j = random_below(i + 1), kept = values[i];
        values[i] = values[j];
        values[j] = kept;
    }
}

static void *aligned(void *memory)
{
    return (void *)(((uintptr_t)memory + 63) / 64 * 64);
}

/* Runs tiles first .. first + tiles - 1, or each of them by begin and join. */
static int64_t run_tiles(const key *k, const pc_program *program, const reading *from, const pc_view *target,
                         int32_t first, int32_t tiles, bool joined)
{
    int64_t bytes = 0, products = -1, all = 0;
    OK(pc_program_scratch_bytes(program, k->public, joined ? 1 : tiles, &bytes));
    uint8_t *memory = malloc((size_t)bytes + 128);
    uint8_t *scratch = aligned(memory);
    memset(scratch, 0xaa, (size_t)bytes + 1);
    if (joined) {
        for (int32_t t = first; t < first + tiles; t++) {
            int32_t done = 0;
            OK(pc_program_begin(program, k->public, scratch, bytes));
            OK(pc_program_join(program, from->views, SOURCES, target, t, scratch, bytes, &done, &products));
            CHECK(done == 1);
            all += products;
            OK(pc_program_join(program, from->views, SOURCES, target, t, scratch, bytes, &done, &products));
            CHECK(done == 1 && products == 0);
        }
    } else {
        OK(pc_program_run(program, from->views, SOURCES, target, first, tiles, scratch, bytes, &all));
    }
    CHECK(scratch[bytes] == 0xaa);
    free(memory);
    return all;
}

static void test_random_program(const key *k, reading *from)
{
    enum { ROOM = MOST_TILES * MOST_OUTPUTS };
    static recipe r;
    draw_recipe(&r);
    draw_positions(from);
    pc_program *program = NULL;
    OK(pc_program_create(r.instructions, r.steps, r.inputs, r.input_count, r.temporaries, r.outputs, r.output_count,
                         &program));
    int32_t tiles = random_below(MOST_TILES + 1), first = random_below(MOST_TILES - tiles + 1);
    int32_t places[MOST_TILES];
    for (int32_t i = 0; i < MOST_TILES; i++) {
        places[i] = i;
    }
    shuffle(places, MOST_TILES);
    for (int32_t i = 0; i < MOST_TILES; i++) {
        places[i] = random_below(7) == 0 ? -1 : places[i];
    }

    pc_batch *target = NULL;
    OK(pc_batch_create(k->public, ROOM, &target));
    const pc_view view = {target, places, MOST_TILES, 1};
    mpz_t *expected = integers_create(ROOM), *registers = integers_create(MOST_REGISTERS);
    for (int32_t i = 0; i < ROOM; i++) {
        mpz_set_ui(expected[i], 1);
    }
    int64_t wanted_products = 0;
    for (int32_t t = first; t < first + tiles; t++) {
        wanted_products += interpret(&r, from, t, registers, k);
        for (int32_t o = 0; o < r.output_count; o++) {
            if (places[t] >= 0 && r.outputs[o] >= 0 && mpz_sgn(registers[r.outputs[o]]) != 0) {
                mpz_set(expected[o * MOST_TILES + places[t]], registers[r.outputs[o]]);
            }
        }
    }

    CHECK(run_tiles(k, program, from, &view, first, tiles, random_below(3) == 0) == wanted_products);
    bool same = true;
    for (int32_t i = 0; i < ROOM; i++) {
        same = same && number_is(k, target, i, expected[i]);
    }
    CHECK(same);
    integers_free(expected, ROOM);
    integers_free(registers, MOST_REGISTERS);
    OK(pc_batch_free(target));
    OK(pc_program_free(program));
}

static void test_invalid_programs(void)
{
    pc_program *program = NULL;
    const pc_instruction good[] = {{2, 0, 1}, {3, 2, 2}};
    const pc_program_input inputs[] = {{0, 0, 0}, {1, 2, 3}};
    const int32_t outputs[] = {3, -1, 0};
    STATUS(PC_ERR_NULL, pc_program_create(NULL, 2, inputs, 2, 2, outputs, 3, &program));
    STATUS(PC_ERR_NULL, pc_program_create(good, 2, NULL, 2, 2, outputs, 3, &program));
    STATUS(PC_ERR_NULL, pc_program_create(good, 2, inputs, 2, 2, NULL, 3, &program));
    STATUS(PC_ERR_NULL, pc_program_create(good, 2, inputs, 2, 2, outputs, 3, NULL));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, -1, inputs, 2, 2, outputs, 3, &program));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, PC_MAX_INSTRUCTIONS + 1, inputs, 2, 2, outputs, 3, &program));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, 2, inputs, -1, 2, outputs, 3, &program));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, 2, inputs, 2, -1, outputs, 3, &program));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, 2, inputs, 2, PC_MAX_REGISTERS - 1, outputs, 3, &program));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, 2, inputs, 2, INT32_MAX, outputs, 3, &program));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, 2, inputs, 2, 2, outputs, -1, &program));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, 2, inputs, 2, 2, outputs, PC_MAX_BATCH + 1, &program));
    const pc_instruction bad[] = {
        {0, 0, 1},  /* writes an input            */
        {4, 0, 1},  /* writes past the registers  */
        {-1, 0, 1}, /* writes before them         */
        {2, 4, 1},  /* reads past the registers   */
        {2, 0, 4},
        {2, -1, 0},
        {2, 0, -1},
        {2, 2, 0}, /* reads what it writes first */
        {2, 0, 3}, /* reads what was never written */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const int32_t output = 0;
        STATUS(PC_ERR_PROGRAM, pc_program_create(&bad[i], 1, inputs, 2, 2, &output, 1, &program));
    }
    const pc_program_input bad_inputs[] = {{-1, 0, 0}, {PC_MAX_SOURCES, 0, 0}, {0, -1, 0}, {0, PC_MAX_BATCH, 0},
                                           {0, 0, -1}, {0, 0, PC_MAX_BATCH}};
    for (size_t i = 0; i < sizeof bad_inputs / sizeof bad_inputs[0]; i++) {
        STATUS(PC_ERR_PROGRAM, pc_program_create(NULL, 0, &bad_inputs[i], 1, 0, NULL, 0, &program));
    }
    const pc_instruction late[] = {{2, 0, 3}, {3, 0, 1}};
    STATUS(PC_ERR_PROGRAM, pc_program_create(late, 2, inputs, 2, 2, outputs, 3, &program)); /* written afterwards */
    const int32_t bad_outputs[] = {4, -2, 3};
    for (int i = 0; i < 3; i++) {
        STATUS(PC_ERR_PROGRAM, pc_program_create(good, 1, inputs, 2, 2, &bad_outputs[i], 1, &program));
    }
    CHECK(program == NULL);
    OK(pc_program_create(NULL, 0, NULL, 0, 0, NULL, 0, &program));
    OK(pc_program_free(program));
}

/* The program of test_run_arguments: x * y of entry 1 at two taps, and x. */
typedef struct call {
    pc_view source, target;
    int32_t first, tiles;
} call;

static void test_run_arguments(const key *k, const pc_batch *source)
{
    const pc_instruction instructions[] = {{2, 0, 1}};
    const pc_program_input inputs[] = {{0, 1, 0}, {0, 1, 1}};
    const int32_t outputs[] = {2, 0};
    pc_program *program = NULL;
    OK(pc_program_create(instructions, 1, inputs, 2, 1, outputs, 2, &program));
    pc_batch *target = random_batch(k, 4, NULL);
    uint8_t *before = snapshot(k, target, 4);
    int64_t bytes = -1, products = -7;
    int32_t done = -7;
    STATUS(PC_ERR_NULL, pc_program_scratch_bytes(NULL, k->public, 2, &bytes));
    STATUS(PC_ERR_NULL, pc_program_scratch_bytes(program, NULL, 2, &bytes));
    STATUS(PC_ERR_NULL, pc_program_scratch_bytes(program, k->public, 2, NULL));
    STATUS(PC_ERR_LENGTH, pc_program_scratch_bytes(program, k->public, -1, &bytes));
    STATUS(PC_ERR_LENGTH, pc_program_scratch_bytes(program, k->public, PC_MAX_BATCH + 1, &bytes));
    CHECK(bytes == -1);
    OK(pc_program_scratch_bytes(program, k->public, 2, &bytes));
    uint8_t *memory = malloc((size_t)bytes + 128);
    uint8_t *s = aligned(memory);
    const int32_t in[] = {0, 1, 2, 3}, out[] = {0, 1}, past[] = {0, 1, 2, NUMBERS - STRIDE}, below[] = {0, -2, 2, 3};
    const int32_t out_past[] = {0, 2}, out_below[] = {-2, 0};
    pc_batch *from = (pc_batch *)(uintptr_t)source;
    const pc_view read = {from, in, STRIDE, 2}, write = {target, out, 2, 1};
    const struct {
        int32_t status;
        call call;
    } bad[] = {
        {PC_ERR_NULL, {{NULL, in, STRIDE, 2}, write, 0, 2}},
        {PC_ERR_NULL, {{from, NULL, STRIDE, 2}, write, 0, 2}},
        {PC_ERR_NULL, {read, {NULL, out, 2, 1}, 0, 2}},
        {PC_ERR_NULL, {read, {target, NULL, 2, 1}, 0, 2}},
        {PC_ERR_RANGE, {{target, in, 2, 2}, write, 0, 2}},
        {PC_ERR_RANGE, {{from, in, NUMBERS - 2, 2}, write, 0, 2}},
        {PC_ERR_RANGE, {{from, in, -1, 2}, write, 0, 2}},
        {PC_ERR_RANGE, {{from, in, INT32_MAX, 2}, write, 0, 2}},
        {PC_ERR_RANGE, {{from, in, STRIDE, 1}, write, 0, 2}},
        {PC_ERR_RANGE, {{from, in, STRIDE, -2}, write, 0, 2}},
        {PC_ERR_RANGE, {{from, past, STRIDE, 2}, write, 0, 2}},
        {PC_ERR_RANGE, {{from, past, STRIDE, 2}, write, 1, 1}},
        {PC_ERR_RANGE, {{from, below, STRIDE, 2}, write, 0, 2}},
        {PC_ERR_RANGE, {read, {target, out, 3, 1}, 0, 2}},
        {PC_ERR_RANGE, {read, {target, out, 2, 0}, 0, 2}},
        {PC_ERR_RANGE, {read, {target, out_past, 2, 1}, 0, 2}},
        {PC_ERR_RANGE, {read, {target, out_below, 2, 1}, 0, 1}},
        {PC_ERR_LENGTH, {read, write, 0, -1}},
        {PC_ERR_LENGTH, {read, write, 0, PC_MAX_BATCH + 1}},
        {PC_ERR_LENGTH, {read, write, -1, 1}},
        {PC_ERR_LENGTH, {read, write, PC_MAX_BATCH + 1, 0}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const call *c = &bad[i].call;
        STATUS(bad[i].status,
               pc_program_run(program, &c->source, 1, &c->target, c->first, c->tiles, s, bytes, &products));
    }
    STATUS(PC_ERR_NULL, pc_program_run(NULL, &read, 1, &write, 0, 2, s, bytes, &products));
    STATUS(PC_ERR_NULL, pc_program_run(program, NULL, 1, &write, 0, 2, s, bytes, &products));
    STATUS(PC_ERR_NULL, pc_program_run(program, &read, 1, NULL, 0, 2, s, bytes, &products));
    STATUS(PC_ERR_NULL, pc_program_run(program, &read, 1, &write, 0, 2, NULL, bytes, &products));
    STATUS(PC_ERR_LENGTH, pc_program_run(program, &read, 0, &write, 0, 2, s, bytes, &products));
    STATUS(PC_ERR_LENGTH, pc_program_run(program, &read, PC_MAX_SOURCES + 1, &write, 0, 2, s, bytes, &products));
    STATUS(PC_ERR_LENGTH, pc_program_run(program, &read, 1, &write, 0, 2, s, bytes - 1, &products));
    STATUS(PC_ERR_RANGE, pc_program_run(program, &read, 1, &write, 0, 2, s + 8, bytes, &products));
    STATUS(PC_ERR_NULL, pc_program_begin(NULL, k->public, s, bytes));
    STATUS(PC_ERR_NULL, pc_program_begin(program, NULL, s, bytes));
    STATUS(PC_ERR_NULL, pc_program_begin(program, k->public, NULL, bytes));
    STATUS(PC_ERR_RANGE, pc_program_begin(program, k->public, s + 8, bytes));
    STATUS(PC_ERR_LENGTH, pc_program_begin(program, k->public, s, 64));
    STATUS(PC_ERR_NULL, pc_program_join(program, &read, 1, &write, 0, s, bytes, NULL, &products));
    STATUS(PC_ERR_NULL, pc_program_join(program, &read, 1, &write, 0, s, bytes, &done, NULL));
    STATUS(PC_ERR_NULL, pc_program_join(program, &read, 1, NULL, 0, s, bytes, &done, &products));
    STATUS(PC_ERR_LENGTH, pc_program_join(program, &read, 1, &write, -1, s, bytes, &done, &products));
    STATUS(PC_ERR_LENGTH, pc_program_join(program, &read, 1, &write, 0, s, 64, &done, &products));
    key stranger;
    key_create(&stranger, 128, 0);
    pc_batch *other = random_batch(&stranger, NUMBERS, NULL);
    const pc_view strange = {other, in, STRIDE, 2};
    STATUS(PC_ERR_MISMATCH, pc_program_run(program, &strange, 1, &write, 0, 2, s, bytes, &products));
    OK(pc_batch_free(other));
    key_free(&stranger);
    CHECK(unchanged(k, target, 4, before) && products == -7 && done == -7);
    const pc_view nothing = {from, NULL, STRIDE, 2}, nowhere = {target, NULL, 2, 1};
    OK(pc_program_run(program, &nothing, 1, &nowhere, 0, 0, s, bytes, &products));
    CHECK(unchanged(k, target, 4, before) && products == 0);
    OK(pc_program_run(program, &read, 1, &write, 0, 2, s, bytes, NULL));
    free(memory);
    free(before);
    OK(pc_batch_free(target));
    OK(pc_program_free(program));
}

int main(void)
{
    static const int32_t sizes[] = {64, 100, 192, 512, 2048};
    test_invalid_programs();
    for (int32_t kernel = 0; kernel < kernel_count(); kernel++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            key k;
            key_create(&k, sizes[i], kernel);
            static reading from;
            for (int32_t s = 0; s < SOURCES; s++) {
                from.values[s] = integers_create(NUMBERS);
                from.views[s] = (pc_view){random_batch(&k, NUMBERS, from.values[s]), NULL, STRIDE, TAPS};
            }
            for (int round = 0; round < (sizes[i] < 2048 ? 60 : 4); round++) {
                test_random_program(&k, &from);
            }
            test_run_arguments(&k, from.views[0].batch);
            for (int32_t s = 0; s < SOURCES; s++) {
                OK(pc_batch_free(from.views[s].batch));
                integers_free(from.values[s], NUMBERS);
            }
            key_free(&k);
        }
    }
    return summary();
}
