/* Every kernel's table against plain integers modulo m^2. */
#include "support.h"

#include "../src/crt.h"

typedef struct lanes_of_integers {
    mpz_t lane[PC_MAX_LANES];
} lanes_of_integers;

static void init(lanes_of_integers *x)
{
    for (int i = 0; i < PC_MAX_LANES; i++) {
        mpz_init(x->lane[i]);
    }
}

static void clear(lanes_of_integers *x)
{
    for (int i = 0; i < PC_MAX_LANES; i++) {
        mpz_clear(x->lane[i]);
    }
}

static void export_limbs(mp_limb_t *r, int32_t limbs, const mpz_t a)
{
    bytes_from_integer(r, (size_t)limbs * sizeof *r, a);
}

/* Lanes with random or adversarial halves, in the kernel's form and as integers. */
static void draw(const pc_modulus *modulus, const mpz_t m, mp_limb_t *group, lanes_of_integers *x)
{
    pc_standard standard;
    mpz_t a, b;
    mpz_inits(a, b, NULL);
    for (int32_t i = 0; i < modulus->kernel->lanes; i++) {
        adversarial_integer(a, m);
        adversarial_integer(b, m);
        export_limbs(standard.limbs + i * 2 * modulus->limbs, modulus->limbs, a);
        export_limbs(standard.limbs + i * 2 * modulus->limbs + modulus->limbs, modulus->limbs, b);
        mpz_mul(x->lane[i], b, m);
        mpz_add(x->lane[i], x->lane[i], a);
    }
    modulus->kernel->enter(modulus, group, standard.limbs);
    mpz_clears(a, b, NULL);
}

/* Are the lanes these integers, in standard form with both halves below m? */
static bool holds(const pc_modulus *modulus, const mpz_t m, const mp_limb_t *group, const lanes_of_integers *x)
{
    pc_standard standard;
    modulus->kernel->leave(modulus, standard.limbs, group);
    mpz_t a, b;
    mpz_inits(a, b, NULL);
    bool same = true;
    size_t half = (size_t)modulus->limbs * sizeof(mp_limb_t);
    for (int32_t i = 0; i < modulus->kernel->lanes; i++) {
        const mp_limb_t *lane = standard.limbs + i * 2 * modulus->limbs;
        integer_from_bytes(a, lane, half);
        integer_from_bytes(b, lane + modulus->limbs, half);
        same = same && mpz_cmp(a, m) < 0 && mpz_cmp(b, m) < 0;
        mpz_addmul(a, b, m);
        same = same && mpz_cmp(a, x->lane[i]) == 0;
    }
    mpz_clears(a, b, NULL);
    return same;
}

static void test_operations(const pc_modulus *modulus, const mpz_t m)
{
    const pc_kernel *kernel = modulus->kernel;
    pc_group a, b, r;
    mp_limb_t k[PC_MAX_LANES * PC_MAX_LIMBS];
    lanes_of_integers x, y, z;
    mpz_t m_squared, plain;
    init(&x), init(&y), init(&z);
    mpz_inits(m_squared, plain, NULL);
    mpz_mul(m_squared, m, m);

    draw(modulus, m, a.words, &x);
    draw(modulus, m, b.words, &y);
    CHECK(holds(modulus, m, a.words, &x));

    for (int32_t i = 0; i < kernel->lanes; i++) {
        mpz_mul(z.lane[i], x.lane[i], y.lane[i]);
        mpz_mod(z.lane[i], z.lane[i], m_squared);
    }
    kernel->multiply(modulus, r.words, a.words, b.words);
    CHECK(holds(modulus, m, r.words, &z));
    r = a;
    kernel->multiply(modulus, r.words, r.words, b.words);
    CHECK(holds(modulus, m, r.words, &z));
    r = b;
    kernel->multiply(modulus, r.words, a.words, r.words);
    CHECK(holds(modulus, m, r.words, &z));

    for (int32_t i = 0; i < kernel->lanes; i++) {
        mpz_mul(z.lane[i], x.lane[i], x.lane[i]);
        mpz_mod(z.lane[i], z.lane[i], m_squared);
    }
    kernel->square(modulus, r.words, a.words);
    CHECK(holds(modulus, m, r.words, &z));
    r = a;
    kernel->square(modulus, r.words, r.words);
    CHECK(holds(modulus, m, r.words, &z));
    r = a;
    kernel->multiply(modulus, r.words, r.words, r.words);
    CHECK(holds(modulus, m, r.words, &z));

    for (int32_t i = 0; i < kernel->lanes; i++) {
        adversarial_integer(plain, m);
        export_limbs(k + i * modulus->limbs, modulus->limbs, plain);
        mpz_mul(plain, plain, m);
        mpz_add_ui(plain, plain, 1);
        mpz_mul(z.lane[i], x.lane[i], plain);
        mpz_mod(z.lane[i], z.lane[i], m_squared);
    }
    kernel->add_plain(modulus, r.words, a.words, k);
    CHECK(holds(modulus, m, r.words, &z));
    kernel->add_plain(modulus, a.words, a.words, k);
    CHECK(holds(modulus, m, a.words, &z));

    clear(&x), clear(&y), clear(&z);
    mpz_clears(m_squared, plain, NULL);
}

/* A long chain: forms that are not reduced completely must not grow. */
static void test_chain(const pc_modulus *modulus, const mpz_t m)
{
    const pc_kernel *kernel = modulus->kernel;
    pc_group a, b;
    lanes_of_integers x, y;
    mpz_t m_squared;
    init(&x), init(&y);
    mpz_init(m_squared);
    mpz_mul(m_squared, m, m);
    draw(modulus, m, a.words, &x);
    draw(modulus, m, b.words, &y);
    for (int step = 0; step < 20; step++) {
        kernel->square(modulus, a.words, a.words);
        kernel->multiply(modulus, a.words, a.words, b.words);
        kernel->multiply(modulus, b.words, a.words, b.words);
        for (int32_t i = 0; i < kernel->lanes; i++) {
            mpz_mul(x.lane[i], x.lane[i], x.lane[i]);
            mpz_mul(x.lane[i], x.lane[i], y.lane[i]);
            mpz_mod(x.lane[i], x.lane[i], m_squared);
            mpz_mul(y.lane[i], x.lane[i], y.lane[i]);
            mpz_mod(y.lane[i], y.lane[i], m_squared);
        }
    }
    CHECK(holds(modulus, m, a.words, &x));
    CHECK(holds(modulus, m, b.words, &y));
    clear(&x), clear(&y);
    mpz_clear(m_squared);
}

/* Enters lanes of any integers below m^2. */
static void enter_integers(const pc_modulus *modulus, const mpz_t m, mp_limb_t *group, const lanes_of_integers *x)
{
    pc_standard standard;
    mpz_t a, b;
    mpz_inits(a, b, NULL);
    for (int32_t i = 0; i < modulus->kernel->lanes; i++) {
        mpz_fdiv_qr(b, a, x->lane[i], m);
        export_limbs(standard.limbs + i * 2 * modulus->limbs, modulus->limbs, a);
        export_limbs(standard.limbs + i * 2 * modulus->limbs + modulus->limbs, modulus->limbs, b);
    }
    modulus->kernel->enter(modulus, group, standard.limbs);
    mpz_clears(a, b, NULL);
}

/*
 * Powers of units in ratio form, multiplied out: first 2 and 0 and 5 and 1, in two sums, then as many of the greatest
 * as sums may hold.
 */
static void test_ratios(const pc_modulus *modulus, const mpz_t m)
{
    enum { POWERS = 6 };
    static const int32_t wanted[] = {2, 0, 5, 1};
    const pc_kernel *kernel = modulus->kernel;
    pc_group base, base_inverse, power, inverse, sums, r, table[POWERS];
    lanes_of_integers x, y;
    mpz_t m_squared;
    init(&x), init(&y);
    mpz_init(m_squared);
    mpz_mul(m_squared, m, m);
    draw(modulus, m, base.words, &x);
    for (int32_t i = 0; i < kernel->lanes; i++) {
        if (mpz_invert(y.lane[i], x.lane[i], m) == 0) {
            mpz_set_ui(x.lane[i], 1);
            mpz_set_ui(y.lane[i], 1);
        }
    }
    enter_integers(modulus, m, base.words, &x);
    enter_integers(modulus, m, base_inverse.words, &y);
    kernel->ratio_of(modulus, base.words, base.words, base_inverse.words);
    for (int32_t i = 0; i < kernel->lanes; i++) {
        mpz_set_ui(y.lane[i], 1);
    }
    enter_integers(modulus, m, inverse.words, &y);
    kernel->ratio_of(modulus, power.words, inverse.words, inverse.words);
    for (int32_t i = 0; i < POWERS; i++) {
        table[i] = power;
        kernel->ratio_step(modulus, power.words, inverse.words, base.words, base_inverse.words);
    }

    int32_t exponent = 0;
    for (int32_t i = 0; i < 4; i++) {
        kernel->absorb(modulus, r.words, sums.words, table[wanted[i]].words, i == 0);
        exponent += wanted[i];
        if (i == 1) {
            kernel->absorb_sums(modulus, r.words, sums.words);
            memset(&sums, 0, sizeof sums);
        }
    }
    kernel->absorb_sums(modulus, r.words, sums.words);
    for (int32_t i = 0; i < kernel->lanes; i++) {
        mpz_powm_ui(y.lane[i], x.lane[i], (unsigned long)exponent, m_squared);
    }
    CHECK(holds(modulus, m, r.words, &y));

    for (int32_t i = 0; i < PC_MAX_ABSORBED; i++) {
        kernel->absorb(modulus, r.words, sums.words, table[POWERS - 1].words, i == 0);
    }
    kernel->absorb_sums(modulus, r.words, sums.words);
    for (int32_t i = 0; i < kernel->lanes; i++) {
        mpz_powm_ui(y.lane[i], x.lane[i], (POWERS - 1) * PC_MAX_ABSORBED, m_squared);
    }
    CHECK(holds(modulus, m, r.words, &y));
    clear(&x), clear(&y);
    mpz_clear(m_squared);
}

#define TABLE_ENTRIES 9

static void test_moves(const pc_modulus *modulus, const mpz_t m)
{
    const pc_kernel *kernel = modulus->kernel;
    size_t words = pc_group_words(modulus);
    mp_limb_t *table = pc_allocate_zeroed(TABLE_ENTRIES * words * sizeof *table);
    mp_limb_t *numbers = pc_allocate_zeroed((size_t)kernel->lanes * words * sizeof *numbers);
    lanes_of_integers x[TABLE_ENTRIES], expected;
    pc_group r;
    init(&expected);
    for (int32_t i = 0; i < TABLE_ENTRIES; i++) {
        init(&x[i]);
        draw(modulus, m, table + (size_t)i * words, &x[i]);
    }
    for (int32_t i = 0; i < TABLE_ENTRIES; i++) {
        kernel->select(modulus, r.words, table, TABLE_ENTRIES, i);
        CHECK(holds(modulus, m, r.words, &x[i]));
    }

    /* Lanes scattered in reverse order, one dropped, and gathered from one and the same number where spare. */
    mp_limb_t *targets[PC_MAX_LANES];
    const mp_limb_t *sources[PC_MAX_LANES];
    for (int32_t i = 0; i < kernel->lanes; i++) {
        targets[i] = numbers + (kernel->lanes - 1 - i) * modulus->number_words;
        sources[i] = i % 3 == 2 ? modulus->one : targets[i];
        mpz_set(expected.lane[i], x[0].lane[i]);
        if (i % 3 == 2) {
            targets[i] = NULL;
            mpz_set_ui(expected.lane[i], 1);
        }
    }
    kernel->scatter(modulus, targets, table);
    kernel->gather(modulus, r.words, sources);
    CHECK(holds(modulus, m, r.words, &expected));
    for (int32_t i = 0; i < kernel->lanes; i++) {
        const mp_limb_t *dropped = numbers + (kernel->lanes - 1 - i) * modulus->number_words;
        CHECK(targets[i] != NULL || mpn_zero_p(dropped, modulus->number_words));
    }

    for (int32_t i = 0; i < TABLE_ENTRIES; i++) {
        clear(&x[i]);
    }
    clear(&expected);
    pc_release(table);
    pc_release(numbers);
}

/* Digit i of a group, A's of all lanes before B's. */
static void put_digit(const pc_kernel *kernel, mp_limb_t *group, int32_t i, int32_t digits, mp_limb_t digit)
{
    int32_t half = digits * kernel->lanes;
    if (kernel->halves_share_words) {
        group[i % half] |= digit << i / half * 32;
    } else {
        group[i] = digit;
    }
}

/*
 * A kernel of digits with room above them on digits that random numbers never have: mostly zeros, among them the
 * largest digits and those around half of them, where a square's carries into the next digit and its negative columns
 * come from.
 */
static void test_digit_patterns(const pc_modulus *modulus, const mpz_t m)
{
    const pc_kernel *kernel = modulus->kernel;
    const int32_t bits = kernel->digit_bits;
    const mp_limb_t half = UINT64_C(1) << (bits - 1), patterns[] = {1, 2, half - 1, half, half + 1, 2 * half - 1};
    int32_t digits = kernel->number_words(modulus->limbs) / (kernel->halves_share_words ? 1 : 2);
    int32_t safe = (int32_t)(mpz_sizeinbase(m, 2) - 1) / bits; /* digits that any number below m may have */
    lanes_of_integers x, y, z;
    mpz_t m_squared, a, b;
    init(&x), init(&y), init(&z);
    mpz_inits(m_squared, a, b, NULL);
    mpz_mul(m_squared, m, m);
    pc_group groups[2], r;
    lanes_of_integers *values[2] = {&x, &y};
    for (int which = 0; which < 2; which++) {
        memset(&groups[which], 0, sizeof groups[which]);
        for (int32_t i = 0; i < 2 * digits * kernel->lanes; i++) {
            if (i / kernel->lanes % digits < safe && random_below(4) == 0) {
                put_digit(kernel, groups[which].words, i, digits, patterns[random_below(6)]);
            }
        }
        pc_standard standard;
        kernel->leave(modulus, standard.limbs, groups[which].words);
        for (int32_t i = 0; i < kernel->lanes; i++) {
            const mp_limb_t *lane = standard.limbs + i * 2 * modulus->limbs;
            integer_from_bytes(a, lane, (size_t)modulus->limbs * sizeof *lane);
            integer_from_bytes(b, lane + modulus->limbs, (size_t)modulus->limbs * sizeof *lane);
            mpz_mul(b, b, m);
            mpz_add(values[which]->lane[i], a, b);
        }
    }
    /* What stands above a digit must not matter. */
    for (int32_t i = 0; i < 4 * digits * kernel->lanes && !kernel->halves_share_words; i++) {
        groups[i % 2].words[i / 2] |= random_word() << bits;
    }
    for (int squared = 0; squared < 2; squared++) {
        for (int32_t i = 0; i < kernel->lanes; i++) {
            mpz_mul(z.lane[i], x.lane[i], squared ? x.lane[i] : y.lane[i]);
            mpz_mod(z.lane[i], z.lane[i], m_squared);
        }
        if (squared) {
            kernel->square(modulus, r.words, groups[0].words);
        } else {
            kernel->multiply(modulus, r.words, groups[0].words, groups[1].words);
        }
        CHECK(holds(modulus, m, r.words, &z));
    }
    clear(&x), clear(&y), clear(&z);
    mpz_clears(m_squared, a, b, NULL);
}

static void test_modulus(const pc_kernel *kernel, const mpz_t m, int repeats)
{
    mp_limb_t limbs[PC_MAX_LIMBS];
    int32_t count = (int32_t)mpz_size(m);
    export_limbs(limbs, count, m);
    for (int secret = 0; secret < 2; secret++) {
        pc_modulus *modulus = pc_modulus_create(kernel, limbs, count, secret == 1);
        CHECK(modulus != NULL);
        for (int i = 0; i < repeats; i++) {
            test_operations(modulus, m);
        }
        for (int i = 0; i < 32 && kernel->digit_bits < 64; i++) {
            test_digit_patterns(modulus, m);
        }
        test_chain(modulus, m);
        test_ratios(modulus, m);
        test_moves(modulus, m);
        pc_modulus_free(modulus);
    }
}

/* Primes pass the kernel's test, random composites without small factors do not. */
static void test_primes(const pc_kernel *kernel, mp_bitcnt_t bits)
{
    mp_limb_t candidates[PC_MAX_LANES * PC_MAX_LIMBS];
    int32_t limbs = (int32_t)(bits + 63) / 64;
    mpz_t p, half;
    mpz_init_set_ui(p, 0);
    mpz_init_set_ui(half, 0);
    mpz_setbit(half, bits - 2);
    for (int32_t lane = 0; lane < kernel->lanes; lane++) {
        do {
            random_integer(p, half);
            mpz_setbit(p, bits - 1);
            mpz_nextprime(p, p);
            if (lane % 3 == 0) {
                mpz_add_ui(p, p, 2);
            }
        } while (lane % 3 == 0 && mpz_probab_prime_p(p, 30) != 0);
        export_limbs(candidates + lane * limbs, limbs, p);
    }
    uint32_t maybe = kernel->may_be_prime(candidates, limbs);
    for (int32_t lane = 0; lane < kernel->lanes; lane++) {
        CHECK((maybe >> lane & 1) == (lane % 3 != 0));
    }
    mpz_clears(p, half, NULL);
}

/* Every product modulo 3^2, 5^2 and so on. */
static void test_tiny_moduli(const pc_kernel *kernel, mp_limb_t end)
{
    for (mp_limb_t m = 3; m < end; m += 2) {
        pc_modulus *modulus = pc_modulus_create(kernel, &m, 1, false);
        int wrong = 0;
        for (mp_limb_t x = 0; x < m * m; x++) {
            for (mp_limb_t y = 0; y < m * m; y++) {
                pc_standard standard;
                pc_group a, b;
                for (int32_t i = 0; i < kernel->lanes; i++) {
                    standard.limbs[2 * i] = x % m;
                    standard.limbs[2 * i + 1] = x / m;
                }
                kernel->enter(modulus, a.words, standard.limbs);
                for (int32_t i = 0; i < kernel->lanes; i++) {
                    standard.limbs[2 * i] = y % m;
                    standard.limbs[2 * i + 1] = y / m;
                }
                kernel->enter(modulus, b.words, standard.limbs);
                kernel->multiply(modulus, a.words, a.words, b.words);
                kernel->leave(modulus, standard.limbs, a.words);
                for (int32_t i = 0; i < kernel->lanes; i++) {
                    mp_limb_t product = x * y % (m * m);
                    wrong += standard.limbs[2 * i] != product % m || standard.limbs[2 * i + 1] != product / m;
                }
            }
        }
        CHECK(wrong == 0);
        pc_modulus_free(modulus);
    }
}

/*
 * From modulo n^2 to modulo p^2 and q^2 and back, for coprime odd p and q that need not be prime: the same residues,
 * also when the way is gone many times without a product in between, which would make the halves small again.
 */
static void test_recombination(const pc_kernel *kernel, const mpz_t p, const mpz_t q)
{
    const mpz_srcptr primes[2] = {p, q};
    mp_limb_t limbs[PC_MAX_LIMBS];
    mpz_t n, square;
    mpz_inits(n, square, NULL);
    mpz_mul(n, p, q);
    pc_public public_key = {0};
    pc_private private_key = {0};
    export_limbs(limbs, (int32_t)mpz_size(n), n);
    public_key.modulus = pc_modulus_create(kernel, limbs, (int32_t)mpz_size(n), false);
    public_key.secrets_modulus = pc_modulus_create(kernel, limbs, (int32_t)mpz_size(n), true);
    private_key.key = &public_key;
    for (int i = 0; i < 2; i++) {
        export_limbs(limbs, (int32_t)mpz_size(primes[i]), primes[i]);
        private_key.side[i].modulus = pc_modulus_create(kernel, limbs, (int32_t)mpz_size(primes[i]), true);
    }
    OK(pc_crt_init(&private_key, p, q));

    lanes_of_integers x, side;
    init(&x), init(&side);
    pc_group group, sides[2];
    draw(public_key.modulus, n, group.words, &x);
    for (int round = 0; round < 4; round++) {
        pc_crt_split(&private_key, sides, group.words);
        for (int i = 0; i < 2; i++) {
            mpz_mul(square, primes[i], primes[i]);
            for (int32_t lane = 0; lane < kernel->lanes; lane++) {
                mpz_mod(side.lane[lane], x.lane[lane], square);
            }
            CHECK(holds(private_key.side[i].modulus, primes[i], sides[i].words, &side));
        }
        pc_crt_join(&private_key, group.words, sides);
        CHECK(holds(public_key.modulus, n, group.words, &x));
    }
    clear(&x), clear(&side);
    mpz_clears(n, square, NULL);
    pc_crt_clear(&private_key);
    pc_modulus_free(public_key.modulus);
    pc_modulus_free(public_key.secrets_modulus);
    pc_modulus_free(private_key.side[0].modulus);
    pc_modulus_free(private_key.side[1].modulus);
}

/* Pairs of the same length: random ones, and the largest and smallest that are coprime. */
static void test_recombinations(const pc_kernel *kernel)
{
    static const mp_bitcnt_t prime_bits[] = {3, 31, 32, 33, 64, 65, 255, 512, 1000, 1023, 1024, 1536, 2048};
    mpz_t p, q, divisor, bound;
    mpz_inits(p, q, divisor, bound, NULL);
    for (size_t i = 0; i < sizeof prime_bits / sizeof prime_bits[0]; i++) {
        mp_bitcnt_t bits = prime_bits[i];
        mpz_set_ui(bound, 0);
        mpz_setbit(bound, bits - 1);
        for (int repeat = 0; repeat < 6; repeat++) {
            do {
                random_integer(p, bound);
                random_integer(q, bound);
                mpz_add(p, p, bound);
                mpz_add(q, q, bound);
                if (repeat == 0) { /* n as long as can be, and p the shorter square */
                    mpz_mul_2exp(q, bound, 1);
                    mpz_sub_ui(q, q, 1);
                } else if (repeat == 1) {
                    mpz_set(p, bound);
                }
                mpz_setbit(p, 0);
                mpz_setbit(q, 0);
                mpz_gcd(divisor, p, q);
            } while (mpz_cmp_ui(divisor, 1) != 0);
            test_recombination(kernel, p, q);
        }
    }
    mpz_clears(p, q, divisor, bound, NULL);
}

/* Many products and squares against GMP, one after the other from random operands. */
static void test_many(const pc_kernel *kernel, mp_bitcnt_t bits, int32_t products)
{
    mp_limb_t limbs[PC_MAX_LIMBS];
    lanes_of_integers x, y;
    mpz_t m, bound, m_squared;
    init(&x), init(&y);
    mpz_inits(m, bound, m_squared, NULL);
    mpz_setbit(bound, bits - 1);
    random_integer(m, bound);
    mpz_add(m, m, bound);
    mpz_setbit(m, 0);
    mpz_mul(m_squared, m, m);
    export_limbs(limbs, (int32_t)mpz_size(m), m);
    pc_modulus *modulus = pc_modulus_create(kernel, limbs, (int32_t)mpz_size(m), false);
    pc_group a, b;
    draw(modulus, m, a.words, &x);
    draw(modulus, m, b.words, &y);
    bool right = true;
    for (int32_t done = 0; done < products && right; done += 2 * kernel->lanes) {
        kernel->multiply(modulus, b.words, a.words, b.words);
        kernel->square(modulus, a.words, a.words);
        for (int32_t i = 0; i < kernel->lanes; i++) {
            mpz_mul(y.lane[i], x.lane[i], y.lane[i]);
            mpz_mod(y.lane[i], y.lane[i], m_squared);
            mpz_mul(x.lane[i], x.lane[i], x.lane[i]);
            mpz_mod(x.lane[i], x.lane[i], m_squared);
        }
        right = holds(modulus, m, a.words, &x) && holds(modulus, m, b.words, &y);
    }
    CHECK(right);
    pc_modulus_free(modulus);
    clear(&x), clear(&y);
    mpz_clears(m, bound, m_squared, NULL);
}

/* An exponent below 2^bits: 0, 1, all ones, or random. */
static void draw_exponent(mpz_t e, mp_bitcnt_t bits, int32_t kind)
{
    mpz_set_ui(e, 0);
    mpz_setbit(e, bits);
    if (kind == 2) {
        mpz_sub_ui(e, e, 1);
    } else if (kind > 2) {
        random_integer(e, e);
    } else {
        mpz_set_ui(e, (unsigned long)kind);
    }
}

/* Powers of single residues modulo two moduli at once, random and on the edge, by exponents of all and of some bits. */
static void test_power_pair(const pc_kernel *kernel, int32_t limbs)
{
    mpz_t m[2], e[2], wanted, bound;
    lanes_of_integers x;
    init(&x);
    mpz_inits(m[0], m[1], e[0], e[1], wanted, bound, NULL);
    const pc_modulus *moduli[2];
    pc_modulus *made[2];
    mp_limb_t m_limbs[PC_MAX_LIMBS], exponents[2][PC_MAX_LIMBS];
    alignas(PC_NUMBER_ALIGNMENT) mp_limb_t numbers[2][PC_MAX_NUMBER_WORDS];
    for (int k = 0; k < 2; k++) {
        mpz_set_ui(bound, 0);
        mpz_setbit(bound, (mp_bitcnt_t)limbs * 64 - 1);
        random_integer(m[k], bound);
        mpz_add(m[k], m[k], bound);
        mpz_setbit(m[k], 0);
        export_limbs(m_limbs, limbs, m[k]);
        moduli[k] = made[k] = pc_modulus_create(kernel, m_limbs, limbs, true);
    }
    size_t table_words = PC_SECRET_TABLE_GROUPS * pc_group_words(moduli[0]);
    mp_limb_t *table = pc_allocate(table_words * sizeof *table);
    for (int32_t kind = 0; kind < 6; kind++) {
        int32_t bits = limbs * 64 - (kind % 2 == 0 ? 0 : random_below(63));
        mpz_t residue[2];
        for (int k = 0; k < 2; k++) {
            pc_group group;
            mp_limb_t *targets[PC_MAX_LANES] = {numbers[k]};
            draw(moduli[k], m[k], group.words, &x);
            kernel->scatter(moduli[k], targets, group.words);
            mpz_init_set(residue[k], x.lane[0]);
            draw_exponent(e[k], (mp_bitcnt_t)bits, kind < 4 ? (kind + k) % 4 : 3);
            export_limbs(exponents[k], limbs, e[k]);
        }
        mp_limb_t *const rows[2] = {numbers[0], numbers[1]};
        const mp_limb_t *const powers[2] = {exponents[0], exponents[1]};
        kernel->power_pair(moduli, rows, powers, bits, table);
        for (int k = 0; k < 2; k++) {
            pc_group group;
            const mp_limb_t *sources[PC_MAX_LANES];
            mpz_mul(bound, m[k], m[k]);
            mpz_powm(wanted, residue[k], e[k], bound);
            for (int32_t i = 0; i < kernel->lanes; i++) {
                sources[i] = numbers[k];
                mpz_set(x.lane[i], wanted);
            }
            kernel->gather(moduli[k], group.words, sources);
            CHECK(holds(moduli[k], m[k], group.words, &x));
            mpz_clear(residue[k]);
        }
    }
    pc_release(table);
    pc_modulus_free(made[0]);
    pc_modulus_free(made[1]);
    mpz_clears(m[0], m[1], e[0], e[1], wanted, bound, NULL);
    clear(&x);
}

/* Plaintexts added again and again, with no product in between that would make the halves small. */
static void test_repeated_add_plain(const pc_kernel *kernel, int32_t limbs)
{
    mp_limb_t m_limbs[PC_MAX_LIMBS], k[PC_MAX_LANES * PC_MAX_LIMBS];
    lanes_of_integers x;
    mpz_t m, square, plain;
    init(&x);
    mpz_inits(m, square, plain, NULL);
    mpz_setbit(m, (mp_bitcnt_t)limbs * 64);
    mpz_sub_ui(m, m, 1);
    mpz_mul(square, m, m);
    export_limbs(m_limbs, limbs, m);
    pc_modulus *modulus = pc_modulus_create(kernel, m_limbs, limbs, false);
    pc_group group;
    draw(modulus, m, group.words, &x);
    for (int step = 0; step < 100; step++) {
        for (int32_t i = 0; i < kernel->lanes; i++) {
            adversarial_integer(plain, m);
            export_limbs(k + i * limbs, limbs, plain);
            mpz_mul(plain, plain, m);
            mpz_add_ui(plain, plain, 1);
            mpz_mul(x.lane[i], x.lane[i], plain);
            mpz_mod(x.lane[i], x.lane[i], square);
        }
        kernel->add_plain(modulus, group.words, group.words, k);
    }
    CHECK(holds(modulus, m, group.words, &x));
    pc_modulus_free(modulus);
    mpz_clears(m, square, plain, NULL);
    clear(&x);
}

#if defined(__SANITIZE_ADDRESS__)
#  define IS_SANITIZED true
#else
#  define IS_SANITIZED false
#endif

/* What kernel.h asks of the numbers in a row of its table. */
static void test_limits(const pc_kernel *kernel)
{
    CHECK(kernel->lanes >= 1 && kernel->lanes <= PC_MAX_LANES && (kernel->lanes & (kernel->lanes - 1)) == 0);
    CHECK(kernel->digit_bits >= 1 && kernel->digit_bits <= 64);
    CHECK(kernel->public_state_bytes <= kernel->state_bytes);
    CHECK(kernel->window_bits >= 1 && kernel->window_bits <= PC_MAX_SECRET_WINDOW_BITS);
    CHECK((kernel->pairs_that_pay > 0) == (kernel->power_pair != NULL) && kernel->pairs_that_pay <= kernel->lanes);
    for (int32_t limbs = 1; limbs <= PC_MAX_LIMBS; limbs++) {
        int32_t words = pc_number_words(kernel, limbs);
        CHECK(words <= PC_MAX_NUMBER_WORDS && words >= kernel->number_words(limbs));
        CHECK(words % PC_NUMBER_ALIGNMENT_WORDS == 0);
    }
}

int main(void)
{
    static const int32_t limb_counts[] = {1, 2, 3, 4, 7, 8, 16, 17, 31, 32, 48, 63, 64};
    mpz_t m;
    mpz_init(m);
    for (int32_t i = 0; i < pc_kernel_count(); i++) {
        const pc_kernel *kernel = pc_kernel_at(i);
        test_limits(kernel);
        test_recombinations(kernel);
        /*
         * An emulated kernel and sanitized ones take their time: of long primes those of the shortest key and the
         * longest, 16 and 32.
         */
        bool is_slow = (is_emulated(i) || IS_SANITIZED) && getenv("POPCORN_SLOW_TESTS") == NULL;
        test_tiny_moduli(kernel, is_slow ? 12 : 16);
        for (int32_t limbs = 1; limbs <= PC_MAX_LIMBS / 2;
             limbs += limbs < 10 ? 3 : !is_slow ? 2 : limbs == 10 ? 6 : 16) {
            if (kernel->power_pair != NULL) {
                test_power_pair(kernel, limbs);
            }
            test_repeated_add_plain(kernel, 2 * limbs);
        }
        static const mp_bitcnt_t sizes[] = {1024, 1536, 2048, 3072, 4096};
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            test_many(kernel, sizes[j], getenv("POPCORN_SLOW_TESTS") != NULL ? 500000 : is_slow ? 1000 : 5000);
        }
        for (mp_bitcnt_t bits = 60; bits <= 1100 && kernel->may_be_prime != NULL; bits += 130) {
            test_primes(kernel, bits);
        }
        for (size_t j = 0; j < sizeof limb_counts / sizeof limb_counts[0]; j++) {
            mp_bitcnt_t bits = (mp_bitcnt_t)limb_counts[j] * 64;
            mpz_set_ui(m, 0); /* all ones: the largest modulus */
            mpz_setbit(m, bits);
            mpz_sub_ui(m, m, 1);
            test_modulus(kernel, m, 8);
            mpz_tdiv_q_2exp(m, m, 1); /* all ones, one bit short of a limb */
            test_modulus(kernel, m, 4);
            mpz_set_ui(m, 1); /* one bit into the top limb */
            mpz_setbit(m, bits - 63);
            test_modulus(kernel, m, 4);
            mpz_set_ui(m, 1); /* the smallest of full length */
            mpz_setbit(m, bits - 1);
            test_modulus(kernel, m, 4);
            for (int repeat = 0; repeat < 3; repeat++) {
                mpz_t bound;
                mpz_init_set_ui(bound, 0);
                mpz_setbit(bound, bits);
                random_integer(m, bound);
                mpz_setbit(m, bits - 1 - (mp_bitcnt_t)random_below(63));
                mpz_setbit(m, 0);
                if (mpz_size(m) == (size_t)limb_counts[j] && mpz_cmp_ui(m, 3) >= 0) {
                    test_modulus(kernel, m, 4);
                }
                mpz_clear(bound);
            }
        }
    }
    mpz_clear(m);
    return summary();
}
