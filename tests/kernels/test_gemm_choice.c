// The algorithms of cuBLASLt's products, as text and on the emulated library: the fastest is proposed, but none that splits sums, wants more
// workspace, refuses a tile, or whose rows depend on their number; what is obeyed is obeyed to the bit, or refused by name. Every call fails
// in turn. With a GPU (test_gemm_choice --backend cuda, label gpu): what the device proposes, another backend takes, with the same bits.
#include "compare.h"

#include "../cuda_module.h"
#include "gemm_choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ---- Text --------------------------------------------------------------------------------------------------------

static void text_and_back(void **state)
{
    (void)state;
    static const char two[] = "bf16:12x768x64=66.20.35.1.0.0.65535 fp16:1x1152x384=4294967295.0.0.0.0.0.2";
    const char *at = two;
    gemm_choice choice;
    char again[2 * GEMM_CHOICE_TEXT_SIZE];
    assert_true(gemm_choice_read(&at, &choice));
    assert_string_equal(choice.precision, "bf16");
    assert_true(choice.shape[0] == 12 && choice.shape[1] == 768 && choice.shape[2] == 64 && choice.config[6] == 65535);
    gemm_choice_write(&choice, again);
    strcat(again, " ");
    assert_true(gemm_choice_read(&at, &choice));
    assert_true(*at == '\0' && choice.config[0] == UINT32_MAX);
    gemm_choice_write(&choice, again + strlen(again));
    assert_string_equal(again, two);
    memset(choice.config, 0, sizeof choice.config);
    assert_true(gemm_choice_find(two, &choice) && choice.config[6] == 2);
    choice.shape[2]++;
    assert_false(gemm_choice_find(two, &choice));
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        " ", "fp16", "fp16:1x16x8", "fp16:1x16x8=", "fp16:1x16x8=1.2.3.4.5.6", "fp16:1x16x8=1.2.3.4.5.6.7.8", "fp16:1x16x8=1.2.3.4.5.6.7 ",
        "fp16:1x16x8=1.2.3.4.5.6.7  fp16:1x16x8=1.2.3.4.5.6.7", "fp16:1x16x8=1.2.3.4.5.6.4294967296", "fp16:1x16x8=1.2.3.-4.5.6.7", ":1x16x8=1.2.3.4.5.6.7",
        "fp16:1x16=1.2.3.4.5.6.7", "fp16:1,16,8=1.2.3.4.5.6.7", "precision:1x16x8=1.2.3.4.5.6.7", "fp16:1x16x8=1.2.3.4..6.7", "FP16:1x16x8=1.2.3.4.5.6.7",
        "fp16:18446744073709551617x16x8=1.2.3.4.5.6.7", "fp16:1x16x8=1.2.3.4.5.6.7 fp16",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        gemm_choice choice = {.precision = "fp16", .shape = {1, 16, 8}};
        if (gemm_choice_find(wrong[i], &choice))
            fail_msg("'%s' was taken", wrong[i]);
    }
}

// Each character of a text in turn becomes another one: nothing is read beyond the end, and what is taken means one thing.
static void damaged_texts(void **state)
{
    (void)state;
    static const char sound[] = "fp16:1x16x8=21.18.5.0.0.0.2 bf16:1x16x8=22.1.2.3.4.5.6", others[] = {'0', '9', '.', 'x', '=', ':', ' ', 'a', '-', '\0'};
    size_t n_taken = 0;
    for (size_t at = 0; at < sizeof sound - 1; at++)
        for (size_t i = 0; i < sizeof others; i++) {
            char *text = malloc(sizeof sound), again[GEMM_CHOICE_TEXT_SIZE];
            memcpy(text, sound, sizeof sound);
            text[at] = others[i];
            gemm_choice choice = {.precision = "fp16", .shape = {1, 16, 8}}, same = choice;
            if (gemm_choice_find(text, &choice)) {
                n_taken++;
                gemm_choice_write(&choice, again);
                assert_true(gemm_choice_find(again, &same));
                assert_memory_equal(&same, &choice, sizeof same);
            }
            free(text);
        }
    assert_true(n_taken > 50 && n_taken < 300);
}

// ---- On a device -------------------------------------------------------------------------------------------------

enum { N_OUT = 16, N_IN = 16, N_ROWS = 200 };

// One map on a backend of its own, and rows that it multiplies.
typedef struct bench {
    asc_backend *backend;
    asc_stream *stream;
    asc_linear *linear;
    asc_buffer *x, *out;
    double found[N_ROWS * N_OUT];
    asc_error err;
} bench;

static asc_status make_map(bench *b)
{
    double weight[N_OUT * N_IN];
    float x[N_ROWS * N_IN];
    float *drawn = random_floats(1, N_OUT * N_IN, 1), *rows = random_floats(2, N_ROWS * N_IN, 1);
    for (size_t i = 0; i < N_OUT * N_IN; i++)
        weight[i] = drawn[i];
    memcpy(x, rows, sizeof x);
    free(rows);
    free(drawn);
    const linear_spec spec = {1, N_OUT, N_IN, weight, NULL};
    TRY(linear_create(b->backend, &spec, &b->linear, &b->err));
    TRY(buffer_create(b->backend, ASC_REAL, N_ROWS * N_IN, &b->x, &b->err));
    TRY(buffer_create(b->backend, ASC_REAL, N_ROWS * N_OUT, &b->out, &b->err));
    return buffer_upload(b->stream, view_at(b->x, 0), x, N_ROWS * N_IN, &b->err);
}

static asc_status multiply(bench *b)
{
    const linear_args args = {b->linear, N_ROWS, ASC_ACT_NONE, view_at(b->x, 0), view_at(b->out, 0)};
    TRY(op_linear(b->stream, &args, &b->err));
    return buffer_download(b->stream, args.out, b->found, N_ROWS * N_OUT, &b->err);
}

static asc_status open_bench(bench *b, asc_precision precision)
{
    const cuda_choice choice = cuda_module_choice(precision);
    memset(b, 0, sizeof *b);
    TRY(backend_open_cuda(&choice, &b->backend, &b->err));
    TRY(stream_create(b->backend, &b->stream, &b->err));
    return make_map(b);
}

static void close_bench(bench *b)
{
    buffer_destroy(b->out);
    buffer_destroy(b->x);
    linear_destroy(b->linear);
    stream_destroy(b->stream);
    backend_close(b->backend);
}

static void must(asc_status status, const bench *b)
{
    if (status != ASC_OK)
        fail_msg("%s", b->err.message);
}

static bool names_only(const char *algorithms, unsigned id, unsigned or_id)
{
    gemm_choice choice;
    while (*algorithms != '\0')
        if (!gemm_choice_read(&algorithms, &choice) || (choice.config[0] != id && choice.config[0] != or_id))
            return false;
    return true;
}

// Ascending is what the library offers first of all that can be taken.
static void the_fastest_that_can_be_taken(void **state)
{
    (void)state;
    enum { UP = CUDA_SUMS_ASCENDING, DOWN = CUDA_SUMS_DESCENDING };
    static const int cases[][3] = {
        {UP, UP, UP},           {DOWN, DOWN, DOWN},
        {20, UP, DOWN},         {25, UP, DOWN}, {26, UP, DOWN}, {27, UP, DOWN}, // split; reduced; too large; not for a tile
        {CUDA_SUMS_BY_COLUMNS, UP, DOWN}, // rows depend on their number
    };
    const cuda_emulation emulated = cuda_emulation_of_module();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench b;
        emulated.products(CUDA_SUMS_ASCENDING, 0);
        must(open_bench(&b, ASC_PRECISION_FP16), &b);
        assert_string_equal(backend_algorithms(b.backend), "fp16:1x16x16=21.18.5.0.0.0.0 bf16:1x16x16=21.18.5.0.0.0.0");
        emulated.products(cases[i][0], 0);
        must(backend_propose_algorithms(b.stream, &b.err), &b);
        if (!names_only(backend_algorithms(b.backend), (unsigned)cases[i][1], (unsigned)cases[i][2]))
            fail_msg("with %d as the fastest: %s", cases[i][0], backend_algorithms(b.backend));
        must(multiply(&b), &b);
        close_bench(&b);
        assert_int_equal(emulated.live_allocations(), 0);
    }
    emulated.products(CUDA_SUMS_ASCENDING, 0);
}

// What is pinned stays where nothing that is offered keeps a row's bits.
static void none_keeps_a_rows_bits(void **state)
{
    (void)state;
    const cuda_emulation emulated = cuda_emulation_of_module();
    bench b;
    emulated.products(CUDA_SUMS_ASCENDING, 0);
    must(open_bench(&b, ASC_PRECISION_FULL), &b);
    emulated.products(CUDA_SUMS_BY_COLUMNS, CUDA_SUMS_OF_ROWS);
    assert_int_equal(backend_propose_algorithms(b.stream, &b.err), ASC_INTERNAL);
    assert_non_null(strstr(b.err.message, "rows that depend on their number"));
    assert_string_equal(backend_algorithms(b.backend), "fp32:1x16x16=21.18.5.0.0.0.0");
    close_bench(&b);
    emulated.products(CUDA_SUMS_ASCENDING, 0);
}

// Two processes, as two backends: the second one finds others the fastest, and has the first one's bits.
static void a_choice_is_obeyed(void **state)
{
    (void)state;
    const cuda_emulation emulated = cuda_emulation_of_module();
    bench first, second;
    emulated.products(CUDA_SUMS_DESCENDING, 0);
    must(open_bench(&first, ASC_PRECISION_FULL), &first);
    must(multiply(&first), &first);
    must(open_bench(&second, ASC_PRECISION_FULL), &second);
    must(backend_propose_algorithms(second.stream, &second.err), &second);
    must(multiply(&second), &second);
    assert_memory_not_equal(first.found, second.found, sizeof first.found);
    emulated.products(CUDA_SUMS_ASCENDING, 0);
    must(backend_obey_algorithms(first.stream, backend_algorithms(second.backend), &first.err), &first);
    assert_string_equal(backend_algorithms(first.backend), backend_algorithms(second.backend));
    must(multiply(&first), &first);
    assert_memory_equal(first.found, second.found, sizeof first.found);
    close_bench(&second);
    close_bench(&first);
}

static void what_cannot_be_obeyed_is_named(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"fp32:1x16x16=22.21.4.1.3.2.7", "does not take fp32:1x16x16=22.21.4.1.3.2.7"}, // the refused one
        {"fp32:1x16x16=21.18.4.0.0.0.0", "does not take fp32:1x16x16=21.18.4.0.0.0.0"},
        {"fp32:1x16x16=99.18.4.0.0.0.0", "does not take fp32:1x16x16=99.18.4.0.0.0.0"},
        {"fp32:1x16x16=20.20.0.0.0.0.0", "does not take fp32:1x16x16=20"}, // which splits
        {"bf16:1x16x16=21.18.5.0.0.0.0", "expected an algorithm for fp32:1x16x16, found none"},
        {"fp32:1x16x16=21.18.5.0.0.0.0 and", "expected an algorithm for fp32:1x16x16, found none"},
        {"", "expected an algorithm for fp32:1x16x16, found none"},
    };
    const cuda_emulation emulated = cuda_emulation_of_module();
    bench b;
    emulated.products(CUDA_SUMS_ASCENDING, CUDA_SUMS_DESCENDING);
    must(open_bench(&b, ASC_PRECISION_FULL), &b);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(backend_obey_algorithms(b.stream, texts[i][0], &b.err), ASC_DIFFERENT_RUN);
        if (!strstr(b.err.message, texts[i][1]))
            fail_msg("'%s' is missing in: %s", texts[i][1], b.err.message);
        assert_string_equal(backend_algorithms(b.backend), "fp32:1x16x16=21.18.5.0.0.0.0");
    }
    must(multiply(&b), &b);
    close_bench(&b);
    emulated.products(CUDA_SUMS_ASCENDING, 0);
}

static asc_status choose_and_multiply(bench *b)
{
    TRY(open_bench(b, ASC_PRECISION_TF32));
    TRY(backend_propose_algorithms(b->stream, &b->err));
    TRY(backend_obey_algorithms(b->stream, "tf32:1x16x16=22.21.4.1.3.2.7", &b->err));
    return multiply(b);
}

static void every_call_fails_in_turn(void **state)
{
    (void)state;
    const cuda_emulation emulated = cuda_emulation_of_module();
    bench b;
    (emulated.fail)(0, false);
    must(choose_and_multiply(&b), &b);
    close_bench(&b);
    const unsigned n_calls = emulated.calls();
    unsigned n_failed = 0;
    assert_true(n_calls > 300);
    for (unsigned call = 1; call <= n_calls; call++)
        for (int forever = 0; forever < 2; forever++) {
            (emulated.fail)(call, forever);
            const asc_status status = choose_and_multiply(&b);
            close_bench(&b);
            (emulated.fail)(0, false);
            if (emulated.calls_after_loss() != 0)
                fail_msg("call %u failed %s: status %d, '%s': %u calls after the context was lost", call, forever ? "for ever" : "once", (int)status, b.err.message, emulated.calls_after_loss());
            if (status != ASC_OK && status != ASC_NO_DEVICE && status != ASC_OUT_OF_MEMORY && status != ASC_DIFFERENT_RUN)
                fail_msg("call %u: status %d, '%s'", call, (int)status, b.err.message);
            n_failed += status != ASC_OK;
            if (emulated.is_lost() || status == ASC_NO_DEVICE)
                (emulated.new_context)();
            if (emulated.live_allocations() != 0)
                fail_msg("call %u: %zu allocations are left on the device", call, emulated.live_allocations());
        }
    assert_true(n_failed > n_calls);
}

// ---- On a GPU ----------------------------------------------------------------------------------------------------

static void a_device_obeys_its_own_choice(void **state)
{
    (void)state;
    static const asc_precision all[] = {ASC_PRECISION_FULL, ASC_PRECISION_TF32, ASC_PRECISION_FP16, ASC_PRECISION_BF16};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bench first, second;
        must(open_bench(&first, all[i]), &first);
        print_message("the library's own: %s\n", backend_algorithms(first.backend));
        must(backend_propose_algorithms(first.stream, &first.err), &first);
        print_message("the fastest:       %s\n", backend_algorithms(first.backend));
        must(multiply(&first), &first);
        must(open_bench(&second, all[i]), &second);
        must(backend_obey_algorithms(second.stream, backend_algorithms(first.backend), &second.err), &second);
        assert_string_equal(backend_algorithms(second.backend), backend_algorithms(first.backend));
        must(multiply(&second), &second);
        assert_memory_equal(first.found, second.found, sizeof first.found);
        close_bench(&second);
        close_bench(&first);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_back),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(damaged_texts),
        cmocka_unit_test(the_fastest_that_can_be_taken),
        cmocka_unit_test(none_keeps_a_rows_bits),
        cmocka_unit_test(a_choice_is_obeyed),
        cmocka_unit_test(what_cannot_be_obeyed_is_named),
        cmocka_unit_test(every_call_fails_in_turn),
        cmocka_unit_test(a_device_obeys_its_own_choice),
    };
    const struct CMUnitTest on_gpu[] = {cmocka_unit_test(a_device_obeys_its_own_choice)};
    if (only_cuda_is_wanted(argc, argv))
        return cuda_module_is_usable() ? cmocka_run_group_tests(on_gpu, NULL, NULL) : TEST_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
