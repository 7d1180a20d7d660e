// Plans and run.json: the same kind of file, sealed by a checksum, which the mutator sets right again most of the time. Whatever is accepted
// has parts and tasks that loops can trust.
#include "fuzz.h"
#include "json_twist.h"

#include "base/hash.h"
#include "explain/plan_private.h"
#include "explain/run_record.h"

#include <stdlib.h>
#include <string.h>

static const char *const words[] = {
    "plan_version", "run_version", "checksum", "parts", "tasks", "options", "configuration", "manifest", "dataset", "first_row", "n_rows",
    "sha256", "class_names", "n_targets", "n_fit", "granularity", "model_path", "dataset_path", "out_path", "keep_text", "method", "seed",
    "shapley", "/data", "1", "2"};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static void check_division(const division *d)
{
    FUZZ_REQUIRE(d->n_parts >= 1 && d->n_tasks >= 1 && d->n_tasks <= d->n_parts);
    FUZZ_REQUIRE(d->starts[0] >= 0 && d->tasks[0] == 0 && d->tasks[d->n_tasks] == d->n_parts);
    for (size_t part = 0; part < d->n_parts; part++)
        FUZZ_REQUIRE(d->starts[part] < d->starts[part + 1]);
    for (size_t task = 0; task < d->n_tasks; task++)
        FUZZ_REQUIRE(d->tasks[task] < d->tasks[task + 1]);
}

static void check_plan(const asc_plan *plan)
{
    const asc_plan_info *info = asc_plan_describe(plan);
    asc_explain_job job;
    check_division(&plan->division);
    FUZZ_REQUIRE(info->model_path[0] == '/' && info->dataset_path[0] == '/' && info->out_path[0] == '/');
    FUZZ_REQUIRE(info->n_rows >= info->n_parts && plan->configuration);
    FUZZ_REQUIRE(asc_plan_job(plan, info->n_tasks - 1, &job, NULL) == ASC_OK);
    FUZZ_REQUIRE(asc_plan_job(plan, info->n_tasks, &job, NULL) == ASC_USAGE);
    FUZZ_REQUIRE(strlen(job.options.method) + strlen(job.options.budget) + strlen(job.options.backend) < SIZE_MAX);
}

static void check_record(const run_record *record)
{
    size_t letters = 0;
    int64_t n_rows = 0;
    check_division(&record->division);
    FUZZ_REQUIRE(record->n_targets >= 1 && record->n_classes >= 1 && record->n_fit <= 3);
    for (size_t i = 0; i < record->n_classes; i++)
        letters += strlen(record->class_names[i]);
    for (size_t part = 0; part < record->division.n_parts; part++)
        n_rows += run_record_header(record, part).n_rows;
    const json_t *dataset = json_object_get(json_object_get(record->json, "manifest"), "dataset");
    FUZZ_REQUIRE(n_rows == json_integer_value(json_object_get(dataset, "n_rows")));
    FUZZ_REQUIRE(letters < SIZE_MAX && record->method && record->granularity && record->kernel_set && record->manifest);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    asc_plan *plan = NULL;
    run_record record;
    asc_error err = {0};
    asc_status status = asc_plan_open(fuzz_file(bytes, size), &plan, &err);
    FUZZ_REQUIRE((status == ASC_OK || status == ASC_MALFORMED) && (status == ASC_OK) == (plan != NULL));
    if (plan)
        check_plan(plan);
    asc_plan_close(plan);
    status = run_record_read(fuzz_file(bytes, size), &record, &err);
    FUZZ_REQUIRE(status == ASC_OK || status == ASC_MALFORMED);
    if (status == ASC_OK)
        check_record(&record);
    run_record_free(&record);
    return 0;
}

static void seal(json_t *root)
{
    uint8_t digest[HASH_BYTES];
    char hex[HASH_HEX_SIZE];
    json_object_del(root, "checksum");
    char *text = record_text(root);
    if (text) {
        hash_bytes(text, strlen(text), digest);
        hash_hex(digest, hex);
        json_object_set_new(root, "checksum", json_string(hex));
    }
    free(text);
}

// Puts an edge of the division on the one before it, or beside that.
static void twist_division(json_t *root, dice *d)
{
    json_t *edges = json_object_get(root, dice_one_in(d, 2) ? "parts" : "tasks");
    const size_t n_edges = json_array_size(edges);
    if (n_edges < 2)
        return;
    const size_t at = 1 + dice_below(d, n_edges - 1);
    const json_int_t before = json_integer_value(json_array_get(edges, at - 1));
    json_array_set_new(edges, at, json_integer(before + (json_int_t)dice_below(d, 3) - 1));
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed)
{
    dice d = {seed};
    json_t *root = dice_one_in(&d, 12) ? NULL : json_loadb((const char *)bytes, size, 0, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        return LLVMFuzzerMutate(bytes, size, max_size);
    }
    for (size_t n = 1 + dice_below(&d, 3); n > 0; n--)
        if (dice_one_in(&d, 4))
            twist_division(root, &d);
        else
            json_twist(root, &d, (json_words){words, sizeof words / sizeof *words});
    if (!dice_one_in(&d, 8))
        seal(root);
    char *text = record_text(root);
    const size_t length = text ? strlen(text) : 0;
    const bool fits = text && length <= max_size;
    if (fits)
        memcpy(bytes, text, length);
    free(text);
    json_decref(root);
    return fits ? length : LLVMFuzzerMutate(bytes, size, max_size);
}
