/* Commands on other hosts, by the agent that mpirun itself starts its daemons with (ssh unless it is told another).
 */
#ifndef DAIL_DAEMON_SUPERVISOR_REMOTE_H
#define DAIL_DAEMON_SUPERVISOR_REMOTE_H

#include "daemon/rank/launcher.h"
#include "daemon/supervisor/host_list.h"

#define REMOTE_WORDS_MAX 32

struct remote_agent {
    const char *told; /* as some launcher's variable has it, and mpirun's options do not; NULL: nothing was */
    char text[1024];
    const char *word[REMOTE_WORDS_MAX]; /* point into text */
    size_t words;
};

/* `mpirun_options` [count]: what mpirun is given; an agent there wins over the environment's, and the variables of
 * the launcher that is used (NULL: none that is known) over those of the others. */
void remote_agent_find(const struct launcher *launcher, const char *const *mpirun_options, size_t count,
                       struct remote_agent *agent);

/* Runs a shell command on every host that answers, all at once, and waits up to `seconds`: a host where it
 * did not end with 0 by then no longer answers. This host needs no agent. */
void remote_run(const struct remote_agent *agent, struct host_list *hosts, const char *command,
                double seconds);

/* The same with a command that does nothing, on all hosts: which of them answer? */
void remote_probe(const struct remote_agent *agent, struct host_list *hosts, double seconds);

#endif
