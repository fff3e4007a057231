/*
 * Blocks with AVX-512 and VAES: four in a vector, eight vectors under way, which hides the latency of a round.
 */
#include "../blocks.h"

#include <immintrin.h>
#include <stddef.h>

#define LANES 4   /* blocks in a vector        */
#define VECTORS 8 /* vectors that are under way */
#define GROUP (LANES * VECTORS)

#define EVERY_WORD ((__mmask8)0xff)
#define HIGH_WORDS ((__mmask8)0xaa)
/* The lowest bit of a block carries the choice of a transfer. */
#define CHOICE _mm_set_epi64x(0, 1)

#define INLINE static inline __attribute__((always_inline))

typedef struct round_keys {
    __m512i of[PC_AES_ROUNDS + 1];
} round_keys;

INLINE __m128i load(const uint8_t *block)
{
    return _mm_loadu_si128((const __m128i *)block);
}

INLINE void store(uint8_t *block, __m128i value)
{
    _mm_storeu_si128((__m128i *)block, value);
}

static round_keys widen(const uint8_t *keys)
{
    round_keys wide;
    for (size_t i = 0; i <= PC_AES_ROUNDS; i++) {
        wide.of[i] = _mm512_broadcast_i32x4(load(keys + i * PC_BLOCK_BYTES));
    }
    return wide;
}

/* Encrypts `vectors` vectors, a number that the compiler knows. */
INLINE void encrypt(const round_keys *keys, __m512i *blocks, int32_t vectors)
{
    for (int32_t i = 0; i < vectors; i++) {
        blocks[i] = _mm512_xor_si512(blocks[i], keys->of[0]);
    }
    for (int32_t round = 1; round < PC_AES_ROUNDS; round++) {
        for (int32_t i = 0; i < vectors; i++) {
            blocks[i] = _mm512_aesenc_epi128(blocks[i], keys->of[round]);
        }
    }
    for (int32_t i = 0; i < vectors; i++) {
        blocks[i] = _mm512_aesenclast_epi128(blocks[i], keys->of[PC_AES_ROUNDS]);
    }
}

/* (hi || lo) becomes (hi + lo) || hi. */
INLINE __m512i sigma(__m512i x)
{
    __m512i swapped = _mm512_shuffle_epi32(x, _MM_PERM_BADC);
    return _mm512_mask_xor_epi64(swapped, HIGH_WORDS, swapped, x);
}

INLINE __m128i sum_of_lanes(__m512i x)
{
    __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
    return _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/* The numbers of four blocks from one on, each twice: for comparisons word by word. */
INLINE __m512i numbers_from(int64_t first)
{
    return _mm512_add_epi64(_mm512_set1_epi64(first), _mm512_set_epi64(3, 3, 2, 2, 1, 1, 0, 0));
}

/* A level of a tree: which node is unknown, what the one beside it is, what of children is kept, their sums. */
typedef struct tree_level {
    __m512i path;
    __m512i beside;
    __m512i sibling;
    __m512i kept;
    __m512i left_sum;
    __m512i right_sum;
} tree_level;

/* The children of some parents, in their place; `words` are those of a vector that hold any. */
INLINE void make_children(const round_keys *keys, uint8_t *nodes, int64_t first, int32_t vectors, __mmask8 words,
                          tree_level *at)
{
    const __m512i lower_half = _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0);
    const __m512i upper_half = _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4);
    __m512i parents[VECTORS], children[VECTORS];
    for (int32_t i = 0; i < vectors; i++) {
        int64_t number = first + LANES * i;
        __m512i node = _mm512_maskz_loadu_epi64(words, nodes + number * PC_BLOCK_BYTES);
        __mmask8 beside = _mm512_cmpeq_epi64_mask(numbers_from(number), at->beside);
        parents[i] = _mm512_mask_xor_epi64(node, beside, node, at->sibling);
        children[i] = sigma(parents[i]);
    }
    encrypt(keys, children, vectors);
    for (int32_t i = 0; i < vectors; i++) {
        int64_t number = first + LANES * i;
        __mmask8 known = words & _mm512_cmpneq_epi64_mask(numbers_from(number), at->path);
        __m512i left = _mm512_xor_si512(children[i], sigma(parents[i]));
        __m512i right = _mm512_maskz_and_epi64(known, _mm512_xor_si512(parents[i], left), at->kept);
        left = _mm512_maskz_and_epi64(known, left, at->kept);
        at->left_sum = _mm512_xor_si512(at->left_sum, left);
        at->right_sum = _mm512_xor_si512(at->right_sum, right);
        uint8_t *target = nodes + 2 * number * PC_BLOCK_BYTES;
        _mm512_storeu_si512(target, _mm512_permutex2var_epi64(left, lower_half, right));
        if (words == EVERY_WORD) {
            _mm512_storeu_si512(target + LANES * PC_BLOCK_BYTES, _mm512_permutex2var_epi64(left, upper_half, right));
        }
    }
}

/* From 2^depth nodes, in descending order, so that children go where no parent is needed any more. */
static void expand(const round_keys *keys, uint8_t *nodes, int32_t depth, tree_level *at)
{
    at->left_sum = at->right_sum = _mm512_setzero_si512();
    switch (depth) {
    case 1:
        make_children(keys, nodes, 0, 1, 0x0f, at);
        break;
    case 2:
        make_children(keys, nodes, 0, 1, EVERY_WORD, at);
        break;
    case 3:
        make_children(keys, nodes, 0, 2, EVERY_WORD, at);
        break;
    case 4:
        make_children(keys, nodes, 0, 4, EVERY_WORD, at);
        break;
    default:
        for (int64_t first = (INT64_C(1) << depth) - GROUP; first >= 0; first -= GROUP) {
            make_children(keys, nodes, first, VECTORS, EVERY_WORD, at);
        }
        break;
    }
}

INLINE __m128i kept_of(int32_t depth, int32_t levels)
{
    return depth == levels - 1 ? _mm_andnot_si128(CHOICE, _mm_set1_epi64x(-1)) : _mm_set1_epi64x(-1);
}

static void send_tree(const uint8_t *round_keys_, const uint8_t *delta, const uint8_t *first, const uint8_t *cots,
                      int32_t levels, uint8_t *corrections, uint8_t *leaves)
{
    round_keys keys = widen(round_keys_);
    __m128i root = load(first);
    store(corrections, _mm_xor_si128(load(cots), root));
    store(leaves + PC_BLOCK_BYTES, _mm_xor_si128(root, load(delta)));
    store(leaves, root);
    for (int32_t i = 1; i < levels; i++) {
        /* Nobody's path: every node is known. */
        tree_level at = {.path = _mm512_set1_epi64(-1), .beside = _mm512_set1_epi64(-1),
                    .sibling = _mm512_setzero_si512(), .kept = _mm512_broadcast_i32x4(kept_of(i, levels))};
        expand(&keys, leaves, i, &at);
        size_t block = (size_t)i * PC_BLOCK_BYTES;
        store(corrections + block, _mm_xor_si128(load(cots + block), sum_of_lanes(at.left_sum)));
    }
}

/* Puts the leaf beside the path in its place, and in that of the path the sum of all others with its lowest bit set. */
static void finish(uint8_t *leaves, int32_t levels, __m128i sum, uint64_t path, __m128i sibling)
{
    __m512i last = _mm512_broadcast_i32x4(_mm_or_si128(_mm_xor_si128(sum, sibling), CHOICE));
    __m512i other = _mm512_broadcast_i32x4(sibling);
    __m512i path_ = _mm512_set1_epi64((int64_t)path), beside = _mm512_set1_epi64((int64_t)(path ^ 1));
    for (int64_t i = 0; i < INT64_C(1) << levels; i += LANES) {
        __m512i leaf = _mm512_loadu_si512(leaves + i * PC_BLOCK_BYTES), numbers = numbers_from(i);
        leaf = _mm512_mask_xor_epi64(leaf, _mm512_cmpeq_epi64_mask(numbers, beside), leaf, other);
        leaf = _mm512_mask_xor_epi64(leaf, _mm512_cmpeq_epi64_mask(numbers, path_), leaf, last);
        _mm512_storeu_si512(leaves + i * PC_BLOCK_BYTES, leaf);
    }
}

static void receive_tree(const uint8_t *round_keys_, const uint8_t *cots, const uint8_t *corrections, int32_t levels,
                         uint8_t *leaves)
{
    round_keys keys = widen(round_keys_);
    __m128i sum = _mm_setzero_si128(), cot = load(cots), sibling = _mm_xor_si128(cot, load(corrections));
    uint64_t path = 1 ^ ((uint64_t)_mm_cvtsi128_si64(cot) & 1);
    store(leaves, sum);
    store(leaves + PC_BLOCK_BYTES, sum);
    for (int32_t i = 1; i < levels; i++) {
        __m128i kept = kept_of(i, levels);
        tree_level at = {.path = _mm512_set1_epi64((int64_t)path), .beside = _mm512_set1_epi64((int64_t)(path ^ 1)),
                    .sibling = _mm512_broadcast_i32x4(sibling), .kept = _mm512_broadcast_i32x4(kept)};
        expand(&keys, leaves, i, &at);
        cot = load(cots + (size_t)i * PC_BLOCK_BYTES);
        uint64_t choice = (uint64_t)_mm_cvtsi128_si64(cot) & 1;
        sum = _mm_xor_si128(sum_of_lanes(at.left_sum), sum_of_lanes(at.right_sum));
        /* The sum of the left nodes that are known, or where the choice is 1 of the right ones. */
        __m128i known = _mm_xor_si128(
            sum_of_lanes(at.left_sum), _mm_and_si128(sum, _mm_set1_epi64x(-(int64_t)choice)));
        __m128i told = _mm_xor_si128(cot, load(corrections + (size_t)i * PC_BLOCK_BYTES));
        sibling = _mm_xor_si128(_mm_and_si128(told, kept), known);
        path = 2 * path + (1 ^ choice);
    }
    finish(leaves, levels, sum, path, sibling);
}

/* Places of the code: two blocks of the stream for an output, three fields of 21 bits in each half of them. */
#define FIELD_BITS 21
#define LOG_BLOCK_BYTES 4
#define WORDS_OF_OUTPUT 4
#define OUTPUTS_AT_ONCE 64

typedef struct places {
    uint64_t fields[3][OUTPUTS_AT_ONCE * WORDS_OF_OUTPUT]; /* as bytes from the beginning of the vector */
} places;

static void find_places(const round_keys *keys, uint64_t first_output, uint64_t mask, places *found)
{
    const __m512i masks = _mm512_set1_epi64((int64_t)mask);
    for (size_t block = 0; block < 2 * OUTPUTS_AT_ONCE; block += GROUP) {
        __m512i stream[VECTORS];
        for (size_t i = 0; i < VECTORS; i++) {
            uint64_t counter = 2 * first_output + block + LANES * i;
            stream[i] = _mm512_add_epi64(
                _mm512_maskz_set1_epi64(0x55, (int64_t)counter), _mm512_set_epi64(0, 3, 0, 2, 0, 1, 0, 0));
        }
        encrypt(keys, stream, VECTORS);
        for (size_t i = 0; i < VECTORS; i++) {
            size_t word = 2 * (block + LANES * i);
            __m512i field = _mm512_slli_epi64(stream[i], LOG_BLOCK_BYTES);
            _mm512_storeu_si512(found->fields[0] + word, _mm512_and_si512(field, masks));
            field = _mm512_srli_epi64(stream[i], FIELD_BITS - LOG_BLOCK_BYTES);
            _mm512_storeu_si512(found->fields[1] + word, _mm512_and_si512(field, masks));
            field = _mm512_srli_epi64(stream[i], 2 * FIELD_BITS - LOG_BLOCK_BYTES);
            _mm512_storeu_si512(found->fields[2] + word, _mm512_and_si512(field, masks));
        }
    }
}

static void add_code(const uint8_t *round_keys_, const uint8_t *secret, int32_t secret_count, uint64_t first,
                     uint8_t *outputs, int32_t count)
{
    round_keys keys = widen(round_keys_);
    uint64_t mask = ((uint64_t)secret_count - 1) << LOG_BLOCK_BYTES;
    places found;
    for (int32_t begin = 0; begin < count; begin += OUTPUTS_AT_ONCE) {
        find_places(&keys, first + (uint64_t)begin, mask, &found);
        int32_t some = count - begin < OUTPUTS_AT_ONCE ? count - begin : OUTPUTS_AT_ONCE;
        for (int32_t j = 0; j < some; j++) {
            const uint64_t *a = found.fields[0] + j * WORDS_OF_OUTPUT;
            const uint64_t *b = found.fields[1] + j * WORDS_OF_OUTPUT;
            const uint64_t *c = found.fields[2] + j * WORDS_OF_OUTPUT;
            uint8_t *output = outputs + (size_t)(begin + j) * PC_BLOCK_BYTES;
            __m128i x = _mm_xor_si128(load(secret + a[0]), load(secret + b[0]));
            __m128i y = _mm_xor_si128(load(secret + c[0]), load(secret + a[1]));
            __m128i z = _mm_xor_si128(load(secret + b[1]), load(secret + c[1]));
            x = _mm_xor_si128(x, _mm_xor_si128(load(secret + a[2]), load(secret + b[2])));
            y = _mm_xor_si128(y, _mm_xor_si128(load(secret + c[2]), load(secret + a[3])));
            z = _mm_xor_si128(z, load(output));
            store(output, _mm_xor_si128(_mm_xor_si128(x, y), z));
        }
    }
}

/* The words of a vector that stand before the end, where so many blocks are left. */
INLINE __mmask8 words_of(int32_t left)
{
    return (__mmask8)(left >= LANES ? EVERY_WORD : left <= 0 ? 0 : (1 << 2 * left) - 1);
}

/* The same where an item is a word. */
INLINE __mmask8 words_of_items(int32_t left)
{
    return (__mmask8)(left >= 2 * LANES ? EVERY_WORD : left <= 0 ? 0 : (1 << left) - 1);
}

/* What is added between the two encryptions: a number for each block of a group, `step` apart. */
INLINE void make_tweaks(uint64_t first, uint64_t step, __m512i *tweaks)
{
    const __m512i next = _mm512_maskz_set1_epi64(0x55, (int64_t)(LANES * step));
    tweaks[0] = _mm512_set_epi64(0, (int64_t)(first + 3 * step), 0, (int64_t)(first + 2 * step), 0,
                                 (int64_t)(first + step), 0, (int64_t)first);
    for (int32_t i = 1; i < VECTORS; i++) {
        tweaks[i] = _mm512_add_epi64(tweaks[i - 1], next);
    }
}

/* AES(AES(x) + tweak) + AES(x) of a group. */
INLINE void hash(const round_keys *keys, const __m512i *tweaks, __m512i *blocks)
{
    __m512i twice[VECTORS];
    encrypt(keys, blocks, VECTORS);
    for (int32_t i = 0; i < VECTORS; i++) {
        twice[i] = _mm512_xor_si512(blocks[i], tweaks[i]);
    }
    encrypt(keys, twice, VECTORS);
    for (int32_t i = 0; i < VECTORS; i++) {
        blocks[i] = _mm512_xor_si512(blocks[i], twice[i]);
    }
}

static void hash_pads(const uint8_t *round_keys_, uint8_t *blocks, int32_t count, uint64_t first, uint64_t step)
{
    round_keys keys = widen(round_keys_);
    for (int32_t begin = 0; begin < count; begin += GROUP) {
        uint8_t *group = blocks + (size_t)begin * PC_BLOCK_BYTES;
        int32_t left = count - begin;
        __m512i hashed[VECTORS], tweaks[VECTORS];
        make_tweaks(first + (uint64_t)begin * step, step, tweaks);
        for (int32_t i = 0; i < VECTORS; i++) {
            hashed[i] = _mm512_maskz_loadu_epi64(words_of(left - LANES * i), group + LANES * i * PC_BLOCK_BYTES);
        }
        hash(&keys, tweaks, hashed);
        for (int32_t i = 0; i < VECTORS; i++) {
            _mm512_mask_storeu_epi64(group + LANES * i * PC_BLOCK_BYTES, words_of(left - LANES * i), hashed[i]);
        }
    }
}

/* X times a in GF(2^128): a low half's carry goes to the high one, that of the high one comes back as 0x87. */
INLINE __m512i doubled(__m512i a)
{
    const __m512i reduction = _mm512_set_epi64(1, 0x87, 1, 0x87, 1, 0x87, 1, 0x87);
    __m512i carries = _mm512_shuffle_epi32(_mm512_srli_epi64(a, 63), _MM_PERM_BADC);
    __m512i masks = _mm512_sub_epi64(_mm512_setzero_si512(), carries);
    return _mm512_xor_si512(_mm512_add_epi64(a, a), _mm512_and_si512(masks, reduction));
}

/* One block of each of four items, `stride` blocks apart; zero for those that are not there. */
INLINE __m512i load_items(const uint8_t *blocks, int32_t stride, int32_t left)
{
    size_t bytes = (size_t)stride * PC_BLOCK_BYTES;
    __m512i four = _mm512_zextsi128_si512(load(blocks));
    four = left > 1 ? _mm512_inserti32x4(four, load(blocks + bytes), 1) : four;
    four = left > 2 ? _mm512_inserti32x4(four, load(blocks + 2 * bytes), 2) : four;
    return left > 3 ? _mm512_inserti32x4(four, load(blocks + 3 * bytes), 3) : four;
}

static void make_pads(const uint8_t *round_keys_, const uint8_t *cots, int32_t items, int32_t choice_bits,
                      const uint8_t *multiples, int32_t pads, int32_t width, uint64_t first, uint64_t *words)
{
    const __m512i low_words = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
    round_keys keys = widen(round_keys_);
    const __m512i kept = _mm512_set1_epi64((int64_t)(UINT64_MAX >> (64 - width)));
    uint64_t step = (uint64_t)choice_bits;
    int32_t fit = 64 / width;
    for (int32_t begin = 0; begin < items; begin += GROUP) {
        int32_t left = items - begin;
        __m512i sums[VECTORS], tweaks[VECTORS];
        make_tweaks(first + (uint64_t)begin * step, step, tweaks);
        for (int32_t i = 0; i < VECTORS; i++) {
            const uint8_t *four = cots + (size_t)(begin + LANES * i) * (size_t)choice_bits * PC_BLOCK_BYTES;
            sums[i] = _mm512_setzero_si512();
            for (int32_t bit = choice_bits - 1; bit >= 0 && left > LANES * i; bit--) {
                __m512i blocks = load_items(four + (size_t)bit * PC_BLOCK_BYTES, choice_bits, left - LANES * i);
                sums[i] = _mm512_xor_si512(doubled(sums[i]), blocks);
            }
        }
        for (int32_t pad = 0; pad < pads; pad++) {
            const __m512i multiple = _mm512_broadcast_i32x4(load(multiples + (size_t)pad * PC_BLOCK_BYTES));
            const __m128i shift = _mm_cvtsi32_si128(pad % fit * width);
            uint64_t *row = words + pad / fit * PC_PAD_ITEMS + begin;
            __m512i hashed[VECTORS];
            for (int32_t i = 0; i < VECTORS; i++) {
                hashed[i] = _mm512_xor_si512(sums[i], multiple);
            }
            hash(&keys, tweaks, hashed);
            for (int32_t i = 0; i < VECTORS; i += 2) {
                __m512i eight = _mm512_permutex2var_epi64(hashed[i], low_words, hashed[i + 1]);
                __mmask8 there = words_of_items(left - LANES * i);
                eight = _mm512_sll_epi64(_mm512_and_si512(eight, kept), shift);
                __m512i before = _mm512_maskz_loadu_epi64(there, row + LANES * i);
                _mm512_mask_storeu_epi64(row + LANES * i, there, _mm512_or_si512(before, eight));
            }
        }
    }
}

static bool available(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("vaes");
}

const pc_block_kernel pc_block_kernel_vaes = {
    .blocks_of_vector = LANES,
    .available = available,
    .send_tree = send_tree,
    .receive_tree = receive_tree,
    .add_code = add_code,
    .hash_pads = hash_pads,
    .make_pads = make_pads,
};
