// Fields of CSV and strings of JSON; see text_output.h.
#include "text_output.h"

#include "utf8.h"

#include <stdint.h>
#include <string.h>

void csv_bytes(const csv_writer *writer, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        const char *quote = memchr(bytes + at, '"', size - at);
        const size_t length = quote ? (size_t)(quote - bytes) - at + 1 : size - at;
        if (writer->for_terminal)
            utf8_print_safe(writer->out, bytes + at, length);
        else
            fwrite(bytes + at, 1, length, writer->out);
        if (quote)
            fputc('"', writer->out);
        at += length;
    }
}

void csv_text(const csv_writer *writer, const char *bytes, size_t size)
{
    bool quoted = false;

    for (size_t i = 0; i < size && !quoted; i++)
        quoted = memchr(",\"\r\n", bytes[i], 4) != NULL;
    if (quoted)
        fputc('"', writer->out);
    csv_bytes(writer, bytes, size);
    if (quoted)
        fputc('"', writer->out);
}

void csv_field(const csv_writer *writer, const char *word)
{
    csv_text(writer, word, strlen(word));
    fputc(',', writer->out);
}

void json_bytes(FILE *out, const char *bytes, size_t size)
{
    fputc('"', out);
    for (size_t at = 0; at < size;) {
        uint32_t character;
        const size_t length = utf8_decode(bytes + at, size - at, &character);
        if (character == '"' || character == '\\')
            fprintf(out, "\\%c", (int)character);
        else if (character < 0x10000 && (utf8_is_control(character) || character == 0xFFFD))
            fprintf(out, "\\u%04x", (unsigned)character);
        else
            fwrite(bytes + at, 1, length, out);
        at += length;
    }
    fputc('"', out);
}

void json_word(FILE *out, const char *word)
{
    json_bytes(out, word, strlen(word));
}
