// A made-up run for tests: a dataset, the parts of rows 20 to 121 of it, and the job that merges them.
// Include after cmocka.h: failures here fail the test.
#ifndef ASCRIBE_TESTS_RESULT_FIXTURE_H
#define ASCRIBE_TESTS_RESULT_FIXTURE_H

#include <ascribe/result.h>

#include "dataset_fixture.h"
#include "temp_folder.h"

#include <sys/stat.h>

enum {
    N_ROWS = 150,
    FIRST = 20,
    N_CHOSEN = 101,
    ROWS_PER_PART = 30,
    N_PARTS = 4,
    K = 2,
    C = 3,
    MOST_FEATURES = 4
};

static char folder[TEMP_PATH_SIZE], data_path[TEMP_PATH_SIZE], parts[TEMP_PATH_SIZE],
    out_folder[TEMP_PATH_SIZE], out[TEMP_PATH_SIZE];
static dataset_arrays data;
static const char *const class_names[C] = {"negative", "neutral", "pos\xc3\xadtive"};

static inline merge_job make_job(void)
{
    merge_job job = {
        .parts_folder = parts,
        .n_parts = N_PARTS,
        .dataset_path = data_path,
        .first_position = FIRST,
        .n_rows = N_CHOSEN,
        .n_targets = K,
        .n_classes = C,
        .class_names = class_names,
        .manifest = "{\"seed\": 7}",
        .run = "{\"device\": \"none\"}",
        .method = "shapley",
        .estimator = "wls",
        .output = "logit",
        .policy = "remove",
        .granularity = "word",
        .keep_text = true,
        .out_path = out,
    };
    memset(job.manifest_hash, 0xab, HASH_BYTES);
    assert_int_equal(hash_file(data_path, job.dataset_sha256, NULL), ASC_OK);
    return job;
}

// The results of one made-up row, with room for its arrays.
typedef struct made_row {
    float values[MOST_FEATURES * K], std_errors[MOST_FEATURES * K];
    float base_values[K], outputs[K], residuals[K];
    int32_t targets[K];
    float scores[C];
    part_row row;
} made_row;

static inline float nan_with(uint32_t payload)
{
    const uint32_t bits = 0x7fc00000u | payload;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// Every 11th row was not explained, every 13th has no standard errors; the NaNs carry payloads.
static inline void make_row(made_row *made, size_t position)
{
    const size_t n_features = fixture_features(position);
    const bool explained = position % 11 != 0;
    const bool with_errors = position % 13 != 0;
    memset(made, 0, sizeof *made);
    for (size_t k = 0; k < K; k++) {
        float sum = 0;
        for (size_t f = 0; f < n_features; f++) {
            const float value = (float)(position + 1) / 8 * (float)(f + 1) - (float)k;
            sum += value;
            made->values[f * K + k] = explained ? value : nan_with((uint32_t)position);
            made->std_errors[f * K + k] = explained && with_errors ? 0.25f : nan_with(3);
        }
        made->base_values[k] = explained ? 0.5f * (float)k : nan_with(1);
        made->outputs[k] = explained ? made->base_values[k] + sum : nan_with(2);
        made->residuals[k] = explained ? 0 : nan_with(4);
        made->targets[k] = (int32_t)k + 1;
    }
    for (size_t c = 0; c < C; c++)
        made->scores[c] = (float)c - (float)position;
    made->row = (part_row){
        .id = data.id[position],
        .position = (int64_t)position,
        .evaluations = (int64_t)(100 + position),
        .status = (explained ? 0 : ASC_ROW_TOO_LONG) | (with_errors ? 0 : ASC_ROW_UNDER_DETERMINED),
        .n_features = (uint32_t)n_features,
        .values = made->values,
        .std_errors = made->std_errors,
        .base_values = made->base_values,
        .outputs = made->outputs,
        .efficiency_residual = made->residuals,
        .targets = made->targets,
        .scores = made->scores,
    };
}

typedef void change_row(made_row *made);

static inline void write_part(int64_t index, uint8_t manifest_byte, change_row *change)
{
    asc_error err = {0};
    char *path = NULL;
    part_writer *writer = NULL;
    const int64_t first = FIRST + index * ROWS_PER_PART, left = FIRST + N_CHOSEN - first;
    part_header header = {.index = index,
                          .first_position = first,
                          .n_rows = left < ROWS_PER_PART ? left : ROWS_PER_PART,
                          .n_targets = K,
                          .n_classes = C};
    memset(header.manifest_hash, manifest_byte, HASH_BYTES);
    assert_int_equal(part_create(&header, &writer, &err), ASC_OK);
    for (int64_t i = 0; i < header.n_rows; i++) {
        made_row made;
        make_row(&made, (size_t)(first + i));
        if (change)
            change(&made);
        assert_int_equal(part_append(writer, &made.row, &err), ASC_OK);
    }
    assert_int_equal(merge_part_path(parts, index, &path, &err), ASC_OK);
    assert_int_equal(part_commit(writer, path, &err), ASC_OK);
    free(path);
}

static inline void write_parts(change_row *change)
{
    for (int64_t index = 0; index < N_PARTS; index++)
        write_part(index, 0xab, change);
}

static inline int set_up(void **state)
{
    (void)state;
    temp_folder_make(folder);
    temp_folder_join(folder, "data.h5", data_path);
    temp_folder_join(folder, "parts", parts);
    temp_folder_join(folder, "out", out_folder);
    temp_folder_join(out_folder, "result.h5", out);
    mkdir(parts, 0777);
    mkdir(out_folder, 0777);
    data = fixture_build(data_path, N_ROWS, DEFECT_NONE);
    write_parts(NULL);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    fixture_free(&data);
    temp_folder_remove(folder);
    return 0;
}

static inline void merge_well(const merge_job *job)
{
    asc_error err = {0};
    if (merge_run(job, &err) != ASC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(temp_folder_count(out_folder), 1);
}

static inline void assert_merge_fails(const merge_job *job, asc_status expected, const char *words)
{
    asc_error err = {0};
    const asc_status status = merge_run(job, &err);
    if (status != expected || err.status != expected || !strstr(err.message, words))
        fail_msg("expected status %d and '%s', found %d: %s", (int)expected, words, (int)status, err.message);
    assert_int_equal(temp_folder_count(out_folder), 0);
}

#endif
