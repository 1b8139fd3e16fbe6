/* What was printed and did not arrive. */
#ifndef DAIL_DAEMON_TERMINAL_LOST_OUTPUT_H
#define DAIL_DAEMON_TERMINAL_LOST_OUTPUT_H

#include "proto/error.h"

/* Writes out what is left for stdout. STATUS_STORAGE if any of it was lost, now or at any time before: a program
 * whose output is its result ends with that. */
enum status lost_output_check(struct error *error);

#endif
