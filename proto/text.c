#include "proto/text.h"

#include <stdio.h>
#include <string.h>

/* More seconds than this are no length of time. */
#define DURATION_MAX 1e12
/* Bytes that are compared of each of two texts. */
#define DISTANCE_MAX ((size_t)127)

bool text_ends_with(const char *text, const char *ending)
{
    const size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

void text_copy(const char *from, char *to, size_t size)
{
    size_t length = strnlen(from, size);
    if (length == size) {
        length = size - 1;
        while (length > 0 && ((unsigned char)from[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    memcpy(to, from, length);
    to[length] = '\0';
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* One row of the table at a time. */
size_t text_distance(const char *a, const char *b)
{
    size_t row[DISTANCE_MAX + 1];
    const size_t rows = smaller(strlen(a), DISTANCE_MAX), columns = smaller(strlen(b), DISTANCE_MAX);
    for (size_t j = 0; j <= columns; j++) {
        row[j] = j;
    }
    for (size_t i = 0; i < rows; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < columns; j++) {
            size_t exchanged = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = smaller(exchanged, smaller(row[j], row[j + 1]) + 1);
        }
    }
    return row[columns];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t count, size_t stride)
{
    const char *nearest = NULL;
    size_t least = strlen(word) / 2 + 2;
    for (size_t i = 0; i < count; i++) {
        const char *candidate = *(const char *const *)(const void *)((const char *)candidates + i * stride);
        size_t distance = text_distance(word, candidate);
        if (distance < least) {
            least = distance;
            nearest = candidate;
        }
    }
    return nearest;
}

char *text_format_list(const char *format, va_list arguments)
{
    char *text;
    return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

char *text_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = text_format_list(format, arguments);
    va_end(arguments);
    return text;
}

void text_duration(double seconds, char *text, size_t size)
{
    if (!(seconds >= 0 && seconds < DURATION_MAX)) {
        snprintf(text, size, "-");
        return;
    }
    long long whole = (long long)(seconds + 0.5);
    if (whole >= 86400) {
        snprintf(text, size, "%lldd %02lldh", whole / 86400, whole / 3600 % 24);
    } else if (whole >= 3600) {
        snprintf(text, size, "%lldh %02lldm", whole / 3600, whole / 60 % 60);
    } else if (whole >= 60) {
        snprintf(text, size, "%lldm %02llds", whole / 60, whole % 60);
    } else {
        snprintf(text, size, "%llds", whole);
    }
}
