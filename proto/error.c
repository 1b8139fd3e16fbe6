#include "proto/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

enum status error_set(struct error *error, enum status status, const char *where, const char *next,
                      const char *format, ...)
{
    if (!error) {
        return status;
    }
    /* The arguments may point into *error itself. */
    struct error filled = {.status = status};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(filled.what, sizeof filled.what, format, arguments);
    va_end(arguments);
    copy_text(filled.where, sizeof filled.where, where);
    copy_text(filled.next, sizeof filled.next, next);
    *error = filled;
    return status;
}

enum status error_no_memory(struct error *error, const char *where)
{
    return error_set(error, STATUS_INTERNAL, where, "free some memory, or use a machine with more",
                     "out of memory");
}

void error_prefix_where(struct error *error, const char *prefix)
{
    char where[sizeof error->where];
    if (!error) {
        return;
    }
    if (error->where[0] == '\0') {
        copy_text(error->where, sizeof error->where, prefix);
        return;
    }
    int length = snprintf(where, sizeof where, "%s: ", prefix);
    if (length < 0 || (size_t)length >= sizeof where) {
        return;
    }
    copy_text(where + length, sizeof where - (size_t)length, error->where);
    memcpy(error->where, where, sizeof where);
}

void error_of_system(struct error *error, int number)
{
    if (error) {
        error->number = number;
    }
}

void error_advise(struct error *error, const char *next)
{
    if (error) {
        copy_text(error->next, sizeof error->next, next);
    }
}

const char *error_format(const struct error *error, char *line, size_t size)
{
    int length = snprintf(line, size, "%s", error->what);
    if (error->where[0] != '\0' && length >= 0 && (size_t)length < size) {
        length += snprintf(line + length, size - (size_t)length, " (%s)", error->where);
    }
    if (error->next[0] != '\0' && length >= 0 && (size_t)length < size) {
        snprintf(line + length, size - (size_t)length, "; %s", error->next);
    }
    return line;
}

const char *status_name(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_USAGE:
        return "usage";
    case STATUS_DATA:
        return "data";
    case STATUS_NUMERIC:
        return "numeric";
    case STATUS_LOST:
        return "lost";
    case STATUS_STORAGE:
        return "storage";
    case STATUS_STOPPED:
        return "stopped";
    case STATUS_INTERNAL:
        break;
    }
    return "internal";
}
