// Parsing and printing of numbers. The program never calls setlocale, so printf and strtof speak the "C"
// locale.
#include "numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool parse_uint64(const char *text, uint64_t *value)
{
    uint64_t sum = 0;

    if (*text == '\0')
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(sum, (uint64_t)10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*text - '0'), &sum))
            return false;
    }
    *value = sum;
    return true;
}

bool parse_int64(const char *text, int64_t low, int64_t high, int64_t *value)
{
    const bool negative = text[0] == '-';
    uint64_t magnitude;
    int64_t number;

    if (!parse_uint64(text + negative, &magnitude) || magnitude > (uint64_t)INT64_MAX)
        return false;
    number = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    if (number < low || number > high)
        return false;
    *value = number;
    return true;
}

bool parse_size(const char *text, size_t *value)
{
    char digits[NUMBER_TEXT];
    size_t n_digits = 0, unit = 1;
    uint64_t number;

    while (text[n_digits] >= '0' && text[n_digits] <= '9' && n_digits + 1 < sizeof digits) {
        digits[n_digits] = text[n_digits];
        n_digits++;
    }
    digits[n_digits] = '\0';
    switch (text[n_digits]) {
    case 'k': unit = (size_t)1 << 10; break;
    case 'M': unit = (size_t)1 << 20; break;
    case 'G': unit = (size_t)1 << 30; break;
    default: break;
    }
    if (text[n_digits + (unit > 1)] != '\0' || !parse_uint64(digits, &number))
        return false;
    return !__builtin_mul_overflow(number, unit, value);
}

bool parse_positive(const char *text, double *value)
{
    const size_t n_digits = strspn(text, "0123456789");
    const size_t n_decimals = text[n_digits] == '.' ? strspn(text + n_digits + 1, "0123456789") : 0;

    if (n_digits == 0 || text[n_digits + (n_decimals ? n_decimals + 1 : 0)] != '\0')
        return false;
    *value = strtod(text, NULL);
    return *value > 0 && isfinite(*value);
}

char *format_float(char *text, float value)
{
    if (isnan(value)) {
        snprintf(text, NUMBER_TEXT, "nan");
        return text;
    }
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, NUMBER_TEXT, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return text;
}

char *format_double(char *text, double value)
{
    if (isnan(value)) {
        snprintf(text, NUMBER_TEXT, "nan");
        return text;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, NUMBER_TEXT, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return text;
}

// Three digits of what is left of `value` when the largest prefix that fits is taken out of it.
static void print_digits(char *text, double value, double base, const char *const *prefixes, size_t n_prefixes)
{
    size_t prefix = 0;

    while (fabs(value) >= 999.5 && prefix + 1 < n_prefixes) {
        value /= base;
        prefix++;
    }
    static const double limits[] = {99.95, 9.995, 0.9995, 0.09995}; // below each one more decimal is shown
    int decimals = 0;
    while (value != 0 && decimals < 4 && fabs(value) < limits[decimals])
        decimals++;
    snprintf(text, NUMBER_TEXT, "%.*f%s", decimals, value, prefixes[prefix]);
}

char *format_short(char *text, double value)
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};

    print_digits(text, value, 1000, prefixes, sizeof prefixes / sizeof prefixes[0]);
    return text;
}

char *format_bytes(char *text, double bytes)
{
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};

    if (bytes < 999.5)
        snprintf(text, NUMBER_TEXT, "%.0f B", bytes);
    else
        print_digits(text, bytes, 1024, units, sizeof units / sizeof units[0]);
    return text;
}

char *format_duration(char *text, double seconds)
{
    const double limit = 1e15;
    const uint64_t whole = (uint64_t)(seconds < 0 || !(seconds < limit) ? 0 : seconds + 0.5);

    if (seconds < 9.95)
        snprintf(text, NUMBER_TEXT, "%.*f s",
                 seconds < 0.0995  ? 3
                 : seconds < 0.995 ? 2
                                   : 1,
                 seconds < 0 ? 0.0 : seconds);
    else if (whole < 60)
        snprintf(text, NUMBER_TEXT, "%llu s", (unsigned long long)whole);
    else if (whole < 3600)
        snprintf(text, NUMBER_TEXT, "%llu min %02llu s", (unsigned long long)(whole / 60),
                 (unsigned long long)(whole % 60));
    else if (whole < 86400)
        snprintf(text, NUMBER_TEXT, "%llu h %02llu min", (unsigned long long)(whole / 3600),
                 (unsigned long long)(whole % 3600 / 60));
    else
        snprintf(text, NUMBER_TEXT, "%llu d %02llu h", (unsigned long long)(whole / 86400),
                 (unsigned long long)(whole % 86400 / 3600));
    return text;
}
