// See importance_file.h. Group g is called groups/bytes[groups/offsets[g] : groups/offsets[g + 1]]; sage/ and removal/ have its numbers;
// all/value those of the whole dataset, by all/name.
#include "importance/importance_file.h"

#include "io/column_file.h"
#include "io/trial.h"

#include <ascribe/version.h>

#include <stdlib.h>
#include <string.h>

typedef struct group_column {
    const char *name;
    size_t offset;
} group_column;

#define GROUP(member) offsetof(asc_group_importance, member)
#define MEAN_COLUMNS(folder, member)                                                                \
    {folder "/std_error", GROUP(member.std_error)}, {folder "/ci_low", GROUP(member.low)},          \
    {folder "/ci_high", GROUP(member.high)}

static const group_column group_columns[] = {
    {"sage/value", GROUP(sage.mean)},
    {"sage/std_error_sampling", GROUP(sampling_error)},
    {"sage/std_error_population", GROUP(sage.std_error)},
    {"sage/ci_low", GROUP(sage.low)},
    {"sage/ci_high", GROUP(sage.high)},
    {"removal/log_loss/drop", GROUP(log_loss.mean)},
    MEAN_COLUMNS("removal/log_loss", log_loss),
    {"removal/accuracy/drop", GROUP(accuracy.mean)},
    MEAN_COLUMNS("removal/accuracy", accuracy),
    {"removal/auc/drop", GROUP(auc.mean)},
    MEAN_COLUMNS("removal/auc", auc),
};

enum { N_GROUP_COLUMNS = sizeof group_columns / sizeof *group_columns, ALL_NAME = 16 };

typedef struct all_number {
    char name[ALL_NAME];
    double value;
} all_number;

enum { N_ALL = 5, N_COLUMNS = N_GROUP_COLUMNS + 5 };

// The names back to back; the caller frees both.
typedef struct names {
    char *bytes;
    int64_t *offsets; // [n_groups + 1]
} names;

static asc_status join_names(const asc_importance_info *info, names *out, asc_error *err)
{
    size_t n_bytes = 0;
    for (size_t g = 0; g < info->n_groups; g++)
        n_bytes += info->groups[g].name_size;
    out->bytes = malloc(n_bytes + 1);
    out->offsets = calloc(info->n_groups + 1, sizeof *out->offsets);
    if (!out->bytes || !out->offsets)
        return fail_memory(err, "the names of groups", n_bytes);
    for (size_t g = 0; g < info->n_groups; g++) {
        memcpy(out->bytes + out->offsets[g], info->groups[g].name, info->groups[g].name_size);
        out->offsets[g + 1] = out->offsets[g] + (int64_t)info->groups[g].name_size;
    }
    return ASC_OK;
}

static void list_columns(const asc_importance_info *info, const names *joined, const all_number *all, file_column *columns)
{
    const size_t n = info->n_groups;
    *columns++ = (file_column){"groups/offsets", COLUMN_INT64, n + 1, 0, joined->offsets, sizeof *joined->offsets, 0};
    *columns++ = (file_column){"groups/bytes", COLUMN_UINT8, (size_t)joined->offsets[n], 0, joined->bytes, 1, 0};
    *columns++ = (file_column){"groups/rows", COLUMN_UINT64, n, 0, &info->groups[0].n_rows, sizeof *info->groups, 0};
    *columns++ = (file_column){"all/name", COLUMN_TEXT, N_ALL, 0, all[0].name, sizeof *all, ALL_NAME - 1};
    *columns++ = (file_column){"all/value", COLUMN_FLOAT64, N_ALL, 0, &all[0].value, sizeof *all, 0};
    for (size_t i = 0; i < N_GROUP_COLUMNS; i++)
        *columns++ = (file_column){group_columns[i].name, COLUMN_FLOAT64, n, 0, (const char *)info->groups + group_columns[i].offset,
                                   sizeof *info->groups, 0};
}

static asc_status write_columns(const importance_file *file, const file_column *columns, asc_error *err)
{
    const asc_importance_info *info = file->info;
    const file_text texts[] = {{"format", "ascribe-importance"},
                               {"format_version", "1.0"},
                               {"created_by", "ascribe " ASC_VERSION},
                               {"loss", info->loss},
                               {"settings", file->settings}};
    const file_number numbers[] = {{"n_rows", (int64_t)info->n_rows},
                                   {"n_evaluated", (int64_t)info->n_evaluated},
                                   {"n_unlabelled", (int64_t)info->n_unlabelled},
                                   {"n_no_features", (int64_t)info->n_no_features},
                                   {"n_unreadable", (int64_t)info->n_unreadable},
                                   {"n_non_finite", (int64_t)info->n_non_finite},
                                   {"n_words", (int64_t)info->n_words},
                                   {"n_passes", (int64_t)info->n_passes},
                                   {"converged", info->converged}};
    const column_file plan = {.path = file->path,
                              .what = "the importance",
                              .texts = texts,
                              .n_texts = sizeof texts / sizeof *texts,
                              .numbers = numbers,
                              .n_numbers = sizeof numbers / sizeof *numbers,
                              .columns = columns,
                              .n_columns = N_COLUMNS,
                              .force = file->force,
                              .stop = file->stop};
    return column_file_write(&plan, err);
}

asc_status importance_file_write(const importance_file *file, asc_error *err)
{
    const asc_importance_info *info = file->info;
    const all_number all[N_ALL] = {{"loss_full", info->loss_full},
                                   {"loss_empty", info->loss_empty},
                                   {"accuracy", info->accuracy},
                                   {"auc", info->auc},
                                   {"ratio", info->ratio}};
    file_column columns[N_COLUMNS];
    names joined = {0};
    asc_status status = join_names(info, &joined, err);
    if (status == ASC_OK) {
        list_columns(info, &joined, all, columns);
        status = write_columns(file, columns, err);
    }
    free(joined.offsets);
    free(joined.bytes);
    return status;
}

asc_status asc_importance_is(const char *path, int *is_importance, asc_error *err)
{
    bool found = false;
    const asc_status status = trial_format_is(path, "ascribe-importance", &found, err);
    *is_importance = found;
    return status;
}
