// The exact savings: parts of the work that give the same numbers but for rounding when they are left out. Each can be turned off, so that
// tests and the benchmark can compare. Dropping absent tokens is none of them: it is what the policies `remove` and `delete` mean.
#ifndef ASCRIBE_MODEL_SAVINGS_H
#define ASCRIBE_MODEL_SAVINGS_H

#include "base/fail.h"

#include <stddef.h>

enum {
    ASC_SAVING_FIRST_LAYER = 1, // embeddings and block 0's Q, K and V once per row; every coalition gathers them
    ASC_SAVING_LAST_LAYER = 2,  // the last block for first tokens alone, without keys and values
    ASC_SAVING_FOLD = 4,        // attention's scale in W_Q, no bias of K, the bias of V behind the output map
    ASC_SAVING_DUPLICATES = 8,  // equal sequences of a step evaluated once
    ASC_SAVINGS_ALL = 15,
};

// "all", "none", or names separated by commas: first_layer, last_layer, fold, duplicates. ASC_USAGE names the wrong word.
asc_status savings_parse(const char *text, unsigned *out, asc_error *err);

enum { SAVINGS_TEXT_SIZE = 64 };
// The text that gives these savings.
void savings_text(unsigned savings, char text[SAVINGS_TEXT_SIZE]);

#endif
