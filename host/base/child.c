// One child, one pipe, one report; see child.h.
#include "base/child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

static bool write_all(int pipe_end, const void *bytes, size_t size)
{
    for (size_t written = 0; written < size;) {
        const ssize_t n = write(pipe_end, (const char *)bytes + written, size - written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        written += (size_t)n;
    }
    return true;
}

static bool read_all(int pipe_end, void *bytes, size_t size)
{
    for (size_t filled = 0; filled < size;) {
        const ssize_t n = read(pipe_end, (char *)bytes + filled, size - filled);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        filled += (size_t)n;
    }
    return true;
}

// Bytes of address space in use; 0 when that cannot be told.
static size_t mapped_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return 0;
    if (fscanf(file, "%llu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

// A limit that is lower already stays; what is lowered cannot be raised again.
static void lower_limit(__rlimit_resource_t which, rlim_t limit)
{
    struct rlimit limits;
    if (getrlimit(which, &limits) != 0)
        return;
    if (limits.rlim_cur == RLIM_INFINITY || limits.rlim_cur > limit)
        limits.rlim_cur = limit;
    // Processor time: the soft limit's signal is told apart, the hard one's is a plain kill.
    const rlim_t hard = which == RLIMIT_CPU ? limit + 1 : limit;
    if (limits.rlim_max == RLIM_INFINITY || limits.rlim_max > hard)
        limits.rlim_max = hard;
    setrlimit(which, &limits);
}

static void set_limits(const child_job *job)
{
    const size_t mapped = job->memory_bytes ? mapped_bytes() : 0;
    lower_limit(RLIMIT_CORE, 0);
    if (mapped)
        lower_limit(RLIMIT_AS, (rlim_t)mapped + job->memory_bytes);
    if (job->cpu_s)
        lower_limit(RLIMIT_CPU, job->cpu_s);
    if (!job->writes)
        lower_limit(RLIMIT_FSIZE, 0);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#endif
}

// A crash is wanted as one: handlers of the parent (a crash reporter, ours for SIGINT) are not this child's. What the
// parent ignores stays ignored.
static void reset_signals(void)
{
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGXFSZ, SIGTERM, SIGINT};
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
        struct sigaction action;
        if (sigaction(deadly[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            signal(deadly[i], SIG_DFL);
    }
}

static _Noreturn void run_as_child(const child_job *job, int pipe_end)
{
    asc_error report = {0};
    reset_signals();
    set_limits(job);
    report.status = job->step(job->context, &report);
    const bool told = write_all(pipe_end, &report, sizeof report) && write_all(pipe_end, job->answer, job->answer_size);
    _exit(told ? 0 : 1);
}

// True when a whole report came that makes sense.
static bool read_report(const child_job *job, int pipe_end, asc_error *report)
{
    if (!read_all(pipe_end, report, sizeof *report) || !read_all(pipe_end, job->answer, job->answer_size))
        return false;
    report->message[sizeof report->message - 1] = '\0';
    report->hint[sizeof report->hint - 1] = '\0';
    return report->status >= ASC_OK && report->status <= ASC_DIFFERENT_RUN;
}

static asc_status fail_dead(const child_job *job, int exit_facts, asc_error *err)
{
    if (WIFSIGNALED(exit_facts))
        fail(err, job->dead_status, "%s died (signal %d: %s)", job->dead, WTERMSIG(exit_facts),
             strsignal(WTERMSIG(exit_facts)));
    else
        fail(err, job->dead_status, "%s died (exit code %d, without a word)", job->dead, WEXITSTATUS(exit_facts));
    return job->dead_hint ? fail_hint(err, job->dead_status, "%s", job->dead_hint) : job->dead_status;
}

asc_status child_run(const child_job *job, asc_error *err)
{
    int ends[2], exit_facts = 0;
    asc_error report;
    assert(job->step && job->dead && job->dead_status != ASC_OK);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail(err, ASC_OUT_OF_MEMORY, "no pipe to a child process: %s", strerror(errno));
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_as_child(job, ends[1]);
    }
    const int fork_error = errno;
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return fail(err, ASC_OUT_OF_MEMORY, "no child process: %s", strerror(fork_error));
    }
    const bool reported = read_report(job, ends[0], &report);
    close(ends[0]);
    pid_t found;
    do
        found = waitpid(child, &exit_facts, 0);
    while (found < 0 && errno == EINTR);
    // Where the program ignores SIGCHLD the exit is not to be had; the report then speaks for itself.
    const bool ended_well = found == child ? WIFEXITED(exit_facts) && WEXITSTATUS(exit_facts) == 0 : reported;
    if (!reported || !ended_well)
        return fail_dead(job, found == child ? exit_facts : 0, err);
    if (err && report.status != ASC_OK)
        *err = report;
    return report.status;
}
