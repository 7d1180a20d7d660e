// JSON values that always exist: whatever the text or number is, what comes out is valid JSON.
#include "print_json.h"

#include "report_error.h"
#include "utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

asc_status print_json(json_t *object, asc_error *err)
{
    if (!object)
        return cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for the JSON output");
    const int failed = json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(object);
    if (failed || putchar('\n') == EOF)
        return cli_fail(err, ASC_IO_ERROR, "cannot write to standard output");
    return ASC_OK;
}

json_t *json_text(const char *text)
{
    if (!text)
        return json_null();
    json_t *string = json_string(text);
    if (string)
        return string;
    const size_t size = strlen(text);
    char *clean = malloc(3 * size + 1);
    size_t used = 0;
    if (!clean)
        return NULL;
    for (size_t at = 0; at < size;) {
        uint32_t character;
        const size_t length = utf8_decode(text + at, size - at, &character);
        const bool bad = character == 0xFFFD;
        memcpy(clean + used, bad ? "\xEF\xBF\xBD" : text + at, bad ? 3 : length);
        used += bad ? 3 : length;
        at += length;
    }
    string = json_stringn(clean, used);
    free(clean);
    return string;
}

json_t *json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}
