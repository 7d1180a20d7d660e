// Settings of results; see settings.h.
#include "global/settings.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WORDS = 700, MOST_VALUE = 60 };

// Path of two members at most into the manifest ("model", "weights_sha256"), the name in the settings, and whether two runs that are compared must
// agree on it.
typedef struct setting {
    const char *group, *member, *name;
    bool compared;
} setting;

static const setting from_manifest[] = {
    {"model", "architecture", "architecture", false}, {"model", "weights_sha256", "model weights", false},
    {"model", "config_sha256", "model configuration", false}, {NULL, "budget", "budget", false},
    {NULL, "mask_token_id", "mask token", false}, {NULL, "target", "target", true}, {NULL, "selection", "selection", true},
};

// Any JSON value as a string; "none" for a missing one.
static json_t *as_string(const json_t *value)
{
    if (!value || json_is_null(value))
        return json_string("none");
    if (json_is_string(value))
        return json_string(json_string_value(value));
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    json_t *string = text ? json_string(text) : NULL;
    free(text);
    return string;
}

asc_status settings_of_result(const asc_result_info *info, settings_words words, char **text, asc_error *err)
{
    static const char *const names[] = {[SETTINGS_KEPT] = "kept", [SETTINGS_FOLDED] = "folded", [SETTINGS_TOKENS] = "token ids"};
    json_t *manifest = json_loads(info->manifest, 0, NULL);
    json_t *settings = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "method", info->method, "estimator", info->estimator, "policy", info->policy,
                                 "output", info->output, "features", info->granularity, "case", names[words]);
    for (size_t i = 0; settings && i < sizeof from_manifest / sizeof *from_manifest; i++) {
        const setting *s = &from_manifest[i];
        const json_t *group = s->group ? json_object_get(manifest, s->group) : manifest;
        json_object_set_new(settings, s->name, as_string(json_object_get(group, s->member)));
    }
    *text = settings ? json_dumps(settings, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(settings);
    json_decref(manifest);
    return *text ? ASC_OK : fail_memory(err, "the settings of a result", strlen(info->manifest));
}

static bool case_is(const char *settings, const char *expected)
{
    json_t *object = json_loads(settings, 0, NULL);
    const char *value = json_string_value(json_object_get(object, "case"));
    const bool same = value && strcmp(value, expected) == 0;
    json_decref(object);
    return same;
}

bool settings_fold_case(const char *settings)
{
    return case_is(settings, "folded");
}

bool settings_tokens(const char *settings)
{
    return case_is(settings, "token ids");
}

static bool must_agree(const char *name, bool comparing)
{
    for (size_t i = 0; comparing && i < sizeof from_manifest / sizeof *from_manifest; i++)
        if (strcmp(from_manifest[i].name, name) == 0)
            return from_manifest[i].compared;
    return !comparing || strcmp(name, "estimator") != 0;
}

static const char *value_in(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value ? value : "none";
}

// "name (A: x, B: y)" of every member of `a` that `b` has otherwise, behind `words`.
static void name_differences(const json_t *a, const json_t *b, bool comparing, char words[MOST_WORDS])
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)a, name, value)
    {
        const char *first = value_in(a, name), *second = value_in(b, name);
        const size_t used = strlen(words);
        if (strcmp(first, second) != 0 && must_agree(name, comparing))
            snprintf(words + used, MOST_WORDS - used, "%s%s (%.*s, %.*s)", used ? "; " : "", name, MOST_VALUE, first, MOST_VALUE, second);
    }
}

asc_status settings_check(const settings_pair *pair, asc_error *err)
{
    char words[MOST_WORDS] = "";
    json_t *a = json_loads(pair->first, 0, NULL), *b = json_loads(pair->second, 0, NULL);
    const bool objects = json_is_object(a) && json_is_object(b);
    if (objects)
        name_differences(a, b, pair->comparing, words);
    json_decref(b);
    json_decref(a);
    if (!objects)
        return fail(err, ASC_MALFORMED, "%s, %s: attribute 'settings': expected a JSON object", pair->first_name, pair->second_name);
    if (!words[0])
        return ASC_OK;
    (void)fail(err, ASC_DIFFERENT_RUN, "%.120s and %.120s differ in: %s", pair->first_name, pair->second_name, words);
    if (pair->comparing)
        return fail_hint(err, ASC_DIFFERENT_RUN, "attributions of different methods, masking or outputs are on different scales: explain again with the same ones");
    return fail_hint(err, ASC_DIFFERENT_RUN, "sum each of them up to a file of its own; 'ascribe compare' tells what differs between two");
}
