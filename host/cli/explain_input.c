// Starts ascribe-prepare where the input is text. A dataset is known by its contents, a table by the ending
// of its name.
#include "explain_input.h"

#include "file_kind.h"
#include "prepare_program.h"
#include "report_error.h"

#include <ascribe/dataset.h>
#include <ascribe/model.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static bool ends_with(const char *path, const char *ending)
{
    const size_t length = strlen(path), n_ending = strlen(ending);

    return length >= n_ending && strcasecmp(path + length - n_ending, ending) == 0;
}

static bool is_table_name(const char *path)
{
    static const char *const endings[] = {".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet", ".txt"};

    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (ends_with(path, endings[i]))
            return true;
    return false;
}

enum { MOST_ARGUMENTS = 64 };

// An argument list for ascribe-prepare that owns its strings; argv[0] is left to prepare_program_run.
typedef struct argument_list {
    char *items[MOST_ARGUMENTS];
    size_t count;
    bool failed;
} argument_list;

// Adds "--name=value"; nothing when value is NULL.
static void add_option(argument_list *list, const char *name, const char *value)
{
    if (!value || list->failed)
        return;
    if (list->count + 1 >= MOST_ARGUMENTS ||
        asprintf(&list->items[list->count], "--%s=%s", name, value) < 0) {
        list->items[list->count] = NULL;
        list->failed = true;
        return;
    }
    list->count++;
}

static void add_number(argument_list *list, const char *name, int64_t value)
{
    char digits[32];

    snprintf(digits, sizeof digits, "%lld", (long long)value);
    add_option(list, name, value > 0 ? digits : NULL);
}

static void add_word(argument_list *list, const char *word)
{
    if (list->failed || list->count + 1 >= MOST_ARGUMENTS || !(list->items[list->count] = strdup(word)))
        list->failed = true;
    else
        list->count++;
}

static void free_arguments(argument_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
}

// How many rows the run can need at most; 0: all.
static int64_t rows_needed(const explain_values *values)
{
    int64_t needed = values->rows.end > 0 ? values->rows.end : 0, with_limit;

    if (values->limit > 0 && !__builtin_add_overflow(values->rows.first, values->limit, &with_limit) &&
        (needed == 0 || with_limit < needed))
        needed = with_limit;
    return needed;
}

static asc_status run_prepare(const explain_values *values, const char *input, const char *dataset_path,
                              asc_error *err)
{
    const prepare_values *prepare = &values->prepare;
    const bool from_command_line = values->texts.count > 0;
    argument_list list = {.count = 1};
    asc_status status;

    add_option(&list, "output", dataset_path);
    add_option(&list, "model", values->model);
    add_option(&list, "features", prepare->features);
    add_option(&list, "text-column", from_command_line ? "text" : prepare->text_column);
    add_option(&list, "text-pair-column", prepare->text_pair_column);
    add_option(&list, "label-type", prepare->label_type);
    add_option(&list, "label-separator", prepare->label_separator);
    add_option(&list, "spans", prepare->spans);
    add_option(&list, "label-column", from_command_line ? "none" : prepare->label_column);
    add_option(&list, "id-column", from_command_line ? "none" : prepare->id_column);
    for (size_t i = 0; i < prepare->keep.count; i++)
        add_option(&list, "keep", prepare->keep.items[i]);
    add_number(&list, "max-length", prepare->max_length);
    add_number(&list, "limit", rows_needed(values));
    add_word(&list, "--force");
    if (values->quiet || from_command_line)
        add_word(&list, "--quiet");
    add_word(&list, "--");
    add_word(&list, input);
    if (list.failed)
        status = cli_fail(err, ASC_OUT_OF_MEMORY,
                          "no memory for the arguments of ascribe-prepare, or more than %d of them",
                          MOST_ARGUMENTS);
    else
        status = prepare_program_run(from_command_line ? "--text" : input, list.items,
                                     values->quiet || from_command_line, err);
    free_arguments(&list);
    return status;
}

// OUT minus ".h5" plus "-dataset.h5"
static asc_status name_dataset(const char *out, char **path, asc_error *err)
{
    const size_t length = strlen(out) - (ends_with(out, ".h5") && strlen(out) > 3 ? 3 : 0);

    if (asprintf(path, "%.*s-dataset.h5", (int)length, out) >= 0)
        return ASC_OK;
    *path = NULL;
    return cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for a file name");
}

static const char texts_name[] = "texts.jsonl"; // the table of what --text gives

// Whether a dataset says that it was prepared from the input of this name.
static bool was_made_from(const asc_dataset *dataset, const char *input)
{
    const char *source = asc_dataset_describe(dataset)->source, *slash = strrchr(input, '/');

    return source && strcmp(source, slash ? slash + 1 : input) == 0;
}

// A dataset that an earlier run made there of this input may be replaced; nothing else may. `input` is NULL for
// --text.
static asc_status check_replaceable(const char *path, const char *input, bool force, asc_error *err)
{
    asc_dataset *dataset = NULL;

    if (input && file_kind_same(path, input))
        return cli_fail(err, ASC_USAGE,
                        "--out: its dataset would be written to %s, which is the input itself", path);
    if (force || access(path, F_OK) != 0)
        return ASC_OK;
    if (asc_dataset_open(path, &dataset, err) == ASC_OK) {
        const bool ours = was_made_from(dataset, input ? input : texts_name);
        asc_dataset_close(dataset);
        if (ours)
            return ASC_OK;
        (void)cli_fail(err, ASC_CANNOT_CREATE,
                       "%s: the prepared texts go there, but it is a dataset made from something else", path);
    } else {
        (void)cli_fail(err, ASC_CANNOT_CREATE,
                       "%s: the prepared texts go there, but it exists and is no dataset", path);
    }
    return cli_hint(err, "move it away, choose another --out, or replace it with --force");
}

static asc_status write_texts(const string_list *texts, const char *path, asc_error *err)
{
    FILE *file = fopen(path, "w");
    bool failed = false;

    if (!file)
        return cli_fail(err, ASC_CANNOT_CREATE, "%s: cannot be created: %s", path, strerror(errno));
    for (size_t i = 0; i < texts->count && !failed; i++) {
        json_t *row = json_pack("{s:s}", "text", texts->items[i]);
        if (!row) {
            fclose(file);
            return cli_fail(err, ASC_USAGE, "--text: expected UTF-8, found other bytes in text %zu", i);
        }
        failed = json_dumpf(row, file, JSON_COMPACT) != 0 || fputc('\n', file) == EOF;
        json_decref(row);
    }
    if (fclose(file) != 0 || failed)
        return cli_fail(err, ASC_IO_ERROR, "%s: writing failed", path);
    return ASC_OK;
}

static asc_status prepare_texts(const explain_values *values, const char *texts_folder,
                                const char *dataset_path, asc_error *err)
{
    char *path = NULL;
    asc_status status;

    if (asprintf(&path, "%s/%s", texts_folder, texts_name) < 0)
        return cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for a file name");
    status = write_texts(&values->texts, path, err);
    if (status == ASC_OK)
        status = run_prepare(values, path, dataset_path, err);
    free(path);
    return status;
}

static asc_status prepare_input(const explain_values *values, const char *texts_folder, const char *dataset_path, asc_error *err)
{
    return values->texts.count > 0 ? prepare_texts(values, texts_folder, dataset_path, err)
                                   : run_prepare(values, values->data, dataset_path, err);
}

// Whether a result, or parts of one, were made of the dataset that stands there.
static bool has_run(const char *out)
{
    char *parts = NULL;
    const bool has_parts = asprintf(&parts, "%s.parts", out) >= 0 && access(parts, F_OK) == 0;

    free(parts);
    return has_parts || access(out, F_OK) == 0;
}

// Puts a dataset that was prepared beside `path` in its place. One that a run has used, or is using, is only ever replaced by its equal.
static asc_status settle_dataset(const char *fresh, const char *path, const char *out, asc_error *err)
{
    bool same = false;
    asc_status status = file_kind_same_bytes(fresh, path, &same, err);

    if (status == ASC_OK && !same && has_run(out)) {
        (void)cli_fail(err, ASC_DIFFERENT_RUN,
                       "%s: the run that writes %s works on it, and the texts as they are prepared now differ (another input, or other "
                       "options of preparing)",
                       path, out);
        status = cli_hint(err, "choose another --out, or add --force to start over");
    }
    if (status == ASC_OK && !same && rename(fresh, path) != 0)
        status = cli_fail(err, ASC_CANNOT_CREATE, "%s: cannot be replaced: %s", path, strerror(errno));
    if (status != ASC_OK || same)
        unlink(fresh);
    return status;
}

static asc_status make_dataset(const explain_values *values, const char *out, const char *texts_folder, const char *path,
                               asc_error *err)
{
    char *fresh = NULL;

    if (values->options.force || access(path, F_OK) != 0)
        return prepare_input(values, texts_folder, path, err);
    if (asprintf(&fresh, "%s.%ld.new", path, (long)getpid()) < 0)
        return cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for a file name");
    asc_status status = prepare_input(values, texts_folder, fresh, err);
    if (status == ASC_OK)
        status = settle_dataset(fresh, path, out, err);
    free(fresh);
    return status;
}

static asc_status check_no_prepare_options(const prepare_values *prepare, const char *data, asc_error *err)
{
    const char *given = prepare->text_column        ? "text-column"
                        : prepare->text_pair_column ? "text-pair-column"
                        : prepare->label_column     ? "label-column"
                        : prepare->label_type       ? "label-type"
                        : prepare->label_separator  ? "label-separator"
                        : prepare->id_column        ? "id-column"
                        : prepare->features         ? "features"
                        : prepare->spans            ? "spans"
                        : prepare->max_length       ? "max-length"
                        : prepare->keep.count       ? "keep"
                                                    : NULL;

    if (!given)
        return ASC_OK;
    return cli_fail(err, ASC_USAGE, "--%s: says how texts are prepared, but %s is a dataset already", given,
                    data);
}

// Whether --data is a dataset already; a failure when it is neither that nor a table.
static asc_status classify_data(const explain_values *values, bool *is_dataset, asc_error *err)
{
    const char *data = values->data;

    if (file_kind_is_hdf5(data, is_dataset, err) != ASC_OK)
        return err->status;
    if (*is_dataset)
        return check_no_prepare_options(&values->prepare, data, err);
    if (is_table_name(data))
        return ASC_OK;
    if (ends_with(data, ".h5") || ends_with(data, ".hdf5"))
        return cli_fail(err, ASC_MALFORMED, "%s: expected a dataset (HDF5), found something else", data);
    (void)cli_fail(err, ASC_USAGE,
                   "--data: expected a dataset (HDF5) or a name that ends in .csv, .tsv, .tab, .jsonl, "
                   ".ndjson, .parquet or .txt, found '%s'",
                   data);
    return cli_hint(err, "for anything else: ascribe prepare %s --format csv --model %s -o dataset.h5", data,
                    values->model);
}

asc_status explain_input_resolve(const explain_values *values, const char *out, const char *texts_folder,
                                 char **dataset_path, asc_error *err)
{
    const bool has_texts = values->texts.count > 0;
    bool is_dataset = false;
    asc_status status = has_texts ? ASC_OK : classify_data(values, &is_dataset, err);

    *dataset_path = NULL;
    if (status != ASC_OK)
        return status;
    if (is_dataset) {
        *dataset_path = strdup(values->data);
        return *dataset_path ? ASC_OK : cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for a file name");
    }
    status = asc_model_check(values->model, err);
    if (status == ASC_OK)
        status = name_dataset(out, dataset_path, err);
    if (status == ASC_OK)
        status = check_replaceable(*dataset_path, values->data, values->options.force, err);
    if (status == ASC_OK)
        status = make_dataset(values, out, texts_folder, *dataset_path, err);
    if (status != ASC_OK) {
        free(*dataset_path);
        *dataset_path = NULL;
    }
    return status;
}

asc_status explain_input_choose_rows(const explain_values *values, const char *dataset_path, asc_explain_options *options, asc_error *err)
{
    asc_dataset *dataset = NULL;

    if (asc_dataset_open(dataset_path, &dataset, err) != ASC_OK)
        return err->status;
    const int64_t n_rows = (int64_t)asc_dataset_describe(dataset)->n_rows;
    asc_dataset_close(dataset);
    const int64_t end = values->rows.end < 0 ? n_rows : values->rows.end;
    if (values->rows.first >= n_rows || end > n_rows)
        return cli_fail(err, ASC_USAGE,
                        "--rows: %s has %lld rows, expected a range within 0:%lld, found %lld:%lld",
                        dataset_path, (long long)n_rows, (long long)n_rows, (long long)values->rows.first,
                        (long long)end);
    options->first_row = values->rows.first;
    options->n_rows = end - values->rows.first;
    if (values->limit > 0 && values->limit < options->n_rows)
        options->n_rows = values->limit;
    return ASC_OK;
}
