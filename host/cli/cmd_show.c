// `ascribe show`: one row of a result for people.
#include "command.h"
#include "numbers.h"
#include "render_row.h"
#include "report_error.h"
#include "terminal.h"

#include <string.h>

typedef struct show_values {
    int64_t row;
    const char *id;
    const char *class_name;
    const char *color;
    int64_t top;
    bool list;
} show_values;

enum { ROWS_AT_ONCE = 4096 };

// clang-format off
static const option_spec options[] = {
    {.name = "row", .letter = 'r', .kind = OPTION_INT64, .argument = "N",
     .offset = offsetof(show_values, row), .group = "What", .help = "row of the result, counted from 0"},
    {.name = "id", .kind = OPTION_STRING, .argument = "ID", .offset = offsetof(show_values, id),
     .help = "the row with this id"},
    {.name = "class", .letter = 'c', .kind = OPTION_STRING, .argument = "NAME|INDEX",
     .zero = "the predicted one if explained", .offset = offsetof(show_values, class_name),
     .help = "class whose attributions are shown"},
    {.name = "top", .letter = 'k', .kind = OPTION_INT64, .argument = "K", .low = 1,
     .zero = "20, with --list all", .offset = offsetof(show_values, top),
     .help = "so many features at most"},
    {.name = "list", .letter = 'l', .kind = OPTION_SET, .offset = offsetof(show_values, list),
     .group = "How", .help = "lines of word, value and standard error with tabs between, strongest first"},
    {.name = "color", .kind = OPTION_STRING, .argument = "WHEN", .choices = "auto|always|never",
     .offset = offsetof(show_values, color), .help = "auto, always or never"},
};
// clang-format on

static void set_defaults(void *values)
{
    *(show_values *)values = (show_values){.color = "auto"};
}

static bool has_id(const row_view *view, const char *id)
{
    char number[NUMBER_TEXT];

    return strcmp(row_view_id(view, number), id) == 0;
}

static asc_status find_row(asc_result *result, const char *path, const char *id, size_t *row, asc_error *err)
{
    const asc_result_info *info = asc_result_describe(result);

    if (asc_result_check(result, 0, info->n_rows, err) != ASC_OK)
        return err->status;
    for (size_t first = 0; first < info->n_rows; first += ROWS_AT_ONCE) {
        const size_t left = info->n_rows - first, count = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
        asc_result_rows *rows = NULL;
        if (asc_result_read(result, first, count, &rows, err) != ASC_OK)
            return err->status;
        bool found = false;
        for (size_t i = 0; i < count && !found; i++) {
            const row_view view = row_view_at(info, rows, i);
            found = has_id(&view, id);
            *row = first + i;
        }
        asc_result_rows_free(rows);
        if (found)
            return ASC_OK;
    }
    return cli_fail(err, ASC_USAGE, "--id: expected the id of a row of %s, found '%s'", path, id);
}

// Names of the classes that the row has attributions for, separated by commas.
static void list_explained(const row_view *view, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t target = 0; target < view->info->n_targets && used < size; target++) {
        char number[NUMBER_TEXT];
        if (view->targets[target] >= 0)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
                                     row_view_class(view, view->targets[target], number));
    }
}

static asc_status choose_target(const row_view *view, const char *class_name, size_t *target, asc_error *err)
{
    const asc_result_info *info = view->info;
    char explained[256];
    int64_t class_index = -1;

    if (!class_name) {
        *target = row_view_find_target(view, row_view_prediction(view));
        if (*target == info->n_targets)
            *target = 0;
        return ASC_OK;
    }
    for (size_t i = 0; i < info->n_classes && class_index < 0; i++)
        if (strcmp(info->class_names[i], class_name) == 0)
            class_index = (int64_t)i;
    if (class_index < 0)
        (void)parse_int64(class_name, 0, (int64_t)info->n_classes - 1, &class_index);
    *target = row_view_find_target(view, (int32_t)class_index);
    if (*target < info->n_targets)
        return ASC_OK;
    list_explained(view, explained, sizeof explained);
    return cli_fail(err, ASC_USAGE, "--class: expected a class that is explained in row %zu (%s), found '%s'",
                    view->row, explained, class_name);
}

static asc_status show_row(asc_result *result, size_t row, const show_values *values, asc_error *err)
{
    asc_result_rows *rows = NULL;
    render_options how = {.top = (size_t)values->top,
                          .color = terminal_wants_color(stdout, values->color),
                          .width = terminal_width(stdout)};

    if (asc_result_check(result, row, 1, err) != ASC_OK || asc_result_read(result, row, 1, &rows, err) != ASC_OK)
        return err->status;
    const row_view view = row_view_at(asc_result_describe(result), rows, 0);
    asc_status status = choose_target(&view, values->class_name, &how.target, err);
    if (status == ASC_OK)
        status = values->list ? render_list(stdout, &view, &how, err) : render_row(stdout, &view, &how, err);
    asc_result_rows_free(rows);
    return status;
}

static asc_status run(const command_call *call, asc_error *err)
{
    const show_values *values = call->values;
    const char *path = call->operands[0];
    asc_result *result = NULL;
    size_t row = (size_t)values->row;

    asc_status status = asc_result_open(path, &result, err);
    if (status != ASC_OK)
        return status;
    const size_t n_rows = asc_result_describe(result)->n_rows;
    if (values->id)
        status = find_row(result, path, values->id, &row, err);
    else if (row >= n_rows)
        status = cli_fail(err, ASC_USAGE, "--row: %s has %zu rows, expected 0 to %zu, found %zu", path,
                          n_rows, n_rows ? n_rows - 1 : 0, row);
    if (status == ASC_OK)
        status = show_row(result, row, values, err);
    asc_result_close(result);
    return status;
}

const cli_command command_show = {
    .summary = "Shows a row of a result: its text with the attributions, and the strongest features",
    .table = {.command = "show",
              .usage = "show RESULT [--row N | --id ID] [options]",
              .description = "Prints a row's text with every word marked by how much it raised or lowered "
                             "the output, and a "
                             "table of the strongest features with value and standard error.",
              .operands = "RESULT",
              .n_operands = 1,
              .examples = "  ascribe show result.h5 --row 17\n  ascribe show result.h5 --id review-0042 "
                          "--class negative --list",
              .options = options,
              .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(show_values),
    .set_defaults = set_defaults,
    .run = run,
};
