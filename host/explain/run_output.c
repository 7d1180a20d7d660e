// Where a run's results go: OUT itself, what stands there before, and the folder OUT.parts with the lock on it.
#include <ascribe/result.h>

#include "base/durable.h"
#include "explain/run_private.h"
#include "io/result_read.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// ---- OUT ---------------------------------------------------------------------------------------------------------

asc_status run_read_output(run *r)
{
    const char *path = r->job->out_path;
    struct stat facts;
    asc_result *old = NULL;
    if (!path || r->job->options.force || lstat(path, &facts) != 0)
        return ASC_OK;
    const asc_status status = result_open(path, &r->request.stop, &old, &r->output_error);
    if (status == ASC_OUT_OF_MEMORY || status == ASC_STOPPED) {
        if (r->err)
            *r->err = r->output_error;
        return status;
    }
    if (status != ASC_OK)
        return ASC_OK;
    const asc_result_info *info = asc_result_describe(old);
    snprintf(r->output_hash, sizeof r->output_hash, "%s", info->manifest_hash);
    r->output_has_text = info->has_text;
    asc_result_close(old);
    return ASC_OK;
}

// What not even --force replaces: a folder, a pipe or a device, and the dataset, which the run reads to its end.
static asc_status check_replaceable(run *r, const struct stat *facts)
{
    const char *found = NULL;
    struct stat data;
    if (S_ISDIR(facts->st_mode))
        found = "a folder";
    else if (!S_ISREG(facts->st_mode) && !S_ISLNK(facts->st_mode))
        found = "not a file";
    else if (stat(r->job->dataset_path, &data) == 0 && data.st_dev == facts->st_dev && data.st_ino == facts->st_ino)
        found = "the dataset itself";
    if (!found)
        return ASC_OK;
    (void)fail(r->err, ASC_CANNOT_CREATE, "%s is %s, expected a name for the result file", r->job->out_path, found);
    return fail_hint(r->err, ASC_CANNOT_CREATE, "choose another --out");
}

asc_status run_check_output(run *r)
{
    const char *path = r->job->out_path;
    const bool with_text = r->job->options.keep_text;
    struct stat facts;
    char hash[HASH_HEX_SIZE];
    if (lstat(path, &facts) != 0)
        return ASC_OK;
    TRY(check_replaceable(r, &facts));
    if (r->job->options.force)
        return ASC_OK;
    hash_hex(r->manifest_hash, hash);
    const bool same = strcmp(r->output_hash, hash) == 0;
    r->summary->already_complete = same && r->output_has_text == with_text;
    if (r->summary->already_complete)
        return ASC_OK;
    if (same)
        (void)fail(r->err, ASC_CANNOT_CREATE, "%s exists and is this run's result, but %s", path,
                   with_text ? "without the texts" : "with the texts, which --no-text leaves out");
    else if (r->output_hash[0] != '\0')
        (void)fail(r->err, ASC_CANNOT_CREATE, "%s exists and is the result of a run with another configuration", path);
    else
        (void)fail(r->err, ASC_CANNOT_CREATE, "%s exists and is not a result of ascribe that can be read (%.300s)", path,
                   r->output_error.message);
    return fail_hint(r->err, ASC_CANNOT_CREATE, "choose another --out, or add --force to replace it");
}

// ---- OUT.parts ---------------------------------------------------------------------------------------------------

// Does `text` go on with at least `least` characters of the kind? Steps over them.
static bool skip(const char **text, int (*kind)(int), size_t least)
{
    size_t n = 0;
    while (kind((unsigned char)(*text)[n]))
        n++;
    *text += n;
    return n >= least;
}

// part-NNNNNNNN.part is finished; it and the unfinished result are written as NAME.<pid>.<random>.tmp (durable.h).
static bool is_ours(const char *name, bool unfinished)
{
    static const char part[] = "part-", end[] = ".part", result[] = "result";
    if (strncmp(name, part, sizeof part - 1) == 0) {
        name += sizeof part - 1;
        if (!skip(&name, isdigit, 8) || strncmp(name, end, sizeof end - 1) != 0)
            return false;
        name += sizeof end - 1;
        if (*name == '\0')
            return !unfinished;
    } else if (strncmp(name, result, sizeof result - 1) == 0) {
        name += sizeof result - 1;
    } else {
        return false;
    }
    return *name++ == '.' && skip(&name, isdigit, 1) && *name++ == '.' && skip(&name, isxdigit, 16) && strcmp(name, ".tmp") == 0;
}

// Removes what killed runs left half-written, and the parts too where `unfinished` is false: of this run and of an earlier division
// into parts.
static void sweep(const run *r, bool unfinished)
{
    DIR *folder = opendir(r->parts_folder);
    for (const struct dirent *entry = folder ? readdir(folder) : NULL; entry; entry = readdir(folder))
        if (is_ours(entry->d_name, true) || (!unfinished && is_ours(entry->d_name, false)))
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
}

// Waits a second at most: a killed run's child, which holds the lock too, takes a moment to die. False when another run holds it. Where a
// file system has no locks the run goes on without.
static bool lock_soon(int descriptor)
{
    const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
    for (int attempt = 0; flock(descriptor, LOCK_EX | LOCK_NB) != 0; attempt++) {
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            return true;
        if (attempt >= 20)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

// Opens and locks the folder; *gone when another run, which held it, has removed it since.
static asc_status lock_folder(run *r, bool *gone)
{
    struct stat held, named;
    *gone = false;
    r->parts_lock = open(r->parts_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->parts_lock < 0) {
        *gone = errno == ENOENT;
        return *gone ? ASC_OK : fail(r->err, ASC_CANNOT_CREATE, "%s: the folder cannot be opened: %s", r->parts_folder, strerror(errno));
    }
    if (!lock_soon(r->parts_lock)) {
        (void)fail(r->err, ASC_CANNOT_CREATE, "%s is in use by another run that writes the same --out", r->parts_folder);
        run_release_parts(r);
        return fail_hint(r->err, ASC_CANNOT_CREATE, "wait for that run, or choose another --out");
    }
    *gone = stat(r->parts_folder, &named) != 0 || fstat(r->parts_lock, &held) != 0 || named.st_dev != held.st_dev ||
            named.st_ino != held.st_ino;
    if (*gone)
        run_release_parts(r);
    return ASC_OK;
}

asc_status run_take_parts(run *r)
{
    struct stat facts;
    bool gone = true;
    for (int attempt = 0; gone && attempt < 16; attempt++) {
        TRY(durable_make_folder(r->parts_folder, r->err));
        TRY(lock_folder(r, &gone));
    }
    if (gone)
        return fail(r->err, ASC_CANNOT_CREATE, "%s disappears again and again", r->parts_folder);
    if (!r->job->options.force && lstat(r->job->out_path, &facts) == 0) {
        (void)fail(r->err, ASC_CANNOT_CREATE, "%s appeared while the run began", r->job->out_path);
        return fail_hint(r->err, ASC_CANNOT_CREATE, "run the same command again: it may be complete");
    }
    sweep(r, true);
    return ASC_OK;
}

// A folder that is a link or a mount may lie on another disk than OUT, where the unfinished result cannot be renamed from.
asc_status run_temporary_base(const run *r, char **base)
{
    static const char up[] = "/..", name[] = "/result";
    const size_t bytes = strlen(r->parts_folder) + sizeof name;
    struct stat link, folder, parent;
    *base = malloc(bytes);
    if (!*base)
        return fail_memory(r->err, "a path", bytes);
    snprintf(*base, bytes, "%s%s", r->parts_folder, up);
    const bool same_disk = lstat(r->parts_folder, &link) == 0 && S_ISDIR(link.st_mode) && stat(r->parts_folder, &folder) == 0 &&
                           stat(*base, &parent) == 0 && folder.st_dev == parent.st_dev;
    if (same_disk) {
        snprintf(*base, bytes, "%s%s", r->parts_folder, name);
    } else {
        free(*base);
        *base = NULL;
    }
    return ASC_OK;
}

void run_remove_parts(const run *r)
{
    sweep(r, false);
}

void run_release_parts(run *r)
{
    if (r->parts_lock < 0)
        return;
    close(r->parts_lock);
    r->parts_lock = -1;
}
