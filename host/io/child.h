// Work in a child process: what writes or re-reads HDF5, whose library may crash after a failed write (h5file.h), takes a child down,
// never the run.
#ifndef ASCRIBE_IO_CHILD_H
#define ASCRIBE_IO_CHILD_H

#include "base/fail.h"

typedef asc_status child_work(void *context, asc_error *err);

typedef struct child_words {
    const char *what; // "writes the result": the process that ...
    const char *hint; // what to do when it ended without a word of its own
} child_words;

// Forks, runs the work there, waits, and passes its error on; ASC_IO_ERROR when it crashed. Call with no other thread running.
// The child leaves with _exit: the work need not clean up.
asc_status child_run(child_work *work, void *context, child_words words, asc_error *err);

#endif
