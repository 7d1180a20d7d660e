// Counting in memory: a hash table of words and one of their cells, written to a sorted run when they reach their limit.
#ifndef ASCRIBE_GLOBAL_TALLY_H
#define ASCRIBE_GLOBAL_TALLY_H

#include "global/runs.h"

typedef struct tally tally;

// `limit`: bytes of memory, about; where one row needs more, it gets more.
asc_status tally_create(size_t limit, tally **out, asc_error *err);
void tally_free(tally *t); // accepts NULL

// Makes sure that `n_words` words of `n_bytes` in all and `n_cells` cells fit, by growing or, at the limit, by writing everything to a run.
typedef struct tally_need {
    size_t n_words, n_bytes, n_cells;
} tally_need;
asc_status tally_reserve(tally *t, tally_need need, runs *to, asc_error *err);

// The number of a word, made if it is new; within what was reserved. Numbers hold until the next tally_reserve.
uint32_t tally_word(tally *t, const char *text, size_t size);
// Its text; holds until the next tally_reserve.
const char *tally_text(const tally *t, uint32_t word, size_t *size);
// The cell of a word with the key of `key`, made empty if it is new.
global_cell *tally_cell(tally *t, uint32_t word, const global_cell *key);

// Writes what is there to a run and forgets it; nothing when nothing is there.
asc_status tally_spill(tally *t, runs *to, asc_error *err);

#endif
