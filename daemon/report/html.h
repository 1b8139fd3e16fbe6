/* Text within HTML. Nothing that comes from a file or a user is written but through these.
 */
#ifndef DAIL_DAEMON_REPORT_HTML_H
#define DAIL_DAEMON_REPORT_HTML_H

#include <stdarg.h>
#include <stdio.h>

/* Writes `text` so that it is shown as it is, within an element or a quoted attribute: characters that mean
 * something to HTML as references, bytes that are no printable UTF-8 as U+FFFD; line ends and tabs stay. */
void html_text(FILE *out, const char *text);

/* The same of what printf would write. */
void html_print(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void html_print_list(FILE *out, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

#endif
