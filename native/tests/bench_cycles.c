/*
 * The vector kernel against its ceiling: processor cycles of each operation of its table, and the share of the peak of
 * vpmadd52, both measured on this machine in the same run. One thread; cycles per group of eight residues.
 *
 * The ceiling counts the products of digits that dual-number Montgomery arithmetic needs, two instructions each: for K
 * digits 10 K^2 instructions for a product, 7 K^2 for a square.
 */
#include "support.h"

#include "../src/kernels/kernel.h"

#include <time.h>

#define ROUNDS 200
#define REPEATS 50

/* Processor time in seconds: others may share the machine. */
static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* seconds = the least time, of several rounds, that one of REPEATS executions of the statement takes. */
#define TIME(seconds, statement)                                      \
    do {                                                              \
        (seconds) = 1e30;                                             \
        for (int round_ = 0; round_ < ROUNDS; round_++) {             \
            double start_ = now();                                    \
            for (int repeat_ = 0; repeat_ < REPEATS; repeat_++) {     \
                statement;                                            \
            }                                                         \
            double time_ = (now() - start_) / REPEATS;                \
            (seconds) = time_ < (seconds) ? time_ : (seconds);        \
        }                                                             \
    } while (0)

#define CHAIN 10000

/* Additions that wait for each other take a cycle each. */
static void dependent_additions(void)
{
    int32_t count = CHAIN / 100;
    uint64_t sum = 0;
    __asm__ volatile("1:\n\t.rept 100\n\tadd $1, %1\n\t.endr\n\tdecl %0\n\tjnz 1b" : "+r"(count), "+r"(sum) : : "cc");
}

/* vpmadd52 instructions that do not wait for each other. */
static void independent_products(void)
{
    int32_t count = CHAIN / 100;
    __asm__ volatile("1:\n\t.rept 10\n\t"
                     "vpmadd52luq %%zmm10, %%zmm10, %%zmm0\n\tvpmadd52luq %%zmm10, %%zmm10, %%zmm1\n\t"
                     "vpmadd52luq %%zmm10, %%zmm10, %%zmm2\n\tvpmadd52luq %%zmm10, %%zmm10, %%zmm3\n\t"
                     "vpmadd52luq %%zmm10, %%zmm10, %%zmm4\n\tvpmadd52luq %%zmm10, %%zmm10, %%zmm5\n\t"
                     "vpmadd52luq %%zmm10, %%zmm10, %%zmm6\n\tvpmadd52luq %%zmm10, %%zmm10, %%zmm7\n\t"
                     "vpmadd52luq %%zmm10, %%zmm10, %%zmm8\n\tvpmadd52luq %%zmm10, %%zmm10, %%zmm9\n\t"
                     ".endr\n\tdecl %0\n\tjnz 1b"
                     : "+r"(count)
                     :
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9");
}

static double hertz, peak; /* cycles per second; vpmadd52 per cycle */

static void report(const char *name, int32_t bits, double seconds, double instructions)
{
    double cycles = seconds * hertz;
    printf("%-9s %5d bits %9.1f ns %9.0f cycles", name, bits, seconds * 1e9, cycles);
    if (instructions > 0) {
        printf("   %6.0f vpmadd52, %4.1f %% of peak", instructions, 100 * instructions / (cycles * peak));
    }
    printf("\n");
}

static void bench(const pc_kernel *kernel, int32_t bits, bool secret)
{
    mp_limb_t m[PC_MAX_LIMBS], k[PC_MAX_LANES * PC_MAX_LIMBS];
    int32_t limbs = bits / 64;
    random_bytes(m, sizeof m);
    random_bytes(k, sizeof k);
    m[0] |= 1;
    m[limbs - 1] |= UINT64_C(1) << 63;
    for (int32_t lane = 0; lane < kernel->lanes; lane++) {
        k[(lane + 1) * limbs - 1] = 0;
    }
    pc_modulus *modulus = pc_modulus_create(kernel, m, limbs, secret);
    size_t words = pc_group_words(modulus);
    enum { ENTRIES = 32 };
    mp_limb_t *table = aligned_alloc(PC_NUMBER_ALIGNMENT, ENTRIES * words * sizeof *table);
    pc_standard standard;
    pc_group a, b;
    memset(&standard, 0, sizeof standard);
    random_bytes(standard.limbs, sizeof standard.limbs);
    for (int32_t lane = 0; lane < kernel->lanes; lane++) {
        standard.limbs[(lane * 2 + 1) * limbs - 1] = 0;
        standard.limbs[(lane * 2 + 2) * limbs - 1] = 0;
    }
    kernel->enter(modulus, a.words, standard.limbs);
    for (int i = 0; i < ENTRIES; i++) {
        memcpy(table + (size_t)i * words, a.words, words * sizeof *table);
    }
    mp_limb_t *numbers[PC_MAX_LANES];
    for (int32_t lane = 0; lane < kernel->lanes; lane++) {
        numbers[lane] = table + lane * modulus->number_words;
    }

    double digits = kernel->number_words(limbs) / 2, seconds;
    b = a;
    TIME(seconds, kernel->multiply(modulus, a.words, a.words, b.words));
    report("multiply", bits, seconds, 10 * digits * digits);
    TIME(seconds, kernel->square(modulus, a.words, a.words));
    report("square", bits, seconds, 7 * digits * digits);
    TIME(seconds, kernel->add_plain(modulus, a.words, a.words, k));
    report("add_plain", bits, seconds, 8 * digits * digits);
    TIME(seconds, kernel->gather(modulus, a.words, (const mp_limb_t *const *)numbers));
    report("gather", bits, seconds, 0);
    TIME(seconds, kernel->scatter(modulus, numbers, a.words));
    report("scatter", bits, seconds, 0);
    TIME(seconds, kernel->select(modulus, b.words, table, ENTRIES, 7));
    report("select 32", bits, seconds, 0);
    TIME(seconds, kernel->enter(modulus, a.words, standard.limbs));
    report("enter", bits, seconds, 10 * digits * digits);
    TIME(seconds, kernel->leave(modulus, standard.limbs, a.words));
    report("leave", bits, seconds, 4 * digits * digits);
    free(table);
    pc_modulus_free(modulus);
}

int main(void)
{
    const pc_kernel *kernel = NULL;
    for (int32_t i = 0; i < pc_kernel_count(); i++) {
        if (strcmp(pc_kernel_at(i)->name, "ifma") == 0) {
            kernel = pc_kernel_at(i);
        }
    }
    if (kernel == NULL) {
        fprintf(stderr, "bench_cycles: this processor has no AVX-512 IFMA; bench_smoke times the other kernels\n");
        return 1;
    }
    double seconds;
    TIME(seconds, dependent_additions());
    hertz = CHAIN / seconds;
    TIME(seconds, independent_products());
    peak = CHAIN / (seconds * hertz);
    printf("%.2f GHz, peak %.2f vpmadd52 of 512 bits per cycle\n", hertz * 1e-9, peak);
    const int32_t key_bits[] = {2048, 3072, 4096};
    for (int i = 0; i < 3; i++) {
        bench(kernel, key_bits[i] / 2, true);
        bench(kernel, key_bits[i], false);
    }
    return 0;
}
