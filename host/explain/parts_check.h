// Looking over the parts of a run: that each is there once, whole and this run's, and what is in them.
#ifndef ASCRIBE_EXPLAIN_PARTS_CHECK_H
#define ASCRIBE_EXPLAIN_PARTS_CHECK_H

#include <ascribe/plan.h>

#include "base/stop.h"
#include "explain/run_folder.h"
#include "explain/run_record.h"

typedef struct parts_look {
    const run_folder *folder;
    const run_record *record;
    bool whole; // every part is read to its end and its rows are checked; else only names and headers
    void (*found)(void *user, asc_part_state state, const char *path, const char *why); // may be NULL
    void *user;
    stop_check stop;
} parts_look;

typedef struct parts_sum {
    asc_parts_report report;
    uint64_t n_values, bytes; // of the parts that are present
} parts_sum;

// ASC_FAILED_CHECK names parts that are missing, damaged or foreign and says which tasks to run again; other errors are of this machine.
asc_status parts_look_over(const parts_look *look, parts_sum *sum, asc_error *err);

#endif
