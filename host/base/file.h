// Reading untrusted files: regular files only, sizes from the file system, contents in private memory (never
// mapped, so a file that is replaced or cut during a run cannot change or kill it).
#ifndef ASCRIBE_BASE_FILE_H
#define ASCRIBE_BASE_FILE_H

#include "base/fail.h"

#include <stddef.h>
#include <stdint.h>

// Opens `path` for reading and tells its size; the caller closes *descriptor. ASC_NOT_FOUND when it cannot be
// opened or is not a regular file (a folder, a pipe, a device).
asc_status file_open(const char *path, int *descriptor, size_t *size, asc_error *err);

// Reads exactly `size` bytes from where the descriptor stands. ASC_IO_ERROR when reading fails or the file
// ends before that.
asc_status file_read_exactly(int descriptor, const char *path, void *bytes, size_t size, asc_error *err);

// Reads a whole file of at most `limit` bytes; the caller frees *bytes (never NULL on success, not NUL
// terminated). ASC_NOT_FOUND as file_open, ASC_MALFORMED when it is larger than the limit, ASC_OUT_OF_MEMORY,
// ASC_IO_ERROR.
asc_status file_read(const char *path, size_t limit, uint8_t **bytes, size_t *size, asc_error *err);

// The path as it can be used from any folder: links and dots stay as they are. The caller frees *absolute. ASC_NOT_FOUND when the
// current folder has no path any more, ASC_OUT_OF_MEMORY.
asc_status file_absolute(const char *path, char **absolute, asc_error *err);

#endif
