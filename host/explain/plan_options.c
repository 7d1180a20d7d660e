// Options as a plan holds them: one table for both directions.
#include "explain/plan_private.h"

#include <stddef.h>
#include <string.h>

typedef enum option_type { OPTION_TEXT, OPTION_TEXT_OR_NULL, OPTION_INT, OPTION_SIZE, OPTION_INT64, OPTION_UINT64, OPTION_BOOL } option_type;

typedef struct option_field {
    const char *name;
    option_type type;
    size_t offset;
} option_field;

#define FIELD(name, type) {#name, type, offsetof(asc_explain_options, name)}
static const option_field fields[] = {
    FIELD(method, OPTION_TEXT), FIELD(estimator, OPTION_TEXT), FIELD(policy, OPTION_TEXT), FIELD(output, OPTION_TEXT),
    FIELD(target, OPTION_TEXT), FIELD(budget, OPTION_TEXT), FIELD(l1_reg, OPTION_TEXT), FIELD(lime_selection, OPTION_TEXT),
    FIELD(lime_features, OPTION_INT), FIELD(masks, OPTION_TEXT_OR_NULL), FIELD(masks_sha256, OPTION_TEXT_OR_NULL),
    FIELD(exact_limit, OPTION_INT), FIELD(seed, OPTION_UINT64), FIELD(savings, OPTION_TEXT), FIELD(backend, OPTION_TEXT),
    FIELD(precision, OPTION_TEXT), FIELD(device, OPTION_INT), FIELD(devices, OPTION_TEXT_OR_NULL), FIELD(n_processes, OPTION_INT),
    FIELD(n_workers, OPTION_INT), FIELD(step_tokens, OPTION_SIZE), FIELD(rows_per_part, OPTION_SIZE), FIELD(first_row, OPTION_INT64),
    FIELD(n_rows, OPTION_INT64), FIELD(keep_text, OPTION_BOOL), FIELD(allow_mixed, OPTION_BOOL),
    FIELD(allow_tokenizer_mismatch, OPTION_BOOL),
};
#undef FIELD
enum { N_FIELDS = sizeof fields / sizeof *fields };

static json_t *text_json(const char *text)
{
    return text ? json_string(text) : json_null();
}

// `place` points to the option.
static json_t *to_json(option_type type, const void *place)
{
    switch (type) {
    case OPTION_TEXT:
    case OPTION_TEXT_OR_NULL: return text_json(*(const char *const *)place);
    case OPTION_INT: return json_integer(*(const int *)place);
    case OPTION_SIZE: return json_integer((json_int_t)*(const size_t *)place);
    case OPTION_INT64: return json_integer(*(const int64_t *)place);
    case OPTION_UINT64: return json_integer((json_int_t)*(const uint64_t *)place);
    case OPTION_BOOL: return json_boolean(*(const bool *)place);
    }
    return NULL;
}

json_t *plan_options_json(const asc_explain_options *options)
{
    json_t *object = json_object();
    for (size_t i = 0; i < N_FIELDS && object; i++) {
        if (json_object_set_new(object, fields[i].name, to_json(fields[i].type, (const char *)options + fields[i].offset)) == 0)
            continue;
        json_decref(object);
        object = NULL;
    }
    return object;
}

static asc_status read_number(const record_source *from, const option_field *field, void *place, asc_error *err)
{
    int64_t number = 0;
    const bool is_int = field->type == OPTION_INT;
    const bool is_unsigned = field->type == OPTION_SIZE; // a seed uses all 64 bits
    TRY(record_get_integer(from, field->name, is_int ? INT32_MIN : is_unsigned ? 0 : INT64_MIN, is_int ? INT32_MAX : INT64_MAX, &number, err));
    if (is_int)
        *(int *)place = (int)number;
    else if (field->type == OPTION_SIZE)
        *(size_t *)place = (size_t)number;
    else if (field->type == OPTION_UINT64)
        *(uint64_t *)place = (uint64_t)number;
    else
        *(int64_t *)place = number;
    return ASC_OK;
}

static asc_status read_field(const record_source *from, const option_field *field, void *place, asc_error *err)
{
    const json_t *value = json_object_get(from->object, field->name);
    if (field->type == OPTION_TEXT || field->type == OPTION_TEXT_OR_NULL)
        return record_get_text(from, field->name, field->type == OPTION_TEXT_OR_NULL, (const char **)place, err);
    if (field->type != OPTION_BOOL)
        return read_number(from, field, place, err);
    *(bool *)place = json_is_true(value);
    return json_is_boolean(value) ? ASC_OK : fail(err, ASC_MALFORMED, "%s: '%s': expected true or false", from->path, field->name);
}

asc_status plan_options_read(const record_source *from, asc_explain_options *out, asc_error *err)
{
    *out = asc_explain_options_default();
    for (size_t i = 0; i < N_FIELDS; i++)
        TRY(read_field(from, &fields[i], (char *)out + fields[i].offset, err));
    return ASC_OK;
}
