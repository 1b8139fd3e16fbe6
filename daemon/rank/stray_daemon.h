/* Open MPI's daemon on a host that is cut off: it waits for a word of mpirun for a quarter of an hour and
 * more.
 */
#ifndef DAIL_DAEMON_RANK_STRAY_DAEMON_H
#define DAIL_DAEMON_RANK_STRAY_DAEMON_H

/* To be called by a rank that ends itself because it is cut off. Leaves a small process behind that ends the
 * daemon which started this rank, if it is still there after a while; mpirun ends it much sooner where it can
 * still reach it. Nothing else than such a daemon is ever ended. Async-signal-safe but for the fork. */
void stray_daemon_end_later(void);

#endif
