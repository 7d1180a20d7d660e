// `ascribe merge`: the parts of a run become its result.
#include "command.h"
#include "explain_options.h"
#include "next_command.h"
#include "numbers.h"
#include "print_json.h"
#include "progress.h"
#include "report_error.h"
#include "run_path.h"
#include "stop_signals.h"

#include <ascribe/plan.h>

#include <stdio.h>
#include <stdlib.h>

typedef struct merge_values {
    const char *out, *data, *progress;
    bool force, keep_parts, json, quiet;
} merge_values;

#define FIELD(member) offsetof(merge_values, member)

// clang-format off
static const option_spec options[] = {
    {.name = "out", .letter = 'o', .kind = OPTION_STRING, .argument = "FILE.h5", .zero = "the run's own", .offset = FIELD(out),
     .group = "Options", .help = "where the result goes"},
    {.name = "data", .letter = 'd', .kind = OPTION_STRING, .argument = "FILE.h5", .zero = "where it was", .offset = FIELD(data),
     .help = "a copy of the run's dataset, for its texts, labels and ids"},
    {.name = "force", .kind = OPTION_SET, .offset = FIELD(force), .help = "replace another file that stands there"},
    {.name = "keep-parts", .kind = OPTION_SET, .offset = FIELD(keep_parts), .help = "leave the folder OUT.parts behind"},
    {.name = "json", .kind = OPTION_SET, .offset = FIELD(json), .help = "the summary as a JSON object"},
    PROGRESS_OPTION(FIELD),
    {.name = "quiet", .letter = 'q', .kind = OPTION_SET, .offset = FIELD(quiet),
     .help = "no progress and no summary; warnings and errors stay"},
};
// clang-format on

static void set_defaults(void *values)
{
    *(merge_values *)values = (merge_values){.progress = "auto"};
}

static double bytes_per_s(const asc_merge_summary *summary)
{
    return summary->elapsed_s > 0 ? (double)(summary->bytes_read + summary->bytes_written) / summary->elapsed_s : 0;
}

static asc_status print_summary(const char *out, const asc_merge_summary *summary, asc_error *err)
{
    char in[NUMBER_TEXT], written[NUMBER_TEXT], duration[NUMBER_TEXT];

    if (summary->already_complete) {
        printf("%s is complete: it holds the result of this very run, nothing was merged\n", out);
    } else {
        printf("%-*s%zu parts, %zu rows, %llu values\n", LABEL_COLUMNS, "merged", summary->n_parts, summary->n_rows,
               (unsigned long long)summary->n_values);
        printf("%-*s%s read, %s written\n", LABEL_COLUMNS, "files", format_bytes(in, (double)summary->bytes_read),
               format_bytes(written, (double)summary->bytes_written));
        printf("%-*s%s, %.1f MB/s\n", LABEL_COLUMNS, "time", format_duration(duration, summary->elapsed_s), bytes_per_s(summary) / 1e6);
    }
    printf("%-*s%s\n", LABEL_COLUMNS, "result", out);
    return next_command_print("next", (const char *[]){"ascribe", "show", out, "--row", "0", NULL}, "", err);
}

static asc_status print_summary_json(const char *out, const asc_merge_summary *summary, asc_error *err)
{
    return print_json(json_pack("{s:o, s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "result", json_text(out), "already_complete",
                                (int)summary->already_complete, "parts", (json_int_t)summary->n_parts, "rows",
                                (json_int_t)summary->n_rows, "values", (json_int_t)summary->n_values, "bytes_read",
                                (json_int_t)summary->bytes_read, "bytes_written", (json_int_t)summary->bytes_written, "seconds",
                                json_number(summary->elapsed_s), "bytes_per_second", json_number(bytes_per_s(summary))),
                      err);
}

static asc_status merge(const merge_values *values, const command_call *call, asc_merge_summary *summary, asc_error *err)
{
    progress_display progress;
    const asc_merge_job job = {
        .run_path = call->operands[0],
        .dataset_path = values->data,
        .out_path = values->out,
        .command = call->command_line,
        .force = values->force,
        .keep_parts = values->keep_parts,
        .log = {progress_log, &progress},
        .progress = progress_update,
        .progress_user = &progress,
        .should_stop = stop_signals_asked,
    };
    asc_status status;

    stop_signals_begin();
    progress_begin(&progress, values->quiet ? "none" : values->progress);
    progress_say(&progress, "checking the parts");
    status = asc_merge(&job, summary, err);
    progress_clear(&progress);
    return status;
}

static asc_status run(const command_call *call, asc_error *err)
{
    const merge_values *values = call->values;
    const char *path = call->operands[0];
    char *own = NULL;
    asc_merge_summary summary = {0};
    asc_status status = run_path_check(path, err);

    if (status == ASC_OK && !values->out)
        status = run_path_out(path, &own, err);
    const char *const out = values->out ? values->out : own;
    if (status == ASC_OK)
        status = merge(values, call, &summary, err);
    if (status == ASC_NOT_FOUND && !values->data && run_path_is(path) != RUN_PATH_NONE)
        (void)cli_hint(err, "texts, labels and ids of the result come from the run's dataset: --data FILE.h5 names a copy");
    if (status == ASC_OK && values->json)
        status = print_summary_json(out, &summary, err);
    else if (status == ASC_OK && !values->quiet)
        status = print_summary(out, &summary, err);
    free(own);
    return status;
}

const cli_command command_merge = {
    .summary = "Makes the result of a run out of its parts",
    .table = {.command = "merge",
              .usage = "merge PLAN.json|OUT.parts [options]",
              .description = "Checks every part (each exactly once, whole, of this run), writes the result beside its place, reads it again, "
                             "compares it bit for bit and gives it its name; then the parts are removed. Where parts are missing, damaged "
                             "or of another run nothing is written: they are named, exit code 1. Doing it again is harmless. 'ascribe "
                             "explain' without a plan merges by itself.",
              .operands = "PLAN.json|OUT.parts",
              .n_operands = 1,
              .examples = "  ascribe merge plan.json\n"
                          "  ascribe merge result.h5.parts --keep-parts\n"
                          "  ascribe merge plan.json --data /elsewhere/reviews.h5 -o /elsewhere/result.h5",
              .options = options,
              .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(merge_values),
    .set_defaults = set_defaults,
    .run = run,
};
