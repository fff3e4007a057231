/*
 * The dispatch table: everything the library asks of an instruction set.
 *
 * A kernel computes modulo m^2 for an odd m of up to PC_MAX_KEY_BITS bits (m is n, p or q). It works on groups.
 *
 *   number   one residue at rest, `number_words` consecutive words: what batches, register files and tables hold.
 *   group    `lanes` residues in the kernel's working layout, `number_words * lanes` words, 64-byte aligned.
 *   standard a residue x = a + b*m as 2 * limbs 64-bit limbs, a first, both below m.
 *
 * Numbers and groups hold residues in the kernel's own form (some Montgomery form of its own radix); only enter and
 * leave translate. A form need not be unique: two numbers are equal when their standard forms are. gather and scatter
 * move numbers between memory and the lanes of a group: a lane may come from anywhere, so one kernel step serves
 * neighbours of a batch, entries of a table or unrelated products alike. Lanes that are not needed are fed with
 * pc_modulus.one and not stored.
 *
 * A new kernel needs
 *   - its sources, which define one pc_kernel: PC_IN_KERNEL(pc_kernel_<name>), and no other symbol without
 *   PC_IN_KERNEL;
 *   - a popcorn_kernel(<name> ...) in CMakeLists.txt, at its rank;
 *   - if it is written in intrinsics that valgrind does not know: what tests/emulated lacks of them, and its name in
 *     tests/CMakeLists.txt among those that are built a second time, so that it is tested under valgrind too;
 *   - greater limits below, if it has more lanes or its numbers more words than they allow. The tests say so.
 * All else follows from the table: the algorithms above it are written once for any number of lanes, the tests run them
 * on every kernel, and what the managed side plans with comes from pc_info, pc_public_info and pc_number_bytes.
 *
 * Where `modulus->secret` is set, no branch and no address may depend on the modulus or on the residues.
 */
#ifndef PC_KERNEL_H
#define PC_KERNEL_H

#include <gmp.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../include/popcorn.h"

#define PC_MAX_LIMBS (PC_MAX_KEY_BITS / 64)
/* Limits of all kernels, for buffers on the stack: lanes, and words of a number. */
#define PC_MAX_LANES 8
#define PC_MAX_NUMBER_WORDS (2 * PC_MAX_LIMBS * 5 / 4)
#define PC_MAX_GROUP_WORDS (PC_MAX_LANES * PC_MAX_NUMBER_WORDS)
/* Numbers are padded to whole cache lines, so that any row of them keeps its alignment. */
#define PC_NUMBER_ALIGNMENT 64
#define PC_NUMBER_ALIGNMENT_WORDS 8
#define PC_MAX_ABSORBED 128
#define PC_MAX_SECRET_WINDOW_BITS 5
#define PC_SECRET_TABLE_GROUPS (1 << PC_MAX_SECRET_WINDOW_BITS)

/* Symbols and name of a kernel; tests build kernels a second time, in plain C, under other ones. */
#if defined(PC_EMULATED)
#  define PC_IN_KERNEL(symbol) symbol##_emulated
#  define PC_KERNEL_NAME(name) name "-emulated"
#else
#  define PC_IN_KERNEL(symbol) symbol
#  define PC_KERNEL_NAME(name) name
#endif

typedef struct pc_kernel pc_kernel;

/* m and what a kernel precomputed for it. Made by pc_modulus_create, immutable afterwards. */
typedef struct pc_modulus {
    const pc_kernel *kernel;
    int32_t limbs;        /* 64-bit limbs of m, the top one not zero                       */
    int32_t number_words; /* words of one number: a multiple of PC_NUMBER_ALIGNMENT_WORDS  */
    bool secret;
    mp_limb_t m[PC_MAX_LIMBS];
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t one[PC_MAX_NUMBER_WORDS]; /* the residue 1 as a number */
    alignas(PC_NUMBER_ALIGNMENT) unsigned char state[];              /* the kernel's own constants */
} pc_modulus;

struct pc_kernel {
    const char *name;
    int32_t lanes; /* 1 .. PC_MAX_LANES, a power of two */
    /*
     * Bits of a word of a number. 64: plain limbs. Fewer: a group's word i * lanes + j is digit i of lane j, A's digits
     * before B's, and what stands above a digit in its word is of no account. Where halves share words, such a word has
     * A's digit in its low half and B's in its upper one, and nothing above either.
     */
    int32_t digit_bits;
    bool halves_share_words;
    size_t state_bytes;        /* size of pc_modulus.state */
    size_t public_state_bytes; /* of these, the first ones tell no more than the length of m */
    /* Of exponentiation by a secret: longer windows take fewer products, and longer scans of a longer table. */
    int32_t window_bits; /* 1 .. PC_MAX_SECRET_WINDOW_BITS */
    /* Up to so many numbers are raised faster by power_pair, one by one, than as a group. 0: there is no power_pair. */
    int32_t pairs_that_pay;

    /* Can this processor run the kernel? */
    bool (*available)(void);

    /* Words that one number takes for a modulus of `limbs` limbs, before padding; at most PC_MAX_NUMBER_WORDS. */
    int32_t (*number_words)(int32_t limbs);

    /* log2 of R, by which the form multiplies: a group's halves A, B stand for (A + B*m) / R modulo m^2. */
    int32_t (*radix_bits)(int32_t limbs);

    /* Fills modulus->state; kernel, limbs, number_words, secret and m are set. */
    void (*setup)(pc_modulus *modulus);

    /* group[i] = *numbers[i]. All `lanes` addresses are valid. */
    void (*gather)(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *const *numbers);

    /* *numbers[i] = group[i]; a null address drops the lane. */
    void (*scatter)(const pc_modulus *modulus, mp_limb_t *const *numbers, const mp_limb_t *group);

    /* From and to standard form: lane i at standard + i * 2 * limbs. */
    void (*enter)(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *standard);
    void (*leave)(const pc_modulus *modulus, mp_limb_t *standard, const mp_limb_t *group);

    /* r = a * b and r = a * a, lane by lane. r may be a or b. */
    void (*multiply)(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *b);
    void (*square)(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a);

    /* r = a * (1 + m * k), k in [0, m) as plain limbs, lane i at k + i * limbs. r may be a. */
    void (*add_plain)(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *k);

    /*
     * Ratio form, for factors that wait in a table: halves (A, G) that stand for A * (1 + m*g) / R with
     * g = G / R^2 mod m. A product with such a factor multiplies by its first half alone, four half-size units instead
     * of five, and adds up the second halves: products of 1 + m*g are sums of g. inverse: a group whose first half is
     * R^2 / A mod m.
     *
     * ratio_of: r = a in ratio form. ratio_step: power *= base, both in ratio form, and the inverse along with it.
     */
    void (*ratio_of)(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *a, const mp_limb_t *inverse);
    void (*ratio_step)(const pc_modulus *modulus, mp_limb_t *power, mp_limb_t *inverse, const mp_limb_t *base,
                       const mp_limb_t *base_inverse);

    /*
     * absorb: r *= a factor in ratio form, without its second half, which is added to sums; the `first` factor sets
     * both.
     * absorb_sums: r *= what sums hold, of PC_MAX_ABSORBED factors at most.
     */
    void (*absorb)(const pc_modulus *modulus, mp_limb_t *r, mp_limb_t *sums, const mp_limb_t *factor, bool first);
    void (*absorb_sums)(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *sums);

    /*
     * r = the sum of pieces * factors: from residues modulo other moduli to one modulo m^2. The halves of `count`
     * groups of residues modulo from[k]^2 are taken as plain integers and cut from below into pieces of as many bits as
     * this modulus's R has, one or two for each half; pieces come in the order group, half, cut. factors: as many
     * groups.
     */
    void (*recombine)(const pc_modulus *modulus, mp_limb_t *r, const pc_modulus *const *from,
                      const mp_limb_t *const *groups, int32_t count, const mp_limb_t *factors);

    /* r = table[index], one index for all lanes, of `count` consecutive groups. Reads every entry: index is secret. */
    void (*select)(const pc_modulus *modulus, mp_limb_t *r, const mp_limb_t *table, int32_t count, int32_t index);

    /*
     * group[i] = table[index[i]] for the lanes i whose bits are set in `lanes`, of `count` consecutive numbers; the
     * other lanes stay as they are. Reads every entry: indices are secret.
     */
    void (*look_up)(const pc_modulus *modulus, mp_limb_t *group, const mp_limb_t *table, int32_t count,
                    const int32_t *index, uint32_t lanes);

    /*
     * Null, or the way of least latency: *numbers[i] = (*numbers[i])^exponents[i] modulo moduli[i]^2 for two secret
     * moduli of the same number of limbs; exponents of as many limbs, of which `bits` bits count. table: room for
     * PC_SECRET_TABLE_GROUPS groups; whoever owns it wipes it.
     */
    void (*power_pair)(const pc_modulus *const moduli[2], mp_limb_t *const numbers[2],
                       const mp_limb_t *const exponents[2], int32_t bits, mp_limb_t *table);

    /*
     * Null, or a test of `lanes` odd candidates of the same bit length, one after the other, `limbs` limbs each, the
     * top one not zero: bit i is clear only if candidate i is not prime. Variable time.
     */
    uint32_t (*may_be_prime)(const mp_limb_t *candidates, int32_t limbs);
};

/* Room for a group of any kernel and key size on the stack. Who lets a secret in wipes it. */
typedef struct pc_group {
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t words[PC_MAX_GROUP_WORDS];
} pc_group;

/* Room for the standard form of all lanes. */
typedef struct pc_standard {
    mp_limb_t limbs[PC_MAX_LANES * 2 * PC_MAX_LIMBS];
} pc_standard;

/* Words that a number takes at rest for a modulus of `limbs` limbs: whole cache lines. */
int32_t pc_number_words(const pc_kernel *kernel, int32_t limbs);

/* m: `limbs` limbs, odd, >= 3, top limb not zero. Null when memory runs out. */
pc_modulus *pc_modulus_create(const pc_kernel *kernel, const mp_limb_t *m, int32_t limbs, bool secret);
/* Wipes a secret modulus. May be null. */
void pc_modulus_free(pc_modulus *modulus);

static inline size_t pc_group_words(const pc_modulus *modulus)
{
    return (size_t)modulus->number_words * (size_t)modulus->kernel->lanes;
}

/* Kernels of this build that this processor runs, the preferred one first. */
int32_t pc_kernel_count(void);
/* Null if there is no such index. */
const pc_kernel *pc_kernel_at(int32_t index);
/* The first one, or the one that the environment variable POPCORN_KERNEL names; -1 if that is not there. */
int32_t pc_kernel_default(void);

#endif
