#include "daemon/rank/launcher.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Ranks share the cores of a host out among themselves (runtime.threads), so nothing is bound; the coordinator
 * is one rank more than there are slots. Daemons that have lost each other notice within a minute, not after
 * several. */
static const struct launcher_option open_mpi_4_options[] = {
    {{"oversubscribe", "nooversubscribe"}, {"--oversubscribe"}},
    {{"bind-to"}, {"--bind-to", "none"}},
    {{"map-by"}, {"--map-by", "slot"}},
    {{NULL}, {"--mca", "dail_run", LAUNCHER_TAG}},
    {{"oob_tcp_keepalive_time"}, {"--mca", "oob_tcp_keepalive_time", "10"}},
    {{"oob_tcp_keepalive_intvl"}, {"--mca", "oob_tcp_keepalive_intvl", "5"}},
    {{"oob_tcp_keepalive_probes"}, {"--mca", "oob_tcp_keepalive_probes", "4"}},
    {{NULL}, {NULL}},
};

/* The tag as a parameter of Open MPI reaches the ranks, as one of PRRTE its daemons. */
static const struct launcher_option open_mpi_5_options[] = {
    {{"bind-to"}, {"--bind-to", "none"}},
    {{"map-by"}, {"--map-by", "slot:OVERSUBSCRIBE"}},
    {{NULL}, {"--mca", "dail_run", LAUNCHER_TAG}},
    {{NULL}, {"--prtemca", "dail_run", LAUNCHER_TAG}},
    {{"oob_tcp_keepalive_time"}, {"--prtemca", "oob_tcp_keepalive_time", "10"}},
    {{"oob_tcp_keepalive_intvl"}, {"--prtemca", "oob_tcp_keepalive_intvl", "5"}},
    {{"oob_tcp_keepalive_probes"}, {"--prtemca", "oob_tcp_keepalive_probes", "4"}},
    {{NULL}, {NULL}},
};

static const struct launcher_option hydra_options[] = {
    {{"bind-to"}, {"-bind-to", "none"}},
    {{NULL}, {"-genv", "dail_run", LAUNCHER_TAG}},
    {{NULL}, {NULL}},
};

static const struct launcher_option intel_options[] = {
    {{"I_MPI_PIN", "I_MPI_PIN_DOMAIN", "I_MPI_PIN_PROCESSOR_LIST"}, {"-genv", "I_MPI_PIN", "0"}},
    {{NULL}, {"-genv", "dail_run", LAUNCHER_TAG}},
    {{NULL}, {NULL}},
};

/* Of two that share their words the newer one comes later. Intel's mpirun is a shell script, which a signal would
 * end without the ranks' hearing of it. */
static const struct launcher launchers[] = {
    {.name = "Open MPI 4",
     .family = MPI_FAMILY_OPEN_MPI,
     .version = "(Open MPI) ",
     .library = "Open MPI",
     .hosts = "--host",
     .options = open_mpi_4_options,
     /* It wants a program that reaches other hosts even if there is none to reach, as in a container without ssh. */
     .alone = {{"plm_rsh_agent", "OMPI_MCA_plm_rsh_agent"}, {"--mca", "plm_rsh_agent", "ssh : rsh : false"}},
     .agent_variables = {"OMPI_MCA_plm_rsh_agent"},
     .agent_names = {"plm_rsh_agent"},
     .agent_option = {"--mca", "plm_rsh_agent"},
     .interface_include = "OMPI_MCA_btl_tcp_if_include",
     .interface_exclude = "OMPI_MCA_btl_tcp_if_exclude",
     .pick_interface = "mpirun --mca btl_tcp_if_include eth0",
     .bind = "mpirun --bind-to core --map-by slot:PE=",
     .signal_base = 128,
     .killed = -1},
    {.name = "Open MPI 5",
     .family = MPI_FAMILY_OPEN_MPI,
     .version = "(Open MPI) ",
     .since = 5,
     .hosts = "--host",
     .options = open_mpi_5_options,
     .agent_variables = {"PRTE_MCA_plm_ssh_agent"},
     .agent_names = {"plm_ssh_agent", "plm_rsh_agent"},
     .agent_option = {"--prtemca", "plm_ssh_agent"},
     .interface_include = "OMPI_MCA_btl_tcp_if_include",
     .interface_exclude = "OMPI_MCA_btl_tcp_if_exclude",
     .pick_interface = "mpirun --mca btl_tcp_if_include eth0",
     .bind = "mpirun --bind-to core --map-by slot:PE=",
     .signal_base = 128,
     .killed = -1},
    {.name = "Intel MPI",
     .family = MPI_FAMILY_MPICH,
     .version = "Intel(R) MPI Library",
     .library = "Intel(R) MPI Library",
     .program = "mpiexec.hydra",
     .hosts = "-hosts",
     .options = intel_options,
     .agent_variables = {"I_MPI_HYDRA_BOOTSTRAP_EXEC", "HYDRA_LAUNCHER_EXEC"},
     .agent_names = {"launcher-exec", "bootstrap-exec"},
     .agent_option = {"-launcher-exec"},
     .interface_include = "FI_TCP_IFACE",
     .pick_interface = "mpirun -iface eth0 -genv FI_TCP_IFACE eth0",
     .bind = "mpirun -genv I_MPI_PIN_CELL core -genv I_MPI_PIN_DOMAIN ",
     .signal_base = -1,
     .killed = 255},
    {.name = "MPICH",
     .family = MPI_FAMILY_MPICH,
     .version = "HYDRA build details",
     .library = "MPICH",
     .hosts = "-hosts",
     .options = hydra_options,
     .agent_variables = {"HYDRA_LAUNCHER_EXEC"},
     .agent_names = {"launcher-exec"},
     .agent_option = {"-launcher-exec"},
     .interface_include = "FI_TCP_IFACE",
     .pick_interface = "mpirun -iface eth0 -genv FI_TCP_IFACE eth0",
     .bind = "mpirun -bind-to core:",
     .signal_base = 0,
     .killed = -1},
};

#define LAUNCHERS (sizeof launchers / sizeof *launchers)
#define SIGNALS_MAX 31
#define SHELL_SIGNAL_BASE 128

const struct launcher *launcher_at(size_t index)
{
    return index < LAUNCHERS ? &launchers[index] : NULL;
}

const struct launcher *launcher_by_version(const char *text)
{
    const struct launcher *found = NULL;
    for (size_t i = 0; i < LAUNCHERS; i++) {
        const char *at = strstr(text, launchers[i].version);
        if (at && atoi(at + strlen(launchers[i].version)) >= launchers[i].since) {
            found = &launchers[i];
        }
    }
    return found;
}

static int major_version(const char *text)
{
    return atoi(text + strcspn(text, "0123456789"));
}

const struct launcher *launcher_by_library(const char *text)
{
    const struct launcher *found = NULL;
    for (size_t i = 0; i < LAUNCHERS; i++) {
        const struct launcher *one = &launchers[i];
        bool newer = found && !one->library && strcmp(found->version, one->version) == 0 &&
                     major_version(text) >= one->since;
        if (newer || (!found && one->library && strstr(text, one->library))) {
            found = one;
        }
    }
    return found;
}

int launcher_signal(const struct launcher *launcher, int code, bool began)
{
    /* A shell's way, too, where the launcher itself has died. */
    int signal = code > SHELL_SIGNAL_BASE ? code - SHELL_SIGNAL_BASE : 0;
    if (launcher && launcher->signal_base == 0 && began && code < SHELL_SIGNAL_BASE) {
        signal = code;
    }
    return signal <= SIGNALS_MAX ? signal : 0;
}

const char *launcher_interfaces(bool include)
{
    for (size_t i = 0; i < LAUNCHERS; i++) {
        const char *variable = include ? launchers[i].interface_include : launchers[i].interface_exclude;
        const char *value = variable ? getenv(variable) : NULL;
        if (value && value[0] != '\0') {
            return value;
        }
    }
    return NULL;
}

/* The first of the variables that is set, or NULL. */
static const char *first_of(const char *const *names, size_t count)
{
    const char *value = NULL;
    for (size_t i = 0; i < count && !value; i++) {
        value = getenv(names[i]);
    }
    return value;
}

bool launcher_is_first(void)
{
    /* Open MPI; PMIx, as Slurm and Open MPI 5 have it; MPICH and Intel MPI; Slurm without either. */
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"};
    const char *rank = first_of(names, sizeof names / sizeof *names);
    return !rank || strcmp(rank, "0") == 0;
}

int launcher_ranks(void)
{
    /* A Slurm job's own script has no step. */
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"};
    const char *ranks = first_of(names, sizeof names / sizeof *names);
    return ranks && isdigit((unsigned char)*ranks) ? atoi(ranks) : 0;
}

bool launcher_is_open_mpi(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") && !getenv("PMI_SIZE");
}
