// pack: integers, so every backend must give the same bits. Expected: the definition, token by token, for every
// policy and rule of positions; and the pair rule T + c.
#include "cases.h"
#include "compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N_ROWS = 4, N_COALITIONS = 6, PAD_ID = 2, N_MANY = 64 * 64 + 70 }; // many: beyond two levels of sums on a GPU

// How tokens are packed.
typedef struct packing {
    asc_policy policy;
    asc_position_rule rule;
} packing;

// A batch of four rows: one token in three is fixed, a feature may be several tokens. Row 2 is one token that
// is not fixed.
typedef struct batch {
    size_t n_features, n_tokens, n_sequences, n_words;
    int32_t offsets[N_ROWS + 1];
    int32_t *features;
    int32_t *ids, *positions; // [2 U]; every third id is padding
    uint64_t *masks;          // [N_ROWS, N_COALITIONS, W], coalition 2p + 1 the complement of 2p
    int32_t *rows, *coalitions;
} batch;

static batch make_batch(size_t n_features, size_t n_sequences)
{
    const int32_t offsets[N_ROWS + 1] = {0, 1, 20, 21, 131};
    batch b = {.n_features = n_features,
               .n_tokens = 131,
               .n_sequences = n_sequences,
               .n_words = mask_words(n_features)};
    for (size_t row = 0; row <= N_ROWS; row++)
        b.offsets[row] = offsets[row];
    b.features = random_ints(3, b.n_tokens, n_features > 0 ? (uint32_t)n_features : 1);
    for (size_t u = 0; u < b.n_tokens; u++)
        if (u % 3 == 0 || n_features == 0)
            b.features[u] = -1;
    b.ids = random_ints(6, 2 * b.n_tokens, 3);
    b.positions = random_ints(7, 2 * b.n_tokens, 1000);
    b.masks = get_memory(N_ROWS * N_COALITIONS * b.n_words * sizeof *b.masks);
    int32_t *coins = random_ints(4, N_ROWS * N_COALITIONS * n_features, 2);
    for (size_t m = 0; m < N_ROWS * N_COALITIONS; m++)
        for (size_t f = 0; f < n_features; f++) {
            const size_t pair = m / 2;
            const bool in_even = m % N_COALITIONS < 2 || coins[pair * n_features + f];
            if (in_even != (m % 2 == 1))
                b.masks[m * b.n_words + f / 64] |= (uint64_t)1 << f % 64;
        }
    free(coins);
    b.rows = random_ints(5, n_sequences, N_ROWS);
    if (n_sequences > 0)
        b.rows[0] = 2; // no fixed token: a sequence without tokens
    b.coalitions = get_memory(n_sequences * sizeof *b.coalitions);
    for (size_t q = 0; q < n_sequences; q++) {
        if (q % 2 == 1)
            b.rows[q] = b.rows[q - 1];
        b.coalitions[q] = (int32_t)(q % N_COALITIONS) ^ 1; // the empty one first
    }
    return b;
}

static void free_batch(batch *b)
{
    free(b->coalitions);
    free(b->rows);
    free(b->masks);
    free(b->positions);
    free(b->ids);
    free(b->features);
}

typedef struct packed {
    int32_t *sequence_offsets, *source, *positions, *places;
} packed;

static packed make_packed(size_t n_sequences, size_t room)
{
    return (packed){get_memory((n_sequences + 1) * sizeof(int32_t)), get_memory(room * sizeof(int32_t)),
                    get_memory(room * sizeof(int32_t)), get_memory(room * sizeof(int32_t))};
}

static void free_packed(const packed *p)
{
    free(p->places);
    free(p->positions);
    free(p->source);
    free(p->sequence_offsets);
}

// The position id of the last of a sequence's `n` source entries by its definition.
static int32_t expected_position(const batch *b, asc_position_rule rule, const int32_t *source, size_t n)
{
    int32_t n_real = 0;
    if (rule == ASC_POSITIONS_KEPT)
        return b->positions[source[n - 1]];
    if (rule == ASC_POSITIONS_COUNTED)
        return (int32_t)n - 1;
    for (size_t i = 0; i < n; i++)
        n_real += b->ids[source[i]] != PAD_ID;
    return b->ids[source[n - 1]] == PAD_ID ? PAD_ID : PAD_ID + n_real;
}

// The definition. `out` has room for every token of every sequence; returns the number of tokens.
static size_t expected_pack(const batch *b, packing p, const packed *out)
{
    size_t n = 0;
    for (size_t q = 0; q < b->n_sequences; q++) {
        const size_t begin = n;
        out->sequence_offsets[q] = (int32_t)n;
        const int32_t row = b->rows[q];
        const uint64_t *mask =
            b->masks + ((size_t)row * N_COALITIONS + (size_t)b->coalitions[q]) * b->n_words;
        for (int32_t u = b->offsets[row]; u < b->offsets[row + 1]; u++) {
            const int32_t f = b->features[u];
            const bool absent = f >= 0 && !(mask[f / 64] >> f % 64 & 1);
            if (absent && p.policy != ASC_POLICY_REPLACE)
                continue;
            out->source[n] = absent ? u + (int32_t)b->n_tokens : u;
            out->places[n] = p.policy == ASC_POLICY_DELETE ? (int32_t)(n - begin) : u - b->offsets[row];
            n++;
            out->positions[n - 1] = expected_position(b, p.rule, out->source + begin, n - begin);
        }
    }
    out->sequence_offsets[b->n_sequences] = (int32_t)n;
    return n;
}

// Uploads, packs into n_tokens and, when that must succeed, reads the result.
static asc_status pack(rig *r, const batch *b, packing p, size_t n_tokens, const packed *out)
{
    frame offsets = frame_in(r, ASC_I32, N_ROWS + 1, b->offsets);
    frame features = frame_in(r, ASC_I32, b->n_tokens, b->features);
    const size_t n_entries = b->n_tokens * (p.policy == ASC_POLICY_REPLACE ? 2 : 1);
    frame ids = frame_in(r, ASC_I32, n_entries, b->ids);
    frame table_positions = frame_in(r, ASC_I32, n_entries, b->positions);
    frame masks = frame_in(r, ASC_U64, N_ROWS * N_COALITIONS * b->n_words, b->masks);
    frame rows = frame_in(r, ASC_I32, b->n_sequences, b->rows);
    frame coalitions = frame_in(r, ASC_I32, b->n_sequences, b->coalitions);
    frame sequence_offsets = frame_out(r, ASC_I32, b->n_sequences + 1);
    frame source = frame_out(r, ASC_I32, n_tokens), positions = frame_out(r, ASC_I32, n_tokens);
    frame places = frame_out(r, ASC_I32, n_tokens);
    const token_table table = {.n_tokens = b->n_tokens,
                               .offsets = offsets.view,
                               .features = features.view,
                               .ids = ids.view,
                               .positions = table_positions.view};
    const pack_args args = {.policy = p.policy,
                            .position_rule = p.rule,
                            .pad_id = PAD_ID,
                            .n_rows = N_ROWS,
                            .n_features = b->n_features,
                            .n_coalitions = N_COALITIONS,
                            .n_sequences = b->n_sequences,
                            .n_tokens = n_tokens,
                            .table = &table,
                            .masks = masks.view,
                            .sequence_row = rows.view,
                            .sequence_coalition = coalitions.view,
                            .sequence_offsets = sequence_offsets.view,
                            .source = source.view,
                            .positions = positions.view,
                            .places = places.view};
    const asc_status status = found_later(r, op_pack(r->stream, &args, &r->err));
    if (status == ASC_OK) {
        frame_read(&sequence_offsets, out->sequence_offsets);
        frame_read(&source, out->source);
        frame_read(&positions, out->positions);
        frame_read(&places, out->places);
    }
    frame *frames[] = {&offsets,    &features,         &ids,    &table_positions, &masks, &rows, &places,
                       &coalitions, &sequence_offsets, &source, &positions};
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
        frame_close(frames[i]);
    return status;
}

// Whole complement pairs hold T + c tokens under REMOVE and DELETE, 2 T under REPLACE.
static void check_pair_sizes(const batch *b, asc_policy policy, const int32_t *sequence_offsets)
{
    for (size_t q = 0; q + 1 < b->n_sequences; q += 2) {
        const int32_t row = b->rows[q];
        int32_t expected = 0;
        for (int32_t u = b->offsets[row]; u < b->offsets[row + 1]; u++)
            expected += policy == ASC_POLICY_REPLACE || b->features[u] < 0 ? 2 : 1;
        assert_int_equal(sequence_offsets[q + 2] - sequence_offsets[q], expected);
    }
}

static void check_pack(rig *r, size_t n_features, size_t n_sequences, packing p)
{
    batch b = make_batch(n_features, n_sequences);
    const size_t room = n_sequences * b.n_tokens;
    const packed expected = make_packed(n_sequences, room), found = make_packed(n_sequences, room);
    const size_t n_tokens = expected_pack(&b, p, &expected);
    MUST(r, pack(r, &b, p, n_tokens, &found));
    expect_same_bits("sequence_offsets", n_sequences + 1, sizeof(int32_t), found.sequence_offsets,
                     expected.sequence_offsets);
    expect_same_bits("source", n_tokens, sizeof(int32_t), found.source, expected.source);
    expect_same_bits("positions", n_tokens, sizeof(int32_t), found.positions, expected.positions);
    expect_same_bits("places", n_tokens, sizeof(int32_t), found.places, expected.places);
    check_pair_sizes(&b, p.policy, found.sequence_offsets);
    if (n_tokens > 0) {
        MUST_REFUSE(r, content_part(r, "pack: n_tokens", "number of tokens"), pack(r, &b, p, n_tokens - 1, &found));
        MUST_REFUSE(r, content_part(r, "pack: n_tokens", "number of tokens"), pack(r, &b, p, n_tokens + 1, &found));
    }
    free_packed(&found);
    free_packed(&expected);
    free_batch(&b);
}

static void check_bad_contents(rig *r)
{
    batch b = make_batch(65, 12);
    const packing removal = {ASC_POLICY_REMOVE, ASC_POSITIONS_KEPT};
    const packed nowhere = {NULL, NULL, NULL, NULL};
    b.features[4] = 65;
    MUST_REFUSE(r, content_part(r, "pack: table.features", "an index out of bounds"), pack(r, &b, removal, 100, &nowhere));
    b.features[4] = -2;
    MUST_REFUSE(r, content_part(r, "pack: table.features", "an index out of bounds"), pack(r, &b, removal, 100, &nowhere));
    b.features[4] = 0;
    b.rows[3] = N_ROWS;
    MUST_REFUSE(r, content_part(r, "pack: sequence_row", "an index out of bounds"), pack(r, &b, removal, 100, &nowhere));
    b.rows[3] = 0;
    b.coalitions[11] = -1;
    MUST_REFUSE(r, content_part(r, "pack: sequence_coalition", "an index out of bounds"), pack(r, &b, removal, 100, &nowhere));
    b.coalitions[11] = 0;
    b.offsets[2] = 0;
    MUST_REFUSE(r, content_part(r, "pack: table.offsets", "offsets that fall"), pack(r, &b, removal, 100, &nowhere));
    free_batch(&b);
}

void cases_pack(asc_backend_kind kind)
{
    const size_t feature_counts[] = {0, 1, 63, 64, 65, 130}, sequence_counts[] = {0, 1, 2, 12};
    rig r;
    rig_open(&r, kind);
    for (int policy = ASC_POLICY_REMOVE; policy <= ASC_POLICY_DELETE; policy++)
        for (int rule = ASC_POSITIONS_KEPT; rule <= ASC_POSITIONS_AFTER_PAD; rule++) {
            const packing p = {(asc_policy)policy, (asc_position_rule)rule};
            for (size_t i = 0; i < 6; i++)
                check_pack(&r, feature_counts[i], 33, p);
            for (size_t j = 0; j < 4; j++)
                check_pack(&r, 65, sequence_counts[j], p);
            if (rule == ASC_POSITIONS_COUNTED && policy == ASC_POLICY_DELETE)
                check_pack(&r, 65, N_MANY, p);
        }
    if (!is_float(kind) || is_cuda(kind))
        check_bad_contents(&r);
    rig_close(&r);
}
