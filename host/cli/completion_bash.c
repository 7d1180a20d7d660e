// Completion for bash: commands, options, the words of options that have some, folders and files.
#include "completion.h"

#include "command.h"

#include <string.h>

static bool takes_folder(const option_spec *option)
{
    return option->argument && strcmp(option->argument, "DIR") == 0;
}

static bool takes_file(const option_spec *option)
{
    return option->argument && (strstr(option->argument, "FILE") || strstr(option->argument, ".h5"));
}

// "|--name|-n": the option as a pattern of `case`.
static void print_pattern(FILE *out, const option_spec *option, bool is_first)
{
    fprintf(out, "%s--%s", is_first ? "" : "|", option->name);
    if (option->letter)
        fprintf(out, "|-%c", option->letter);
}

static void print_words(FILE *out, const char *choices)
{
    for (; *choices; choices++)
        fputc(*choices == '|' ? ' ' : *choices, out);
}

// The options that `takes` accepts share one branch, which runs `action`.
static void print_branch(FILE *out, const option_table *table, bool (*takes)(const option_spec *option), const char *action)
{
    bool is_first = true;

    for (size_t i = 0; i < table->n_options; i++) {
        const option_spec *option = &table->options[i];
        if (option->hidden || option->choices || !takes(option))
            continue;
        fputs(is_first ? "            " : "", out);
        print_pattern(out, option, is_first);
        is_first = false;
    }
    if (!is_first)
        fprintf(out, ") %s; return ;;\n", action);
}

static bool takes_other(const option_spec *option)
{
    return option->argument && !takes_folder(option) && !takes_file(option);
}

static void print_command(FILE *out, const option_table *table)
{
    fprintf(out, "    %s)\n        case $previous in\n", table->command);
    for (size_t i = 0; i < table->n_options; i++) {
        const option_spec *option = &table->options[i];
        if (option->hidden || !option->choices)
            continue;
        fputs("            ", out);
        print_pattern(out, option, true);
        fputs(") words='", out);
        print_words(out, option->choices);
        fputs("' ;;\n", out);
    }
    print_branch(out, table, takes_folder, "compopt -o filenames; COMPREPLY=($(compgen -d -- \"$current\"))");
    print_branch(out, table, takes_file, "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$current\"))");
    print_branch(out, table, takes_other, ":");
    fputs("        esac\n        options='", out);
    for (size_t i = 0; i < table->n_options; i++)
        if (!table->options[i].hidden)
            fprintf(out, "--%s ", table->options[i].name);
    fputs("--help' ;;\n", out);
}

void completion_print_bash(FILE *out)
{
    fputs("# Completion of ascribe for bash, made by 'ascribe completion bash'.\n"
          "_ascribe()\n"
          "{\n"
          "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words= options=\n"
          "    local IFS=$' \\t\\n'\n"
          "    COMPREPLY=()\n"
          "    if [ \"$current\" = = ]; then\n"
          "        current=\n"
          "    elif [ \"$previous\" = = ]; then\n"
          "        previous=${COMP_WORDS[COMP_CWORD-2]}\n"
          "    fi\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W '", out);
    for (size_t i = 0; i < cli_n_commands; i++)
        if (!cli_commands[i]->hidden)
            fprintf(out, "%s ", cli_commands[i]->table.command);
    fputs("help --help --version' -- \"$current\"))\n"
          "        return\n"
          "    fi\n"
          "    case ${COMP_WORDS[1]} in\n", out);
    for (size_t i = 0; i < cli_n_commands; i++)
        if (!cli_commands[i]->hidden)
            print_command(out, &cli_commands[i]->table);
    fputs("    esac\n"
          "    if [ -n \"$words\" ]; then\n"
          "        COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
          "    elif [ \"${current#-}\" != \"$current\" ]; then\n"
          "        COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
          "    else\n"
          "        compopt -o filenames\n"
          "        local IFS=$'\\n'\n"
          "        COMPREPLY=($(compgen -f -- \"$current\"))\n"
          "    fi\n"
          "}\n"
          "complete -F _ascribe ascribe\n", out);
}
