// mkdtemp and nftw. The folder's name is a mutable global: a signal handler has no other way to know it.
#include "scratch_folder.h"

#include "report_error.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *volatile folder_to_remove;
enum { MOST_OPEN_FOLDERS = 8 };

// nftw is not for signal handlers, but fork and exec are.
void scratch_folder_remove_in_handler(void)
{
    const char *path = folder_to_remove;
    const pid_t child = path ? fork() : -1;

    if (child == 0) {
        execl("/bin/rm", "rm", "-rf", "--", path, (char *)NULL);
        _exit(127);
    }
    if (child > 0)
        (void)waitpid(child, NULL, 0);
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
    folder_to_remove = NULL;
}
