// Files of global importance (`ascribe-global` v1): what all rows say of each word, in sums that merge exactly.
//
// Words stand in ascending order of their bytes; word w has the cells [cells/offsets[w], cells/offsets[w + 1]), ascending by their key.
// A cell holds what it takes to merge (integers, see global/exact.h); the lines of `all/` are the same facts over all rows, ready to read,
// and nothing here reads them back.
#ifndef ASCRIBE_IO_GLOBAL_FILE_H
#define ASCRIBE_IO_GLOBAL_FILE_H

#include "base/fail.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GLOBAL_ANY = -2,      // label and prediction of a cell that counts a position in all rows
    GLOBAL_N_POSITIONS = 5, // fifths of a row
    GLOBAL_N_EXACT = 18,
    GLOBAL_N_BINS = 20, // of scores from 0 to 1
    GLOBAL_SCORE_WORDS = 5,
};

// Places in `exact`: little-endian words of an integer; n_r, T_r, A_r: a row's occurrences of the word, their sum of phi and of |phi|.
// Unit 2^-64 for sums of two words (signed), 2^-96 for squares of three.
enum {
    EXACT_SUM = 0,          // sum of phi
    EXACT_ABS = 2,          // sum of |phi|
    EXACT_SQUARE = 4,       // sum of phi^2
    EXACT_ROW_SQUARE = 7,   // sum over rows of T_r^2
    EXACT_ROW_CROSS = 10,   // sum of T_r n_r
    EXACT_ABS_SQUARE = 12,  // sum of A_r^2
    EXACT_ABS_CROSS = 15,   // sum of A_r n_r
    EXACT_COUNT_SQUARE = 17, // sum of n_r^2
};

// Of the rows with this label and prediction, position -1; or of one fifth in all rows, label and prediction GLOBAL_ANY.
typedef struct global_cell {
    int32_t class_index, label, prediction, position; // the key, compared in this order; -1: none
    uint64_t count, rows;                             // occurrences; rows with at least one
    uint64_t exact[GLOBAL_N_EXACT];
    float least, most; // phi; the row with the lowest id where several have it
    uint64_t least_row, most_row;
} global_cell;

int global_cell_compare(const global_cell *a, const global_cell *b); // by key: < 0, 0, > 0

typedef struct global_score {
    uint64_t rows;
    uint64_t exact[GLOBAL_SCORE_WORDS]; // sum (two words), sum of squares (three)
    uint64_t bins[GLOBAL_N_BINS];       // rows by score, those outside 0 to 1 in none
} global_score;

typedef struct global_group {
    int32_t label, prediction; // index in label_names, class; -1: none
    uint64_t rows;             // those without attributions too
} global_group;

typedef struct global_source {
    char *name;
    char digest[HASH_HEX_SIZE];
    uint64_t rows;
} global_source;

// What the file says of the whole. Names in one block each; all belongs to the facts.
typedef struct global_facts {
    uint64_t n_rows, n_unexplained; // of them without attributions
    uint64_t n_attributions;        // finite ones of explained classes
    size_t n_classes, n_label_names;
    char **class_names, **label_names;
    char *settings; // JSON object of strings: what all sources have in common
    global_score *scores; // [n_classes]
    global_group *groups; // [n_groups], ascending by label, then prediction
    size_t n_groups;
    global_source *sources; // [n_sources]
    size_t n_sources;
} global_facts;

void global_facts_free(global_facts *facts); // accepts zeroed facts
// Copies names into one block. NULL when memory is short.
char **global_names_copy(const char *const *names, size_t n_names);

// One word and its cells.
typedef struct global_word {
    const char *text;
    size_t size;
    const global_cell *cells;
    size_t n_cells;
} global_word;

int global_word_compare(const char *a, size_t a_size, const char *b, size_t b_size);

// ---- Reading ----

typedef struct global_file global_file;

// Whether the path is such a file, by its format attribute, tried in a child process. ASC_NOT_FOUND, ASC_MALFORMED when it is no HDF5 file.
asc_status global_file_is(const char *path, bool *is_global, asc_error *err);
// Opens after a child process has read and checked all of it. `_here`: in this process, structure only.
asc_status global_file_open(const char *path, global_file **out, asc_error *err);
asc_status global_file_open_here(const char *path, global_file **out, asc_error *err);
void global_file_close(global_file *file); // accepts NULL
const global_facts *global_file_facts(const global_file *file);
size_t global_file_n_words(const global_file *file);

// Words [first, first + count), which must exist; they and their cells are checked. The caller frees with global_words_free.
typedef struct global_words {
    global_word *words; // [n_words]
    size_t n_words;
    char *text;
    global_cell *cells;
} global_words;
asc_status global_file_read(const global_file *file, size_t first, size_t count, global_words *out, asc_error *err);
void global_words_free(global_words *words);
// How many words to read at once.
size_t global_file_words_at_once(const global_file *file);

// Row ids [first, first + count) of facts->n_rows, ascending; the caller frees *ids.
asc_status global_file_read_ids(const global_file *file, size_t first, size_t count, uint64_t **ids, asc_error *err);

// ---- Writing ----

// One readable line of a word: a class over all rows.
typedef struct global_line {
    int32_t class_index;
    uint64_t count, rows;
    double mean, mean_abs, deviation, std_error, low, high, p_value, abs_std_error;
    float least, most;
    uint64_t least_row, most_row;
} global_line;

typedef struct global_plan {
    const global_facts *facts;
    size_t n_words, n_bytes, n_cells, n_lines;
} global_plan;

typedef struct global_writer global_writer;

// In a child process, which ends with _exit after a failure (h5file.h) and prints no errors of HDF5 from here on. Rows ids first and in ascending order, facts->n_rows of them, then the words
// in ascending order, as many as planned.
asc_status global_writer_create(const char *path, const global_plan *plan, global_writer **out, asc_error *err);
asc_status global_writer_put_id(global_writer *writer, uint64_t id, asc_error *err);
asc_status global_writer_put(global_writer *writer, const global_word *word, const global_line *lines, size_t n_lines, asc_error *err);
asc_status global_writer_finish(global_writer *writer, asc_error *err);

#endif
