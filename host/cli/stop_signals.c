// The state is global and mutable: a signal handler has no other way to leave word. Handlers call nothing but async-signal-safe functions.
#include "stop_signals.h"

#include "scratch_folder.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

static const int stop_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
enum { N_STOP_SIGNALS = sizeof stop_signals / sizeof stop_signals[0] };
// What the same Ctrl-C sends twice (to a program, and to the group it is in) comes within this time.
static const double same_request_s = 0.2;

static volatile sig_atomic_t asked, is_terminal;
static volatile double asked_at_s; // written once, before `asked`

static double now_s(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void tell(void)
{
    static const char notice[] = "\nascribe: stopping: what is finished is kept; Ctrl-C (SIGINT) again to stop at once\n";
    const size_t skipped = is_terminal ? 0 : 1; // there a bar may stand on the line

    if (write(STDERR_FILENO, notice + skipped, sizeof notice - 1 - skipped) < 0)
        errno = 0; // it is lost
}

static void end_now(int number)
{
    scratch_folder_remove_in_handler();
    signal(number, SIG_DFL);
    raise(number);
}

static void remember(int number)
{
    const int error_before = errno;

    if (!asked) {
        asked_at_s = now_s();
        asked = 1;
        tell();
    } else if (number == SIGINT && now_s() - asked_at_s > same_request_s) {
        end_now(number);
    }
    errno = error_before;
}

void stop_signals_begin(void)
{
    struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART}, before;

    is_terminal = isatty(STDERR_FILENO);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < N_STOP_SIGNALS; i++)
        sigaddset(&action.sa_mask, stop_signals[i]);
    for (size_t i = 0; i < N_STOP_SIGNALS; i++)
        if (sigaction(stop_signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            (void)sigaction(stop_signals[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int stop_signals_asked(void *unused)
{
    (void)unused;
    return asked;
}
