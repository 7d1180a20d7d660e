// See supervisor.h.
#include "explain/supervisor.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/thread_pool.h"
#include "explain/request_backend.h"
#include "explain/run_record.h"
#include "explain/tally.h"
#include "explain/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WAIT_MS = 100,
    MOST_DEATHS_OF_PART = 3,
    // In a row, with no part finished between them: then the worker's place is given up. Death before a part was begun weighs three.
    MOST_DEATHS_IN_A_ROW = 9,
    MOST_SAID = 16,
    SAID_SIZE = 256,
};

#define GRACE_S 4.0 // of workers that are to end; then they are killed

typedef enum slot_state { SLOT_OPENING, SLOT_OPENED, SLOT_SETTLING, SLOT_IDLE, SLOT_WORKING, SLOT_GONE } slot_state;

// The place of a worker and of those who follow it when it dies.
typedef struct slot {
    slot_state state;
    pid_t pid;
    int link;
    int device; // -1: the processor
    size_t part; // SLOT_WORKING: on which
    size_t n_starts, deaths_in_a_row;
    worker_tally before, finished, now; // of dead ones; of the present one up to its last part, and up to now
    worker_facts facts;
    asc_error failure; // what the present one said of its end; status ASC_OK: nothing
} slot;

struct supervisor {
    run *r;
    slot *slots; // [n_slots]
    size_t n_slots, n_threads; // threads of each; 0: as the worker chooses
    struct pollfd *polled;     // [n_slots]
    atomic_int *stop;          // shared with the workers
    uint8_t *deaths;           // [n_parts] workers that each part ended
    size_t *again;             // [n_slots] parts to be handed out again
    size_t n_again, next_part, n_unfinished;
    size_t n_left_out, first_left_out;
    asc_error last_death;
    char said[MOST_SAID][SAID_SIZE];
    size_t n_said;
};

bool supervisor_is_wanted(const asc_explain_options *options)
{
    return options->devices || options->n_processes > 1;
}

// ---- Log ---------------------------------------------------------------------------------------------------------

// What all workers say is said once.
static void say(supervisor *s, asc_log_level level, const char *message)
{
    const asc_log *log = &s->r->job->log;
    for (size_t i = 0; i < s->n_said; i++)
        if (strncmp(s->said[i], message, SAID_SIZE - 1) == 0)
            return;
    if (s->n_said < MOST_SAID)
        snprintf(s->said[s->n_said++], SAID_SIZE, "%s", message);
    if (log->write)
        log->write(log->user, level, message);
}

static void describe_part(const supervisor *s, size_t part, char *text, size_t size)
{
    const int64_t *starts = s->r->division.starts;
    snprintf(text, size, "part %zu (rows %lld to %lld)", part, (long long)starts[part], (long long)starts[part + 1] - 1);
}

// ---- Starting ----------------------------------------------------------------------------------------------------

// Signals that stop the run are the supervisor's to hear: it stops its workers in good order. Of a crash the worker dies.
static void set_signals(const sigset_t *mask)
{
    static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1}, deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        signal(deadly[i], SIG_DFL);
    pthread_sigmask(SIG_SETMASK, mask, NULL);
}

asc_explain_job supervisor_worker_job(const asc_explain_job *job, int device)
{
    asc_explain_job one = *job;
    one.options.devices = NULL;
    one.options.n_processes = 0;
    if (device >= 0)
        one.options.device = device;
    if (device >= 0 || strcmp(one.options.backend, "auto") == 0)
        one.options.backend = device >= 0 ? "cuda" : "cpu";
    return one;
}

static asc_explain_job job_of(const supervisor *s, const slot *w)
{
    asc_explain_job job = supervisor_worker_job(s->r->job, w->device);
    if (job.options.n_workers == 0)
        job.options.n_workers = (int)s->n_threads;
    return job;
}

static _Noreturn void live_as_worker(const supervisor *s, const slot *w, int link, pid_t parent)
{
    for (size_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].link >= 0)
            close(s->slots[i].link);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    const worker_start start = {.job = job_of(s, w), .link = link, .stop = s->stop};
    worker_run(&start);
}

static asc_status start_worker(supervisor *s, slot *w)
{
    int ends[2];
    sigset_t all, before;
    const pid_t parent = getpid();
    w->failure = (asc_error){.status = ASC_OK};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return fail(s->r->err, ASC_OUT_OF_MEMORY, "no sockets to a worker process: %s", strerror(errno));
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    w->pid = fork();
    if (w->pid == 0) {
        set_signals(&before);
        close(ends[0]);
        live_as_worker(s, w, ends[1], parent);
    }
    const int fork_error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (w->pid < 0) {
        close(ends[0]);
        return fail(s->r->err, ASC_OUT_OF_MEMORY, "no worker process: %s", strerror(fork_error));
    }
    w->link = ends[0];
    w->state = SLOT_OPENING;
    w->n_starts++;
    return ASC_OK;
}

// ---- Deaths ------------------------------------------------------------------------------------------------------

// How a worker ended, in words and as a status.
static void explain_end(const slot *w, int exit_facts, asc_error *reason)
{
    if (w->failure.status != ASC_OK)
        *reason = w->failure;
    else if (WIFSIGNALED(exit_facts))
        (void)fail(reason, WTERMSIG(exit_facts) == SIGKILL ? ASC_OUT_OF_MEMORY : ASC_INTERNAL, "signal %d: %s", WTERMSIG(exit_facts),
                   strsignal(WTERMSIG(exit_facts)));
    else
        (void)fail(reason, ASC_INTERNAL, "exit code %d, without a word", WEXITSTATUS(exit_facts));
}

static void reap(supervisor *s, slot *w, asc_error *reason)
{
    int exit_facts = 0;
    pid_t found;
    close(w->link);
    w->link = -1;
    do
        found = waitpid(w->pid, &exit_facts, 0);
    while (found < 0 && errno == EINTR);
    explain_end(w, found == w->pid ? exit_facts : 0, reason);
    tally_add(&w->before, &w->finished);
    w->finished = w->now = tally_none();
    if (s->r->folder.descriptor >= 0)
        run_folder_sweep(&s->r->folder, s->r->first_part, s->r->end_part); // what it has half-written
}

// The part that a worker died of is tried again, but not for ever.
static void take_back(supervisor *s, const slot *w, const asc_error *reason)
{
    char part[96], message[1400];
    const bool left_out = ++s->deaths[w->part] >= MOST_DEATHS_OF_PART;
    describe_part(s, w->part, part, sizeof part);
    if (!left_out) {
        s->again[s->n_again++] = w->part;
    } else {
        s->first_left_out = s->n_left_out++ == 0 ? w->part : s->first_left_out;
        s->n_unfinished--;
    }
    snprintf(message, sizeof message, "worker process %ld ended on %s: %.1000s; it is %s", (long)w->pid, part, reason->message,
             left_out ? "left out, having ended three" : "tried again by another");
    say(s, ASC_LOG_WARNING, message);
}

// What does not end with the process is the whole run's failure: a lost GPU and our own faults do.
static bool ends_the_run(const slot *w)
{
    const asc_status status = w->failure.status;
    return status != ASC_OK && ((status != ASC_NO_DEVICE && status != ASC_INTERNAL) || (w->state == SLOT_OPENING && w->n_starts == 1));
}

static asc_status bury(supervisor *s, slot *w)
{
    const slot_state state = w->state;
    const bool fatal = ends_the_run(w);
    reap(s, w, &s->last_death);
    w->state = SLOT_GONE;
    if (fatal) {
        *s->r->err = s->last_death;
        return s->last_death.status;
    }
    if (state == SLOT_WORKING)
        take_back(s, w, &s->last_death);
    w->deaths_in_a_row += state == SLOT_WORKING ? 1 : 3;
    if (w->deaths_in_a_row < MOST_DEATHS_IN_A_ROW)
        return start_worker(s, w);
    char message[1300];
    snprintf(message, sizeof message, "a worker process has ended again and again, the last time with: %.1000s; the run goes on without it",
             s->last_death.message);
    say(s, ASC_LOG_WARNING, message);
    return ASC_OK;
}

// ---- Talking -----------------------------------------------------------------------------------------------------

static void take_report(supervisor *s, slot *w, const worker_report *report)
{
    w->now = report->tally;
    w->facts = report->facts;
    switch (report->event) {
    case WORKER_OPENED:
        w->state = SLOT_OPENED;
        w->finished = w->now;
        break;
    case WORKER_SETTLED: w->state = SLOT_IDLE; break;
    case WORKER_PROGRESS: break;
    case WORKER_PART_DONE:
        w->state = SLOT_IDLE;
        w->finished = w->now;
        w->deaths_in_a_row = 0;
        s->n_unfinished--;
        break;
    case WORKER_FAILED: w->failure = report->err; break;
    case WORKER_SAYS: say(s, report->level, report->err.message); break;
    }
}

// Takes what a worker has to say; *ended when that is nothing more.
static void listen_to(supervisor *s, slot *w, bool *ended)
{
    worker_report report;
    ssize_t n;
    do
        n = recv(w->link, &report, sizeof report, 0);
    while (n < 0 && errno == EINTR);
    *ended = n != (ssize_t)sizeof report;
    if (!*ended)
        take_report(s, w, &report);
}

// Waits a moment for workers to say something; false when none has.
static bool wait_for_words(supervisor *s)
{
    for (size_t i = 0; i < s->n_slots; i++)
        s->polled[i] = (struct pollfd){.fd = s->slots[i].link, .events = POLLIN};
    return poll(s->polled, (nfds_t)s->n_slots, WAIT_MS) > 0;
}

static void add_up(supervisor *s)
{
    run *r = s->r;
    worker_tally sum = tally_none();
    for (size_t i = 0; i < s->n_slots; i++) {
        tally_add(&sum, &s->slots[i].before);
        tally_add(&sum, &s->slots[i].now);
    }
    sum.summary.merged = r->summary->merged; // these are not the workers' to say
    sum.summary.elapsed_s = r->summary->elapsed_s;
    sum.summary.backend = r->summary->backend;
    *r->summary = sum.summary;
    r->known_evaluations = sum.known_evaluations;
    r->done_evaluations = sum.done_evaluations;
    r->reused_evaluations = sum.reused_evaluations;
    r->rows_known = sum.rows_known;
    r->rows_done = sum.rows_done;
}

// One round: what workers say is taken, dead ones are started again.
static asc_status attend(supervisor *s)
{
    TRY(stop_poll(&s->r->request.stop, s->r->err));
    if (!wait_for_words(s))
        return ASC_OK;
    for (size_t i = 0; i < s->n_slots; i++) {
        bool ended = false;
        if (s->polled[i].revents)
            listen_to(s, &s->slots[i], &ended);
        if (ended)
            TRY(bury(s, &s->slots[i]));
    }
    add_up(s);
    return ASC_OK;
}

// A worker that is gone is noticed when its link ends.
static void command(slot *w, size_t what, slot_state next)
{
    (void)send(w->link, &what, sizeof what, MSG_NOSIGNAL);
    w->state = next;
}

static asc_status check_alive(supervisor *s)
{
    for (size_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].state != SLOT_GONE)
            return ASC_OK;
    const asc_status status = s->r->rows_done > 0 ? ASC_STOPPED : s->last_death.status;
    return fail(s->r->err, status, "all worker processes have ended again and again, the last with: %.900s", s->last_death.message);
}

// Ends all workers: those that work, when they are told to stop. What they finish on the way is counted.
static void end_workers(supervisor *s)
{
    size_t n_left = 0;
    asc_error reason;
    atomic_store(s->stop, 1);
    for (size_t i = 0; i < s->n_slots; i++) {
        n_left += s->slots[i].link >= 0;
        if (s->slots[i].link >= 0)
            shutdown(s->slots[i].link, SHUT_WR);
    }
    const double end_s = clock_seconds() + GRACE_S;
    while (n_left > 0) {
        const bool is_late = clock_seconds() > end_s;
        for (size_t i = 0; is_late && i < s->n_slots; i++)
            if (s->slots[i].link >= 0)
                kill(s->slots[i].pid, SIGKILL);
        if (!wait_for_words(s))
            continue;
        for (size_t i = 0; i < s->n_slots; i++) {
            bool ended = false;
            if (s->polled[i].revents)
                listen_to(s, &s->slots[i], &ended);
            if (ended)
                reap(s, &s->slots[i], &reason);
            n_left -= ended;
        }
    }
    add_up(s);
}

// ---- Opening -----------------------------------------------------------------------------------------------------

typedef struct device_count {
    size_t n_devices;
} device_count;

static asc_status count_devices(void *context, asc_error *err)
{
    device_count *count = context;
    return backend_list_cuda(NULL, NULL, 0, &count->n_devices, err);
}

// In a child: a process that has looked at GPUs cannot fork others that use them.
static asc_status all_devices(const run *r, size_t *n_devices)
{
    device_count count = {0};
    const child_job child = {
        .step = count_devices,
        .context = &count,
        .answer = &count,
        .answer_size = sizeof count,
        .writes = true,
        .stop = r->request.stop,
        .dead = "the process that counts the GPUs",
        .dead_status = ASC_NO_DEVICE,
    };
    const asc_status status = child_run(&child, r->err);
    *n_devices = count.n_devices;
    return status == ASC_OK ? ASC_OK : fail_context(r->err, status, "--devices all");
}

static asc_status choose_slots(supervisor *s)
{
    const run *r = s->r;
    const asc_explain_options *options = &r->job->options;
    int devices[MOST_DEVICES];
    size_t n_devices = 0;
    const bool all = options->devices && strcmp(options->devices, "all") == 0;
    if (options->devices)
        TRY(request_parse_devices(options->devices, devices, &n_devices, r->err));
    if (all)
        TRY(all_devices(r, &n_devices));
    s->n_slots = options->devices ? n_devices : (size_t)options->n_processes;
    s->slots = calloc(s->n_slots, sizeof *s->slots);
    s->polled = calloc(s->n_slots, sizeof *s->polled);
    s->again = calloc(s->n_slots, sizeof *s->again);
    if (!s->slots || !s->polled || !s->again)
        return fail_memory(r->err, "the worker processes", s->n_slots * sizeof *s->slots);
    for (size_t i = 0; i < s->n_slots; i++)
        s->slots[i] = (slot){.state = SLOT_GONE, .link = -1, .device = !options->devices ? -1 : all ? (int)i : devices[i],
                             .before = tally_none(), .finished = tally_none(), .now = tally_none()};
    const size_t n_cores = pool_available_cores();
    s->n_threads = options->devices ? 0 : n_cores < s->n_slots ? 1 : n_cores / s->n_slots;
    return ASC_OK;
}

static bool all_are(const supervisor *s, slot_state state)
{
    for (size_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].state != state && s->slots[i].state != SLOT_GONE)
            return false;
    return true;
}

static asc_status create(run *r)
{
    supervisor *s = calloc(1, sizeof *s);
    if (!s)
        return fail_memory(r->err, "the worker processes", sizeof *s);
    r->supervisor = s;
    s->r = r;
    void *shared = mmap(NULL, sizeof *s->stop, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return fail_memory(r->err, "memory that is shared with worker processes", sizeof *s->stop);
    s->stop = shared;
    atomic_init(s->stop, 0);
    return choose_slots(s);
}

asc_status supervisor_open(run *r)
{
    const asc_explain_job *job = r->job;
    r->request.stop = (stop_check){job->should_stop, job->stop_user};
    if (job->options.export_masks)
        return fail(r->err, ASC_USAGE, "--export-masks is for a run in one process: without --devices and --processes");
    TRY(create(r));
    supervisor *s = r->supervisor;
    for (size_t i = 0; i < s->n_slots; i++)
        TRY(start_worker(s, &s->slots[i]));
    while (!all_are(s, SLOT_OPENED))
        TRY(attend(s));
    TRY(check_alive(s));
    for (size_t i = 0; i < s->n_slots; i++)
        r->n_workers += s->slots[i].facts.n_threads;
    memcpy(r->manifest_hash, s->slots[0].facts.manifest_hash, HASH_BYTES);
    r->summary->backend = s->slots[0].now.summary.backend;
    return run_folder_name(job->out_path, &r->folder, r->err);
}

// ---- Working -----------------------------------------------------------------------------------------------------

// The first worker settles what the run is, before the others.
static asc_status settle_first(supervisor *s, const slot **settled)
{
    for (;;) {
        slot *first = NULL;
        for (size_t i = 0; i < s->n_slots; i++)
            first = first || s->slots[i].state == SLOT_GONE ? first : &s->slots[i];
        TRY(check_alive(s));
        if (first->state == SLOT_OPENED)
            command(first, WORKER_SETTLE, SLOT_SETTLING);
        *settled = first;
        if (first->state == SLOT_IDLE)
            return ASC_OK;
        TRY(attend(s));
    }
}

static asc_status read_division(run *r)
{
    run_record record = {0};
    char *path = NULL;
    TRY(run_folder_join(&r->folder, RUN_RECORD_NAME, &path, r->err));
    const asc_status status = run_record_read(path, &record, r->err);
    if (status == ASC_OK) {
        r->division = record.division;
        record.division = (division){0};
    }
    run_record_free(&record);
    free(path);
    return status;
}

static asc_status settle(run *r)
{
    supervisor *s = r->supervisor;
    const slot *settled = NULL;
    TRY(settle_first(s, &settled));
    r->first_part = settled->facts.first_part;
    r->end_part = settled->facts.end_part;
    r->share_first = settled->facts.share_first;
    r->share_rows = settled->facts.share_rows;
    TRY(read_division(r));
    r->keeps_progress = true;
    s->next_part = r->first_part;
    s->n_unfinished = r->end_part - r->first_part;
    s->deaths = calloc(r->end_part, sizeof *s->deaths);
    return s->deaths ? ASC_OK : fail_memory(r->err, "the list of parts", r->end_part);
}

asc_status supervisor_settle(run *r)
{
    const asc_status status = settle(r);
    if (status != ASC_OK)
        end_workers(r->supervisor);
    return status;
}

static bool take_part(supervisor *s, size_t *part)
{
    if (s->n_again > 0)
        *part = s->again[--s->n_again];
    else if (s->next_part < s->r->end_part)
        *part = s->next_part++;
    else
        return false;
    return true;
}

static void hand_out(supervisor *s)
{
    for (size_t i = 0; i < s->n_slots; i++) {
        slot *w = &s->slots[i];
        if (w->state == SLOT_OPENED)
            command(w, WORKER_SETTLE, SLOT_SETTLING);
        else if (w->state == SLOT_IDLE && take_part(s, &w->part))
            command(w, w->part, SLOT_WORKING);
    }
}

static asc_status fail_left_out(supervisor *s)
{
    char part[96];
    describe_part(s, s->first_left_out, part, sizeof part);
    return fail(s->r->err, ASC_STOPPED, "%s%s ended three worker processes and %s left out, the last with: %.700s; all other rows are done", part,
                s->n_left_out > 1 ? " and others" : "", s->n_left_out > 1 ? "are" : "is", s->last_death.message);
}

static asc_status explain_all(supervisor *s)
{
    while (s->n_unfinished > 0) {
        hand_out(s);
        TRY(check_alive(s));
        TRY(attend(s));
        run_report(s->r, "explaining");
    }
    return s->n_left_out > 0 ? fail_left_out(s) : ASC_OK;
}

asc_status supervisor_explain_parts(run *r)
{
    run_report(r, "explaining");
    const asc_status status = explain_all(r->supervisor);
    end_workers(r->supervisor);
    return status;
}

void supervisor_close(supervisor *s)
{
    if (!s)
        return;
    if (s->slots && s->polled)
        end_workers(s);
    if (s->stop)
        munmap(s->stop, sizeof *s->stop);
    free(s->deaths);
    free(s->again);
    free(s->polled);
    free(s->slots);
    free(s);
}
