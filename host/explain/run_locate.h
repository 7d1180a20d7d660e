// From what a user names, a plan or a folder OUT.parts, to the run.
#ifndef ASCRIBE_EXPLAIN_RUN_LOCATE_H
#define ASCRIBE_EXPLAIN_RUN_LOCATE_H

#include <ascribe/plan.h>

#include "explain/run_folder.h"
#include "explain/run_record.h"

typedef struct run_place {
    asc_plan *plan;    // NULL: the folder was named
    run_folder folder; // not taken
    char *out_path;    // NULL: a folder whose name does not tell it
    run_record record; // of run_locate_record
} run_place;

// ASC_NOT_FOUND, ASC_MALFORMED. run_locate_free afterwards, whatever the status.
asc_status run_locate(const char *run_path, run_place *out, asc_error *err);

// Reads the folder's record. ASC_NOT_FOUND when there is none: no task has begun. ASC_DIFFERENT_RUN when it is not the plan's run.
asc_status run_locate_record(run_place *place, asc_error *err);

void run_locate_backend(const run_place *place, char *text, size_t size); // "" without a record
void run_locate_free(run_place *place);

#endif
