// Philox against Random123 (its authors' own library), the layout of a stream, and what is made from its
// words.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <Random123/philox.h>

#include "philox.h"

// An unrelated generator for test inputs (Steele, Lea, Flood: SplitMix64).
static uint64_t split_mix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static void assert_same_as_random123(philox_block counter, uint64_t key)
{
    const philox4x32_ctr_t their_counter = {
        {counter.word[0], counter.word[1], counter.word[2], counter.word[3]}};
    const philox4x32_key_t their_key = {{(uint32_t)key, (uint32_t)(key >> 32)}};
    const philox4x32_ctr_t theirs = philox4x32(their_counter, their_key);
    const philox_block ours = philox_4x32_10(counter, key);
    for (int k = 0; k < 4; k++)
        assert_int_equal(ours.word[k], theirs.v[k]);
}

// The published known-answer vectors of philox4x32 with 10 rounds.
static void known_answers(void **state)
{
    (void)state;
    static const struct {
        philox_block counter;
        uint64_t key;
        philox_block expected;
    } vectors[] = {
        {{{0, 0, 0, 0}}, 0, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
        {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
         UINT64_MAX,
         {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
        {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
         UINT64_C(0x299f31d0a4093822),
         {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
    };
    for (size_t k = 0; k < sizeof vectors / sizeof vectors[0]; k++) {
        const philox_block found = philox_4x32_10(vectors[k].counter, vectors[k].key);
        assert_memory_equal(&found, &vectors[k].expected, sizeof found);
        assert_same_as_random123(vectors[k].counter, vectors[k].key);
    }
}

static void same_words_as_random123(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int k = 0; k < 20000; k++) {
        const uint64_t a = split_mix(&seed);
        const uint64_t b = split_mix(&seed);
        const philox_block counter = {{(uint32_t)a, (uint32_t)(a >> 32), (uint32_t)b, (uint32_t)(b >> 32)}};
        assert_same_as_random123(counter, split_mix(&seed));
    }
    for (int bit = 0; bit < 64; bit++) {
        const philox_block low = {{bit < 32 ? 1u << bit : 0, bit < 32 ? 0 : 1u << (bit - 32), 0, 0}};
        const philox_block high = {{0, 0, low.word[0], low.word[1]}};
        assert_same_as_random123(low, 0);
        assert_same_as_random123(high, 0);
        assert_same_as_random123((philox_block){{0}}, (uint64_t)1 << bit);
    }
}

// Word w of a stream is word w % 4 of the block at counter {w / 4, purpose, row id low, row id high} under
// the seed.
static void streams_are_named_by_seed_purpose_and_row(void **state)
{
    (void)state;
    const uint64_t seed = UINT64_C(0x0123456789abcdef);
    const uint64_t row_id = UINT64_C(0xfedcba9876543210);
    philox_stream stream = philox_open(seed, PHILOX_DESIGN, row_id);
    for (uint32_t w = 0; w < 41; w++) {
        const philox4x32_ctr_t counter = {{w / 4, 2, 0x76543210, 0xfedcba98}};
        const philox4x32_key_t key = {{0x89abcdef, 0x01234567}};
        assert_int_equal(philox_next(&stream), philox4x32(counter, key).v[w % 4]);
    }
    philox_stream fork = stream;
    assert_int_equal(philox_next(&stream), philox_next(&fork));
}

static double chi_square(const uint32_t *counts, size_t n_cells, double expected)
{
    double sum = 0;
    for (size_t k = 0; k < n_cells; k++)
        sum += (counts[k] - expected) * (counts[k] - expected) / expected;
    return sum;
}

// About 5 standard deviations above the mean of chi-square with many degrees of freedom.
static double chi_square_limit(size_t n_cells)
{
    const double freedom = (double)n_cells - 1;
    double root = 1;
    for (int k = 0; k < 60; k++)
        root = (root + 2 * freedom / root) / 2;
    return freedom + 5 * root + 12;
}

static void below_is_uniform(void **state)
{
    (void)state;
    static const uint32_t bounds[] = {1, 2, 3, 7, 10, 100, 512};
    for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
        uint32_t counts[512] = {0};
        const uint32_t n_draws = 1000 * bounds[b];
        philox_stream stream = philox_open(42, 100, b);
        for (uint32_t k = 0; k < n_draws; k++) {
            const uint32_t value = philox_below(&stream, bounds[b]);
            assert_true(value < bounds[b]);
            counts[value]++;
        }
        assert_true(chi_square(counts, bounds[b], 1000) < chi_square_limit(bounds[b]));
    }
}

// With bound 3 * 2^30 plain multiplication would hit multiples of 3 twice as often as the others.
static void below_rejects_the_short_part(void **state)
{
    (void)state;
    uint32_t counts[3] = {0};
    philox_stream stream = philox_open(43, 100, 0);
    for (int k = 0; k < 30000; k++)
        counts[philox_below(&stream, 0xC0000000u) % 3]++;
    assert_true(chi_square(counts, 3, 10000) < chi_square_limit(3));
    for (int k = 0; k < 100; k++)
        assert_true(philox_below(&stream, UINT32_MAX) < UINT32_MAX);
}

static void relabelling_is_a_permutation(void **state)
{
    (void)state;
    static const int32_t sizes[] = {0, 1, 2, 3, 31, 64, 65, 512};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        int32_t permutation[513];
        int32_t again[513];
        uint8_t seen[512] = {0};
        permutation[sizes[k]] = -7;
        philox_relabel(5, 77 + k, sizes[k], permutation);
        philox_relabel(5, 77 + k, sizes[k], again);
        for (int32_t i = 0; i < sizes[k]; i++) {
            assert_in_range(permutation[i], 0, sizes[k] - 1);
            assert_false(seen[permutation[i]]);
            seen[permutation[i]] = 1;
            assert_int_equal(permutation[i], again[i]);
        }
        assert_int_equal(permutation[sizes[k]], -7);
    }
    int32_t first[64];
    int32_t second[64];
    philox_relabel(5, 1, 64, first);
    philox_relabel(5, 2, 64, second);
    assert_memory_not_equal(first, second, sizeof first);
    philox_relabel(6, 1, 64, second);
    assert_memory_not_equal(first, second, sizeof first);
    philox_relabel(5, (uint64_t)1 << 32 | 1, 64, second);
    assert_memory_not_equal(first, second, sizeof first);
}

static void relabelling_is_uniform(void **state)
{
    (void)state;
    uint32_t orders[256] = {0}; // by the permutation as a base-4 number
    uint32_t places[100] = {0}; // feature, label
    for (uint64_t row = 0; row < 24000; row++) {
        int32_t p[10];
        philox_relabel(9, row, 4, p);
        orders[p[0] * 64 + p[1] * 16 + p[2] * 4 + p[3]]++;
        philox_relabel(10, row, 10, p);
        for (int32_t i = 0; i < 10; i++)
            places[i * 10 + p[i]]++;
    }
    uint32_t counts[24];
    size_t n_orders = 0;
    for (size_t k = 0; k < 256; k++) {
        if (orders[k] > 0) {
            assert_true(n_orders < 24);
            counts[n_orders++] = orders[k];
        }
    }
    assert_int_equal(n_orders, 24);
    assert_true(chi_square(counts, 24, 1000) < chi_square_limit(24));
    assert_true(chi_square(places, 100, 2400) < chi_square_limit(100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(same_words_as_random123),
        cmocka_unit_test(streams_are_named_by_seed_purpose_and_row),
        cmocka_unit_test(below_is_uniform),
        cmocka_unit_test(below_rejects_the_short_part),
        cmocka_unit_test(relabelling_is_a_permutation),
        cmocka_unit_test(relabelling_is_uniform),
    };
    return cmocka_run_group_tests_name("philox", tests, NULL, NULL);
}
