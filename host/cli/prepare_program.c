// Finding and starting the programs in Python, the way git starts its own programs.
#include "prepare_program.h"

#include "report_error.h"
#include "stop_signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

const python_program prepare_program = {
    "ascribe-prepare", "ASCRIBE_PREPARE", "it turns texts into a dataset",
    "a dataset that was prepared elsewhere needs no Python: --data FILE.h5"};
const python_program convert_program = {
    "ascribe-convert", "ASCRIBE_CONVERT", "it makes model.safetensors from PyTorch's pickles",
    "a model saved by transformers with safe_serialization=True needs no conversion"};

const python_program report_program = {
    "ascribe-report", "ASCRIBE_REPORT", "it makes the HTML file",
    "'ascribe global' and 'ascribe show' need no Python"};

static bool is_program(const char *path)
{
    struct stat facts;

    return stat(path, &facts) == 0 && S_ISREG(facts.st_mode) && access(path, X_OK) == 0;
}

// FOLDER/below/name when it is a program, else NULL. The folder need not end in NUL.
static char *program_in(const char *folder, size_t folder_length, const char *below, const char *name)
{
    char *path = NULL;

    if (asprintf(&path, "%.*s/%s%s", (int)folder_length, folder, below, name) < 0)
        return NULL;
    if (!is_program(path)) {
        free(path);
        path = NULL;
    }
    return path;
}

// The path of this program; false where the system does not tell.
static bool find_self(char *self, size_t size)
{
    const ssize_t length = readlink("/proc/self/exe", self, size - 1);

    if (length <= 0)
        return false;
    self[length] = '\0';
    return true;
}

static char *program_beside_us(const char *name)
{
    static const char *const places[] = {"", "../venv/bin/", "venv/bin/"};
    char self[4096];
    char *path = NULL;

    if (!find_self(self, sizeof self))
        return NULL;
    const char *slash = strrchr(self, '/');
    for (size_t i = 0; slash && !path && i < sizeof places / sizeof places[0]; i++)
        path = program_in(self, (size_t)(slash - self), places[i], name);
    return path;
}

static char *program_on_path(const char *name)
{
    const char *folder = getenv("PATH");
    char *path = NULL;

    while (folder && *folder && !path) {
        const size_t length = strcspn(folder, ":");
        if (length > 0)
            path = program_in(folder, length, "", name);
        folder += length + (folder[length] == ':');
    }
    return path;
}

asc_status python_program_find(const python_program *program, char **path, asc_error *err)
{
    const char *given = getenv(program->variable);

    if (given && *given) {
        if (!is_program(given))
            return cli_fail(err, ASC_NO_DEVICE, "%s: expected an executable file, found '%s'",
                            program->variable, given);
        *path = strdup(given);
        return *path ? ASC_OK : cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for a path");
    }
    *path = program_beside_us(program->name);
    if (!*path)
        *path = program_on_path(program->name);
    if (*path)
        return ASC_OK;
    (void)cli_fail(err, ASC_NO_DEVICE,
                   "%s (Python) was not found: not beside ascribe, in no venv/bin there, not on PATH; %s",
                   program->name, program->purpose);
    return cli_hint(err,
                    "install it with 'pip install ./scripts' from the source folder, or set %s to the "
                    "program; %s",
                    program->variable, program->otherwise);
}

asc_status python_program_become(const python_program *program, char **argv, asc_error *err)
{
    char *path = NULL, self[4096];

    if (python_program_find(program, &path, err) != ASC_OK)
        return err->status;
    argv[0] = path;
    if (find_self(self, sizeof self))
        setenv("ASCRIBE_PROGRAM", self, 0);
    execv(path, argv);
    (void)cli_fail(err, ASC_NO_DEVICE, "cannot start %s: %s", path, strerror(errno));
    free(path);
    return err->status;
}

static asc_status judge_exit(const char *input, int wait_status, asc_error *err)
{
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0)
        return ASC_OK;
    if (stop_signals_asked(NULL)) {
        (void)cli_fail(err, ASC_STOPPED, "%s: stopped while the texts were prepared", input);
        return cli_hint(err, "the same command prepares them again");
    }
    if (WIFSIGNALED(wait_status)) {
        const int number = WTERMSIG(wait_status);
        return cli_fail(err, number == SIGKILL ? ASC_OUT_OF_MEMORY : ASC_STOPPED,
                        "%s: %s was ended by signal %d (%s)%s", input, prepare_program.name, number,
                        strsignal(number), number == SIGKILL ? ", as when memory runs out" : "");
    }
    const int code = WEXITSTATUS(wait_status);
    const bool is_ours = code >= ASC_USAGE && code <= ASC_DIFFERENT_RUN;
    (void)cli_fail(err,
                   is_ours      ? (asc_status)code
                   : code > 128 ? ASC_STOPPED
                                : ASC_INTERNAL,
                   "%s: preparing the texts failed (%s, exit code %d)", input, prepare_program.name, code);
    return cli_hint(err, "its message stands above; '%s --help' explains its options", "ascribe prepare");
}

// Waits for the program, and asks it to end when we are asked to; it removes what it has half-written.
static asc_status wait_for(pid_t child, int *wait_status, asc_error *err)
{
    const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
    bool told = false;

    for (;;) {
        const pid_t found = waitpid(child, wait_status, WNOHANG);
        if (found == child)
            return ASC_OK;
        if (found < 0 && errno != EINTR)
            return cli_fail(err, ASC_INTERNAL, "cannot wait for %s: %s", prepare_program.name, strerror(errno));
        if (!told && stop_signals_asked(NULL))
            told = kill(child, SIGTERM) == 0;
        nanosleep(&pause, NULL);
    }
}

asc_status prepare_program_run(const char *input, char **argv, bool silent, asc_error *err)
{
    posix_spawn_file_actions_t actions;
    char *path = NULL;
    pid_t child;
    int wait_status;

    if (python_program_find(&prepare_program, &path, err) != ASC_OK)
        return err->status;
    argv[0] = path;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure == 0 && silent)
        failure = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    else if (failure == 0)
        failure = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    if (failure == 0)
        failure = posix_spawn(&child, path, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0) {
        (void)cli_fail(err, ASC_NO_DEVICE, "cannot start %s: %s", path, strerror(failure));
        free(path);
        return err->status;
    }
    free(path);
    argv[0] = NULL;
    if (wait_for(child, &wait_status, err) != ASC_OK)
        return err->status;
    return judge_exit(input, wait_status, err);
}
