/* Signals of a rank: SIGTERM, SIGUSR1, SIGHUP and the first SIGINT ask the run to stop with a checkpoint; a second
 * SIGINT ends the process at once. Where SIGHUP is ignored, as nohup has it, it stays so. The flag is the one thing of daild that is global: a handler can reach no
 * other.
 */
#ifndef DAIL_DAEMON_RANK_SIGNALS_H
#define DAIL_DAEMON_RANK_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

#define SIGNALS_INTERRUPTED 130

void signals_install(void);

/* Whether this process was started, or has decided, not to hear this signal. */
bool signals_are_ignored(int number);

/* Nonzero once a stop was asked for. */
const volatile sig_atomic_t *signals_stop(void);

/* Ends the process with `code` after so many seconds, whatever it hangs in. */
void signals_kill_after(unsigned seconds, int code);

#endif
