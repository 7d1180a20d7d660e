// The trial: an HDF5 file that nobody vouches for is read first in a child process with limits, which may die of it.
//
// libhdf5 1.10 crashes on some damaged files, inside H5Fopen even, and no check of ours can come before that. What the
// child has read to its end without harm this process then reads again, if it is the same file still.
#ifndef ASCRIBE_IO_TRIAL_H
#define ASCRIBE_IO_TRIAL_H

#include "base/child.h"
#include "base/stop.h"

// Runs `step` on the file in a child: at most 4 GiB of memory more than now, processor time and time after the
// file's size, no file written, no core. Its status, or ASC_MALFORMED "PATH: the reader died (signal n: words)" or "PATH: the reader gave
// no answer within t s and was ended"; what child_run says when the child
// was ended from outside. `answer` comes back.
typedef struct trial {
    const char *path;
    child_step *step;
    void *context;
    void *answer;
    size_t answer_size;
    size_t wall_ms; // 0: after the file's size
    stop_check stop; // ASC_STOPPED when it asks
} trial;
asc_status trial_run(const trial *job, asc_error *err);

// Whether the file's attribute `format` says `format` ("ascribe-probe"), asked in a child.
asc_status trial_format_is(const char *path, const char *format, bool *is, asc_error *err);

// Rows that one step of a trial reads: few enough that long rows stay within the limits.
size_t trial_rows_at_once(size_t n_rows, size_t n_elements);

#endif
