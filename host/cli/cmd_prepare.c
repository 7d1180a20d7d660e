// `ascribe prepare`: becomes ascribe-prepare with the same arguments.
#include "command.h"
#include "prepare_program.h"
#include "report_error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static asc_status hand_over(char **argv, asc_error *err)
{
    char *path = NULL;

    if (prepare_program_find(&path, err) != ASC_OK)
        return err->status;
    argv[0] = path;
    execv(path, argv);
    (void)cli_fail(err, ASC_NO_DEVICE, "cannot start %s: %s", path, strerror(errno));
    free(path);
    return err->status;
}

const cli_command command_prepare = {
    .summary = "Turns texts into a dataset (CSV, TSV, JSONL or one text a line; needs Python)",
    .table = {.command = "prepare"},
    .hand_over = hand_over,
};
