/* Text within a man page.
 */
#ifndef DAIL_DAEMON_TERMINAL_ROFF_H
#define DAIL_DAEMON_TERMINAL_ROFF_H

#include <stdio.h>

/* Writes `text` so that it stands in the page as it is: nothing of it is a request or an escape. Line ends
 * stay; the text must begin on a line of its own, or behind a macro's name and a quotation mark. */
void roff_text(FILE *out, const char *text);

/* The same of `length` bytes, which hold no zero byte. */
void roff_span(FILE *out, const char *text, size_t length);

#endif
