// --like. A manifest says what a run computed in the words of the options; a key that is missing or null there leaves the default.
#include "explain_like.h"

#include "numbers.h"
#include "report_error.h"

#include <ascribe/result.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Taking options over from one manifest.
typedef struct taking {
    const char *path;
    const json_t *manifest;
    const option_table *table;
    const bool *given;
    asc_error *err;
} taking;

static asc_status read_manifest(const char *path, json_t **manifest, asc_error *err)
{
    asc_result *result = NULL;

    if (asc_result_open(path, &result, err) != ASC_OK)
        return err->status;
    *manifest = json_loads(asc_result_describe(result)->manifest, JSON_REJECT_DUPLICATES, NULL);
    asc_result_close(result);
    if (json_is_object(*manifest))
        return ASC_OK;
    return cli_fail(err, ASC_MALFORMED, "--like: %s: expected its manifest to be a JSON object", path);
}

// The value that the option is to take; NULL when the command line or the manifest leaves it.
static const json_t *find(const taking *t, const char *option, const char *key)
{
    const json_t *value = json_object_get(t->manifest, key);

    return !value || json_is_null(value) || optable_is_given(t->table, t->given, option) ? NULL : value;
}

static asc_status fail_type(const taking *t, const char *key, const char *expected)
{
    return cli_fail(t->err, ASC_MALFORMED, "--like: %s: expected '%s' of its manifest to be %s", t->path, key,
                    expected);
}

static asc_status take_word(const taking *t, const char *key, const char **word)
{
    const json_t *value = find(t, key, key);

    if (value && !json_is_string(value))
        return fail_type(t, key, "a word");
    if (value)
        *word = json_string_value(value);
    return ASC_OK;
}

static asc_status take_integer(const taking *t, const char *option, const char *key, json_int_t *number)
{
    const json_t *value = find(t, option, key);

    if (value && !json_is_integer(value))
        return fail_type(t, key, "a whole number");
    if (value)
        *number = json_integer_value(value);
    return ASC_OK;
}

// A word, or a number of coalitions.
static asc_status take_budget(const taking *t, char **text, const char **budget)
{
    const json_t *value = find(t, "budget", "budget");

    if (optable_is_given(t->table, t->given, "masks"))
        return ASC_OK; // the file says which coalitions
    if (!value || !json_is_integer(value))
        return take_word(t, "budget", budget);
    if (asprintf(text, "%lld", (long long)json_integer_value(value)) < 0) {
        *text = NULL;
        return cli_fail(t->err, ASC_OUT_OF_MEMORY, "no memory for a number");
    }
    *budget = *text;
    return ASC_OK;
}

// A word, or the indexes of classes.
static asc_status take_target(const taking *t, char **text, const char **target)
{
    const json_t *value = find(t, "target", "target");
    size_t size = 0;
    FILE *stream;

    if (!value || !json_is_array(value))
        return take_word(t, "target", target);
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_integer(json_array_get(value, i)))
            return fail_type(t, "target", "a word or a list of class indexes");
    stream = open_memstream(text, &size);
    for (size_t i = 0; stream && i < json_array_size(value); i++)
        fprintf(stream, "%s%lld", i ? "," : "", (long long)json_integer_value(json_array_get(value, i)));
    if (!stream || fclose(stream) != 0)
        return cli_fail(t->err, ASC_OUT_OF_MEMORY, "no memory for the targets");
    *target = *text;
    return ASC_OK;
}

// "SELECTION:N" as options: shap's by LARS is --l1-reg num_features:N; lime's have two options, and no selection means all features.
static asc_status take_selection(const taking *t, asc_explain_options *options, earlier_options *earlier)
{
    const json_t *value = json_object_get(t->manifest, "selection");
    const char *text = value ? json_string_value(value) : NULL;
    const char *colon = text ? strchr(text, ':') : NULL;
    int64_t n_features = 0;

    if (text && (!colon || !parse_int64(colon + 1, 1, INT_MAX, &n_features)))
        return fail_type(t, "selection", "a word, a colon and a number");
    if (text && asprintf(&earlier->selection, "%s%s", strncmp(text, "lars:", 5) == 0 ? "num_features:" : "",
                         strncmp(text, "lars:", 5) == 0 ? colon + 1 : text) < 0) {
        earlier->selection = NULL;
        return cli_fail(t->err, ASC_OUT_OF_MEMORY, "no memory for a word");
    }
    if (strcmp(options->method, "lime") != 0) {
        if (text && !optable_is_given(t->table, t->given, "l1-reg") && !optable_is_given(t->table, t->given, "estimator"))
            options->l1_reg = earlier->selection;
        return ASC_OK;
    }
    if (text)
        earlier->selection[colon - text] = '\0';
    if (!optable_is_given(t->table, t->given, "lime-selection"))
        options->lime_selection = text ? earlier->selection : "none";
    if (text && !optable_is_given(t->table, t->given, "lime-features"))
        options->lime_features = (int)n_features;
    return ASC_OK;
}

// Coalitions of a file cannot be drawn again: the same file is needed, or a choice that leaves it aside.
static asc_status take_masks(const taking *t, asc_explain_options *options)
{
    static const char *const replacing[] = {"method", "estimator", "budget"};

    if (!json_is_string(json_object_get(t->manifest, "masks_sha256")))
        return ASC_OK;
    if (optable_is_given(t->table, t->given, "masks")) {
        options->masks_sha256 = json_string_value(json_object_get(t->manifest, "masks_sha256"));
        return ASC_OK;
    }
    for (size_t i = 0; i < sizeof replacing / sizeof *replacing; i++)
        if (optable_is_given(t->table, t->given, replacing[i]))
            return ASC_OK;
    return cli_fail(t->err, ASC_USAGE,
                    "--like: %s was explained on the coalitions of a mask file (SHA-256 %s): give that file by --masks, or "
                    "--budget to draw coalitions",
                    t->path, json_string_value(json_object_get(t->manifest, "masks_sha256")));
}

static asc_status take_all(const taking *t, asc_explain_options *options, earlier_options *earlier)
{
    json_int_t seed = (json_int_t)options->seed, exact_limit = options->exact_limit;
    asc_status status = take_word(t, "method", &options->method);

    if (status == ASC_OK && !optable_is_given(t->table, t->given, "method"))
        status = take_word(t, "estimator", &options->estimator);
    if (status == ASC_OK && !optable_is_given(t->table, t->given, "method"))
        status = take_selection(t, options, earlier);
    if (status == ASC_OK)
        status = take_budget(t, &earlier->budget, &options->budget);
    if (status == ASC_OK)
        status = take_word(t, "policy", &options->policy);
    if (status == ASC_OK)
        status = take_word(t, "output", &options->output);
    if (status == ASC_OK)
        status = take_target(t, &earlier->target, &options->target);
    if (status == ASC_OK)
        status = take_integer(t, "seed", "seed", &seed);
    if (status == ASC_OK)
        status = take_integer(t, "exact-limit", "exact_limit", &exact_limit);
    if (status == ASC_OK && (exact_limit < 1 || exact_limit > INT16_MAX))
        status = fail_type(t, "exact_limit", "a number of features");
    options->seed = (uint64_t)seed;
    options->exact_limit = status == ASC_OK ? (int)exact_limit : options->exact_limit;
    return status;
}

asc_status explain_like_apply(explain_values *values, const option_table *table, const bool *given,
                              earlier_options *earlier, asc_error *err)
{
    if (read_manifest(values->like, &earlier->manifest, err) != ASC_OK)
        return err->status;
    const taking t = {values->like, earlier->manifest, table, given, err};
    if (take_masks(&t, &values->options) != ASC_OK)
        return err->status;
    return take_all(&t, &values->options, earlier);
}

void explain_like_release(earlier_options *earlier)
{
    free(earlier->selection);
    free(earlier->budget);
    free(earlier->target);
    json_decref(earlier->manifest);
    *earlier = (earlier_options){0};
}
