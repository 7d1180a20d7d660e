// `ascribe export`: a result as one long table or as JSON lines, slice by slice.
#include "command.h"
#include "export_rows.h"
#include "file_kind.h"
#include "output_file.h"
#include "report_error.h"
#include "terminal.h"

typedef struct export_values {
    bool csv, jsonl;
    const char *out;
    row_range rows;
} export_values;

enum { ROWS_AT_ONCE = 512 };

// clang-format off
static const option_spec options[] = {
    {.name = "csv", .kind = OPTION_SET, .offset = offsetof(export_values, csv),
     .group = "Format (one of them)", .help = "a line for each row, class and feature"},
    {.name = "jsonl", .kind = OPTION_SET, .offset = offsetof(export_values, jsonl),
     .help = "a JSON object for each row, features nested"},
    {.name = "out", .letter = 'o', .kind = OPTION_STRING, .argument = "FILE", .zero = "standard output",
     .offset = offsetof(export_values, out), .group = "What and where",
     .help = "file to write, replaced when it exists; appears complete or not at all"},
    {.name = "rows", .kind = OPTION_RANGE, .argument = "A:B", .zero = "all",
     .offset = offsetof(export_values, rows),
     .help = "rows of the result from A on and before B, counted from 0"},
};
// clang-format on

static void set_defaults(void *values)
{
    *(export_values *)values = (export_values){.rows = {0, -1}};
}

static asc_status write_slice(FILE *out, const asc_result_info *info, const asc_result_rows *rows, bool csv,
                              asc_error *err)
{
    feature_names names = {0};
    asc_status status = ASC_OK;

    for (size_t i = 0; i < rows->n_rows && status == ASC_OK; i++) {
        const row_view view = row_view_at(info, rows, i);
        status = feature_names_build(&names, &view, err);
        if (status == ASC_OK && csv)
            export_csv_row(out, &view, &names, terminal_is_tty(out));
        else if (status == ASC_OK)
            export_json_row(out, &view, &names);
    }
    feature_names_free(&names);
    return status;
}

static asc_status write_rows(FILE *out, asc_result *result, const export_values *values, asc_error *err)
{
    const asc_result_info *info = asc_result_describe(result);
    const size_t end = values->rows.end < 0 ? info->n_rows : (size_t)values->rows.end;
    asc_status status = ASC_OK;

    if (values->csv)
        export_csv_header(out, info);
    for (size_t first = (size_t)values->rows.first; first < end && status == ASC_OK; first += ROWS_AT_ONCE) {
        const size_t count = end - first < ROWS_AT_ONCE ? end - first : ROWS_AT_ONCE;
        asc_result_rows *rows = NULL;
        status = asc_result_read(result, first, count, &rows, err);
        if (status == ASC_OK)
            status = write_slice(out, info, rows, values->csv, err);
        asc_result_rows_free(rows);
        if (status == ASC_OK && ferror(out))
            status = cli_fail(err, ASC_IO_ERROR, "%s: writing failed",
                              values->out ? values->out : "standard output");
    }
    return status;
}

static asc_status check_rows(asc_result *result, const export_values *values, asc_error *err)
{
    const size_t first = (size_t)values->rows.first, n_rows = asc_result_describe(result)->n_rows;

    return asc_result_check(result, first, (values->rows.end < 0 ? n_rows : (size_t)values->rows.end) - first, err);
}

static asc_status check_choices(const export_values *values, const char *path, size_t n_rows, asc_error *err)
{
    const int64_t last = values->rows.end < 0 ? values->rows.first + 1 : values->rows.end;

    if ((uint64_t)last > n_rows)
        return cli_fail(err, ASC_USAGE,
                        "--rows: %s has %zu rows, expected a range within 0:%zu, found %lld:%lld", path,
                        n_rows, n_rows, (long long)values->rows.first, (long long)last);
    if (values->out && file_kind_same(values->out, path))
        return cli_fail(err, ASC_USAGE, "--out: expected another file than the result itself, found '%s'",
                        values->out);
    return ASC_OK;
}

static asc_status run(const command_call *call, asc_error *err)
{
    const export_values *values = call->values;
    asc_result *result = NULL;
    output_file file = {0};
    asc_status status;

    if (values->csv == values->jsonl) {
        (void)cli_fail(err, ASC_USAGE, "export: expected one of --csv and --jsonl, found %s",
                       values->csv ? "both" : "neither");
        return cli_hint(err, "a table for spreadsheets and pandas: --csv; one object a row: --jsonl");
    }
    status = asc_result_open(call->operands[0], &result, err);
    if (status == ASC_OK)
        status = check_choices(values, call->operands[0], asc_result_describe(result)->n_rows, err);
    if (status == ASC_OK)
        status = check_rows(result, values, err);
    if (status == ASC_OK)
        status = output_file_open(&file, values->out, err);
    if (status == ASC_OK)
        status = write_rows(file.stream, result, values, err);
    if (status == ASC_OK)
        status = output_file_commit(&file, err);
    output_file_abort(&file);
    asc_result_close(result);
    return status;
}

const cli_command command_export = {
    .summary = "Writes a result as CSV or JSON lines",
    .table =
        {.command = "export",
         .usage = "export RESULT --csv|--jsonl [-o FILE] [--rows A:B]",
         .description =
             "Writes the attributions as text. The columns of the table are row, id, position, label (several: "
             "with | between), class, feature, begin, end (bytes in the row's text; texts of a pair lie back to "
             "back), part (of pairs only: 0 = the first text, 1 = the second), text, value, std_error, base, "
             "output and status; what has no value is empty (CSV) or null (JSON). In the JSON of pairs, split is "
             "the byte where the second text begins. Rows without features are in the JSON alone.",
         .operands = "RESULT",
         .n_operands = 1,
         .examples = "  ascribe export result.h5 --csv -o result.csv\n"
                     "  ascribe export result.h5 --jsonl --rows 0:100 | head -1",
         .options = options,
         .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(export_values),
    .set_defaults = set_defaults,
    .run = run,
};
