// A temporary folder that disappears with the command, also when a second Ctrl-C ends it (stop_signals.h).
#ifndef ASCRIBE_CLI_SCRATCH_FOLDER_H
#define ASCRIBE_CLI_SCRATCH_FOLDER_H

#include <ascribe/status.h>

// Makes it in $TMPDIR or /tmp; the caller frees *path after scratch_folder_remove. One at a time.
// ASC_CANNOT_CREATE.
asc_status scratch_folder_make(char **path, asc_error *err);

// Removes the folder and what is in it; accepts NULL.
void scratch_folder_remove(const char *path);

// The same for whatever folder there is, from a signal handler after which the program ends.
void scratch_folder_remove_in_handler(void);

#endif
