/*
 * Popcorn native library: batches of Paillier ciphertexts.
 *
 * This header is the whole ABI. Its rules:
 *   - every function returns a pc_status; results leave through pointers;
 *   - only fixed-width integers and pointers cross; numbers are little-endian byte strings (keys, ciphertexts,
 *     randomness) or little-endian 64-bit words (plaintexts, exponents);
 *   - every pointer, length, range and parity is checked first, and outputs are untouched unless PC_OK is returned
 *     (the destination range of a batch may be partly written when PC_ERR_MEMORY is returned, plaintexts are 0 with
 *     PC_ERR_SUBGROUP);
 *   - a pointer may be null where its count is 0; to free null does nothing;
 *   - sizes of inputs are exact, sizes of outputs are capacities; numbers of fewer bytes end in zero bytes;
 *   - a target range may be the range of an operand or miss it; where it would shift over it, or where an operand is
 *     named by index and lies in the target range, the call fails with PC_ERR_RANGE;
 *   - handles are opaque, reference counted where one holds another, and may be shared by threads; a batch may be
 *     read by many threads and written by several, as long as their ranges do not meet;
 *   - nothing here draws random numbers: the caller passes them in, from the operating system.
 *
 * Notation: n = p*q public modulus. Functions are named for what becomes of plaintexts (add, negate), comments and
 * counts say what is done to numbers modulo n^2: a sum is a product of them, a negation an inverse.
 */
#ifndef POPCORN_H
#define POPCORN_H

#include <stdint.h>

#if defined(_WIN32)
#  if defined(PC_BUILDING)
#    define PC_API __declspec(dllexport)
#  else
#    define PC_API __declspec(dllimport)
#  endif
#else
#  define PC_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define PC_ABI_VERSION 5

/* Key sizes in bits of n. Below PC_MIN_KEY_BITS a key is accepted only with PC_FLAG_INSECURE_SIZE (tests). */
#define PC_MIN_KEY_BITS 2048
#define PC_MAX_KEY_BITS 4096
#define PC_FLAG_INSECURE_SIZE 1
#define PC_FLAG_FRESH_PRIMES 2
#define PC_FLAG_CONSTANT_TIME 4
#define PC_FLAG_FILL_LATER 8
#define PC_FLAG_SHORT_ORDER 16

/*
 * Short-order keys: p = 2*u_p*v_p + 1 and q = 2*u_q*v_q + 1 with primes u_p and u_q of so many bits, and h of order
 * u_p*u_q modulo n. The primes of smaller keys (tests) have a quarter of the bits of p, and 3 at least.
 */
#define PC_SHORT_ORDER_BITS 256
/* A number this many bits longer than an order leaves a remainder within 2^-64 of uniform. */
#define PC_HIDING_BITS 64

/* Upper limits that keep a single call's memory bounded. */
#define PC_MAX_BATCH (1 << 24)     /* ciphertexts in a batch                        */
#define PC_MAX_REGISTERS (1 << 24) /* inputs + temporaries of a program             */
#define PC_MAX_INSTRUCTIONS (1 << 28)
#define PC_MAX_SOURCES 4           /* batches that a program reads                 */
#define PC_MAX_EXPONENT_BITS (PC_MAX_KEY_BITS + 512) /* of alpha: statistical hiding takes some bits more than n */
#define PC_MAX_SHIFT 4096          /* bits a term of pc_combine may be shifted left */

typedef enum pc_status {
    PC_OK = 0,
    PC_ERR_NULL = 1,           /* a required pointer is null                                     */
    PC_ERR_LENGTH = 2,         /* a length, count or capacity does not fit                       */
    PC_ERR_RANGE = 3,          /* an index, offset or number is out of range                     */
    PC_ERR_KEY = 4,            /* the key is malformed: size, parity, primality, p = q, h ...    */
    PC_ERR_CIPHERTEXT = 5,     /* a ciphertext is 0, >= n^2 or shares a factor with n            */
    PC_ERR_MISMATCH = 6,       /* two handles belong to different keys                           */
    PC_ERR_MEMORY = 7,         /* out of memory                                                  */
    PC_ERR_UNSUPPORTED = 8,    /* no such kernel, or this processor cannot run it                */
    PC_ERR_PROGRAM = 9,        /* a product program reads what it never wrote, or is out of range */
    PC_ERR_NO_PRIME = 10,      /* the given candidates held no suitable prime                    */
    PC_ERR_SELF_TEST = 11,     /* a known-answer test failed: do not use this build              */
    PC_ERR_SUBGROUP = 12       /* a ciphertext lies outside the subgroup of a short-order key    */
} pc_status;

typedef struct pc_public pc_public;       /* n, h, h_s and the arithmetic modulo n^2                     */
typedef struct pc_private pc_private;     /* p, q and the arithmetic modulo p^2 and q^2; secret          */
typedef struct pc_encryptor pc_encryptor; /* fixed-base tables; secret if made from a private key        */
typedef struct pc_batch pc_batch;         /* a row of ciphertexts in the kernel's own form               */
typedef struct pc_program pc_program;     /* a straight-line program of products; belongs to no key      */

/* ---- library ---------------------------------------------------------------------------------------------- */

/*
 * For each structure of this header, in the header's order: its size, then the offset of each field (reserved ones left
 * out), in bytes. `count`: how many numbers these are; no more than `capacity` are written. For callers that declare
 * the structures themselves, to see before any other call that theirs are the same.
 */
PC_API int32_t pc_get_layout(int32_t *layout, int32_t capacity, int32_t *count);

typedef struct pc_info {
    int32_t abi_version;
    int32_t gmp_version;    /* major * 10000 + minor * 100 + patch, of the library loaded */
    int32_t kernel_count;   /* kernels in this build that this processor can run          */
    int32_t default_kernel; /* index chosen by CPU features or by POPCORN_KERNEL          */
    int32_t max_lanes;      /* no kernel works on more numbers at once; the same everywhere */
} pc_info;

/* Fails with PC_ERR_UNSUPPORTED where POPCORN_KERNEL names a kernel that is not there. */
PC_API int32_t pc_get_info(pc_info *info);

/* Name of kernel `index` ("gmp", ...), zero terminated, into `buffer` of `capacity` bytes. */
PC_API int32_t pc_kernel_name(int32_t index, char *buffer, int32_t capacity);

/* Known-answer test of one kernel: encrypts, adds, multiplies, inverts, packs and decrypts fixed values. */
PC_API int32_t pc_self_test(int32_t kernel);

/* ---- blocks ----------------------------------------------------------------------------------------------- */

/*
 * Loops of oblivious transfer over blocks of 16 bytes, with vectors of AES-128 where the processor has them: one holds
 * `blocks` blocks. 0: it has none, and the functions below fail with PC_ERR_UNSUPPORTED. `round_keys` are the 11 of an
 * expanded key (FIPS 197). A block is a little-endian number; none is an address, but for those of the code's key.
 */
PC_API int32_t pc_blocks_of_vector(int32_t *blocks);

/*
 * Single-point correlated transfers by half trees (Guo, Yang, Wang, Zhang, Xie, Liu and Zhao 2023), the sender's side.
 * With H(x) = AES(s(x)) + s(x) and s(hi || lo) = (hi + lo) || hi a node x has the children H(x) and x + H(x); the first
 * two are `first` and `first` + `delta`, of the leaves bit 0 is cleared. correction[i] = cot[i] + the sum of the left
 * nodes of level i. Blocks: `levels` (2 to 24) of cots and corrections, leaf_count = 2^levels of leaves.
 */
PC_API int32_t pc_tree_send(const uint8_t *round_keys, const uint8_t *delta, const uint8_t *first, const uint8_t *cots,
                            int32_t levels, uint8_t *corrections, uint8_t *leaves, int32_t leaf_count);
/*
 * The receiver's side. Bit 0 of a cot is the choice of its level; bits of the path, the highest first, are their
 * complements. The leaf of the path is the sum of all others with bit 0 set.
 */
PC_API int32_t pc_tree_receive(const uint8_t *round_keys, const uint8_t *cots, const uint8_t *corrections,
                               int32_t levels, uint8_t *leaves, int32_t leaf_count);

/*
 * Adds to output j ten blocks of `secret` (a power of two of them, 2^21 at most), at the places that the lowest bits of
 * the first ten of twelve fields say: three of 21 bits in each half of AES(2 * i) and AES(2 * i + 1), i = first + j.
 */
PC_API int32_t pc_code_add(const uint8_t *round_keys, const uint8_t *secret, int32_t secret_count, uint64_t first,
                           uint8_t *outputs, int32_t count);

/*
 * Pads of some items (64 at most), each from `choice_bits` (1 to 4) cots in a row: with x = the sum of X^i * cot[i] in
 * GF(2^128) = GF(2)[X] / (X^128 + X^7 + X^2 + X + 1), pad j of item i is x + multiples[j], hashed as by pc_pads_hash
 * with the number first + i * choice_bits; its lowest `width` bits are set in word (j / f) * 64 + i from bit
 * j % f * width on, where f = 64 / width pads fit into a word. `pads` of them, 2^choice_bits at most.
 */
PC_API int32_t pc_pads_make(const uint8_t *round_keys, const uint8_t *cots, int32_t items, int32_t choice_bits,
                            const uint8_t *multiples, int32_t pads, int32_t width, uint64_t first, uint64_t *words,
                            int32_t word_count);

/* Block j becomes AES(AES(x) + first + j * step) + AES(x), the number added to its lower half. */
PC_API int32_t pc_pads_hash(const uint8_t *round_keys, uint8_t *blocks, int32_t count, uint64_t first, uint64_t step);

/* ---- keys ------------------------------------------------------------------------------------------------- */

/*
 * Public key from n (odd, its top byte not zero) and h in (1, n) coprime to n. The base of the randomness is
 * h_s = h^n mod n^2. `kernel`: an index, or -1 for the default. Objects belong together if they were made from the
 * same pc_public, not from two with the same n. PC_FLAG_SHORT_ORDER: a short-order key; that h has such an order is
 * seen by its owner alone, see pc_private_create_short.
 */
PC_API int32_t pc_public_create(const uint8_t *n, int32_t n_bytes, const uint8_t *h, int32_t h_bytes, int32_t flags,
                                int32_t kernel, pc_public **key);
PC_API int32_t pc_public_free(pc_public *key);

typedef struct pc_public_info {
    int32_t key_bits;         /* bit length of n                                                        */
    int32_t modulus_bytes;    /* bytes of n                                                             */
    int32_t ciphertext_bytes; /* bytes of one exported ciphertext: 2 * modulus_bytes                    */
    int32_t plaintext_words;  /* 64-bit words of one decrypted plaintext                                */
    int32_t lanes;            /* numbers that the kernel works on at once: best split batches at multiples */
    int32_t kernel;
    int32_t order_bits;       /* bits of u_p and of u_q of a short-order key; 0: any other key          */
    int32_t reserved;         /* 0                                                                      */
    int64_t number_bytes;     /* memory of one ciphertext in a batch or register file                   */
} pc_public_info;

PC_API int32_t pc_public_get_info(const pc_public *key, pc_public_info *info);

/* pc_public_info.number_bytes of keys of `key_bits` bits, before there is one. `kernel`: an index, or -1. */
PC_API int32_t pc_number_bytes(int32_t kernel, int32_t key_bits, int64_t *bytes);

/*
 * Finds a prime p = 3 (mod 4) of exactly `bits` bits whose two top bits are set and with no odd prime below 2^16 in
 * p - 1 (below 2^(bits / 4) where `bits` is less than 64). `random` holds `random_bytes` bytes from the operating
 * system, used as independent candidates of (bits + 7) / 8 bytes each; PC_ERR_NO_PRIME asks for fresh ones. The result
 * is written little-endian to `prime`, (bits + 7) / 8 bytes. A prime with |p - other| small (its top 100 bits agree) or
 * gcd(p - 1, other - 1) != 2 is skipped where `other`, of `bits` bits too, is given (may be null).
 * Wipes nothing of the caller's.
 */
PC_API int32_t pc_prime_search_var(const uint8_t *random, int32_t random_bytes, int32_t bits, const uint8_t *other,
                                   int32_t other_bytes, uint8_t *prime, int32_t prime_bytes);

/*
 * The same for a short-order key: p - 1 is a multiple of the odd prime `order`, of 3 bits at least and half of those of
 * p at most, and small factors are looked for beside it.
 */
PC_API int32_t pc_prime_search_short_var(const uint8_t *random, int32_t random_bytes, int32_t bits,
                                         const uint8_t *order, int32_t order_bytes, const uint8_t *other,
                                         int32_t other_bytes, uint8_t *prime, int32_t prime_bytes);

/*
 * h of order u_p*u_q modulo n, little-endian in h_bytes bytes (2 * prime_bytes at least), of random_bytes random bytes
 * (16 more than n has). PC_ERR_NO_PRIME asks for fresh ones, PC_ERR_KEY says that p - 1 or q - 1 is no multiple.
 */
PC_API int32_t pc_short_base_var(const uint8_t *p, const uint8_t *q, int32_t prime_bytes, const uint8_t *u_p,
                                 const uint8_t *u_q, int32_t order_bytes, const uint8_t *random, int32_t random_bytes,
                                 uint8_t *h, int32_t h_bytes);

/*
 * Private key from its primes, checked: odd, equal bit lengths, = 3 (mod 4), p != q, probably prime (taken on trust
 * with PC_FLAG_FRESH_PRIMES, for those that pc_prime_search_var has just found), gcd(p-1, q-1) = 2, and p*q equal to
 * the n of `key`, which is no short-order key. Holds a reference to `key`.
 */
PC_API int32_t pc_private_create(const pc_public *key, const uint8_t *p, const uint8_t *q, int32_t prime_bytes,
                                 int32_t flags, pc_private **private_key);
/*
 * The same for a short-order key. Checked too: u_p and u_q have the bits of PC_SHORT_ORDER_BITS, are probably prime
 * (taken on trust as p and q are), divide p - 1 and q - 1, and are the orders of h modulo p and q.
 */
PC_API int32_t pc_private_create_short(const pc_public *key, const uint8_t *p, const uint8_t *q, int32_t prime_bytes,
                                       const uint8_t *u_p, const uint8_t *u_q, int32_t order_bytes, int32_t flags,
                                       pc_private **private_key);
/* Wipes and frees. */
PC_API int32_t pc_private_free(pc_private *private_key);

/*
 * Proof that gcd(n, phi(n)) = 1, by n-th roots of numbers that the prover cannot choose. Numbers and roots lie below n
 * and have modulus_bytes each, `bytes` in all. roots[i]^n = numbers[i] modulo n; in constant time.
 */
PC_API int32_t pc_find_roots(const pc_private *private_key, const uint8_t *numbers, int64_t bytes, int32_t count,
                             uint8_t *roots);
/*
 * valid: 1 if all these are roots and n has no prime factor below 2^16; else 0. If 1, gcd(n, phi(n)) = 1, but for one
 * draw in 2^(16 * count) of random numbers.
 */
PC_API int32_t pc_check_roots(const pc_public *key, const uint8_t *numbers, const uint8_t *roots, int64_t bytes,
                              int32_t count, int32_t *valid);

/* ---- batches ---------------------------------------------------------------------------------------------- */

/* `count` ciphertexts, each the trivial encryption of 0 (the number 1). Holds a reference to `key`. */
PC_API int32_t pc_batch_create(const pc_public *key, int32_t count, pc_batch **batch);
PC_API int32_t pc_batch_free(pc_batch *batch);

/*
 * Standard form (0 < c < n^2, ciphertext_bytes little-endian bytes each) to and from a batch. Import refuses with
 * PC_ERR_CIPHERTEXT what is out of range or not coprime to n, and then leaves the batch as it was.
 */
PC_API int32_t pc_import(const uint8_t *source, int64_t source_bytes, pc_batch *batch, int32_t offset, int32_t count);
PC_API int32_t pc_export(const pc_batch *batch, int32_t offset, int32_t count, uint8_t *target, int64_t target_bytes);

/* target[offset + i] = source[index[i]] */
PC_API int32_t pc_gather(const pc_batch *source, const int32_t *index, pc_batch *target, int32_t offset,
                         int32_t count);

/* ---- encryption and decryption ---------------------------------------------------------------------------- */

/*
 * Fixed-base tables for h_s^alpha, alpha of `exponent_bits` bits, cut into windows of `window_bits` (1..12).
 * public: modulo n^2. owner: modulo p^2 and q^2, joined by CRT; some twice as fast; secret, wiped when freed.
 * Tables are indexed by alpha; with PC_FLAG_CONSTANT_TIME they are scanned in full, so that no address depends on it:
 * windows of 5 bits are best then.
 * The owner of a short-order key draws an exponent for each side, uniform below u_p and u_q up to 2^-PC_HIDING_BITS:
 * exponent_bits are the key's order_bits. Anyone else's hide as well if they have 2 * order_bits + PC_HIDING_BITS.
 */
PC_API int32_t pc_encryptor_create_public(const pc_public *key, int32_t exponent_bits, int32_t window_bits,
                                          int32_t flags, pc_encryptor **encryptor);
PC_API int32_t pc_encryptor_create_owner(const pc_private *private_key, int32_t exponent_bits, int32_t window_bits,
                                         int32_t flags, pc_encryptor **encryptor);
/*
 * For re-randomisation that hides from the key's owner too how a ciphertext was made: instead of h_s^alpha the product
 * of b_j^d_j over `windows` windows d_j of alpha, each with a base b_j = y_j^n of its own. random: windows *
 * (modulus_bytes + 16) bytes for the y_j. PC_ERR_KEY if n has a prime factor below 2^16, or one in common with a y_j,
 * and for short-order keys, whose owner would not decrypt what left the subgroup.
 */
PC_API int32_t pc_encryptor_create_rerandomizer(const pc_public *key, const uint8_t *random, int64_t random_bytes,
                                                int32_t windows, int32_t window_bits, int32_t flags,
                                                pc_encryptor **encryptor);
/*
 * With PC_FLAG_FILL_LATER the tables are left empty, and each of their parts is to be filled before the encryptor is
 * used (PC_ERR_UNSUPPORTED until then): parts first .. first + count - 1, by any number of threads at once.
 */
PC_API int32_t pc_encryptor_parts(const pc_encryptor *encryptor, int32_t *parts);
PC_API int32_t pc_encryptor_fill(pc_encryptor *encryptor, int32_t first, int32_t count);
PC_API int32_t pc_encryptor_free(pc_encryptor *encryptor);

/*
 * Bytes of randomness that one encryption or re-randomisation consumes: ceil(exponent_bits / 8), or of the owner of a
 * short-order key 2 * ceil((order_bits + PC_HIDING_BITS) / 8).
 */
PC_API int32_t pc_encryptor_random_bytes(const pc_encryptor *encryptor, int32_t *bytes);
/* Memory held by the tables, in bytes. */
PC_API int32_t pc_encryptor_table_bytes(const pc_encryptor *encryptor, int64_t *bytes);

/*
 * batch[offset + i] = (1 + n*m_i) * h_s^alpha_i. Plaintexts: `words_each` little-endian words each, two's complement,
 * sign-extended to any size, so that negative numbers become n - |m|; |m| must be < n. Randomness: count *
 * random_bytes; excess top bits of each alpha are ignored. plaintexts may be null: encryptions of 0.
 */
PC_API int32_t pc_encrypt(const pc_encryptor *encryptor, const uint64_t *plaintexts, int32_t words_each,
                          const uint8_t *random, int64_t random_bytes, pc_batch *batch, int32_t offset, int32_t count);

/* batch[offset + i] *= h_s^alpha_i. */
PC_API int32_t pc_rerandomize(const pc_encryptor *encryptor, const uint8_t *random, int64_t random_bytes,
                              pc_batch *batch, int32_t offset, int32_t count);

/*
 * plaintexts[i] in [0, n), plaintext_words words each (`words` = total capacity in words). With a short-order key
 * PC_ERR_SUBGROUP if any of the ciphertexts is none of its own: all plaintexts are 0 then, and neither time nor
 * anything else tells which it was.
 */
PC_API int32_t pc_decrypt(const pc_private *private_key, const pc_batch *batch, int32_t offset, int32_t count,
                          uint64_t *plaintexts, int64_t words);

/* ---- linear algebra on ciphertexts: all of it variable time in public or server-known exponents -------------- */

/* target[to + i] = a[ao + i] * b[bo + i]: sums. */
PC_API int32_t pc_add(const pc_batch *a, int32_t ao, const pc_batch *b, int32_t bo, pc_batch *target, int32_t to,
                      int32_t count);

/* batch[offset + i] *= (1 + n*k_i): adds plaintexts; words as in pc_encrypt. Not re-randomised. */
PC_API int32_t pc_add_plain(const uint64_t *plaintexts, int32_t words_each, pc_batch *batch, int32_t offset,
                            int32_t count);

/* target[to + i] = source[so + i]^-1: negations, with one modular inversion per 1024 groups (Montgomery's trick). */
PC_API int32_t pc_negate(const pc_batch *source, int32_t so, pc_batch *target, int32_t to, int32_t count);

/* A term of a combination: sources[batch][index] ^ (magnitude * 2^shift). */
typedef struct pc_term {
    uint64_t magnitude;
    int32_t batch;
    int32_t index;
    int32_t shift;
    int32_t reserved; /* 0 */
} pc_term;

/*
 * target[offset + j] = product of the terms first[j] .. first[j+1]-1 (none: the number 1), j < count.
 * Straus' method with squarings shared by all terms of one output: scaling by small numbers, packing into slots,
 * small sparse rows. Negative factors: let a term name a batch of negations.
 * products (may be null) receives the number of products and squarings done, the same for every kernel.
 */
PC_API int32_t pc_combine(const pc_batch *const *sources, int32_t source_count, const pc_term *terms,
                          const int32_t *first, int32_t count, pc_batch *target, int32_t offset, int64_t *products);

/*
 * A sparse integer matrix as a straight-line program of products, run on many input vectors (tiles).
 * Registers 0 .. inputs-1 are a tile's inputs and never written; inputs .. inputs+temporaries-1 are temporaries.
 * Instruction: r[target] = r[left] * r[right] (target == left or right allowed; left == right squares).
 * outputs: one register per output, or -1 for the number 1.
 *
 * Order matters to speed alone. Fewer tiles than the kernel has lanes run one by one, and then neighbours fill the
 * lanes: instructions that do not depend on each other, and chains of them, which multiply one register again and again
 * (left == target), where neighbouring chains are of one length.
 */
typedef struct pc_instruction {
    int32_t target;
    int32_t left;
    int32_t right;
} pc_instruction;

/* An input: an entry of one of the views that a run is given, at one of the positions that a tile sees there. */
typedef struct pc_program_input {
    int32_t source; /* 0 .. PC_MAX_SOURCES-1: index of the view        */
    int32_t entry;
    int32_t tap;    /* which of the positions that a tile has in it */
} pc_program_input;

/*
 * How the tiles of a run see a batch: tile t finds entry e at tap k in number e * stride + positions[t * taps + k],
 * which must be one of the batch. Position -1: absent.
 */
typedef struct pc_view {
    pc_batch *batch;
    const int32_t *positions;
    int32_t stride;
    int32_t taps;
} pc_view;

PC_API int32_t pc_program_create(const pc_instruction *instructions, int32_t instruction_count,
                                 const pc_program_input *inputs, int32_t input_count, int32_t temporaries,
                                 const int32_t *outputs, int32_t output_count, pc_program **program);
PC_API int32_t pc_program_free(pc_program *program);

/* Scratch memory for a run of up to `tiles` tiles under `key`: 64-byte aligned, reusable, not zeroed. */
PC_API int32_t pc_program_scratch_bytes(const pc_program *program, const pc_public *key, int32_t tiles,
                                        int64_t *bytes);

/*
 * Runs tiles first_tile .. first_tile + tiles - 1. An absent input (the number 1) costs nothing: products with an
 * absent operand are not done and not counted. Output o goes to entry o of the target, which has one tap (position -1:
 * the tile's outputs are dropped) and is no source. Where two tiles write one number it is undefined which of them
 * stays.
 */
PC_API int32_t pc_program_run(const pc_program *program, const pc_view *sources, int32_t source_count,
                              const pc_view *target, int32_t first_tile, int32_t tiles, uint8_t *scratch,
                              int64_t scratch_bytes, int64_t *products);

/*
 * One tile on several threads: after one call of pc_program_begin, each of them calls pc_program_join with the same
 * arguments, again and again, until `done` is 1; the tile is complete when all are. 0: all that is left waits for what
 * other threads have in hand. `products` receives those that this call did.
 */
PC_API int32_t pc_program_begin(const pc_program *program, const pc_public *key, uint8_t *scratch,
                                int64_t scratch_bytes);
PC_API int32_t pc_program_join(const pc_program *program, const pc_view *sources, int32_t source_count,
                               const pc_view *target, int32_t tile, uint8_t *scratch, int64_t scratch_bytes,
                               int32_t *done, int64_t *products);

/* ---- yardstick ------------------------------------------------------------------------------------------------ */

/* mpz_powm of a fixed 2048-bit exponent modulo a fixed odd 4096-bit number, `repeats` times; nanoseconds for all. */
PC_API int32_t pc_reference_powm(int32_t repeats, int64_t *nanoseconds);

#ifdef __cplusplus
}
#endif
#endif
