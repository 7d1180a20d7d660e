// --help out of an option table: usage, description, options by group with their real defaults, examples.
#include "numbers.h"
#include "optable.h"

#include <string.h>

enum { HELP_COLUMN = 28, HELP_WIDTH = 80, UNBROKEN = 40 };

void optable_describe_default(const option_spec *option, const void *defaults, char *text, size_t size)
{
    const char *field = (const char *)defaults + option->offset;
    const char *word = NULL;
    long long number = 0;

    text[0] = '\0';
    if (option->required)
        return;
    switch (option->kind) {
    case OPTION_SET:
    case OPTION_CLEAR:
    case OPTION_LIST: return;
    case OPTION_STRING: word = *(const char *const *)(const void *)field; break;
    case OPTION_RANGE: break;
    case OPTION_INT: number = *(const int *)(const void *)field; break;
    case OPTION_INT64: number = *(const int64_t *)(const void *)field; break;
    case OPTION_UINT64: number = (long long)*(const uint64_t *)(const void *)field; break;
    case OPTION_SIZE: number = (long long)*(const size_t *)(const void *)field; break;
    case OPTION_NUMBER:
        if (*(const double *)(const void *)field > 0)
            snprintf(text, size, " [default: %g]", *(const double *)(const void *)field);
        else if (option->zero)
            snprintf(text, size, " [default: %s]", option->zero);
        return;
    }
    const bool is_number = option->kind != OPTION_STRING && option->kind != OPTION_RANGE;
    if (word || (option->zero && number == 0))
        snprintf(text, size, " [default: %s]", word ? word : option->zero);
    else if (is_number)
        snprintf(text, size, " [default: %lld]", number);
}

// Bytes up to the next place where a line may break: a space, but not in a short [default: ...].
static size_t unbroken_length(const char *text)
{
    const char *end = text[0] == '[' ? strchr(text, ']') : NULL;

    return end && end - text < UNBROKEN ? (size_t)(end - text) + 1 : strcspn(text, " \n");
}

// Prints text from column `indent` on, where the cursor stands, and continues each further line there.
static void print_wrapped(FILE *out, const char *text, size_t indent)
{
    size_t column = indent;

    while (*text) {
        const size_t length = unbroken_length(text);
        if (length > 0 && column > indent && column + 1 + length > HELP_WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        if (length > 0) {
            column += length + (size_t)fprintf(out, "%s", column > indent ? " " : "");
            fwrite(text, 1, length, out);
        }
        text += length;
        text += *text != '\0';
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const option_spec *option, const void *defaults)
{
    char note[128], help[1024];
    int column = 0;

    if (option->letter)
        column = fprintf(out, "  -%c, --%s", option->letter, option->name);
    else
        column = fprintf(out, "      --%s", option->name);
    if (option->argument)
        column += fprintf(out, " %s", option->argument);
    if (column + 2 > HELP_COLUMN) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", HELP_COLUMN - column, "");
    optable_describe_default(option, defaults, note, sizeof note);
    snprintf(help, sizeof help, "%s%s%s", option->help, option->required ? " (required)" : "", note);
    print_wrapped(out, help, HELP_COLUMN);
}

static void print_usage(FILE *out, const char *usage)
{
    const char *prefix = "Usage: ";

    while (*usage) {
        const int length = (int)strcspn(usage, "\n");
        fprintf(out, "%sascribe %.*s\n", prefix, length, usage);
        usage += length + (usage[length] == '\n');
        prefix = "       ";
    }
}

void optable_print_help(FILE *out, const option_table *table, const void *defaults)
{
    print_usage(out, table->usage);
    fputc('\n', out);
    print_wrapped(out, table->description, 0);
    for (size_t i = 0; i < table->n_options; i++) {
        const option_spec *option = &table->options[i];
        if (option->hidden)
            continue;
        if (option->group)
            fprintf(out, "\n%s\n", option->group);
        print_option(out, option, defaults);
    }
    fprintf(out, "%s%-*sthis text\n", table->n_options ? "" : "\nOptions\n", HELP_COLUMN, "  -h, --help");
    fprintf(out, "\nExamples\n%s\n", table->examples);
}
