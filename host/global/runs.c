// Writing, reading and merging sorted runs; see runs.h.
#include "global/runs.h"

#include "base/durable.h"
#include "global/cell.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ID_BYTES = 8, BUFFER_BYTES = 1 << 16, WORDS_BETWEEN_ASKING = 4096 };

typedef struct record_head {
    uint64_t size, n_cells;
} record_head;

static asc_status fail_writing(asc_error *err)
{
    (void)fail(err, ASC_IO_ERROR, "writing intermediate sums failed: %s", strerror(errno));
    return fail_hint(err, ASC_IO_ERROR, "make room on the disk of the output, or give more memory, so that less goes to the disk");
}

static asc_status open_file(const char *beside, FILE **file, asc_error *err)
{
    char *path = NULL;
    TRY(durable_temporary(beside, &path, err));
    const int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    *file = descriptor < 0 ? NULL : fdopen(descriptor, "w+");
    asc_status status = ASC_OK;
    if (!*file)
        status = fail(err, ASC_CANNOT_CREATE, "%s: a temporary file cannot be created: %s", path, strerror(errno));
    if (descriptor >= 0)
        unlink(path);
    if (descriptor >= 0 && !*file)
        close(descriptor);
    if (*file)
        setvbuf(*file, NULL, _IOFBF, BUFFER_BYTES);
    free(path);
    return status;
}

asc_status runs_write(FILE *file, const global_word *word, asc_error *err)
{
    const record_head head = {word->size, word->n_cells};
    if (fwrite(&head, sizeof head, 1, file) != 1 || (word->size && fwrite(word->text, word->size, 1, file) != 1) ||
        (word->n_cells && fwrite(word->cells, word->n_cells * sizeof *word->cells, 1, file) != 1))
        return fail_writing(err);
    return ASC_OK;
}

asc_status runs_write_id(FILE *file, uint64_t id, asc_error *err)
{
    char text[ID_BYTES];
    for (size_t i = 0; i < ID_BYTES; i++)
        text[i] = (char)(uint8_t)(id >> 8 * (ID_BYTES - 1 - i));
    return runs_write(file, &(global_word){text, ID_BYTES, NULL, 0}, err);
}

uint64_t runs_id(const global_word *word)
{
    uint64_t id = 0;
    for (size_t i = 0; i < ID_BYTES; i++)
        id = id << 8 | (uint8_t)word->text[i];
    return id;
}

asc_status runs_finish(FILE *file, asc_error *err)
{
    return fflush(file) == 0 ? ASC_OK : fail_writing(err);
}

static asc_status reserve(void *pointer, size_t *capacity, size_t count, size_t size, asc_error *err)
{
    void *memory = NULL;
    memcpy(&memory, pointer, sizeof memory);
    if (count <= *capacity && memory)
        return ASC_OK;
    void *const larger = realloc(memory, (count + count / 2 + 16) * size);
    if (!larger)
        return fail_memory(err, "a word's sums", count * size);
    memcpy(pointer, &larger, sizeof larger);
    *capacity = count + count / 2 + 16;
    return ASC_OK;
}

asc_status runs_read(FILE *file, runs_record *record, bool *end, asc_error *err)
{
    record_head head;
    *end = fread(&head, sizeof head, 1, file) != 1;
    if (*end)
        return ferror(file) ? fail(err, ASC_IO_ERROR, "reading intermediate sums failed") : ASC_OK;
    TRY(reserve(&record->text, &record->text_capacity, head.size, 1, err));
    TRY(reserve(&record->cells, &record->cell_capacity, head.n_cells, sizeof *record->cells, err));
    if ((head.size && fread(record->text, head.size, 1, file) != 1) ||
        (head.n_cells && fread(record->cells, head.n_cells * sizeof *record->cells, 1, file) != 1))
        return fail(err, ASC_IO_ERROR, "reading intermediate sums failed");
    record->word = (global_word){record->text, head.size, record->cells, head.n_cells};
    return ASC_OK;
}

void runs_record_free(runs_record *record)
{
    free(record->cells);
    free(record->text);
    *record = (runs_record){0};
}

// ---- The merge ----

typedef struct merge_state {
    FILE *files[RUNS_MOST];
    runs_record records[RUNS_MOST];
    bool ended[RUNS_MOST];
    size_t n;
    runs_record result;
    runs_totals totals;
} merge_state;

static asc_status advance(merge_state *m, size_t i, asc_error *err)
{
    return runs_read(m->files[i], &m->records[i], &m->ended[i], err);
}

// The run whose word comes first; n at the end.
static size_t find_first(const merge_state *m)
{
    size_t best = m->n;
    for (size_t i = 0; i < m->n; i++) {
        const global_word *word = &m->records[i].word;
        if (!m->ended[i] && (best == m->n || global_word_compare(word->text, word->size, m->records[best].word.text, m->records[best].word.size) < 0))
            best = i;
    }
    return best;
}

static int by_key(const void *left, const void *right)
{
    return global_cell_compare(left, right);
}

// Sorts the cells that were gathered and merges those of the same key.
static void unite_cells(runs_record *r)
{
    size_t n = 0;
    qsort(r->cells, r->word.n_cells, sizeof *r->cells, by_key);
    for (size_t i = 0; i < r->word.n_cells; i++) {
        if (n > 0 && global_cell_compare(&r->cells[n - 1], &r->cells[i]) == 0)
            cell_merge(&r->cells[n - 1], &r->cells[i]);
        else
            r->cells[n++] = r->cells[i];
    }
    r->word.n_cells = n;
}

static asc_status fail_twice(const char *what, const global_word *word, asc_error *err)
{
    (void)fail(err, ASC_MALFORMED, "the %s with id %" PRIu64 " is in the input twice: expected every %s once", what, runs_id(word), what);
    return fail_hint(err, ASC_MALFORMED, "name each file once, and results of different rows");
}

// The first word of all runs, with what all of them say of it.
static asc_status take_first(const runs *set, merge_state *m, size_t first, asc_error *err)
{
    runs_record *r = &m->result;
    const global_word *word = &m->records[first].word;
    TRY(reserve(&r->text, &r->text_capacity, word->size, 1, err));
    memcpy(r->text, word->text, word->size);
    r->word = (global_word){.text = r->text, .size = word->size};
    size_t n_runs = 0;
    for (size_t i = first; i < m->n; i++) {
        const global_word *other = &m->records[i].word;
        if (m->ended[i] || global_word_compare(other->text, other->size, r->text, r->word.size) != 0)
            continue;
        n_runs++;
        TRY(reserve(&r->cells, &r->cell_capacity, r->word.n_cells + other->n_cells, sizeof *r->cells, err));
        memcpy(r->cells + r->word.n_cells, other->cells, other->n_cells * sizeof *r->cells);
        r->word.n_cells += other->n_cells;
        r->word.cells = r->cells;
        TRY(advance(m, i, err));
    }
    if (set->twice && n_runs > 1)
        return fail_twice(set->twice, &r->word, err);
    if (n_runs > 1)
        unite_cells(r);
    return ASC_OK;
}

static void count(runs_totals *totals, const global_word *word)
{
    totals->n_words++;
    totals->n_bytes += word->size;
    totals->n_cells += word->n_cells;
    for (size_t i = 0; i < word->n_cells; i++)
        totals->n_lines += i == 0 || word->cells[i].class_index != word->cells[i - 1].class_index;
}

static asc_status merge_into(const runs *set, merge_state *m, FILE *file, asc_error *err)
{
    for (size_t i = 0; i < m->n; i++) {
        rewind(m->files[i]);
        TRY(advance(m, i, err));
    }
    for (size_t first = find_first(m); first < m->n; first = find_first(m)) {
        if (m->totals.n_words % WORDS_BETWEEN_ASKING == 0)
            TRY(stop_poll(&set->stop, err));
        TRY(take_first(set, m, first, err));
        count(&m->totals, &m->result.word);
        TRY(runs_write(file, &m->result.word, err));
    }
    return runs_finish(file, err);
}

asc_status runs_merge(runs *set, runs_totals *totals, FILE **file, asc_error *err)
{
    FILE *merged = NULL;
    TRY(open_file(set->beside, &merged, err));
    merge_state *m = calloc(1, sizeof *m);
    if (!m) {
        fclose(merged);
        return fail_memory(err, "a merge", sizeof *m);
    }
    m->n = set->n_files;
    memcpy(m->files, set->files, sizeof m->files);
    const asc_status status = merge_into(set, m, merged, err);
    *totals = m->totals;
    for (size_t i = 0; i < m->n; i++)
        runs_record_free(&m->records[i]);
    runs_record_free(&m->result);
    free(m);
    runs_close(set);
    set->files[0] = merged;
    set->n_files = 1;
    *file = merged;
    return status;
}

asc_status runs_begin(runs *set, FILE **file, asc_error *err)
{
    if (set->n_files == RUNS_MOST) {
        runs_totals totals;
        TRY(runs_merge(set, &totals, file, err));
    }
    TRY(open_file(set->beside, file, err));
    set->files[set->n_files++] = *file;
    return ASC_OK;
}

void runs_close(runs *set)
{
    for (size_t i = 0; i < set->n_files; i++)
        fclose(set->files[i]);
    set->n_files = 0;
}
