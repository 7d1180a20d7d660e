// UTF-8 (RFC 3629) for terminals. Widths follow Unicode's East Asian Width in coarse ranges: enough to align
// a table.
#include "utf8.h"

enum { REPLACEMENT = 0xFFFD };

typedef struct character_range {
    uint32_t first, last;
} character_range;

size_t utf8_decode(const char *bytes, size_t size, uint32_t *character)
{
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char lead = (unsigned char)bytes[0];
    const size_t n_more = lead < 0x80 ? 0 : lead >= 0xF0 && lead < 0xF8 ? 3 : lead >= 0xE0 ? 2 : 1;
    uint32_t value = n_more == 0 ? lead : lead & (0x3Fu >> n_more);

    *character = REPLACEMENT;
    if ((lead >= 0x80 && lead < 0xC0) || lead >= 0xF8 || n_more >= size)
        return 1;
    for (size_t i = 1; i <= n_more; i++) {
        const unsigned char byte = (unsigned char)bytes[i];
        if ((byte & 0xC0) != 0x80)
            return 1;
        value = value << 6 | (byte & 0x3Fu);
    }
    if (value < smallest[n_more] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 1;
    *character = value;
    return n_more + 1;
}

static bool in_ranges(uint32_t character, const character_range *ranges, size_t n_ranges)
{
    for (size_t i = 0; i < n_ranges; i++)
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    return false;
}

bool utf8_is_control(uint32_t character)
{
    static const character_range controls[] = {
        {0x00, 0x1F}, {0x7F, 0x9F}, {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2066, 0x2069}, {0xFFF9, 0xFFFB},
    };
    return in_ranges(character, controls, sizeof controls / sizeof controls[0]);
}

static bool is_space_control(uint32_t character)
{
    return (character >= 0x09 && character <= 0x0D) || character == 0x85 || character == 0x2028 ||
           character == 0x2029;
}

static size_t character_width(uint32_t character)
{
    static const character_range zero[] = {
        {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A},
        {0x064B, 0x065F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200D},
        {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF},
    };
    static const character_range wide[] = {
        {0x1100, 0x115F}, {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},
        {0xA000, 0xA4CF}, {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
        {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD},
    };
    if (character < 0x300)
        return 1;
    if (utf8_is_control(character))
        return 1;
    if (in_ranges(character, zero, sizeof zero / sizeof zero[0]))
        return 0;
    return in_ranges(character, wide, sizeof wide / sizeof wide[0]) ? 2 : 1;
}

size_t utf8_fit(const char *bytes, size_t size, size_t columns)
{
    size_t used = 0, at = 0;

    while (at < size) {
        uint32_t character;
        const size_t length = utf8_decode(bytes + at, size - at, &character);
        used += character_width(character);
        if (used > columns)
            break;
        at += length;
    }
    return at;
}

size_t utf8_width(const char *bytes, size_t size)
{
    size_t width = 0;

    for (size_t at = 0; at < size;) {
        uint32_t character;
        at += utf8_decode(bytes + at, size - at, &character);
        width += character_width(character);
    }
    return width;
}

void utf8_print_safe(FILE *out, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        uint32_t character;
        const size_t length = utf8_decode(bytes + at, size - at, &character);
        if (is_space_control(character))
            fputc(' ', out);
        else if (utf8_is_control(character) || character == REPLACEMENT)
            fputs("\xEF\xBF\xBD", out);
        else
            fwrite(bytes + at, 1, length, out);
        at += length;
    }
}

void utf8_print_padded(FILE *out, const char *bytes, size_t size, size_t columns)
{
    size_t width = utf8_width(bytes, size);

    if (width > columns && columns > 0) {
        const size_t kept = utf8_fit(bytes, size, columns - 1);
        utf8_print_safe(out, bytes, kept);
        fputs("\xE2\x80\xA6", out);
        width = utf8_width(bytes, kept) + 1;
    } else {
        utf8_print_safe(out, bytes, size);
    }
    for (; width < columns; width++)
        fputc(' ', out);
}
