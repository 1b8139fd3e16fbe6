/* Texts as YAML: what strict_yaml.c reads back. */
#include "proto/strict_yaml.h"

#include <stdlib.h>
#include <string.h>

/* The code point at `text`, and in *length its bytes; 0 bytes if it is no UTF-8. */
static uint32_t code_point(const char *text, size_t *length)
{
    const unsigned char *c = (const unsigned char *)text;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t bytes = c[0] < 0x80   ? 1
                   : c[0] < 0xc0 ? 0
                   : c[0] < 0xe0 ? 2
                   : c[0] < 0xf0 ? 3
                   : c[0] < 0xf8 ? 4
                                 : 0;
    uint32_t point = bytes <= 1 ? c[0] : c[0] & (0x7fu >> bytes);
    *length = bytes;
    for (size_t i = 1; i < bytes; i++) {
        if ((c[i] & 0xc0) != 0x80) {
            *length = 0;
            return 0;
        }
        point = point << 6 | (c[i] & 0x3fu);
    }
    if (bytes > 1 && (point < least[bytes] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))) {
        *length = 0;
    }
    return point;
}

static bool is_utf8(const char *text)
{
    size_t length = 1;
    while (*text != '\0' && length > 0) {
        code_point(text, &length);
        text += length;
    }
    return length > 0;
}

/* What a double quoted YAML text may hold as it is. */
static bool is_printable(uint32_t point)
{
    bool line_end = point == 0x2028 || point == 0x2029;
    return (point >= 0x20 && point < 0x7f) ||
           (point >= 0xa0 && point <= 0xfffd && point != 0xfeff && !line_end) || point >= 0x10000;
}

void strict_yaml_quote(FILE *stream, const char *text)
{
    bool whole = is_utf8(text);
    fputc('"', stream);
    while (*text != '\0') {
        size_t length = 1;
        uint32_t point = whole ? code_point(text, &length) : (unsigned char)*text;
        if (is_printable(point) && (whole || point < 0x80)) {
            fprintf(stream, "%s%.*s", point == '"' || point == '\\' ? "\\" : "", (int)length, text);
        } else {
            fprintf(stream, point < 0x100 ? "\\x%02x" : "\\u%04x", point);
        }
        text += length;
    }
    fputc('"', stream);
}

void strict_yaml_print(FILE *stream, const char *text)
{
    static const char plain[] = "._/+-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    bool quoted = text[strspn(text, plain)] != '\0' || text[0] == '\0' || text[0] == '-' ||
                  strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0;
    if (quoted) {
        strict_yaml_quote(stream, text);
    } else {
        fputs(text, stream);
    }
}

void strict_yaml_print_number(FILE *stream, double value)
{
    char text[64];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    fputs(text, stream);
}
