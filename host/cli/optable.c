// Parsing by table. Long options (--name VALUE, --name=VALUE), short ones (-n VALUE, -nVALUE, -abc for flags)
// and operands may be mixed; "--" ends the options; the last of a repeated option counts, except for lists.
#include "optable.h"

#include "numbers.h"
#include "report_error.h"
#include "suggest.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

// A parse under way.
typedef struct parse_state {
    const option_table *table;
    int argc, at; // at: next argument
    char **argv;
    char *values;
    parsed_arguments *parsed;
} parse_state;

static bool takes_value(const option_spec *option)
{
    return option->kind != OPTION_SET && option->kind != OPTION_CLEAR;
}

static const option_spec *find_name(const option_table *table, const char *name, size_t length)
{
    for (size_t i = 0; i < table->n_options; i++)
        if (strlen(table->options[i].name) == length && memcmp(table->options[i].name, name, length) == 0)
            return &table->options[i];
    return NULL;
}

static const option_spec *find_letter(const option_table *table, char letter)
{
    for (size_t i = 0; i < table->n_options; i++)
        if (table->options[i].letter == letter)
            return &table->options[i];
    return NULL;
}

static asc_status fail_value(const option_spec *option, const char *expected, const char *text,
                             asc_error *err)
{
    return cli_fail(err, ASC_USAGE, "--%s: expected %s, found '%s'", option->name, expected, text);
}

static bool is_choice(const char *choices, const char *text)
{
    const size_t length = strcspn(text, "|");

    for (const char *choice = choices; choice && text[length] == '\0'; choice = strchr(choice, '|')) {
        choice += *choice == '|';
        if (strncmp(choice, text, length) == 0 && (choice[length] == '|' || choice[length] == '\0'))
            return true;
    }
    return false;
}

static asc_status store_string(const option_spec *option, void *field, const char *text, asc_error *err)
{
    if (option->choices && !is_choice(option->choices, text))
        return fail_value(option, option->choices, text, err);
    *(const char **)field = text;
    return ASC_OK;
}

static asc_status store_item(string_list *list, const char *text, asc_error *err)
{
    const char **items = realloc(list->items, (list->count + 1) * sizeof *items);

    if (!items)
        return cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for %zu arguments", list->count + 1);
    items[list->count++] = text;
    list->items = items;
    return ASC_OK;
}

static asc_status store_integer(const option_spec *option, void *field, const char *text, asc_error *err)
{
    const int64_t high = option->kind == OPTION_INT ? INT_MAX : INT64_MAX;
    int64_t number;
    char expected[96];

    if (!parse_int64(text, option->low, high, &number)) {
        const bool is_large = parse_int64(text, high, INT64_MAX, &number);
        snprintf(expected, sizeof expected, "a whole number of at %s %lld", is_large ? "most" : "least",
                 (long long)(is_large ? high : option->low));
        return fail_value(option, expected, text, err);
    }
    if (option->kind == OPTION_INT)
        *(int *)field = (int)number;
    else
        *(int64_t *)field = number;
    return ASC_OK;
}

static bool parse_range(const char *text, row_range *range)
{
    const char *colon = strchr(text, ':');
    char first[NUMBER_TEXT] = "0";

    if (!colon || (size_t)(colon - text) >= sizeof first)
        return false;
    if (colon > text) {
        memcpy(first, text, (size_t)(colon - text));
        first[colon - text] = '\0';
    }
    range->end = -1;
    return parse_int64(first, 0, INT64_MAX, &range->first) &&
           (colon[1] == '\0' || parse_int64(colon + 1, range->first + 1, INT64_MAX, &range->end));
}

static asc_status store_value(const parse_state *parser, const option_spec *option, const char *text,
                              asc_error *err)
{
    void *field = parser->values + option->offset;

    parser->parsed->given[option - parser->table->options] = true;
    switch (option->kind) {
    case OPTION_SET: *(bool *)field = true; return ASC_OK;
    case OPTION_CLEAR: *(bool *)field = false; return ASC_OK;
    case OPTION_STRING: return store_string(option, field, text, err);
    case OPTION_LIST: return store_item(field, text, err);
    case OPTION_INT:
    case OPTION_INT64: return store_integer(option, field, text, err);
    case OPTION_UINT64:
        if (parse_uint64(text, field))
            return ASC_OK;
        return fail_value(option, "a whole number from 0 to 18446744073709551615", text, err);
    case OPTION_SIZE:
        if (parse_size(text, field))
            return ASC_OK;
        return fail_value(option, "a whole number like 4096 or 64k (k, M, G)", text, err);
    case OPTION_NUMBER:
        if (parse_positive(text, field))
            return ASC_OK;
        return fail_value(option, "a number above 0 like 8 or 1.5", text, err);
    case OPTION_RANGE:
        if (parse_range(text, field))
            return ASC_OK;
        return fail_value(option, "rows like 0:1000, 500: or :500 (the second not included and larger)", text,
                          err);
    }
    return ASC_OK;
}

// The value of an option that was given without '=': the next argument, unless that is an option of this
// command itself.
static asc_status next_value(parse_state *parser, const option_spec *option, const char **text,
                             asc_error *err)
{
    const char *next = parser->at < parser->argc ? parser->argv[parser->at] : NULL;

    if (!next)
        return cli_fail(err, ASC_USAGE, "--%s needs a value (%s) after it", option->name, option->argument);
    if (strncmp(next, "--", 2) == 0 && find_name(parser->table, next + 2, strcspn(next + 2, "="))) {
        (void)cli_fail(err, ASC_USAGE, "--%s needs a value (%s), found the option %s", option->name,
                       option->argument, next);
        return cli_hint(err, "write --%s=%s if that is the value", option->name, next);
    }
    parser->at++;
    *text = next;
    return ASC_OK;
}

static asc_status fail_unknown(const option_table *table, const char *given, asc_error *err)
{
    suggestion nearest = {0};
    const int length = (int)strcspn(given, "=");
    char name[64];

    (void)cli_fail(err, ASC_USAGE, "%s: unknown option '%.*s'", table->command, length, given);
    if (strncmp(given, "--", 2) == 0) {
        snprintf(name, sizeof name, "%.*s", length - 2, given + 2);
        for (size_t i = 0; i < table->n_options; i++)
            if (!table->options[i].hidden)
                suggest_consider(&nearest, name, table->options[i].name);
    }
    if (nearest.word)
        return cli_hint(err, "did you mean --%s?", nearest.word);
    return cli_hint(err, "'ascribe %s --help' lists the options", table->command);
}

static asc_status parse_long(parse_state *parser, const char *given, asc_error *err)
{
    const char *equals = strchr(given, '=');
    const size_t length = equals ? (size_t)(equals - given) - 2 : strlen(given) - 2;
    const option_spec *option = find_name(parser->table, given + 2, length);
    const char *text = equals ? equals + 1 : NULL;

    if (!option)
        return fail_unknown(parser->table, given, err);
    if (equals && !takes_value(option))
        return cli_fail(err, ASC_USAGE, "--%s takes no value, found '%s'", option->name, text);
    if (!equals && takes_value(option)) {
        const asc_status status = next_value(parser, option, &text, err);
        if (status != ASC_OK)
            return status;
    }
    return store_value(parser, option, text, err);
}

static asc_status parse_letters(parse_state *parser, const char *given, asc_error *err)
{
    asc_status status = ASC_OK;

    for (const char *letter = given + 1; *letter && status == ASC_OK; letter++) {
        const option_spec *option = find_letter(parser->table, *letter);
        const char *text = letter + 1;
        if (!option)
            return fail_unknown(parser->table, given, err);
        if (!takes_value(option)) {
            status = store_value(parser, option, NULL, err);
            continue;
        }
        if (*text == '\0')
            status = next_value(parser, option, &text, err);
        return status == ASC_OK ? store_value(parser, option, text, err) : status;
    }
    return status;
}

static asc_status check_complete(const parse_state *parser, asc_error *err)
{
    const option_table *table = parser->table;
    const size_t n_found = parser->parsed->n_operands, n_expected = table->n_operands;

    if (n_found > n_expected) {
        (void)cli_fail(err, ASC_USAGE, "%s: unexpected argument '%s'", table->command,
                       parser->parsed->operands[n_expected]);
        return cli_hint(err, "'ascribe %s --help' shows the usage", table->command);
    }
    if (n_found < n_expected) {
        (void)cli_fail(err, ASC_USAGE, "%s: missing argument %s", table->command, table->operands);
        return cli_hint(err, "'ascribe %s --help' shows the usage", table->command);
    }
    for (size_t i = 0; i < table->n_options; i++) {
        const option_spec *option = &table->options[i];
        if (option->required && !parser->parsed->given[i]) {
            (void)cli_fail(err, ASC_USAGE, "%s: missing option --%s %s", table->command, option->name,
                           option->argument);
            return cli_hint(err, "'ascribe %s --help' shows the usage", table->command);
        }
    }
    return ASC_OK;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static asc_status parse_arguments(parse_state *parser, asc_error *err)
{
    bool options_ended = false;
    asc_status status = ASC_OK;

    while (parser->at < parser->argc && status == ASC_OK) {
        char *given = parser->argv[parser->at++];
        if (!options_ended && strcmp(given, "--") == 0)
            options_ended = true;
        else if (!options_ended && strncmp(given, "--", 2) == 0)
            status = parse_long(parser, given, err);
        else if (!options_ended && given[0] == '-' && given[1] != '\0')
            status = parse_letters(parser, given, err);
        else
            parser->argv[parser->parsed->n_operands++] = given;
    }
    return status == ASC_OK ? check_complete(parser, err) : status;
}

asc_status optable_parse(const option_table *table, int argc, char **argv, void *values,
                         parsed_arguments *parsed, asc_error *err)
{
    parse_state parser = {.table = table, .argc = argc, .argv = argv, .values = values, .parsed = parsed};

    assert(table->n_options <= OPTABLE_MOST_OPTIONS);
    *parsed = (parsed_arguments){.operands = argv, .help = asks_for_help(argc, argv)};
    return parsed->help ? ASC_OK : parse_arguments(&parser, err);
}

bool optable_is_given(const option_table *table, const bool *given, const char *name)
{
    const option_spec *option = find_name(table, name, strlen(name));

    assert(option);
    return given[option - table->options];
}

void optable_release(const option_table *table, void *values)
{
    for (size_t i = 0; i < table->n_options; i++) {
        if (table->options[i].kind == OPTION_LIST) {
            string_list *list = (void *)((char *)values + table->options[i].offset);
            free(list->items);
            *list = (string_list){0};
        }
    }
}
