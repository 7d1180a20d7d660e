// `ascribe inspect`: what a model folder, dataset or result is. The facts are collected once, as JSON; the
// table prints those.
#include "command.h"
#include "file_kind.h"
#include "print_json.h"
#include "run_path.h"
#include "utf8.h"

#include <string.h>

typedef struct inspect_values {
    bool json;
} inspect_values;

enum { KEY_COLUMNS = 22, MOST_INDENT = 8, MOST_ITEMS = 100 };

// clang-format off
static const option_spec options[] = {
    {.name = "json", .kind = OPTION_SET, .offset = offsetof(inspect_values, json), .group = "Options",
     .help = "one JSON object"},
};
// clang-format on

static void add_text(json_t *facts, const char *key, const char *text)
{
    json_object_set_new(facts, key, text && *text ? json_text(text) : json_null());
}

static void add_count(json_t *facts, const char *key, size_t count)
{
    json_object_set_new(facts, key, json_integer((json_int_t)count));
}

// null for -1
static void add_index(json_t *facts, const char *key, int64_t index)
{
    json_object_set_new(facts, key, index < 0 ? json_null() : json_integer(index));
}

static void add_names(json_t *facts, const char *key, const char *const *names, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_text(names[i]));
    json_object_set_new(facts, key, list);
}

// JSON text of the file as JSON again; as a string when it is none.
static void add_document(json_t *facts, const char *key, const char *text)
{
    json_t *document = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;

    json_object_set_new(facts, key, document ? document : json_text(text));
}

static json_t *describe_model(const char *path, const asc_model_info *info)
{
    json_t *facts = json_object();

    add_text(facts, "kind", "model");
    add_text(facts, "path", path);
    add_text(facts, "architecture", info->architecture);
    add_text(facts, "problem_type", info->problem_type);
    add_text(facts, "scores", info->scores);
    add_names(facts, "classes", info->class_names, info->n_classes);
    add_count(facts, "parameters", info->n_parameters);
    add_text(facts, "weights_dtype", info->weights_dtype);
    add_text(facts, "activation", info->activation);
    add_count(facts, "layers", info->n_layers);
    add_count(facts, "hidden", info->n_hidden);
    add_count(facts, "heads", info->n_heads);
    add_count(facts, "ffn", info->n_ffn);
    add_count(facts, "vocabulary", info->n_vocabulary);
    add_count(facts, "positions", info->n_positions);
    add_count(facts, "longest_input_tokens", info->n_max_tokens);
    add_count(facts, "token_types", info->n_types);
    add_count(facts, "weight_files", info->n_weight_files);
    add_text(facts, "weights_sha256", info->weights_sha256);
    add_text(facts, "config_sha256", info->config_sha256);
    add_text(facts, "tokenizer_sha256", info->tokenizer_sha256);
    return facts;
}

// Labels that are not one class for each row say what they are.
static void add_labels(json_t *facts, int of_class, int in_matrix, int as_numbers)
{
    json_object_set_new(facts, "has_labels", json_boolean(of_class || in_matrix || as_numbers));
    if (in_matrix || as_numbers)
        add_text(facts, "label_type", in_matrix ? "multi" : "number");
}

static json_t *describe_dataset(const char *path, const asc_dataset_info *info)
{
    json_t *facts = json_object();

    add_text(facts, "kind", "dataset");
    add_text(facts, "path", path);
    add_count(facts, "rows", info->n_rows);
    add_count(facts, "tokens", info->n_tokens);
    add_count(facts, "features", info->n_features);
    add_count(facts, "longest_row_tokens", info->max_row_tokens);
    add_index(facts, "max_length", info->max_length);
    add_index(facts, "truncated_rows", info->n_truncated);
    add_text(facts, "granularity", info->granularity);
    add_index(facts, "merged_features", info->n_merged);
    add_labels(facts, info->has_labels, info->has_label_matrix, info->has_label_numbers);
    add_names(facts, "labels", info->label_names, info->n_label_names);
    if (info->has_pairs)
        json_object_set_new(facts, "has_pairs", json_true());
    json_object_set_new(facts, "has_keys", json_boolean(info->has_keys));
    add_text(facts, "source", info->source);
    add_text(facts, "tokenizer", info->tokenizer);
    add_index(facts, "vocabulary", info->vocab_size);
    add_index(facts, "mask_token_id", info->mask_token_id);
    add_index(facts, "pad_token_id", info->pad_token_id);
    add_index(facts, "unk_token_id", info->unk_token_id);
    add_text(facts, "tokenizer_sha256", info->tokenizer_sha256);
    add_text(facts, "created_by", info->created_by);
    return facts;
}

static json_t *describe_result(const char *path, const asc_result_info *info)
{
    json_t *facts = json_object();

    add_text(facts, "kind", "result");
    add_text(facts, "path", path);
    add_count(facts, "rows", info->n_rows);
    add_count(facts, "features", info->n_values);
    add_text(facts, "method", info->method);
    add_text(facts, "estimator", info->estimator);
    add_text(facts, "policy", info->policy);
    add_text(facts, "output", info->output);
    add_text(facts, "granularity", info->granularity);
    add_names(facts, "classes", info->class_names, info->n_classes);
    add_count(facts, "targets_per_row", info->n_targets);
    add_labels(facts, info->has_labels, info->has_label_matrix, info->has_label_numbers);
    add_names(facts, "labels", info->label_names, info->n_label_names);
    json_object_set_new(facts, "has_text", json_boolean(info->has_text));
    if (info->has_pairs)
        json_object_set_new(facts, "has_pairs", json_true());
    json_object_set_new(facts, "has_keys", json_boolean(info->has_keys));
    add_text(facts, "created_by", info->created_by);
    add_text(facts, "manifest_hash", info->manifest_hash);
    add_document(facts, "manifest", info->manifest);
    add_document(facts, "run", info->run);
    return facts;
}

static json_t *describe_global(const char *path, const asc_global_info *info)
{
    json_t *facts = json_object();

    add_text(facts, "kind", "global importance");
    add_text(facts, "path", path);
    add_count(facts, "rows", (size_t)info->n_rows);
    add_count(facts, "rows_unexplained", (size_t)info->n_unexplained);
    add_count(facts, "attributions", (size_t)info->n_attributions);
    add_count(facts, "words", info->n_words);
    add_names(facts, "classes", info->class_names, info->n_classes);
    add_names(facts, "labels", info->label_names, info->n_label_names);
    add_names(facts, "sources", info->source_names, info->n_sources);
    json_object_set_new(facts, "settings", json_loads(info->settings, 0, NULL));
    return facts;
}

static json_t *describe_probe(const char *path, const asc_probe_info *info)
{
    json_t *facts = json_object();

    add_text(facts, "kind", "probe");
    add_text(facts, "path", path);
    add_text(facts, "architecture", info->architecture);
    add_text(facts, "weights_sha256", info->weights_sha256);
    add_count(facts, "blocks", info->n_blocks);
    add_count(facts, "heads_per_block", info->n_heads);
    add_count(facts, "neurons_per_block", info->n_ffn);
    add_names(facts, "classes", info->class_names, info->n_classes);
    add_count(facts, "rows", (size_t)info->n_rows);
    add_count(facts, "rows_left_out", (size_t)info->n_skipped);
    add_count(facts, "rows_ablated", (size_t)info->n_ablated);
    add_count(facts, "rows_whole", (size_t)info->n_full_rows);
    add_text(facts, "dataset_sha256", info->dataset_sha256);
    add_text(facts, "backend", info->backend);
    add_text(facts, "precision", info->precision);
    add_text(facts, "kernel_set", info->kernel_set);
    return facts;
}

static json_t *describe_evaluation(const char *path, const asc_evaluation_info *info)
{
    const asc_evaluation_summary *summary = info->summary;
    json_t *facts = json_object(), *means = json_object();

    add_text(facts, "kind", "evaluation");
    add_text(facts, "path", path);
    add_count(facts, "rows", summary->n_rows);
    add_count(facts, "rows_evaluated", summary->n_evaluated);
    add_count(facts, "rows_unexplained", summary->n_unexplained);
    add_count(facts, "rows_without_features", summary->n_no_features);
    add_count(facts, "rows_other_class", summary->n_not_explained_class);
    add_count(facts, "rows_not_finite", summary->n_non_finite);
    add_count(facts, "random_orders", summary->n_orders);
    add_names(facts, "classes", info->class_names, info->n_classes);
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++)
        if (summary->metrics[m].n_rows > 0)
            json_object_set_new(means, summary->metrics[m].name, json_number(summary->metrics[m].attribution.mean));
    json_object_set_new(facts, "means", means);
    add_document(facts, "settings", info->settings);
    add_document(facts, "manifest", info->manifest);
    return facts;
}

static json_t *describe_masks(const char *path, const asc_masks_info *info)
{
    json_t *facts = json_object();

    add_text(facts, "kind", "masks");
    add_text(facts, "path", path);
    add_count(facts, "rows", info->n_rows);
    add_count(facts, "rows_without_masks", info->n_rows_without_masks);
    add_count(facts, "coalitions", info->n_coalitions);
    add_count(facts, "longest_row_features", info->n_longest);
    return facts;
}

// Lists of where each begins, and where the last ends, as how many there are.
static void count_division(json_t *facts)
{
    static const char *const lists[] = {"parts", "tasks"};

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const size_t n_bounds = json_array_size(json_object_get(facts, lists[i]));
        if (n_bounds > 1)
            add_count(facts, lists[i], n_bounds - 1);
    }
}

// What the plan, or the record of the run, says.
static asc_status describe_run(const char *path, bool as_json, json_t **facts, asc_error *err)
{
    json_t *document = NULL;
    const asc_status status = run_path_read(path, &document, err);

    if (status != ASC_OK)
        return status;
    *facts = json_object();
    add_text(*facts, "kind", run_path_is(path) == RUN_PATH_PLAN ? "plan" : "run");
    add_text(*facts, "path", path);
    json_object_update_missing(*facts, document);
    json_decref(document);
    if (!as_json)
        count_division(*facts);
    return ASC_OK;
}

static void print_scalar(const json_t *value)
{
    if (json_is_string(value))
        utf8_print_safe(stdout, json_string_value(value), json_string_length(value));
    else if (json_is_integer(value))
        printf("%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        printf("%.9g", json_real_value(value));
    else
        fputs(json_is_null(value) ? "-" : json_is_true(value) ? "yes" : "no", stdout);
}

// The key as words, padded to its column; alone on its line when what it names follows below.
static void print_key(const char *key, size_t indent, bool alone)
{
    char words[64];

    snprintf(words, sizeof words, "%s", key);
    for (char *at = words; *at; at++)
        *at = *at == '_' ? ' ' : *at;
    printf("%*s", (int)indent, "");
    if (alone)
        utf8_print_safe(stdout, words, strlen(words));
    else
        utf8_print_padded(stdout, words, strlen(words), indent < KEY_COLUMNS ? KEY_COLUMNS - indent : 1);
    putchar(alone ? '\n' : ' ');
}

static void print_list(const json_t *list)
{
    if (json_array_size(list) > MOST_ITEMS) {
        printf("%zu (--json lists them)\n", json_array_size(list));
        return;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        fputs(i ? ", " : "", stdout);
        const json_t *item = json_array_get(list, i);
        if (json_is_object(item) || json_is_array(item))
            fputs("...", stdout);
        else
            print_scalar(item);
    }
    puts(json_array_size(list) == 0 ? "-" : "");
}

// A value behind its key; the members of an object follow on lines of their own, those of a deeper one as
// JSON.
static void print_value(const json_t *value, size_t indent);

static void print_table(const json_t *facts, size_t indent)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)facts, key, value)
    {
        print_key(key, indent, json_is_object(value) && indent < MOST_INDENT);
        print_value(value, indent);
    }
}

static void print_value(const json_t *value, size_t indent)
{
    if (json_is_array(value)) {
        print_list(value);
    } else if (!json_is_object(value)) {
        print_scalar(value);
        putchar('\n');
    } else if (indent < MOST_INDENT) {
        print_table(value, indent + 2);
    } else {
        puts("...");
    }
}

static asc_status describe_file(const char *path, json_t **facts, asc_error *err)
{
    opened_file file;

    if (file_kind_open(path, &file, err) != ASC_OK)
        return err->status;
    if (file.model)
        *facts = describe_model(path, asc_model_describe(file.model));
    else if (file.dataset)
        *facts = describe_dataset(path, asc_dataset_describe(file.dataset));
    else if (file.global)
        *facts = describe_global(path, asc_global_describe(file.global));
    else if (file.probe)
        *facts = describe_probe(path, asc_probe_describe(file.probe));
    else if (file.evaluation)
        *facts = describe_evaluation(path, asc_evaluation_describe(file.evaluation));
    else if (file.is_masks)
        *facts = describe_masks(path, &file.masks);
    else
        *facts = describe_result(path, asc_result_describe(file.result));
    file_kind_close(&file);
    return ASC_OK;
}

static asc_status run(const command_call *call, asc_error *err)
{
    const inspect_values *values = call->values;
    const char *path = call->operands[0];
    json_t *facts = NULL;
    const asc_status status =
        run_path_is(path) == RUN_PATH_NONE ? describe_file(path, &facts, err) : describe_run(path, values->json, &facts, err);

    if (status != ASC_OK)
        return status;
    if (values->json)
        return print_json(facts, err);
    print_table(facts, 0);
    json_decref(facts);
    return ASC_OK;
}

const cli_command command_inspect = {
    .summary = "Says what a model, dataset, result, plan or run is",
    .table = {.command = "inspect",
              .usage = "inspect FILE|DIR [--json]",
              .description = "Tells a model folder, a dataset, a result, a file of global importance, an evaluation, a probe, a mask file, a plan and the folder of a run's parts apart and prints "
                             "the facts.",
              .operands = "FILE|DIR",
              .n_operands = 1,
              .examples = "  ascribe inspect result.h5\n  ascribe inspect my-model --json\n  ascribe inspect result.h5.parts",
              .options = options,
              .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(inspect_values),
    .run = run,
};
