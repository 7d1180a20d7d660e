// merge_parts FOLDER [N_PARTS ROWS_PER_PART FEATURES]: makes a dataset and the parts of a run over it (1000 parts of 1000 rows of 10 features: 10 million
// values), then merges them and prints what that took as one JSON object. merge_throughput.sh sets it beside a plain copy.
#include "base/clock.h"
#include "base/hash.h"
#include "io/merge.h"
#include "io/part.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> // after fail.h: it defines a macro of that name

#include "../property/run_dataset.h"
#include "../unit/temp_folder.h"

#include <sys/resource.h>
#include <sys/stat.h>

enum { N_CLASSES = 2, MOST_FEATURES = 64, MANIFEST_BYTE = 0x5a };

typedef struct bench {
    char data[TEMP_PATH_SIZE], parts[TEMP_PATH_SIZE], out[TEMP_PATH_SIZE];
    int64_t n_parts, rows_per_part;
    uint64_t part_bytes;
} bench;

static size_t n_features = 10;

static void make_row(size_t row, run_row *out) { run_row_usual(row, n_features, out); }

static void check(asc_status status, const asc_error *err)
{
    if (status == ASC_OK)
        return;
    fprintf(stderr, "merge_parts: %s\n", err->message);
    exit(1);
}

// Numbers that no compressor likes, from a row's place.
static float number(uint64_t place)
{
    place = (place + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
    place = (place ^ place >> 27) * 0x94d049bb133111ebu;
    return (float)(place >> 40) / 16777216 - 0.5f;
}

static void append_row(part_writer *writer, int64_t position)
{
    float values[MOST_FEATURES], std_errors[MOST_FEATURES], scores[N_CLASSES], one[3];
    const int32_t target = (int32_t)(position % N_CLASSES);
    asc_error err;
    for (size_t f = 0; f < n_features; f++) {
        values[f] = number((uint64_t)position * MOST_FEATURES + f);
        std_errors[f] = values[f] / 16;
    }
    for (size_t i = 0; i < 3; i++)
        one[i] = number((uint64_t)position * 3 + i);
    scores[0] = one[1], scores[1] = -one[1];
    const part_row row = {.id = RUN_FIRST_ROW_ID + (uint64_t)position, .position = position, .evaluations = 12, .n_features = (uint32_t)n_features,
                          .values = values, .std_errors = std_errors, .base_values = one, .outputs = one + 1, .efficiency_residual = one + 2,
                          .targets = &target, .scores = scores};
    check(part_append(writer, &row, &err), &err);
}

static void make_inputs(bench *b)
{
    asc_error err;
    run_dataset_write(b->data, &(run_plan){.n_rows = (size_t)(b->n_parts * b->rows_per_part), .make_row = make_row, .bare = true});
    for (int64_t index = 0; index < b->n_parts; index++) {
        part_header header = {.index = index, .first_position = index * b->rows_per_part, .n_rows = b->rows_per_part, .n_targets = 1,
                              .n_classes = N_CLASSES};
        part_writer *writer = NULL;
        char *path = NULL;
        memset(header.manifest_hash, MANIFEST_BYTE, HASH_BYTES);
        check(part_create(&header, &writer, &err), &err);
        for (int64_t row = 0; row < b->rows_per_part; row++)
            append_row(writer, header.first_position + row);
        check(merge_part_path(b->parts, index, &path, &err), &err);
        check(part_commit(writer, path, &err), &err);
        free(path);
    }
}

static void count_parts(bench *b)
{
    struct stat facts;
    for (int64_t index = 0; index < b->n_parts; index++) {
        char *path = NULL;
        check(merge_part_path(b->parts, index, &path, NULL), NULL);
        if (stat(path, &facts) == 0)
            b->part_bytes += (uint64_t)facts.st_size;
        free(path);
    }
}

static void merge(const bench *b)
{
    static const char *const class_names[N_CLASSES] = {"negative", "positive"};
    asc_error err;
    struct stat facts;
    struct rusage usage;
    merge_job job = {.parts_folder = b->parts, .n_parts = b->n_parts, .dataset_path = b->data, .n_rows = b->n_parts * b->rows_per_part, .n_targets = 1,
                     .n_classes = N_CLASSES, .class_names = class_names, .manifest = "{}", .run = "{}", .method = "occlusion", .estimator = "",
                     .output = "logit", .policy = "mask", .granularity = "word", .out_path = b->out};
    memset(job.manifest_hash, MANIFEST_BYTE, HASH_BYTES);
    check(hash_file(b->data, job.dataset_sha256, &err), &err);
    const double start_s = clock_seconds();
    check(merge_run(&job, &err), &err);
    const double elapsed_s = clock_seconds() - start_s;
    getrusage(RUSAGE_CHILDREN, &usage);
    if (stat(b->out, &facts) != 0)
        exit(1);
    const double bytes = (double)b->part_bytes + (double)facts.st_size;
    printf("{\"parts\": %lld, \"rows\": %lld, \"values\": %lld, \"part_bytes\": %llu, \"result_bytes\": %lld, \"seconds\": %.3f, \"cpu_seconds\": %.3f, "
           "\"megabytes_per_second\": %.1f, \"peak_resident_kib\": %ld}\n",
           (long long)b->n_parts, (long long)(b->n_parts * b->rows_per_part), (long long)(b->n_parts * b->rows_per_part * (int64_t)n_features),
           (unsigned long long)b->part_bytes, (long long)facts.st_size, elapsed_s,
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + 1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec),
           bytes / elapsed_s / 1e6, usage.ru_maxrss);
}

int main(int argc, char **argv)
{
    bench b = {.n_parts = argc > 2 ? atoll(argv[2]) : 1000, .rows_per_part = argc > 3 ? atoll(argv[3]) : 1000};
    if (argc < 2)
        return 64;
    if (argc > 4)
        n_features = strtoull(argv[4], NULL, 10);
    if (b.n_parts < 1 || b.rows_per_part < 1 || n_features < 1 || n_features > MOST_FEATURES)
        return 64;
    temp_folder_join(argv[1], "data.h5", b.data);
    temp_folder_join(argv[1], "parts", b.parts);
    temp_folder_join(argv[1], "result.h5", b.out);
    if (mkdir(b.parts, 0777) == 0)
        make_inputs(&b);
    count_parts(&b);
    merge(&b);
    return 0;
}
