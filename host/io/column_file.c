// See column_file.h.
#include "io/column_file.h"

#include "base/child.h"
#include "base/durable.h"
#include "io/h5file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_AT_ONCE = 4096 };

typedef struct writing {
    const column_file *file;
    const char *path;
} writing;

static size_t line_bytes(const file_column *column, const h5set *set)
{
    return set->element_size * (column->n_columns ? column->n_columns : 1);
}

// Lines [first, first + count) back to back.
static void gather(const file_column *column, size_t size, size_t first, size_t count, char *block)
{
    for (size_t i = 0; i < count; i++)
        memcpy(block + i * size, (const char *)column->data + (first + i) * column->stride, size);
}

static size_t lines_from(const file_column *column, size_t first)
{
    return column->n_rows - first < LINES_AT_ONCE ? column->n_rows - first : LINES_AT_ONCE;
}

static asc_status write_column(h5file *file, const file_column *column, asc_error *err)
{
    const h5set_plan plan = {{column->type, column->n_rows, column->n_columns}, column->text_size, H5SET_ROWS_PER_CHUNK, true};
    h5set set;
    TRY(h5set_create(file, column->name, plan, &set, err));
    const size_t size = line_bytes(column, &set);
    char *block = malloc(LINES_AT_ONCE * size);
    if (!block)
        return fail_memory(err, column->name, LINES_AT_ONCE * size);
    for (size_t first = 0; first < column->n_rows; first += LINES_AT_ONCE) {
        const size_t count = lines_from(column, first);
        gather(column, size, first, count, block);
        TRY(h5set_append(&set, count, block, err));
    }
    free(block);
    return h5set_finish(&set, err);
}

static asc_status write_all(void *context, asc_error *err)
{
    const writing *w = context;
    const column_file *plan = w->file;
    h5file *file = NULL;
    h5_silence_begin(); // for the rest of the process
    TRY(h5file_create(w->path, &file, err));
    for (size_t i = 0; i < plan->n_texts; i++)
        TRY(h5file_write_text(file, plan->texts[i].name, plan->texts[i].value, err));
    for (size_t i = 0; i < plan->n_numbers; i++)
        TRY(h5file_write_int(file, plan->numbers[i].name, plan->numbers[i].value, err));
    for (size_t i = 0; i < plan->n_columns; i++)
        TRY(write_column(file, &plan->columns[i], err));
    TRY(h5file_write_int(file, "complete", 1, err));
    return h5file_finish(file, err);
}

static asc_status compare_column(const h5file *file, const file_column *column, asc_error *err)
{
    const h5set_shape shape = {column->type, column->n_rows, column->n_columns};
    h5set set;
    TRY(h5set_open_as(file, column->name, shape, &set, err));
    const size_t size = line_bytes(column, &set);
    char *block = malloc(LINES_AT_ONCE * size), *read = malloc(LINES_AT_ONCE * size);
    if (!block || !read)
        return fail_memory(err, column->name, 2 * LINES_AT_ONCE * size);
    for (size_t first = 0; first < column->n_rows; first += LINES_AT_ONCE) {
        const size_t count = lines_from(column, first);
        gather(column, size, first, count, block);
        TRY(h5set_read(&set, first, count, read, err));
        if (memcmp(block, read, count * size) != 0)
            return fail(err, ASC_IO_ERROR, "%s: dataset '%s' is not what was written", h5file_path(file), column->name);
    }
    free(read);
    free(block);
    h5set_close(&set);
    return ASC_OK;
}

static asc_status compare_all(void *context, asc_error *err)
{
    const writing *w = context;
    h5file *file = NULL;
    h5_silence_begin();
    TRY(h5file_open(w->path, &file, err));
    for (size_t i = 0; i < w->file->n_columns; i++)
        TRY(compare_column(file, &w->file->columns[i], err));
    h5file_close(file);
    return ASC_OK;
}

static asc_status run_step(const writing *w, child_step *step, asc_error *err)
{
    char who[128];
    snprintf(who, sizeof who, "the process that writes %s", w->file->what);
    const child_job child = {.step = step,
                             .context = (void *)(uintptr_t)w,
                             .stop = w->file->stop,
                             .writes = true,
                             .dead = who,
                             .dead_hint = "the inputs are untouched: the same command tries again",
                             .dead_status = ASC_IO_ERROR};
    return child_run(&child, err);
}

asc_status column_file_check(const column_file *file, asc_error *err)
{
    return durable_check_new(file->path, file->force, err);
}

asc_status column_file_write(const column_file *file, asc_error *err)
{
    char *path = NULL;
    TRY(durable_temporary(file->path, &path, err));
    const writing w = {file, path};
    asc_status status = run_step(&w, write_all, err);
    if (status == ASC_OK)
        status = run_step(&w, compare_all, err);
    status = durable_finish(status, path, file->path, file->force, err);
    free(path);
    return status;
}
