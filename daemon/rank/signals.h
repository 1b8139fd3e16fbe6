/* Signals of a rank: SIGTERM, SIGUSR1 and the first SIGINT ask the run to stop with a checkpoint; a second
 * SIGINT ends the process at once. The flag is the one thing of daild that is global: a handler can reach no
 * other.
 */
#ifndef DAIL_DAEMON_RANK_SIGNALS_H
#define DAIL_DAEMON_RANK_SIGNALS_H

#include <signal.h>

#define SIGNALS_INTERRUPTED 130

void signals_install(void);

/* Nonzero once a stop was asked for. */
const volatile sig_atomic_t *signals_stop(void);

/* Ends the process with `code` after so many seconds, whatever it hangs in. */
void signals_kill_after(unsigned seconds, int code);

#endif
