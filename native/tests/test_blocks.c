/* Blocks of oblivious transfer against AES in plain C and against what is said of them in popcorn.h. */
#include "support.h"

#define BLOCK 16
#define ROUNDS 10
#define MOST_LEVELS 10
#define PADS 77

typedef struct block {
    uint8_t bytes[BLOCK];
} block;

static uint8_t substitution[256];

static uint8_t doubled(uint8_t a)
{
    return (uint8_t)(a << 1 ^ (a >> 7) * 0x1b);
}

static uint8_t product(uint8_t a, uint8_t b)
{
    uint8_t sum = 0;
    for (; b != 0; b >>= 1, a = doubled(a)) {
        sum = (uint8_t)(sum ^ (b & 1 ? a : 0));
    }
    return sum;
}

/* FIPS 197, 5.1.1: an inverse in the field, then sums of its rotations. */
static void make_substitution(void)
{
    for (int a = 0; a < 256; a++) {
        uint8_t inverse = 1; /* a^254 */
        for (int i = 0; i < 254; i++) {
            inverse = product(inverse, (uint8_t)a);
        }
        int sum = inverse;
        for (int i = 1; i <= 4; i++) {
            sum ^= inverse << i | inverse >> (8 - i);
        }
        substitution[a] = (uint8_t)(sum ^ 0x63);
    }
}

static void expand_key(block keys[ROUNDS + 1], const block *cipher_key)
{
    uint8_t constant = 1;
    keys[0] = *cipher_key;
    for (int i = 1; i <= ROUNDS; i++, constant = doubled(constant)) {
        for (int j = 0; j < BLOCK; j++) {
            uint8_t before = j >= 4 ? keys[i].bytes[j - 4] : substitution[keys[i - 1].bytes[12 + (j + 1) % 4]];
            keys[i].bytes[j] = (uint8_t)(keys[i - 1].bytes[j] ^ before ^ (j == 0 ? constant : 0));
        }
    }
}

static block encrypted(const block keys[ROUNDS + 1], block state)
{
    for (int round = 0; round <= ROUNDS; round++) {
        block rows = state;
        for (int j = 0; round > 0 && j < BLOCK; j++) {
            rows.bytes[j] = substitution[state.bytes[(j + 4 * (j % 4)) % BLOCK]];
        }
        for (int j = 0; j < BLOCK; j++) {
            const uint8_t *column = rows.bytes + j / 4 * 4;
            uint8_t mixed = rows.bytes[j];
            if (round > 0 && round < ROUNDS) {
                uint8_t next = column[(j + 1) % 4];
                mixed = (uint8_t)(doubled(mixed) ^ doubled(next) ^ next ^ column[(j + 2) % 4] ^ column[(j + 3) % 4]);
            }
            state.bytes[j] = (uint8_t)(mixed ^ keys[round].bytes[j]);
        }
    }
    return state;
}

static block sum(block a, block b)
{
    for (int i = 0; i < BLOCK; i++) {
        a.bytes[i] ^= b.bytes[i];
    }
    return a;
}

static block number(uint64_t low)
{
    block result = {{0}};
    for (int i = 0; i < 8; i++) {
        result.bytes[i] = (uint8_t)(low >> 8 * i);
    }
    return result;
}

static uint64_t word_of(block a, int word)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | a.bytes[8 * word + i];
    }
    return value;
}

static bool same(const block *a, const block *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

static block hash(const block *keys, block x)
{
    block mixed; /* its low half is the high one of x, its high half the sum of both */
    memcpy(mixed.bytes, x.bytes + 8, 8);
    for (int i = 8; i < BLOCK; i++) {
        mixed.bytes[i] = x.bytes[i] ^ x.bytes[i - 8];
    }
    return sum(encrypted(keys, mixed), mixed);
}

static void test_aes(void)
{
    /* FIPS 197, appendix B. */
    const block cipher_key = {
        {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c}};
    const block plain = {
        {0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d, 0x31, 0x31, 0x98, 0xa2, 0xe0, 0x37, 0x07, 0x34}};
    const block cipher = {
        {0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb, 0xdc, 0x11, 0x85, 0x97, 0x19, 0x6a, 0x0b, 0x32}};
    block keys[ROUNDS + 1], result;
    expand_key(keys, &cipher_key);
    result = encrypted(keys, plain);
    CHECK(same(&result, &cipher, 1));
}

static void test_trees(const block *keys)
{
    const uint8_t *round_keys = keys[0].bytes;
    for (int levels = 2; levels <= MOST_LEVELS; levels++) {
        int32_t leaves = 1 << levels;
        block delta, first, sent[MOST_LEVELS], received[MOST_LEVELS], corrections[MOST_LEVELS];
        block *nodes = malloc((size_t)leaves * sizeof *nodes), *own = malloc((size_t)leaves * sizeof *own);
        block *other = malloc((size_t)leaves * sizeof *other);
        CHECK(nodes != NULL && own != NULL && other != NULL);
        random_bytes(&delta, sizeof delta);
        random_bytes(&first, sizeof first);
        random_bytes(sent, sizeof sent);
        delta.bytes[0] |= 1;
        int32_t path = 0;
        for (int i = 0; i < levels; i++) {
            int32_t choice = random_below(2);
            sent[i].bytes[0] &= 0xfe;
            received[i] = choice ? sum(sent[i], delta) : sent[i];
            path = 2 * path + (1 ^ choice);
        }

        OK(pc_tree_send(round_keys, delta.bytes, first.bytes, sent[0].bytes, levels, corrections[0].bytes,
                        own[0].bytes, leaves));
        OK(pc_tree_receive(round_keys, received[0].bytes, corrections[0].bytes, levels, other[0].bytes, leaves));
        nodes[0] = first;
        nodes[1] = sum(first, delta);
        bool right = true;
        for (int i = 0; i < levels; i++) {
            block left = number(0);
            for (int32_t node = (1 << i) - 1; i > 0 && node >= 0; node--) {
                block parent = nodes[node];
                nodes[2 * node] = hash(keys, parent);
                nodes[2 * node + 1] = sum(parent, nodes[2 * node]);
                if (i == levels - 1) {
                    nodes[2 * node].bytes[0] &= 0xfe;
                    nodes[2 * node + 1].bytes[0] &= 0xfe;
                }
            }
            for (int32_t node = 0; node < 2 << i; node += 2) {
                left = sum(left, nodes[node]);
            }
            left = sum(left, sent[i]);
            right = right && same(&left, &corrections[i], 1);
        }
        CHECK(right);
        CHECK(same(nodes, own, (size_t)leaves));
        nodes[path] = sum(nodes[path], delta);
        CHECK(same(nodes, other, (size_t)leaves));
        free(nodes);
        free(own);
        free(other);
    }
}

static void test_codes(const block *keys)
{
    for (int log = 0; log <= 10; log++) {
        block secret[1 << 10], outputs[PADS], wanted[PADS];
        uint64_t first = log % 2 == 0 ? (uint64_t)log : random_word() >> 2;
        int32_t count = log == 10 ? PADS : random_below(PADS);
        random_bytes(secret, sizeof secret);
        random_bytes(outputs, sizeof outputs);
        memcpy(wanted, outputs, sizeof outputs);
        for (int32_t j = 0; j < count; j++) {
            for (int field = 0; field < 10; field++) {
                block stream = encrypted(keys, number(2 * (first + (uint64_t)j) + (uint64_t)(field / 6)));
                uint64_t place = word_of(stream, field % 6 / 3) >> 21 * (field % 3);
                wanted[j] = sum(wanted[j], secret[place & ((UINT64_C(1) << log) - 1)]);
            }
        }
        OK(pc_code_add(keys[0].bytes, secret[0].bytes, 1 << log, first, outputs[0].bytes, count));
        CHECK(same(outputs, wanted, PADS));
    }
}

static void test_pads(const block *keys)
{
    for (int32_t count = 0; count <= PADS; count++) {
        block blocks[PADS], wanted[PADS];
        uint64_t first = random_word(), step = (uint64_t)random_below(5);
        random_bytes(blocks, sizeof blocks);
        memcpy(wanted, blocks, sizeof blocks);
        for (int32_t j = 0; j < count; j++) {
            block once = encrypted(keys, blocks[j]);
            wanted[j] = sum(encrypted(keys, sum(once, number(first + step * (uint64_t)j))), once);
        }
        OK(pc_pads_hash(keys[0].bytes, blocks[0].bytes, count, first, step));
        CHECK(same(blocks, wanted, PADS));
    }
}

static block doubled_block(block a)
{
    int carry = 0;
    for (int i = 0; i < BLOCK; i++) {
        int next = a.bytes[i] >> 7;
        a.bytes[i] = (uint8_t)(a.bytes[i] << 1 | carry);
        carry = next;
    }
    a.bytes[0] = (uint8_t)(a.bytes[0] ^ carry * 0x87);
    return a;
}

static void test_made_pads(const block *keys)
{
    for (int32_t items = 0; items <= 64; items++) {
        for (int32_t choice_bits = 1; choice_bits <= 4; choice_bits++) {
            block cots[64 * 4], multiples[16];
            uint64_t words[16 * 64], wanted[16 * 64], first = random_word();
            int32_t pads = 1 + random_below(1 << choice_bits), width = 1 + random_below(items % 2 == 0 ? 64 : 8);
            int32_t fit = 64 / width;
            random_bytes(cots, sizeof cots);
            random_bytes(multiples, sizeof multiples);
            memset(words, 0, sizeof words);
            memset(wanted, 0, sizeof wanted);
            for (int32_t item = 0; item < items; item++) {
                block x = number(0);
                for (int bit = choice_bits - 1; bit >= 0; bit--) {
                    x = sum(doubled_block(x), cots[item * choice_bits + bit]);
                }
                for (int32_t pad = 0; pad < pads; pad++) {
                    block once = encrypted(keys, sum(x, multiples[pad]));
                    block tweak = number(first + (uint64_t)(item * choice_bits));
                    uint64_t low = word_of(sum(encrypted(keys, sum(once, tweak)), once), 0);
                    wanted[pad / fit * 64 + item] |= (low & UINT64_MAX >> (64 - width)) << pad % fit * width;
                }
            }
            int32_t capacity = ((pads + fit - 1) / fit - 1) * 64 + items;
            OK(pc_pads_make(keys[0].bytes, cots[0].bytes, items, choice_bits, multiples[0].bytes, pads, width, first,
                            words, capacity));
            CHECK(memcmp(words, wanted, sizeof words) == 0);
            if (items > 0) {
                STATUS(PC_ERR_LENGTH, pc_pads_make(keys[0].bytes, cots[0].bytes, items, choice_bits,
                                                   multiples[0].bytes, pads, width, first, words, capacity - 1));
            }
        }
    }
}

static void test_refusals(const block *keys, bool supported)
{
    int32_t ok = supported ? PC_OK : PC_ERR_UNSUPPORTED;
    const uint8_t *k = keys[0].bytes;
    block space[8];
    uint8_t *s = space[0].bytes;
    memset(space, 0, sizeof space);
    STATUS(PC_ERR_NULL, pc_blocks_of_vector(NULL));
    STATUS(PC_ERR_NULL, pc_tree_send(NULL, s, s, s, 2, s, s, 4));
    STATUS(PC_ERR_NULL, pc_tree_send(k, s, s, s, 2, s, NULL, 4));
    STATUS(PC_ERR_LENGTH, pc_tree_send(k, s, s, s, 1, s, s, 2));
    STATUS(PC_ERR_LENGTH, pc_tree_send(k, s, s, s, 25, s, s, 1 << 25));
    STATUS(PC_ERR_LENGTH, pc_tree_send(k, s, s, s, 2, s, s, 5));
    STATUS(ok, pc_tree_send(k, s, s, s, 2, s + BLOCK, s + 4 * BLOCK, 4));
    STATUS(PC_ERR_NULL, pc_tree_receive(k, s, NULL, 2, s, 4));
    STATUS(PC_ERR_LENGTH, pc_tree_receive(k, s, s, -1, s, 4));
    STATUS(PC_ERR_LENGTH, pc_tree_receive(k, s, s, 3, s, 4));
    STATUS(ok, pc_tree_receive(k, s, s + BLOCK, 2, s + 4 * BLOCK, 4));
    STATUS(PC_ERR_NULL, pc_code_add(k, NULL, 1, 0, s, 1));
    STATUS(PC_ERR_NULL, pc_code_add(k, s, 1, 0, NULL, 1));
    STATUS(ok, pc_code_add(k, s, 1, 0, NULL, 0));
    STATUS(PC_ERR_LENGTH, pc_code_add(k, s, 0, 0, s, 1));
    STATUS(PC_ERR_LENGTH, pc_code_add(k, s, 3, 0, s, 1));
    STATUS(PC_ERR_LENGTH, pc_code_add(k, s, 1 << 22, 0, s, 1));
    STATUS(PC_ERR_LENGTH, pc_code_add(k, s, 1, 0, s, -1));
    STATUS(PC_ERR_NULL, pc_pads_hash(k, NULL, 1, 0, 0));
    STATUS(PC_ERR_LENGTH, pc_pads_hash(k, s, -1, 0, 0));
    STATUS(ok, pc_pads_hash(k, NULL, 0, 0, 0));
    uint64_t words[4] = {0};
    STATUS(PC_ERR_NULL, pc_pads_make(k, NULL, 1, 1, s, 1, 1, 0, words, 4));
    STATUS(PC_ERR_NULL, pc_pads_make(k, s, 1, 1, NULL, 1, 1, 0, words, 4));
    STATUS(PC_ERR_LENGTH, pc_pads_make(k, s, 65, 1, s, 1, 1, 0, words, 4));
    STATUS(PC_ERR_RANGE, pc_pads_make(k, s, 1, 5, s, 1, 1, 0, words, 4));
    STATUS(PC_ERR_RANGE, pc_pads_make(k, s, 1, 1, s, 1, 0, 0, words, 4));
    STATUS(PC_ERR_RANGE, pc_pads_make(k, s, 1, 1, s, 1, 65, 0, words, 4));
    STATUS(PC_ERR_LENGTH, pc_pads_make(k, s, 1, 1, s, 3, 1, 0, words, 4));
    STATUS(PC_ERR_LENGTH, pc_pads_make(k, s, 1, 1, s, 0, 1, 0, words, 4));
    STATUS(ok, pc_pads_make(k, NULL, 0, 1, s, 1, 1, 0, NULL, 0));
}

int main(void)
{
    int32_t blocks;
    block cipher_key, keys[ROUNDS + 1];
    make_substitution();
    test_aes();
    random_bytes(&cipher_key, sizeof cipher_key);
    expand_key(keys, &cipher_key);
    OK(pc_blocks_of_vector(&blocks));
    test_refusals(keys, blocks > 0);
    if (blocks > 0) {
        test_trees(keys);
        test_codes(keys);
        test_pads(keys);
        test_made_pads(keys);
    } else {
        printf("no vectors of blocks on this processor: only refusals are tested\n");
    }
    return summary();
}
