// Model weights in one file or several; see checkpoint.h. The index is what transformers writes: {"metadata": {...}, "weight_map":
// {"tensor": "model-00001-of-00002.safetensors"}}.
#include "io/checkpoint.h"

#include "base/file.h"

#include <assert.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGEST_INDEX = 64 << 20, MOST_SHARDS = 10000, LONGEST_NAME = 255 };

static const char file_name[] = "model.safetensors", index_name[] = "model.safetensors.index.json";

typedef struct shard {
    const char *name; // file name; belongs to the index, or is file_name
    safetensors *file;
} shard;

typedef struct entry {
    const tensor_info *tensor;
    const safetensors *file;
} entry;

struct checkpoint {
    char *path;
    const stop_check *stop; // while it is opened
    json_t *index; // owns the shards' names; NULL for a single file
    shard *shards; // sorted by name
    size_t n_shards;
    entry *entries; // sorted by the tensors' names
    size_t n_entries;
};

static asc_status join(const char *folder, const char *name, char **path, asc_error *err)
{
    const size_t bytes = strlen(folder) + strlen(name) + 2;
    *path = malloc(bytes);
    if (!*path)
        return fail_memory(err, "a path", bytes);
    snprintf(*path, bytes, "%s/%s", folder, name);
    return ASC_OK;
}

static int compare_entries(const void *left, const void *right)
{
    return strcmp(((const entry *)left)->tensor->name, ((const entry *)right)->tensor->name);
}

static int compare_shards(const void *left, const void *right)
{
    return strcmp(((const shard *)left)->name, ((const shard *)right)->name);
}

static asc_status open_single(checkpoint *weights, asc_error *err)
{
    weights->shards = calloc(1, sizeof *weights->shards);
    if (!weights->shards)
        return fail_memory(err, "the weights", sizeof *weights->shards);
    TRY(safetensors_open(weights->path, weights->stop, &weights->shards[0].file, err));
    const safetensors *file = weights->shards[0].file;
    weights->shards[0].name = file_name;
    weights->n_shards = 1;
    weights->entries = calloc(safetensors_count(file) + 1, sizeof *weights->entries);
    if (!weights->entries)
        return fail_memory(err, "the weights", safetensors_count(file) * sizeof *weights->entries);
    for (size_t i = 0; i < safetensors_count(file); i++)
        weights->entries[weights->n_entries++] = (entry){safetensors_at(file, i), file};
    return ASC_OK;
}

// ---- Shards ------------------------------------------------------------------------------------------------------

static asc_status read_index(checkpoint *weights, asc_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    json_error_t problem;
    TRY(file_read(weights->path, LARGEST_INDEX, &bytes, &size, err));
    weights->index = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &problem);
    free(bytes);
    if (!weights->index)
        return fail(err, ASC_MALFORMED, "%s: not JSON (line %d: %s)", weights->path, problem.line,
                    problem.text);
    const json_t *map = json_object_get(weights->index, "weight_map");
    if (!json_is_object(map) || json_object_size(map) == 0)
        return fail(err, ASC_MALFORMED, "%s: 'weight_map' is no object of tensors and file names",
                    weights->path);
    return ASC_OK;
}

// A plain file name with the ending that the format has.
static bool is_shard_name(const char *name)
{
    static const char ending[] = ".safetensors";
    const size_t length = name ? strlen(name) : 0, tail = sizeof ending - 1;
    return length > tail && length <= LONGEST_NAME && !strchr(name, '/') && name[0] != '.' &&
           strcmp(name + length - tail, ending) == 0;
}

// The distinct names of the map, sorted.
static asc_status list_shards(checkpoint *weights, json_t *map, asc_error *err)
{
    weights->shards = calloc(json_object_size(map), sizeof *weights->shards);
    if (!weights->shards)
        return fail_memory(err, "the list of shards", json_object_size(map) * sizeof *weights->shards);
    size_t n_named = 0;
    for (void *at = json_object_iter(map); at; at = json_object_iter_next(map, at)) {
        const char *name = json_string_value(json_object_iter_value(at));
        if (!is_shard_name(name))
            return fail(err, ASC_MALFORMED,
                        "%s: tensor '%.100s' is in '%.100s'; expected a file name without folders that ends "
                        "in .safetensors",
                        weights->path, json_object_iter_key(at), name ? name : "(no text)");
        weights->shards[n_named++].name = name;
    }
    qsort(weights->shards, n_named, sizeof *weights->shards, compare_shards);
    for (size_t i = 0; i < n_named; i++)
        if (weights->n_shards == 0 ||
            strcmp(weights->shards[weights->n_shards - 1].name, weights->shards[i].name) != 0)
            weights->shards[weights->n_shards++].name = weights->shards[i].name;
    if (weights->n_shards > MOST_SHARDS)
        return fail(err, ASC_MALFORMED, "%s: %zu files, expected at most %d", weights->path,
                    weights->n_shards, MOST_SHARDS);
    return ASC_OK;
}

static asc_status open_shards(checkpoint *weights, const char *folder, asc_error *err)
{
    for (size_t i = 0; i < weights->n_shards; i++) {
        char *path = NULL;
        TRY(join(folder, weights->shards[i].name, &path, err));
        const asc_status status = safetensors_open(path, weights->stop, &weights->shards[i].file, err);
        free(path);
        if (status == ASC_NOT_FOUND)
            return fail_hint(err, status, "%s lists %zu files; all of them must be there", index_name,
                             weights->n_shards);
        if (status != ASC_OK)
            return status;
    }
    return ASC_OK;
}

static asc_status find_entries(checkpoint *weights, json_t *map, asc_error *err)
{
    weights->entries = calloc(json_object_size(map), sizeof *weights->entries);
    if (!weights->entries)
        return fail_memory(err, "the weights", json_object_size(map) * sizeof *weights->entries);
    for (void *at = json_object_iter(map); at; at = json_object_iter_next(map, at)) {
        const shard wanted = {.name = json_string_value(json_object_iter_value(at))};
        const shard *found =
            bsearch(&wanted, weights->shards, weights->n_shards, sizeof wanted, compare_shards);
        assert(found);
        const tensor_info *tensor = safetensors_find(found->file, json_object_iter_key(at));
        if (!tensor)
            return fail(err, ASC_MALFORMED, "%s: tensor '%.100s' is not in %s, where the index says it is",
                        weights->path, json_object_iter_key(at), found->name);
        weights->entries[weights->n_entries++] = (entry){tensor, found->file};
    }
    qsort(weights->entries, weights->n_entries, sizeof *weights->entries, compare_entries);
    return ASC_OK;
}

// Tensors of a shard that the index does not place there.
static void report_unlisted(const checkpoint *weights, const asc_log *log)
{
    for (size_t i = 0; log && log->write && i < weights->n_shards; i++)
        for (size_t t = 0; t < safetensors_count(weights->shards[i].file); t++) {
            const tensor_info *tensor = safetensors_at(weights->shards[i].file, t);
            char message[512];
            if (checkpoint_find(weights, tensor->name) == tensor)
                continue;
            snprintf(message, sizeof message, "tensor '%.200s' of %.200s is not in %s and was left out",
                     tensor->name, weights->shards[i].name, index_name);
            log->write(log->user, ASC_LOG_WARNING, message);
        }
}

static asc_status open_sharded(checkpoint *weights, const char *folder, const asc_log *log, asc_error *err)
{
    TRY(read_index(weights, err));
    json_t *map = json_object_get(weights->index, "weight_map");
    TRY(list_shards(weights, map, err));
    TRY(open_shards(weights, folder, err));
    TRY(find_entries(weights, map, err));
    report_unlisted(weights, log);
    return ASC_OK;
}

// ---- Opening and reading -----------------------------------------------------------------------------------------

static asc_status open_any(checkpoint *weights, const char *folder, const asc_log *log, asc_error *err)
{
    char *index_path = NULL;
    TRY(join(folder, file_name, &weights->path, err));
    const asc_status status = open_single(weights, err);
    if (status != ASC_NOT_FOUND)
        return status;
    TRY(join(folder, index_name, &index_path, err));
    if (access(index_path, F_OK) != 0) {
        free(index_path);
        return status;
    }
    free(weights->path);
    free(weights->shards);
    weights->path = index_path;
    weights->shards = NULL;
    return open_sharded(weights, folder, log, err);
}

asc_status checkpoint_open(const char *folder, const asc_log *log, const stop_check *stop, checkpoint **out, asc_error *err)
{
    *out = NULL;
    checkpoint *weights = calloc(1, sizeof *weights);
    if (!weights)
        return fail_memory(err, "the weights", sizeof *weights);
    weights->stop = stop;
    const asc_status status = open_any(weights, folder, log, err);
    if (status != ASC_OK) {
        checkpoint_close(weights);
        return status;
    }
    weights->stop = NULL;
    *out = weights;
    return ASC_OK;
}

void checkpoint_close(checkpoint *weights)
{
    if (!weights)
        return;
    free(weights->entries);
    for (size_t i = 0; i < weights->n_shards; i++)
        safetensors_close(weights->shards[i].file);
    free(weights->shards);
    json_decref(weights->index);
    free(weights->path);
    free(weights);
}

size_t checkpoint_count(const checkpoint *weights)
{
    return weights->n_entries;
}

size_t checkpoint_shards(const checkpoint *weights)
{
    return weights->n_shards;
}

const tensor_info *checkpoint_at(const checkpoint *weights, size_t index)
{
    assert(index < weights->n_entries);
    return weights->entries[index].tensor;
}

static const entry *find_entry(const checkpoint *weights, const char *name)
{
    const tensor_info named = {.name = name};
    const entry wanted = {.tensor = &named};
    return bsearch(&wanted, weights->entries, weights->n_entries, sizeof wanted, compare_entries);
}

const tensor_info *checkpoint_find(const checkpoint *weights, const char *name)
{
    const entry *found = find_entry(weights, name);
    return found ? found->tensor : NULL;
}

asc_status checkpoint_read(const checkpoint *weights, const tensor_info *tensor, float *out, asc_error *err)
{
    const entry *found = find_entry(weights, tensor->name);
    assert(found && found->tensor == tensor);
    return safetensors_read(found->file, tensor, out, err);
}

const char *checkpoint_path(const checkpoint *weights)
{
    return weights->path;
}

asc_status checkpoint_hash(const checkpoint *weights, uint8_t digest[HASH_BYTES], asc_error *err)
{
    safetensors_hash(weights->shards[0].file, digest);
    if (!weights->index)
        return ASC_OK;
    hash_state *hash = NULL;
    TRY(hash_open(&hash, err));
    for (size_t i = 0; i < weights->n_shards; i++) {
        char line[HASH_HEX_SIZE + LONGEST_NAME + 4];
        safetensors_hash(weights->shards[i].file, digest);
        hash_hex(digest, line);
        const size_t length = strlen(line);
        snprintf(line + length, sizeof line - length, "  %s\n", weights->shards[i].name);
        hash_add(hash, line, strlen(line));
    }
    hash_finish(hash, digest);
    return ASC_OK;
}
