// Case folding by table; see fold.h.
#include "global/fold.h"

#include "global/fold_table.h"

#include <stdint.h>

enum { N_RUNS = sizeof fold_runs / sizeof *fold_runs, N_SEVERAL = sizeof fold_several / sizeof *fold_several };

// Bytes of the character that begins at `text`, its code in *code; 1 and the byte itself above U+10FFFF when it is no UTF-8.
static size_t decode(const unsigned char *text, size_t size, uint32_t *code)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char lead = text[0];
    const size_t n = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
    *code = lead;
    if (n == 1)
        return 1;
    uint32_t value = n ? lead & (0x7fu >> n) : 0;
    for (size_t i = 1; n && i < n; i++) {
        if (i >= size || (text[i] & 0xc0) != 0x80)
            return *code = UINT32_MAX, 1;
        value = value << 6 | (text[i] & 0x3fu);
    }
    if (n == 0 || value < least[n] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return *code = UINT32_MAX, 1;
    *code = value;
    return n;
}

static size_t encode(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    const size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(uint8_t)(0xf00u >> n | code);
    return n;
}

static uint32_t fold_single(uint32_t code)
{
    size_t low = 0, high = N_RUNS;
    while (low < high) { // the first run that does not end before `code`
        const size_t middle = (low + high) / 2;
        if (fold_runs[middle].last < code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == N_RUNS || code < fold_runs[low].first || (code - fold_runs[low].first) % fold_runs[low].step != 0)
        return code;
    return (uint32_t)((int64_t)code + fold_runs[low].distance);
}

static size_t fold_character(uint32_t code, char *out)
{
    size_t low = 0, high = N_SEVERAL;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (fold_several[middle].from < code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == N_SEVERAL || fold_several[low].from != code)
        return encode(fold_single(code), out);
    size_t n = 0;
    for (size_t i = 0; i < 3 && fold_several[low].to[i]; i++)
        n += encode(fold_several[low].to[i], out + n);
    return n;
}

size_t fold_case(const char *text, size_t size, char *out)
{
    size_t n = 0;
    for (size_t at = 0; at < size;) {
        uint32_t code;
        const size_t taken = decode((const unsigned char *)text + at, size - at, &code);
        if (code < 0x80)
            out[n++] = (char)(code >= 'A' && code <= 'Z' ? code + 'a' - 'A' : code);
        else if (code == UINT32_MAX)
            out[n++] = text[at];
        else
            n += fold_character(code, out + n);
        at += taken;
    }
    return n;
}
