// See evaluation_file.h. rows/, attribution/ and random/ have a line for each row; all/ one for each metric, curves/ one for each point.
#include "evaluate/evaluation_file.h"

#include "io/column_file.h"

#include <ascribe/version.h>

#include <stdlib.h>
#include <string.h>

enum { METRIC_BYTES = sizeof(asc_evaluation_metric) };

// A member of row_scores.
typedef struct row_column {
    const char *name;
    column_type type;
    size_t n_columns, offset;
} row_column;

#define ROW(member) offsetof(row_scores, member)
#define ORDER_COLUMNS(group, member)                                                                            \
    {group "/comprehensiveness_aopc", COLUMN_FLOAT32, 0, ROW(member.metrics[0])},                               \
    {group "/sufficiency_aopc", COLUMN_FLOAT32, 0, ROW(member.metrics[1])},                                     \
    {group "/deletion_auc", COLUMN_FLOAT32, 0, ROW(member.metrics[2])},                                         \
    {group "/insertion_auc", COLUMN_FLOAT32, 0, ROW(member.metrics[3])},                                        \
    {group "/token_f1", COLUMN_FLOAT32, 0, ROW(member.metrics[SCORES_PLAUSIBILITY + PLAUSIBILITY_TOKEN_F1])},   \
    {group "/iou_f1", COLUMN_FLOAT32, 0, ROW(member.metrics[SCORES_PLAUSIBILITY + PLAUSIBILITY_IOU_F1])},       \
    {group "/auprc", COLUMN_FLOAT32, 0, ROW(member.metrics[SCORES_PLAUSIBILITY + PLAUSIBILITY_AUPRC])},         \
    {group "/comprehensiveness_aopc_points", COLUMN_FLOAT32, PLAN_N_BINS, ROW(member.metrics[4])},              \
    {group "/sufficiency_aopc_points", COLUMN_FLOAT32, PLAN_N_BINS, ROW(member.metrics[4 + PLAN_N_BINS])},      \
    {group "/deletion", COLUMN_FLOAT32, PLAN_MOST_POINTS, ROW(member.deletion)},                                \
    {group "/insertion", COLUMN_FLOAT32, PLAN_MOST_POINTS, ROW(member.insertion)}

static const row_column row_columns[] = {
    {"rows/id", COLUMN_UINT64, 0, ROW(id)},
    {"rows/class", COLUMN_INT32, 0, ROW(class_index)},
    {"rows/features", COLUMN_UINT32, 0, ROW(n_features)},
    {"rows/output", COLUMN_FLOAT32, 0, ROW(output)},
    {"rows/base_value", COLUMN_FLOAT32, 0, ROW(base_value)},
    {"rows/fractions", COLUMN_FLOAT32, PLAN_MOST_POINTS, ROW(fractions)},
    ORDER_COLUMNS("attribution", attribution),
    ORDER_COLUMNS("random", random),
};

#define METRIC(member) offsetof(asc_evaluation_metric, member)
#define MEAN_COLUMNS(group, member)                                                     \
    {group "/mean", COLUMN_FLOAT64, 0, METRIC(member.mean)},                            \
    {group "/std_error", COLUMN_FLOAT64, 0, METRIC(member.std_error)},                  \
    {group "/ci_low", COLUMN_FLOAT64, 0, METRIC(member.low)},                           \
    {group "/ci_high", COLUMN_FLOAT64, 0, METRIC(member.high)}

static const row_column metric_columns[] = {
    MEAN_COLUMNS("all/attribution", attribution),
    MEAN_COLUMNS("all/random", random),
    MEAN_COLUMNS("all/difference", difference),
};

enum { N_ROW_COLUMNS = sizeof row_columns / sizeof *row_columns, N_METRIC_COLUMNS = sizeof metric_columns / sizeof *metric_columns, N_CURVES = 5 };
typedef struct column_list {
    file_column columns[N_ROW_COLUMNS + N_METRIC_COLUMNS + 2 + N_CURVES];
    size_t count;
} column_list;

// Texts padded to the longest, for a column; the caller frees `block`.
typedef struct padded {
    char *block;
    size_t size; // of one, without terminator
    size_t count;
} padded;

static asc_status pad(const char *const *texts, size_t count, padded *out, asc_error *err)
{
    *out = (padded){.size = 1, .count = count};
    for (size_t i = 0; i < count; i++)
        out->size = strlen(texts[i]) > out->size ? strlen(texts[i]) : out->size;
    out->block = calloc(count, out->size + 1);
    if (!out->block)
        return fail_memory(err, "names", count * (out->size + 1));
    for (size_t i = 0; i < count; i++)
        strcpy(out->block + i * (out->size + 1), texts[i]);
    return ASC_OK;
}

static void list_texts(column_list *list, const char *name, const padded *texts)
{
    list->columns[list->count++] = (file_column){name, COLUMN_TEXT, texts->count, 0, texts->block, texts->size + 1, texts->size};
}

static void list_numbers(const evaluation_file *file, column_list *list)
{
    const asc_evaluation_summary *summary = file->summary;
    const struct {
        const char *name;
        const double *points;
    } curves[N_CURVES] = {{"curves/fractions", summary->fractions},
                          {"curves/deletion", summary->deletion},
                          {"curves/insertion", summary->insertion},
                          {"curves/random_deletion", summary->random_deletion},
                          {"curves/random_insertion", summary->random_insertion}};
    for (size_t i = 0; i < N_ROW_COLUMNS; i++)
        list->columns[list->count++] = (file_column){row_columns[i].name, row_columns[i].type, file->n_rows, row_columns[i].n_columns,
                                                     (const char *)file->rows + row_columns[i].offset, sizeof(row_scores), 0};
    for (size_t i = 0; i < N_METRIC_COLUMNS; i++)
        list->columns[list->count++] = (file_column){metric_columns[i].name, metric_columns[i].type, ASC_EVALUATION_METRICS, 0,
                                                     (const char *)summary->metrics + metric_columns[i].offset, METRIC_BYTES, 0};
    for (size_t i = 0; i < N_CURVES; i++)
        list->columns[list->count++] =
            (file_column){curves[i].name, COLUMN_FLOAT64, ASC_EVALUATION_POINTS, 0, curves[i].points, sizeof(double), 0};
}

asc_status evaluation_file_check(const evaluation_file *file, asc_error *err)
{
    return column_file_check(&(column_file){.path = file->path, .force = file->force}, err);
}

static asc_status write_columns(const evaluation_file *file, const column_list *list, asc_error *err)
{
    const asc_evaluation_summary *summary = file->summary;
    const file_text texts[] = {{"format", "ascribe-evaluation"},
                               {"format_version", "1.0"},
                               {"created_by", "ascribe " ASC_VERSION},
                               {"manifest", file->manifest},
                               {"settings", file->settings}};
    const file_number numbers[] = {{"n_rows", (int64_t)summary->n_rows},
                                   {"n_evaluated", (int64_t)summary->n_evaluated},
                                   {"n_unexplained", (int64_t)summary->n_unexplained},
                                   {"n_no_features", (int64_t)summary->n_no_features},
                                   {"n_not_explained_class", (int64_t)summary->n_not_explained_class},
                                   {"n_non_finite", (int64_t)summary->n_non_finite}};
    const column_file plan = {.path = file->path,
                              .what = "the evaluation",
                              .texts = texts,
                              .n_texts = sizeof texts / sizeof *texts,
                              .numbers = numbers,
                              .n_numbers = sizeof numbers / sizeof *numbers,
                              .columns = list->columns,
                              .n_columns = list->count,
                              .force = file->force,
                              .stop = file->stop};
    return column_file_write(&plan, err);
}

asc_status evaluation_file_write(const evaluation_file *file, asc_error *err)
{
    column_list list = {.count = 0};
    padded metrics = {0}, classes = {0};
    asc_status status = pad(scores_names, ASC_EVALUATION_METRICS, &metrics, err);
    if (status == ASC_OK)
        status = pad(file->class_names, file->n_classes, &classes, err);
    if (status == ASC_OK) {
        list_texts(&list, "class_names", &classes);
        list_texts(&list, "all/metric", &metrics);
        list_numbers(file, &list);
        status = write_columns(file, &list, err);
    }
    free(classes.block);
    free(metrics.block);
    return status;
}
