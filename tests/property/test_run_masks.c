// Whole runs of the methods whose rows draw designs of their own: masks go out to a file and come back to the same bits, lime's fit
// stands in the result, and bad mask files are refused by name.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <ascribe/masks.h>
#include "io/mask_file.h" // before cmocka.h, whose macro fail() hides our function

#include <cmocka.h>

#include "run_fixture.h"

#include <math.h>
#include <pthread.h>

enum { N_ROWS = 12, TOO_LONG = 70 }; // so many features are more tokens than the model takes, and two words of a mask

static run_place place;
static const size_t sizes[] = {4, 0, 9, 1, 14, 6, 2, 20, TOO_LONG, 11, 3, 9};

static void usual_row(size_t row, run_row *out)
{
    run_row_usual(row, sizes[row], out);
}

static int set_up(void **state)
{
    (void)state;
    run_place_make(&place);
    run_dataset_write(place.data, &(run_plan){.n_rows = N_ROWS, .make_row = usual_row});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(place.folder);
    return 0;
}

typedef struct setting {
    const char *method, *estimator, *l1_reg, *lime_selection;
    int lime_features;
} setting;

static const setting settings[] = {
    {"shapley", "shap", "off", "auto", 10},
    {"shapley", "shap", "num_features:3", "auto", 10},
    {"lime", "auto", "off", "auto", 10},
    {"lime", "auto", "off", "auto", 3},
    {"lime", "auto", "off", "lasso_path", 4},
    {"lime", "auto", "off", "none", 10},
};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

static asc_explain_job job_of(const setting *s)
{
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.method = s->method;
    job.options.estimator = s->estimator;
    job.options.l1_reg = s->l1_reg;
    job.options.lime_selection = s->lime_selection;
    job.options.lime_features = s->lime_features;
    job.options.budget = "60";
    return job;
}

static void export_and_replay(const setting *s, const char *budget)
{
    const char *masks = run_path(place.folder, "masks.h5"), *again = run_path(place.folder, "again.h5");
    asc_explain_job job = job_of(s);
    job.options.budget = budget;
    job.options.export_masks = masks;
    job.options.rows_per_part = 5;
    run_well(&job, NULL);
    job.options.export_masks = NULL;
    job.options.masks = masks;
    job.options.budget = "auto";
    job.options.seed = 1234;
    job.out_path = again;
    run_well(&job, NULL);
    run_result drawn = run_result_open(place.out), imported = run_result_open(again);
    assert_same_rows(&drawn, &imported, 0);
    for (size_t i = 0; drawn.info->has_lime && i < N_ROWS * 3 * drawn.info->n_targets; i++)
        assert_memory_equal(&drawn.rows->lime[i], &imported.rows->lime[i], sizeof(float));
    assert_int_equal(drawn.info->has_lime, strcmp(s->method, "lime") == 0);
    run_result_close(&imported);
    run_result_close(&drawn);
    assert_int_equal(unlink(masks), 0);
    assert_int_equal(unlink(again), 0);
    assert_int_equal(unlink(place.out), 0);
}

// With 5 samples most of lime's rows never see the empty coalition.
static void masks_come_back_to_the_same_bits(void **state)
{
    (void)state;
    for (size_t s = 0; s < N_SETTINGS; s++) {
        export_and_replay(&settings[s], "60");
        export_and_replay(&settings[s], "5");
    }
}

// A complete run exports its masks all the same, and leaves them when they are there; another run's are not replaced.
static void a_complete_run_exports_too(void **state)
{
    (void)state;
    const char *masks = run_path(place.folder, "masks.h5");
    asc_explain_summary summary;
    asc_explain_job job = job_of(&settings[0]);
    run_well(&job, NULL);
    job.options.export_masks = masks;
    run_well(&job, &summary);
    assert_true(summary.already_complete);
    run_well(&job, NULL);
    mask_file *file = NULL;
    mask_row row;
    assert_int_equal(mask_file_open(masks, NULL, &file, NULL), ASC_OK);
    assert_int_equal(mask_file_read(file, RUN_FIRST_ROW_ID + 8, TOO_LONG, &row, NULL), ASC_OK);
    assert_int_equal(row.count, 60);
    mask_row_free(&row);
    assert_int_equal(mask_file_read(file, RUN_FIRST_ROW_ID + 1, 0, &row, NULL), ASC_MALFORMED); // no coalitions, no weight
    mask_file_close(file);
    job.options.export_masks = run_path(place.folder, "other.h5");
    job.options.n_rows = 3;
    job.options.force = true;
    run_well(&job, NULL);
    job.options.export_masks = masks;
    job.options.force = false;
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){"masks.h5", "does not hold the masks of this run", "--force"});
    assert_int_equal(unlink(place.out), 0);
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){"masks.h5 exists", "", "--force"});
    job.options.force = true;
    run_well(&job, NULL);
    assert_int_equal(mask_file_open(masks, NULL, &file, NULL), ASC_OK);
    assert_false(mask_file_has(file, RUN_FIRST_ROW_ID + 8));
    mask_file_close(file);
    assert_int_equal(unlink(place.out), 0);
}

static size_t n_forks, n_threaded_forks;

static void count_fork(void)
{
    n_forks++;
    n_threaded_forks += temp_folder_count("/proc/self/task") > 1;
}

// Mask files and an old result are tried in a child process, and no child is made while threads are there (run with OPENBLAS_NUM_THREADS=1:
// OpenBLAS keeps idle threads of its own).
static void forks_come_before_threads(void **state)
{
    (void)state;
    const char *masks = run_path(place.folder, "tried.h5");
    mask_file *file = NULL;
    asc_explain_summary summary;
    asc_explain_job job = job_of(&settings[0]);
    assert_int_equal(pthread_atfork(count_fork, NULL, NULL), 0);
    job.options.export_masks = masks;
    run_well(&job, NULL);
    n_forks = 0;
    assert_int_equal(mask_file_open(masks, NULL, &file, NULL), ASC_OK);
    assert_int_equal(n_forks, 1);
    mask_file_close(file);
    run_well(&job, &summary); // OUT and the masks stand there
    assert_true(summary.already_complete);
    job.options.export_masks = NULL;
    job.options.masks = masks;
    job.options.budget = "auto";
    job.options.force = true;
    run_well(&job, NULL);
    assert_int_equal(n_threaded_forks, 0);
    assert_int_equal(unlink(place.out), 0);
}

static void lime_stores_its_fit(void **state)
{
    (void)state;
    asc_explain_job job = job_of(&settings[2]);
    asc_error err = {0};
    asc_verify_report report;
    run_well(&job, NULL);
    run_result r = run_result_open(place.out);
    const size_t n_targets = r.info->n_targets;
    assert_true(r.info->has_lime);
    for (size_t row = 0; row < N_ROWS; row++)
        for (size_t k = 0; sizes[row] != TOO_LONG && k < n_targets; k++) {
            const float *fit = r.rows->lime + row * 3 * n_targets + k;
            double sum = (double)fit[0];
            size_t n_nonzero = 0;
            for (size_t f = 0; f < sizes[row]; f++) {
                sum += (double)run_result_value(&r, row, f, k);
                n_nonzero += run_result_value(&r, row, f, k) != 0;
            }
            assert_int_equal(n_nonzero, sizes[row] < 10 ? sizes[row] : 10);
            if (sizes[row] == 0) {
                assert_true(isnan(fit[0]) && isnan(fit[n_targets]) && isnan(fit[2 * n_targets]));
                continue;
            }
            assert_true(fabs(sum - (double)fit[2 * n_targets]) < 1e-5);
            assert_true(fit[n_targets] <= 1);
        }
    run_result_close(&r);
    const hid_t file = H5Fopen(place.out, H5F_ACC_RDWR, H5P_DEFAULT), set = H5Dopen2(file, "lime/score", H5P_DEFAULT);
    float scores[N_ROWS * 8];
    assert_true(H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, scores) >= 0);
    scores[0] += 0.001f;
    assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, scores) >= 0);
    H5Dclose(set);
    H5Fclose(file);
    assert_int_equal(asc_result_verify(place.out, &report, &err), ASC_FAILED_CHECK);
    assert_false(report.digest_matches);
    assert_int_equal(unlink(place.out), 0);
}

static void permutation_spends_whole_walks(void **state)
{
    (void)state;
    const setting permutation = {"shapley", "permutation", "off", "auto", 10};
    const char *masks = run_path(place.folder, "walks.h5");
    asc_explain_job job = job_of(&permutation);
    job.options.export_masks = masks;
    run_well(&job, NULL);
    run_result r = run_result_open(place.out);
    for (size_t row = 0; row < N_ROWS; row++) {
        if (sizes[row] == TOO_LONG)
            continue;
        const int64_t length = sizes[row] < 2 ? 0 : 2 * (int64_t)sizes[row] - 2;
        const int64_t n_walks = length == 0 ? 0 : length > 60 ? 1 : 60 / length;
        assert_int_equal(r.rows->evaluations[row], n_walks * length);
        for (int64_t f = r.rows->feature_offsets[row]; f < r.rows->feature_offsets[row + 1]; f++)
            assert_int_equal(isnan(r.rows->std_errors[(size_t)f * r.info->n_targets]), n_walks == 1);
    }
    run_result_close(&r);
    assert_int_equal(unlink(place.out), 0);
}

// ---- Refused -----------------------------------------------------------------------------------------------------

typedef struct bad_masks {
    uint64_t first_id;
    size_t features_less; // of the row with 4 features
    uint64_t mask;        // of its second coalition
    double weight;
    const char *first, *second, *hint;
} bad_masks;

static void write_masks(const char *path, const bad_masks *bad)
{
    mask_writer *writer = NULL;
    const mask_plan plan = {.n_rows = N_ROWS, .n_coalitions = 3 * N_ROWS, .n_words = 2, .method = "any", .estimator = "any"};
    assert_int_equal(mask_writer_create(path, &plan, &writer, NULL), ASC_OK);
    for (size_t row = 0; row < N_ROWS; row++) {
        const size_t n = sizes[row] - (row == 0 ? bad->features_less : 0);
        uint64_t masks[3 * 2] = {0};
        double weights[] = {1, 2, 3};
        masks[n > 64 ? 2 : 1] = row == 0 ? bad->mask : 0;
        weights[1] = row == 0 ? bad->weight : 2;
        const mask_row found = {3, 3, masks, weights};
        assert_int_equal(mask_writer_append(writer, bad->first_id + row, n, &found, NULL), ASC_OK);
    }
    assert_int_equal(mask_writer_finish(writer, NULL), ASC_OK);
}

static void bad_mask_files_are_refused(void **state)
{
    (void)state;
    const char *masks = run_path(place.folder, "bad.h5");
    static const bad_masks bad[] = {
        {RUN_FIRST_ROW_ID + 500, 0, 3, 1, "no masks for 9 of the 12 selected rows, the first has id", "bad.h5", "--rows"},
        {RUN_FIRST_ROW_ID, 1, 3, 1, "expected 4 features, found 3", "bad.h5", NULL},
        {RUN_FIRST_ROW_ID, 0, 16, 1, "beyond its 4", "'masks'", NULL},
        {RUN_FIRST_ROW_ID, 0, 3, -1, "expected a finite weight", "'weights'", NULL},
        {RUN_FIRST_ROW_ID, 0, 3, INFINITY, "expected a finite weight", "'weights'", NULL},
        {RUN_FIRST_ROW_ID, 0, 3, NAN, "expected a finite weight", "'weights'", NULL},
    };
    asc_masks_info info;
    asc_explain_job job = job_of(&settings[0]);
    job.options.budget = "auto";
    job.options.masks = masks;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_masks(masks, &bad[i]);
        assert_refused(&place, &job, ASC_MALFORMED, (run_words){bad[i].first, bad[i].second, bad[i].hint});
        assert_int_equal(asc_masks_check(masks, &info, NULL), i < 2 ? ASC_OK : ASC_MALFORMED); // the first two fit other rows
    }
    job.options.masks = place.data;
    assert_refused(&place, &job, ASC_MALFORMED, (run_words){place.data, "ascribe-masks", "this is a prepared dataset"});
}

// Changes one value of a dataset of the file.
static void poke(const char *path, const char *name, size_t at, int64_t value)
{
    int64_t values[N_ROWS + 1];
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), set = H5Dopen2(file, name, H5P_DEFAULT);
    assert_true(H5Dread(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    values[at] = value;
    assert_true(H5Dwrite(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(set);
    H5Fclose(file);
}

static void broken_indexes_are_refused(void **state)
{
    (void)state;
    const char *masks = run_path(place.folder, "broken.h5");
    const bad_masks good = {RUN_FIRST_ROW_ID, 0, 3, 1, NULL, NULL, NULL};
    static const struct {
        const char *name;
        size_t at;
        int64_t value;
        const char *word, *hint;
    } breaks[] = {
        {"offsets", 0, 1, "rise from 0", NULL},        {"offsets", 4, 2, "rise from 0", NULL},     {"offsets", 4, INT64_MIN, "rise from 0", NULL},
        {"offsets", N_ROWS, 100, "to end at", NULL},   {"rows/id", 3, RUN_FIRST_ROW_ID, "twice", NULL}, {"rows/features", 2, 129, "more than 2 words", NULL},
        {"rows/features", 2, UINT32_MAX, "words", NULL}, {"rows/draws", 0, 0, "samples", NULL},
        {"rows/id", N_ROWS - 1, 1, "masks for 1 of the 12", "--rows"},
    };
    asc_explain_job job = job_of(&settings[0]);
    job.options.budget = "auto";
    job.options.masks = masks;
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
        write_masks(masks, &good);
        poke(masks, breaks[i].name, breaks[i].at, breaks[i].value);
        job.options.rows_per_part = 1; // no part is left behind: before any row is explained
        assert_refused(&place, &job, ASC_MALFORMED, (run_words){breaks[i].word, "broken.h5", breaks[i].hint});
    }
}

// Rows that cannot be explained draw nothing, so they need no masks.
static void rows_without_an_answer_need_no_masks(void **state)
{
    (void)state;
    const char *masks = run_path(place.folder, "fewer.h5");
    const bad_masks good = {RUN_FIRST_ROW_ID, 0, 3, 1, NULL, NULL, NULL};
    asc_explain_job job = job_of(&settings[0]);
    job.options.budget = "auto";
    job.options.masks = masks;
    write_masks(masks, &good);
    poke(masks, "rows/id", 8, 1); // TOO_LONG
    run_well(&job, NULL);
    assert_int_equal(unlink(place.out), 0);
}

static void another_mask_file_than_expected_is_refused(void **state)
{
    (void)state;
    const char *masks = run_path(place.folder, "masks.h5");
    const bad_masks good = {RUN_FIRST_ROW_ID, 0, 3, 1, NULL, NULL, NULL};
    uint8_t digest[HASH_BYTES];
    char hex[HASH_HEX_SIZE];
    asc_explain_job job = job_of(&settings[0]);
    job.options.budget = "auto";
    job.options.masks = masks;
    job.options.masks_sha256 = hex;
    write_masks(masks, &good);
    assert_int_equal(hash_file(masks, digest, NULL), ASC_OK);
    hash_hex(digest, hex);
    run_well(&job, NULL);
    assert_int_equal(unlink(place.out), 0);
    hex[0] = hex[0] == '0' ? '1' : '0';
    assert_refused(&place, &job, ASC_DIFFERENT_RUN, (run_words){"another file", hex, NULL});
}

// A file that is put in another's place is not what was opened.
static void a_file_that_was_replaced_has_no_hash(void **state)
{
    (void)state;
    const char *masks = run_path(place.folder, "first.h5"), *other = run_path(place.folder, "second.h5");
    const bad_masks good = {RUN_FIRST_ROW_ID, 0, 3, 1, NULL, NULL, NULL};
    uint8_t digest[HASH_BYTES];
    mask_file *file = NULL;
    asc_error err = {0};
    write_masks(masks, &good);
    write_masks(other, &good);
    assert_int_equal(mask_file_open(masks, NULL, &file, NULL), ASC_OK);
    assert_int_equal(mask_file_hash(file, digest, NULL), ASC_OK);
    assert_int_equal(rename(other, masks), 0);
    assert_int_equal(mask_file_hash(file, digest, &err), ASC_MALFORMED);
    mask_file_close(file);
}

static void foreign_files_are_kept(void **state)
{
    (void)state;
    const char *foreign = run_path(place.folder, "notes.txt");
    asc_explain_job job = job_of(&settings[0]);
    FILE *file = fopen(foreign, "w");
    fputs("mine", file);
    fclose(file);
    job.options.export_masks = foreign;
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){"notes.txt", "exists", "--force"});
    job.options.export_masks = place.data;
    job.options.force = true;
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){place.data, "may be replaced", NULL});
    job.options.export_masks = place.out;
    assert_refused(&place, &job, ASC_USAGE, (run_words){"--export-masks", "same file", NULL});
}

static void options_that_do_not_belong_are_refused(void **state)
{
    (void)state;
    asc_explain_job job = run_job(&place, RUN_BERT);
    asc_explain_options *options = &job.options;
    const asc_explain_options usual = job.options;
#define REFUSED(first, second, change) \
    (*options = usual, change, assert_refused(&place, &job, ASC_USAGE, (run_words){first, second, NULL}))
    REFUSED("--l1-reg", "estimator shap", options->l1_reg = "num_features:4");
    REFUSED("--l1-reg", "'num_features:0'", (options->estimator = "shap", options->l1_reg = "num_features:0"));
    REFUSED("--l1-reg", "'num_features:4x'", (options->estimator = "shap", options->l1_reg = "num_features:4x"));
    REFUSED("--lime-selection", "'magic'", options->lime_selection = "magic");
    REFUSED("--lime-selection", "method lime", options->lime_selection = "none");
    REFUSED("--lime-features", "0", options->lime_features = 0);
    REFUSED("--masks", "permutation", (options->estimator = "permutation", options->masks = "m.h5", options->budget = "auto"));
    REFUSED("--masks", "--budget", (options->estimator = "shap", options->masks = "m.h5"));
    REFUSED("--export-masks", "wls", (options->estimator = "wls", options->export_masks = "m.h5"));
    REFUSED("--estimator", "lime", (options->method = "lime", options->estimator = "wls"));
    REFUSED("--budget", "4194304", (options->estimator = "shap", options->budget = "5000000"));
#undef REFUSED
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_come_back_to_the_same_bits),
        cmocka_unit_test(a_complete_run_exports_too),
        cmocka_unit_test(forks_come_before_threads),
        cmocka_unit_test(lime_stores_its_fit),
        cmocka_unit_test(permutation_spends_whole_walks),
        cmocka_unit_test(bad_mask_files_are_refused),
        cmocka_unit_test(broken_indexes_are_refused),
        cmocka_unit_test(rows_without_an_answer_need_no_masks),
        cmocka_unit_test(another_mask_file_than_expected_is_refused),
        cmocka_unit_test(a_file_that_was_replaced_has_no_hash),
        cmocka_unit_test(foreign_files_are_kept),
        cmocka_unit_test(options_that_do_not_belong_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
