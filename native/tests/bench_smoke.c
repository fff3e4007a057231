/* Figures of this machine, one thread, n = 2048: microseconds and the ratio to mpz_powm. */
#include "support.h"

#include <time.h>

#define COUNT 64

/* Processor time in microseconds: others may share the machine. */
static double now(void)
{
    return (double)clock() * (1e6 / CLOCKS_PER_SEC);
}

/* The best of several rounds counts. */
#define ROUNDS 5

static double reference;

static double reference_round(void)
{
    int64_t nanoseconds = 0;
    double start = now();
    OK(pc_reference_powm(4, &nanoseconds));
    return (now() - start) / 4;
}

#define MEASURE(name, per, call)                                                     \
    do {                                                                             \
        double best = 1e30;                                                          \
        for (int round = 0; round < ROUNDS; round++) {                               \
            double start = now();                                                    \
            OK(call);                                                                \
            double time = (now() - start) / (double)(per);                           \
            best = time < best ? time : best;                                        \
        }                                                                            \
        printf("%-28s %10.2f us   %.6f\n", name, best, best / reference);            \
    } while (0)

static void bench(int32_t kernel)
{
    char name[32];
    OK(pc_kernel_name(kernel, name, (int32_t)sizeof name));
    key k;
    key_create(&k, 2048, kernel);
    reference = 1e30;
    for (int i = 0; i < ROUNDS; i++) {
        double time = reference_round();
        reference = time < reference ? time : reference;
    }
    printf("%-28s %10.2f us\n", "mpz_powm", reference);
    printf("kernel %s\n", name);

    pc_encryptor *owner = NULL, *public = NULL;
    MEASURE("owner tables", 1,
            (pc_encryptor_free(owner), pc_encryptor_create_owner(k.private_key, 1024, 8, 0, &owner)));
    MEASURE("public tables", 1, (pc_encryptor_free(public), pc_encryptor_create_public(k.public, 1024, 8, 0, &public)));
    static uint8_t random[COUNT * 128], wire[COUNT * 512];
    static uint64_t plaintexts[COUNT], decrypted[COUNT * 32];
    static pc_term terms[COUNT];
    static int32_t first[COUNT + 1], in[COUNT], out[COUNT];
    random_bytes(random, sizeof random);
    random_bytes(plaintexts, sizeof plaintexts);
    pc_batch *a = random_batch(&k, COUNT, NULL), *b = random_batch(&k, COUNT, NULL);
    for (int32_t i = 0; i < COUNT; i++) {
        in[i] = out[i] = i;
        first[i + 1] = i + 1;
    }
    MEASURE("encryptOwner", COUNT,
            pc_encrypt(owner, plaintexts, 1, random, (int64_t)sizeof random, a, 0, COUNT));
    MEASURE("encryptPublic", COUNT,
            pc_encrypt(public, plaintexts, 1, random, (int64_t)sizeof random, b, 0, COUNT));
    MEASURE("decrypt", COUNT, pc_decrypt(k.private_key, a, 0, COUNT, decrypted, COUNT * 32));
    MEASURE("export", COUNT, pc_export(a, 0, COUNT, wire, (int64_t)sizeof wire));
    MEASURE("import", COUNT, pc_import(wire, (int64_t)sizeof wire, a, 0, COUNT));
    MEASURE("add", COUNT, pc_add(a, 0, b, 0, b, 0, COUNT));
    MEASURE("add_plain", COUNT, pc_add_plain(plaintexts, 1, b, 0, COUNT));
    MEASURE("invertBatch", COUNT, pc_negate(a, 0, b, 0, COUNT));

    const pc_batch *sources[] = {a};
    for (int32_t i = 0; i < COUNT; i++) {
        terms[i] = (pc_term){.magnitude = 128 + random_word() % 128, .index = i};
    }
    MEASURE("multiply8bit", COUNT, pc_combine(sources, 1, terms, first, COUNT, b, 0, NULL));
    const int32_t packed[] = {0, 24};
    for (int32_t i = 0; i < 24; i++) {
        terms[i] = (pc_term){.magnitude = 1, .index = i, .shift = 64 * i};
    }
    MEASURE("pack64, per value", 24, pc_combine(sources, 1, terms, packed, 1, b, 0, NULL));

    /* A chain of squarings: products by way of a program. */
    enum { STEPS = 32 };
    pc_instruction steps[STEPS];
    for (int32_t i = 0; i < STEPS; i++) {
        steps[i] = (pc_instruction){1, i == 0 ? 0 : 1, i % 2 == 0 ? 0 : 1};
    }
    const int32_t output = 1;
    pc_program *program = NULL;
    const pc_program_input input = {0, 0, 0};
    OK(pc_program_create(steps, STEPS, &input, 1, 1, &output, 1, &program));
    const pc_view source = {a, in, COUNT, 1}, target = {b, out, COUNT, 1};
    int64_t bytes = 0;
    OK(pc_program_scratch_bytes(program, k.public, COUNT, &bytes));
    uint8_t *memory = malloc((size_t)bytes + 64);
    uint8_t *scratch = (uint8_t *)(((uintptr_t)memory + 63) / 64 * 64);
    MEASURE("program, per product", STEPS * COUNT,
            pc_program_run(program, &source, 1, &target, 0, COUNT, scratch, bytes, NULL));
    free(memory);
    OK(pc_program_free(program));
    OK(pc_batch_free(a));
    OK(pc_batch_free(b));
    OK(pc_encryptor_free(owner));
    OK(pc_encryptor_free(public));
    key_free(&k);
}

int main(void)
{
    for (int32_t kernel = 0; kernel < kernel_count(); kernel++) {
        bench(kernel);
    }
    return failed != 0;
}
