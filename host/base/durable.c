// Durable publication of files; the protocol is in durable.h.
//
// The folder is opened before the rename, so that the only thing that can still fail afterwards is its fsync:
// the file is whole then and stays, but the failure is told. Where a file system has no fsync for folders (EINVAL), the rename is all there
// is and counts as success.
#include "base/durable.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { NAME_ATTEMPTS = 16 };

// Fails for errno `code`: full and broken disks are I/O errors at any step, the rest is `otherwise`.
static asc_status fail_errno(asc_error *err, asc_status otherwise, const char *what, const char *path,
                             int code)
{
    if (code == ENOSPC || code == EDQUOT || code == EIO)
        otherwise = ASC_IO_ERROR;
    else if (code == EMFILE || code == ENFILE || code == ENOMEM)
        otherwise = ASC_OUT_OF_MEMORY;
    return fail(err, otherwise, "%s: %s: %s", path, what, strerror(code));
}

// The folder that holds `path`, without its trailing slashes; the caller frees it.
static char *parent_of(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    if (length == 0)
        return strdup(".");
    while (length > 1 && path[length - 1] == '/')
        length--;
    return strndup(path, length);
}

static asc_status find_parent(const char *path, char **folder, asc_error *err)
{
    *folder = parent_of(path);
    return *folder ? ASC_OK : fail_memory(err, "the name of a folder", strlen(path) + 2);
}

// The clock stands in where the kernel has no random numbers to give; O_EXCL settles the rest.
static uint64_t random_number(void)
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        number = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    }
    return number;
}

static asc_status make_name(const char *path, char **name, asc_error *err)
{
    const size_t size = strlen(path) + 64;
    *name = malloc(size);
    if (!*name)
        return fail_memory(err, "the name of a temporary file", size);
    snprintf(*name, size, "%s.%ld.%016" PRIx64 ".tmp", path, (long)getpid(), random_number());
    return ASC_OK;
}

// Creates a new file beside `path`; the caller frees *name and closes *descriptor.
static asc_status create_temporary(const char *path, char **name, int *descriptor, asc_error *err)
{
    for (int attempt = 0;; attempt++) {
        TRY(make_name(path, name, err));
        *descriptor = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*descriptor >= 0)
            return ASC_OK;
        const int code = errno;
        free(*name);
        *name = NULL;
        if (code == EINTR || (code == EEXIST && attempt < NAME_ATTEMPTS))
            continue;
        char *folder = parent_of(path);
        char what[512];
        snprintf(what, sizeof what, "no file can be made in the folder %s",
                 folder ? folder : "that holds it");
        free(folder);
        return fail_errno(err, ASC_CANNOT_CREATE, what, path, code);
    }
}

// 0, or the errno of the write that failed.
static int write_all(int descriptor, const void *bytes, size_t size)
{
    const uint8_t *next = bytes;
    size_t left = size;
    while (left > 0) {
        const ssize_t written = write(descriptor, next, left);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? errno : EIO;
        next += written;
        left -= (size_t)written;
    }
    return 0;
}

// Fails for a write of `size` bytes; the temporary file is gone by now, so that its space counts as free.
static asc_status fail_write(asc_error *err, const char *path, size_t size, int code)
{
    char *folder = parent_of(path);
    struct statvfs disk;
    const int known = folder && statvfs(folder, &disk) == 0;
    free(folder);
    if (!known)
        return fail(err, ASC_IO_ERROR, "%s: writing failed: %s (%zu bytes needed)", path, strerror(code),
                    size);
    const uint64_t n_free = (uint64_t)disk.f_bavail * (uint64_t)disk.f_frsize;
    fail(err, ASC_IO_ERROR, "%s: writing failed: %s (%zu bytes needed, %" PRIu64 " bytes free)", path,
         strerror(code), size, n_free);
    if (code == ENOSPC || code == EDQUOT)
        fail_hint(err, ASC_IO_ERROR, "make room on the disk that holds %s, then run the same command again",
                  path);
    return ASC_IO_ERROR;
}

static asc_status open_folder(const char *folder, int *descriptor, asc_error *err)
{
    *descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*descriptor < 0)
        return fail_errno(err, ASC_CANNOT_CREATE, "the folder cannot be opened", folder, errno);
    return ASC_OK;
}

static asc_status sync_folder(const char *folder, int descriptor, asc_error *err)
{
    if (fsync(descriptor) != 0 && errno != EINVAL)
        return fail_errno(err, ASC_IO_ERROR, "fsync of the folder failed", folder, errno);
    return ASC_OK;
}

// Gives a complete, synced file its name. On failure neither name is left, but for that of the folder's fsync.
static asc_status rename_durably(const char *tmp_path, const char *path, asc_error *err)
{
    char *folder = NULL;
    int descriptor = -1;
    asc_status status = find_parent(path, &folder, err);
    if (status == ASC_OK)
        status = open_folder(folder, &descriptor, err);
    if (status == ASC_OK && rename(tmp_path, path) != 0)
        status = fail_errno(err, ASC_CANNOT_CREATE, "the finished file cannot get this name", path, errno);
    if (status != ASC_OK) {
        unlink(tmp_path);
        goto done;
    }
    status = sync_folder(folder, descriptor, err);
    if (status != ASC_OK)
        fail_context(err, status, "%.160s is complete, but not known to be durable", path);

done:
    if (descriptor >= 0)
        close(descriptor);
    free(folder);
    return status;
}

asc_status durable_write(const char *path, const void *bytes, size_t size, asc_error *err)
{
    assert(path && (bytes || size == 0));
    char *tmp_path = NULL;
    int descriptor = -1;
    asc_status status = create_temporary(path, &tmp_path, &descriptor, err);
    if (status != ASC_OK)
        goto done;
    int code = write_all(descriptor, bytes, size);
    if (code == 0 && fsync(descriptor) != 0)
        code = errno;
    if (close(descriptor) != 0 && code == 0)
        code = errno;
    if (code != 0) {
        unlink(tmp_path);
        status = fail_write(err, path, size, code);
        goto done;
    }
    status = rename_durably(tmp_path, path, err);

done:
    free(tmp_path);
    return status;
}

asc_status durable_temporary(const char *path, char **tmp_path, asc_error *err)
{
    assert(path && tmp_path);
    char *folder = NULL;
    *tmp_path = NULL;
    TRY(find_parent(path, &folder, err));
    asc_status status = ASC_OK;
    struct stat facts;
    if (stat(folder, &facts) != 0)
        status = fail_errno(err, ASC_CANNOT_CREATE, "no folder to write to", folder, errno);
    else if (!S_ISDIR(facts.st_mode))
        status = fail_errno(err, ASC_CANNOT_CREATE, "no folder to write to", folder, ENOTDIR);
    else if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0)
        status = fail_errno(err, ASC_CANNOT_CREATE, "the folder cannot be written to", folder, errno);
    else
        status = make_name(path, tmp_path, err);
    free(folder);
    return status;
}

asc_status durable_publish(const char *tmp_path, const char *path, asc_error *err)
{
    assert(tmp_path && path);
    const int descriptor = open(tmp_path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) {
        const int code = errno;
        unlink(tmp_path);
        return fail_errno(err, ASC_IO_ERROR, "the finished file cannot be opened", tmp_path, code);
    }
    int code = fsync(descriptor) == 0 ? 0 : errno;
    if (close(descriptor) != 0 && code == 0)
        code = errno;
    if (code != 0) {
        unlink(tmp_path);
        return fail_errno(err, ASC_IO_ERROR, "making the file durable failed", path, code);
    }
    return rename_durably(tmp_path, path, err);
}

asc_status durable_make_folder(const char *path, asc_error *err)
{
    assert(path);
    if (mkdir(path, 0777) != 0) {
        const int code = errno;
        struct stat facts;
        if (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
            return ASC_OK;
        return fail_errno(err, ASC_CANNOT_CREATE, "the folder cannot be made", path, code);
    }
    char *parent = NULL;
    int descriptor = -1;
    asc_status status = find_parent(path, &parent, err);
    if (status == ASC_OK)
        status = open_folder(parent, &descriptor, err);
    if (status == ASC_OK)
        status = sync_folder(parent, descriptor, err);
    if (status != ASC_OK)
        rmdir(path);
    if (descriptor >= 0)
        close(descriptor);
    free(parent);
    return status;
}
