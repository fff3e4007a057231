/*
 * What secrets leave behind. Each call runs on a stack of its own; afterwards that stack, every block of memory that
 * was released on the way and every block that is still held are searched for words of secrets: those the test knows,
 * and all that the library itself wiped somewhere. The linker sends the library's calls to the functions of this file.
 */
#include <pthread.h>

#include "../src/objects.h"
#include "support.h"

void *__real_aligned_alloc(size_t alignment, size_t bytes);
void __real_free(void *memory);
void __real_pc_wipe(void *memory, size_t bytes);
void __real_pc_release_secret(void *memory, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
void __wrap_free(void *memory);
void __wrap_pc_wipe(void *memory, size_t bytes);
void __wrap_pc_release_secret(void *memory, size_t bytes);

/* ---- words of secrets, held in disguise so that the search does not find the test itself ---------------------- */

#define DISGUISE UINT64_C(0x5bd1e9955bd1e995)
#define SET_SIZE (1 << 20)

typedef struct word_set {
    uint64_t slots[SET_SIZE];
    int32_t count;
} word_set;

static word_set secrets;
static word_set publics; /* may be found though they are wiped somewhere: constants of n, the compiler's stack guard */

static bool is_telling(uint64_t word)
{
    /* No address, length or negative number, and no row of flags. */
    return word >> 48 != 0 && word >> 16 != UINT64_MAX >> 16 && (word & UINT64_C(0xfefefefefefefefe)) != 0;
}

static uint64_t *slot_of(word_set *set, uint64_t disguised)
{
    uint64_t at = disguised * UINT64_C(0x9e3779b97f4a7c15) >> 44;
    while (set->slots[at] != 0 && set->slots[at] != disguised) {
        at = (at + 1) % SET_SIZE;
    }
    return &set->slots[at];
}

static void remember(word_set *set, const void *memory, size_t bytes)
{
    for (size_t i = 0; i + 8 <= bytes; i += 8) {
        uint64_t word;
        memcpy(&word, (const uint8_t *)memory + i, 8);
        if (is_telling(word) && set->count < SET_SIZE / 2) {
            uint64_t *slot = slot_of(set, word ^ DISGUISE);
            set->count += *slot == 0;
            *slot = word ^ DISGUISE;
        }
    }
}

/* Aligned words of this memory that belong to a secret. */
static int32_t count_secrets(const void *memory, size_t bytes)
{
    const volatile uint64_t *words = memory;
    int32_t found = 0;
    for (size_t i = 0; i < bytes / 8; i++) {
        uint64_t word = words[i];
        found += is_telling(word) && *slot_of(&secrets, word ^ DISGUISE) != 0 &&
                 *slot_of(&publics, word ^ DISGUISE) == 0;
    }
    return found;
}

/* ---- memory of the library and of GMP ------------------------------------------------------------------------- */

#define MAX_BLOCKS 4096

typedef struct block {
    void *memory;
    size_t bytes;
} block;

static block blocks[MAX_BLOCKS];
static int32_t released_secrets;
static bool capture;

static block *find_block(const void *memory)
{
    for (int32_t i = 0; i < MAX_BLOCKS; i++) {
        if (blocks[i].memory == memory) {
            return &blocks[i];
        }
    }
    return NULL;
}

/*
 * New memory is emptied: what is found in it later was written since. It may hold secrets of the test itself, and a
 * random word by which the allocator knows its free blocks, which would count as secret once the library has wiped it.
 */
static void note_block(void *memory, size_t bytes)
{
    block *unused = find_block(NULL);
    if (memory != NULL && unused != NULL) {
        memset(memory, 0, bytes);
        *unused = (block){memory, bytes};
    }
}

static void search_block(void *memory)
{
    block *found = memory != NULL ? find_block(memory) : NULL;
    if (found != NULL) {
        released_secrets += count_secrets(memory, found->bytes);
        *found = (block){NULL, 0};
    }
}

/* These functions run on the stack that is searched, and must not leave on it what they have looked at. */
static __attribute__((noinline)) void clear_frames(void)
{
    uint64_t below[64];
    __real_pc_wipe(below, sizeof below);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    void *memory = __real_aligned_alloc(alignment, bytes);
    note_block(memory, bytes);
    return memory;
}

void __wrap_free(void *memory)
{
    search_block(memory);
    __real_free(memory);
    clear_frames();
}

void __wrap_pc_wipe(void *memory, size_t bytes)
{
    if (capture) {
        remember(&secrets, memory, bytes);
    }
    __real_pc_wipe(memory, bytes);
    clear_frames();
}

void __wrap_pc_release_secret(void *memory, size_t bytes)
{
    if (capture && memory != NULL) {
        remember(&secrets, memory, bytes);
    }
    __real_pc_release_secret(memory, bytes);
    block *found = memory != NULL ? find_block(memory) : NULL;
    if (found != NULL) {
        *found = (block){NULL, 0};
    }
    clear_frames();
}

static void *gmp_allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    note_block(memory, bytes);
    return memory;
}

static void gmp_free(void *memory, size_t bytes)
{
    (void)bytes;
    search_block(memory);
    __real_free(memory);
    clear_frames();
}

static void *gmp_reallocate(void *memory, size_t old_bytes, size_t bytes)
{
    void *moved = gmp_allocate(bytes);
    memcpy(moved, memory, old_bytes < bytes ? old_bytes : bytes);
    gmp_free(memory, old_bytes);
    return moved;
}

static int32_t held_secrets(void)
{
    int32_t found = 0;
    for (int32_t i = 0; i < MAX_BLOCKS; i++) {
        found += blocks[i].memory != NULL ? count_secrets(blocks[i].memory, blocks[i].bytes) : 0;
    }
    return found;
}

/* ---- calls ---------------------------------------------------------------------------------------------------- */

#define STACK_BYTES (4 << 20)
#define COUNT 9
#define TERMS 24 /* of one combination: enough for rows that grow on the way, and for them to be sorted */
#define EXPONENT_BITS 448
#define PRIME_BITS 256

typedef struct call {
    void (*run)(struct call *);
    const key *k;
    pc_private *private_key;
    pc_encryptor *encryptor;
    pc_batch *batch;
    pc_batch *source;
    int32_t exponent_bits, random_bytes; /* of a number */
    uint8_t random[COUNT * 2 * (PC_SHORT_ORDER_BITS + PC_HIDING_BITS) / 8];
    uint64_t plaintexts[COUNT * PC_MAX_LIMBS];
    pc_term terms[COUNT * TERMS];
    uint8_t numbers[COUNT * PC_MAX_KEY_BITS / 8];
    uint8_t roots[COUNT * PC_MAX_KEY_BITS / 8];
    int32_t count;
    int32_t flags;
    uint8_t candidates[4096 * PRIME_BITS / 8];
    uint8_t prime[PRIME_BITS / 8];
    uint8_t h[PC_MAX_KEY_BITS / 8];
    int32_t status;
} call;

static void do_nothing(call *c)
{
    c->status = PC_OK;
}

static void find_prime(call *c)
{
    c->status = pc_prime_search_var(c->candidates, (int32_t)sizeof c->candidates, PRIME_BITS, NULL, 0, c->prime,
                                    (int32_t)sizeof c->prime);
}

#define ORDER_BYTES (PRIME_BITS / 4 / 8)

/* The order is in front of the candidates. */
static void find_short_prime(call *c)
{
    c->status = pc_prime_search_short_var(c->candidates + ORDER_BYTES, (int32_t)sizeof c->candidates - ORDER_BYTES,
                                          PRIME_BITS, c->candidates, ORDER_BYTES, NULL, 0, c->prime,
                                          (int32_t)sizeof c->prime);
}

static void find_base(call *c)
{
    c->status = pc_short_base_var(c->k->p_bytes, c->k->q_bytes, c->k->prime_bytes, c->k->u_p_bytes, c->k->u_q_bytes,
                                  c->k->order_bytes, c->candidates, c->k->modulus_bytes + 16, c->h,
                                  2 * c->k->prime_bytes);
}

static void load_short_key(call *c)
{
    c->status = pc_private_create_short(c->k->public, c->k->p_bytes, c->k->q_bytes, c->k->prime_bytes,
                                        c->k->u_p_bytes, c->k->u_q_bytes, c->k->order_bytes, 0, &c->private_key);
}

static void load_key(call *c)
{
    c->status = pc_private_create(c->k->public, c->k->p_bytes, c->k->q_bytes, c->k->prime_bytes, 0, &c->private_key);
}

static void free_key(call *c)
{
    c->status = pc_private_free(c->private_key);
}

static void decrypt(call *c)
{
    c->status = pc_decrypt(c->private_key, c->batch, 0, c->count, c->plaintexts, c->count * c->k->words);
}

static void create_encryptor(call *c)
{
    c->status = pc_encryptor_create_owner(c->private_key, c->exponent_bits, 5, c->flags, &c->encryptor);
}

static void encrypt(call *c)
{
    c->status = pc_encrypt(c->encryptor, c->plaintexts, c->k->words, c->random, c->count * c->random_bytes, c->batch,
                           0, c->count);
}

static void rerandomize(call *c)
{
    c->status = pc_rerandomize(c->encryptor, c->random, c->count * c->random_bytes, c->batch, 0, c->count);
}

static void combine(call *c)
{
    const pc_batch *const sources[] = {c->source};
    int32_t first[COUNT + 1];
    for (int32_t i = 0; i <= c->count; i++) {
        first[i] = i * TERMS;
    }
    c->status = pc_combine(sources, 1, c->terms, first, c->count, c->batch, 0, NULL);
}

static void add_plain(call *c)
{
    c->status = pc_add_plain(c->plaintexts, c->k->words, c->batch, 0, c->count);
}

#define WINDOWS 12

/* Seeds are drawn by the caller; the bases made of them are known once they have been wiped somewhere. */
static void create_rerandomizer(call *c)
{
    int64_t bytes = (int64_t)WINDOWS * (c->k->modulus_bytes + 16);
    c->status = pc_encryptor_create_rerandomizer(c->k->public, c->candidates, bytes, WINDOWS, 4, c->flags,
                                                 &c->encryptor);
}

static void find_roots(call *c)
{
    c->status = pc_find_roots(c->private_key, c->numbers, (int64_t)c->count * c->k->modulus_bytes, c->count, c->roots);
}

static void free_encryptor(call *c)
{
    c->status = pc_encryptor_free(c->encryptor);
}

static void *enter(void *argument)
{
    call *c = argument;
    c->run(c);
    return NULL;
}

/* Runs a call on a clean stack and returns that. */
static uint8_t *run_apart(call *c, void (*function)(call *))
{
    uint8_t *stack = aligned_alloc(4096, STACK_BYTES);
    memset(stack, 0, STACK_BYTES);
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, STACK_BYTES);
    c->run = function;
    released_secrets = 0;
    capture = true;
    CHECK(pthread_create(&thread, &attributes, enter, c) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    capture = false;
    pthread_attr_destroy(&attributes);
    OK(c->status);
    return stack;
}

/* What a call leaves on its stack and in the memory that it released is checked. */
static void run(call *c, void (*function)(call *), const char *name)
{
    uint8_t *stack = run_apart(c, function);
    int32_t on_stack = count_secrets(stack, STACK_BYTES);
    if (on_stack + released_secrets > 0) {
        fprintf(stderr, "%s, %s, %d bits: %d words of secrets on the stack, %d in released memory\n", name,
                c->k != NULL ? pc_kernel_at(c->k->public->kernel_index)->name : "any kernel",
                c->k != NULL ? (int)c->k->bits : PRIME_BITS, (int)on_stack, (int)released_secrets);
    }
    CHECK(on_stack == 0);
    CHECK(released_secrets == 0);
    memset(stack, 0, STACK_BYTES);
    free(stack);
}

/* The limbs of p, and of p without its lowest bits: what a test of primes may shift off. */
static void remember_shifted(const mpz_t p)
{
    mpz_t shifted;
    mpz_init(shifted);
    for (mp_bitcnt_t bits = 0; bits < 10; bits++) {
        mpz_tdiv_q_2exp(shifted, p, bits);
        remember(&secrets, mpz_limbs_read(shifted), mpz_size(shifted) * sizeof(mp_limb_t));
    }
    mpz_clear(shifted);
}

/* The limbs of p and q, of the orders of a short-order key, and the digits of 52 bits of p and q. */
static void remember_primes(const key *k)
{
    const mpz_srcptr primes[2] = {k->p, k->q};
    mpz_t digit;
    mpz_init(digit);
    for (int i = 0; i < 2; i++) {
        remember_shifted(primes[i]);
        remember_shifted(i == 0 ? k->u_p : k->u_q);
        for (mp_bitcnt_t bit = 0; bit < (mp_bitcnt_t)k->bits / 2; bit += 52) {
            mpz_tdiv_q_2exp(digit, primes[i], bit);
            mpz_tdiv_r_2exp(digit, digit, 52);
            mp_limb_t word = mpz_getlimbn(digit, 0);
            remember(&secrets, &word, sizeof word);
        }
    }
    mpz_clear(digit);
}

/* Terms of secret magnitudes, and what is left of those when their lower digits have been cut off. */
static void draw_terms(call *c)
{
    for (int32_t i = 0; i < COUNT * TERMS; i++) {
        uint64_t magnitude = random_word() | UINT64_C(1) << 63;
        c->terms[i] = (pc_term){magnitude, 0, random_below(COUNT), random_below(1024), 0};
        for (int32_t cut = 0; cut < 16; cut++) {
            uint64_t rest = magnitude >> cut, cleared = rest << cut;
            remember(&secrets, &rest, sizeof rest);
            remember(&secrets, &cleared, sizeof cleared);
        }
    }
}

/* A key, whose primes alone are known to be secret. */
static void begin(call *c, key *k, int32_t bits, int32_t kernel, bool short_order)
{
    if (short_order) {
        key_create_short(k, bits, kernel);
    } else {
        key_create(k, bits, kernel);
    }
    c->exponent_bits = short_order ? k->order_bits : EXPONENT_BITS;
    c->random_bytes = short_order ? 2 * ((k->order_bits + PC_HIDING_BITS + 7) / 8) : EXPONENT_BITS / 8;
    memset(&secrets, 0, sizeof secrets);
    memset(&publics, 0, sizeof publics);
    remember_primes(k);
    uint8_t *stack = run_apart(c, do_nothing);
    remember(&publics, stack, STACK_BYTES);
    free(stack);
    pc_modulus *n = k->public->modulus;
    remember(&publics, n, sizeof *n + n->kernel->state_bytes);
}

static void test_key(int32_t bits, int32_t kernel, int32_t flags, bool short_order)
{
    key k;
    call c = {.k = &k, .flags = flags};
    begin(&c, &k, bits, kernel, short_order);
    c.batch = random_batch(&k, COUNT, NULL);
    c.source = random_batch(&k, COUNT, NULL);
    run(&c, short_order ? load_short_key : load_key, "load key");
    run(&c, create_encryptor, "create encryptor");
    for (c.count = 1; c.count <= COUNT; c.count += COUNT - 1) {
        if (!short_order) { /* what is decrypted is none of theirs; see below */
            run(&c, decrypt, "decrypt");
        }
        run(&c, find_roots, "find roots");
        random_bytes(c.random, sizeof c.random);
        remember(&secrets, c.random, sizeof c.random);
        remember(&secrets, c.plaintexts, sizeof c.plaintexts);
        run(&c, encrypt, "encrypt");
        run(&c, rerandomize, "rerandomize");
        if (short_order) {
            run(&c, decrypt, "decrypt");
        }
        draw_terms(&c);
        run(&c, combine, "combine");
        run(&c, add_plain, "add plain");
    }
    run(&c, free_encryptor, "free encryptor");
    random_bytes(c.candidates, sizeof c.candidates);
    if (short_order) {
        run(&c, find_base, "find base");
    } else {
        remember(&secrets, c.candidates, (size_t)WINDOWS * (size_t)(k.modulus_bytes + 16));
        run(&c, create_rerandomizer, "create re-randomiser");
        run(&c, free_encryptor, "free re-randomiser");
    }
    run(&c, free_key, "free key");
    OK(pc_private_free(k.private_key));
    k.private_key = NULL;
    memset(c.random, 0, sizeof c.random);
    memset(c.candidates, 0, sizeof c.candidates);
    OK(pc_batch_free(c.batch));
    OK(pc_batch_free(c.source));
    key_free(&k);
    CHECK(held_secrets() == 0);
}

/* Keys that are only loaded: what a test of primes leaves differs from prime to prime. */
static void test_loading(int32_t kernel)
{
    for (int i = 0; i < 100; i++) {
        key k;
        call c = {.k = &k};
        bool short_order = i % 2 != 0;
        begin(&c, &k, 254, kernel, short_order);
        run(&c, short_order ? load_short_key : load_key, "load key");
        OK(pc_private_free(c.private_key));
        key_free(&k);
    }
}

/* A search is repeated once the prime that it finds is known. */
static void test_search(void (*find)(call *))
{
    call c = {.k = NULL};
    random_bytes(c.candidates, sizeof c.candidates);
    mpz_t order;
    mpz_init(order);
    integer_from_bytes(order, c.candidates, ORDER_BYTES - 1);
    mpz_nextprime(order, order);
    bytes_from_integer(c.candidates, ORDER_BYTES, order);
    mpz_clear(order);
    uint8_t *stack = run_apart(&c, find);
    free(stack);
    memset(&secrets, 0, sizeof secrets);
    mpz_t prime;
    mpz_init(prime);
    integer_from_bytes(prime, c.prime, sizeof c.prime);
    remember_shifted(prime);
    mpz_clear(prime);
    run(&c, find, "find prime");
}

/* What the test is there to find. */
static void leave_traces(call *c)
{
    volatile uint64_t copy[64];
    for (int i = 0; i < 64; i++) {
        copy[i] = c->plaintexts[i];
    }
    uint64_t *released = pc_allocate(sizeof copy);
    memcpy(released, c->plaintexts, sizeof copy);
    pc_release(released);
    c->status = PC_OK;
}

static void test_controls(void)
{
    call c = {.count = 0};
    random_bytes(c.plaintexts, sizeof c.plaintexts);
    remember(&secrets, c.plaintexts, sizeof c.plaintexts);
    uint8_t *stack = run_apart(&c, leave_traces);
    CHECK(count_secrets(stack, STACK_BYTES) > 0);
    CHECK(released_secrets == 64);
    free(stack);
    uint64_t *held = pc_allocate(64);
    memcpy(held, c.plaintexts, 64);
    CHECK(held_secrets() == 8);
    pc_release(held);
}

int main(void)
{
    mp_set_memory_functions(gmp_allocate, gmp_reallocate, gmp_free);
    test_controls();
    test_search(find_prime);
    test_search(find_short_prime);
    test_loading(0);
    for (int32_t i = 0; i < pc_kernel_count(); i++) {
#if !defined(__x86_64__)
        if (is_emulated(i)) { /* not for this processor, where in plain C it takes more stack than is wiped */
            continue;
        }
#endif
        for (int short_order = 0; short_order < 2; short_order++) {
            test_key(254, i, 0, short_order != 0);
            test_key(2048, i, 0, short_order != 0);
            test_key(254, i, PC_FLAG_CONSTANT_TIME, short_order != 0);
            test_key(2048, i, PC_FLAG_CONSTANT_TIME, short_order != 0);
        }
    }
    return summary();
}
