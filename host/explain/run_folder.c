// See run_folder.h.
#include "explain/run_folder.h"

#include "base/durable.h"

#include <jansson.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_ATTEMPTS = 20, LOCK_PAUSE_NS = 50 * 1000 * 1000, MOST_RETURNS = 16, MOST_LOCK_BYTES = 1024, WHO_SIZE = 300 };

// ---- Names -------------------------------------------------------------------------------------------------------

void run_progress_name(size_t task, char name[RUN_NAME_SIZE])
{
    snprintf(name, RUN_NAME_SIZE, "progress-%04zu.json", task);
}

static void lock_name(const run_claim *claim, char name[RUN_NAME_SIZE])
{
    if (claim->role == RUN_ROLE_TASK)
        snprintf(name, RUN_NAME_SIZE, "task-%04zu.lock", claim->task);
    else
        snprintf(name, RUN_NAME_SIZE, "%s", claim->role == RUN_ROLE_MERGE ? "merge.lock" : "run.lock");
}

// How our numbered names look; more digits than that only where the number takes them.
typedef struct numbered {
    const char *begin, *end;
    size_t n_digits;
} numbered;
static const numbered part_names = {"part-", ".part", 8}, bad_names = {"part-", ".part.bad", 8};
static const numbered task_locks = {"task-", ".lock", 4}, progress_names = {"progress-", ".json", 4};

// *number = what the digits say.
static bool is_numbered(const char *name, size_t length, const numbered *kind, size_t *number)
{
    enum { MOST_DIGITS = 12 };
    const size_t n_begin = strlen(kind->begin), n_end = strlen(kind->end), n_digits = length - n_begin - n_end;
    if (length < n_begin + n_end + kind->n_digits || n_digits > MOST_DIGITS || strncmp(name, kind->begin, n_begin) != 0 ||
        strncmp(name + length - n_end, kind->end, n_end) != 0 || (n_digits > kind->n_digits && name[n_begin] == '0'))
        return false;
    size_t value = 0;
    for (size_t i = n_begin; i < length - n_end; i++) {
        if (!isdigit((unsigned char)name[i]))
            return false;
        value = 10 * value + (size_t)(name[i] - '0');
    }
    *number = value;
    return true;
}

static bool is_word(const char *name, size_t length, const char *word)
{
    return strlen(word) == length && strncmp(name, word, length) == 0;
}

// Of a name without .tmp and what is before it.
static run_file kind_of(const char *name, size_t length, size_t *index)
{
    size_t task = 0;
    *index = SIZE_MAX;
    if (is_word(name, length, RUN_RECORD_NAME))
        return RUN_FILE_RECORD;
    if (is_numbered(name, length, &part_names, index))
        return RUN_FILE_PART;
    if (is_numbered(name, length, &bad_names, index))
        return RUN_FILE_BAD;
    if (is_numbered(name, length, &task_locks, &task) || is_word(name, length, "run.lock") || is_word(name, length, "merge.lock"))
        return RUN_FILE_LOCK;
    return is_numbered(name, length, &progress_names, &task) ? RUN_FILE_PROGRESS : RUN_FILE_OTHER;
}

run_file run_file_kind(const char *name, size_t *index)
{
    durable_owner owner;
    if (!durable_parse_temporary(name, &owner))
        return kind_of(name, strlen(name), index);
    const run_file whole = kind_of(name, owner.name_length, index);
    const bool ours = whole == RUN_FILE_RECORD || whole == RUN_FILE_PART || whole == RUN_FILE_PROGRESS || is_word(name, owner.name_length, "result");
    return ours ? RUN_FILE_UNFINISHED : RUN_FILE_OTHER;
}

asc_status run_folder_join(const run_folder *folder, const char *name, char **path, asc_error *err)
{
    const size_t size = strlen(folder->path) + strlen(name) + 2;
    *path = malloc(size);
    if (!*path)
        return fail_memory(err, "a path", size);
    snprintf(*path, size, "%s/%s", folder->path, name);
    return ASC_OK;
}

asc_status run_folder_name(const char *out_path, run_folder *folder, asc_error *err)
{
    const size_t size = strlen(out_path) + sizeof ".parts";
    *folder = (run_folder){.path = malloc(size), .descriptor = -1, .lock = -1};
    if (!folder->path)
        return fail_memory(err, "a path", size);
    snprintf(folder->path, size, "%s.parts", out_path);
    return ASC_OK;
}

// ---- Who is at work ----------------------------------------------------------------------------------------------

// "pid 12 on host x (job 17_3)" from a lock file; false when it says nothing.
static bool read_holder(int descriptor, char who[WHO_SIZE])
{
    char text[MOST_LOCK_BYTES];
    const ssize_t length = pread(descriptor, text, sizeof text, 0);
    json_t *object = length > 0 ? json_loadb(text, (size_t)length, 0, NULL) : NULL;
    const char *host = json_string_value(json_object_get(object, "host")), *job = json_string_value(json_object_get(object, "job_id"));
    const json_t *pid = json_object_get(object, "pid");
    const bool known = host && json_is_integer(pid);
    if (known)
        snprintf(who, WHO_SIZE, "pid %lld on host %.63s%s%.63s%s", (long long)json_integer_value(pid), host, job && job[0] ? " (job " : "",
                 job ? job : "", job && job[0] ? ")" : "");
    json_decref(object);
    return known;
}

static void write_holder(int descriptor, const char *job_id)
{
    char host[DURABLE_HOST_SIZE];
    durable_host(host);
    json_t *object = json_pack("{s:s, s:I, s:s*}", "host", host, "pid", (json_int_t)getpid(), "job_id", job_id);
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    // Only for people to read: it may fail.
    if (text && ftruncate(descriptor, 0) == 0 && pwrite(descriptor, text, strlen(text), 0) < 0)
        errno = 0;
    free(text);
    json_decref(object);
}

// For somebody whose claim does not go with ours: a task minds only who needs the folder alone.
typedef struct holder_search {
    const run_folder *folder;
    bool minds_tasks, found;
    char who[WHO_SIZE]; // "" unknown
} holder_search;

// The descriptor of a lock file that a process holds; -1 where none does.
static int open_held(const run_folder *folder, const char *name)
{
    char *path = NULL;
    if (run_folder_join(folder, name, &path, NULL) != ASC_OK)
        return -1;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    free(path);
    if (descriptor < 0 || (flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK))
        return descriptor;
    close(descriptor);
    return -1;
}

bool run_folder_is_worked_on(const run_folder *folder, size_t task)
{
    const run_claim claims[] = {{.role = RUN_ROLE_TASK, .task = task}, {.role = RUN_ROLE_ALONE}};
    bool held = false;
    for (size_t i = 0; !held && i < sizeof claims / sizeof *claims; i++) {
        char name[RUN_NAME_SIZE];
        lock_name(&claims[i], name);
        const int descriptor = open_held(folder, name);
        held = descriptor >= 0;
        if (held)
            close(descriptor);
    }
    return held;
}

static void look_for_holder(void *user, const char *name, run_file kind, size_t index)
{
    holder_search *search = user;
    size_t task = 0;
    char who[WHO_SIZE];
    const bool of_task = kind == RUN_FILE_LOCK && is_numbered(name, strlen(name), &task_locks, &task);
    const char *own = search->folder->lock_path ? strrchr(search->folder->lock_path, '/') + 1 : "";
    (void)index;
    if (kind != RUN_FILE_LOCK || search->who[0] || (of_task && !search->minds_tasks) || strcmp(name, own) == 0)
        return;
    const int descriptor = open_held(search->folder, name);
    search->found |= descriptor >= 0;
    if (descriptor >= 0 && read_holder(descriptor, who)) {
        if (of_task)
            snprintf(search->who, WHO_SIZE, ": task %zu, %.250s", task, who);
        else
            snprintf(search->who, WHO_SIZE, ": %.280s", who);
    }
    if (descriptor >= 0)
        close(descriptor);
}

static asc_status fail_in_use(const holder_search *search, asc_error *err)
{
    (void)fail(err, ASC_CANNOT_CREATE, "%.600s is in use by another run that writes the same --out%s", search->folder->path, search->who);
    return fail_hint(err, ASC_CANNOT_CREATE, "wait for that run, or choose another --out");
}

// ---- Taking ------------------------------------------------------------------------------------------------------

typedef enum lock_outcome { LOCK_TAKEN, LOCK_HELD, LOCK_NONE } lock_outcome;

// Waits a second at most: a killed run's child, which holds the lock too, takes a moment to die.
static lock_outcome lock_soon(int descriptor, int operation)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    for (int attempt = 0; flock(descriptor, operation | LOCK_NB) != 0; attempt++) {
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            return LOCK_NONE;
        if (attempt >= LOCK_ATTEMPTS)
            return LOCK_HELD;
        nanosleep(&pause, NULL);
    }
    return LOCK_TAKEN;
}

// Does the path still lead to what was opened? Whoever held it may have removed it.
static bool is_still(const char *path, int descriptor)
{
    struct stat held, named;
    return stat(path, &named) == 0 && fstat(descriptor, &held) == 0 && named.st_dev == held.st_dev && named.st_ino == held.st_ino;
}

static asc_status fail_open(const char *path, const char *what, asc_error *err)
{
    const bool disk = errno == ENOSPC || errno == EDQUOT || errno == EIO;
    return fail(err, disk ? ASC_IO_ERROR : ASC_CANNOT_CREATE, "%s: %s: %s", path, what, strerror(errno));
}

// Opens and locks the folder; *gone when another run, which held it, has removed it since.
static asc_status lock_folder(run_folder *folder, const run_claim *claim, bool *gone, asc_error *err)
{
    const bool shared = claim->role == RUN_ROLE_TASK;
    *gone = false;
    folder->descriptor = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->descriptor < 0) {
        *gone = errno == ENOENT;
        return *gone ? ASC_OK : fail_open(folder->path, "the folder cannot be opened", err);
    }
    const lock_outcome outcome = lock_soon(folder->descriptor, shared ? LOCK_SH : LOCK_EX);
    folder->alone = outcome == LOCK_TAKEN && !shared;
    *gone = outcome != LOCK_HELD && !is_still(folder->path, folder->descriptor);
    if (outcome != LOCK_HELD && !*gone)
        return ASC_OK;
    close(folder->descriptor);
    folder->descriptor = -1;
    if (*gone)
        return ASC_OK;
    holder_search search = {.folder = folder, .minds_tasks = true};
    run_folder_list(folder, look_for_holder, &search);
    return fail_in_use(&search, err);
}

static asc_status fail_task(const run_folder *folder, const run_claim *claim, asc_error *err)
{
    char who[WHO_SIZE];
    if (!read_holder(folder->lock, who))
        snprintf(who, sizeof who, "another process");
    (void)fail(err, ASC_CANNOT_CREATE, "%.500s: task %zu is being worked on by %s", folder->path, claim->task, who);
    return fail_hint(err, ASC_CANNOT_CREATE, "wait until it ends; `ascribe status` shows what is done");
}

// The own lock file, which says who is at work.
static asc_status lock_file(run_folder *folder, const run_claim *claim, asc_error *err)
{
    char name[RUN_NAME_SIZE];
    lock_name(claim, name);
    TRY(run_folder_join(folder, name, &folder->lock_path, err));
    for (int attempt = 0;; attempt++) {
        folder->lock = open(folder->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (folder->lock < 0)
            return fail_open(folder->lock_path, "the lock file cannot be opened", err);
        if (lock_soon(folder->lock, LOCK_EX) == LOCK_HELD)
            return fail_task(folder, claim, err);
        if (is_still(folder->lock_path, folder->lock) || attempt >= MOST_RETURNS)
            break;
        close(folder->lock);
        folder->lock = -1;
    }
    write_holder(folder->lock, claim->job_id);
    return ASC_OK;
}

// A folder's lock may reach no further than this machine (NFS), a file's reaches everybody. Whoever comes second sees the other, since each
// looks when it has its own. One that was killed a moment ago lets go of its locks one after the other.
static asc_status check_others(const run_folder *folder, const run_claim *claim, asc_error *err)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    for (int attempt = 0;; attempt++) {
        holder_search search = {.folder = folder, .minds_tasks = claim->role != RUN_ROLE_TASK};
        run_folder_list(folder, look_for_holder, &search);
        if (!search.found)
            return ASC_OK;
        if (attempt >= LOCK_ATTEMPTS)
            return fail_in_use(&search, err);
        nanosleep(&pause, NULL);
    }
}

asc_status run_folder_take(run_folder *folder, const run_claim *claim, asc_error *err)
{
    bool gone = true;
    for (int attempt = 0; gone && attempt < MOST_RETURNS; attempt++) {
        if (claim->role != RUN_ROLE_MERGE)
            TRY(durable_make_folder(folder->path, err));
        TRY(lock_folder(folder, claim, &gone, err));
        if (gone && claim->role == RUN_ROLE_MERGE)
            return fail(err, ASC_NOT_FOUND, "%s is not there: expected the folder with the parts of a run", folder->path);
    }
    if (gone)
        return fail(err, ASC_CANNOT_CREATE, "%s disappears again and again", folder->path);
    const asc_status status = lock_file(folder, claim, err);
    if (status != ASC_OK && folder->lock >= 0) {
        close(folder->lock); // another's: it stays
        folder->lock = -1;
    }
    return status == ASC_OK ? check_others(folder, claim, err) : status;
}

void run_folder_release(run_folder *folder)
{
    if (folder->lock >= 0) {
        unlink(folder->lock_path);
        close(folder->lock);
    }
    free(folder->lock_path);
    folder->lock_path = NULL;
    folder->lock = -1;
    if (folder->descriptor < 0)
        return;
    // Whoever has just opened the folder holds its lock, or looks again when it has (is_still).
    if (folder->alone || flock(folder->descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        rmdir(folder->path); // which does nothing where anything is
    close(folder->descriptor);
    folder->descriptor = -1;
}

void run_folder_free(run_folder *folder)
{
    run_folder_release(folder);
    free(folder->path);
    folder->path = NULL;
}

// ---- Removing ----------------------------------------------------------------------------------------------------

void run_folder_list(const run_folder *folder, run_file_visit *visit, void *user)
{
    size_t index = 0;
    DIR *names = opendir(folder->path);
    for (const struct dirent *entry = names ? readdir(names) : NULL; entry; entry = readdir(names)) {
        const run_file kind = run_file_kind(entry->d_name, &index);
        if (kind != RUN_FILE_OTHER)
            visit(user, entry->d_name, kind, index);
    }
    if (names)
        closedir(names);
}

typedef struct sweep {
    const run_folder *folder;
    size_t first_part, end_part;
    char host[DURABLE_HOST_SIZE];
} sweep;

static void sweep_one(void *user, const char *name, run_file kind, size_t index)
{
    const sweep *s = user;
    durable_owner owner;
    if (kind != RUN_FILE_UNFINISHED || !durable_parse_temporary(name, &owner))
        return;
    const bool is_here = strcmp(owner.host, s->host) == 0;
    const bool is_dead = owner.pid == (long)getpid() || (kill((pid_t)owner.pid, 0) != 0 && errno == ESRCH);
    const bool is_covered = s->folder->alone || (index >= s->first_part && index < s->end_part);
    if (is_covered && (!is_here || is_dead))
        unlinkat(s->folder->descriptor, name, 0);
}

void run_folder_sweep(const run_folder *folder, size_t first_part, size_t end_part)
{
    sweep s = {folder, first_part, end_part, ""};
    durable_host(s.host);
    run_folder_list(folder, sweep_one, &s);
}

typedef struct clearing {
    const run_folder *folder;
    bool failed;
} clearing;

static void clear_one(void *user, const char *name, run_file kind, size_t index)
{
    clearing *c = user;
    const char *own = c->folder->lock_path ? strrchr(c->folder->lock_path, '/') + 1 : "";
    (void)index;
    if (kind != RUN_FILE_RECORD && strcmp(name, own) != 0 && unlinkat(c->folder->descriptor, name, 0) != 0)
        c->failed = true;
}

// The record goes last and only when all else went: what stays without it would be nobody's.
void run_folder_clear(const run_folder *folder)
{
    clearing c = {.folder = folder};
    run_folder_list(folder, clear_one, &c);
    if (!c.failed)
        unlinkat(folder->descriptor, RUN_RECORD_NAME, 0);
}
