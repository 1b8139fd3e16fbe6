/* gnuplot as a child process: a script in, a drawing out, by pipes, without a shell, a file or the user's own
 * settings.
 */
#ifndef DAIL_DAEMON_REPORT_GNUPLOT_H
#define DAIL_DAEMON_REPORT_GNUPLOT_H

#include "proto/error.h"

#include <stddef.h>

/* Runs `script`, whose last command draws, and returns what it drew in *output, with a zero byte behind it
 * that *size does not count; the caller frees it. STATUS_USAGE where there is no gnuplot; STATUS_INTERNAL
 * with gnuplot's own words where it failed. */
enum status gnuplot_run(const char *script, char **output, size_t *size, struct error *error);

#endif
