#include "straus.h"

#include <string.h>

#include "objects.h"

#define MAX_WINDOW_BITS 5
#define POSITIONS (PC_MAX_SHIFT + 64)
#define NONE (-1)

typedef struct term {
    const mp_limb_t *number;
    uint64_t magnitude;
    int32_t shift;
    int32_t lane;
} term;

/* Terms that raise the same number in the same output: one choice of window, one table of odd powers. */
typedef struct base {
    size_t first_term;
    size_t end_term;
    int32_t window_bits;
    int32_t largest_digit;
    bool aligned;       /* digits stand at multiples of window_bits, and may be even */
    size_t first_power; /* index of number^3, number^5, ... up to the largest digit; aligned: number^2, number^3, ... */
} base;

/* One product of an output: a power of a base at a bit position. Those of one position form a list. */
typedef struct event {
    const mp_limb_t *factor;
    int64_t next;
} event;

/* Arrays that grow and are kept from run to run. Magnitudes may be secret, so they are wiped when they are released. */
typedef struct room {
    void *items;
    size_t capacity;
} room;

struct pc_straus {
    const pc_modulus *modulus;
    int64_t products;
    size_t term_count;
    room terms;
    room bases;
    room events;
    room powers;
    int32_t top[PC_MAX_LANES];   /* highest position with an event, or NONE          */
    int64_t head[][POSITIONS];   /* by lane: list of events at a position, or NONE   */
};

/* Forgets all terms and events. */
static void reset(pc_straus *straus)
{
    for (int32_t i = 0; i < straus->modulus->kernel->lanes; i++) {
        for (int32_t position = 0; position <= straus->top[i]; position++) {
            straus->head[i][position] = NONE;
        }
        straus->top[i] = NONE;
    }
    straus->term_count = 0;
}

pc_straus *pc_straus_create(const pc_modulus *modulus)
{
    pc_straus *straus = pc_allocate_zeroed(sizeof *straus + (size_t)modulus->kernel->lanes * sizeof straus->head[0]);
    if (straus == NULL) {
        return NULL;
    }
    straus->modulus = modulus;
    for (int32_t i = 0; i < modulus->kernel->lanes; i++) {
        straus->top[i] = POSITIONS - 1;
    }
    reset(straus);
    return straus;
}

static size_t power_bytes(const pc_straus *straus)
{
    return (size_t)straus->modulus->number_words * sizeof(mp_limb_t);
}

void pc_straus_free(pc_straus *straus)
{
    if (straus != NULL) {
        pc_release_secret(straus->terms.items, straus->terms.capacity * sizeof(term));
        pc_release_secret(straus->bases.items, straus->bases.capacity * sizeof(base));
        pc_release_secret(straus->events.items, straus->events.capacity * sizeof(event));
        pc_release_secret(straus->powers.items, straus->powers.capacity * power_bytes(straus));
        pc_release(straus); /* its lists are empty */
    }
}

int64_t pc_straus_products(const pc_straus *straus)
{
    return straus->products;
}

/* Makes place for `needed` items of `size` bytes, of which the first `used` are kept. */
static bool reserve(room *array, size_t used, size_t needed, size_t size)
{
    if (needed <= array->capacity) {
        return true;
    }
    size_t capacity = needed + needed / 2 + 16;
    void *items = pc_allocate_array(capacity, size);
    if (items == NULL) {
        return false;
    }
    if (used > 0) {
        memcpy(items, array->items, used * size);
    }
    pc_release_secret(array->items, array->capacity * size);
    array->items = items;
    array->capacity = capacity;
    return true;
}

int32_t pc_straus_add(pc_straus *straus, int32_t lane, const mp_limb_t *number, uint64_t magnitude, int32_t shift)
{
    if (magnitude == 0) {
        return PC_OK;
    }
    if (!reserve(&straus->terms, straus->term_count, straus->term_count + 1, sizeof(term))) {
        return PC_ERR_MEMORY;
    }
    ((term *)straus->terms.items)[straus->term_count++] = (term){number, magnitude, shift, lane};
    return PC_OK;
}

static int compare_terms(const term *a, const term *b)
{
    if (a->lane != b->lane) {
        return a->lane < b->lane ? -1 : 1;
    }
    uintptr_t x = (uintptr_t)a->number, y = (uintptr_t)b->number;
    return x < y ? -1 : x > y;
}

/* Moves the first term down a heap whose largest is to be on top. */
static void sift(term *terms, size_t first, size_t count)
{
    term moved = terms[first];
    for (size_t child; (child = 2 * first + 1) < count; first = child) {
        child += child + 1 < count && compare_terms(&terms[child], &terms[child + 1]) < 0 ? 1 : 0;
        if (compare_terms(&moved, &terms[child]) >= 0) {
            break;
        }
        terms[first] = terms[child];
    }
    terms[first] = moved;
}

/* In place: qsort may copy the terms to memory of its own, which it does not wipe. */
static void sort_terms(term *terms, size_t count)
{
    size_t sorted = 1;
    while (sorted < count && compare_terms(&terms[sorted - 1], &terms[sorted]) <= 0) {
        sorted++;
    }
    if (sorted >= count) {
        return;
    }
    for (size_t first = count / 2; first-- > 0;) {
        sift(terms, first, count);
    }
    for (size_t last = count - 1; last > 0; last--) {
        term largest = terms[0];
        terms[0] = terms[last];
        terms[last] = largest;
        sift(terms, 0, last);
    }
}

static int32_t trailing_zeros(uint64_t value)
{
    return __builtin_ctzll(value);
}

/*
 * Takes the lowest digit that is not zero off a magnitude that is not zero; *position moves with the lowest bit left.
 * *at becomes the position where the digit stands: an odd digit, or one at a multiple of window_bits.
 */
static int32_t next_digit(uint64_t *magnitude, int32_t *position, int32_t window_bits, bool aligned, int32_t *at)
{
    int32_t zeros = trailing_zeros(*magnitude);
    *magnitude >>= zeros;
    *position += zeros;
    int32_t above = aligned ? *position % window_bits : 0;
    int32_t digit = (int32_t)(*magnitude & ((1U << (window_bits - above)) - 1));
    *magnitude -= (uint64_t)digit; /* its bits are zeros for the next call to skip */
    *at = *position - above;
    return digit << above;
}

static int32_t bit_length(uint64_t value)
{
    return 64 - __builtin_clzll(value);
}

/* Does a magnitude need digits? One that is a power of 2 or short does not. */
static bool is_long(uint64_t magnitude)
{
    return (magnitude & (magnitude - 1)) != 0 && bit_length(magnitude) >= 4;
}

/*
 * Whether an output's long terms stand side by side, as slots do, or two deep, but not on top of each other, as weights
 * do. The lanes of a kernel share their steps: where a lane has hardly more than one digit at a position, digits that
 * stand at the same positions in all outputs cost less than fewer digits that do not (11 steps for any 8 bits, with
 * digits of 2). Where none is long it decides nothing.
 */
static bool is_sparse(const term *terms, size_t first, size_t end)
{
    int32_t bottom = POSITIONS, top = 0;
    int64_t filled = 0; /* of as many terms as there are */
    for (size_t i = first; i < end; i++) {
        if (is_long(terms[i].magnitude)) {
            int32_t bits = bit_length(terms[i].magnitude);
            bottom = terms[i].shift < bottom ? terms[i].shift : bottom;
            top = terms[i].shift + bits > top ? terms[i].shift + bits : top;
            filled += bits;
        }
    }
    return filled <= 2 * (top - bottom);
}

/* The products of a base, for each window, whose terms have digits at multiples of the window; 0 if none needs any. */
static void count_aligned(const base *b, const term *terms, int32_t cost[])
{
    for (int32_t window_bits = 2; window_bits <= MAX_WINDOW_BITS; window_bits++) {
        int32_t digits = 0;
        for (size_t i = b->first_term; i < b->end_term; i++) {
            if (is_long(terms[i].magnitude)) {
                digits += (bit_length(terms[i].magnitude) + window_bits - 1) / window_bits;
            }
        }
        cost[window_bits] = digits > 0 ? (1 << window_bits) - 2 + digits : 0;
    }
}

/* Gives a base digits at multiples of a window. */
static void align_window(base *b, const term *terms, int32_t window_bits)
{
    b->window_bits = window_bits;
    b->largest_digit = 1;
    for (size_t i = b->first_term; i < b->end_term; i++) {
        uint64_t magnitude = terms[i].magnitude;
        int32_t position = terms[i].shift, at;
        while (magnitude != 0) {
            int32_t digit = next_digit(&magnitude, &position, b->window_bits, true, &at);
            b->largest_digit = digit > b->largest_digit ? digit : b->largest_digit;
        }
    }
}

/* Powers to be prepared, beside the number itself. */
static size_t power_count(const base *b)
{
    return (size_t)(b->aligned ? b->largest_digit - 1 : b->largest_digit / 2);
}

/* Index of the power for a digit above 1. */
static size_t power_index(const base *b, int32_t digit)
{
    return b->first_power + (size_t)(b->aligned ? digit - 2 : digit / 2 - 1);
}

/* The window that makes a base cheapest. `alone`: no other base shares the squarings of the output. */
static void choose_window(base *b, const term *terms, bool alone)
{
    int64_t least = INT64_MAX;
    for (int32_t window_bits = 1; window_bits <= MAX_WINDOW_BITS; window_bits++) {
        int64_t cost = 0;
        int32_t largest = 1, top = 0;
        for (size_t i = b->first_term; i < b->end_term; i++) {
            uint64_t magnitude = terms[i].magnitude;
            int32_t position = terms[i].shift, at;
            while (magnitude != 0) {
                int32_t digit = next_digit(&magnitude, &position, window_bits, false, &at);
                largest = digit > largest ? digit : largest;
                cost++;
            }
            top = position > top ? position : top;
        }
        cost += largest > 1 ? 1 + largest / 2 : 0;
        cost += alone ? top : 0;
        if (cost < least) {
            least = cost;
            b->window_bits = window_bits;
            b->largest_digit = largest;
        }
    }
}

/*
 * Gives all aligned bases the same window, or their digits would stand at different positions in the lanes: the one
 * that is best for the longest of them, which tells how many steps all take.
 */
static void align_windows(base *bases, size_t base_count, const term *terms)
{
    int32_t most[MAX_WINDOW_BITS + 1] = {0}, best = MAX_WINDOW_BITS;
    for (size_t k = 0; k < base_count; k++) {
        int32_t cost[MAX_WINDOW_BITS + 1];
        if (bases[k].aligned) {
            count_aligned(&bases[k], terms, cost);
            for (int32_t window_bits = 2; window_bits <= MAX_WINDOW_BITS; window_bits++) {
                most[window_bits] = cost[window_bits] > most[window_bits] ? cost[window_bits] : most[window_bits];
            }
        }
    }
    for (int32_t window_bits = MAX_WINDOW_BITS; window_bits >= 2; window_bits--) {
        best = most[window_bits] <= most[best] ? window_bits : best;
    }
    for (size_t k = 0; k < base_count; k++) {
        if (bases[k].aligned) {
            align_window(&bases[k], terms, best);
        }
    }
}

/* Groups sorted terms into bases; returns their number. */
static size_t plan_bases(base *bases, const term *terms, size_t count, size_t *powers)
{
    size_t base_count = 0, lane_end = 0;
    bool sparse = false;
    for (size_t first = 0, end; first < count; first = end) {
        if (first == lane_end) {
            while (lane_end < count && terms[lane_end].lane == terms[first].lane) {
                lane_end++;
            }
            sparse = is_sparse(terms, first, lane_end);
        }
        base *b = &bases[base_count++];
        b->aligned = false;
        for (end = first; end < count && compare_terms(&terms[first], &terms[end]) == 0; end++) {
            b->aligned |= sparse && is_long(terms[end].magnitude);
        }
        b->first_term = first;
        b->end_term = end;
        if (!b->aligned) {
            bool alone = (first == 0 || terms[first - 1].lane != terms[first].lane) &&
                         (end == count || terms[end].lane != terms[first].lane);
            choose_window(b, terms, alone);
        }
    }
    align_windows(bases, base_count, terms);
    for (size_t k = 0; k < base_count; k++) {
        bases[k].first_power = *powers;
        *powers += power_count(&bases[k]);
    }
    return base_count;
}

static mp_limb_t *power_at(const pc_straus *straus, size_t index)
{
    return (mp_limb_t *)straus->powers.items + index * (size_t)straus->modulus->number_words;
}

/*
 * The powers of those bases whose digits are aligned or of those whose are odd, as many bases at once as there are
 * lanes: from one power to the next by the number itself or by its square.
 */
static void prepare_powers(pc_straus *straus, size_t base_count, bool aligned)
{
    const pc_modulus *modulus = straus->modulus;
    const pc_kernel *kernel = modulus->kernel;
    const base *bases = straus->bases.items;
    const term *terms = straus->terms.items;
    size_t next = 0;
    for (;;) {
        const base *chosen[PC_MAX_LANES];
        const mp_limb_t *sources[PC_MAX_LANES];
        mp_limb_t *targets[PC_MAX_LANES];
        int32_t used = 0, largest = 1;
        for (; next < base_count && used < kernel->lanes; next++) {
            if (bases[next].largest_digit > 1 && bases[next].aligned == aligned) {
                chosen[used] = &bases[next];
                sources[used++] = terms[bases[next].first_term].number;
                largest = bases[next].largest_digit > largest ? bases[next].largest_digit : largest;
            }
        }
        if (used == 0) {
            return;
        }
        for (int32_t i = used; i < kernel->lanes; i++) {
            sources[i] = modulus->one;
        }
        pc_group power, step;
        kernel->gather(modulus, step.words, sources);
        kernel->square(modulus, power.words, step.words);
        straus->products += used;
        if (aligned) {
            for (int32_t i = 0; i < kernel->lanes; i++) {
                targets[i] = i < used ? power_at(straus, power_index(chosen[i], 2)) : NULL;
            }
            kernel->scatter(modulus, targets, power.words);
        } else {
            pc_group first = step;
            step = power;
            power = first;
        }
        for (int32_t digit = 3; digit <= largest; digit += aligned ? 1 : 2) {
            kernel->multiply(modulus, power.words, power.words, step.words);
            for (int32_t i = 0; i < kernel->lanes; i++) {
                bool wanted = i < used && digit <= chosen[i]->largest_digit;
                targets[i] = wanted ? power_at(straus, power_index(chosen[i], digit)) : NULL;
                straus->products += wanted;
            }
            kernel->scatter(modulus, targets, power.words);
        }
    }
}

/* Cuts all magnitudes into events at their positions; PC_OK or PC_ERR_MEMORY. */
static int32_t place_events(pc_straus *straus, size_t base_count)
{
    const base *bases = straus->bases.items;
    const term *terms = straus->terms.items;
    size_t count = 0;
    for (size_t k = 0; k < base_count; k++) {
        for (size_t i = bases[k].first_term; i < bases[k].end_term; i++) {
            const term *t = &terms[i];
            uint64_t magnitude = t->magnitude;
            int32_t position = t->shift, at;
            while (magnitude != 0) {
                int32_t digit = next_digit(&magnitude, &position, bases[k].window_bits, bases[k].aligned, &at);
                if (!reserve(&straus->events, count, count + 1, sizeof(event))) {
                    return PC_ERR_MEMORY;
                }
                event *events = straus->events.items;
                events[count].factor = digit == 1 ? t->number : power_at(straus, power_index(&bases[k], digit));
                events[count].next = straus->head[t->lane][at];
                straus->head[t->lane][at] = (int64_t)count++;
                straus->top[t->lane] = at > straus->top[t->lane] ? at : straus->top[t->lane];
            }
        }
    }
    return PC_OK;
}

/* One factor from every lane that has one left at this position, 1 from the others; false if none has. */
static bool next_factors(pc_straus *straus, int32_t position, const mp_limb_t **factors, bool *started)
{
    const event *events = straus->events.items;
    bool any = false;
    for (int32_t i = 0; i < straus->modulus->kernel->lanes; i++) {
        int64_t *head = &straus->head[i][position];
        factors[i] = straus->modulus->one;
        if (*head != NONE) {
            factors[i] = events[*head].factor;
            *head = events[*head].next;
            straus->products += started[i]; /* an output's first factor is copied */
            started[i] = true;
            any = true;
        }
    }
    return any;
}

static void evaluate(pc_straus *straus, mp_limb_t *group)
{
    const pc_modulus *modulus = straus->modulus;
    const pc_kernel *kernel = modulus->kernel;
    const mp_limb_t *factors[PC_MAX_LANES];
    bool started[PC_MAX_LANES] = {false};
    pc_group factor;
    int32_t top = NONE;
    for (int32_t i = 0; i < kernel->lanes; i++) {
        top = straus->top[i] > top ? straus->top[i] : top;
        straus->products += straus->top[i] > 0 ? straus->top[i] : 0;
    }
    if (top == NONE) {
        pc_gather_ones(modulus, group);
        return;
    }
    next_factors(straus, top, factors, started);
    kernel->gather(modulus, group, factors);
    for (int32_t position = top; position >= 0; position--) {
        if (position < top) {
            kernel->square(modulus, group, group);
        }
        while (next_factors(straus, position, factors, started)) {
            kernel->gather(modulus, factor.words, factors);
            kernel->multiply(modulus, group, group, factor.words);
        }
    }
}

int32_t pc_straus_run(pc_straus *straus, mp_limb_t *const *targets)
{
    const pc_modulus *modulus = straus->modulus;
    size_t powers = 0;
    int32_t status = PC_ERR_MEMORY;
    if (reserve(&straus->bases, 0, straus->term_count, sizeof(base))) {
        sort_terms(straus->terms.items, straus->term_count);
        size_t base_count = plan_bases(straus->bases.items, straus->terms.items, straus->term_count, &powers);
        if (reserve(&straus->powers, 0, powers, power_bytes(straus))) {
            prepare_powers(straus, base_count, false);
            prepare_powers(straus, base_count, true);
            status = place_events(straus, base_count);
        }
    }
    if (status == PC_OK) {
        pc_group group;
        evaluate(straus, group.words);
        modulus->kernel->scatter(modulus, targets, group.words);
    }
    reset(straus);
    return status;
}
