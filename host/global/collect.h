// Taking results and files of global importance in, one slice of rows or words in memory.
#ifndef ASCRIBE_GLOBAL_COLLECT_H
#define ASCRIBE_GLOBAL_COLLECT_H

#include "global/runs.h"

#include <ascribe/global.h>

typedef struct collector collector;

asc_status collect_create(const asc_global_job *job, collector **out, asc_error *err);
void collect_free(collector *c); // accepts NULL

// Adds one input. The first one decides on settings, classes and labels; others must have the same. ASC_DIFFERENT_RUN, ASC_MALFORMED.
asc_status collect_input(collector *c, const char *path, asc_error *err);

// What came together, in two sorted runs from their beginning (the caller rewinds), which belong to the collector.
typedef struct collected {
    const global_facts *facts;
    runs_totals totals; // of the words
    FILE *words, *ids;
} collected;
// ASC_MALFORMED: a row twice.
asc_status collect_finish(collector *c, collected *out, asc_error *err);

#endif
