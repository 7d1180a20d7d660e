// See child.h. What a child has to say comes through a pipe; what it can no longer say (a crash, a limit) the parent reads
// from its exit.
#include "io/child.h"

#include "io/h5file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

static void write_report(int pipe_end, const asc_error *report)
{
    // Smaller than PIPE_BUF: it goes out in one piece or not at all.
    ssize_t written;
    do
        written = write(pipe_end, report, sizeof *report);
    while (written < 0 && errno == EINTR);
}

// Never returns. The parent's death ends the child too, and a crash leaves no core file.
static _Noreturn void run_as_child(child_work *work, void *context, int pipe_end)
{
    asc_error report = {0};
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    h5_silence_begin();
    const asc_status status = work(context, &report);
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
        return fail(err, ASC_INTERNAL, "a child process cannot be waited for: %s", strerror(errno));
    return ASC_OK;
}

// What became of a child that did `words.what`.
static asc_status judge_child(int exit_facts, child_words words, const asc_error *report, asc_error *err)
{
    if (WIFEXITED(exit_facts) && WEXITSTATUS(exit_facts) == 0)
        return ASC_OK;
    if (report) {
        if (err)
            *err = *report;
        return report->status;
    }
    if (WIFSIGNALED(exit_facts))
        fail(err, ASC_IO_ERROR, "the process that %s was killed by signal %d (%s)", words.what,
             WTERMSIG(exit_facts), strsignal(WTERMSIG(exit_facts)));
    else
        fail(err, ASC_IO_ERROR, "the process that %s ended with code %d and without a word", words.what,
             WEXITSTATUS(exit_facts));
    return fail_hint(err, ASC_IO_ERROR, "%s", words.hint);
}

asc_status child_run(child_work *work, void *context, child_words words, asc_error *err)
{
    int ends[2];
    int exit_facts = 0;
    asc_error report;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail(err, ASC_OUT_OF_MEMORY, "no pipe for a child process: %s", strerror(errno));
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_as_child(work, context, ends[1]);
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return fail(err, ASC_OUT_OF_MEMORY, "no child process: %s", strerror(errno));
    }
    const bool reported = read_report(ends[0], &report);
    close(ends[0]);
    TRY(wait_for(child, &exit_facts, err));
    return judge_child(exit_facts, words, reported ? &report : NULL, err);
}
