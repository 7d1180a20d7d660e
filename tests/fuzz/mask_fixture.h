// The rows of the mask files in the corpus: what make_corpus writes and the target asks for.
#ifndef ASCRIBE_TESTS_MASK_FIXTURE_H
#define ASCRIBE_TESTS_MASK_FIXTURE_H

#include <stddef.h>

enum { MASK_FIXTURE_ROWS = 6, MASK_FIXTURE_FIRST_ID = 40, MASK_FIXTURE_WORDS = 2, MASK_FIXTURE_COALITIONS = 4 };
static const size_t mask_fixture_features[MASK_FIXTURE_ROWS] = {3, 64, 65, 1, 100, 7};

#endif
