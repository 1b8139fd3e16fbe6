/* Questions about text, text that grows, and how figures are shown. */
#ifndef DAIL_PROTO_TEXT_H
#define DAIL_PROTO_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether `text` is `ending`, or has it at its end. */
bool text_ends_with(const char *text, const char *ending);

/* Copies what fits into to[size], not within a UTF-8 character. */
void text_copy(const char *from, char *to, size_t size);

/* Levenshtein's distance: how many letters are to be put in, left out or exchanged to get from one to the other. Texts
 * are compared up to 127 bytes. */
size_t text_distance(const char *a, const char *b);

/* The candidate nearest to `word` by that distance; NULL if all are far away. `candidates` are read with a stride in
 * bytes, so that they can be members of structures. */
const char *text_nearest(const char *word, const char *const *candidates, size_t count, size_t stride);

/* printf's text as long as it is; the caller frees it. NULL when memory runs out. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *text_format_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

/* The seconds as people read them, in text[size] (32 are enough): "42s", "3m 05s", "2h 07m", "1d 03h"; "-"
 * for what is no length of time. */
void text_duration(double seconds, char *text, size_t size);

#endif
