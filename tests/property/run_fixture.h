// What the tests of asc_explain share: a folder with a model, a dataset and a place for results, runs in this
// process and in a child, and the comparison of whole result files. Include after cmocka.h: failures here
// fail the test.
#ifndef ASCRIBE_TEST_RUN_FIXTURE_H
#define ASCRIBE_TEST_RUN_FIXTURE_H

#include <ascribe/explain.h>
#include <ascribe/model.h>
#include <ascribe/result.h>

#include "../unit/temp_folder.h"
#include "run_dataset.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define RUN_BERT ASCRIBE_DATA_DIR "/golden/models/bert-f32"
#define RUN_MINILM ASCRIBE_DATA_DIR "/golden/models/minilm-like"

// Everything lives in one folder; results go to a folder of their own, so that leftovers can be counted.
typedef struct run_place {
    char folder[TEMP_PATH_SIZE];
    char data[TEMP_PATH_SIZE];
    char out_folder[TEMP_PATH_SIZE];
    char out[TEMP_PATH_SIZE];
    char parts[TEMP_PATH_SIZE]; // OUT.parts
} run_place;

static inline void run_place_in(run_place *p, const char *out_folder)
{
    snprintf(p->out_folder, sizeof p->out_folder, "%s", out_folder);
    temp_folder_join(p->out_folder, "out.h5", p->out);
    temp_folder_join(p->out_folder, "out.h5.parts", p->parts);
}

static inline void run_place_make(run_place *p)
{
    char out_folder[TEMP_PATH_SIZE];
    temp_folder_make(p->folder);
    temp_folder_join(p->folder, "data.h5", p->data);
    temp_folder_join(p->folder, "results", out_folder);
    assert_int_equal(mkdir(out_folder, 0777), 0);
    run_place_in(p, out_folder);
}

// Wherever they lead, the names in a test are valid until the next call for the same slot.
static inline const char *run_path(const char *folder, const char *name)
{
    static char paths[8][TEMP_PATH_SIZE];
    static size_t next;
    char *path = paths[next++ % 8];
    temp_folder_join(folder, name, path);
    return path;
}

// Quick to compute and everything in it: 32 evaluations a row at most, two workers.
static inline asc_explain_job run_job(const run_place *p, const char *model)
{
    asc_explain_job job = {
        .model_path = model,
        .dataset_path = p->data,
        .out_path = p->out,
        .command = "test",
        .options = asc_explain_options_default(),
    };
    job.options.budget = "32";
    job.options.seed = 7;
    job.options.n_workers = 2;
    return job;
}

// Finished parts in the folder.
static inline size_t run_count_parts(const run_place *p)
{
    size_t n_parts = 0;
    DIR *folder = opendir(p->parts);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        const size_t length = strlen(entry->d_name);
        n_parts += length > 5 && strcmp(entry->d_name + length - 5, ".part") == 0;
    }
    closedir(folder);
    return n_parts;
}

static inline bool run_exists(const char *path)
{
    struct stat facts;
    return lstat(path, &facts) == 0;
}

// Explains, verifies the result and finds nothing but it. *summary may be NULL.
static inline void run_well(const asc_explain_job *job, asc_explain_summary *summary)
{
    asc_explain_summary unused;
    asc_verify_report report;
    asc_error err = {0};
    if (asc_explain(job, summary ? summary : &unused, &err) != ASC_OK)
        fail_msg("%s: %s (%s)", job->out_path, err.message, err.hint);
    if (asc_result_verify(job->out_path, &report, &err) != ASC_OK)
        fail_msg("%s", err.message);
}

// Both must occur in the message; `hint` in the hint, or NULL: there must be none.
typedef struct run_words {
    const char *first, *second, *hint;
} run_words;

static inline void assert_error(const asc_error *err, asc_status found, asc_status expected, run_words words)
{
    if (found != expected)
        fail_msg("status %d instead of %d: %s", (int)found, (int)expected, found ? err->message : "accepted");
    assert_int_equal(err->status, expected);
    if (!strstr(err->message, words.first) || (words.second && !strstr(err->message, words.second)))
        fail_msg("'%s' or '%s' is missing in: %s", words.first, words.second ? words.second : "",
                 err->message);
    if (words.hint ? !strstr(err->hint, words.hint) : err->hint[0] != '\0')
        fail_msg("the hint should hold '%s': %s", words.hint ? words.hint : "nothing", err->hint);
}

// The run must fail so, and leave the folder of the results as it was.
static inline void assert_refused(const run_place *p, const asc_explain_job *job, asc_status expected,
                                  run_words words)
{
    asc_explain_summary summary;
    asc_error err = {0};
    const size_t n_entries = temp_folder_count(p->out_folder);
    assert_error(&err, asc_explain(job, &summary, &err), expected, words);
    assert_int_equal(temp_folder_count(p->out_folder), n_entries);
}

// ---- Runs in a child --------------------------------------------------------------------------------------

typedef struct run_outcome {
    asc_status status;
    asc_explain_summary summary;
    asc_error err;
    int exit_facts;        // as wait4 gives them
    long max_resident_kib; // of the child and its children
} run_outcome;

// Forks, calls `prepare(job)` there (NULL: nothing), runs the job and brings back what became of it.
static inline run_outcome run_in_child(const asc_explain_job *job, void (*prepare)(asc_explain_job *job))
{
    run_outcome *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        asc_explain_job own = *job;
        if (prepare)
            prepare(&own);
        shared->status = asc_explain(&own, &shared->summary, &shared->err);
        _exit(0);
    }
    struct rusage usage;
    int exit_facts = 0;
    assert_int_equal(wait4(child, &exit_facts, 0, &usage), child);
    run_outcome found = *shared;
    munmap(shared, sizeof *shared);
    found.exit_facts = exit_facts;
    found.max_resident_kib = usage.ru_maxrss;
    return found;
}

// ---- Comparing --------------------------------------------------------------------------------------------

// Reads a whole HDF5 dataset in its own type; the caller frees *bytes.
static inline size_t run_read_set(hid_t file, const char *name, char **bytes)
{
    const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    fixture_check(set);
    const hid_t space = H5Dget_space(set), type = H5Dget_type(set);
    const size_t size = (size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type);
    *bytes = fixture_memory(size + 1, 1);
    if (size > 0)
        fixture_check(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *bytes));
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(set);
    return size;
}

static inline void run_read_attribute(hid_t file, const char *name, char *text, size_t size)
{
    const hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
    fixture_check(attribute);
    const hid_t type = H5Aget_type(attribute);
    assert_true(H5Tget_size(type) < size);
    memset(text, 0, size);
    fixture_check(H5Aread(attribute, type, text));
    H5Tclose(type);
    H5Aclose(attribute);
}

typedef struct run_comparison {
    hid_t other;
    size_t n_sets;
} run_comparison;

static inline herr_t run_compare_set(hid_t file, const char *name, const H5L_info_t *link, void *data)
{
    run_comparison *c = data;
    char *left = NULL, *right = NULL;
    (void)link;
    const hid_t object = H5Oopen(file, name, H5P_DEFAULT);
    const bool is_set = H5Iget_type(object) == H5I_DATASET;
    H5Oclose(object);
    if (!is_set)
        return 0;
    if (H5Oexists_by_name(c->other, name, H5P_DEFAULT) <= 0)
        fail_msg("only one of the results has '%s'", name);
    const size_t size = run_read_set(file, name, &left);
    if (run_read_set(c->other, name, &right) != size || memcmp(left, right, size) != 0)
        fail_msg("the results differ in '%s'", name);
    free(right);
    free(left);
    c->n_sets++;
    return 0;
}

// Every dataset and every attribute but `run`, bit for bit.
static inline void assert_same_result(const char *left_path, const char *right_path)
{
    static const char *const names[] = {"manifest", "manifest_hash", "digest",      "method",    "estimator",
                                        "output",   "policy",        "granularity", "created_by"};
    const hid_t left = H5Fopen(left_path, H5F_ACC_RDONLY, H5P_DEFAULT);
    const hid_t right = H5Fopen(right_path, H5F_ACC_RDONLY, H5P_DEFAULT);
    fixture_check(left);
    fixture_check(right);
    run_comparison forth = {right, 0}, back = {left, 0};
    H5Lvisit(left, H5_INDEX_NAME, H5_ITER_INC, run_compare_set, &forth);
    H5Lvisit(right, H5_INDEX_NAME, H5_ITER_INC, run_compare_set, &back);
    assert_true(forth.n_sets > 12 && forth.n_sets == back.n_sets);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char expected[8192], found[8192];
        run_read_attribute(left, names[i], expected, sizeof expected);
        run_read_attribute(right, names[i], found, sizeof found);
        assert_string_equal(found, expected);
    }
    H5Fclose(right);
    H5Fclose(left);
}

// ---- Results in memory ------------------------------------------------------------------------------------

// A whole result file; close with run_result_close.
typedef struct run_result {
    asc_result *file;
    const asc_result_info *info;
    asc_result_rows *rows;
} run_result;

static inline run_result run_result_open(const char *path)
{
    run_result r;
    asc_error err = {0};
    if (asc_result_open(path, &r.file, &err) != ASC_OK)
        fail_msg("%s", err.message);
    r.info = asc_result_describe(r.file);
    if (asc_result_read(r.file, 0, r.info->n_rows, &r.rows, &err) != ASC_OK)
        fail_msg("%s", err.message);
    return r;
}

static inline void run_result_close(run_result *r)
{
    asc_result_rows_free(r->rows);
    asc_result_close(r->file);
}

static inline size_t run_result_features(const run_result *r, size_t row)
{
    return (size_t)(r->rows->feature_offsets[row + 1] - r->rows->feature_offsets[row]);
}

// The attribution of one feature of one row for target k.
static inline float run_result_value(const run_result *r, size_t row, size_t feature, size_t k)
{
    return r->rows->values[((size_t)r->rows->feature_offsets[row] + feature) * r->info->n_targets + k];
}

// Row i of `left` must be row `first + i` of `right`, to the bit, for all rows of `left`.
static inline void assert_same_rows(const run_result *left, const run_result *right, size_t first)
{
    const asc_result_rows *l = left->rows, *r = right->rows;
    const size_t n = left->info->n_rows, n_targets = left->info->n_targets, n_classes = left->info->n_classes;
    const size_t skipped = (size_t)r->feature_offsets[first], n_values = left->info->n_values * n_targets;
    assert_true(first + n <= right->info->n_rows);
    assert_memory_equal(l->id, r->id + first, n * sizeof *l->id);
    assert_memory_equal(l->position, r->position + first, n * sizeof *l->position);
    assert_memory_equal(l->evaluations, r->evaluations + first, n * sizeof *l->evaluations);
    assert_memory_equal(l->status, r->status + first, n * sizeof *l->status);
    assert_memory_equal(l->values, r->values + skipped * n_targets, n_values * sizeof *l->values);
    assert_memory_equal(l->std_errors, r->std_errors + skipped * n_targets, n_values * sizeof *l->values);
    assert_memory_equal(l->base_values, r->base_values + first * n_targets,
                        n * n_targets * sizeof *l->base_values);
    assert_memory_equal(l->outputs, r->outputs + first * n_targets, n * n_targets * sizeof *l->outputs);
    assert_memory_equal(l->targets, r->targets + first * n_targets, n * n_targets * sizeof *l->targets);
    assert_memory_equal(l->scores, r->scores + first * n_classes, n * n_classes * sizeof *l->scores);
}

#endif
