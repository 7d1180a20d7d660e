// Options: defaults, checking, and resolving them against a model and a dataset; see request.h and ascribe/options.h.
#include "explain/request.h"

#include "explain/request_backend.h"
#include "explain/request_solver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEFAULT_BUDGET = 512, DEFAULT_BUDGET_PER_FEATURE = 16, DEFAULT_ALL_TARGETS = 8 };
enum { MAX_WORKERS = 1024, MAX_STEP_TOKENS = 1 << 24, MAX_ROWS_PER_PART = 1 << 24 };

typedef struct word {
    const char *name;
    int value;
} word;

static const word outputs[] = {{"logit", ASC_OUTPUT_LOGIT}, {"probability", ASC_OUTPUT_PROBABILITY}, {"logodds", ASC_OUTPUT_LOGODDS}};

#define FIND_WORD(words, text, value) find_word(words, sizeof(words) / sizeof *(words), text, value)

static bool find_word(const word *words, size_t n_words, const char *text, int *value)
{
    for (size_t i = 0; i < n_words; i++)
        if (strcmp(words[i].name, text) == 0) {
            *value = words[i].value;
            return true;
        }
    return false;
}

asc_explain_options asc_explain_options_default(void)
{
    return (asc_explain_options){
        .method = "shapley", .estimator = "auto", .policy = "remove", .output = "logit", .target = "auto", .budget = "auto",
        .exact_limit = 16, .l1_reg = "off", .lime_selection = "auto", .lime_features = 10, .savings = "auto", .backend = "auto",
        .precision = "auto", .n_rows = -1, .keep_text = true,
    };
}

// "auto", "512", "16n".
static bool parse_budget(const char *text, budget_rule *out)
{
    *out = (budget_rule){0};
    if (strcmp(text, "auto") == 0)
        return true;
    if (text[0] < '0' || text[0] > '9')
        return false;
    char *end = NULL;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || number < 1 || number > (1u << 30))
        return false;
    if (strcmp(end, "n") == 0)
        out->per_feature = (size_t)number;
    else if (*end == '\0')
        out->count = (size_t)number;
    else
        return false;
    return true;
}

typedef enum replacement { REPLACE_NOTHING, REPLACE_BY_MASK, REPLACE_BY_PAD, REPLACE_BY_UNK, REPLACE_BY_ID } replacement;

// A policy as it is typed; `id` is N of "id:N".
typedef struct policy_choice {
    const char *name;
    asc_policy policy;
    replacement by;
    long long id;
} policy_choice;

static const char policy_words[] = "remove, delete, mask, pad, unk or id:N";

static bool parse_policy(const char *text, policy_choice *out)
{
    static const policy_choice list[] = {
        {"remove", ASC_POLICY_REMOVE, REPLACE_NOTHING, -1}, {"delete", ASC_POLICY_DELETE, REPLACE_NOTHING, -1},
        {"mask", ASC_POLICY_REPLACE, REPLACE_BY_MASK, -1},  {"pad", ASC_POLICY_REPLACE, REPLACE_BY_PAD, -1},
        {"unk", ASC_POLICY_REPLACE, REPLACE_BY_UNK, -1},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (strcmp(list[i].name, text) == 0) {
            *out = list[i];
            return true;
        }
    char *end = NULL;
    if (strncmp(text, "id:", 3) != 0 || text[3] < '0' || text[3] > '9')
        return false;
    errno = 0;
    *out = (policy_choice){"id", ASC_POLICY_REPLACE, REPLACE_BY_ID, strtoll(text + 3, &end, 10)};
    return errno == 0 && *end == '\0' && out->id <= INT32_MAX;
}

static asc_status check_choices(const asc_explain_options *options, asc_error *err)
{
    int value = 0;
    estimator forced, choice;
    const method *found = method_find(options->method, &forced);
    if (!found)
        return fail(err, ASC_USAGE, "--method '%s' is unknown, expected one of %s", options->method, method_names());
    if (!estimator_parse(options->estimator, &choice) || !found->takes(choice))
        return fail(err, ASC_USAGE, "--estimator '%s' does not belong to method %s, expected one of %s", options->estimator, found->name,
                    found->estimators);
    if (forced != ESTIMATOR_AUTO && choice != ESTIMATOR_AUTO && choice != forced)
        return fail(err, ASC_USAGE, "--method %s means estimator %s, but --estimator is %s", options->method, estimator_name(forced),
                    options->estimator);
    policy_choice policy;
    if (!parse_policy(options->policy, &policy))
        return fail(err, ASC_USAGE, "--policy '%s' is unknown, expected %s", options->policy, policy_words);
    if (!FIND_WORD(outputs, options->output, &value))
        return fail(err, ASC_USAGE, "--output '%s' is unknown, expected logit, probability or logodds", options->output);
    return request_backend_check(options, err);
}

// NULL is no choice; options that may be NULL are not in the list.
static asc_status check_texts(const asc_explain_options *o, asc_error *err)
{
    const struct {
        const char *field, *value;
    } needed[] = {
        {"method", o->method}, {"estimator", o->estimator}, {"policy", o->policy},
        {"output", o->output}, {"target", o->target},       {"budget", o->budget},
        {"l1_reg", o->l1_reg}, {"backend", o->backend},     {"lime_selection", o->lime_selection},
        {"savings", o->savings}, {"precision", o->precision},
    };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!needed[i].value)
            return fail(err, ASC_USAGE, "options.%s is NULL, expected a text", needed[i].field);
    return ASC_OK;
}

asc_status asc_explain_options_check(const asc_explain_options *options, asc_error *err)
{
    budget_rule budget;
    TRY(check_texts(options, err));
    TRY(check_choices(options, err));
    if (!parse_budget(options->budget, &budget) || budget.count == 1)
        return fail(err, ASC_USAGE, "--budget '%s' is not a budget, expected auto, a number of at least 2 such as 512, or a multiple of "
                                    "the number of features such as 16n", options->budget);
    TRY(request_solver_check(options, err));
    if (options->exact_limit < 1 || options->exact_limit > DESIGN_EXACT_LIMIT)
        return fail(err, ASC_USAGE, "--exact-limit is %d, expected 1..%d", options->exact_limit, DESIGN_EXACT_LIMIT);
    if (options->n_workers < 0 || options->n_workers > MAX_WORKERS)
        return fail(err, ASC_USAGE, "--workers is %d, expected 0 (one per core) to %d", options->n_workers, MAX_WORKERS);
    if (options->step_tokens > MAX_STEP_TOKENS)
        return fail(err, ASC_USAGE, "--step-tokens is %zu, expected 0 (automatic) to %d", options->step_tokens, MAX_STEP_TOKENS);
    if (options->rows_per_part > MAX_ROWS_PER_PART)
        return fail(err, ASC_USAGE, "--rows-per-part is %zu, expected 0 (automatic) to %d", options->rows_per_part, MAX_ROWS_PER_PART);
    if (options->first_row < 0 || options->n_rows < -1)
        return fail(err, ASC_USAGE, "the selected rows start at %lld and count %lld; both must be at least 0", (long long)options->first_row,
                    (long long)options->n_rows);
    if (!options->target[0])
        return fail(err, ASC_USAGE, "--target is empty, expected auto, all, predicted, label, or class names separated by commas");
    return ASC_OK;
}

// The class a word names: an exact name, a name but for case, or an index.
static int32_t find_class(const asc_model *model, const char *text, size_t length)
{
    for (size_t i = 0; i < model->n_classes; i++)
        if (strlen(model->class_names[i]) == length && strncmp(model->class_names[i], text, length) == 0)
            return (int32_t)i;
    for (size_t i = 0; i < model->n_classes; i++)
        if (strlen(model->class_names[i]) == length && strncasecmp(model->class_names[i], text, length) == 0)
            return (int32_t)i;
    char *end = NULL;
    if (length == 0 || text[0] < '0' || text[0] > '9')
        return -1;
    const unsigned long index = strtoul(text, &end, 10);
    return end == text + length && index < model->n_classes ? (int32_t)index : -1;
}

static asc_status list_targets(const char *text, const asc_model *model, explain_request *out, asc_error *err)
{
    size_t capacity = 1;
    for (const char *c = text; *c; c++)
        capacity += *c == ',';
    out->target_rule = TARGETS_LISTED;
    out->listed = malloc(capacity * sizeof *out->listed);
    if (!out->listed)
        return fail_memory(err, "the targets", capacity * sizeof *out->listed);
    while (true) {
        const size_t length = strcspn(text, ",");
        const int32_t found = find_class(model, text, length);
        if (found < 0) {
            (void)fail(err, ASC_USAGE, "--target: '%.*s' is none of the model's %zu classes", (int)length, text, model->n_classes);
            return fail_hint(err, ASC_USAGE, "`ascribe inspect MODEL` lists the class names; all, predicted and label are possible too");
        }
        out->listed[out->n_targets++] = found;
        if (text[length] == '\0')
            return ASC_OK;
        text += length + 1;
    }
}

static asc_status resolve_targets(const char *text, const asc_model *model, const asc_dataset_info *data, explain_request *out, asc_error *err)
{
    const bool automatic = strcmp(text, "auto") == 0;
    out->n_targets = 1;
    if (strcmp(text, "all") == 0 || (automatic && model->n_classes <= DEFAULT_ALL_TARGETS)) {
        out->target_rule = TARGETS_ALL;
        out->n_targets = model->n_classes;
    } else if (automatic || strcmp(text, "predicted") == 0) {
        out->target_rule = TARGETS_PREDICTED;
    } else if (strcmp(text, "label") == 0) {
        out->target_rule = TARGETS_LABEL;
        if (!data->has_labels)
            return fail(err, ASC_USAGE, "--target label: the dataset has no labels of one class for each row");
    } else {
        out->n_targets = 0;
        return list_targets(text, model, out, err);
    }
    return ASC_OK;
}

// Label names of the dataset -> classes of the model: by name where every name is a class; by index where the model names none and
// counts agree.
static asc_status map_labels(const asc_model *model, const asc_dataset_info *data, const asc_log *log, explain_request *out, asc_error *err)
{
    if (!data->has_labels && !data->has_label_matrix)
        return ASC_OK;
    if (data->has_label_matrix && !out->sigmoid && log && log->write)
        log->write(log->user, ASC_LOG_WARNING,
                   "the dataset has several labels a row, the model gives one class a row; accuracy is not computed");
    out->n_label_names = data->n_label_names;
    out->label_class = malloc((data->n_label_names + 1) * sizeof *out->label_class);
    if (!out->label_class)
        return fail_memory(err, "the label names", data->n_label_names * sizeof *out->label_class);
    const bool by_index = model->config.n_labels == 0 && data->n_label_names == model->n_classes;
    bool named = true;
    for (size_t i = 0; i < data->n_label_names; i++) {
        out->label_class[i] = find_class(model, data->label_names[i], strlen(data->label_names[i]));
        named = named && out->label_class[i] >= 0;
    }
    for (size_t i = 0; !named && i < data->n_label_names; i++)
        out->label_class[i] = by_index ? (int32_t)i : -1;
    if (!named && log && log->write)
        log->write(log->user, ASC_LOG_WARNING,
                   by_index
                       ? "the model names no classes; the dataset's labels are taken as class indexes, in their order"
                       : "the dataset's labels are not the model's classes; accuracy is not computed");
    return ASC_OK;
}

// Explaining each row's label needs labels that are classes.
static asc_status check_label_targets(const explain_request *request, const asc_model *model, asc_error *err)
{
    if (request->target_rule != TARGETS_LABEL)
        return ASC_OK;
    for (size_t i = 0; i < request->n_label_names; i++)
        if (request->label_class[i] >= 0)
            return ASC_OK;
    return fail(err, ASC_USAGE, "--target label: the dataset's %zu labels are not the model's %zu classes", request->n_label_names,
                model->n_classes);
}

static asc_status resolve_policy(const asc_explain_options *options, const asc_model *model, const asc_dataset_info *data,
                                 explain_request *out, asc_error *err)
{
    policy_choice choice = {0};
    (void)parse_policy(options->policy, &choice);
    out->policy = choice.policy;
    snprintf(out->policy_name, sizeof out->policy_name, "%s", choice.name);
    if (choice.by == REPLACE_BY_ID)
        snprintf(out->policy_name, sizeof out->policy_name, "id:%lld", choice.id);
    if (out->policy != ASC_POLICY_REPLACE)
        return ASC_OK;
    const long long id = choice.by == REPLACE_BY_MASK  ? (long long)data->mask_token_id
                         : choice.by == REPLACE_BY_PAD ? (long long)data->pad_token_id
                         : choice.by == REPLACE_BY_UNK ? (long long)data->unk_token_id
                                                       : choice.id;
    const bool known = id >= 0 && (unsigned long long)id < model->config.n_vocabulary;
    if (!known && choice.by == REPLACE_BY_ID)
        return fail(err, ASC_USAGE, "--policy id:%lld: the model's vocabulary has %zu tokens, counted from 0", id, model->config.n_vocabulary);
    if (!known)
        return fail(err, ASC_USAGE, "--policy %s: the dataset's tokenizer names no %s token that the model knows (id %lld, vocabulary %zu)",
                    choice.name, choice.name, id, model->config.n_vocabulary);
    out->mask_token_id = (int32_t)id;
    return ASC_OK;
}

// The tokenizer that made the dataset must be the model's own: other ids would be explained as if they were words they are not.
static asc_status check_tokenizer(const asc_explain_options *options, const asc_model *model, const asc_dataset_info *data, asc_error *err)
{
    if (options->allow_tokenizer_mismatch)
        return ASC_OK;
    const bool other = data->tokenizer_sha256[0] && model->tokenizer_sha256[0] && strcmp(data->tokenizer_sha256, model->tokenizer_sha256) != 0;
    const bool larger = data->vocab_size > (int64_t)model->config.n_vocabulary;
    if (!other && !larger)
        return ASC_OK;
    if (larger)
        (void)fail(err, ASC_MALFORMED, "the dataset was made with a tokenizer of %lld tokens, the model's vocabulary has %zu",
                   (long long)data->vocab_size, model->config.n_vocabulary);
    else
        (void)fail(err, ASC_MALFORMED, "the dataset was made with another tokenizer: SHA-256 %.12s..., the model's tokenizer.json has %.12s...",
                   data->tokenizer_sha256, model->tokenizer_sha256);
    return fail_hint(err, ASC_MALFORMED, "prepare the dataset again with `ascribe prepare --model`; --allow-tokenizer-mismatch overrides");
}

asc_status request_resolve(const asc_explain_options *options, const asc_model *model, const asc_dataset_info *data, const asc_log *log,
                           explain_request *out, asc_error *err)
{
    int value = 0;
    estimator forced;
    *out = (explain_request){.stop = model->stop};
    TRY(asc_explain_options_check(options, err));
    out->method = method_find(options->method, &forced);
    (void)estimator_parse(options->estimator, &out->estimator);
    if (forced != ESTIMATOR_AUTO)
        out->estimator = forced;
    (void)parse_budget(options->budget, &out->budget);
    (void)FIND_WORD(outputs, options->output, &value);
    out->output = (asc_output)value;
    TRY(request_backend_resolve(options, log, out, err));
    out->exact_limit = (size_t)options->exact_limit;
    out->seed = options->seed;
    out->sigmoid = model->sigmoid;
    if (model->config.problem == PROBLEM_REGRESSION && out->output != ASC_OUTPUT_LOGIT)
        return fail(err, ASC_USAGE, "--output %s: the model is a regression, its scores are no probabilities; expected logit", options->output);
    TRY(check_tokenizer(options, model, data, err));
    asc_status status = request_solver_resolve(options, out, err);
    if (status == ASC_OK)
        status = resolve_policy(options, model, data, out, err);
    if (status == ASC_OK)
        status = resolve_targets(options->target, model, data, out, err);
    if (status == ASC_OK)
        status = map_labels(model, data, log, out, err);
    if (status == ASC_OK)
        status = check_label_targets(out, model, err);
    if (status != ASC_OK)
        request_free(out);
    return status;
}

asc_status request_resolve_open(const asc_explain_options *options, const asc_model *model, const asc_dataset_info *data, const asc_log *log,
                                explain_request *out, asc_error *err)
{
    asc_explain_options neutral = *options;
    TRY(request_backend_check_words(options, err));
    const asc_backend_kind guess = request_backend_guess(options);
    neutral.backend = "cpu";
    neutral.precision = "auto";
    neutral.devices = NULL;
    neutral.device = 0;
    TRY(request_resolve(&neutral, model, data, log, out, err));
    out->backend = guess;
    return ASC_OK;
}

asc_status request_select_rows(const asc_explain_options *options, int64_t n_available, int64_t *first, int64_t *n_rows, asc_error *err)
{
    if (options->first_row >= n_available)
        return fail(err, ASC_USAGE, "the selection begins at row %lld, the dataset has rows 0..%lld", (long long)options->first_row,
                    (long long)n_available - 1);
    const int64_t left = n_available - options->first_row;
    *first = options->first_row;
    *n_rows = options->n_rows < 0 || options->n_rows > left ? left : options->n_rows;
    if (*n_rows == 0)
        return fail(err, ASC_USAGE, "the selection holds no rows; the dataset has rows 0..%lld", (long long)n_available - 1);
    return ASC_OK;
}

void request_free(explain_request *request)
{
    free(request->listed);
    free(request->label_class);
    mask_file_close(request->masks);
    *request = (explain_request){0};
}

bool request_draws_rows(const explain_request *request, size_t n_features)
{
    return request->sampler && n_features >= request->sampler->least_features;
}

static size_t sampler_budget(const row_sampler *sampler, const budget_rule *rule, size_t n_features)
{
    size_t budget = rule->count + rule->per_feature * n_features;
    if (budget == 0) {
        const size_t by_size = sampler->automatic_per_feature * n_features;
        budget = !sampler->automatic_is_larger       ? sampler->automatic + by_size
                 : sampler->automatic > by_size ? sampler->automatic
                                                     : by_size;
    }
    if (budget > ROW_DESIGN_MOST_BUDGET)
        budget = ROW_DESIGN_MOST_BUDGET;
    return sampler->round_budget(n_features, budget);
}

size_t request_row_capacity(const explain_request *request, size_t n_features)
{
    if (request->masks)
        return 2 + mask_file_most(request->masks, n_features);
    return request->sampler->capacity(n_features, request_budget(request, n_features));
}

size_t request_budget(const explain_request *request, size_t n_features)
{
    if (request_draws_rows(request, n_features))
        return sampler_budget(request->sampler, &request->budget, n_features);
    const budget_rule *rule = &request->budget;
    const size_t full = design_full_budget(n_features);
    size_t budget = rule->count + rule->per_feature * n_features;
    if (budget == 0) {
        const size_t per_feature = DEFAULT_BUDGET_PER_FEATURE * n_features;
        budget = per_feature > DEFAULT_BUDGET ? per_feature : DEFAULT_BUDGET;
    }
    budget -= budget % 2;
    budget = budget < 2 ? 2 : budget;
    return budget < full ? budget : full;
}

size_t request_evaluations(const explain_request *request, size_t n_features)
{
    if (request_draws_rows(request, n_features))
        return request_row_capacity(request, n_features) - 2;
    if (request->estimator == ESTIMATOR_EXACT)
        return n_features <= request->exact_limit ? design_full_budget(n_features) : 0;
    return request->method->evaluations(n_features, request_budget(request, n_features));
}

int32_t request_label_class(const explain_request *request, int32_t label)
{
    if (!request->label_class || label < 0 || (size_t)label >= request->n_label_names)
        return -1;
    return request->label_class[label];
}

const char *request_output_name(const explain_request *request)
{
    return outputs[request->output].name;
}

const char *request_policy_name(const explain_request *request)
{
    return request->policy_name;
}
