#include "daemon/judge/curve_file.h"

#include "daemon/report/plot.h"
#include "proto/text.h"

#include <string.h>

static bool is_a_file(const char *path, const char *ending)
{
    return text_ends_with(path, ending) && strcmp(path, ending) != 0;
}

enum status curve_file_check(const char *path, size_t curves, struct error *error)
{
    if (is_a_file(path, ".csv")) {
        return STATUS_OK;
    }
    if (!is_a_file(path, ".svg")) {
        return error_set(error, STATUS_USAGE, path, "name a .csv or .svg file", "no form of curves ends so");
    }
    if (curves > PLOT_COLORS) {
        return error_set(error, STATUS_USAGE, path, "draw fewer, or write a .csv",
                         "%zu curves cannot be told apart by %d colours", curves, PLOT_COLORS);
    }
    return STATUS_OK;
}

bool curve_file_is_table(const char *path)
{
    return text_ends_with(path, ".csv");
}

void curve_file_print_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            fputc('"', file);
        }
        fputc(*text, file);
    }
    fputc('"', file);
}

void curve_file_shorten(const char *path, char text[CURVE_PATH_SIZE])
{
    const size_t length = strlen(path);
    const char *at = path;
    if (length > CURVE_PATH_SHOWN) {
        at = path + length - CURVE_PATH_SHOWN;
        while (((unsigned char)*at & 0xc0) == 0x80) { /* within a UTF-8 character */
            at++;
        }
    }
    snprintf(text, CURVE_PATH_SIZE, "%s%s", at == path ? "" : "…", at);
}
