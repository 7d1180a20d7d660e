// See run_record.h.
#include "explain/run_record.h"

#include "base/durable.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

static const record_kind kind = {"a run's record", "run_version", 1};
enum { MOST_CLASSES = 1 << 24 };

// From wherever the run is merged. A path that is no UTF-8 is left out: who merges has to say it.
static json_t *path_json(const char *path)
{
    char *absolute = NULL;
    json_t *text = path && file_absolute(path, &absolute, NULL) == ASC_OK ? json_string(absolute) : NULL;
    free(absolute);
    return text ? text : json_null();
}

// NULL: not enough memory, or a name that is no UTF-8.
static json_t *name_list(const char *const *names, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count && list; i++) {
        if (json_array_append_new(list, json_string(names[i])) == 0)
            continue;
        json_decref(list);
        list = NULL;
    }
    return list;
}

asc_status run_record_write(const char *path, const run_record_facts *facts, bool *existed, asc_error *err)
{
    char *text = NULL;
    json_t *object = json_pack("{s:o, s:s, s:o, s:o, s:o, s:I, s:I, s:b}", "manifest", json_loads(facts->manifest, 0, NULL), "granularity",
                               facts->granularity, "model_path", path_json(facts->model_path), "dataset_path", path_json(facts->dataset_path),
                               "class_names", name_list(facts->class_names, facts->n_classes), "n_targets", (json_int_t)facts->n_targets,
                               "n_fit", (json_int_t)facts->n_fit, "keep_text", (int)facts->keep_text);
    asc_status status = object ? record_set_division(object, facts->division, err)
                               : fail(err, ASC_OUT_OF_MEMORY, "%s: not enough memory, or a text that is no UTF-8", path);
    if (status == ASC_OK)
        status = record_seal(object, &kind, &text, err);
    if (status == ASC_OK)
        status = durable_write_new(path, text, strlen(text), existed, err);
    free(text);
    json_decref(object);
    return status;
}

// ---- Reading -----------------------------------------------------------------------------------------------------

static asc_status read_class_names(const record_source *from, run_record *out, asc_error *err)
{
    const json_t *list = json_object_get(from->object, "class_names");
    const size_t count = json_array_size(list);
    if (count < 1 || count > MOST_CLASSES)
        return fail(err, ASC_MALFORMED, "%s: 'class_names': expected at least one", from->path);
    out->class_names = calloc(count, sizeof *out->class_names);
    if (!out->class_names)
        return fail_memory(err, "the class names", count * sizeof *out->class_names);
    out->n_classes = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        out->class_names[i] = json_string_value(json_array_get(list, i));
        if (!out->class_names[i])
            return fail(err, ASC_MALFORMED, "%s: 'class_names': expected texts", from->path);
    }
    return ASC_OK;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static asc_status read_hash(const record_source *from, const char *member, uint8_t hash[HASH_BYTES], asc_error *err)
{
    const char *hex = NULL;
    TRY(record_get_text(from, member, false, &hex, err));
    for (size_t i = 0; i < HASH_BYTES && strlen(hex) == 2 * HASH_BYTES; i++) {
        const int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            break;
        hash[i] = (uint8_t)(16 * high + low);
        if (i + 1 == HASH_BYTES)
            return ASC_OK;
    }
    return fail(err, ASC_MALFORMED, "%s: '%s': expected 64 hexadecimal digits", from->path, member);
}

static asc_status read_manifest(const record_source *from, run_record *out, asc_error *err)
{
    record_source manifest, dataset;
    int64_t first = 0, n_rows = 0;
    const division *d = &out->division;
    TRY(record_get_object(from, "manifest", &manifest, err));
    out->manifest = record_text(manifest.object);
    if (!out->manifest)
        return fail(err, ASC_OUT_OF_MEMORY, "not enough memory for the manifest");
    hash_bytes(out->manifest, strlen(out->manifest), out->manifest_hash);
    TRY(record_get_text(&manifest, "method", false, &out->method, err));
    TRY(record_get_text(&manifest, "estimator", false, &out->estimator, err));
    TRY(record_get_text(&manifest, "output", false, &out->output, err));
    TRY(record_get_text(&manifest, "policy", false, &out->policy, err));
    TRY(record_get_text(&manifest, "kernel_set", false, &out->kernel_set, err));
    TRY(record_get_object(&manifest, "dataset", &dataset, err));
    TRY(read_hash(&dataset, "sha256", out->dataset_sha256, err));
    TRY(record_get_integer(&dataset, "first_row", 0, INT64_MAX, &first, err));
    TRY(record_get_integer(&dataset, "n_rows", 1, INT64_MAX, &n_rows, err));
    if (d->starts[0] != first || d->starts[d->n_parts] - first != n_rows)
        return fail(err, ASC_MALFORMED, "%s: expected parts of %lld rows from %lld on, found %lld from %lld on", from->path,
                    (long long)n_rows, (long long)first, (long long)(d->starts[d->n_parts] - d->starts[0]), (long long)d->starts[0]);
    return ASC_OK;
}

static asc_status read_members(const record_source *from, run_record *out, asc_error *err)
{
    int64_t n_targets = 0, n_fit = 0;
    TRY(record_get_division(from, &out->division, err));
    TRY(read_class_names(from, out, err));
    TRY(read_manifest(from, out, err));
    TRY(record_get_integer(from, "n_targets", 1, MOST_CLASSES, &n_targets, err));
    TRY(record_get_integer(from, "n_fit", 0, 3, &n_fit, err));
    TRY(record_get_text(from, "granularity", false, &out->granularity, err));
    TRY(record_get_text(from, "model_path", true, &out->model_path, err));
    TRY(record_get_text(from, "dataset_path", true, &out->dataset_path, err));
    const json_t *keep_text = json_object_get(from->object, "keep_text");
    if (!json_is_boolean(keep_text))
        return fail(err, ASC_MALFORMED, "%s: 'keep_text': expected true or false", from->path);
    out->n_targets = (uint32_t)n_targets;
    out->n_fit = (uint32_t)n_fit;
    out->keep_text = json_is_true(keep_text);
    return ASC_OK;
}

asc_status run_record_read(const char *path, run_record *out, asc_error *err)
{
    *out = (run_record){0};
    TRY(record_read(path, &kind, &out->json, err));
    const record_source from = {path, out->json};
    const asc_status status = read_members(&from, out, err);
    json_object_del(out->json, "parts"); // the numbers are in the division by now, in a tenth of the memory
    return status;
}

void run_record_free(run_record *record)
{
    free(record->class_names);
    free(record->manifest);
    division_free(&record->division);
    json_decref(record->json);
    *record = (run_record){0};
}

part_header run_record_header(const run_record *record, size_t index)
{
    const int64_t *starts = record->division.starts;
    part_header header = {
        .index = (int64_t)index,
        .first_position = starts[index],
        .n_rows = starts[index + 1] - starts[index],
        .n_targets = record->n_targets,
        .n_classes = record->n_classes,
        .n_fit = record->n_fit,
    };
    memcpy(header.manifest_hash, record->manifest_hash, sizeof header.manifest_hash);
    return header;
}
