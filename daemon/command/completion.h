/* Completion for bash, made from the tables of commands, options and configuration keys.
 */
#ifndef DAIL_DAEMON_COMMAND_COMPLETION_H
#define DAIL_DAEMON_COMMAND_COMPLETION_H

/* To stdout: a script for bash 4.2 or newer to source. */
void completion_print(void);

#endif
