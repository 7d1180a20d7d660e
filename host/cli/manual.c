// ascribe(1) in the macros of man(7): usage, options and defaults come from the tables that parse the command line, names of exit
// codes from the library.
#include "manual.h"

#include "command.h"
#include "report_error.h"

#include <ascribe/version.h>

#include <stdlib.h>
#include <string.h>

// What troff would take for its own is escaped: backslashes, quotes and dashes, which must stay ASCII to be copied, and what begins a
// line like a macro.
static void print_escaped(FILE *out, const char *text, size_t length)
{
    static const char *const escapes[128] = {
        ['\\'] = "\\(rs", ['-'] = "\\-", ['^'] = "\\(ha", ['~'] = "\\(ti", ['`'] = "\\(ga", ['\''] = "\\(aq",
    };

    if (length > 0 && (text[0] == '.' || text[0] == '\''))
        fputs("\\&", out);
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c < 128 && escapes[c])
            fputs(escapes[c], out);
        else
            fputc(c, out);
    }
}

static void print_text(FILE *out, const char *text)
{
    print_escaped(out, text, strlen(text));
}

static void print_lines(FILE *out, const char *before, const char *lines, const char *after)
{
    while (*lines) {
        const size_t length = strcspn(lines, "\n");
        fputs(before, out);
        print_escaped(out, lines, length);
        fputs(after, out);
        lines += length + (lines[length] == '\n');
    }
}

static void print_option(FILE *out, const option_spec *option, const void *defaults)
{
    char note[128];

    fputs(".TP\n", out);
    if (option->letter)
        fprintf(out, "\\fB\\-%c\\fR, ", option->letter);
    fputs("\\fB\\-\\-", out);
    print_text(out, option->name);
    fputs("\\fR", out);
    if (option->argument) {
        fputs(" \\fI", out);
        print_text(out, option->argument);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    optable_describe_default(option, defaults, note, sizeof note);
    print_text(out, option->help);
    fputs(option->required ? " (required)" : "", out);
    print_text(out, note);
    fputc('\n', out);
}

static void print_options(FILE *out, const option_table *table, const void *defaults)
{
    for (size_t i = 0; i < table->n_options; i++) {
        const option_spec *option = &table->options[i];
        if (option->hidden)
            continue;
        if (option->group) {
            fputs(".PP\n\\fI", out);
            print_text(out, option->group);
            fputs("\\fR\n", out);
        }
        print_option(out, option, defaults);
    }
}

static asc_status print_command(FILE *out, const cli_command *command, asc_error *err)
{
    void *defaults = calloc(1, command->values_size + 1);

    if (!defaults)
        return cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for the manual");
    if (command->set_defaults)
        command->set_defaults(defaults);
    fputs(".SS ascribe ", out);
    print_text(out, command->table.command);
    fputc('\n', out);
    print_lines(out, ".PP\n\\fBascribe\\fR ", command->table.usage, "\n");
    fputs(".PP\n", out);
    print_text(out, command->table.description);
    fputc('\n', out);
    print_options(out, &command->table, defaults);
    fputs(".PP\n.EX\n", out);
    print_lines(out, "", command->table.examples, "\n");
    fputs(".EE\n", out);
    free(defaults);
    return ASC_OK;
}

static void print_head(FILE *out)
{
    fprintf(out, ".\\\" Made by 'ascribe help --man'.\n.TH ASCRIBE 1 \"\" \"ascribe %s\" \"User Commands\"\n", asc_version());
    fputs(".SH NAME\nascribe \\- how much each word moved a fine\\-tuned transformer\\(aqs output\n.SH SYNOPSIS\n", out);
    for (size_t i = 0; i < cli_n_commands; i++)
        if (!cli_commands[i]->hidden)
            print_lines(out, ".br\n\\fBascribe\\fR ", cli_commands[i]->table.usage, "\n");
    fputs(".SH DESCRIPTION\n"
          "Computes Shapley values (KernelSHAP) and occlusion, with standard errors, for every text of a dataset and a model as\n"
          "Hugging Face writes it. The same command, run again, continues what was interrupted; a result appears complete or\n"
          "not at all.\n"
          ".PP\n"
          "Long options take their value as \\fB\\-\\-name\\fR \\fIVALUE\\fR or \\fB\\-\\-name=\\fR\\fIVALUE\\fR;\n"
          "\\fB\\-\\-\\fR ends the options; every command knows \\fB\\-h\\fR and \\fB\\-\\-help\\fR.\n"
          "Results go to standard output, progress, warnings and errors to standard error.\n"
          ".SH COMMANDS\n",
          out);
}

static void print_exit_codes(FILE *out)
{
    static const asc_status codes[] = {ASC_OK,          ASC_FAILED_CHECK, ASC_USAGE,         ASC_MALFORMED,
                                       ASC_NOT_FOUND,   ASC_NO_DEVICE,    ASC_INTERNAL,      ASC_OUT_OF_MEMORY,
                                       ASC_CANNOT_CREATE, ASC_IO_ERROR,   ASC_STOPPED,       ASC_DIFFERENT_RUN};

    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        fprintf(out, ".TP\n%d\n", (int)codes[i]);
        print_text(out, asc_status_name(codes[i]));
        fputc('\n', out);
    }
}

static void print_tail(FILE *out)
{
    static const char *const entries[][2] = {
        {"OUT.parts", "run.json, which says what the run is, and its finished parts; the same command continues from them, 'ascribe merge' makes OUT"},
        {"OUT-dataset.h5", "the dataset that 'ascribe explain --data TABLE' prepared"},
        {"ASCRIBE_PREPARE", "(environment) the program that 'ascribe prepare' becomes"},
        {"TMPDIR", "(environment) where texts of --text and --dry-run wait"},
        {"SLURM_ARRAY_JOB_ID, SLURM_ARRAY_TASK_ID, SLURM_JOB_ID", "(environment) what 'ascribe status' calls the job of a task"},
        {"NO_COLOR, TERM, COLUMNS", "(environment) whether and how wide to draw"},
    };

    fputs(".SH FILES AND ENVIRONMENT\n", out);
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        fputs(".TP\n", out);
        print_text(out, entries[i][0]);
        fputc('\n', out);
        print_text(out, entries[i][1]);
        fputc('\n', out);
    }
}

asc_status manual_print(FILE *out, asc_error *err)
{
    asc_status status = ASC_OK;

    print_head(out);
    for (size_t i = 0; i < cli_n_commands && status == ASC_OK; i++)
        if (!cli_commands[i]->hidden)
            status = print_command(out, cli_commands[i], err);
    print_exit_codes(out);
    print_tail(out);
    return status;
}
