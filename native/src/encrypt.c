#include "crt.h"
#include "fixed_base.h"
#include "inverse.h"
#include "power.h"
#include "prime.h"
#include "residues.h"

#include <string.h>

/*
 * Tables of h_s: one modulo n^2, or one modulo p^2 and one modulo q^2 for the owner of the private key. A
 * re-randomiser's is modulo n^2 too, and has a base of its own for each window, made from a seed when it is filled.
 */
struct pc_encryptor {
    pc_public *key;
    pc_private *owner; /* null: public */
    mp_limb_t *seeds;  /* null: none, or no re-randomiser */
    const pc_modulus *n; /* of the key: for secrets where secrets are multiplied */
    int32_t random_bytes;
    int32_t side_bytes; /* of these, for each side of the owner of a short-order key; else 0 */
    pc_fixed_base tables[2];
    int32_t parts;
    atomic_int parts_filled;
    atomic_bool *part_filled;
};

static int32_t tables_of(const pc_encryptor *encryptor)
{
    return encryptor->owner != NULL ? 2 : 1;
}

/* h as a group modulo n^2, in all lanes. */
static void enter_base(const pc_public *key, mp_limb_t *group)
{
    const pc_modulus *n = key->modulus;
    pc_standard standard;
    memset(&standard, 0, sizeof standard);
    for (int32_t i = 0; i < n->kernel->lanes; i++) {
        memcpy(standard.limbs + (ptrdiff_t)i * 2 * n->limbs, key->h, (size_t)n->limbs * sizeof(mp_limb_t));
    }
    n->kernel->enter(n, group, standard.limbs);
}

/* A number that is 1 / x modulo m, for x in lane 0 of a group; false if there is none. */
static bool invert(const pc_modulus *modulus, mp_limb_t *number, const mp_limb_t *group)
{
    pc_standard standard;
    pc_group inverse;
    modulus->kernel->leave(modulus, standard.limbs, group);
    bool exists = pc_invert_lanes(modulus, standard.limbs, 1);
    if (exists) {
        modulus->kernel->enter(modulus, inverse.words, standard.limbs);
        pc_scatter_row(modulus, number, inverse.words, 1);
    }
    return exists;
}

/* h_s = h^n modulo n^2, and its table. */
static int32_t init_public_table(pc_encryptor *encryptor)
{
    const pc_modulus *n = encryptor->key->modulus;
    mp_limb_t *table = pc_allocate_array(pc_power_table_words(n), sizeof(mp_limb_t));
    PC_REQUIRE(table != NULL, PC_ERR_MEMORY);
    pc_group base;
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t number[PC_MAX_NUMBER_WORDS], inverse[PC_MAX_NUMBER_WORDS];
    enter_base(encryptor->key, base.words);
    pc_power(n, base.words, n->m, encryptor->key->key_bits, table);
    pc_release(table);
    pc_scatter_row(n, number, base.words, 1);
    PC_REQUIRE(invert(n, inverse, base.words), PC_ERR_KEY);
    int32_t status = pc_fixed_base_init(&encryptor->tables[0]);
    if (status == PC_OK) {
        pc_fixed_base_place(&encryptor->tables[0], number, inverse);
    }
    return status;
}

/*
 * h_s = (h^q)^p modulo p^2 and, the same the other way round, modulo q^2, and their tables. The inverse modulo p is the
 * power p - 2, or u_p - 1 of a short-order key, in constant time.
 */
static int32_t init_owner_tables(pc_encryptor *encryptor)
{
    const pc_private *owner = encryptor->owner;
    size_t table_bytes = pc_power_table_words(owner->side[0].modulus) * sizeof(mp_limb_t);
    mp_limb_t *table = pc_allocate(table_bytes);
    PC_REQUIRE(table != NULL, PC_ERR_MEMORY);

    const mp_limb_t *p = owner->side[0].modulus->m, *q = owner->side[1].modulus->m;
    pc_group base, sides[2], inverses[2];
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t number[PC_MAX_NUMBER_WORDS], inverse[PC_MAX_NUMBER_WORDS];
    mp_limb_t exponents[2][PC_MAX_LIMBS];
    for (int i = 0; i < 2; i++) {
        memcpy(exponents[i], owner->side[i].exponent, sizeof exponents[i]);
        exponents[i][0] -= 1; /* p - 1 is even and not 0 modulo 4, u_p is odd */
    }
    enter_base(encryptor->key, base.words);
    pc_crt_split(owner, sides, base.words);
    pc_power_sides(owner, sides, (const mp_limb_t *const[2]){q, p}, owner->prime_bits, 1, table);
    pc_power_sides(owner, sides, (const mp_limb_t *const[2]){p, q}, owner->prime_bits, 1, table);
    memcpy(inverses, sides, sizeof inverses);
    pc_power_sides(owner, inverses, (const mp_limb_t *const[2]){exponents[0], exponents[1]}, owner->exponent_bits, 1,
                   table);
    pc_release_secret(table, table_bytes);
    int32_t status = PC_OK;
    for (int i = 0; i < 2 && status == PC_OK; i++) {
        pc_scatter_row(owner->side[i].modulus, number, sides[i].words, 1);
        pc_scatter_row(owner->side[i].modulus, inverse, inverses[i].words, 1);
        status = pc_fixed_base_init(&encryptor->tables[i]);
        if (status == PC_OK) {
            pc_fixed_base_place(&encryptor->tables[i], number, inverse);
        }
    }
    pc_wipe(sides, sizeof sides);
    pc_wipe(inverses, sizeof inverses);
    pc_wipe(exponents, sizeof exponents);
    pc_wipe(number, sizeof number);
    pc_wipe(inverse, sizeof inverse);
    pc_wipe_stack();
    return status;
}

static size_t seed_words(const pc_encryptor *encryptor)
{
    return (size_t)encryptor->tables[0].windows * (size_t)encryptor->key->modulus->limbs;
}

/* The seeds of all windows' bases. */
static int32_t init_seeds(pc_encryptor *encryptor, const uint8_t *random)
{
    int32_t status = pc_fixed_base_init(&encryptor->tables[0]);
    PC_REQUIRE(status == PC_OK, status);
    encryptor->seeds = pc_allocate_zeroed(seed_words(encryptor) * sizeof(mp_limb_t));
    PC_REQUIRE(encryptor->seeds != NULL, PC_ERR_MEMORY);
    status = pc_seeds_read(encryptor->key, encryptor->seeds, encryptor->tables[0].windows, random);
    pc_wipe_stack();
    return status;
}

/* The bases of a part from their seeds, which are wiped. */
static void place_residues(pc_encryptor *encryptor, int32_t part, mp_limb_t *power_table)
{
    int32_t used, first = pc_fixed_base_part(&encryptor->tables[0], part, &used);
    int32_t limbs = encryptor->key->modulus->limbs;
    mp_limb_t *seeds = encryptor->seeds + (ptrdiff_t)first * limbs;
    pc_group residues, inverses;
    pc_seeds_raise(encryptor->key, seeds, used, residues.words, inverses.words, power_table);
    pc_fixed_base_place_part(&encryptor->tables[0], part, residues.words, inverses.words);
    pc_wipe(seeds, (size_t)used * (size_t)limbs * sizeof *seeds);
    pc_wipe(&residues, sizeof residues);
    pc_wipe(&inverses, sizeof inverses);
}

static int32_t init_parts(pc_encryptor *encryptor)
{
    for (int32_t i = 0; i < tables_of(encryptor); i++) {
        encryptor->parts += pc_fixed_base_parts(&encryptor->tables[i]);
    }
    encryptor->part_filled = pc_allocate_zeroed((size_t)encryptor->parts * sizeof *encryptor->part_filled);
    PC_REQUIRE(encryptor->part_filled != NULL, PC_ERR_MEMORY);
    for (int32_t part = 0; part < encryptor->parts; part++) {
        atomic_init(&encryptor->part_filled[part], false);
    }
    return PC_OK;
}

/* owner: null for tables modulo n^2. random: null, or the seeds of a re-randomiser. */
static int32_t create(const pc_public *key, const pc_private *owner, const uint8_t *random, int32_t exponent_bits,
                      int32_t window_bits, int32_t flags, pc_encryptor **encryptor)
{
    PC_REQUIRE(exponent_bits > 0 && exponent_bits <= PC_MAX_EXPONENT_BITS, PC_ERR_RANGE);
    PC_REQUIRE(window_bits > 0 && window_bits <= PC_MAX_WINDOW_BITS, PC_ERR_RANGE);
    PC_REQUIRE((flags & ~(PC_FLAG_CONSTANT_TIME | PC_FLAG_FILL_LATER)) == 0, PC_ERR_RANGE);

    pc_encryptor *created = pc_allocate_zeroed(sizeof *created);
    PC_REQUIRE(created != NULL, PC_ERR_MEMORY);
    atomic_init(&created->parts_filled, 0);
    created->key = pc_public_retain(key);
    created->owner = owner != NULL ? pc_private_retain(owner) : NULL;
    created->side_bytes = owner != NULL && key->order_bits != 0 ? (key->order_bits + PC_HIDING_BITS + 7) / 8 : 0;
    created->random_bytes = created->side_bytes != 0 ? 2 * created->side_bytes : (exponent_bits + 7) / 8;
    bool constant_time = (flags & PC_FLAG_CONSTANT_TIME) != 0;
    created->n = owner != NULL || constant_time ? key->secrets_modulus : key->modulus;
    for (int i = 0; i < 2; i++) {
        created->tables[i] = (pc_fixed_base){
            .modulus = owner != NULL ? owner->side[i].modulus : created->n,
            .exponent_bits = exponent_bits,
            .window_bits = window_bits,
            .scanned = constant_time,
            .secret = owner != NULL || constant_time || random != NULL,
        };
    }
    int32_t status = owner != NULL    ? init_owner_tables(created)
                     : random != NULL ? init_seeds(created, random)
                                      : init_public_table(created);
    if (status == PC_OK) {
        status = init_parts(created);
    }
    if (status == PC_OK && (flags & PC_FLAG_FILL_LATER) == 0) {
        status = pc_encryptor_fill(created, 0, created->parts);
    }
    if (status == PC_OK) {
        *encryptor = created;
    } else {
        pc_encryptor_free(created);
    }
    return status;
}

int32_t pc_encryptor_create_public(const pc_public *key, int32_t exponent_bits, int32_t window_bits, int32_t flags,
                                   pc_encryptor **encryptor)
{
    PC_REQUIRE(key != NULL && encryptor != NULL, PC_ERR_NULL);
    return create(key, NULL, NULL, exponent_bits, window_bits, flags, encryptor);
}

int32_t pc_encryptor_create_owner(const pc_private *private_key, int32_t exponent_bits, int32_t window_bits,
                                  int32_t flags, pc_encryptor **encryptor)
{
    PC_REQUIRE(private_key != NULL && encryptor != NULL, PC_ERR_NULL);
    int32_t order_bits = private_key->key->order_bits;
    PC_REQUIRE(order_bits == 0 || exponent_bits == order_bits, PC_ERR_RANGE);
    return create(private_key->key, private_key, NULL, exponent_bits, window_bits, flags, encryptor);
}

int32_t pc_encryptor_create_rerandomizer(const pc_public *key, const uint8_t *random, int64_t random_bytes,
                                         int32_t windows, int32_t window_bits, int32_t flags, pc_encryptor **encryptor)
{
    PC_REQUIRE(key != NULL && random != NULL && encryptor != NULL, PC_ERR_NULL);
    PC_REQUIRE(window_bits > 0 && window_bits <= PC_MAX_WINDOW_BITS, PC_ERR_RANGE);
    PC_REQUIRE(windows > 0 && windows <= PC_MAX_EXPONENT_BITS / window_bits, PC_ERR_RANGE);
    PC_REQUIRE(random_bytes == (int64_t)windows * (key->modulus_bytes + PC_SEED_EXTRA_BYTES), PC_ERR_LENGTH);
    PC_REQUIRE(key->order_bits == 0, PC_ERR_KEY);
    PC_REQUIRE(!pc_has_small_factor_var(key->modulus->m, key->modulus->limbs), PC_ERR_KEY);
    return create(key, NULL, random, windows * window_bits, window_bits, flags, encryptor);
}

int32_t pc_encryptor_free(pc_encryptor *encryptor)
{
    if (encryptor != NULL) {
        pc_fixed_base_clear(&encryptor->tables[0]);
        pc_fixed_base_clear(&encryptor->tables[1]);
        if (encryptor->seeds != NULL) {
            pc_release_secret(encryptor->seeds, seed_words(encryptor) * sizeof(mp_limb_t));
        }
        pc_release(encryptor->part_filled);
        pc_private_free(encryptor->owner);
        pc_public_free(encryptor->key);
        pc_release_secret(encryptor, sizeof *encryptor);
    }
    return PC_OK;
}

int32_t pc_encryptor_parts(const pc_encryptor *encryptor, int32_t *parts)
{
    PC_REQUIRE(encryptor != NULL && parts != NULL, PC_ERR_NULL);
    *parts = encryptor->parts;
    return PC_OK;
}

int32_t pc_encryptor_fill(pc_encryptor *encryptor, int32_t first, int32_t count)
{
    PC_REQUIRE(encryptor != NULL, PC_ERR_NULL);
    PC_REQUIRE(pc_range_fits(first, count, encryptor->parts), PC_ERR_RANGE);
    int32_t of_first_table = pc_fixed_base_parts(&encryptor->tables[0]);
    size_t power_bytes = encryptor->seeds != NULL ? pc_power_table_words(encryptor->n) * sizeof(mp_limb_t) : 0;
    mp_limb_t *power_table = encryptor->seeds != NULL ? pc_allocate(power_bytes) : NULL;
    PC_REQUIRE(power_table != NULL || encryptor->seeds == NULL, PC_ERR_MEMORY);
    for (int32_t part = first; part < first + count; part++) {
        if (!atomic_exchange(&encryptor->part_filled[part], true)) {
            bool second = part >= of_first_table;
            if (encryptor->seeds != NULL) {
                place_residues(encryptor, part, power_table);
            }
            pc_fixed_base_fill(&encryptor->tables[second ? 1 : 0], second ? part - of_first_table : part);
            atomic_fetch_add(&encryptor->parts_filled, 1);
        }
    }
    pc_release_secret(power_table, power_bytes);
    pc_wipe_stack();
    return PC_OK;
}

static bool is_filled(const pc_encryptor *encryptor)
{
    return atomic_load(&((pc_encryptor *)encryptor)->parts_filled) == encryptor->parts;
}

int32_t pc_encryptor_random_bytes(const pc_encryptor *encryptor, int32_t *bytes)
{
    PC_REQUIRE(encryptor != NULL && bytes != NULL, PC_ERR_NULL);
    *bytes = encryptor->random_bytes;
    return PC_OK;
}

int32_t pc_encryptor_table_bytes(const pc_encryptor *encryptor, int64_t *bytes)
{
    PC_REQUIRE(encryptor != NULL && bytes != NULL, PC_ERR_NULL);
    *bytes = pc_fixed_base_bytes(&encryptor->tables[0]) +
             (encryptor->owner != NULL ? pc_fixed_base_bytes(&encryptor->tables[1]) : 0);
    return PC_OK;
}

#define ORDER_BYTES (PC_SHORT_ORDER_BITS / 8)
#define ORDER_LIMBS (PC_SHORT_ORDER_BITS / 64)

/*
 * For each number an exponent below u_p, or u_q: floor(r * u / 2^k) for r of k bits, PC_HIDING_BITS more than u has.
 * That is within 2^-PC_HIDING_BITS of uniform and takes a product, where a remainder would take a division.
 */
static void draw_below_order(const pc_encryptor *encryptor, int32_t side, uint8_t *alphas, const uint8_t *random,
                             int32_t used)
{
    const mp_limb_t *order = encryptor->owner->side[side].exponent;
    int32_t bytes = encryptor->side_bytes, limbs = (bytes + 7) / 8;
    int32_t order_limbs = (encryptor->key->order_bits + 63) / 64;
    mp_limb_t r[ORDER_LIMBS + 1], product[2 * ORDER_LIMBS + 1];
    uint8_t product_bytes[sizeof product];
    for (int32_t i = 0; i < used; i++) {
        pc_limbs_from_bytes(r, limbs, random + (int64_t)i * encryptor->random_bytes + side * bytes, bytes);
        mpn_mul(product, r, limbs, order, order_limbs);
        pc_bytes_from_limbs(product_bytes, 8 * (limbs + order_limbs), product);
        memset(alphas + (ptrdiff_t)i * ORDER_BYTES, 0, ORDER_BYTES);
        memcpy(alphas + (ptrdiff_t)i * ORDER_BYTES, product_bytes + bytes,
               (size_t)(encryptor->key->order_bits + 7) / 8);
    }
    pc_wipe(r, sizeof r);
    pc_wipe(product, sizeof product);
    pc_wipe(product_bytes, sizeof product_bytes);
}

/*
 * group = h_s^alpha modulo n^2, lane by lane, joined from the two primes; with a short-order key from an alpha for
 * each, which is as good as one below u_p*u_q.
 */
static void owner_power(const pc_encryptor *encryptor, mp_limb_t *group, const uint8_t *random, int32_t used)
{
    pc_group sides[2];
    uint8_t alphas[PC_MAX_LANES * ORDER_BYTES];
    for (int32_t i = 0; i < 2; i++) {
        if (encryptor->side_bytes != 0) {
            draw_below_order(encryptor, i, alphas, random, used);
            pc_fixed_base_power(&encryptor->tables[i], sides[i].words, alphas, ORDER_BYTES, used);
        } else {
            pc_fixed_base_power(&encryptor->tables[i], sides[i].words, random, encryptor->random_bytes, used);
        }
    }
    pc_crt_join(encryptor->owner, group, sides);
    pc_wipe(alphas, sizeof alphas);
    pc_wipe(sides, sizeof sides);
}

/* batch[offset + i] = old * (1 + n*k_i) * h_s^alpha_i; without `keep` the old value counts as 1. */
static void randomize(const pc_encryptor *encryptor, const uint64_t *plaintexts, int32_t words_each,
                         const uint8_t *random, pc_batch *batch, int32_t offset, int32_t count, bool keep)
{
    const pc_modulus *modulus = encryptor->n;
    const pc_kernel *kernel = modulus->kernel;
    pc_group group, old;
    mp_limb_t k[PC_MAX_LANES * PC_MAX_LIMBS] = {0};
    for (int32_t done = 0; done < count; done += kernel->lanes) {
        int32_t used = pc_min(kernel->lanes, count - done);
        const uint8_t *alphas = random + (int64_t)done * encryptor->random_bytes;
        if (encryptor->owner != NULL) {
            owner_power(encryptor, group.words, alphas, used);
        } else {
            pc_fixed_base_power(&encryptor->tables[0], group.words, alphas, encryptor->random_bytes, used);
        }
        if (plaintexts != NULL) {
            for (int32_t i = 0; i < used; i++) {
                pc_residue_from_plaintext(k + (ptrdiff_t)i * modulus->limbs, modulus->m, modulus->limbs,
                                          plaintexts + (int64_t)(done + i) * words_each, words_each);
            }
            kernel->add_plain(modulus, group.words, group.words, k);
        }
        if (keep) {
            pc_gather_row(modulus, old.words, pc_batch_at(batch, offset + done), used);
            kernel->multiply(modulus, group.words, group.words, old.words);
        }
        pc_scatter_row(modulus, pc_batch_at(batch, offset + done), group.words, used);
    }
    pc_wipe(k, sizeof k);
    pc_wipe(&group, sizeof group);
    pc_wipe(&old, sizeof old);
    pc_wipe_stack();
}

int32_t pc_encrypt(const pc_encryptor *encryptor, const uint64_t *plaintexts, int32_t words_each,
                   const uint8_t *random, int64_t random_bytes, pc_batch *batch, int32_t offset, int32_t count)
{
    PC_REQUIRE(encryptor != NULL && batch != NULL && (random != NULL || count == 0), PC_ERR_NULL);
    PC_REQUIRE(encryptor->key == batch->key, PC_ERR_MISMATCH);
    PC_REQUIRE(pc_range_fits(offset, count, batch->count), PC_ERR_RANGE);
    PC_REQUIRE(random_bytes == (int64_t)count * encryptor->random_bytes, PC_ERR_LENGTH);
    PC_REQUIRE(is_filled(encryptor), PC_ERR_UNSUPPORTED);
    PC_REQUIRE(plaintexts == NULL || pc_words_fit(words_each), PC_ERR_LENGTH);
    PC_REQUIRE(plaintexts == NULL || pc_plaintexts_fit(batch->key, plaintexts, words_each, count), PC_ERR_RANGE);
    randomize(encryptor, plaintexts, words_each, random, batch, offset, count, false);
    return PC_OK;
}

int32_t pc_rerandomize(const pc_encryptor *encryptor, const uint8_t *random, int64_t random_bytes, pc_batch *batch,
                       int32_t offset, int32_t count)
{
    PC_REQUIRE(encryptor != NULL && batch != NULL && (random != NULL || count == 0), PC_ERR_NULL);
    PC_REQUIRE(encryptor->key == batch->key, PC_ERR_MISMATCH);
    PC_REQUIRE(pc_range_fits(offset, count, batch->count), PC_ERR_RANGE);
    PC_REQUIRE(random_bytes == (int64_t)count * encryptor->random_bytes, PC_ERR_LENGTH);
    PC_REQUIRE(is_filled(encryptor), PC_ERR_UNSUPPORTED);
    randomize(encryptor, NULL, 0, random, batch, offset, count, true);
    return PC_OK;
}
