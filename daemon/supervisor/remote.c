#include "daemon/supervisor/remote.h"

#include "daemon/supervisor/launch.h"
#include "proto/clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_SECONDS 0.02

/* ssh must never ask for a password here: nobody would see the question. */
static const char default_agent[] = "ssh -o BatchMode=yes -o ConnectTimeout=8";

static const char *in_environment(const struct launcher *launcher)
{
    for (size_t i = 0; i < LAUNCHER_NAMES_MAX && launcher && launcher->agent_variables[i]; i++) {
        const char *text = getenv(launcher->agent_variables[i]);
        if (text && text[0] != '\0') {
            return text;
        }
    }
    return NULL;
}

/* The word behind one of the launcher's names for it. */
static const char *in_options(const struct launcher *launcher, const char *const *options, size_t count)
{
    const char *text = NULL;
    for (size_t i = 0; i + 1 < count; i++) {
        for (size_t n = 0; n < LAUNCHER_NAMES_MAX && launcher->agent_names[n]; n++) {
            if (strcmp(options[i] + strspn(options[i], "-"), launcher->agent_names[n]) == 0) {
                text = options[i + 1];
            }
        }
    }
    return text;
}

void remote_agent_find(const struct launcher *launcher, const char *const *mpirun_options, size_t count,
                       struct remote_agent *agent)
{
    agent->told = in_environment(launcher);
    for (size_t i = 0; launcher_at(i) && !agent->told; i++) {
        agent->told = in_environment(launcher_at(i));
    }
    const char *text = launcher ? in_options(launcher, mpirun_options, count) : NULL;
    agent->told = text ? NULL : agent->told;
    text = text ? text : agent->told;
    agent->words = 0;
    snprintf(agent->text, sizeof agent->text, "%s", text && text[0] != '\0' ? text : default_agent);
    /* Open MPI takes a list of agents, apart by colons, and uses the first that is there. */
    agent->text[strcspn(agent->text, ":")] = '\0';
    char *rest = NULL;
    for (char *word = strtok_r(agent->text, " ", &rest); word && agent->words < REMOTE_WORDS_MAX;
         word = strtok_r(NULL, " ", &rest)) {
        agent->word[agent->words++] = word;
    }
}

static pid_t start(const struct remote_agent *agent, const struct host_entry *host, const char *command)
{
    const char *argv[REMOTE_WORDS_MAX + 3];
    size_t count = 0;
    if (host->local) {
        argv[count++] = "sh";
        argv[count++] = "-c";
    } else {
        for (size_t i = 0; i < agent->words; i++) {
            argv[count++] = agent->word[i];
        }
        argv[count++] = host->name;
    }
    argv[count++] = command;
    argv[count] = NULL;
    return launch_process(argv, LAUNCH_SILENT);
}

void remote_run(const struct remote_agent *agent, struct host_list *hosts, const char *command,
                double seconds)
{
    pid_t *process = calloc(hosts->count, sizeof *process);
    size_t running = 0;
    if (!process) {
        return;
    }
    for (size_t i = 0; i < hosts->count; i++) {
        struct host_entry *host = &hosts->host[i];
        process[i] = host->answers ? start(agent, host, command) : 0;
        host->answers = process[i] > 0;
        running += host->answers;
    }
    for (double end = clock_monotonic() + seconds; running > 0 && clock_monotonic() < end;) {
        nanosleep(&(struct timespec){.tv_nsec = (long)(POLL_SECONDS * 1e9)}, NULL);
        for (size_t i = 0; i < hosts->count; i++) {
            int status;
            if (process[i] > 0 && waitpid(process[i], &status, WNOHANG) == process[i]) {
                hosts->host[i].answers = WIFEXITED(status) && WEXITSTATUS(status) == 0;
                process[i] = 0;
                running--;
            }
        }
    }
    for (size_t i = 0; i < hosts->count; i++) {
        if (process[i] > 0) {
            hosts->host[i].answers = false;
            kill(-process[i], SIGKILL);
            waitpid(process[i], NULL, 0);
        }
    }
    free(process);
}

void remote_probe(const struct remote_agent *agent, struct host_list *hosts, double seconds)
{
    for (size_t i = 0; i < hosts->count; i++) {
        hosts->host[i].answers = true;
    }
    remote_run(agent, hosts, "true", seconds);
}
