#include "daemon/terminal/roff.h"

#include <stdbool.h>
#include <string.h>

void roff_span(FILE *out, const char *text, size_t length)
{
    bool begins_line = true;
    for (size_t i = 0; i < length; i++) {
        if (begins_line && (text[i] == '.' || text[i] == '\'')) {
            fputs("\\&", out);
        }
        begins_line = text[i] == '\n';
        switch (text[i]) {
        case '\\':
            fputs("\\e", out);
            break;
        case '-':
            fputs("\\-", out);
            break;
        case '"':
            fputs("\\(dq", out);
            break;
        case '\'':
            fputs("\\(aq", out);
            break;
        case '^':
            fputs("\\(ha", out);
            break;
        case '~':
            fputs("\\(ti", out);
            break;
        case '`':
            fputs("\\(ga", out);
            break;
        default:
            fputc(text[i], out);
        }
    }
}

void roff_text(FILE *out, const char *text)
{
    roff_span(out, text, strlen(text));
}
