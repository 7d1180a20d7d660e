// Structure-aware mutation of JSON: changes a tree, not its text, so that a mutant gets past the JSON parser.
#ifndef ASCRIBE_TESTS_JSON_TWIST_H
#define ASCRIBE_TESTS_JSON_TWIST_H

#include "mutate.h"

#include <jansson.h>

typedef struct json_words { // names and texts that mean something to the format
    const char *const *words;
    size_t n_words;
} json_words;

// One change at a random place below `root`, an object: a value replaced, a number moved, an entry added, doubled, removed,
// copied from elsewhere or renamed.
void json_twist(json_t *root, dice *d, json_words words);

// A number as a JSON integer whatever its size.
json_t *json_bad_number(dice *d);

#endif
