/* daemon/rank/launcher.h, daemon/supervisor/mpirun.h and remote.h: whose a launcher is, the command line that each
 * is given, what its exit code means, and how other hosts are reached.
 */
#include "daemon/rank/launcher.h"
#include "daemon/supervisor/mpirun.h"
#include "daemon/supervisor/remote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char version_4[] = "mpirun (Open MPI) 4.1.4\n\nReport bugs to http://www.open-mpi.org/\n";
static const char version_5[] = "mpirun (Open MPI) 5.0.11\n\nReport bugs to https://www.open-mpi.org/\n";
static const char version_hydra[] =
    "HYDRA build details:\n    Version:                                 5.0.2\n";
static const char version_intel[] = "Intel(R) MPI Library for Linux* OS, Version 2021.16 Build 20251030\n";

static void knows_each_by_what_it_says(void **state)
{
    (void)state;
    static const struct {
        const char *version, *library, *name;
    } said[] = {{version_4, "Open MPI v4.1.4, package: Debian OpenMPI", "Open MPI 4"},
                {"mpirun (Open MPI) 3.1.6\n", "Open MPI v3.1.6", "Open MPI 4"},
                {version_5, "Open MPI v5.0.11, package: x", "Open MPI 5"},
                {"mpirun (Open MPI) 10.0.0\n", "Open MPI v10.0.0", "Open MPI 5"},
                {version_hydra, "MPICH Version: 5.0.2", "MPICH"},
                {version_hydra, "MPI VERSION : CRAY MPICH version 8.1", "MPICH"},
                {version_intel, "Intel(R) MPI Library 2021.16 for Linux* OS", "Intel MPI"}};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        assert_non_null(launcher_by_version(said[i].version));
        assert_string_equal(launcher_by_version(said[i].version)->name, said[i].name);
        assert_non_null(launcher_by_library(said[i].library));
        assert_string_equal(launcher_by_library(said[i].library)->name, said[i].name);
    }
    assert_null(launcher_by_version(""));
    assert_null(launcher_by_version("slurm 22.05.8\n"));
    assert_null(launcher_by_library("Some other MPI 1.0"));
}

static void says_which_signal(void **state)
{
    (void)state;
    const struct launcher *open_mpi = launcher_by_version(version_4);
    const struct launcher *hydra = launcher_by_version(version_hydra);
    const struct launcher *intel = launcher_by_version(version_intel);
    static const int failures[] = {1, 5, 75, 128, 183, 243, 255};
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        assert_int_equal(launcher_signal(open_mpi, failures[i], true), 0);
        assert_int_equal(launcher_signal(intel, failures[i], true), 0);
    }
    assert_int_equal(launcher_signal(open_mpi, 137, true), 9);
    assert_int_equal(launcher_signal(NULL, 143, false), 15);
    assert_int_equal(launcher_signal(hydra, 9, true), 9);
    assert_int_equal(launcher_signal(hydra, 6, true), 6); /* not STATUS_STORAGE: the run's log would say so */
    assert_int_equal(launcher_signal(hydra, 3, false), 0); /* ended before it began: daild's own code */
    assert_int_equal(launcher_signal(hydra, 75, true), 0);
    assert_int_equal(intel->killed, 255);
}

static void expect_line(const char *version, const struct host_list *hosts, const char *agent,
                        const char *const *given, const char *expected)
{
    struct mpirun_line line;
    size_t count = 0;
    char text[1024] = "";
    while (given && given[count]) {
        count++;
    }
    const struct mpirun_start start = {.launcher = launcher_by_version(version),
                                       .hosts = hosts,
                                       .given = given,
                                       .given_count = count,
                                       .agent = agent,
                                       .tag = "feed",
                                       .ranks = 4};
    mpirun_line_begin(&start, &line);
    assert_false(line.failed);
    for (size_t i = 0; i < line.count; i++) {
        strcat(strcat(text, i ? " " : ""), line.word[i]);
    }
    assert_null(line.word[line.count]);
    assert_string_equal(text, expected);
    mpirun_line_free(&line);
}

static void speaks_to_each_on_one_host(void **state)
{
    (void)state;
    struct host_entry here = {.name = "localhost", .local = true, .workers = 3};
    const struct host_list hosts = {.host = &here, .count = 1};
    expect_line(version_4, &hosts, "rsh", NULL,
                "mpirun --mca plm_rsh_agent ssh : rsh : false --oversubscribe --bind-to none --map-by slot "
                "--mca dail_run feed "
                "--mca oob_tcp_keepalive_time 10 --mca oob_tcp_keepalive_intvl 5 --mca "
                "oob_tcp_keepalive_probes 4 -n 4");
    expect_line(
        version_5, &hosts, NULL, NULL,
        "mpirun --bind-to none --map-by slot:OVERSUBSCRIBE --mca dail_run feed --prtemca dail_run feed "
        "--prtemca oob_tcp_keepalive_time 10 --prtemca oob_tcp_keepalive_intvl 5 --prtemca "
        "oob_tcp_keepalive_probes 4 -n 4");
    expect_line(version_hydra, &hosts, NULL, NULL, "mpirun -bind-to none -genv dail_run feed -n 4");
    expect_line(version_intel, &hosts, NULL, NULL,
                "mpiexec.hydra -genv I_MPI_PIN 0 -genv dail_run feed -n 4");
    expect_line("what is this?", &hosts, NULL, NULL, "mpirun -n 4");
}

static void leaves_what_people_say(void **state)
{
    (void)state;
    struct host_entry here = {.name = "localhost", .local = true, .workers = 3};
    const struct host_list hosts = {.host = &here, .count = 1};
    static const char *const hydra[] = {"-bind-to", "core:2", NULL};
    expect_line(version_hydra, &hosts, NULL, hydra, "mpirun -genv dail_run feed -bind-to core:2 -n 4");
    static const char *const open_mpi[] = {"--bind-to", "core", "--map-by", "slot:PE=2", NULL};
    expect_line(version_5, &hosts, NULL, open_mpi,
                "mpirun --mca dail_run feed --prtemca dail_run feed --prtemca oob_tcp_keepalive_time 10 "
                "--prtemca oob_tcp_keepalive_intvl 5 --prtemca oob_tcp_keepalive_probes 4 --bind-to core "
                "--map-by slot:PE=2 -n 4");
    setenv("I_MPI_PIN_DOMAIN", "2", 1);
    expect_line(version_intel, &hosts, NULL, NULL, "mpiexec.hydra -genv dail_run feed -n 4");
    unsetenv("I_MPI_PIN_DOMAIN");
}

static void names_hosts_and_agent(void **state)
{
    (void)state;
    struct host_entry entry[] = {{.name = "n1", .workers = 2}, {.name = "n2"}, {.name = "n3", .workers = 1}};
    const struct host_list hosts = {.host = entry, .count = 3};
    expect_line(version_hydra, &hosts, "rsh", NULL,
                "mpirun -hosts n1:3,n3:1 -launcher-exec rsh -bind-to none -genv dail_run feed -n 4");
    expect_line(version_intel, &hosts, NULL, NULL,
                "mpiexec.hydra -hosts n1:3,n3:1 -genv I_MPI_PIN 0 -genv dail_run feed -n 4");
    static const char *const given[] = {"--map-by", "x", "--bind-to", "y", "--oversubscribe", NULL};
    expect_line(version_4, &hosts, "rsh -x", given,
                "mpirun --host n1:3,n3:1 --mca plm_rsh_agent rsh -x --mca dail_run feed --mca "
                "oob_tcp_keepalive_time 10 --mca oob_tcp_keepalive_intvl 5 --mca oob_tcp_keepalive_probes 4 "
                "--map-by x --bind-to y --oversubscribe -n 4");
}

/* --- The agent --- */

static void expect_agent(const char *version, const char *const *given, size_t count, const char *word,
                         const char *told)
{
    struct remote_agent agent;
    remote_agent_find(launcher_by_version(version), given, count, &agent);
    assert_string_equal(agent.word[0], word);
    assert_string_equal(agent.told ? agent.told : "", told);
}

static void finds_the_agent(void **state)
{
    (void)state;
    static const char *const variables[] = {"OMPI_MCA_plm_rsh_agent", "PRTE_MCA_plm_ssh_agent",
                                            "HYDRA_LAUNCHER_EXEC", "I_MPI_HYDRA_BOOTSTRAP_EXEC"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        unsetenv(variables[i]);
    }
    expect_agent(version_4, NULL, 0, "ssh", "");
    setenv("PRTE_MCA_plm_ssh_agent", "five -q : ssh", 1);
    expect_agent(version_5, NULL, 0, "five", "five -q : ssh");
    expect_agent(version_4, NULL, 0, "five", "five -q : ssh");
    setenv("OMPI_MCA_plm_rsh_agent", "four", 1);
    expect_agent(version_5, NULL, 0, "five", "five -q : ssh");
    expect_agent(version_4, NULL, 0, "four", "four");
    expect_agent(version_hydra, NULL, 0, "four", "four");
    setenv("HYDRA_LAUNCHER_EXEC", "hydra", 1);
    expect_agent(version_hydra, NULL, 0, "hydra", "hydra");
    expect_agent("unknown", NULL, 0, "four", "four");
    static const char *const given[] = {"-launcher-exec", "mine", "--prtemca", "plm_ssh_agent", "mine5"};
    expect_agent(version_intel, given, 2, "mine", "");
    expect_agent(version_5, given, 5, "mine5", "");
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        unsetenv(variables[i]);
    }
}

/* --- What it tells its processes --- */

static void hears_how_many_were_started(void **state)
{
    (void)state;
    static const char *const variables[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE",  "SLURM_STEP_NUM_TASKS",
                                            "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK",
                                            "SLURM_PROCID"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        unsetenv(variables[i]);
    }
    assert_int_equal(launcher_ranks(), 0);
    assert_true(launcher_is_first());
    setenv("PMI_SIZE", "3", 1);
    setenv("PMI_RANK", "1", 1);
    assert_int_equal(launcher_ranks(), 3);
    assert_false(launcher_is_first());
    assert_false(launcher_is_open_mpi());
    unsetenv("PMI_SIZE");
    setenv("OMPI_COMM_WORLD_SIZE", "5", 1);
    assert_int_equal(launcher_ranks(), 5);
    assert_true(launcher_is_open_mpi());
    unsetenv("OMPI_COMM_WORLD_SIZE");
    unsetenv("PMI_RANK");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_each_by_what_it_says),  cmocka_unit_test(says_which_signal),
        cmocka_unit_test(speaks_to_each_on_one_host),  cmocka_unit_test(leaves_what_people_say),
        cmocka_unit_test(names_hosts_and_agent),       cmocka_unit_test(finds_the_agent),
        cmocka_unit_test(hears_how_many_were_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
