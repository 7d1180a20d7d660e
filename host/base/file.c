// Bounded reading of regular files; see file.h.
#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// The kernel moves at most 2 GiB in one call anyway.
enum { LARGEST_READ = 1 << 30 };

static const char *kind_of(mode_t mode)
{
    if (S_ISDIR(mode))
        return "a folder";
    if (S_ISFIFO(mode))
        return "a pipe";
    return S_ISSOCK(mode) ? "a socket" : "a device";
}

asc_status file_open(const char *path, int *descriptor, size_t *size, asc_error *err)
{
    assert(path && descriptor && size);
    *descriptor = -1;
    *size = 0;
    // O_NONBLOCK: opening a pipe that nobody writes to must not hang; it does nothing to a regular file.
    const int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (opened < 0) {
        const int code = errno;
        const asc_status status =
            code == EMFILE || code == ENFILE || code == ENOMEM ? ASC_OUT_OF_MEMORY : ASC_NOT_FOUND;
        return fail(err, status, "%s: cannot be opened: %s", path, strerror(code));
    }
    struct stat facts;
    asc_status status = ASC_OK;
    if (fstat(opened, &facts) != 0)
        status = fail(err, ASC_IO_ERROR, "%s: its size cannot be read: %s", path, strerror(errno));
    else if (!S_ISREG(facts.st_mode))
        status =
            fail(err, ASC_NOT_FOUND, "%s: expected a regular file, found %s", path, kind_of(facts.st_mode));
    if (status != ASC_OK) {
        close(opened);
        return status;
    }
    *descriptor = opened;
    *size = (size_t)facts.st_size;
    return ASC_OK;
}

asc_status file_read_exactly(int descriptor, const char *path, void *bytes, size_t size, asc_error *err)
{
    uint8_t *next = bytes;
    size_t left = size;
    while (left > 0) {
        const ssize_t got = read(descriptor, next, left < LARGEST_READ ? left : LARGEST_READ);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(err, ASC_IO_ERROR, "%s: reading failed: %s", path, strerror(errno));
        if (got == 0)
            return fail(err, ASC_IO_ERROR, "%s: the file was cut while it was read (%zu bytes missing)", path,
                        left);
        next += got;
        left -= (size_t)got;
    }
    return ASC_OK;
}

asc_status file_read(const char *path, size_t limit, uint8_t **bytes, size_t *size, asc_error *err)
{
    int descriptor = -1;
    uint8_t *contents = NULL;
    asc_status status = file_open(path, &descriptor, size, err);
    *bytes = NULL;
    if (status != ASC_OK)
        return status;
    if (*size > limit) {
        status = fail(err, ASC_MALFORMED, "%s: expected at most %zu bytes, found %zu", path, limit, *size);
        goto done;
    }
    contents = malloc(*size > 0 ? *size : 1);
    if (!contents) {
        status = fail_memory(err, path, *size);
        goto done;
    }
    status = file_read_exactly(descriptor, path, contents, *size, err);
    if (status != ASC_OK)
        goto done;
    *bytes = contents;
    contents = NULL;

done:
    free(contents);
    close(descriptor);
    return status;
}

asc_status file_absolute(const char *path, char **absolute, asc_error *err)
{
    assert(path && absolute);
    *absolute = NULL;
    char *folder = path[0] == '/' ? strdup("") : getcwd(NULL, 0);
    if (!folder && errno != ENOMEM)
        return fail(err, ASC_NOT_FOUND, "%s: the current folder cannot be told: %s", path, strerror(errno));
    const size_t size = (folder ? strlen(folder) : 0) + strlen(path) + 2;
    *absolute = folder ? malloc(size) : NULL;
    if (*absolute)
        snprintf(*absolute, size, "%s%s%s", folder, folder[0] ? "/" : "", path);
    free(folder);
    return *absolute ? ASC_OK : fail_memory(err, "a path", size);
}
