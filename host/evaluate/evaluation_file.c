// See evaluation_file.h; its arrays stand in evaluation_columns.c.
#include "evaluate/evaluation_file.h"

#include "evaluate/evaluation_columns.h"
#include "io/column_file.h"

#include <ascribe/version.h>

#include <stdlib.h>
#include <string.h>

typedef struct column_list {
    file_column columns[EVALUATION_ROW_COLUMNS + EVALUATION_METRIC_COLUMNS + 2 + EVALUATION_CURVES];
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

// [n_columns] members of the structures that stand at `data`, `stride` apart.
typedef struct member_list {
    const member_column *columns;
    size_t n_columns, n_rows;
    const void *data;
    size_t stride;
} member_list;

static void list_members(column_list *list, member_list members)
{
    for (size_t i = 0; i < members.n_columns; i++) {
        const member_column *column = &members.columns[i];
        list->columns[list->count++] = (file_column){column->name, column->type, members.n_rows, column->n_columns,
                                                     (const char *)members.data + column->offset, members.stride, 0};
    }
}

static void list_numbers(const evaluation_file *file, column_list *list)
{
    const asc_evaluation_summary *summary = file->summary;
    list_members(list, (member_list){evaluation_row_columns, EVALUATION_ROW_COLUMNS, file->n_rows, file->rows, sizeof *file->rows});
    list_members(list, (member_list){evaluation_metric_columns, EVALUATION_METRIC_COLUMNS, ASC_EVALUATION_METRICS, summary->metrics,
                                     sizeof *summary->metrics});
    list_members(list, (member_list){evaluation_curves, EVALUATION_CURVES, ASC_EVALUATION_POINTS, summary, sizeof *summary->deletion});
}

asc_status evaluation_file_check(const evaluation_file *file, asc_error *err)
{
    return column_file_check(&(column_file){.path = file->path, .force = file->force}, err);
}

static asc_status write_columns(const evaluation_file *file, const column_list *list, asc_error *err)
{
    const file_text texts[] = {{"format", EVALUATION_FORMAT},
                               {"format_version", "1.0"},
                               {"created_by", "ascribe " ASC_VERSION},
                               {"manifest", file->manifest},
                               {"settings", file->settings}};
    file_number numbers[EVALUATION_COUNTS];
    for (size_t i = 0; i < EVALUATION_COUNTS; i++) {
        size_t count;
        memcpy(&count, (const char *)file->summary + evaluation_counts[i].offset, sizeof count);
        numbers[i] = (file_number){evaluation_counts[i].name, (int64_t)count};
    }
    const column_file plan = {.path = file->path,
                              .what = "the evaluation",
                              .texts = texts,
                              .n_texts = sizeof texts / sizeof *texts,
                              .numbers = numbers,
                              .n_numbers = EVALUATION_COUNTS,
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
