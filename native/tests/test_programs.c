/* Product programs against an interpreter over plain integers. */
#include "support.h"

#define MOST_REGISTERS 24
#define MOST_STEPS 60
#define MOST_OUTPUTS 9
#define SOURCES 15
#define MOST_TILES 19

typedef struct recipe {
    int32_t inputs, temporaries, steps, output_count;
    pc_instruction instructions[MOST_STEPS];
    int32_t outputs[MOST_OUTPUTS];
} recipe;

/* A random program that reads only what was written; few registers, so that they are reused in every way. */
static void draw_recipe(recipe *r)
{
    bool written[MOST_REGISTERS] = {false};
    r->inputs = 1 + random_below(6);
    r->temporaries = 1 + random_below(8);
    r->steps = random_below(MOST_STEPS + 1);
    r->output_count = 1 + random_below(MOST_OUTPUTS);
    int32_t registers = r->inputs + r->temporaries, readable[MOST_REGISTERS], count = 0;
    for (int32_t i = 0; i < r->inputs; i++) {
        readable[count++] = i;
    }
    for (int32_t i = 0; i < r->steps; i++) {
        int32_t target = r->inputs + random_below(registers - r->inputs);
        int32_t left = readable[random_below(count)];
        int32_t right = random_below(4) == 0 ? left : readable[random_below(count)];
        r->instructions[i] = (pc_instruction){target, left, right};
        if (!written[target]) {
            written[target] = true;
            readable[count++] = target;
        }
    }
    for (int32_t o = 0; o < r->output_count; o++) {
        r->outputs[o] = random_below(8) == 0 ? -1 : readable[random_below(count)];
    }
}

/* One tile by the book; absent values are marked by 0. Returns the products done. */
static int64_t interpret(const recipe *r, mpz_t *source, const int32_t *input_index, mpz_t *registers, const key *k)
{
    int64_t products = 0;
    for (int32_t i = 0; i < r->inputs; i++) {
        if (input_index[i] < 0) {
            mpz_set_ui(registers[i], 0);
        } else {
            mpz_set(registers[i], source[input_index[i]]);
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

static void test_random_program(const key *k, mpz_t *values, const pc_batch *source)
{
    enum { ROOM = MOST_TILES * MOST_OUTPUTS };
    static recipe r;
    draw_recipe(&r);
    pc_program *program = NULL;
    OK(pc_program_create(r.instructions, r.steps, r.inputs, r.temporaries, r.outputs, r.output_count, &program));
    int32_t tiles = random_below(MOST_TILES + 1);
    int32_t input_index[MOST_TILES * MOST_REGISTERS], places[ROOM], output_index[ROOM];
    for (int32_t i = 0; i < tiles * r.inputs; i++) {
        input_index[i] = random_below(5) == 0 ? -1 : random_below(SOURCES);
    }
    for (int32_t i = 0; i < ROOM; i++) {
        places[i] = i;
    }
    shuffle(places, ROOM);
    for (int32_t i = 0; i < tiles * r.output_count; i++) {
        output_index[i] = random_below(7) == 0 ? -1 : places[i];
    }

    pc_batch *target = NULL;
    OK(pc_batch_create(k->public, ROOM, &target));
    mpz_t *expected = integers_create(ROOM), *registers = integers_create(MOST_REGISTERS);
    for (int32_t i = 0; i < ROOM; i++) {
        mpz_set_ui(expected[i], 1);
    }
    int64_t wanted_products = 0;
    for (int32_t t = 0; t < tiles; t++) {
        wanted_products += interpret(&r, values, input_index + t * r.inputs, registers, k);
        for (int32_t o = 0; o < r.output_count; o++) {
            int32_t at = output_index[t * r.output_count + o];
            if (at >= 0) {
                bool present = r.outputs[o] >= 0 && mpz_sgn(registers[r.outputs[o]]) != 0;
                if (present) {
                    mpz_set(expected[at], registers[r.outputs[o]]);
                }
            }
        }
    }

    int64_t bytes = 0, products = -1;
    OK(pc_program_scratch_bytes(program, k->public, &bytes));
    uint8_t *memory = malloc((size_t)bytes + 128);
    uint8_t *scratch = aligned(memory);
    memset(scratch, 0xaa, (size_t)bytes + 1);
    OK(pc_program_run(program, source, input_index, target, output_index, tiles, scratch, bytes, &products));
    CHECK(scratch[bytes] == 0xaa);
    CHECK(products == wanted_products);
    bool same = true;
    for (int32_t i = 0; i < ROOM; i++) {
        same = same && number_is(k, target, i, expected[i]);
    }
    CHECK(same);
    free(memory);
    integers_free(expected, ROOM);
    integers_free(registers, MOST_REGISTERS);
    OK(pc_batch_free(target));
    OK(pc_program_free(program));
}

static void test_invalid_programs(void)
{
    pc_program *program = NULL;
    const pc_instruction good[] = {{2, 0, 1}, {3, 2, 2}};
    const int32_t outputs[] = {3, -1, 0};
    STATUS(PC_ERR_NULL, pc_program_create(NULL, 2, 2, 2, outputs, 3, &program));
    STATUS(PC_ERR_NULL, pc_program_create(good, 2, 2, 2, NULL, 3, &program));
    STATUS(PC_ERR_NULL, pc_program_create(good, 2, 2, 2, outputs, 3, NULL));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, -1, 2, 2, outputs, 3, &program));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, PC_MAX_INSTRUCTIONS + 1, 2, 2, outputs, 3, &program));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, 2, -1, 2, outputs, 3, &program));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, 2, 2, -1, outputs, 3, &program));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, 2, PC_MAX_REGISTERS, 1, outputs, 3, &program));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, 2, 2, INT32_MAX, outputs, 3, &program));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, 2, 2, 2, outputs, -1, &program));
    STATUS(PC_ERR_LENGTH, pc_program_create(good, 2, 2, 2, outputs, PC_MAX_BATCH + 1, &program));
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
        STATUS(PC_ERR_PROGRAM, pc_program_create(&bad[i], 1, 2, 2, &output, 1, &program));
    }
    const pc_instruction late[] = {{2, 0, 3}, {3, 0, 1}};
    STATUS(PC_ERR_PROGRAM, pc_program_create(late, 2, 2, 2, outputs, 3, &program)); /* written only afterwards */
    const int32_t bad_outputs[] = {4, -2, 3};
    for (int i = 0; i < 3; i++) {
        STATUS(PC_ERR_PROGRAM, pc_program_create(good, 1, 2, 2, &bad_outputs[i], 1, &program));
    }
    CHECK(program == NULL);
    OK(pc_program_create(NULL, 0, 0, 0, NULL, 0, &program));
    OK(pc_program_free(program));
}

static void test_run_arguments(const key *k, const pc_batch *source)
{
    const pc_instruction instructions[] = {{2, 0, 1}};
    const int32_t outputs[] = {2, 0};
    pc_program *program = NULL;
    OK(pc_program_create(instructions, 1, 2, 1, outputs, 2, &program));
    pc_batch *target = random_batch(k, 4, NULL);
    uint8_t *before = snapshot(k, target, 4);
    int64_t bytes = -1, products = -7;
    STATUS(PC_ERR_NULL, pc_program_scratch_bytes(NULL, k->public, &bytes));
    STATUS(PC_ERR_NULL, pc_program_scratch_bytes(program, NULL, &bytes));
    STATUS(PC_ERR_NULL, pc_program_scratch_bytes(program, k->public, NULL));
    CHECK(bytes == -1);
    OK(pc_program_scratch_bytes(program, k->public, &bytes));
    uint8_t *memory = malloc((size_t)bytes + 128);
    uint8_t *s = aligned(memory);
    const int32_t in[] = {0, 1, 2, 3}, out[] = {0, 1, 2, 3};
    STATUS(PC_ERR_NULL, pc_program_run(NULL, source, in, target, out, 2, s, bytes, &products));
    STATUS(PC_ERR_NULL, pc_program_run(program, NULL, in, target, out, 2, s, bytes, &products));
    STATUS(PC_ERR_NULL, pc_program_run(program, source, NULL, target, out, 2, s, bytes, &products));
    STATUS(PC_ERR_NULL, pc_program_run(program, source, in, NULL, out, 2, s, bytes, &products));
    STATUS(PC_ERR_NULL, pc_program_run(program, source, in, target, NULL, 2, s, bytes, &products));
    STATUS(PC_ERR_NULL, pc_program_run(program, source, in, target, out, 2, NULL, bytes, &products));
    STATUS(PC_ERR_RANGE, pc_program_run(program, target, in, target, out, 2, s, bytes, &products));
    STATUS(PC_ERR_LENGTH, pc_program_run(program, source, in, target, out, -1, s, bytes, &products));
    STATUS(PC_ERR_LENGTH, pc_program_run(program, source, in, target, out, 2, s, bytes - 1, &products));
    STATUS(PC_ERR_RANGE, pc_program_run(program, source, in, target, out, 2, s + 8, bytes, &products));
    const int32_t in_past[] = {0, 1, 2, SOURCES}, in_below[] = {0, -2, 2, 3};
    const int32_t out_past[] = {0, 1, 2, 4}, out_below[] = {0, 1, -2, 3}, out_twice[] = {0, 1, 2, 0};
    STATUS(PC_ERR_RANGE, pc_program_run(program, source, in_past, target, out, 2, s, bytes, &products));
    STATUS(PC_ERR_RANGE, pc_program_run(program, source, in_below, target, out, 2, s, bytes, &products));
    STATUS(PC_ERR_RANGE, pc_program_run(program, source, in, target, out_past, 2, s, bytes, &products));
    STATUS(PC_ERR_RANGE, pc_program_run(program, source, in, target, out_below, 2, s, bytes, &products));
    STATUS(PC_ERR_RANGE, pc_program_run(program, source, in, target, out_twice, 2, s, bytes, &products));
    key stranger;
    key_create(&stranger, 128, 0);
    pc_batch *other = random_batch(&stranger, 4, NULL);
    STATUS(PC_ERR_MISMATCH, pc_program_run(program, other, in, target, out, 2, s, bytes, &products));
    OK(pc_batch_free(other));
    key_free(&stranger);
    CHECK(unchanged(k, target, 4, before) && products == -7);
    OK(pc_program_run(program, source, NULL, target, NULL, 0, s, bytes, &products));
    CHECK(unchanged(k, target, 4, before) && products == 0);
    OK(pc_program_run(program, source, in, target, out, 2, s, bytes, NULL));
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
            mpz_t *values = integers_create(SOURCES);
            pc_batch *source = random_batch(&k, SOURCES, values);
            for (int round = 0; round < (sizes[i] < 2048 ? 60 : 4); round++) {
                test_random_program(&k, values, source);
            }
            test_run_arguments(&k, source);
            OK(pc_batch_free(source));
            integers_free(values, SOURCES);
            key_free(&k);
        }
    }
    return summary();
}
