// The program: finds the command, parses its arguments by its table, runs it, reports its error. The exit
// code is the status.
#include "command.h"
#include "report_error.h"
#include "shell_words.h"
#include "suggest.h"

#include <ascribe/version.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const cli_command *const commands[] = {
    &command_explain, &command_show,   &command_export,  &command_prepare, &command_convert,
    &command_inspect, &command_verify, &command_devices, &command_version,
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(void)
{
    puts("Usage: ascribe COMMAND [options]\n"
         "\n"
         "Tells, for every row of a dataset, how much each word moved a fine-tuned transformer's output.\n"
         "\n"
         "Commands");
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  %-10s  %s\n", commands[i]->table.command, commands[i]->summary);
    puts("\n"
         "Options\n"
         "  --help      this text; 'ascribe COMMAND --help' explains a command\n"
         "  --version   the version; with --verbose how it was built\n"
         "\n"
         "Examples\n"
         "  ascribe explain --model my-model --text \"What a wonderful film!\"\n"
         "  ascribe explain --model my-model --data reviews.csv --out result.h5\n"
         "\n"
         "Exit codes\n"
         "   0 done                           70 a fault of ascribe\n"
         "   1 a check that was asked for     71 out of memory or another resource\n"
         "     failed (verify, --strict)      73 the output cannot be created\n"
         "  64 wrong usage                    74 reading or writing failed (disk full too)\n"
         "  65 malformed input                75 stopped, the same command continues\n"
         "  66 input missing                  78 what is on disk belongs to another run\n"
         "  69 no usable device or program");
}

static const cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i]->table.command, name) == 0)
            return commands[i];
    return NULL;
}

static asc_status fail_command(const char *name, asc_error *err)
{
    suggestion nearest = {0};

    (void)cli_fail(err, ASC_USAGE, "unknown %s '%s'", name[0] == '-' ? "option" : "command", name);
    if (name[0] == '-') {
        const char *const options[] = {"--help", "--version"};
        for (size_t i = 0; i < 2; i++)
            suggest_consider(&nearest, name, options[i]);
    } else {
        for (size_t i = 0; i < N_COMMANDS; i++)
            suggest_consider(&nearest, name, commands[i]->table.command);
    }
    if (nearest.word)
        return cli_hint(err, "did you mean '%s'?", nearest.word);
    return cli_hint(err, "'ascribe --help' lists the commands");
}

static asc_status run_command(const cli_command *command, int argc, char **argv, asc_error *err)
{
    char *const command_line = shell_words_join(argc, argv);
    void *const values = calloc(1, command->values_size + 1);
    parsed_arguments parsed;
    asc_status status;

    if (!values || !command_line) {
        status = cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for the arguments");
        goto done;
    }
    if (command->set_defaults)
        command->set_defaults(values);
    status = optable_parse(&command->table, argc - 2, argv + 2, values, &parsed, err);
    if (status != ASC_OK)
        goto done;
    if (parsed.help) {
        optable_print_help(stdout, &command->table, values);
        goto done;
    }
    status = command->run(&(command_call){values, parsed.operands, parsed.n_operands, command_line}, err);
done:
    if (values)
        optable_release(&command->table, values);
    free(values);
    free(command_line);
    return status;
}

static asc_status dispatch(int argc, char **argv, asc_error *err)
{
    char help_option[] = "--help", version_name[] = "version";
    const char *name = argc > 1 ? argv[1] : NULL;

    if (!name) {
        (void)cli_fail(err, ASC_USAGE, "a command is missing");
        return cli_hint(err, "'ascribe --help' lists the commands");
    }
    if (strcmp(name, "help") == 0 && argc > 2) {
        char *const help_argv[] = {argv[0], argv[2], help_option, NULL};
        return dispatch(3, (char **)help_argv, err);
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help();
        return ASC_OK;
    }
    if (strcmp(name, "--version") == 0 && argc == 2) {
        puts(asc_version());
        return ASC_OK;
    }
    if (strcmp(name, "--version") == 0) {
        argv[1] = version_name;
        return dispatch(argc, argv, err);
    }
    const cli_command *command = find_command(name);
    if (!command)
        return fail_command(name, err);
    if (command->hand_over)
        return command->hand_over(argv + 1, err);
    return run_command(command, argc, argv, err);
}

// A program that was started with a standard stream closed would write its results into the first file that
// it opens. A stand-in that cannot be written makes that an error at the end instead.
static void occupy_standard_streams(void)
{
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0)
            (void)open("/dev/null", O_RDONLY);
}

int main(int argc, char **argv)
{
    asc_error err = {0};

    occupy_standard_streams();
    signal(SIGXFSZ, SIG_IGN);
    asc_status status = dispatch(argc, argv, &err);
    if (status != ASC_OK && err.message[0])
        report_error(&err);
    const int was_broken = ferror(stdout);
    if (fclose(stdout) != 0 || was_broken) {
        (void)cli_fail(&err, ASC_IO_ERROR, "standard output: %s",
                       was_broken ? "writing failed" : strerror(errno));
        report_error(&err);
        status = status == ASC_OK ? ASC_IO_ERROR : status;
    }
    return (int)status;
}
