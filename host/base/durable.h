// The only way a file of ours gets its final name: complete on disk, or not there at all.
//
// Protocol: NAME.<host>.<pid>.<random>.tmp in the same folder (O_EXCL), full write, fsync, close checked, rename, fsync of the
// folder. fsync is never retried (a failed fsync marks pages clean: Rebello et al., USENIX ATC 2020).
#ifndef ASCRIBE_BASE_DURABLE_H
#define ASCRIBE_BASE_DURABLE_H

#include "base/fail.h"

#include <stdbool.h>
#include <stdbool.h>
#include <stddef.h>

// Writes `size` bytes to `path`. On failure nothing is left behind and an older file is untouched, unless only the
// fsync of the folder failed: the new file is there then, "not known to be durable" (ASC_IO_ERROR). ASC_CANNOT_CREATE when the temporary file cannot be made (message names the folder),
// ASC_IO_ERROR when writing fails (a full disk names the bytes needed and free). A limit on file sizes
// (RLIMIT_FSIZE) is reported like a full disk where the program ignores SIGXFSZ.
asc_status durable_write(const char *path, const void *bytes, size_t size, asc_error *err);

// As durable_write, but never over another file: *existed says that there is one, which stays as it is (ASC_OK). Of several processes that
// try at once one wins.
asc_status durable_write_new(const char *path, const void *bytes, size_t size, bool *existed, asc_error *err);

// Whose unfinished file a name is: NAME.<host>.<pid>.<random>.tmp.
enum { DURABLE_HOST_SIZE = 64 };
typedef struct durable_owner {
    size_t name_length; // of NAME
    char host[DURABLE_HOST_SIZE];
    long pid;
} durable_owner;
bool durable_parse_temporary(const char *name, durable_owner *owner); // false: no such name
void durable_host(char host[DURABLE_HOST_SIZE]); // this machine's, as it stands in such names

// Makes a temporary name beside `path` (caller frees *tmp_path) for a file that another library writes. The folder
// is checked (ASC_CANNOT_CREATE), the file is not made; whoever makes it and fails removes it.
asc_status durable_temporary(const char *path, char **tmp_path, asc_error *err);

// Publishes such a file: fsync, rename to `path`, fsync of the folder. Removes it when that fails, unless only the fsync of
// the folder did.
asc_status durable_publish(const char *tmp_path, const char *path, asc_error *err);

// ASC_CANNOT_CREATE when something stands at `path` and may not be replaced.
asc_status durable_check_new(const char *path, bool may_replace, asc_error *err);

// The end of writing a file that another library has written, with the status so far: publishes it when that is ASC_OK and nothing has
// appeared at `path` meanwhile that may not be replaced; else removes it.
asc_status durable_finish(asc_status status, const char *tmp_path, const char *path, bool may_replace, asc_error *err);

// Creates one folder (its parent must exist) and makes the entry durable; an existing folder is fine.
asc_status durable_make_folder(const char *path, asc_error *err);

#endif
