/* dail-status(5), made from the table of the status log.
 */
#ifndef DAIL_DAEMON_TERMINAL_STATUS_PAGE_H
#define DAIL_DAEMON_TERMINAL_STATUS_PAGE_H

#include <stdio.h>

/* Writes all of the page but its title, as roff. */
void status_page_print(FILE *out);

#endif
