// `ascribe verify`: re-reads a whole file and says what was checked.
#include "command.h"
#include "file_kind.h"
#include "numbers.h"
#include "print_json.h"
#include "report_error.h"
#include "run_path.h"
#include "verify_run.h"

#include <ascribe/plan.h>

#include <stdlib.h>

typedef struct verify_values {
    bool json;
} verify_values;

// clang-format off
static const option_spec options[] = {
    {.name = "json", .kind = OPTION_SET, .offset = offsetof(verify_values, json), .group = "Options",
     .help = "one JSON object"},
};
// clang-format on

static void print_report(const char *path, const asc_verify_report *report)
{
    char number[NUMBER_TEXT];

    printf("%s: a result, %zu rows, %zu features\n", path, report->n_rows, report->n_values);
    verify_print_check(report->digest_matches, "digest of all rows equals the stored one");
    verify_print_check(report->n_unexpected_nan == 0,
                "every attribution is a number where the row's status promises one");
    if (report->max_residual >= 0)
        verify_print_check(report->n_residual_over_limit == 0, "attributions add up to output - base value");
    else
        puts("  -      attributions need not add up to output - base value with this method");
    if (report->n_unexpected_nan)
        printf("  %zu missing numbers\n", report->n_unexpected_nan);
    if (report->n_residual_over_limit)
        printf("  %zu rows do not add up\n", report->n_residual_over_limit);
    if (report->max_residual >= 0)
        printf("  largest residual %s\n", format_float(number, (float)report->max_residual));
    printf("  %zu rows with a status, %zu rows without attributions\n", report->n_rows_with_status, report->n_unexplained);
}

static json_t *report_as_json(const char *path, const asc_verify_report *report, bool passed)
{
    return json_pack(
        "{s:o, s:s, s:b, s:I, s:I, s:b, s:I, s:I, s:o, s:I, s:I}", "path", json_text(path), "kind", "result",
        "ok", (int)passed, "rows", (json_int_t)report->n_rows, "features", (json_int_t)report->n_values,
        "digest_matches", report->digest_matches != 0, "unexpected_nan", (json_int_t)report->n_unexpected_nan,
        "residual_over_limit", (json_int_t)report->n_residual_over_limit, "largest_residual",
        json_number(report->max_residual), "rows_with_status", (json_int_t)report->n_rows_with_status,
        "rows_unexplained", (json_int_t)report->n_unexplained);
}

static asc_status verify_result(const char *path, bool as_json, asc_error *err)
{
    asc_verify_report report = {0};
    asc_error print_error;
    const asc_status status = asc_result_verify(path, &report, err);

    if (status != ASC_OK && status != ASC_FAILED_CHECK)
        return status;
    if (!as_json) {
        print_report(path, &report);
    } else if (print_json(report_as_json(path, &report, status == ASC_OK), &print_error) != ASC_OK) {
        *err = print_error;
        return err->status;
    }
    return status;
}

static asc_status verify_dataset(const char *path, asc_dataset *dataset, bool as_json, asc_error *err)
{
    const asc_dataset_info *info = asc_dataset_describe(dataset);

    if (asc_dataset_check(dataset, 0, info->n_rows, err) != ASC_OK)
        return err->status;
    if (as_json)
        return print_json(json_pack("{s:o, s:s, s:b, s:I, s:I, s:I}", "path", json_text(path), "kind",
                                    "dataset", "ok", 1, "rows", (json_int_t)info->n_rows, "tokens",
                                    (json_int_t)info->n_tokens, "features", (json_int_t)info->n_features),
                          err);
    printf("%s: a dataset, %zu rows, %zu tokens, %zu features\n", path, info->n_rows, info->n_tokens,
           info->n_features);
    verify_print_check(true, "every row was read and every offset, span and index checked");
    return ASC_OK;
}

static asc_status verify_model(const char *path, asc_model *model, bool as_json, asc_error *err)
{
    const asc_model_info *info = asc_model_describe(model);

    if (as_json)
        return print_json(json_pack("{s:o, s:s, s:b, s:I}", "path", json_text(path), "kind", "model", "ok", 1,
                                    "parameters", (json_int_t)info->n_parameters),
                          err);
    printf("%s: a model, %s, %zu parameters\n", path, info->architecture, info->n_parameters);
    verify_print_check(true, "the configuration is supported and every tensor has its shape");
    return ASC_OK;
}

static asc_status verify_global(const char *path, const asc_global_info *info, bool as_json, asc_error *err)
{
    if (as_json)
        return print_json(json_pack("{s:o, s:s, s:b, s:I, s:I}", "path", json_text(path), "kind", "global importance", "ok", 1, "rows",
                                    (json_int_t)info->n_rows, "words", (json_int_t)info->n_words),
                          err);
    printf("%s: global importance, %llu rows, %zu words\n", path, (unsigned long long)info->n_rows, info->n_words);
    verify_print_check(true, "every word and cell was read, and their order and indexes checked");
    return ASC_OK;
}

static asc_status verify_probe(const char *path, const asc_probe_info *info, bool as_json, asc_error *err)
{
    if (as_json)
        return print_json(json_pack("{s:o, s:s, s:b, s:I, s:I}", "path", json_text(path), "kind", "probe", "ok", 1, "rows", (json_int_t)info->n_rows,
                                    "rows_whole", (json_int_t)info->n_full_rows),
                          err);
    printf("%s: a probe, %llu rows, %llu kept whole\n", path, (unsigned long long)info->n_rows, (unsigned long long)info->n_full_rows);
    verify_print_check(true, "every column was read, and the shapes of the rows that are kept whole checked");
    return ASC_OK;
}

static asc_status verify_evaluation(const char *path, const asc_evaluation_summary *summary, bool as_json, asc_error *err)
{
    if (as_json)
        return print_json(json_pack("{s:o, s:s, s:b, s:I}", "path", json_text(path), "kind", "evaluation", "ok", 1, "rows",
                                    (json_int_t)summary->n_evaluated),
                          err);
    printf("%s: an evaluation, %zu rows\n", path, summary->n_evaluated);
    verify_print_check(true, "every row was read, its numbers checked, and the means and curves are those of the rows");
    return ASC_OK;
}

static asc_status verify_masks(const char *path, const asc_masks_info *info, bool as_json, asc_error *err)
{
    if (as_json)
        return print_json(json_pack("{s:o, s:s, s:b, s:I, s:I}", "path", json_text(path), "kind", "masks", "ok", 1, "rows",
                                    (json_int_t)info->n_rows, "coalitions", (json_int_t)info->n_coalitions),
                          err);
    printf("%s: masks, %zu rows, %zu coalitions\n", path, info->n_rows, info->n_coalitions);
    verify_print_check(true, "every row was read and every coalition and weight checked");
    return ASC_OK;
}

// A plan whose parts became a result is checked in that result; a folder of parts that is there is checked itself.
static asc_status verify_plan_or_parts(const char *path, bool as_json, asc_error *err)
{
    asc_run_status state = {0};
    char *out = NULL;
    asc_status status = asc_run_status_read(path, &state, err);
    const bool merged = state.merged;

    asc_run_status_free(&state);
    if (status == ASC_OK && (!merged || run_path_is(path) == RUN_PATH_FOLDER))
        return verify_run(path, as_json, err);
    if (status == ASC_OK)
        status = run_path_out(path, &out, err);
    if (status == ASC_OK)
        status = verify_result(out, as_json, err);
    free(out);
    return status;
}

static asc_status run(const command_call *call, asc_error *err)
{
    const verify_values *values = call->values;
    const char *path = call->operands[0];
    opened_file file;
    asc_status status;

    if (run_path_is(path) != RUN_PATH_NONE)
        return verify_plan_or_parts(path, values->json, err);
    status = file_kind_open(path, &file, err);
    if (status != ASC_OK)
        return status;
    if (file.model) {
        status = verify_model(path, file.model, values->json, err);
    } else if (file.dataset) {
        status = verify_dataset(path, file.dataset, values->json, err);
    } else if (file.global) {
        status = verify_global(path, asc_global_describe(file.global), values->json, err);
    } else if (file.probe) {
        status = verify_probe(path, asc_probe_describe(file.probe), values->json, err);
    } else if (file.evaluation) {
        status = verify_evaluation(path, asc_evaluation_describe(file.evaluation)->summary, values->json, err);
    } else if (file.is_masks) {
        status = verify_masks(path, &file.masks, values->json, err);
    } else {
        file_kind_close(&file);
        status = verify_result(path, values->json, err);
    }
    file_kind_close(&file);
    return status;
}

const cli_command command_verify = {
    .summary = "Checks a result, the parts of a run, a dataset or a model",
    .table = {.command = "verify",
              .usage = "verify FILE|DIR [--json]",
              .description = "Reads everything again. For a result: recomputes the digest of all rows, looks "
                             "for numbers that are "
                             "missing, and checks that attributions add up. For a run that is not merged yet (its "
                             "plan, or the folder OUT.parts): the same for every part, and names those that are "
                             "missing, damaged or of another run. Exit code 0: all is well; 1: "
                             "readable but wrong or not complete; "
                             "65: broken.",
              .operands = "FILE|DIR",
              .n_operands = 1,
              .examples = "  ascribe verify result.h5\n  ascribe verify plan.json\n  ascribe verify dataset.h5 --json",
              .options = options,
              .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(verify_values),
    .run = run,
};
