// relabel and row_masks: integers, so every backend must give the same bits. The expected permutations come
// from a second, plain implementation of Fisher-Yates with Lemire's rejection on top of philox_4x32_10, whose
// own words are held against Random123's.
#include "cases.h"
#include "compare.h"
#include "philox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const size_t feature_counts[] = {0, 1, 2, 3, 63, 64, 65, 130};
enum { N_FEATURE_COUNTS = sizeof feature_counts / sizeof feature_counts[0] };

// Known answers of philox4x32-10 from Random123's kat_vectors.
static void check_philox_words(void)
{
    const philox_block counters[] = {
        {{0, 0, 0, 0}},
        {{0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu}},
        {{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}},
    };
    const uint64_t keys[] = {0, UINT64_MAX, 0x299f31d0a4093822u};
    const philox_block expected[] = {
        {{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}},
        {{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}},
        {{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}},
    };
    for (size_t i = 0; i < 3; i++) {
        const philox_block found = philox_4x32_10(counters[i], keys[i]);
        assert_memory_equal(&found, &expected[i], sizeof found);
    }
}

// Word number `index` of (seed; relabel, row id).
static uint32_t word_at(uint64_t seed, uint64_t row_id, uint32_t index)
{
    const philox_block counter = {{index / 4, PHILOX_RELABEL, (uint32_t)row_id, (uint32_t)(row_id >> 32)}};
    return philox_4x32_10(counter, seed).word[index % 4];
}

static void expected_permutation(uint64_t seed, uint64_t row_id, size_t n, int32_t *permutation)
{
    uint32_t index = 0;
    for (size_t i = 0; i < n; i++)
        permutation[i] = (int32_t)i;
    for (size_t i = n; i-- > 1;) {
        const uint64_t bound = i + 1, rejected_below = 4294967296u % bound;
        uint64_t product;
        do
            product = word_at(seed, row_id, index++) * bound;
        while (product % 4294967296u < rejected_below);
        const size_t j = (size_t)(product / 4294967296u);
        const int32_t held = permutation[i];
        permutation[i] = permutation[j];
        permutation[j] = held;
    }
}

static void relabel(rig *r, size_t n_rows, size_t n_features, bool identity, const uint64_t *row_ids,
                    int32_t *out)
{
    frame ids = frame_in(r, ASC_U64, n_rows, row_ids);
    frame permutations = frame_out(r, ASC_I32, n_rows * n_features);
    const relabel_args args = {n_rows, n_features, identity, 0x123456789abcdefu, ids.view, permutations.view};
    MUST(r, op_relabel(r->stream, &args, &r->err));
    frame_read(&permutations, out);
    frame_close(&permutations);
    frame_close(&ids);
}

static void check_relabel(rig *r, size_t n_features)
{
    const uint64_t row_ids[] = {0, 1, 2, 4294967296u, UINT64_MAX, 0x8000000000000001u, 1};
    enum { N_ROWS = 7 };
    int32_t *found = get_memory(N_ROWS * n_features * sizeof *found);
    int32_t *expected = get_memory(N_ROWS * n_features * sizeof *expected);
    for (size_t row = 0; row < N_ROWS; row++)
        expected_permutation(0x123456789abcdefu, row_ids[row], n_features, expected + row * n_features);
    relabel(r, N_ROWS, n_features, false, row_ids, found);
    expect_same_bits("permutations", N_ROWS * n_features, sizeof *found, found, expected);
    if (n_features > 3)
        assert_memory_not_equal(found, found + n_features, n_features * sizeof *found);
    expect_same_bits("rows with one id", n_features, sizeof *found, found + n_features,
                     found + 6 * n_features);
    relabel(r, N_ROWS, n_features, true, row_ids, found);
    for (size_t i = 0; i < N_ROWS * n_features; i++)
        assert_int_equal(found[i], i % n_features);
    free(expected);
    free(found);
}

// All six orders of three features, equally often: 6000 rows, standard deviation 29.
static void check_uniform(rig *r)
{
    enum { N_ROWS = 6000 };
    uint64_t *row_ids = get_memory(N_ROWS * sizeof *row_ids);
    int32_t *permutations = get_memory(N_ROWS * 3 * sizeof *permutations);
    int n_seen[9] = {0};
    for (size_t row = 0; row < N_ROWS; row++)
        row_ids[row] = row * 3;
    relabel(r, N_ROWS, 3, false, row_ids, permutations);
    for (size_t row = 0; row < N_ROWS; row++)
        n_seen[permutations[row * 3] * 3 + permutations[row * 3 + 1]]++;
    for (int first = 0; first < 3; first++)
        for (int second = 0; second < 3; second++)
            if (first != second)
                assert_in_range(n_seen[first * 3 + second], 1000 - 116, 1000 + 116);
    free(permutations);
    free(row_ids);
}

void cases_relabel(asc_backend_kind kind)
{
    rig r;
    check_philox_words();
    rig_open(&r, kind);
    for (size_t i = 0; i < N_FEATURE_COUNTS; i++)
        check_relabel(&r, feature_counts[i]);
    check_uniform(&r);
    relabel(&r, 0, 5, false, NULL, NULL);
    rig_close(&r);
}

// ---- row_masks ----------------------------------------------------------------------------------

// Coalition 0 full, 1 empty, the others random; bits beyond n_features are zero.
static uint64_t *random_masks(size_t n_coalitions, size_t n_features)
{
    const size_t n_words = mask_words(n_features);
    uint64_t *masks = get_memory(n_coalitions * n_words * sizeof *masks);
    int32_t *coins = random_ints(7 + n_features, n_coalitions * n_features, 2);
    for (size_t s = 0; s < n_coalitions; s++)
        for (size_t i = 0; i < n_features; i++)
            if (s == 0 || (s > 1 && coins[s * n_features + i]))
                masks[s * n_words + i / 64] |= (uint64_t)1 << i % 64;
    free(coins);
    return masks;
}

static void check_row_masks(rig *r, size_t n_rows, size_t n_features)
{
    const size_t n_coalitions = 9, n_words = n_features == 0 ? 1 : (n_features + 63) / 64;
    uint64_t *design = random_masks(n_coalitions, n_features);
    int32_t *permutations = get_memory(n_rows * n_features * sizeof *permutations);
    const size_t n_out = n_rows * n_coalitions * n_words;
    uint64_t *found = get_memory(n_out * sizeof *found), *expected = get_memory(n_out * sizeof *expected);
    for (size_t row = 0; row < n_rows; row++) {
        int32_t *permutation = permutations + row * n_features;
        expected_permutation(5, row, n_features, permutation);
        for (size_t s = 0; s < n_coalitions; s++)
            for (size_t i = 0; i < n_features; i++) {
                const size_t j = (size_t)permutation[i];
                const uint64_t bit = design[s * n_words + j / 64] >> j % 64 & 1;
                expected[(row * n_coalitions + s) * n_words + i / 64] |= bit << i % 64;
            }
    }
    frame in_design = frame_in(r, ASC_U64, n_coalitions * n_words, design);
    frame in_permutations = frame_in(r, ASC_I32, n_rows * n_features, permutations);
    frame masks = frame_out(r, ASC_U64, n_out);
    const row_masks_args args = {n_rows,         n_features,           n_coalitions,
                                 in_design.view, in_permutations.view, masks.view};
    MUST(r, op_row_masks(r->stream, &args, &r->err));
    frame_read(&masks, found);
    expect_same_bits("masks", n_out, sizeof *found, found, expected);
    if (n_features > 3 && n_rows > 1)
        assert_memory_not_equal(found, found + n_coalitions * n_words,
                                n_coalitions * n_words * sizeof *found);
    frame_close(&masks);
    frame_close(&in_permutations);
    frame_close(&in_design);
    free(expected);
    free(found);
    free(permutations);
    free(design);
}

void cases_row_masks(asc_backend_kind kind)
{
    rig r;
    rig_open(&r, kind);
    for (size_t i = 0; i < N_FEATURE_COUNTS; i++) {
        check_row_masks(&r, 0, feature_counts[i]);
        check_row_masks(&r, 1, feature_counts[i]);
        check_row_masks(&r, 5, feature_counts[i]);
    }
    rig_close(&r);
}
