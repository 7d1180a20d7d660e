// See compare_limits.h.
#include "compare_limits.h"

#include "numbers.h"
#include "report_error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// "stability, rate or score"
static void list_names(const compare_limits *limits, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < limits->n_names && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : i + 1 == limits->n_names ? " or " : ", ", limits->names[i]);
}

// "NAME=X".
static asc_status parse_limit(const compare_limits *limits, const char *text, size_t *statistic, double *limit, asc_error *err)
{
    const char *equals = strchr(text, '=');
    const size_t length = equals ? (size_t)(equals - text) : 0;
    char names[500];
    for (*statistic = 0; *statistic < limits->n_names; ++*statistic)
        if (strlen(limits->names[*statistic]) == length && strncmp(limits->names[*statistic], text, length) == 0)
            break;
    *limit = 0;
    if (*statistic < limits->n_names && (strcmp(equals, "=0") == 0 || parse_positive(equals + 1, limit)))
        return ASC_OK;
    list_names(limits, names, sizeof names);
    return cli_fail(err, ASC_USAGE, "--fail-above: expected %s, then = and a number, found '%s'", names, text);
}

asc_status compare_limits_check(const compare_limits *limits, asc_error *err)
{
    size_t statistic;
    double limit;
    asc_status status = ASC_OK;
    for (size_t i = 0; i < limits->texts->count && status == ASC_OK; i++)
        status = parse_limit(limits, limits->texts->items[i], &statistic, &limit, err);
    return status;
}

asc_status compare_limits_judge(const compare_limits *limits, const double *values, asc_error *err)
{
    for (size_t i = 0; i < limits->texts->count; i++) {
        size_t statistic;
        double limit;
        if (parse_limit(limits, limits->texts->items[i], &statistic, &limit, err) != ASC_OK)
            return err->status;
        const double found = values[statistic];
        if (isnan(found))
            return cli_fail(err, ASC_FAILED_CHECK, "--fail-above: %s cannot be told here", limits->names[statistic]);
        if (found > limit)
            return cli_fail(err, ASC_FAILED_CHECK, "--fail-above: %s is %.6g, above %.6g", limits->names[statistic], found, limit);
    }
    return ASC_OK;
}
