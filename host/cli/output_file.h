// A file that appears complete under its name or not at all; standard output and devices are written as they
// are.
#ifndef ASCRIBE_CLI_OUTPUT_FILE_H
#define ASCRIBE_CLI_OUTPUT_FILE_H

#include <ascribe/status.h>

#include <stdio.h>

typedef struct output_file {
    FILE *stream;
    const char *path; // borrowed; NULL: standard output
    char *temporary;  // NULL: the stream is the file itself
} output_file;

// path NULL: standard output. ASC_CANNOT_CREATE, ASC_OUT_OF_MEMORY.
asc_status output_file_open(output_file *file, const char *path, asc_error *err);

// Writes out, makes durable, renames over `path`. ASC_IO_ERROR; then nothing is left and an older file is
// untouched.
asc_status output_file_commit(output_file *file, asc_error *err);

// Removes what was written; accepts a zeroed or a committed file.
void output_file_abort(output_file *file);

#endif
