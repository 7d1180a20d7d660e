// The command line's option table: every kind of value, what is refused, and what --help prints.
#include "cli/optable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct sample_values {
    bool loud, text;
    const char *model, *color;
    string_list words;
    int limit;
    int64_t row;
    uint64_t seed;
    size_t size;
    row_range rows;
    double hours;
} sample_values;

// clang-format off
static const option_spec options[] = {
    {.name = "loud", .letter = 'l', .kind = OPTION_SET, .offset = offsetof(sample_values, loud),
     .group = "First", .help = "be loud"},
    {.name = "no-text", .letter = 'n', .kind = OPTION_CLEAR, .offset = offsetof(sample_values, text),
     .help = "no text"},
    {.name = "model", .letter = 'm', .kind = OPTION_STRING, .argument = "DIR", .required = true,
     .offset = offsetof(sample_values, model), .help = "the model"},
    {.name = "color", .kind = OPTION_STRING, .argument = "WHEN", .choices = "auto|always|never",
     .offset = offsetof(sample_values, color), .group = "Second", .help = "colour"},
    {.name = "word", .letter = 'w', .kind = OPTION_LIST, .argument = "WORD",
     .offset = offsetof(sample_values, words), .help = "a word"},
    {.name = "limit", .kind = OPTION_INT, .argument = "N", .low = 1,
     .offset = offsetof(sample_values, limit), .help = "the limit"},
    {.name = "row", .kind = OPTION_INT64, .argument = "N", .low = -5,
     .offset = offsetof(sample_values, row), .help = "the row"},
    {.name = "seed", .kind = OPTION_UINT64, .argument = "N", .offset = offsetof(sample_values, seed),
     .help = "the seed"},
    {.name = "size", .kind = OPTION_SIZE, .argument = "N", .zero = "as it fits",
     .offset = offsetof(sample_values, size), .help = "the size"},
    {.name = "rows", .kind = OPTION_RANGE, .argument = "A:B", .zero = "all",
     .offset = offsetof(sample_values, rows), .help = "the rows"},
    {.name = "hours", .kind = OPTION_NUMBER, .argument = "H", .zero = "no end",
     .offset = offsetof(sample_values, hours), .help = "the hours"},
    {.name = "secret", .kind = OPTION_SET, .hidden = true, .offset = offsetof(sample_values, loud),
     .help = "not shown"},
};
// clang-format on

static const option_table table = {
    .command = "sample",
    .usage = "sample FILE\nsample --model DIR FILE",
    .description = "Does a thing.",
    .examples = "  ascribe sample a\n  ascribe sample b",
    .operands = "FILE",
    .n_operands = 1,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
};

enum { MOST_ARGUMENTS = 24 };

// A parse of the words in `line`, which are separated by single spaces.
typedef struct parse_attempt {
    char line[256];
    char *argv[MOST_ARGUMENTS];
    sample_values values;
    parsed_arguments parsed;
    asc_error err;
} parse_attempt;

static asc_status parse(parse_attempt *attempt, const char *line)
{
    int argc = 0;

    memset(attempt, 0, sizeof *attempt);
    attempt->values = (sample_values){.text = true, .color = "auto", .limit = 7, .rows = {0, -1}};
    snprintf(attempt->line, sizeof attempt->line, "%s", line);
    for (char *word = strtok(attempt->line, " "); word; word = strtok(NULL, " "))
        attempt->argv[argc++] = word;
    return optable_parse(&table, argc, attempt->argv, &attempt->values, &attempt->parsed, &attempt->err);
}

static void every_kind_is_stored(void **state)
{
    parse_attempt attempt;

    (void)state;
    assert_int_equal(parse(&attempt, "--loud -n --model=a=b file --color never --limit 3 --row -5 --rows 2:9 "
                                     "--seed 18446744073709551615 --size 64k --hours 1.25"),
                     ASC_OK);
    assert_true(attempt.values.loud);
    assert_false(attempt.values.text);
    assert_string_equal(attempt.values.model, "a=b");
    assert_string_equal(attempt.values.color, "never");
    assert_int_equal(attempt.values.limit, 3);
    assert_int_equal(attempt.values.row, -5);
    assert_true(attempt.values.seed == UINT64_MAX);
    assert_int_equal(attempt.values.size, 65536);
    assert_true(attempt.values.hours == 1.25);
    assert_int_equal(attempt.values.rows.first, 2);
    assert_int_equal(attempt.values.rows.end, 9);
    assert_int_equal(attempt.parsed.n_operands, 1);
    assert_string_equal(attempt.parsed.operands[0], "file");
}

static void defaults_stay(void **state)
{
    parse_attempt attempt;

    (void)state;
    assert_int_equal(parse(&attempt, "file -m dir"), ASC_OK);
    assert_false(attempt.values.loud);
    assert_true(attempt.values.text);
    assert_string_equal(attempt.values.color, "auto");
    assert_int_equal(attempt.values.limit, 7);
    assert_int_equal(attempt.values.rows.end, -1);
    assert_int_equal(attempt.values.words.count, 0);
}

static void letters_combine_and_take_values(void **state)
{
    parse_attempt attempt;

    (void)state;
    assert_int_equal(parse(&attempt, "-lnmdir -w one -wtwo --word=three file"), ASC_OK);
    assert_true(attempt.values.loud);
    assert_false(attempt.values.text);
    assert_string_equal(attempt.values.model, "dir");
    assert_int_equal(attempt.values.words.count, 3);
    assert_string_equal(attempt.values.words.items[1], "two");
    optable_release(&table, &attempt.values);
    assert_int_equal(attempt.values.words.count, 0);
}

static void the_last_one_counts(void **state)
{
    parse_attempt attempt;

    (void)state;
    assert_int_equal(parse(&attempt, "--model a --model b file"), ASC_OK);
    assert_string_equal(attempt.values.model, "b");
}

static void dashes_end_the_options(void **state)
{
    parse_attempt attempt;

    (void)state;
    assert_int_equal(parse(&attempt, "-m dir -- --loud"), ASC_OK);
    assert_false(attempt.values.loud);
    assert_string_equal(attempt.parsed.operands[0], "--loud");
    assert_int_equal(parse(&attempt, "-m dir -"), ASC_OK);
    assert_string_equal(attempt.parsed.operands[0], "-");
}

static void ranges_may_be_open(void **state)
{
    parse_attempt attempt;

    (void)state;
    assert_int_equal(parse(&attempt, "-m d f --rows 5:"), ASC_OK);
    assert_int_equal(attempt.values.rows.first, 5);
    assert_int_equal(attempt.values.rows.end, -1);
    assert_int_equal(parse(&attempt, "-m d f --rows :5"), ASC_OK);
    assert_int_equal(attempt.values.rows.first, 0);
    assert_int_equal(attempt.values.rows.end, 5);
}

static void bad_lines_are_refused(void **state)
{
    static const struct {
        const char *line, *message, *hint;
    } cases[] = {
        {"-m d f --lout", "unknown option '--lout'", "--loud"},
        {"-m d f --modal=x", "unknown option '--modal'", "--model"},
        {"-m d f --secre", "unknown option '--secre'", "--help"},
        {"-m d f -z", "unknown option '-z'", "--help"},
        {"-m d f --loud=yes", "takes no value", ""},
        {"f --model", "--model needs a value", ""},
        {"f --model --loud", "found the option --loud", "--model=--loud"},
        {"-m d f --color pink", "expected auto|always|never, found 'pink'", ""},
        {"-m d f --color aut", "found 'aut'", ""},
        {"-m d f --color auto|always", "found 'auto|always'", ""},
        {"-m d f --limit 0", "a whole number of at least 1, found '0'", ""},
        {"-m d f --limit 2147483648", "a whole number of at most 2147483647, found '2147483648'", ""},
        {"-m d f --limit 1x", "found '1x'", ""},
        {"-m d f --row -6", "found '-6'", ""},
        {"-m d f --row 9223372036854775808", "found '9223372036854775808'", ""},
        {"-m d f --seed -1", "found '-1'", ""},
        {"-m d f --seed 18446744073709551616", "found '18446744073709551616'", ""},
        {"-m d f --size 1kk", "found '1kk'", ""},
        {"-m d f --size k", "found 'k'", ""},
        {"-m d f --size 99999999999999999G", "found '99999999999999999G'", ""},
        {"-m d f --hours 0.0", "expected a number above 0 like 8 or 1.5, found '0.0'", ""},
        {"-m d f --hours 1e3", "found '1e3'", ""},
        {"-m d f --hours 1.", "found '1.'", ""},
        {"-m d f --rows 5", "found '5'", ""},
        {"-m d f --rows 5:5", "found '5:5'", ""},
        {"-m d f --rows -1:5", "found '-1:5'", ""},
        {"f", "missing option --model DIR", "--help"},
        {"-m d", "missing argument FILE", "--help"},
        {"-m d f g", "unexpected argument 'g'", "--help"},
    };
    parse_attempt attempt;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (parse(&attempt, cases[i].line) != ASC_USAGE || attempt.err.status != ASC_USAGE)
            fail_msg("'%s': expected ASC_USAGE, found %d", cases[i].line, attempt.err.status);
        if (!strstr(attempt.err.message, cases[i].message) || !strstr(attempt.err.hint, cases[i].hint))
            fail_msg("'%s': message '%s', hint '%s'", cases[i].line, attempt.err.message, attempt.err.hint);
        optable_release(&table, &attempt.values);
    }
}

static void what_was_given_is_known(void **state)
{
    parse_attempt attempt;

    (void)state;
    assert_int_equal(parse(&attempt, "f -m d --color=auto -l"), ASC_OK);
    assert_true(optable_is_given(&table, attempt.parsed.given, "model"));
    assert_true(optable_is_given(&table, attempt.parsed.given, "color")); // though it is the default
    assert_true(optable_is_given(&table, attempt.parsed.given, "loud"));
    assert_false(optable_is_given(&table, attempt.parsed.given, "seed"));
    assert_false(optable_is_given(&table, attempt.parsed.given, "no-text"));
}

static void help_is_found_before_errors(void **state)
{
    parse_attempt attempt;

    (void)state;
    assert_int_equal(parse(&attempt, "--nonsense --help"), ASC_OK);
    assert_true(attempt.parsed.help);
    assert_int_equal(parse(&attempt, "-m d -- --help"), ASC_OK);
    assert_false(attempt.parsed.help);
}

static void help_prints_the_real_defaults(void **state)
{
    const sample_values defaults = {.color = "sometimes", .limit = 41, .rows = {0, -1}};
    char *text = NULL;
    size_t size = 0;
    FILE *const out = open_memstream(&text, &size);

    (void)state;
    optable_print_help(out, &table, &defaults);
    fclose(out);
    assert_non_null(strstr(text, "Usage: ascribe sample FILE\n       ascribe sample --model DIR FILE\n"));
    assert_non_null(strstr(text, "\nFirst\n"));
    assert_non_null(strstr(text, "  -m, --model DIR"));
    assert_non_null(strstr(text, "(required)"));
    assert_non_null(strstr(text, "[default: sometimes]"));
    assert_non_null(strstr(text, "[default: 41]"));
    assert_non_null(strstr(text, "[default: as it fits]"));
    assert_non_null(strstr(text, "the rows [default: all]"));
    assert_non_null(strstr(text, "the hours [default: no end]"));
    assert_non_null(strstr(text, "Examples\n  ascribe sample a\n"));
    assert_null(strstr(text, "secret"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_stored),
        cmocka_unit_test(defaults_stay),
        cmocka_unit_test(letters_combine_and_take_values),
        cmocka_unit_test(the_last_one_counts),
        cmocka_unit_test(dashes_end_the_options),
        cmocka_unit_test(ranges_may_be_open),
        cmocka_unit_test(bad_lines_are_refused),
        cmocka_unit_test(what_was_given_is_known),
        cmocka_unit_test(help_is_found_before_errors),
        cmocka_unit_test(help_prints_the_real_defaults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
