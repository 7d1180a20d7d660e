// See manifest.h.
#include "explain/manifest.h"

#include "coalition/design.h"
#include "explain/request_solver.h"
#include "model/savings.h"

#include <ascribe/version.h>

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A result file holds 65,000 bytes in one text.
enum { MOST_TEXT_BYTES = 60000, MOST_PATH_BYTES = 4000 };

static asc_status dump(json_t *object, char **text, asc_error *err)
{
    *text = object ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    return *text ? ASC_OK : fail(err, ASC_OUT_OF_MEMORY, "not enough memory for the manifest");
}

static json_t *budget_json(const budget_rule *rule)
{
    if (rule->per_feature)
        return json_sprintf("%zun", rule->per_feature);
    return rule->count ? json_integer((json_int_t)rule->count) : json_string("auto");
}

static json_t *target_json(const explain_request *request)
{
    static const char *const words[] = {"all", "predicted", "label"};
    if (request->target_rule != TARGETS_LISTED)
        return json_string(words[request->target_rule]);
    json_t *list = json_array();
    for (size_t k = 0; k < request->n_targets; k++)
        json_array_append_new(list, json_integer(request->listed[k]));
    return list;
}

// Which features rows of their own design select; NULL where nothing is chosen.
static json_t *selection_json(const explain_request *request)
{
    if (!request->sampler || request->selection == ASC_SELECT_ALL)
        return NULL;
    return json_sprintf("%s:%zu", request_selection_name(request->selection), request->n_selected);
}

asc_status manifest_make(const manifest_facts *facts, char **text, uint8_t hash[HASH_BYTES], asc_error *err)
{
    const explain_request *request = facts->request;
    const asc_model_info *model = asc_model_describe(facts->model);
    const bool sampled = request->method->has_budget, open = !facts->backend;
    const bool has_algorithms = facts->gemm_algorithms && facts->gemm_algorithms[0];
    char masks_sha256[HASH_HEX_SIZE];
    char dataset_sha256[HASH_HEX_SIZE], savings[SAVINGS_TEXT_SIZE];
    *text = NULL;
    savings_text(request->savings, savings);
    hash_hex(facts->dataset_sha256, dataset_sha256);
    hash_hex(request->masks_sha256, masks_sha256);
    json_t *object = json_pack(
        "{s:i, s:i, s:{s:s, s:s, s:s}, s:{s:s, s:I, s:I}, s:s, s:s, s:o?, s:i, s:I, s:s, s:i, s:s, s:o, s:I, s:s*, s:s*, s:s*, s:s*, s:s*, s:o*, s:s*}",
        "manifest_version", 1, "numerics_version", NUMERICS_VERSION,
        "model", "architecture", model->architecture, "weights_sha256", model->weights_sha256, "config_sha256", model->config_sha256,
        "dataset", "sha256", dataset_sha256, "first_row", (json_int_t)facts->first_position, "n_rows", (json_int_t)facts->n_rows,
        "method", request->method->name, "estimator", estimator_name(request->estimator),
        "budget", sampled ? budget_json(&request->budget) : NULL,
        "exact_limit", (int)request->exact_limit, "design_version", (json_int_t)DESIGN_VERSION,
        "policy", request_policy_name(request), "mask_token_id", request->policy == ASC_POLICY_REPLACE ? (int)request->mask_token_id : -1,
        "output", request_output_name(request), "target", target_json(request), "seed", (json_int_t)request->seed,
        "backend", facts->backend, "kernel_set", facts->kernel_set,
        "gemm_algorithms", has_algorithms ? facts->gemm_algorithms : NULL,
        "savings", open ? NULL : savings, "precision", open ? NULL : request_precision_name(request),
        "selection", selection_json(request), "masks_sha256", request->masks ? masks_sha256 : NULL);
    TRY(dump(object, text, err));
    if (strlen(*text) > MOST_TEXT_BYTES) {
        (void)fail(err, ASC_USAGE, "the run's description takes %zu bytes, expected at most %d", strlen(*text), MOST_TEXT_BYTES);
        return fail_hint(err, ASC_USAGE, "name fewer classes with --target, or take all of them with --target all");
    }
    hash_bytes(*text, strlen(*text), hash);
    return ASC_OK;
}

asc_status manifest_algorithms(const char *manifest, char **out, asc_error *err)
{
    json_t *object = json_loads(manifest, 0, NULL);
    const char *text = json_string_value(json_object_get(object, "gemm_algorithms"));
    *out = text ? strdup(text) : NULL;
    json_decref(object);
    return text && !*out ? fail_memory(err, "the algorithms", strlen(text)) : ASC_OK;
}

// Bytes of the UTF-8 character at `text`; 0 when there is none.
static size_t character_size(const char *text)
{
    for (size_t size = 1; size <= 4 && text[size - 1] != '\0'; size++) {
        json_t *character = json_stringn(text, size);
        json_decref(character);
        if (character)
            return size;
    }
    return 0;
}

// The beginning of `text`, `most` bytes at most, in UTF-8: other bytes become \xNN. NULL stays NULL.
static json_t *printable(const char *text, size_t most)
{
    static const char cut[] = "...";
    size_t n = 0;
    char *copy = text ? malloc(most + sizeof cut) : NULL;
    if (!copy)
        return NULL;
    while (*text != '\0') {
        const size_t size = character_size(text);
        const size_t taken = size ? size : 4;
        if (n + taken > most)
            break;
        if (size)
            memcpy(copy + n, text, size);
        else
            snprintf(copy + n, taken + 1, "\\x%02x", (unsigned)(unsigned char)*text);
        n += taken;
        text += size ? size : 1;
    }
    strcpy(copy + n, *text == '\0' ? "" : cut);
    json_t *value = json_string(copy);
    free(copy);
    return value;
}

json_t *manifest_path(const char *path)
{
    return printable(path, MOST_PATH_BYTES);
}

asc_status manifest_describe_run(const run_facts *facts, char **text, asc_error *err)
{
    const double elapsed_s = facts->elapsed_s > 0 ? facts->elapsed_s : 1e-9;
    *text = NULL;
    // Control characters take six bytes each in JSON, which the first limit cannot know.
    for (size_t most = MOST_TEXT_BYTES / 2; !*text || strlen(*text) > MOST_TEXT_BYTES; most /= 2) {
        free(*text);
        json_t *object = json_pack(
            "{s:s, s:o*, s:o*, s:o*, s:o*, s:o*, s:I, s:I, s:f, s:I, s:I, s:f, s:f, s:f}",
            "version", asc_version(), "command", printable(facts->command, most),
            "model_path", manifest_path(facts->model_path), "dataset_path", manifest_path(facts->dataset_path),
            "kernel_sets", printable(facts->kernel_sets, MOST_PATH_BYTES),
            "workers", facts->n_workers ? json_integer((json_int_t)facts->n_workers) : NULL,
            "parts", (json_int_t)facts->n_parts, "tasks", (json_int_t)facts->n_tasks,
            "elapsed_s", facts->elapsed_s, "evaluations", (json_int_t)facts->evaluations, "tokens", (json_int_t)facts->tokens,
            "evaluations_per_s", (double)facts->evaluations / elapsed_s, "rows_per_s", (double)facts->n_rows / elapsed_s,
            "tokens_per_s", (double)facts->tokens / elapsed_s);
        TRY(dump(object, text, err));
    }
    return ASC_OK;
}

// ---- Comparing ---------------------------------------------------------------------------------------------------

const char manifest_mixed[] = "mixed";

typedef struct difference_list {
    const manifest_pair *pair;
    char *text;
    size_t size, used, count;
    bool full;
} difference_list;

enum { MOST_VALUE_BYTES = 90 };

// A value as people read it: texts without quotes, hashes by their beginning.
static void value_words(const json_t *value, char words[MOST_VALUE_BYTES])
{
    enum { HASH_WORDS = 12 };
    char *text = value && !json_is_string(value) ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    const char *plain = !value || json_is_null(value) ? "nothing" : json_is_string(value) ? json_string_value(value) : text ? text : "?";
    const bool is_hash = strlen(plain) == HASH_HEX_SIZE - 1 && strspn(plain, "0123456789abcdef") == HASH_HEX_SIZE - 1;
    const size_t length = strlen(plain);
    if (is_hash)
        snprintf(words, MOST_VALUE_BYTES, "%.*s...", HASH_WORDS, plain);
    else
        snprintf(words, MOST_VALUE_BYTES, "%.80s%s", plain, length > 80 ? "..." : "");
    free(text);
}

static void note_difference(difference_list *list, const char *field, const json_t *there, const json_t *asked)
{
    char there_words[MOST_VALUE_BYTES], asked_words[MOST_VALUE_BYTES], line[64 + 3 * MOST_VALUE_BYTES];
    value_words(there, there_words);
    value_words(asked, asked_words);
    const int length = snprintf(line, sizeof line, "%s%s: %s has %s, this command asks for %s", list->count ? "; " : "", field,
                                list->pair->whose, there_words, asked_words);
    list->count++;
    if (list->full)
        return;
    list->full = list->used + (size_t)length + sizeof "; ..." > list->size;
    list->used += (size_t)snprintf(list->text + list->used, list->size - list->used, "%s", list->full ? "; ..." : line);
}

static bool is_open_field(const char *field)
{
    static const char *const fields[] = {"backend", "kernel_set", "gemm_algorithms", "savings", "precision"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(field, fields[i]) == 0)
            return true;
    return false;
}

// Fields of nested objects are named OUTER.INNER; deeper than that there are none.
static void compare_objects(difference_list *list, const char *outer, const json_t *there, const json_t *asked)
{
    const char *key;
    const json_t *value;
    json_t *const both = json_copy((json_t *)(uintptr_t)asked);
    json_object_update_missing(both, (json_t *)(uintptr_t)there);
    json_object_foreach((json_t *)(uintptr_t)both, key, value) {
        char field[128];
        const json_t *a = json_object_get(there, key), *b = json_object_get(asked, key);
        (void)value;
        snprintf(field, sizeof field, "%s%s%s", outer, outer[0] ? "." : "", key);
        if (list->pair->is_open && is_open_field(field))
            continue;
        if (json_is_object(a) && json_is_object(b) && !outer[0])
            compare_objects(list, key, a, b);
        else if (!a || !b || !json_equal(a, b))
            note_difference(list, field, a, b);
    }
    json_decref(both);
}

size_t manifest_differences(const manifest_pair *pair, char *text, size_t size)
{
    difference_list list = {.pair = pair, .text = text, .size = size};
    json_t *there = json_loads(pair->there, 0, NULL), *asked = json_loads(pair->asked, 0, NULL);
    text[0] = '\0';
    if (json_is_object(there) && json_is_object(asked))
        compare_objects(&list, "", there, asked);
    else if (strcmp(pair->there, pair->asked) != 0)
        note_difference(&list, "manifest", there, asked);
    json_decref(asked);
    json_decref(there);
    return list.count;
}
