/* Short-order keys against plain integers: how they are made, what they encrypt and decrypt, and what they refuse. */
#include "support.h"

#define COUNT 11

/* x modulo n^2 that is a modulo p^2 and b modulo q^2. */
static void join(mpz_t x, const key *k, const mpz_t a, const mpz_t b)
{
    mpz_t p, q;
    mpz_inits(p, q, NULL);
    mpz_mul(p, k->p, k->p);
    mpz_mul(q, k->q, k->q);
    mpz_sub(x, b, a);
    mpz_invert(q, p, q);
    mpz_mul(x, x, q);
    mpz_mul(q, k->q, k->q);
    mpz_mod(x, x, q);
    mpz_mul(x, x, p);
    mpz_add(x, x, a);
    mpz_mod(x, x, k->n_squared);
    mpz_clears(p, q, NULL);
}

static int32_t side_bytes(const key *k)
{
    return (k->order_bits + PC_HIDING_BITS + 7) / 8;
}

/* h_s^alpha modulo prime^2, alpha = floor(r * u / 2^k) for r of k bits: what the owner draws. */
static void side_power(mpz_t x, const key *k, const mpz_t prime, const mpz_t u, const uint8_t *random)
{
    int32_t bytes = side_bytes(k);
    mpz_t square;
    mpz_init(square);
    mpz_mul(square, prime, prime);
    integer_from_bytes(x, random, (size_t)bytes);
    mpz_mul(x, x, u);
    mpz_tdiv_q_2exp(x, x, 8 * (mp_bitcnt_t)bytes);
    CHECK(mpz_cmp(x, u) < 0);
    mpz_powm(x, k->h_s, x, square);
    mpz_clear(square);
}

static void owner_power(mpz_t x, const key *k, const uint8_t *random)
{
    mpz_t a, b;
    mpz_inits(a, b, NULL);
    side_power(a, k, k->p, k->u_p, random);
    side_power(b, k, k->q, k->u_q, random + side_bytes(k));
    join(x, k, a, b);
    mpz_clears(a, b, NULL);
}

/* A factor that hides, of the owner's or of anyone's randomness. */
static void hiding_factor(mpz_t x, const key *k, const uint8_t *random, int32_t exponent_bits, bool owner)
{
    if (owner) {
        owner_power(x, k, random);
    } else {
        integer_from_bytes(x, random, (size_t)(exponent_bits + 7) / 8);
        mpz_tdiv_r_2exp(x, x, (mp_bitcnt_t)exponent_bits);
        mpz_powm(x, k->h_s, x, k->n_squared);
    }
}

static void test_numbers(const key *k)
{
    mpz_t x, order;
    mpz_inits(x, order, NULL);
    mpz_sub_ui(x, k->p, 1);
    CHECK(mpz_divisible_p(x, k->u_p) != 0 && mpz_probab_prime_p(k->u_p, 30) != 0);
    mpz_sub_ui(x, k->q, 1);
    CHECK(mpz_divisible_p(x, k->u_q) != 0 && mpz_probab_prime_p(k->u_q, 30) != 0);
    mpz_mul(order, k->u_p, k->u_q);
    mpz_powm(x, k->h_s, order, k->n_squared);
    CHECK(mpz_cmp_ui(x, 1) == 0);
    mpz_powm(x, k->h, k->u_p, k->n);
    CHECK(mpz_cmp_ui(x, 1) != 0);
    mpz_powm(x, k->h, k->u_q, k->n);
    CHECK(mpz_cmp_ui(x, 1) != 0);
    pc_public_info info = {0};
    OK(pc_public_get_info(k->public, &info));
    CHECK(info.order_bits == k->order_bits);
    mpz_clears(x, order, NULL);
}

static void test_encryptor(const key *k, const pc_encryptor *encryptor, int32_t exponent_bits, bool owner)
{
    int32_t each = 0, wanted = owner ? 2 * side_bytes(k) : (exponent_bits + 7) / 8;
    OK(pc_encryptor_random_bytes(encryptor, &each));
    CHECK(each == wanted);
    uint8_t *random = malloc((size_t)COUNT * (size_t)each);
    uint64_t plaintexts[COUNT], *decrypted = malloc((size_t)COUNT * (size_t)k->words * 8);
    mpz_t plaintext, c, power, m;
    mpz_inits(plaintext, c, power, m, NULL);
    pc_batch *batch = NULL;
    OK(pc_batch_create(k->public, COUNT, &batch));
    for (int32_t count = 1; count <= COUNT; count += 1 + count) {
        random_bytes(random, (size_t)COUNT * (size_t)each);
        random_bytes(plaintexts, sizeof plaintexts);
        memset(random, count % 2 == 0 ? 0 : 0xff, (size_t)each); /* the least and the greatest exponents too */
        for (int32_t i = 0; i < COUNT; i++) {
            plaintexts[i] >>= k->bits > 70 ? 1 : 64 - k->bits + 2;
        }
        OK(pc_encrypt(encryptor, plaintexts, 1, random, (int64_t)count * each, batch, 0, count));
        OK(pc_rerandomize(encryptor, random, (int64_t)count * each, batch, 0, count));
        OK(pc_decrypt(k->private_key, batch, 0, count, decrypted, (int64_t)count * k->words));
        for (int32_t i = 0; i < count; i++) {
            hiding_factor(power, k, random + (ptrdiff_t)i * each, exponent_bits, owner);
            mpz_mul(power, power, power);
            integer_from_bytes(plaintext, &plaintexts[i], sizeof plaintexts[i]);
            mpz_mul(c, k->n, plaintext);
            mpz_add_ui(c, c, 1);
            mpz_mul(c, c, power);
            mpz_mod(c, c, k->n_squared);
            CHECK(number_is(k, batch, i, c));
            textbook_decrypt(m, k, c);
            CHECK(mpz_cmp(m, plaintext) == 0);
            CHECK(decrypted[i * k->words] == plaintexts[i]);
            for (int32_t j = 1; j < k->words; j++) {
                CHECK(decrypted[i * k->words + j] == 0);
            }
        }
    }
    mpz_clears(plaintext, c, power, m, NULL);
    OK(pc_batch_free(batch));
    free(random);
    free(decrypted);
}

static void test_tables(const key *k)
{
    const int32_t public_bits = 2 * k->order_bits + PC_HIDING_BITS;
    for (int32_t flags = 0; flags <= PC_FLAG_CONSTANT_TIME; flags += PC_FLAG_CONSTANT_TIME) {
        int32_t first = k->bits < 1000 ? 1 : 8;
        for (int32_t window = first; window <= 8; window += 3 + flags) {
            pc_encryptor *public = NULL, *owner = NULL;
            OK(pc_encryptor_create_public(k->public, public_bits, window, flags, &public));
            OK(pc_encryptor_create_owner(k->private_key, k->order_bits, window, flags, &owner));
            test_encryptor(k, public, public_bits, false);
            test_encryptor(k, owner, k->order_bits, true);
            OK(pc_encryptor_free(public));
            OK(pc_encryptor_free(owner));
        }
    }
}

/* Every plaintext at the edges, and sums, inverses and powers of ciphertexts, which stay in the subgroup. */
static void test_decryption(const key *k)
{
    mpz_t *messages = integers_create(COUNT);
    uint64_t *decrypted = malloc((size_t)(COUNT * k->words) * 8);
    pc_batch *batch = NULL;
    mpz_t c, exponent, found;
    mpz_inits(c, exponent, found, NULL);
    OK(pc_batch_create(k->public, COUNT, &batch));
    for (int32_t i = 0; i < COUNT; i++) {
        adversarial_integer(messages[i], k->n);
        random_integer(exponent, k->n);
        mpz_powm(exponent, k->h_s, exponent, k->n_squared);
        mpz_mul(c, messages[i], k->n);
        mpz_add_ui(c, c, 1);
        mpz_mul(c, c, exponent);
        mpz_mod(c, c, k->n_squared);
        write_number(k, batch, i, c);
    }
    for (int32_t round = 0; round < 2; round++) {
        for (int32_t count = 0; count <= COUNT; count += 1 + count / 2) {
            int32_t offset = COUNT - count;
            OK(pc_decrypt(k->private_key, batch, offset, count, decrypted, (int64_t)count * k->words));
            for (int32_t i = 0; i < count; i++) {
                integer_from_bytes(found, decrypted + (ptrdiff_t)i * k->words, (size_t)k->words * 8);
                CHECK(mpz_cmp(found, messages[offset + i]) == 0);
            }
        }
        OK(pc_add(batch, 0, batch, 0, batch, 0, COUNT));
        OK(pc_negate(batch, 0, batch, 0, COUNT));
        for (int32_t i = 0; i < COUNT; i++) {
            mpz_mul_si(messages[i], messages[i], -2);
            mpz_mod(messages[i], messages[i], k->n);
        }
    }
    mpz_clears(c, exponent, found, NULL);
    free(decrypted);
    OK(pc_batch_free(batch));
    integers_free(messages, COUNT);
}

/* One stranger in a batch, at any place, of any kind: no plaintext comes out, and no more than that shows. */
static void test_strangers(const key *k)
{
    uint64_t *decrypted = malloc((size_t)(COUNT * k->words) * 8);
    pc_batch *batch = NULL;
    mpz_t stranger, one, other;
    mpz_inits(stranger, one, other, NULL);
    mpz_set_ui(one, 1);
    OK(pc_batch_create(k->public, COUNT, &batch));
    for (int32_t i = 0; i < 2 * COUNT; i++) {
        int32_t count = i % 3 == 0 ? 1 : COUNT, at = i % count;
        switch (i % 4) {
        case 0: /* -1 */
            mpz_sub_ui(stranger, k->n_squared, 1);
            break;
        case 1: /* of order 2 modulo p^2 alone */
            mpz_mul(other, k->p, k->p);
            mpz_sub_ui(other, other, 1);
            join(stranger, k, other, one);
            break;
        case 2: /* modulo q^2 alone */
            mpz_mul(other, k->q, k->q);
            mpz_sub_ui(other, other, 1);
            join(stranger, k, one, other);
            break;
        default: /* an ordinary ciphertext */
            do {
                random_unit(stranger, k);
                mpz_powm(stranger, stranger, k->n, k->n_squared);
                mpz_mul(other, k->u_p, k->u_q);
                mpz_powm(other, stranger, other, k->n_squared);
            } while (mpz_cmp_ui(other, 1) == 0);
            break;
        }
        for (int32_t j = 0; j < COUNT; j++) {
            write_number(k, batch, j, one);
        }
        write_number(k, batch, at, stranger);
        memset(decrypted, 0xaa, (size_t)(COUNT * k->words) * 8);
        STATUS(PC_ERR_SUBGROUP, pc_decrypt(k->private_key, batch, 0, count, decrypted, (int64_t)COUNT * k->words));
        for (int32_t j = 0; j < COUNT * k->words; j++) {
            CHECK(decrypted[j] == (j < count * k->words ? 0 : UINT64_C(0xaaaaaaaaaaaaaaaa)));
        }
        write_number(k, batch, at, one);
        OK(pc_decrypt(k->private_key, batch, 0, count, decrypted, (int64_t)count * k->words));
    }
    mpz_clears(stranger, one, other, NULL);
    OK(pc_batch_free(batch));
    free(decrypted);
}

static void test_roots(const key *k)
{
    int64_t bytes = 3 * (int64_t)k->modulus_bytes;
    uint8_t *numbers = calloc(3, (size_t)k->modulus_bytes), *roots = calloc(3, (size_t)k->modulus_bytes);
    for (int32_t i = 0; i < 3; i++) {
        numbers[i * k->modulus_bytes] = (uint8_t)(i + 2);
    }
    int32_t valid = 0;
    OK(pc_find_roots(k->private_key, numbers, bytes, 3, roots));
    OK(pc_check_roots(k->public, numbers, roots, bytes, 3, &valid));
    CHECK(valid == (k->bits >= 64 ? 1 : 0));
    free(numbers);
    free(roots);
}

/* Neither kind of key passes for the other, and orders that are none are refused. */
static void test_arguments(int32_t kernel)
{
    key k, ordinary;
    key_create_short(&k, 192, kernel);
    key_create(&ordinary, 192, kernel);
    const int32_t bytes = k.prime_bytes, order = k.order_bytes;
    pc_private *made = NULL;
    pc_encryptor *encryptor = NULL;
    uint8_t seeds[3 * 64], other[PC_SHORT_ORDER_BITS / 8] = {0}, h[PC_MAX_KEY_BITS / 8];
    random_bytes(seeds, sizeof seeds);

    STATUS(PC_ERR_KEY, pc_private_create(k.public, k.p_bytes, k.q_bytes, bytes, 0, &made));
    STATUS(PC_ERR_KEY, pc_private_create_short(ordinary.public, ordinary.p_bytes, ordinary.q_bytes, bytes,
                                               k.u_p_bytes, k.u_q_bytes, order, 0, &made));
    STATUS(PC_ERR_KEY, pc_encryptor_create_rerandomizer(k.public, seeds, 3 * (k.modulus_bytes + 16), 3, 4, 0,
                                                        &encryptor));
    STATUS(PC_ERR_RANGE, pc_encryptor_create_owner(k.private_key, k.order_bits + 1, 4, 0, &encryptor));
    CHECK(encryptor == NULL);

    STATUS(PC_ERR_NULL, pc_private_create_short(k.public, k.p_bytes, k.q_bytes, bytes, NULL, k.u_q_bytes, order, 0,
                                                &made));
    STATUS(PC_ERR_NULL, pc_private_create_short(k.public, k.p_bytes, k.q_bytes, bytes, k.u_p_bytes, NULL, order, 0,
                                                &made));
    STATUS(PC_ERR_LENGTH, pc_private_create_short(k.public, k.p_bytes, k.q_bytes, bytes, k.u_p_bytes, k.u_q_bytes, 0,
                                                  0, &made));
    STATUS(PC_ERR_LENGTH, pc_private_create_short(k.public, k.p_bytes, k.q_bytes, bytes, k.u_p_bytes, k.u_q_bytes,
                                                  PC_SHORT_ORDER_BITS / 8 + 1, 0, &made));
    STATUS(PC_ERR_KEY, pc_private_create_short(k.public, k.p_bytes, k.q_bytes, bytes, k.u_q_bytes, k.u_p_bytes, order,
                                               0, &made)); /* the wrong way round */
    STATUS(PC_ERR_KEY, pc_private_create_short(k.public, k.p_bytes, k.q_bytes, bytes, k.u_p_bytes, other, order, 0,
                                               &made)); /* 0 */
    other[0] = 1;
    STATUS(PC_ERR_KEY, pc_private_create_short(k.public, k.p_bytes, k.q_bytes, bytes, other, k.u_q_bytes, order, 0,
                                               &made)); /* too short */
    memcpy(other, k.u_p_bytes, sizeof other);
    other[0] ^= 2;
    STATUS(PC_ERR_KEY, pc_private_create_short(k.public, k.p_bytes, k.q_bytes, bytes, other, k.u_q_bytes, order, 0,
                                               &made)); /* no order */
    STATUS(PC_ERR_KEY, pc_private_create_short(k.public, k.p_bytes, k.q_bytes, bytes, other, k.u_q_bytes, order,
                                               PC_FLAG_FRESH_PRIMES, &made));
    CHECK(made == NULL);
    OK(pc_private_create_short(k.public, k.q_bytes, k.p_bytes, bytes, k.u_q_bytes, k.u_p_bytes, order, 0, &made));
    OK(pc_private_free(made));
    made = NULL;

    /* h of another order: a square, 1 modulo q, -1 times h. */
    mpz_t x;
    mpz_init(x);
    for (int i = 0; i < 3; i++) {
        pc_public *public = NULL;
        if (i == 0) {
            mpz_mul(x, ordinary.h, ordinary.h);
            mpz_mod(x, x, k.n);
        } else if (i == 1) {
            mpz_powm(x, k.h, k.u_q, k.n);
        } else {
            mpz_sub(x, k.n, k.h);
        }
        bytes_from_integer(h, (size_t)k.modulus_bytes, x);
        OK(pc_public_create(k.n_bytes, k.modulus_bytes, h, k.modulus_bytes,
                            PC_FLAG_INSECURE_SIZE | PC_FLAG_SHORT_ORDER, kernel, &public));
        STATUS(PC_ERR_KEY, pc_private_create_short(public, k.p_bytes, k.q_bytes, bytes, k.u_p_bytes, k.u_q_bytes,
                                                   order, PC_FLAG_FRESH_PRIMES, &made));
        OK(pc_public_free(public));
    }
    mpz_clear(x);
    CHECK(made == NULL);
    key_free(&k);
    key_free(&ordinary);
}

static void test_base_arguments(void)
{
    key k;
    key_create_short(&k, 192, 0);
    const int32_t bytes = k.prime_bytes, order = k.order_bytes, room = k.modulus_bytes;
    uint8_t y[64] = {1}, h[64], guard[64];
    memset(h, 0xaa, sizeof h);
    memcpy(guard, h, sizeof guard);
    const uint8_t *p = k.p_bytes, *q = k.q_bytes, *u_p = k.u_p_bytes, *u_q = k.u_q_bytes;
    STATUS(PC_ERR_NULL, pc_short_base_var(NULL, q, bytes, u_p, u_q, order, y, room, h, room));
    STATUS(PC_ERR_NULL, pc_short_base_var(p, NULL, bytes, u_p, u_q, order, y, room, h, room));
    STATUS(PC_ERR_NULL, pc_short_base_var(p, q, bytes, NULL, u_q, order, y, room, h, room));
    STATUS(PC_ERR_NULL, pc_short_base_var(p, q, bytes, u_p, NULL, order, y, room, h, room));
    STATUS(PC_ERR_NULL, pc_short_base_var(p, q, bytes, u_p, u_q, order, NULL, room, h, room));
    STATUS(PC_ERR_NULL, pc_short_base_var(p, q, bytes, u_p, u_q, order, y, room, NULL, room));
    STATUS(PC_ERR_LENGTH, pc_short_base_var(p, q, 0, u_p, u_q, order, y, room, h, room));
    STATUS(PC_ERR_LENGTH, pc_short_base_var(p, q, bytes, u_p, u_q, 0, y, room, h, room));
    STATUS(PC_ERR_LENGTH, pc_short_base_var(p, q, bytes, u_p, u_q, order, y, room - 1, h, room));
    STATUS(PC_ERR_LENGTH, pc_short_base_var(p, q, bytes, u_p, u_q, order, y, room, h, room - 1));
    STATUS(PC_ERR_KEY, pc_short_base_var(p, q, bytes, u_q, u_p, order, y, room, h, room));
    STATUS(PC_ERR_KEY, pc_short_base_var(p, p, bytes, u_p, u_p, order, k.h_bytes, room, h, room));
    STATUS(PC_ERR_NO_PRIME, pc_short_base_var(p, q, bytes, u_p, u_q, order, y, room, h, room)); /* 1 */
    y[0] = 0;
    STATUS(PC_ERR_NO_PRIME, pc_short_base_var(p, q, bytes, u_p, u_q, order, y, room, h, room));
    CHECK(memcmp(h, guard, sizeof h) == 0);
    key_free(&k);
}

static void test_search(void)
{
    static uint8_t random[32768];
    uint8_t order[32], prime[32];
    random_bytes(random, sizeof random);
    const int32_t count = (int32_t)sizeof random;
    memset(order, 0, sizeof order);
    order[0] = 7;
    STATUS(PC_ERR_NULL, pc_prime_search_short_var(random, count, 128, NULL, 1, NULL, 0, prime, 16));
    STATUS(PC_ERR_LENGTH, pc_prime_search_short_var(random, count, 128, order, 0, NULL, 0, prime, 16));
    STATUS(PC_ERR_LENGTH, pc_prime_search_short_var(random, count, 128, order, 33, NULL, 0, prime, 16));
    STATUS(PC_ERR_RANGE, pc_prime_search_short_var(random, count, 5, order, 1, NULL, 0, prime, 1));
    order[0] = 3;
    STATUS(PC_ERR_RANGE, pc_prime_search_short_var(random, count, 128, order, 1, NULL, 0, prime, 16));
    order[0] = 9;
    STATUS(PC_ERR_RANGE, pc_prime_search_short_var(random, count, 128, order, 1, NULL, 0, prime, 16));
    order[0] = 6;
    STATUS(PC_ERR_RANGE, pc_prime_search_short_var(random, count, 128, order, 1, NULL, 0, prime, 16));

    /* Primes as ordinary ones are, and no small factors beside the order. */
    mpz_t p, u;
    mpz_inits(p, u, NULL);
    static const int32_t sizes[] = {64, 65, 100, 128, 250, 256};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int32_t bits = sizes[i], bytes = (bits + 7) / 8, order_bits = bits / 4, order_bytes = (order_bits + 7) / 8;
        int32_t status = PC_ERR_NO_PRIME;
        while (status == PC_ERR_NO_PRIME) {
            random_bytes(random, sizeof random);
            status = pc_prime_search_var(random, count, order_bits, NULL, 0, order, order_bytes);
        }
        OK(status);
        status = PC_ERR_NO_PRIME;
        while (status == PC_ERR_NO_PRIME) {
            random_bytes(random, sizeof random);
            status = pc_prime_search_short_var(random, count, bits, order, order_bytes, NULL, 0, prime, bytes);
        }
        OK(status);
        integer_from_bytes(p, prime, (size_t)bytes);
        integer_from_bytes(u, order, (size_t)order_bytes);
        CHECK(mpz_sizeinbase(p, 2) == (size_t)bits && mpz_tstbit(p, (mp_bitcnt_t)bits - 2) == 1);
        CHECK(mpz_fdiv_ui(p, 4) == 3 && mpz_probab_prime_p(p, 30) != 0);
        mpz_sub_ui(p, p, 1);
        CHECK(mpz_divisible_p(p, u) != 0);
        mpz_divexact(p, p, u);
        unsigned long bound = order_bits > 16 ? 65536 : 1UL << (order_bits - 1);
        for (unsigned long factor = 3; factor < bound; factor += 2) {
            CHECK(mpz_divisible_ui_p(p, factor) == 0);
        }
    }
    mpz_clears(p, u, NULL);
}

static void test_key(const key *k)
{
    test_numbers(k);
    test_tables(k);
    test_decryption(k);
    test_strangers(k);
    test_roots(k);
}

/* u_p = 5 and u_q = 7: all powers of h_s are met. */
static void test_tiny_key(int32_t kernel)
{
    key k;
    mpz_t p, q, u_p, u_q;
    mpz_init_set_ui(p, 191);
    mpz_init_set_ui(q, 239);
    mpz_init_set_ui(u_p, 5);
    mpz_init_set_ui(u_q, 7);
    key_from_orders(&k, p, q, u_p, u_q, kernel);
    test_key(&k);
    mpz_clears(p, q, u_p, u_q, NULL);
    key_free(&k);
}

int main(void)
{
    static const int32_t sizes[] = {128, 130, 192, 254, 520, 1000};
    for (int32_t kernel = 0; kernel < kernel_count(); kernel++) {
        test_arguments(kernel);
        test_tiny_key(kernel);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            key k;
            key_create_short(&k, sizes[i], kernel);
            test_key(&k);
            key_free(&k);
        }
        int32_t longest = getenv("POPCORN_SLOW_TESTS") != NULL ? 4096 : is_another_number_of_lanes(kernel) ? 0 : 2048;
        for (int32_t bits = 2048; bits <= longest; bits += 1024) {
            key k;
            key_create_short(&k, bits, kernel);
            test_key(&k);
            key_free(&k);
        }
    }
    test_base_arguments();
    test_search();
    return summary();
}
