// See record.h.
#include "explain/record.h"

#include "base/file.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_FILE_BYTES = 32 << 20 }; // MOST_PARTS numbers of 19 digits, and something beside
static const char seal[] = "checksum";

char *record_text(const json_t *value)
{
    return json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
}

// The checksum of an object that has none.
static asc_status sum_up(const json_t *object, char hex[HASH_HEX_SIZE], asc_error *err)
{
    uint8_t digest[HASH_BYTES];
    char *text = record_text(object);
    if (!text)
        return fail(err, ASC_OUT_OF_MEMORY, "not enough memory for a file's text");
    hash_bytes(text, strlen(text), digest);
    hash_hex(digest, hex);
    free(text);
    return ASC_OK;
}

asc_status record_seal(json_t *object, const record_kind *kind, char **text, asc_error *err)
{
    char hex[HASH_HEX_SIZE];
    *text = NULL;
    if (!object || json_object_set_new(object, kind->version, json_integer(kind->newest)) != 0)
        return fail(err, ASC_OUT_OF_MEMORY, "not enough memory for %s", kind->what);
    TRY(sum_up(object, hex, err));
    if (json_object_set_new(object, seal, json_string(hex)) == 0)
        *text = record_text(object);
    return *text ? ASC_OK : fail(err, ASC_OUT_OF_MEMORY, "not enough memory for %s", kind->what);
}

static asc_status check_seal(const char *path, const record_kind *kind, json_t *object, asc_error *err)
{
    char found[HASH_HEX_SIZE] = "", hex[HASH_HEX_SIZE];
    const char *stated = json_string_value(json_object_get(object, seal));
    const json_t *version = json_object_get(object, kind->version);
    if (!json_is_integer(version) || json_integer_value(version) < 1)
        return fail(err, ASC_MALFORMED, "%s: expected %s, found no '%s'", path, kind->what, kind->version);
    if (json_integer_value(version) > kind->newest)
        return fail(err, ASC_MALFORMED, "%s: was written by a newer version of ascribe: expected %s of version %d, found %lld", path,
                    kind->what, kind->newest, (long long)json_integer_value(version));
    if (stated && strlen(stated) == HASH_HEX_SIZE - 1)
        memcpy(found, stated, sizeof found);
    json_object_del(object, seal);
    TRY(sum_up(object, hex, err));
    return strcmp(found, hex) == 0 ? ASC_OK
                                   : fail(err, ASC_MALFORMED, "%s: the checksum does not agree: the file is damaged, or was edited", path);
}

asc_status record_read(const char *path, const record_kind *kind, json_t **out, asc_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    json_error_t where;
    *out = NULL;
    TRY(file_read(path, MOST_FILE_BYTES, &bytes, &size, err));
    json_t *object = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &where);
    free(bytes);
    if (!json_is_object(object)) {
        json_decref(object);
        return fail(err, ASC_MALFORMED, "%s: expected %s, found no JSON object (line %d: %.100s)", path, kind->what, object ? 1 : where.line,
                    object ? "another value" : where.text);
    }
    const asc_status status = check_seal(path, kind, object, err);
    if (status == ASC_OK)
        *out = object;
    else
        json_decref(object);
    return status;
}

// ---- Members -----------------------------------------------------------------------------------------------------

static asc_status fail_member(const record_source *from, const char *member, const char *expected, asc_error *err)
{
    return fail(err, ASC_MALFORMED, "%s: '%s': expected %s", from->path, member, expected);
}

asc_status record_get_text(const record_source *from, const char *member, bool optional, const char **out, asc_error *err)
{
    const json_t *value = json_object_get(from->object, member);
    *out = json_string_value(value);
    if (*out || (optional && (!value || json_is_null(value))))
        return ASC_OK;
    return fail_member(from, member, "a text", err);
}

asc_status record_get_integer(const record_source *from, const char *member, int64_t least, int64_t most, int64_t *out, asc_error *err)
{
    const json_t *value = json_object_get(from->object, member);
    *out = json_integer_value(value);
    if (json_is_integer(value) && *out >= least && *out <= most)
        return ASC_OK;
    return fail(err, ASC_MALFORMED, "%s: '%s': expected a number from %lld to %lld", from->path, member, (long long)least, (long long)most);
}

asc_status record_get_object(const record_source *from, const char *member, record_source *out, asc_error *err)
{
    *out = (record_source){from->path, json_object_get(from->object, member)};
    return json_is_object(out->object) ? ASC_OK : fail_member(from, member, "an object", err);
}

// ---- The division ------------------------------------------------------------------------------------------------

static json_t *number_list(const void *numbers, size_t count, bool wide)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count && list; i++) {
        const json_int_t number = wide ? (json_int_t)((const int64_t *)numbers)[i] : (json_int_t)((const size_t *)numbers)[i];
        if (json_array_append_new(list, json_integer(number)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

asc_status record_set_division(json_t *object, const division *d, asc_error *err)
{
    if (json_object_set_new(object, "parts", number_list(d->starts, d->n_parts + 1, true)) == 0 &&
        json_object_set_new(object, "tasks", number_list(d->tasks, d->n_tasks + 1, false)) == 0)
        return ASC_OK;
    return fail(err, ASC_OUT_OF_MEMORY, "not enough memory for the list of parts");
}

// A list of 2 to most + 1 numbers; *numbers [count + 1]. 
static asc_status get_numbers(const record_source *from, const char *member, size_t most, int64_t **numbers, size_t *count, asc_error *err)
{
    const json_t *list = json_object_get(from->object, member);
    const size_t length = json_array_size(list);
    if (length < 2 || length - 1 > most)
        return fail_member(from, member, "a list of at least two numbers", err);
    *numbers = malloc(length * sizeof **numbers);
    if (!*numbers)
        return fail_memory(err, "the list of parts", length * sizeof **numbers);
    *count = length - 1;
    for (size_t i = 0; i < length; i++) {
        const json_t *value = json_array_get(list, i);
        (*numbers)[i] = json_is_integer(value) ? json_integer_value(value) : -1;
    }
    return ASC_OK;
}

asc_status record_get_division(const record_source *from, division *out, asc_error *err)
{
    int64_t *tasks = NULL;
    *out = (division){0};
    asc_status status = get_numbers(from, "parts", MOST_PARTS, &out->starts, &out->n_parts, err);
    if (status == ASC_OK)
        status = get_numbers(from, "tasks", MOST_TASKS, &tasks, &out->n_tasks, err);
    out->tasks = status == ASC_OK ? malloc((out->n_tasks + 1) * sizeof *out->tasks) : NULL;
    if (status == ASC_OK && !out->tasks)
        status = fail_memory(err, "the list of tasks", (out->n_tasks + 1) * sizeof *out->tasks);
    for (size_t i = 0; status == ASC_OK && i <= out->n_tasks; i++)
        out->tasks[i] = tasks[i] < 0 ? SIZE_MAX : (size_t)tasks[i];
    if (status == ASC_OK && !division_is_sound(out))
        status = fail(err, ASC_MALFORMED, "%s: expected parts and tasks that rise from their beginning to their end", from->path);
    free(tasks);
    if (status != ASC_OK)
        division_free(out);
    return status;
}
