// Makes the seed files of the fuzz targets: make_corpus FOLDER. Their text forms (config, safetensors headers) are in the
// corpus as they are; here is what takes a writer: datasets, a result, global importance, a probe, parts and masks. contiguous.h5 is chunked.h5 after
// `h5repack -l CONTI -f NONE`.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <ascribe/global.h>

#include "io/mask_file.h"
#include "io/merge.h"
#include "io/part.h"
#include "io/probe_file.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name

#include "../unit/result_fixture.h"
#include "mask_fixture.h"

static void make_part(const char *to, int64_t n_rows)
{
    asc_error err = {0};
    part_writer *writer = NULL;
    char path[TEMP_PATH_SIZE];
    const part_header header = {.index = 3, .first_position = FIRST, .n_rows = n_rows, .n_targets = K, .n_classes = C,
                                .kernel_set = "the kernel set of a test"};
    assert_int_equal(part_create(&header, &writer, &err), ASC_OK);
    for (int64_t i = 0; i < n_rows; i++) {
        made_row made;
        make_row(&made, (size_t)(FIRST + i));
        assert_int_equal(part_append(writer, &made.row, &err), ASC_OK);
    }
    snprintf(path, sizeof path, "%s/part/rows-%d.part", to, (int)n_rows);
    assert_int_equal(part_commit(writer, path, &err), ASC_OK);
}

// Each row's coalitions: empty, full, the first feature, all but the first.
static void make_masks(const char *path)
{
    asc_error err = {0};
    mask_writer *writer = NULL;
    const double weights[MASK_FIXTURE_COALITIONS] = {1, 0.5, 2, 0};
    const mask_plan plan = {MASK_FIXTURE_ROWS, MASK_FIXTURE_ROWS * MASK_FIXTURE_COALITIONS, MASK_FIXTURE_WORDS, "lime", "auto", 5};
    assert_int_equal(mask_writer_create(path, &plan, &writer, &err), ASC_OK);
    for (size_t i = 0; i < MASK_FIXTURE_ROWS; i++) {
        const size_t n = mask_fixture_features[i], n_words = (n + 63) / 64;
        uint64_t masks[MASK_FIXTURE_COALITIONS * MASK_FIXTURE_WORDS] = {0};
        for (size_t f = 0; f < n; f++) {
            masks[n_words + f / 64] |= (uint64_t)1 << f % 64;
            masks[3 * n_words + f / 64] |= (uint64_t)(f > 0) << f % 64;
        }
        masks[2 * n_words] = 1;
        const mask_row row = {MASK_FIXTURE_COALITIONS, 10 + i, masks, (double *)(uintptr_t)weights};
        assert_int_equal(mask_writer_append(writer, MASK_FIXTURE_FIRST_ID + i, n, &row, &err), ASC_OK);
    }
    assert_int_equal(mask_writer_finish(writer, &err), ASC_OK);
}

// Of the rows of the first part. The file names its sources: a name without a folder.
static void make_global(const char *to, merge_job job)
{
    asc_error err = {0};
    static const char *const source = "few.h5";
    const asc_global_job sum = {.paths = &source, .n_paths = 1, .out_path = "global/chunked.h5", .fold_case = 1};
    assert_int_equal(chdir(to), 0);
    job.out_path = source;
    job.n_parts = 1;
    job.n_rows = ROWS_PER_PART;
    assert_int_equal(merge_run(&job, &err), ASC_OK);
    assert_int_equal(asc_global_make(&sum, &err), ASC_OK);
    assert_int_equal(unlink(source), 0);
}

// One block of two heads, two rows of ablation, and two rows of three tokens whole. Every number is 0 but for those of the whole rows.
static void make_probe(const char *path)
{
    asc_error err = {0};
    probe_writer *writer = NULL;
    const size_t n_tokens[] = {3, 3}, text_sizes[] = {4, 4};
    const int32_t tokens[3] = {2, 4, 3};
    const float attention[18] = {0}, rollout[3] = {1, 0, 0}, flow[3] = {0.5f, 0.25f, 0.25f}, norms[6] = {1, 1, 1, 1, 1, 1}, logits[2] = {0.5f, -0.5f};
    probe_content content = {.facts = {.n_blocks = 1, .n_heads = 2, .n_hidden = 4, .n_ffn = 3, .n_vocabulary = 5, .n_classes = 2, .n_matrices = 2,
                                       .architecture = "made up", .n_rows = 2, .n_tokens = 6, .n_ablated = 2, .has_heat = true, .n_top_neurons = 2,
                                       .n_top_rows = 2, .n_full = 2, .n_flow_tokens = 3}};
    content.facts.class_names = calloc(2, sizeof(char *));
    content.facts.matrix_names = calloc(2, sizeof(char *));
    content.facts.token_names = calloc(5, sizeof(char *));
    for (size_t i = 0; i < 5; i++)
        content.facts.token_names[i] = strdup(i ? "token" : "");
    for (size_t i = 0; i < 2; i++) {
        content.facts.class_names[i] = strdup(i ? "yes" : "no");
        content.facts.matrix_names[i] = strdup(i ? "b.weight" : "a.weight");
    }
    for (probe_column i = 0; i < N_PROBE_COLUMNS; i++)
        assert_int_equal(probe_content_allocate(&content, i, &err), ASC_OK);
    const probe_full_row row = {10, 3, tokens, attention, rollout, flow, norms, logits, "text", 4};
    assert_int_equal(probe_writer_create(path, &content.facts, &(probe_full_plan){n_tokens, text_sizes}, &writer, &err), ASC_OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(probe_writer_put_full(writer, &row, &err), ASC_OK);
    assert_int_equal(probe_writer_finish(writer, &content, &err), ASC_OK);
    probe_content_free(&content);
}

static void make_all(void **state)
{
    const char *to = *state;
    char path[TEMP_PATH_SIZE];
    static const char *const folders[] = {"dataset", "result", "part", "masks", "global", "probe"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        temp_folder_join(to, folders[i], path);
        mkdir(path, 0777);
    }
    set_up(NULL);
    temp_folder_join(to, "dataset/chunked.h5", path);
    dataset_arrays small = fixture_build(path, 24, DEFECT_NONE);
    fixture_free(&small);
    temp_folder_join(to, "result/small.h5", out);
    asc_error err = {0};
    const merge_job job = make_job();
    assert_int_equal(merge_run(&job, &err), ASC_OK);
    make_global(to, job);
    temp_folder_join(to, "masks/chunked.h5", path);
    make_masks(path);
    temp_folder_join(to, "probe/chunked.h5", path);
    make_probe(path);
    make_part(to, 0);
    make_part(to, 1);
    make_part(to, 5);
    tear_down(NULL);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(make_all, argv[1])};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
