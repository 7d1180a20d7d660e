// One child, one pipe, one report; see child.h.
#include "base/child.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
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

enum { WAIT_MS = 100 };

// How long the child may still keep its parent waiting.
typedef struct patience {
    bool limited, over;
    size_t left_ms;
    stop_check stop;
    bool stopped;
} patience;

// Waits for something to read, or the end. A wait counts for what it was meant to take at most: a program that was suspended in
// between (Ctrl-Z) has not waited all that time.
static bool wait_for_bytes(int pipe_end, patience *p)
{
    struct pollfd readable = {.fd = pipe_end, .events = POLLIN};
    for (;;) {
        const size_t wait_ms = p->limited && p->left_ms < WAIT_MS ? p->left_ms : WAIT_MS;
        const double begun_s = clock_seconds();
        p->stopped = stop_asked(&p->stop);
        if (p->stopped)
            return false;
        const int n = poll(&readable, 1, (int)wait_ms);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        if (!p->limited)
            continue;
        const double waited_ms = 1e3 * (clock_seconds() - begun_s);
        p->left_ms -= n == 0 || waited_ms > (double)wait_ms ? wait_ms : (size_t)waited_ms;
        p->over = p->left_ms == 0;
        if (p->over)
            return false;
    }
}

static bool read_all(int pipe_end, void *bytes, size_t size, patience *p)
{
    for (size_t filled = 0; filled < size;) {
        if (!wait_for_bytes(pipe_end, p))
            return false;
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

// A crash is wanted as one: handlers of the parent (a crash reporter, the program's for SIGINT) are not this child's. What the
// parent ignores stays ignored.
static void reset_signals(void)
{
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGXFSZ, SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
        struct sigaction action;
        if (sigaction(deadly[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            signal(deadly[i], SIG_DFL);
    }
}

static _Noreturn void run_as_child(const child_job *job, int pipe_end, const sigset_t *signals)
{
    asc_error report = {0};
    reset_signals();
    pthread_sigmask(SIG_SETMASK, signals, NULL);
    set_limits(job);
    report.status = job->step(job->context, &report);
    const bool told = write_all(pipe_end, &report, sizeof report) && write_all(pipe_end, job->answer, job->answer_size);
    _exit(told ? 0 : 1);
}

// True when a whole report came.
static bool read_report(const child_job *job, int pipe_end, asc_error *report, patience *p)
{
    if (!read_all(pipe_end, report, sizeof *report, p) || !read_all(pipe_end, job->answer, job->answer_size, p))
        return false;
    report->message[sizeof report->message - 1] = '\0';
    report->hint[sizeof report->hint - 1] = '\0';
    return true;
}

static bool makes_sense(const asc_error *report)
{
    return report->status >= ASC_OK && report->status <= ASC_DIFFERENT_RUN;
}

// Who ended the child: its own work (a crash, our limits), whoever stops programs, or somebody else.
typedef enum end_cause { END_BY_WORK, END_BY_STOP, END_FROM_OUTSIDE } end_cause;

static end_cause cause_of(const child_job *job, int signal_number, const struct rusage *usage)
{
    static const int of_work[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU, SIGXFSZ};
    static const int of_stop[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    const size_t used_s = (size_t)usage->ru_utime.tv_sec + (size_t)usage->ru_stime.tv_sec;
    for (size_t i = 0; i < sizeof of_work / sizeof *of_work; i++)
        if (signal_number == of_work[i])
            return END_BY_WORK;
    for (size_t i = 0; i < sizeof of_stop / sizeof *of_stop; i++)
        if (signal_number == of_stop[i])
            return END_BY_STOP;
    // Where the soft limit's signal is ignored the hard limit kills.
    return signal_number == SIGKILL && job->cpu_s && used_s >= job->cpu_s ? END_BY_WORK : END_FROM_OUTSIDE;
}

static asc_status fail_signalled(const child_job *job, int signal_number, const struct rusage *usage, asc_error *err)
{
    const char *words = strsignal(signal_number);
    const asc_status killed_status = job->killed_status != ASC_OK ? job->killed_status : ASC_OUT_OF_MEMORY;
    switch (cause_of(job, signal_number, usage)) {
    case END_BY_STOP: return fail(err, ASC_STOPPED, "%s was stopped (signal %d: %s)", job->dead, signal_number, words);
    case END_FROM_OUTSIDE:
        fail(err, killed_status, "%s was killed from outside (signal %d: %s)", job->dead, signal_number, words);
        return fail_hint(err, killed_status, "the system does so when memory runs out: free some, then give the same command again");
    case END_BY_WORK: break;
    }
    return fail(err, job->dead_status, "%s died (signal %d: %s)", job->dead, signal_number, words);
}

static asc_status fail_late(const child_job *job, asc_error *err)
{
    fail(err, job->dead_status, "%s gave no answer within %.3g s and was ended", job->dead, (double)job->wall_ms / 1e3);
    return job->dead_hint ? fail_hint(err, job->dead_status, "%s", job->dead_hint) : job->dead_status;
}

static asc_status fail_dead(const child_job *job, int exit_facts, const struct rusage *usage, asc_error *err)
{
    const asc_status status = WIFSIGNALED(exit_facts)
                                  ? fail_signalled(job, WTERMSIG(exit_facts), usage, err)
                                  : fail(err, job->dead_status, "%s died (exit code %d, without a word)", job->dead, WEXITSTATUS(exit_facts));
    return status == job->dead_status && job->dead_hint ? fail_hint(err, status, "%s", job->dead_hint) : status;
}

// A signal that comes while the child still has its parent's handlers waits until it has its own.
static pid_t fork_child(const child_job *job, const int ends[2])
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_as_child(job, ends[1], &before);
    }
    const int fork_error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    errno = fork_error;
    return child;
}

asc_status child_run(const child_job *job, asc_error *err)
{
    int ends[2], exit_facts = 0;
    asc_error report;
    struct rusage usage = {0};
    assert(job->step && job->dead && job->dead_status != ASC_OK);
    TRY(stop_poll(&job->stop, err));
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail(err, ASC_OUT_OF_MEMORY, "no pipe to a child process: %s", strerror(errno));
    const pid_t child = fork_child(job, ends);
    if (child < 0) {
        const int fork_error = errno;
        close(ends[0]);
        return fail(err, ASC_OUT_OF_MEMORY, "no child process: %s", strerror(fork_error));
    }
    patience left = {.limited = job->wall_ms > 0, .left_ms = job->wall_ms, .stop = job->stop};
    const bool came = read_report(job, ends[0], &report, &left), reported = came && makes_sense(&report);
    close(ends[0]);
    if (!came)
        kill(child, SIGKILL); // stopped, too late, or with nothing more to say: one that is ending by itself keeps its own exit
    pid_t found;
    do
        found = wait4(child, &exit_facts, 0, &usage);
    while (found < 0 && errno == EINTR);
    if (left.stopped)
        return stop_fail(err);
    if (left.over)
        return fail_late(job, err);
    // Where the program ignores SIGCHLD the exit is not to be had; the report then speaks for itself.
    const bool ended_well = found == child ? WIFEXITED(exit_facts) && WEXITSTATUS(exit_facts) == 0 : reported;
    if (!reported || !ended_well)
        return fail_dead(job, found == child ? exit_facts : 0, &usage, err);
    if (err && report.status != ASC_OK)
        *err = report;
    return report.status;
}
