// See verify_run.h. Parts that are not in order are collected while the library reads on, and told behind the summary.
#include "verify_run.h"

#include "numbers.h"
#include "print_json.h"
#include "report_error.h"
#include "utf8.h"

#include <ascribe/plan.h>

#include <jansson.h>

#include <stdio.h>
#include <string.h>

enum { N_STATES = ASC_PART_SET_ASIDE + 1, STATE_COLUMNS = 10, MOST_LINES = 100 };

void verify_print_check(bool passed, const char *what)
{
    printf("  %-6s %s\n", passed ? "ok" : "FAILED", what);
}

// A reason that begins with the path says it once.
static void collect(void *user, asc_part_state state, const char *path, const char *why)
{
    const size_t length = strlen(path);

    if (strncmp(why, path, length) == 0 && strncmp(why + length, ": ", 2) == 0)
        why += length + 2;
    json_array_append_new(user, json_pack("{s:s, s:o, s:o}", "state", asc_part_state_name(state), "path", json_text(path), "why", json_text(why)));
}

static void print_text(const json_t *object, const char *key)
{
    const json_t *text = json_object_get(object, key);

    utf8_print_safe(stdout, json_string_value(text), json_string_length(text));
}

static void print_found(const json_t *found)
{
    const size_t n_found = json_array_size(found);

    for (size_t i = 0; i < n_found && i < MOST_LINES; i++) {
        const json_t *part = json_array_get(found, i);
        printf("  %-*s ", STATE_COLUMNS, json_string_value(json_object_get(part, "state")));
        print_text(part, "path");
        fputs(": ", stdout);
        print_text(part, "why");
        putchar('\n');
    }
    if (n_found > MOST_LINES)
        printf("  ... and %zu more (--json lists all)\n", n_found - MOST_LINES);
}

static void print_counted(size_t n_wrong, const char *right, const char *wrong)
{
    if (n_wrong == 0)
        verify_print_check(true, right);
    else
        printf("  FAILED %s: %zu\n", wrong, n_wrong);
}

static void print_report(const char *path, const asc_parts_report *report, const json_t *found)
{
    const size_t *n = report->n_with_state;
    char number[NUMBER_TEXT];

    printf("%s: a run, %zu rows in %zu parts\n", path, report->n_rows, report->n_parts);
    print_counted(n[ASC_PART_MISSING], "every part is there", "parts that are missing");
    print_counted(n[ASC_PART_DAMAGED], "every part that is there is whole: checksums, digest, end mark", "parts that are damaged");
    print_counted(n[ASC_PART_FOREIGN], "every part that is there is this run's", "parts of another run, or in another's place");
    print_counted(report->n_unexpected_nan, "every attribution is a number where the row's status promises one", "missing numbers");
    if (report->max_residual >= 0)
        print_counted(report->n_residual_over_limit, "attributions add up to output - base value", "rows that do not add up");
    else
        puts("  -      attributions need not add up to output - base value with this method");
    if (report->max_residual >= 0)
        printf("  largest residual %s\n", format_float(number, (float)report->max_residual));
    printf("  %zu of %zu rows are there, %zu of them without attributions\n", report->n_rows_present, report->n_rows, report->n_unexplained);
    if (report->kernel_sets[0])
        printf("  backend %s, kernels %s\n", report->backend, report->kernel_sets);
    if (n[ASC_PART_UNFINISHED] || n[ASC_PART_SET_ASIDE])
        printf("  %zu unfinished files of killed processes and %zu damaged parts set aside: harmless\n", n[ASC_PART_UNFINISHED],
               n[ASC_PART_SET_ASIDE]);
    print_found(found);
}

static json_t *report_as_json(const char *path, const asc_parts_report *report, json_t *found, bool passed)
{
    json_t *states = json_object();

    for (int state = 0; state < N_STATES; state++)
        json_object_set_new(states, asc_part_state_name((asc_part_state)state), json_integer((json_int_t)report->n_with_state[state]));
    return json_pack("{s:o, s:s, s:b, s:I, s:I, s:I, s:o, s:I, s:I, s:o, s:I, s:o, s:o, s:O}", "path", json_text(path), "kind", "run", "ok",
                     (int)passed, "rows", (json_int_t)report->n_rows, "rows_present", (json_int_t)report->n_rows_present, "parts",
                     (json_int_t)report->n_parts, "parts_with_state", states, "unexpected_nan", (json_int_t)report->n_unexpected_nan,
                     "residual_over_limit", (json_int_t)report->n_residual_over_limit, "largest_residual",
                     json_number(report->max_residual), "rows_unexplained", (json_int_t)report->n_unexplained, "backend",
                     json_text(report->backend), "kernel_sets", json_text(report->kernel_sets), "found", found);
}

asc_status verify_run(const char *path, bool as_json, asc_error *err)
{
    asc_parts_report report = {0};
    asc_error print_error;
    json_t *found = json_array();
    asc_status status;

    if (!found)
        return cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for the report");
    status = asc_parts_check(path, collect, found, &report, err);
    if ((status == ASC_OK || status == ASC_FAILED_CHECK) && !as_json) {
        print_report(path, &report, found);
    } else if ((status == ASC_OK || status == ASC_FAILED_CHECK) &&
               print_json(report_as_json(path, &report, found, status == ASC_OK), &print_error) != ASC_OK) {
        *err = print_error;
        status = err->status;
    }
    json_decref(found);
    return status;
}
