// Durable publication of files; the protocol is in durable.h.
//
// The folder is opened before the rename, so that the only thing that can still fail afterwards is its fsync:
// the file is whole then and stays, but the failure is told. Where a file system has no fsync for folders (EINVAL), the rename is all there
// is and counts as success.
#include "base/durable.h"

#include <assert.h>
#include <ctype.h>
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

void durable_host(char host[DURABLE_HOST_SIZE])
{
    if (gethostname(host, DURABLE_HOST_SIZE) != 0)
        host[0] = '\0';
    host[DURABLE_HOST_SIZE - 1] = '\0';
    for (char *c = host; *c; c++)
        *c = isalnum((unsigned char)*c) ? *c : '-';
    if (host[0] == '\0')
        strcpy(host, "unknown");
}

static asc_status make_name(const char *path, char **name, asc_error *err)
{
    char host[DURABLE_HOST_SIZE];
    const size_t size = strlen(path) + 64 + sizeof host;
    *name = malloc(size);
    if (!*name)
        return fail_memory(err, "the name of a temporary file", size);
    durable_host(host);
    snprintf(*name, size, "%s.%s.%ld.%016" PRIx64 ".tmp", path, host, (long)getpid(), random_number());
    return ASC_OK;
}

// Steps back from *end over at least one and at most `most` characters of a kind, and the dot before them.
static bool step_back(const char *name, const char **end, int (*kind)(int), size_t most)
{
    size_t n = 0;
    while (*end - n > name && kind((unsigned char)*(*end - n - 1)))
        n++;
    if (n == 0 || n > most || *end - n == name || *(*end - n - 1) != '.')
        return false;
    *end -= n + 1;
    return true;
}

static int is_host_character(int c)
{
    return isalnum(c) || c == '-';
}

bool durable_parse_temporary(const char *name, durable_owner *owner)
{
    enum { RANDOM_DIGITS = 16, MOST_PID_DIGITS = 10, TAIL = 4 };
    const size_t length = strlen(name);
    if (length < TAIL || strcmp(name + length - TAIL, ".tmp") != 0)
        return false;
    const char *at = name + length - TAIL;
    if (!step_back(name, &at, isxdigit, RANDOM_DIGITS))
        return false;
    if (!step_back(name, &at, isdigit, MOST_PID_DIGITS))
        return false;
    owner->pid = strtol(at + 1, NULL, 10);
    const char *const host_end = at;
    if (!step_back(name, &at, is_host_character, DURABLE_HOST_SIZE - 1))
        return false;
    snprintf(owner->host, sizeof owner->host, "%.*s", (int)(host_end - at - 1), at + 1);
    owner->name_length = (size_t)(at - name);
    return owner->name_length > 0;
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

// A whole, synced file under a temporary name beside `path`; the caller frees *tmp_path. Nothing is left on failure.
static asc_status write_temporary(const char *path, const void *bytes, size_t size, char **tmp_path, asc_error *err)
{
    int descriptor = -1;
    TRY(create_temporary(path, tmp_path, &descriptor, err));
    int code = write_all(descriptor, bytes, size);
    if (code == 0 && fsync(descriptor) != 0)
        code = errno;
    if (close(descriptor) != 0 && code == 0)
        code = errno;
    if (code == 0)
        return ASC_OK;
    unlink(*tmp_path);
    free(*tmp_path);
    *tmp_path = NULL;
    return fail_write(err, path, size, code);
}

asc_status durable_write(const char *path, const void *bytes, size_t size, asc_error *err)
{
    assert(path && (bytes || size == 0));
    char *tmp_path = NULL;
    TRY(write_temporary(path, bytes, size, &tmp_path, err));
    const asc_status status = rename_durably(tmp_path, path, err);
    free(tmp_path);
    return status;
}

// Gives a file a name that must be free: 0, or an errno. Where a file system has neither hard links nor such a rename, what is looked at
// just before must do.
static int give_free_name(const char *tmp_path, const char *path)
{
    struct stat facts;
    if (link(tmp_path, path) == 0) {
        unlink(tmp_path);
        return 0;
    }
    const bool no_links = errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK;
    if (!no_links)
        return errno;
    if (renameat2(AT_FDCWD, tmp_path, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    if (lstat(path, &facts) == 0)
        return EEXIST;
    return rename(tmp_path, path) == 0 ? 0 : errno;
}

asc_status durable_write_new(const char *path, const void *bytes, size_t size, bool *existed, asc_error *err)
{
    assert(path && bytes && existed);
    char *tmp_path = NULL, *folder = NULL;
    int descriptor = -1, code = 0;
    *existed = false;
    TRY(write_temporary(path, bytes, size, &tmp_path, err));
    asc_status status = find_parent(path, &folder, err);
    if (status == ASC_OK)
        status = open_folder(folder, &descriptor, err);
    if (status == ASC_OK)
        code = give_free_name(tmp_path, path);
    *existed = code == EEXIST;
    if (code != 0 && !*existed)
        status = fail_errno(err, ASC_CANNOT_CREATE, "the finished file cannot get this name", path, code);
    if (status != ASC_OK || *existed)
        unlink(tmp_path);
    else
        status = sync_folder(folder, descriptor, err);
    if (descriptor >= 0)
        close(descriptor);
    free(folder);
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

asc_status durable_check_new(const char *path, bool may_replace, asc_error *err)
{
    struct stat facts;
    if (may_replace || lstat(path, &facts) != 0)
        return ASC_OK;
    (void)fail(err, ASC_CANNOT_CREATE, "%s: already exists", path);
    return fail_hint(err, ASC_CANNOT_CREATE, "add --force to replace it, or name another file");
}

asc_status durable_finish(asc_status status, const char *tmp_path, const char *path, bool may_replace, asc_error *err)
{
    if (status == ASC_OK)
        status = durable_check_new(path, may_replace, err);
    if (status == ASC_OK)
        return durable_publish(tmp_path, path, err);
    unlink(tmp_path);
    return status;
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
