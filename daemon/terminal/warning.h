/* Warnings of `dail`: "dail: warning: <text>" on stderr. */
#ifndef DAIL_DAEMON_TERMINAL_WARNING_H
#define DAIL_DAEMON_TERMINAL_WARNING_H

/* A text that is empty is left alone. */
void warning_print(const char *text);

/* The same in the form that the rooms below call back. */
void warning_hear(void *context, const char *text);

#endif
