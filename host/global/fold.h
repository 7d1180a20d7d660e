// Unicode's full case folding (The Unicode Standard, 3.13, toCasefold), as Python's str.casefold.
#ifndef ASCRIBE_GLOBAL_FOLD_H
#define ASCRIBE_GLOBAL_FOLD_H

#include <stddef.h>

enum { FOLD_MOST_GROWTH = 3 }; // bytes out for a byte in, at most

// Folds UTF-8 text into `out`, which holds FOLD_MOST_GROWTH * size bytes; returns how many it became. Bytes that are no UTF-8 stay as they are.
size_t fold_case(const char *text, size_t size, char *out);

#endif
