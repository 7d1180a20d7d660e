// mkdtemp and nftw. The one mutable global of the program is here: a signal handler has no other way to know
// the folder.
#include "scratch_folder.h"

#include "report_error.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *volatile folder_to_remove;
static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { N_ENDING_SIGNALS = sizeof ending_signals / sizeof ending_signals[0], MOST_OPEN_FOLDERS = 8 };

// nftw is not for signal handlers, but fork and exec are: rm does the work, then the signal takes its usual
// course.
static void remove_and_die(int number)
{
    const pid_t child = fork();

    if (child == 0) {
        execl("/bin/rm", "rm", "-rf", "--", folder_to_remove, (char *)NULL);
        _exit(127);
    }
    if (child > 0)
        (void)waitpid(child, NULL, 0);
    signal(number, SIG_DFL);
    raise(number);
}

static void handle_signals(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler}, before;

    for (size_t i = 0; i < N_ENDING_SIGNALS; i++)
        if (sigaction(ending_signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            (void)sigaction(ending_signals[i], &action, NULL);
}

asc_status scratch_folder_make(char **path, asc_error *err)
{
    const char *parent = getenv("TMPDIR");

    if (asprintf(path, "%s/ascribe-XXXXXX", parent && *parent ? parent : "/tmp") < 0) {
        *path = NULL;
        return cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for a file name");
    }
    if (!mkdtemp(*path)) {
        (void)cli_fail(err, ASC_CANNOT_CREATE, "%s: cannot make a temporary folder: %s", *path,
                       strerror(errno));
        free(*path);
        *path = NULL;
        return err->status;
    }
    folder_to_remove = *path;
    handle_signals(remove_and_die);
    return ASC_OK;
}

static int remove_entry(const char *path, const struct stat *facts, int kind, struct FTW *place)
{
    (void)facts;
    (void)kind;
    (void)place;
    (void)remove(path);
    return 0;
}

void scratch_folder_remove(const char *path)
{
    if (!path)
        return;
    (void)nftw(path, remove_entry, MOST_OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
    handle_signals(SIG_DFL);
    folder_to_remove = NULL;
}
