// Sorted runs on disk: what does not fit into memory is written in the order of its words and merged again. Row ids take the same way, as words
// of eight bytes (big-endian) without cells.
//
// The files have no names: they are unlinked as soon as they are open, so that nothing is left behind by a crash.
#ifndef ASCRIBE_GLOBAL_RUNS_H
#define ASCRIBE_GLOBAL_RUNS_H

#include "base/stop.h"
#include "io/global_file.h"

#include <stdio.h>

enum { RUNS_MOST = 32 }; // open at once; then they are merged into one

typedef struct runs {
    const char *beside;     // a path; the files are made in its folder
    const char *twice;      // what a word in two runs is called ("row"), which is an error; NULL: the cells are merged
    stop_check stop;        // asked while runs are merged
    FILE *files[RUNS_MOST];
    size_t n_files;
} runs;

// One record, in memory that grows as needed. Zeroed before the first use.
typedef struct runs_record {
    global_word word; // points into the two below
    char *text;
    global_cell *cells;
    size_t text_capacity, cell_capacity;
} runs_record;

// A new run to write to. Its words must be in ascending order. ASC_CANNOT_CREATE, ASC_IO_ERROR.
asc_status runs_begin(runs *runs, FILE **file, asc_error *err);
asc_status runs_write(FILE *file, const global_word *word, asc_error *err);
asc_status runs_write_id(FILE *file, uint64_t id, asc_error *err);
// Flushes; to be called when a run is complete.
asc_status runs_finish(FILE *file, asc_error *err);

typedef struct runs_totals {
    size_t n_words, n_bytes, n_cells, n_lines; // lines: classes that a word has
} runs_totals;

// Merges all into one, which stays with `runs` and is returned, at its end. ASC_MALFORMED: a word twice where that is an error.
asc_status runs_merge(runs *runs, runs_totals *totals, FILE **file, asc_error *err);

// The next record; *end when there is none.
asc_status runs_read(FILE *file, runs_record *record, bool *end, asc_error *err);
void runs_record_free(runs_record *record);
uint64_t runs_id(const global_word *word); // of a record that is a row id

void runs_close(runs *runs);

#endif
