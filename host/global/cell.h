// Cells: taking rows in, merging, and the statistics that they give.
#ifndef ASCRIBE_GLOBAL_CELL_H
#define ASCRIBE_GLOBAL_CELL_H

#include <ascribe/global.h>

#include "global/student.h"
#include "io/global_file.h"

// What one row says of a word, as far as it goes into one cell. Zeroed: nothing.
typedef struct row_part {
    uint64_t count;
    double sum, abs_sum; // of phi and |phi|, in the order of the features
    uint64_t exact[EXACT_ROW_SQUARE];
    float least, most;
} row_part;

void row_part_add(row_part *part, float phi); // |phi| < EXACT_MOST
void cell_add_row(global_cell *cell, const row_part *part, uint64_t row_id); // part->count > 0
// Adds a cell of other rows; the key of `into` stays. `into` may be empty (count 0).
void cell_merge(global_cell *into, const global_cell *from);

// All but text and q_value.
void cell_describe(const global_cell *cell, const student_table *student, asc_global_word *word);

#endif
