// asc_explain on bad input: the right status, a message that names the thing, what was expected and what was
// found, and nothing left beside OUT. Bad rows are reported in their status and never end a run.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_fixture.h"

#include <fcntl.h>
#include <math.h>
#include <sys/file.h>
#include <unistd.h>

enum { N_ROWS = 12 };

static run_place place;

static void usual_row(size_t row, run_row *out) { run_row_usual(row, row % 6, out); }

static void write_dataset(run_plan plan)
{
    plan.n_rows = plan.n_rows ? plan.n_rows : N_ROWS;
    plan.make_row = plan.make_row ? plan.make_row : usual_row;
    run_dataset_write(place.data, &plan);
}

static int set_up(void **state)
{
    (void)state;
    run_place_make(&place);
    write_dataset((run_plan){0});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(place.folder);
    return 0;
}

// ---- Datasets ---------------------------------------------------------------------------------------------

static void no_rows(size_t row, run_row *out)
{
    (void)row;
    (void)out;
    abort();
}

static void files_that_are_no_dataset(void **state)
{
    (void)state;
    asc_explain_job job = run_job(&place, RUN_BERT);
    unlink(place.data);
    assert_refused(&place, &job, ASC_NOT_FOUND, (run_words){place.data, "cannot be opened", NULL});

    temp_file_write(place.data, "text,label\n", 11);
    assert_refused(&place, &job, ASC_MALFORMED, (run_words){place.data, "expected an HDF5 file", NULL});

    temp_file_write(place.data, "\211HDF\r\n\032\n damaged", 16);
    assert_refused(&place, &job, ASC_MALFORMED, (run_words){place.data, "damaged", NULL});

    run_dataset_write(place.data, &(run_plan){.n_rows = 0, .make_row = no_rows});
    assert_refused(&place, &job, ASC_MALFORMED,
                   (run_words){place.data, "expected at least one row, found 0", NULL});

    job.dataset_path = place.folder;
    assert_refused(&place, &job, ASC_NOT_FOUND,
                   (run_words){place.folder, "expected a file, found a folder", NULL});
}

static void a_result_is_no_dataset(void **state)
{
    (void)state;
    asc_explain_job job = run_job(&place, RUN_BERT);
    run_well(&job, NULL);
    job.dataset_path = place.out;
    job.out_path = run_path(place.out_folder, "second.h5");
    assert_refused(&place, &job, ASC_MALFORMED, (run_words){"ascribe-dataset", "ascribe-result", "this is a result"});
}

static void features_at_the_first_token(size_t row, run_row *out)
{
    usual_row(row, out);
    if (row == 8) {
        out->token_features[0] = 0;
        out->n_features = out->n_features ? out->n_features : 1;
    }
}

static void rows_must_begin_with_a_fixed_token(void **state)
{
    (void)state;
    asc_explain_summary summary;
    asc_explain_job job = run_job(&place, RUN_BERT);
    write_dataset((run_plan){.make_row = features_at_the_first_token});
    run_well(&job, &summary);
    assert_int_equal(summary.n_unexplained, 1);
    run_result r = run_result_open(place.out);
    for (size_t row = 0; row < N_ROWS; row++)
        assert_int_equal((r.rows->status[row] & ASC_ROW_NO_FIXED_TOKEN) != 0, row == 8);
    assert_string_equal(asc_row_status_name(ASC_ROW_NO_FIXED_TOKEN), "no_fixed_token");
    run_result_close(&r);
}

static void label_of_every_third(size_t row, run_row *out)
{
    usual_row(row, out);
    out->label = row % 3 ? (int32_t)(row % 2) : -1;
}

static void label_targets_need_a_label(void **state)
{
    (void)state;
    asc_explain_summary summary;
    asc_explain_job job = run_job(&place, RUN_BERT);
    write_dataset((run_plan){.make_row = label_of_every_third});
    job.options.target = "label";
    run_well(&job, &summary);
    assert_int_equal(summary.n_unexplained, N_ROWS / 3);
    run_result r = run_result_open(place.out);
    for (size_t row = 0; row < N_ROWS; row++) {
        assert_int_equal((r.rows->status[row] & ASC_ROW_NO_LABEL) != 0, row % 3 == 0);
        assert_int_equal(isnan(r.rows->outputs[row]) != 0, row % 3 == 0);
    }
    assert_string_equal(asc_row_status_name(ASC_ROW_NO_LABEL), "no_label");
    run_result_close(&r);
}

// ---- Tokenizers -------------------------------------------------------------------------------------------

static void copy_model(const char *from, const char *to)
{
    static const char *const files[] = {"config.json", "model.safetensors"};
    assert_int_equal(mkdir(to, 0777), 0);
    for (size_t i = 0; i < 2; i++) {
        size_t size;
        uint8_t *bytes = temp_file_read(run_path(from, files[i]), &size);
        temp_file_write(run_path(to, files[i]), bytes, size);
        free(bytes);
    }
}

static void large_id(size_t row, run_row *out)
{
    usual_row(row, out);
    if (row % 6 == 5)
        out->tokens[2] = 101; // bert-f32 knows 0..100
}

static void datasets_of_another_tokenizer(void **state)
{
    (void)state;
    char model[TEMP_PATH_SIZE], sha[65];
    asc_error err = {0};
    asc_explain_summary summary;
    asc_model *opened = NULL;
    temp_folder_join(place.folder, "model", model);
    copy_model(RUN_BERT, model);
    temp_file_write(run_path(model, "tokenizer.json"), "{}", 2);
    assert_int_equal(asc_model_open(model, NULL, &opened, &err), ASC_OK);
    snprintf(sha, sizeof sha, "%s", asc_model_describe(opened)->tokenizer_sha256);
    asc_model_close(opened);
    assert_int_equal(strlen(sha), 64);

    asc_explain_job job = run_job(&place, model);
    write_dataset((run_plan){.tokenizer_sha = sha});
    run_well(&job, NULL);
    unlink(place.out);

    sha[0] = sha[0] == 'f' ? '0' : 'f';
    write_dataset((run_plan){.tokenizer_sha = sha});
    assert_refused(
        &place, &job, ASC_MALFORMED,
        (run_words){"another tokenizer: SHA-256 ", "tokenizer.json has ", "prepare the dataset again"});
    job.model_path = RUN_BERT; // has no tokenizer.json: there is nothing to compare
    run_well(&job, NULL);
    unlink(place.out);

    write_dataset((run_plan){.vocab_size = 102, .make_row = large_id});
    assert_refused(
        &place, &job, ASC_MALFORMED,
        (run_words){"a tokenizer of 102 tokens", "vocabulary has 101", "--allow-tokenizer-mismatch"});
    job.options.allow_tokenizer_mismatch = true;
    run_well(&job, &summary);
    assert_int_equal(summary.n_rows_with_status[4], 2);
    assert_int_equal(summary.n_unexplained, 2);
    run_result r = run_result_open(place.out);
    for (size_t row = 0; row < N_ROWS; row++) {
        assert_int_equal(r.rows->status[row] & ASC_ROW_BAD_TOKEN_ID, row % 6 == 5 ? ASC_ROW_BAD_TOKEN_ID : 0);
        assert_int_equal(isnan(r.rows->outputs[3 * row]) != 0, row % 6 == 5);
    }
    run_result_close(&r);
}

// ---- Models -----------------------------------------------------------------------------------------------

static void models_that_cannot_be_used(void **state)
{
    (void)state;
    char model[TEMP_PATH_SIZE];
    size_t size;
    const float nan_value = NAN;
    asc_explain_job job = run_job(&place, "/nowhere/at/all");
    assert_refused(&place, &job, ASC_NOT_FOUND,
                   (run_words){"/nowhere/at/all", "config.json", "--model takes a folder"});

    temp_folder_join(place.folder, "model", model);
    copy_model(RUN_BERT, model);
    const char *weights = run_path(model, "model.safetensors");
    uint8_t *bytes = temp_file_read(weights, &size);
    memcpy(bytes + size - sizeof nan_value, &nan_value, sizeof nan_value);
    temp_file_write(weights, bytes, size);
    free(bytes);
    job.model_path = model;
    assert_refused(&place, &job, ASC_MALFORMED,
                   (run_words){"classifier.weight", "not finite (nan", "training diverged"});
}

// ---- Options ----------------------------------------------------------------------------------------------

static void refuse_option(void (*change)(asc_explain_options *), run_words words)
{
    asc_explain_job job = run_job(&place, RUN_BERT);
    change(&job.options);
    assert_refused(&place, &job, ASC_USAGE, words);
}

static void wrong_method(asc_explain_options *o) { o->method = "magic"; }
static void wrong_estimator(asc_explain_options *o) { o->estimator = "Exact"; }
static void estimator_of_another_method(asc_explain_options *o)
{
    o->method = "occlusion";
    o->estimator = "wls";
}
static void estimator_against_method(asc_explain_options *o)
{
    o->method = "kernelshap";
    o->estimator = "exact";
}
static void wrong_policy(asc_explain_options *o) { o->policy = "drop"; }
static void policy_beyond_the_vocabulary(asc_explain_options *o) { o->policy = "id:101"; }
static void wrong_output(asc_explain_options *o) { o->output = "loss"; }
static void wrong_backend(asc_explain_options *o) { o->backend = "tpu"; }
static void wrong_target(asc_explain_options *o) { o->target = "positive,happy"; }
static void index_too_large(asc_explain_options *o) { o->target = "3"; }
static void no_target(asc_explain_options *o) { o->target = ""; }
static void wrong_budget(asc_explain_options *o) { o->budget = "many"; }
static void no_budget(asc_explain_options *o) { o->budget = "0"; }
static void exact_limit_too_large(asc_explain_options *o) { o->exact_limit = 21; }
static void exact_limit_too_small(asc_explain_options *o) { o->exact_limit = 0; }
static void too_many_workers(asc_explain_options *o) { o->n_workers = 1025; }
static void fewer_workers_than_none(asc_explain_options *o) { o->n_workers = -1; }
static void rows_before_the_first(asc_explain_options *o) { o->first_row = -1; }
static void rows_after_the_last(asc_explain_options *o) { o->first_row = N_ROWS; }
static void no_rows_at_all(asc_explain_options *o) { o->n_rows = 0; }
static void steps_beyond_memory(asc_explain_options *o) { o->step_tokens = SIZE_MAX; }
static void parts_beyond_counting(asc_explain_options *o) { o->rows_per_part = SIZE_MAX; }

static void options_that_make_no_sense(void **state)
{
    (void)state;
    refuse_option(wrong_method, (run_words){"--method 'magic'", "shapley, kernelshap, occlusion, lime", NULL});
    refuse_option(wrong_estimator, (run_words){"--estimator 'Exact'", "auto, exact, wls", NULL});
    refuse_option(estimator_of_another_method, (run_words){"--estimator 'wls'", "occlusion", NULL});
    refuse_option(estimator_against_method, (run_words){"kernelshap means estimator wls", "exact", NULL});
    refuse_option(wrong_policy, (run_words){"--policy 'drop'", "remove, delete, mask, pad, unk or id:N", NULL});
    refuse_option(policy_beyond_the_vocabulary, (run_words){"--policy id:101", "101 tokens", NULL});
    refuse_option(wrong_output, (run_words){"--output 'loss'", "logit, probability or logodds", NULL});
    refuse_option(wrong_backend, (run_words){"--backend 'tpu'", "auto, cpu, cuda or ref", NULL});
    refuse_option(wrong_target,
                  (run_words){"'happy'", "none of the model's 3 classes", "lists the class names"});
    refuse_option(index_too_large,
                  (run_words){"'3'", "none of the model's 3 classes", "lists the class names"});
    refuse_option(no_target, (run_words){"--target is empty", "expected auto", NULL});
    refuse_option(wrong_budget, (run_words){"--budget 'many'", "16n", NULL});
    refuse_option(no_budget, (run_words){"--budget '0'", "a number", NULL});
    refuse_option(exact_limit_too_large, (run_words){"--exact-limit is 21", "1..20", NULL});
    refuse_option(exact_limit_too_small, (run_words){"--exact-limit is 0", "1..20", NULL});
    refuse_option(too_many_workers, (run_words){"--workers is 1025", "1024", NULL});
    refuse_option(fewer_workers_than_none, (run_words){"--workers is -1", "1024", NULL});
    refuse_option(rows_before_the_first, (run_words){"-1", "at least 0", NULL});
    refuse_option(rows_after_the_last, (run_words){"row 12", "rows 0..11", NULL});
    refuse_option(no_rows_at_all, (run_words){"no rows", "rows 0..11", NULL});
    refuse_option(steps_beyond_memory, (run_words){"--step-tokens", "expected", NULL});
    refuse_option(parts_beyond_counting, (run_words){"--rows-per-part", "expected", NULL});
}

static void texts_that_are_missing(void **state)
{
    (void)state;
    const asc_explain_job good = run_job(&place, RUN_BERT);
    asc_explain_job job = good;
#define REFUSED(member) (job = good, job.member = NULL, assert_refused(&place, &job, ASC_USAGE, (run_words){#member, "is NULL", NULL}))
    REFUSED(model_path);
    REFUSED(dataset_path);
    REFUSED(out_path);
    REFUSED(options.method);
    REFUSED(options.estimator);
    REFUSED(options.policy);
    REFUSED(options.output);
    REFUSED(options.target);
    REFUSED(options.budget);
    REFUSED(options.l1_reg);
    REFUSED(options.lime_selection);
    REFUSED(options.backend);
#undef REFUSED
}

// A result holds 65,000 bytes of UTF-8 in one text: a command that is more, or else, is cut and spelled out, never an error at the end.
static void a_command_beyond_a_result(void **state)
{
    (void)state;
    enum { SIZE = 200000 };
    char *text = malloc(SIZE + 1);
    asc_explain_job job = run_job(&place, RUN_BERT);
    memset(text, '\1', SIZE);
    memcpy(text, "odd \xff\xc3\xa9", 7);
    text[SIZE] = '\0';
    job.command = text;
    run_well(&job, NULL);
    run_result r = run_result_open(place.out);
    assert_non_null(strstr(r.info->run, "\"odd \\\\xff\xc3\xa9"));
    assert_non_null(strstr(r.info->run, "u0001...\""));
    run_result_close(&r);
    free(text);
}

static void a_backend_that_is_not_there(void **state)
{
    (void)state;
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.backend = "cuda";
    assert_refused(&place, &job, ASC_NO_DEVICE, (run_words){"--backend cuda", NULL, "--backend cpu"});
}

static void options_that_the_dataset_cannot_serve(void **state)
{
    (void)state;
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.policy = "mask";
    write_dataset((run_plan){.mask_token_id = -1});
    assert_refused(&place, &job, ASC_USAGE, (run_words){"--policy mask", "no mask token", NULL});
    write_dataset((run_plan){.mask_token_id = 101});
    assert_refused(&place, &job, ASC_USAGE, (run_words){"--policy mask", "id 101, vocabulary 101", NULL});

    job.options.policy = "remove";
    job.options.target = "label";
    write_dataset((run_plan){.bare = true});
    assert_refused(&place, &job, ASC_USAGE, (run_words){"--target label", "no labels", NULL});
    write_dataset((run_plan){.label_names = "happy\0\0\0sad\0\0\0\0\0"});
    assert_refused(&place, &job, ASC_USAGE, (run_words){"--target label", "not the model's 3 classes", NULL});
}

// ---- Rows -------------------------------------------------------------------------------------------------

static void edge_row(size_t row, run_row *out)
{
    static const size_t sizes[] = {0, 1, 60, 5}; // 60 features make 82 tokens; the model has 64 positions
    run_row_usual(row, sizes[row % 4], out);
}

static void edge_rows_are_reported(void **state)
{
    (void)state;
    asc_explain_summary summary;
    asc_explain_job job = run_job(&place, RUN_BERT);
    write_dataset((run_plan){.make_row = edge_row});
    run_well(&job, &summary);
    assert_int_equal(summary.n_rows_with_status[0], 3);
    assert_int_equal(summary.n_rows_with_status[1], 3);
    assert_int_equal(summary.n_rows_with_status[3], 3);
    assert_int_equal(summary.n_unexplained, 3);
    run_result r = run_result_open(place.out);
    for (size_t row = 0; row < N_ROWS; row += 4) {
        const float *outputs = r.rows->outputs + 3 * row, *bases = r.rows->base_values + 3 * row;
        assert_int_equal(r.rows->status[row], ASC_ROW_NO_FEATURES);
        assert_true(outputs[1] == bases[1]);
        assert_int_equal(r.rows->status[row + 1], ASC_ROW_ONE_FEATURE);
        assert_true(fabsf(run_result_value(&r, row + 1, 0, 1) - (outputs[4] - bases[4])) < 1e-5f);
        assert_int_equal(r.rows->status[row + 2], ASC_ROW_TOO_LONG);
        assert_true(isnan(run_result_value(&r, row + 2, 0, 1)) && isnan(r.rows->scores[3 * (row + 2)]));
        assert_int_equal(r.rows->evaluations[row + 2], 0);
        assert_int_equal(r.rows->status[row + 3], 0);
    }
    run_result_close(&r);
}

static void bad_row(size_t row, run_row *out)
{
    run_row_usual(row, row % 2 ? 60 : 3, out);
    if (row % 2 == 0)
        out->tokens[1] = 1000;
}

static void a_run_of_bad_rows_completes(void **state)
{
    (void)state;
    asc_explain_summary summary;
    asc_explain_job job = run_job(&place, RUN_BERT);
    write_dataset((run_plan){.make_row = bad_row});
    job.options.rows_per_part = 5;
    run_well(&job, &summary);
    assert_int_equal(summary.n_rows, N_ROWS);
    assert_int_equal(summary.n_unexplained, N_ROWS);
    assert_int_equal(summary.n_rows_with_status[3], N_ROWS / 2);
    assert_int_equal(summary.n_rows_with_status[4], N_ROWS / 2);
    assert_int_equal(summary.n_labelled, 0);
    assert_int_equal(summary.evaluations, 0);
    assert_true(summary.max_residual == 0);
}

// ---- Where the result goes --------------------------------------------------------------------------------

static void an_existing_file_is_not_replaced(void **state)
{
    (void)state;
    asc_explain_job job = run_job(&place, RUN_BERT);
    temp_file_write(place.out, "precious", 8);
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){place.out, "not a result", "--force"});
    job.options.force = true;
    run_well(&job, NULL);
    assert_int_equal(temp_folder_count(place.out_folder), 1);
    job.options.force = false;
    job.options.seed++;
    assert_refused(&place, &job, ASC_CANNOT_CREATE,
                   (run_words){place.out, "another configuration: seed: it has 7, this command asks for 8", "--force"});
    unlink(place.out);
    assert_int_equal(symlink("nowhere", place.out), 0);
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){place.out, "exists", "--force"});
}

// The same manifest, but --no-text asks for another file; and a damaged result says what is wrong with it.
static void a_complete_result_must_be_what_was_asked_for(void **state)
{
    (void)state;
    asc_explain_summary summary;
    asc_explain_job job = run_job(&place, RUN_BERT);
    run_well(&job, NULL);
    job.options.keep_text = false;
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){place.out, "with the texts", "--force"});
    job.options.force = true;
    run_well(&job, NULL);
    job.options.force = false;
    run_well(&job, &summary);
    assert_true(summary.already_complete);
    job.options.keep_text = true;
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){place.out, "without the texts", "--force"});
    assert_int_equal(truncate(place.out, 3000), 0);
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){"not a result of ascribe", "damaged HDF5 file", "--force"});
}

static void another_run_is_at_work(void **state)
{
    (void)state;
    asc_explain_job job = run_job(&place, RUN_BERT);
    assert_int_equal(mkdir(place.parts, 0777), 0);
    const int held = open(place.parts, O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(held, LOCK_EX), 0);
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){place.parts, "another run", "wait for that run"});
    assert_true(run_exists(place.parts));
    close(held);
    run_well(&job, NULL);
    assert_int_equal(temp_folder_count(place.out_folder), 1);
}

static void interfere(void *user, const asc_progress *now)
{
    const bool replaces_dataset = user != NULL;
    if (strcmp(now->phase, "merging") != 0)
        return;
    if (replaces_dataset) {
        unlink(place.data);
        write_dataset((run_plan){.mask_token_id = 50});
    } else {
        temp_file_write(place.out, "precious", 8);
    }
}

static void what_changes_during_the_run(void **state)
{
    (void)state;
    asc_explain_summary summary;
    asc_error err = {0};
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.progress = interfere;
    asc_status status = asc_explain(&job, &summary, &err);
    assert_error(&err, status, ASC_CANNOT_CREATE, (run_words){place.out, "appeared while the run", "the parts are kept"});
    size_t size;
    free(temp_file_read(place.out, &size));
    assert_int_equal(size, 8);
    assert_int_equal(run_count_parts(&place), 1);
    unlink(place.out);
    job.progress_user = &job;
    status = asc_explain(&job, &summary, &err);
    assert_error(&err, status, ASC_DIFFERENT_RUN, (run_words){place.data, "has changed since", "put the dataset back"});
    assert_false(run_exists(place.out));
}

static void not_even_force_replaces_what_is_no_file(void **state)
{
    (void)state;
    asc_explain_job job = run_job(&place, RUN_BERT);
    assert_int_equal(mkdir(place.out, 0777), 0);
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){place.out, "a folder", "another --out"});
    job.options.force = true;
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){place.out, "a folder", "another --out"});
    rmdir(place.out);
    assert_int_equal(mkfifo(place.out, 0666), 0);
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){place.out, "not a file", "another --out"});
    unlink(place.out);

    // The run reads its dataset to the end: it can never be the place of the result.
    size_t before, after;
    free(temp_file_read(place.data, &before));
    job.out_path = place.data;
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){place.data, "the dataset", "another --out"});
    assert_int_equal(link(place.data, place.out), 0);
    job.out_path = place.out;
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){place.out, "the dataset", "another --out"});
    free(temp_file_read(place.data, &after));
    assert_int_equal(after, before);
    assert_false(run_exists(run_path(place.folder, "data.h5.parts")));
}

static void folders_that_cannot_be_written(void **state)
{
    (void)state;
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.out_path = run_path(place.out_folder, "missing/out.h5");
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){"missing/out.h5", "No such file", NULL});
    job.out_path = run_path(place.data, "out.h5"); // beneath a file
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){job.out_path, "Not a directory", NULL});
    job.out_path = "/proc/ascribe-test.h5"; // read-only even for root
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){"/proc/ascribe-test.h5", "folder", NULL});
    job.out_path = place.out;
    temp_file_write(place.parts, "", 0);
    assert_refused(&place, &job, ASC_CANNOT_CREATE,
                   (run_words){place.parts, "the folder cannot be made", NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_that_are_no_dataset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_result_is_no_dataset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_must_begin_with_a_fixed_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(label_targets_need_a_label, set_up, tear_down),
        cmocka_unit_test_setup_teardown(datasets_of_another_tokenizer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(models_that_cannot_be_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(options_that_make_no_sense, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_that_are_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_command_beyond_a_result, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_backend_that_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(options_that_the_dataset_cannot_serve, set_up, tear_down),
        cmocka_unit_test_setup_teardown(edge_rows_are_reported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_of_bad_rows_completes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_existing_file_is_not_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_complete_result_must_be_what_was_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_run_is_at_work, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_changes_during_the_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_even_force_replaces_what_is_no_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folders_that_cannot_be_written, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
