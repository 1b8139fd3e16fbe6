#include "daemon/report/html.h"

#include "proto/text.h"
#include "proto/utf8.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *reference(char character)
{
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void html_text(FILE *out, const char *text)
{
    while (*text != '\0') {
        size_t length = utf8_character(text);
        const char *safe = reference(*text);
        if (safe) {
            fputs(safe, out);
        } else if (length > 0) {
            fwrite(text, 1, length, out);
        } else {
            bool blank = *text == '\n' || *text == '\t';
            fputs(blank ? (char[2]){*text} : "\xef\xbf\xbd", out);
        }
        text += length > 0 ? length : 1;
    }
}

void html_print_list(FILE *out, const char *format, va_list arguments)
{
    char *text = text_format_list(format, arguments);
    html_text(out, text ? text : "(no memory for this text)");
    free(text);
}

void html_print(FILE *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    html_print_list(out, format, arguments);
    va_end(arguments);
}
