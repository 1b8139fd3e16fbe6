/* The programs that start MPI programs (mpirun, mpiexec, srun): which there are, how each is spoken to, and what
 * they tell a process before it has started MPI.
 */
#ifndef DAIL_DAEMON_RANK_LAUNCHER_H
#define DAIL_DAEMON_RANK_LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>

/* A launcher starts the programs of every MPI of its family: they find each other in the same way. */
enum mpi_family { MPI_FAMILY_UNKNOWN, MPI_FAMILY_OPEN_MPI, MPI_FAMILY_MPICH };

#define LAUNCHER_NAMES_MAX 3
#define LAUNCHER_WORDS_MAX 4
/* Stands for what marks the processes of one attempt, in a launcher's options. */
#define LAUNCHER_TAG "%TAG%"

/* An option that `dail run` gives, unless people give one of the names, or an environment variable of it. */
struct launcher_option {
    const char *unless[LAUNCHER_NAMES_MAX];
    const char *words[LAUNCHER_WORDS_MAX];
};

struct launcher {
    const char *name;
    enum mpi_family family;
    const char *version; /* `mpirun --version` has these words; behind them comes the major version */
    int since; /* the lowest of them that is meant here */
    const char *library; /* so MPI_Get_library_version has it; NULL: as an earlier launcher's */
    const char *program; /* what takes the options, where it is not mpirun itself */
    const char *hosts; /* the option before NAME:RANKS,NAME:RANKS */
    const struct launcher_option *options; /* ends with one of no words */
    const struct launcher_option alone; /* given too where no other host has a part; no words: nothing */
    const char
        *agent_variables[LAUNCHER_NAMES_MAX]; /* name the program that reaches other hosts, in place of ssh */
    const char *agent_names[LAUNCHER_NAMES_MAX]; /* the same as options, without dashes */
    const char *agent_option[LAUNCHER_WORDS_MAX]; /* how it is given */
    const char *interface_include,
        *interface_exclude; /* variables that pick network interfaces; NULL: none */
    const char *pick_interface; /* what people are told to start a run with, for eth0 */
    const char *bind; /* and to bind ranks to cores, before their number */
    /* A rank that died of a signal: exit code less the signal, and a code that says no more than this. -1: none.
     */
    int signal_base, killed;
};

/* By what `mpirun --version` says, and by what MPI_Get_library_version does; NULL: none that is known. */
const struct launcher *launcher_by_version(const char *text);
const struct launcher *launcher_by_library(const char *text);

/* The launchers, one after the other; NULL behind the last. */
const struct launcher *launcher_at(size_t index);

/* The signal that the exit code of a launcher speaks of; 0: of none. `began`: the ranks did run. */
int launcher_signal(const struct launcher *launcher, int code, bool began);

/* The network interfaces that people tell MPI to use alone, or not to use (`include` false); NULL: nothing said.
 */
const char *launcher_interfaces(bool include);

/* Whether this process is rank 0, or was started by no launcher that says another. */
bool launcher_is_first(void);

/* How many ranks the launcher says it has started; 0: it says nothing. */
int launcher_ranks(void);

/* Was this process started by Open MPI's launcher, whose way of finding each other MPICH's programs do not
 * survive? */
bool launcher_is_open_mpi(void);

#endif
