// The interface's promises, whatever the backend: misuse is refused by name, transfers keep what they carry,
// guarded buffers cannot be touched outside operations, rows of op_linear are independent bit for bit,
// streams may run at once.
#include "backend_ops.h"
#include "compare.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const asc_view no_view = {NULL, 0};

static asc_buffer *make_buffer(rig *r, asc_type type, size_t count)
{
    asc_buffer *buffer;
    MUST(r, buffer_create(r->backend, type, count, &buffer, &r->err));
    return buffer;
}

static rig *open_state(void **state)
{
    rig *r = get_memory(sizeof *r);
    rig_open(r, *(const asc_backend_kind *)*state);
    return r;
}

static void close_state(rig *r)
{
    rig_close(r);
    free(r);
}

// ---- Transfers ----------------------------------------------------------------------------------

static void round_trips(void **state)
{
    rig *r = open_state(state);
    const float reals[] = {1.5f, -0.0f, 3.4e38f, 1e-45f, -7};
    const double doubles[] = {M_PI, -0.0, 1e308, 5e-324, -7};
    const int32_t ints[] = {INT32_MIN, -1, 0, 1, INT32_MAX};
    const uint64_t words[] = {0, 1, UINT64_MAX, 0x8000000000000000u, 42};
    double found[5], widened[5];
    for (size_t i = 0; i < 5; i++)
        widened[i] = reals[i];
    const struct {
        asc_type type;
        const void *in, *out;
        size_t bytes;
    } list[] = {{ASC_REAL, reals, widened, 8},
                {ASC_F64, doubles, doubles, 8},
                {ASC_I32, ints, ints, 4},
                {ASC_U64, words, words, 8}};
    for (size_t i = 0; i < 4; i++) {
        frame f = frame_in(r, list[i].type, 5, list[i].in);
        frame_read(&f, found);
        expect_same_bits("round trip", 5, list[i].bytes, found, list[i].out);
        const asc_view middle = view_at(f.view.buffer, f.view.first + 1);
        MUST(r, buffer_download(r->stream, middle, found, 3, &r->err));
        expect_same_bits("part", 3, list[i].bytes, found, (const char *)list[i].out + list[i].bytes);
        MUST(r, stream_sync(r->stream, &r->err));
        frame_close(&f);
    }
    const float special[] = {NAN, INFINITY, -INFINITY};
    frame f = frame_in(r, ASC_REAL, 3, special);
    frame_read(&f, found);
    assert_true(isnan(found[0]) && found[1] == INFINITY && found[2] == -INFINITY);
    frame_close(&f);
    close_state(r);
}

static void zero_counts(void **state)
{
    rig *r = open_state(state);
    for (int type = ASC_REAL; type <= ASC_U64; type++) {
        asc_buffer *empty = make_buffer(r, (asc_type)type, 0);
        assert_int_equal(buffer_count(empty), 0);
        MUST(r, buffer_upload(r->stream, view_at(empty, 0), NULL, 0, &r->err));
        MUST(r, buffer_download(r->stream, view_at(empty, 0), NULL, 0, &r->err));
        buffer_destroy(empty);
    }
    buffer_destroy(NULL);
    linear_destroy(NULL);
    stream_destroy(NULL);
    backend_close(NULL);
    const char *libm = strstr(backend_kernel_set(r->backend), "; libm ");
    assert_true(libm && libm > backend_kernel_set(r->backend));
    assert_int_equal(strspn(libm + 7, "0123456789abcdef"), 8);
    assert_string_equal(backend_name(r->backend), kind_name(r->kind));
    close_state(r);
}

static void impossible_sizes(void **state)
{
    rig *r = open_state(state);
    asc_buffer *buffer = (asc_buffer *)r;
    assert_int_equal(buffer_create(r->backend, ASC_F64, SIZE_MAX / 8, &buffer, &r->err), ASC_OUT_OF_MEMORY);
    assert_null(buffer);
    assert_int_equal(buffer_create(r->backend, ASC_REAL, SIZE_MAX, &buffer, &r->err), ASC_OUT_OF_MEMORY);
    assert_int_equal(buffer_create(r->backend, ASC_I32, SIZE_MAX / 2, &buffer, NULL), ASC_OUT_OF_MEMORY);
    close_state(r);
}

// ---- Misuse -------------------------------------------------------------------------------------

static void misused_transfers(void **state)
{
    rig *r = open_state(state), other;
    double room[8] = {0};
    rig_open(&other, r->kind);
    asc_buffer *buffer = make_buffer(r, ASC_F64, 8), *foreign = make_buffer(&other, ASC_F64, 8);
    MUST_REFUSE(r, "upload: to: 8 elements", buffer_upload(r->stream, view_at(buffer, 1), room, 8, &r->err));
    MUST_REFUSE(r, "out of bounds", buffer_upload(r->stream, view_at(buffer, SIZE_MAX), room, 2, &r->err));
    MUST_REFUSE(r, "upload: to: no host array",
                buffer_upload(r->stream, view_at(buffer, 0), NULL, 1, &r->err));
    MUST_REFUSE(r, "upload: to: no buffer", buffer_upload(r->stream, no_view, room, 1, &r->err));
    MUST_REFUSE(r, "another backend", buffer_upload(r->stream, view_at(foreign, 0), room, 1, &r->err));
    MUST_REFUSE(r, "download: from: 9 elements",
                buffer_download(r->stream, view_at(buffer, 0), room, 9, &r->err));
    MUST_REFUSE(r, "another backend", buffer_download(r->stream, view_at(foreign, 0), room, 1, &r->err));
    assert_int_equal(buffer_upload(r->stream, view_at(buffer, 1), room, 8, NULL), ASC_INTERNAL);
    buffer_destroy(foreign);
    buffer_destroy(buffer);
    rig_close(&other);
    close_state(r);
}

static void misused_linear(void **state)
{
    rig *r = open_state(state), other;
    const float weight[12] = {1};
    asc_linear *linear = NULL;
    rig_open(&other, r->kind);
    const double weights[12] = {1};
    const struct {
        const char *part;
        linear_spec spec;
    } wrong[] = {
        {"n_groups", {0, 3, 4, weights, NULL}},           {"n_in", {1, 3, 0, weights, NULL}},
        {"n_out", {1, 0, 4, weights, NULL}},              {"n_out", {1, SIZE_MAX / 2, 4, weights, NULL}},
        {"n_out", {INT32_MAX, INT32_MAX, 4, weights, NULL}}, {"weight", {1, 3, 4, NULL, NULL}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        MUST_REFUSE(r, wrong[i].part, linear_create(r->backend, &wrong[i].spec, &linear, &r->err));
    assert_null(linear);
    linear = make_linear(r, 3, 4, weight, NULL);
    asc_linear *foreign = make_linear(&other, 3, 4, weight, NULL);
    asc_buffer *reals = make_buffer(r, ASC_REAL, 100), *doubles = make_buffer(r, ASC_F64, 100);
    asc_buffer *elsewhere = make_buffer(&other, ASC_REAL, 100);
    const linear_args good = {linear, 5, ASC_ACT_NONE, view_at(reals, 0), view_at(reals, 20)};
    linear_args args = good;
    const float zeros[20] = {0};
    MUST(r, buffer_upload(r->stream, good.x, zeros, 20, &r->err));
    MUST(r, op_linear(r->stream, &good, &r->err));
#define REFUSED(part, change)                                                                                \
    (args = good, change, must_refuse(r, op_linear(r->stream, &args, &r->err), part, __LINE__))
    REFUSED("linear: weights: no weights", args.weights = NULL);
    REFUSED("linear: weights: made by another backend", args.weights = foreign);
    REFUSED("linear: activation", args.activation = (asc_activation)99);
    REFUSED("linear: x: no buffer", args.x = no_view);
    REFUSED("linear: x: expected a buffer of REAL, found F64", args.x = view_at(doubles, 0));
    REFUSED("linear: out: expected a buffer of REAL, found F64", args.out = view_at(doubles, 0));
    REFUSED("linear: x: the buffer belongs to another backend", args.x = view_at(elsewhere, 0));
    REFUSED("linear: x: 20 elements from element 81", args.x = view_at(reals, 81));
    REFUSED("linear: out: 15 elements from element 86", args.out = view_at(reals, 86));
    REFUSED("linear: out: overlaps x", args.out = args.x);
    REFUSED("linear: out: overlaps x", args.out = view_at(reals, 19));
    REFUSED("linear: out: overlaps x", (args.x = view_at(reals, 34), args.out = view_at(reals, 20)));
    REFUSED("linear: n_tokens", args.n_tokens = SIZE_MAX);
    REFUSED("linear: x: 2000", args.n_tokens = 500);
#undef REFUSED
    args = good, args.n_tokens = 0;
    MUST(r, op_linear(r->stream, &args, &r->err));
    buffer_destroy(elsewhere);
    buffer_destroy(doubles);
    buffer_destroy(reals);
    linear_destroy(foreign);
    linear_destroy(linear);
    rig_close(&other);
    close_state(r);
}

static void misused_transformer(void **state)
{
    rig *r = open_state(state);
    asc_buffer *reals = make_buffer(r, ASC_REAL, 400), *ints = make_buffer(r, ASC_I32, 20);
    const asc_view x = view_at(reals, 0), gamma = view_at(reals, 300), beta = view_at(reals, 310);
    asc_error *err = &r->err;
    add_norm_args norm = {4, 8, x, {.data = view_at(reals, 32)}, {gamma, beta, 1e-12}, view_at(reals, 8)};
    MUST_REFUSE(r, "add_norm: out: overlaps x", op_add_norm(r->stream, &norm, err));
    norm.out = view_at(reals, 290);
    MUST_REFUSE(r, "add_norm: out: overlaps norm.gamma", op_add_norm(r->stream, &norm, err));
    norm.out = x, norm.n_hidden = 0;
    MUST_REFUSE(r, "add_norm: n_hidden", op_add_norm(r->stream, &norm, err));
    attention_args attention = {2, 5,       2,      2, 4, 1, {.data = x}, view_at(ints, 0), view_at(reals, 200),
                                0, no_view, no_view};
    MUST_REFUSE(r, "attention: max_length", op_attention(r->stream, &attention, err));
    attention.max_length = 3, attention.out = view_at(reals, 119);
    MUST_REFUSE(r, "attention: out: overlaps qkv", op_attention(r->stream, &attention, err));
    attention.out = view_at(reals, 200), attention.sequence_offsets = view_at(ints, 18);
    MUST_REFUSE(r, "attention: sequence_offsets: 3 elements", op_attention(r->stream, &attention, err));
    attention.sequence_offsets = view_at(ints, 0), attention.bias = view_at(reals, 390),
    attention.bias_reach = 3;
    MUST_REFUSE(r, "attention: bias: 14 elements", op_attention(r->stream, &attention, err));
    attention.bias_reach = 2, attention.places = view_at(ints, 16);
    MUST_REFUSE(r, "attention: places: 5 elements", op_attention(r->stream, &attention, err));
    pool_first_args pool = {4, 3, 8, x, view_at(ints, 0), view_at(reals, 200)};
    MUST_REFUSE(r, "pool_first: n_tokens", op_pool_first(r->stream, &pool, err));
    pool.n_sequences = 2, pool.x = view_at(ints, 0);
    MUST_REFUSE(r, "pool_first: x: expected a buffer of REAL, found I32",
                op_pool_first(r->stream, &pool, err));
    const token_table table = {
        5, view_at(ints, 0), view_at(ints, 0), view_at(ints, 0), view_at(ints, 5), view_at(ints, 16)};
    embed_args embed = {
        5, 8, 3, 3, 2, NULL, no_view, no_view, x, x, x, {gamma, beta, 1e-12}, view_at(reals, 200)};
    MUST_REFUSE(r, "embed: table: no token table", op_embed(r->stream, &embed, err));
    embed.table = &table;
    MUST_REFUSE(r, "embed: table.types: 5 elements", op_embed(r->stream, &embed, err));
    embed.positions = view_at(ints, 17);
    MUST_REFUSE(r, "embed: table.types: 5 elements", op_embed(r->stream, &embed, err));
    embed.n_types = 0;
    MUST_REFUSE(r, "embed: type: a table although n_types is 0", op_embed(r->stream, &embed, err));
    embed.n_types = 2, embed.positions = no_view;
    embed.n_vocabulary = 51, embed.table = &(token_table){.n_tokens = 5, .ids = x};
    MUST_REFUSE(r, "embed: table.ids", op_embed(r->stream, &embed, err));
    buffer_destroy(ints);
    buffer_destroy(reals);
    close_state(r);
}

static void misused_coalitions(void **state)
{
    rig *r = open_state(state);
    asc_buffer *ints = make_buffer(r, ASC_I32, 40), *words = make_buffer(r, ASC_U64, 40);
    asc_error *err = &r->err;
    const asc_view i = view_at(ints, 0), w = view_at(words, 0);
    relabel_args relabel = {3, 14, false, 1, w, i};
    MUST_REFUSE(r, "relabel: permutations: 42 elements", op_relabel(r->stream, &relabel, err));
    relabel.n_features = SIZE_MAX;
    MUST_REFUSE(r, "relabel: n_features", op_relabel(r->stream, &relabel, err));
    relabel.n_features = 4, relabel.row_ids = i;
    MUST_REFUSE(r, "relabel: row_ids: expected a buffer of U64, found I32",
                op_relabel(r->stream, &relabel, err));
    row_masks_args masks = {2, 65, 4, w, i, view_at(words, 8)};
    MUST_REFUSE(r, "row_masks: permutations", op_row_masks(r->stream, &masks, err));
    masks.n_features = 4, masks.masks = view_at(words, 3);
    MUST_REFUSE(r, "row_masks: masks: overlaps design_masks", op_row_masks(r->stream, &masks, err));
    masks.n_rows = 1, masks.masks = masks.design_masks;
    MUST_REFUSE(r, "row_masks: masks: overlaps design_masks", op_row_masks(r->stream, &masks, err));
    masks.n_coalitions = 0;
    MUST_REFUSE(r, "row_masks: n_coalitions", op_row_masks(r->stream, &masks, err));
    token_table table = {.n_tokens = 6, .offsets = i, .features = i, .ids = i, .positions = i};
    pack_args pack = {ASC_POLICY_REMOVE,
                      ASC_POSITIONS_KEPT,
                      0,
                      2,
                      4,
                      3,
                      2,
                      6,
                      &table,
                      w,
                      i,
                      i,
                      view_at(ints, 10),
                      view_at(ints, 12),
                      view_at(ints, 18),
                      view_at(ints, 24)};
    MUST_REFUSE(r, "pack: sequence_offsets: overlaps source", op_pack(r->stream, &pack, err));
    pack.sequence_offsets = view_at(ints, 30), pack.source = view_at(ints, 5);
    MUST_REFUSE(r, "pack: source: overlaps table.features", op_pack(r->stream, &pack, err));
    pack.source = view_at(ints, 12), pack.places = view_at(ints, 23);
    MUST_REFUSE(r, "pack: positions: overlaps places", op_pack(r->stream, &pack, err));
    pack.places = view_at(ints, 24), table.ids = view_at(ints, 35);
    MUST_REFUSE(r, "pack: table.ids: 6 elements", op_pack(r->stream, &pack, err));
    table.ids = i, pack.position_rule = (asc_position_rule)3;
    MUST_REFUSE(r, "pack: position_rule", op_pack(r->stream, &pack, err));
    pack.position_rule = ASC_POSITIONS_AFTER_PAD, pack.pad_id = -1;
    MUST_REFUSE(r, "pack: pad_id", op_pack(r->stream, &pack, err));
    pack.pad_id = 1, pack.policy = (asc_policy)7;
    MUST_REFUSE(r, "pack: policy", op_pack(r->stream, &pack, err));
    pack.policy = ASC_POLICY_REPLACE, table.n_tokens = (size_t)INT32_MAX / 2 + 1;
    MUST_REFUSE(r, "pack: table.n_tokens", op_pack(r->stream, &pack, err));
    buffer_destroy(words);
    buffer_destroy(ints);
    close_state(r);
}

static void misused_values(void **state)
{
    rig *r = open_state(state);
    asc_buffer *ints = make_buffer(r, ASC_I32, 40), *words = make_buffer(r, ASC_U64, 40);
    asc_buffer *doubles = make_buffer(r, ASC_F64, 200), *reals = make_buffer(r, ASC_REAL, 40);
    asc_error *err = &r->err;
    const asc_view i = view_at(ints, 0), w = view_at(words, 0), d = view_at(doubles, 0);
    const step_logits step = {2, 4, 3, 5, i, i, {.data = view_at(reals, 0)}};
    record_full_args record = {step, view_at(doubles, 195), no_view};
    MUST_REFUSE(r, "record_full: full_logits: 10 elements", op_record_full(r->stream, &record, err));
    record.full_logits = d, record.targets = view_at(ints, 2);
    MUST_REFUSE(r, "record_full: targets: overlaps sequence_row", op_record_full(r->stream, &record, err));
    values_args values = {step, ASC_OUTPUT_LOGIT, false, 0, i, d};
    MUST_REFUSE(r, "values: n_targets", op_values(r->stream, &values, err));
    values.n_targets = 1, values.step.n_sequences = 9;
    MUST_REFUSE(r, "values: n_sequences", op_values(r->stream, &values, err));
    values.step.n_sequences = 8, values.step.logits.data = view_at(reals, 1);
    MUST_REFUSE(r, "values: logits: 40 elements from element 1", op_values(r->stream, &values, err));
    const attribute_args good = {2,
                                 3,
                                 4,
                                 1,
                                 2,
                                 true,
                                 ASC_SE_ZERO,
                                 d,
                                 i,
                                 w,
                                 view_at(doubles, 8),
                                 no_view,
                                 view_at(doubles, 20),
                                 view_at(doubles, 30),
                                 view_at(doubles, 40),
                                 view_at(ints, 10)};
    attribute_args args = good;
#define REFUSED(part, change)                                                                                \
    (args = good, change, must_refuse(r, op_attribute(r->stream, &args, err), part, __LINE__))
    REFUSED("attribute: n_contrasts: a paired design", args.n_contrasts = 3);
    REFUSED("attribute: n_contrasts: an unpaired design", args.paired = false);
    REFUSED("attribute: n_coalitions", args.n_coalitions = 1);
    REFUSED("attribute: loo_factor", args.error_kind = ASC_SE_HC3);
    REFUSED("attribute: error_kind",
            (args.error_kind = ASC_SE_HC3, args.paired = false, args.n_contrasts = 4));
    REFUSED("attribute: phi: overlaps std_errors", args.phi = view_at(doubles, 35));
    REFUSED("attribute: map: 6 elements from element 195", args.map = view_at(doubles, 195));
    REFUSED("attribute: phi: expected a buffer of F64, found REAL", args.phi = view_at(reals, 0));
#undef REFUSED
    buffer_destroy(reals);
    buffer_destroy(doubles);
    buffer_destroy(words);
    buffer_destroy(ints);
    close_state(r);
}

// ---- ref_guarded --------------------------------------------------------------------------------

// The signal that ends a child which reads `byte`, 0 when none does. `inside`: as if an operation were
// running.
static int signal_on_touch(const rig *r, const volatile char *byte, bool inside)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGSEGV, SIG_DFL);
        if (inside)
            r->backend->ops.enter(r->backend);
        const char seen = *byte;
        (void)seen;
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void guarded_buffers_fault(void **state)
{
    (void)state;
    const size_t counts[] = {1, 3, 512, 513, 5000};
    rig r;
    rig_open(&r, ASC_BACKEND_REF_GUARDED);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        for (int type = ASC_REAL; type <= ASC_U64; type++) {
            asc_buffer *buffer = make_buffer(&r, (asc_type)type, counts[i]),
                       *later = make_buffer(&r, ASC_I32, 1);
            const size_t bytes = counts[i] * (type == ASC_I32 ? 4 : 8);
            const char *data = buffer->data;
            assert_int_equal(signal_on_touch(&r, data, false), SIGSEGV);
            assert_int_equal(signal_on_touch(&r, data + bytes - 1, false), SIGSEGV);
            assert_int_equal(signal_on_touch(&r, data, true), 0);
            assert_int_equal(signal_on_touch(&r, data + bytes - 1, true), 0);
            assert_int_equal(signal_on_touch(&r, data + bytes, true), SIGSEGV);
            buffer_destroy(later);
            char *zeros = get_memory(counts[i] * 8);
            MUST(&r, buffer_upload(r.stream, view_at(buffer, 0), zeros, counts[i], &r.err));
            free(zeros);
            assert_int_equal(signal_on_touch(&r, data, false), SIGSEGV);
            buffer_destroy(buffer);
        }
    rig_close(&r);
}

static void ref_buffers_do_not_fault(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, ASC_BACKEND_REF);
    asc_buffer *buffer = make_buffer(&r, ASC_F64, 3);
    assert_int_equal(signal_on_touch(&r, buffer->data, false), 0); // so a fault above is the guard's doing
    buffer_destroy(buffer);
    rig_close(&r);
}

// ---- Rows and streams ---------------------------------------------------------------------------

enum { N_IN = 96, N_OUT = 51 };

static void apply_linear(rig *r, const asc_linear *weights, size_t n_rows, const float *x, double *out)
{
    frame in = frame_in(r, ASC_REAL, n_rows * N_IN, x), result = frame_out(r, ASC_REAL, n_rows * N_OUT);
    const linear_args args = {weights, n_rows, ASC_ACT_GELU_ERF, in.view, result.view};
    MUST(r, op_linear(r->stream, &args, &r->err));
    frame_read(&result, out);
    frame_close(&result);
    frame_close(&in);
}

// `row` first, in the middle and last of a batch has the bits that it has alone.
static void check_batch(rig *r, const asc_linear *weights, size_t n_rows, const float *row,
                        const double *alone)
{
    const size_t places[] = {0, n_rows / 2, n_rows - 1};
    float *batch = random_floats(4, n_rows * N_IN, 1);
    double *out = get_memory(n_rows * N_OUT * sizeof *out);
    for (size_t i = 0; i < 3; i++)
        memcpy(batch + places[i] * N_IN, row, sizeof *row * N_IN);
    apply_linear(r, weights, n_rows, batch, out);
    for (size_t i = 0; i < 3; i++)
        expect_same_bits("a row in a batch", N_OUT, sizeof *out, out + places[i] * N_OUT, alone);
    free(out);
    free(batch);
}

// All batches of 1 to 70 rows, and some beyond any tile.
static void linear_rows_are_independent(void **state)
{
    rig *r = open_state(state);
    float *weight = random_floats(1, N_OUT * N_IN, 0.1f), *bias = random_floats(2, N_OUT, 0.1f);
    float *row = random_floats(3, N_IN, 1);
    double alone[N_OUT];
    asc_linear *linear = make_linear(r, N_OUT, N_IN, weight, bias);
    apply_linear(r, linear, 1, row, alone);
    expect_not_trivial("the row", N_OUT, alone);
    for (size_t n_rows = 1; n_rows <= 70; n_rows++)
        check_batch(r, linear, n_rows, row, alone);
    for (size_t n_rows = 128; n_rows <= 1100; n_rows += 243)
        check_batch(r, linear, n_rows, row, alone);
    linear_destroy(linear);
    free(row);
    free(bias);
    free(weight);
    close_state(r);
}

typedef struct lane {
    rig r; // own stream, shared backend
    const asc_linear *weights;
    asc_buffer *x, *out;
    const float *values;
    double result[19 * N_OUT];
    asc_status status;
} lane;

static void *run_lane(void *argument)
{
    lane *l = argument;
    const linear_args args = {l->weights, 19, ASC_ACT_TANH, view_at(l->x, 0), view_at(l->out, 0)};
    for (int round = 0; round < 50 && l->status == ASC_OK; round++) {
        asc_buffer *passing = NULL; // buffers come and go while another stream works
        l->status = buffer_create(l->r.backend, ASC_REAL, 10, &passing, &l->r.err);
        if (l->status == ASC_OK)
            l->status = buffer_upload(l->r.stream, args.x, l->values, 19 * N_IN, &l->r.err);
        if (l->status == ASC_OK)
            l->status = op_linear(l->r.stream, &args, &l->r.err);
        if (l->status == ASC_OK)
            l->status = buffer_download(l->r.stream, args.out, l->result, 19 * N_OUT, &l->r.err);
        buffer_destroy(passing);
    }
    return NULL;
}

static void streams_run_at_once(void **state)
{
    enum { N_LANES = 3 };
    rig *r = open_state(state);
    float *weight = random_floats(1, N_OUT * N_IN, 0.1f), *bias = random_floats(2, N_OUT, 0.1f);
    asc_linear *linear = make_linear(r, N_OUT, N_IN, weight, bias);
    lane *lanes = get_memory(N_LANES * sizeof *lanes);
    float *values[N_LANES];
    pthread_t threads[N_LANES];
    for (size_t i = 0; i < N_LANES; i++) {
        values[i] = random_floats(10 + i, 19 * N_IN, 1);
        lanes[i] = (lane){.r = *r, .weights = linear, .values = values[i]};
        MUST(r, stream_create(r->backend, &lanes[i].r.stream, &r->err));
        lanes[i].x = make_buffer(r, ASC_REAL, 19 * N_IN);
        lanes[i].out = make_buffer(r, ASC_REAL, 19 * N_OUT);
    }
    for (size_t i = 0; i < N_LANES; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_lane, &lanes[i]), 0);
    for (size_t i = 0; i < N_LANES; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < N_LANES; i++) {
        double expected[19 * N_OUT];
        MUST(&lanes[i].r, lanes[i].status);
        memcpy(expected, lanes[i].result, sizeof expected);
        run_lane(&lanes[i]); // once more, by itself
        expect_same_bits("a stream among others", 19 * N_OUT, sizeof(double), lanes[i].result, expected);
        buffer_destroy(lanes[i].out);
        buffer_destroy(lanes[i].x);
        stream_destroy(lanes[i].r.stream);
        free(values[i]);
    }
    free(lanes);
    linear_destroy(linear);
    free(bias);
    free(weight);
    close_state(r);
}

// ref does not know its rate; that of a core's matrix library lies between 10^9 and 10^13.
static void matrix_products_have_a_rate(void **state)
{
    rig *r = open_state(state);
    double rate = -1;
    MUST(r, backend_gemm_rate(r->stream, &rate, &r->err));
    if (r->kind == ASC_BACKEND_CPU)
        assert_true(rate > 1e9 && rate < 1e13);
    else
        assert_true(rate == 0);
    close_state(r);
}

static void unknown_kind(void **state)
{
    (void)state;
    asc_backend *backend = (asc_backend *)&backend;
    asc_error err;
    assert_int_equal(backend_open((asc_backend_kind)77, ASC_PRECISION_FULL, &backend, &err), ASC_INTERNAL);
    assert_null(backend);
}

int main(int argc, char **argv)
{
    static asc_backend_kind kinds[] = {ASC_BACKEND_REF, ASC_BACKEND_REF_GUARDED, ASC_BACKEND_CPU};
    const char *only = argc == 3 && strcmp(argv[1], "--backend") == 0 ? argv[2] : NULL;
    int n_failed = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (only && strcmp(only, kind_name(kinds[i])) != 0)
            continue;
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(round_trips, &kinds[i]),
            cmocka_unit_test_prestate(zero_counts, &kinds[i]),
            cmocka_unit_test_prestate(impossible_sizes, &kinds[i]),
            cmocka_unit_test_prestate(misused_transfers, &kinds[i]),
            cmocka_unit_test_prestate(misused_linear, &kinds[i]),
            cmocka_unit_test_prestate(misused_transformer, &kinds[i]),
            cmocka_unit_test_prestate(misused_coalitions, &kinds[i]),
            cmocka_unit_test_prestate(misused_values, &kinds[i]),
            cmocka_unit_test_prestate(linear_rows_are_independent, &kinds[i]),
            cmocka_unit_test_prestate(streams_run_at_once, &kinds[i]),
            cmocka_unit_test_prestate(matrix_products_have_a_rate, &kinds[i]),
        };
        n_failed += cmocka_run_group_tests_name(kind_name(kinds[i]), tests, NULL, NULL);
    }
    const struct CMUnitTest once[] = {
        cmocka_unit_test(guarded_buffers_fault),
        cmocka_unit_test(ref_buffers_do_not_fault),
        cmocka_unit_test(unknown_kind),
    };
    n_failed += cmocka_run_group_tests_name("guards", once, NULL, NULL);
    return n_failed > 0;
}
