#include "proto/text.h"

#include <stdio.h>
#include <string.h>

/* More seconds than this are no length of time. */
#define DURATION_MAX 1e12

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
