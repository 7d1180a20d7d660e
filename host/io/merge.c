// The merge: two child processes around one temporary file, and the rename. What a child has to say comes
// through a pipe; what it can no longer say (a crash, a limit) the parent reads from its exit.
#include "io/merge.h"

#include "base/durable.h"
#include "io/h5file.h"
#include "io/merge_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

asc_status merge_part_path(const char *parts_folder, int64_t index, char **path, asc_error *err)
{
    const size_t size = strlen(parts_folder) + 48;
    *path = malloc(size);
    if (!*path)
        return fail_memory(err, "the name of a part", size);
    snprintf(*path, size, "%s/part-%08" PRId64 ".part", parts_folder, index);
    return ASC_OK;
}

static asc_status check_part(const merge_job *job, const char *path, const part_header *header,
                             int64_t first_position, asc_error *err)
{
    const int64_t end = job->first_position + job->n_rows;
    if (header->n_targets != job->n_targets || header->n_classes != job->n_classes)
        return fail(err, ASC_MALFORMED, "%s: expected %u targets and %u classes, found %u and %u", path,
                    job->n_targets, job->n_classes, header->n_targets, header->n_classes);
    if (header->first_position != first_position || header->n_rows < 1 ||
        header->n_rows > end - first_position)
        return fail(err, ASC_MALFORMED,
                    "%s: expected rows from %" PRId64 " on, up to %" PRId64 "; found %" PRId64
                    " rows from %" PRId64,
                    path, first_position, end, header->n_rows, header->first_position);
    return ASC_OK;
}

asc_status merge_open_part(const merge_job *job, int64_t index, int64_t first_position, part_reader **out,
                           asc_error *err)
{
    char *path = NULL;
    part_reader *part = NULL;
    part_header expected = {.index = index};
    memcpy(expected.manifest_hash, job->manifest_hash, HASH_BYTES);
    TRY(merge_part_path(job->parts_folder, index, &path, err));
    asc_status status = part_open(path, &expected, &part, err);
    if (status == ASC_OK)
        status = check_part(job, path, part_reader_header(part), first_position, err);
    free(path);
    if (status == ASC_OK)
        *out = part;
    else
        part_close(part);
    return status;
}

asc_status merge_check_end(const merge_job *job, int64_t n_rows_seen, asc_error *err)
{
    if (n_rows_seen != job->n_rows)
        return fail(err, ASC_MALFORMED, "%s: expected parts of %" PRId64 " rows in all, found %" PRId64,
                    job->parts_folder, job->n_rows, n_rows_seen);
    return ASC_OK;
}

typedef asc_status merge_step(const merge_job *job, const char *path, asc_error *err);

static void write_report(int pipe_end, const asc_error *report)
{
    // Smaller than PIPE_BUF: it goes out in one piece or not at all.
    ssize_t written;
    do
        written = write(pipe_end, report, sizeof *report);
    while (written < 0 && errno == EINTR);
}

// Never returns. The parent's death ends the child too, and a crash leaves no core file.
static _Noreturn void run_as_child(merge_step *step, const merge_job *job, const char *path, int pipe_end)
{
    asc_error report = {0};
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    h5_silence_begin();
    const asc_status status = step(job, path, &report);
    if (status == ASC_OK)
        _exit(0);
    report.status = status;
    write_report(pipe_end, &report);
    _exit(1);
}

// True when the child sent a whole report.
static bool read_report(int pipe_end, asc_error *report)
{
    size_t filled = 0;
    while (filled < sizeof *report) {
        const ssize_t n = read(pipe_end, (char *)report + filled, sizeof *report - filled);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        filled += (size_t)n;
    }
    report->message[sizeof report->message - 1] = '\0';
    report->hint[sizeof report->hint - 1] = '\0';
    return report->status != ASC_OK;
}

static asc_status wait_for(pid_t child, int *exit_facts, asc_error *err)
{
    pid_t found;
    do
        found = waitpid(child, exit_facts, 0);
    while (found < 0 && errno == EINTR);
    if (found != child)
        return fail(err, ASC_INTERNAL, "the merging process cannot be waited for: %s", strerror(errno));
    return ASC_OK;
}

// What became of a child that did `what`.
static asc_status judge_child(int exit_facts, const char *what, const asc_error *report, asc_error *err)
{
    if (WIFEXITED(exit_facts) && WEXITSTATUS(exit_facts) == 0)
        return ASC_OK;
    if (report) {
        if (err)
            *err = *report;
        return report->status;
    }
    if (WIFSIGNALED(exit_facts))
        fail(err, ASC_IO_ERROR, "the process that %s was killed by signal %d (%s)", what,
             WTERMSIG(exit_facts), strsignal(WTERMSIG(exit_facts)));
    else
        fail(err, ASC_IO_ERROR, "the process that %s ended with code %d and without a word", what,
             WEXITSTATUS(exit_facts));
    return fail_hint(err, ASC_IO_ERROR, "the parts are kept: the same command tries the merge again");
}

static asc_status run_step(merge_step *step, const char *what, const merge_job *job, const char *path,
                           asc_error *err)
{
    int ends[2];
    int exit_facts = 0;
    asc_error report;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail(err, ASC_OUT_OF_MEMORY, "no pipe for the merge: %s", strerror(errno));
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_as_child(step, job, path, ends[1]);
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return fail(err, ASC_OUT_OF_MEMORY, "no process for the merge: %s", strerror(errno));
    }
    const bool reported = read_report(ends[0], &report);
    close(ends[0]);
    TRY(wait_for(child, &exit_facts, err));
    return judge_child(exit_facts, what, reported ? &report : NULL, err);
}

asc_status merge_run(const merge_job *job, asc_error *err)
{
    assert(job->n_rows > 0 && job->n_parts > 0 && job->first_position >= 0);
    assert(job->n_targets > 0 && job->n_classes > 0);
    char *path = NULL;
    TRY(durable_temporary(job->out_path, &path, err));
    asc_status status = run_step(result_write, "writes the result", job, path, err);
    if (status == ASC_OK)
        status = run_step(result_compare, "compares the result", job, path, err);
    if (status == ASC_OK)
        status = durable_publish(path, job->out_path, err);
    else
        unlink(path);
    free(path);
    return status;
}
