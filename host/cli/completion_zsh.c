// Completion for zsh, by its function _arguments (zshcompsys(1)).
#include "completion.h"

#include "command.h"

#include <string.h>

// Inside single quotes and square brackets of a specification.
static void print_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (strchr("[]:\\", *text))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

static void print_argument(FILE *out, const option_spec *option)
{
    fputc(':', out);
    print_escaped(out, option->argument);
    fputc(':', out);
    if (option->choices) {
        fputc('(', out);
        for (const char *c = option->choices; *c; c++)
            fputc(*c == '|' ? ' ' : *c, out);
        fputc(')', out);
    } else if (strcmp(option->argument, "DIR") == 0) {
        fputs("_directories", out);
    } else if (strstr(option->argument, "FILE") || strstr(option->argument, ".h5")) {
        fputs("_files", out);
    }
}

static void print_option(FILE *out, const option_spec *option)
{
    const bool repeats = option->kind == OPTION_LIST;
    const char *equals = option->argument ? "=" : ""; // the value may follow it, or as the next word

    fputs("            ", out);
    if (option->letter && repeats)
        fprintf(out, "'*'{-%c,--%s%s}'", option->letter, option->name, equals);
    else if (option->letter)
        fprintf(out, "'(-%c --%s)'{-%c,--%s%s}'", option->letter, option->name, option->letter, option->name, equals);
    else
        fprintf(out, "'%s--%s%s", repeats ? "*" : "", option->name, equals);
    fputc('[', out);
    print_escaped(out, option->help);
    fputc(']', out);
    if (option->argument)
        print_argument(out, option);
    fputs("' \\\n", out);
}

static void print_command(FILE *out, const option_table *table)
{
    fprintf(out, "    %s)\n        _arguments \\\n", table->command);
    for (size_t i = 0; i < table->n_options; i++)
        if (!table->options[i].hidden)
            print_option(out, &table->options[i]);
    fprintf(out, "            '(-h --help)'{-h,--help}'[usage and options]'%s ;;\n", table->operands ? " '*:file:_files'" : "");
}

void completion_print_zsh(FILE *out)
{
    fputs("#compdef ascribe\n"
          "# Completion of ascribe for zsh, made by 'ascribe completion zsh'.\n"
          "_ascribe()\n"
          "{\n"
          "    if (( CURRENT == 2 )); then\n"
          "        local -a commands=(\n", out);
    for (size_t i = 0; i < cli_n_commands; i++) {
        if (cli_commands[i]->hidden)
            continue;
        fprintf(out, "            '%s:", cli_commands[i]->table.command);
        print_escaped(out, cli_commands[i]->summary);
        fputs("'\n", out);
    }
    fputs("        )\n"
          "        _describe command commands\n"
          "        return\n"
          "    fi\n"
          "    local command=$words[2]\n"
          "    shift words\n"
          "    (( CURRENT-- ))\n"
          "    case $command in\n", out);
    for (size_t i = 0; i < cli_n_commands; i++)
        if (!cli_commands[i]->hidden)
            print_command(out, &cli_commands[i]->table);
    fputs("    esac\n"
          "}\n"
          "_ascribe \"$@\"\n", out);
}
