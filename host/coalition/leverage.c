// Sizes and members of leverage designs; see leverage.h.
//
// A class of which a third or more is wanted is enumerated and thinned by selection sampling (Knuth, TAOCP 2,
// algorithm 3.4.2 S); from larger ones subsets are drawn by Floyd's method (Bentley & Floyd, CACM 1987) and
// repeated ones rejected.
#include "coalition/leverage.h"

#include "coalition/design.h"
#include "philox.h"
#include "shapes.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// C(n, k), exact, or UINT64_MAX when it does not fit. k <= n / 2.
static uint64_t binomial(uint64_t n, uint64_t k)
{
    uint64_t result = 1;
    for (uint64_t i = 1; i <= k; i++) {
        const uint64_t shared = common_divisor(result, i);
        // Divides: i / shared has no factor left in common with result / shared.
        const uint64_t factor = (n - i + 1) / (i / shared);
        if (__builtin_mul_overflow(result / shared, factor, &result))
            return UINT64_MAX;
    }
    return result;
}

uint64_t leverage_class_size(size_t n_features, size_t s)
{
    assert(s >= 1 && s <= n_features / 2);
    return 2 * s == n_features ? binomial(n_features - 1, s - 1) : binomial(n_features, s);
}

// Sizes that class s stands for.
static size_t class_mass(size_t n_features, size_t s)
{
    return 2 * s == n_features ? 1 : 2;
}

void leverage_sizes(size_t n_features, size_t n_pairs, size_t *counts)
{
    const size_t n_classes = n_features / 2;
    size_t pairs = n_pairs; // not given to a saturated class
    size_t mass = n_features - 1;
    size_t first = 0; // classes before it are saturated: class sizes grow with s, shares do not
    for (; first < n_classes; first++) {
        const uint64_t available = leverage_class_size(n_features, first + 1);
        const size_t share_mass = class_mass(n_features, first + 1);
        if (available > pairs || available * mass > pairs * share_mass)
            break;
        counts[first] = (size_t)available;
        pairs -= counts[first];
        mass -= share_mass;
    }
    size_t mass_before = 0;
    size_t given = 0; // cumulative rounding: every count is its exact share, rounded up or down
    for (size_t k = first; k < n_classes; k++) {
        mass_before += class_mass(n_features, k + 1);
        const size_t until = (2 * pairs * mass_before + mass) / (2 * mass);
        counts[k] = until - given;
        given = until;
    }
    assert(given == (first < n_classes ? pairs : 0));
}

// Where pairs go, one after another.
typedef struct pair_writer {
    size_t n_features;
    size_t n_words;
    uint64_t *next; // coalition 2p of the next pair
} pair_writer;

static void complement(size_t n_features, const uint64_t *mask, uint64_t *result)
{
    const size_t n_words = mask_words(n_features);
    const size_t used = n_features % ASC_MASK_BITS;
    for (size_t word = 0; word < n_words; word++)
        result[word] = ~mask[word];
    if (used != 0)
        result[n_words - 1] &= ((uint64_t)1 << used) - 1;
}

static void finish_pair(pair_writer *writer)
{
    complement(writer->n_features, writer->next, writer->next + writer->n_words);
    writer->next += 2 * writer->n_words;
}

// The next subset of {first .. n - 1} in lexicographic order; false after the last one.
static bool next_subset(size_t *members, size_t size, size_t n_features)
{
    for (size_t k = size; k-- > 0;) {
        if (members[k] < n_features - (size - k)) {
            members[k]++;
            for (size_t later = k + 1; later < size; later++)
                members[later] = members[later - 1] + 1;
            return true;
        }
    }
    return false;
}

// Takes `count` of the `available` pairs of class s, looking at each pair once.
static asc_status thin_class(pair_writer *writer, size_t s, size_t count, philox_stream *stream,
                             asc_error *err)
{
    const bool middle = 2 * s == writer->n_features; // then feature 0 is in every representative
    uint64_t left = leverage_class_size(writer->n_features, s);
    size_t *members = malloc(s * sizeof *members);
    if (!members)
        return fail_memory(err, "a subset", s * sizeof *members);
    for (size_t k = 0; k < s; k++)
        members[k] = k;
    for (size_t wanted = count; wanted > 0; left--) {
        if (left == wanted || philox_below(stream, (uint32_t)left) < wanted) {
            for (size_t k = 0; k < s; k++)
                mask_add(writer->next, members[k]);
            finish_pair(writer);
            wanted--;
        }
        if (wanted > 0 && !next_subset(members + middle, s - middle, writer->n_features))
            assert(!"a class has fewer subsets than its size says");
    }
    free(members);
    return ASC_OK;
}

// A uniform subset of size s (Floyd); mask zeroed.
static void draw_subset(size_t n_features, size_t s, philox_stream *stream, uint64_t *mask)
{
    for (size_t top = n_features - s; top < n_features; top++) {
        const size_t feature = philox_below(stream, (uint32_t)top + 1);
        mask_add(mask, mask_has(mask, feature) ? top : feature);
    }
}

// Slot of an open-addressing table (a power of two of pair numbers, SIZE_MAX = empty) that holds `mask` or is
// free for it.
static size_t find_slot(const size_t *table, size_t table_size, const uint64_t *masks, const uint64_t *mask,
                        size_t n_words)
{
    uint64_t key = 0;
    for (size_t word = 0; word < n_words; word++) {
        key = (key ^ mask[word]) * UINT64_C(0x9E3779B97F4A7C15);
        key ^= key >> 29;
    }
    size_t slot = (size_t)key & (table_size - 1);
    while (table[slot] != SIZE_MAX &&
           memcmp(masks + 2 * n_words * table[slot], mask, n_words * sizeof *mask) != 0)
        slot = (slot + 1) & (table_size - 1);
    return slot;
}

// Draws `count` distinct pairs of class s; less than a third of the class, so that few draws are wasted.
static asc_status sample_class(pair_writer *writer, size_t s, size_t count, philox_stream *stream,
                               asc_error *err)
{
    const size_t n_words = writer->n_words;
    const uint64_t *masks = writer->next;
    size_t table_size = 4;
    while (table_size < 2 * count)
        table_size *= 2;
    size_t *table = malloc(table_size * sizeof *table);
    if (!table)
        return fail_memory(err, "the set of drawn coalitions", table_size * sizeof *table);
    memset(table, 0xFF, table_size * sizeof *table);
    for (size_t got = 0; got < count;) {
        uint64_t *mask = writer->next;
        draw_subset(writer->n_features, s, stream, mask);
        if (2 * s == writer->n_features && !mask_has(mask, 0))
            complement(writer->n_features, mask, mask);
        const size_t slot = find_slot(table, table_size, masks, mask, n_words);
        if (table[slot] == SIZE_MAX) {
            table[slot] = got++;
            finish_pair(writer);
        } else {
            memset(mask, 0, n_words * sizeof *mask);
        }
    }
    free(table);
    return ASC_OK;
}

asc_status leverage_draw(size_t n_features, const size_t *counts, uint64_t candidate, uint64_t *masks,
                         asc_error *err)
{
    philox_stream stream = philox_open(DESIGN_VERSION, PHILOX_DESIGN, candidate);
    pair_writer writer = {n_features, mask_words(n_features), masks};
    for (size_t s = 1; s <= n_features / 2; s++) {
        const size_t count = counts[s - 1];
        if (count == 0)
            continue;
        if (leverage_class_size(n_features, s) / 3 <= count)
            TRY(thin_class(&writer, s, count, &stream, err));
        else
            TRY(sample_class(&writer, s, count, &stream, err));
    }
    return ASC_OK;
}
