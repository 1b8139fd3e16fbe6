/* Questions about text, and how figures are shown. */
#ifndef DAIL_PROTO_TEXT_H
#define DAIL_PROTO_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether `text` is `ending`, or has it at its end. */
bool text_ends_with(const char *text, const char *ending);

/* Copies what fits into to[size], not within a UTF-8 character. */
void text_copy(const char *from, char *to, size_t size);

/* The seconds as people read them, in text[size] (32 are enough): "42s", "3m 05s", "2h 07m", "1d 03h"; "-"
 * for what is no length of time. */
void text_duration(double seconds, char *text, size_t size);

#endif
