/* daemon/rank/topology.h, cgroup.h and host.h: physical cores and NUMA nodes on machines that hwloc makes up, limits
 * of control groups in made-up folders, and the threads that a worker takes.
 */
#include "daemon/rank/cgroup.h"
#include "daemon/rank/core_set.h"
#include "daemon/rank/host.h"
#include "daemon/rank/topology.h"
#include "tests/unit/proto_scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Two packages of eight cores of two hardware threads, siblings apart, as Linux numbers them, and side by side. */
static const char apart[] = "package:2 numa:1 core:8 pu:2(indexes=2*16:1*2)";
static const char beside[] = "package:2 numa:1 core:8 pu:2";

/* The cores and NUMA nodes behind the hardware threads `allowed` of a machine. */
static void expect(const char *machine, const char *allowed, const char *cores, int nodes)
{
    struct core_set threads;
    struct topology topology;
    char found[256];
    setenv("HWLOC_SYNTHETIC", machine, 1);
    assert_true(core_set_parse(allowed, &threads));
    topology_find(&threads, &topology);
    unsetenv("HWLOC_SYNTHETIC");
    core_set_format(&topology.cores, found, sizeof found);
    if (strcmp(found, cores) != 0 || topology.numa_nodes != nodes) {
        fail_msg("%s, of which %s: cores %s on %d nodes, expected %s on %d", machine, allowed, found,
                 topology.numa_nodes, cores, nodes);
    }
}

static void counts_physical_cores(void **state)
{
    (void)state;
    expect(beside, "0-31", "0-15", 2);
    expect(beside, "0-15", "0-7", 1);
    expect(beside, "0,2,4", "0-2", 1);
    expect(beside, "1", "0", 1); /* the sibling is somebody else's */
    expect(beside, "15-16", "7-8", 2);
    expect(apart, "0-31", "0-15", 2);
    expect(apart, "0-7,16-23", "0-7", 1);
    expect(apart, "16-17", "0-1", 1);
    expect("core:4 pu:1", "0-3", "0-3", 1);
    expect("core:4 pu:1", "1,3", "1,3", 1);
}

/* Where hwloc knows nothing of what the system allows, a hardware thread counts as a core. */
static void falls_back_to_hardware_threads(void **state)
{
    (void)state;
    expect("core:2 pu:2", "64-67", "64-67", 0);
}

/* A machine as hwloc exports it, cut down to what a container's /sys may show: hardware threads alone. */
static void reads_a_machine_without_cores(void **state)
{
    const char *path = under(*state, "machine.xml");
    struct core_set threads;
    struct topology topology;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n"
          "<topology version=\"2.0\">\n<object type=\"Machine\" os_index=\"0\" cpuset=\"0xf\" "
          "complete_cpuset=\"0xf\" allowed_cpuset=\"0xf\" nodeset=\"0x1\" complete_nodeset=\"0x1\" "
          "allowed_nodeset=\"0x1\" gp_index=\"1\">\n<object type=\"NUMANode\" os_index=\"0\" "
          "cpuset=\"0xf\" complete_cpuset=\"0xf\" nodeset=\"0x1\" complete_nodeset=\"0x1\" "
          "gp_index=\"2\" local_memory=\"1000000\"/>\n",
          file);
    for (int thread = 0; thread < 4; thread++) {
        fprintf(
            file,
            "<object type=\"PU\" os_index=\"%d\" cpuset=\"0x%x\" complete_cpuset=\"0x%x\" nodeset=\"0x1\" "
            "complete_nodeset=\"0x1\" gp_index=\"%d\"/>\n",
            thread, 1u << thread, 1u << thread, thread + 3);
    }
    fputs("</object>\n</topology>\n", file);
    assert_int_equal(fclose(file), 0);
    setenv("HWLOC_XMLFILE", path, 1);
    assert_true(core_set_parse("1-2", &threads));
    topology_find(&threads, &topology);
    unsetenv("HWLOC_XMLFILE");
    assert_int_equal(core_set_count(&topology.cores), 2);
    assert_int_equal(topology.numa_nodes, 1);
}

static void shares_cores_out_evenly(void **state)
{
    (void)state;
    struct message_hello hello = {.cores_allowed = 16};
    assert_int_equal(host_share(&hello, 16, 1), 16);
    assert_int_equal(host_share(&hello, 16, 3), 5);
    assert_int_equal(host_share(&hello, 16, 20), 1);
    hello.cores_allowed = 4; /* bound */
    assert_int_equal(host_share(&hello, 16, 4), 4);
    assert_int_equal(host_share(&hello, 16, 2), 4);
    hello.cores_granted = 6.5;
    assert_int_equal(host_share(&hello, 16, 2), 3);
    assert_int_equal(host_share(&hello, 16, 1), 4);
    hello.cores_granted = 0.5;
    assert_int_equal(host_share(&hello, 16, 2), 1);
}

/* --- Control groups --- */

/* A file of a made-up control group. */
static void put(struct place *place, const char *folder, const char *name, const char *text)
{
    char command[1024];
    snprintf(command, sizeof command, "mkdir -p '%s'", under(place, folder));
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "%s/%s", under(place, folder), name);
    FILE *file = fopen(command, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static double cores(struct place *place)
{
    char membership[512];
    snprintf(membership, sizeof membership, "%s", under(place, "self"));
    return cgroup_cores(membership, under(place, "mount"));
}

static int64_t memory(struct place *place)
{
    char membership[512];
    snprintf(membership, sizeof membership, "%s", under(place, "self"));
    return cgroup_memory(membership, under(place, "mount"));
}

static void heeds_limits_of_version_2(void **state)
{
    struct place *place = *state;
    assert_true(cores(place) == 0);
    assert_int_equal(memory(place), INT64_MAX);
    put(place, ".", "self", "0::/user.slice/job one/step\n");
    put(place, "mount/user.slice/job one/step", "cpu.max", "max 100000\n");
    put(place, "mount/user.slice/job one/step", "memory.max", "max\n");
    assert_true(cores(place) == 0);
    assert_int_equal(memory(place), INT64_MAX);
    put(place, "mount/user.slice/job one", "cpu.max", "250000 100000\n");
    put(place, "mount/user.slice/job one", "memory.max", "1000000\n");
    put(place, "mount/user.slice/job one", "memory.current", "700000\n");
    put(place, "mount/user.slice/job one", "memory.stat", "anon 1\ninactive_file 200000\n");
    assert_true(cores(place) == 2.5);
    assert_int_equal(memory(place), 500000);
    put(place, "mount", "cpu.max", "200000 100000\n"); /* as in a container */
    assert_true(cores(place) == 2);
    put(place, ".", "self", "0::/../../elsewhere\n");
    assert_true(cores(place) == 2);
}

static void heeds_limits_of_version_1(void **state)
{
    struct place *place = *state;
    put(place, ".", "self", "5:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n3:cpuset:/docker/1\n0::/\n");
    put(place, "mount/cpu/docker/1", "cpu.cfs_quota_us", "-1\n");
    put(place, "mount/cpu/docker/1", "cpu.cfs_period_us", "100000\n");
    put(place, "mount/memory/docker/1", "memory.limit_in_bytes", "9223372036854771712\n");
    put(place, "mount/memory/docker/1", "memory.usage_in_bytes", "700000\n");
    assert_true(cores(place) == 0);
    assert_int_equal(memory(place), INT64_MAX);
    put(place, "mount/cpu/docker/1", "cpu.cfs_quota_us", "150000\n");
    put(place, "mount/memory/docker/1", "memory.limit_in_bytes", "600000\n");
    assert_true(cores(place) == 1.5);
    assert_int_equal(memory(place), 0);
}

/* In a container there may be the folder of the hierarchy alone, and its own group at the root of it. */
static void heeds_limits_of_version_1_in_a_container(void **state)
{
    struct place *place = *state;
    put(place, ".", "self", "4:cpu,cpuacct:/docker/1\n");
    put(place, "mount/cpu,cpuacct", "cpu.cfs_quota_us", "350000\n");
    put(place, "mount/cpu,cpuacct", "cpu.cfs_period_us", "100000\n");
    assert_true(cores(place) == 3.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_physical_cores),
        cmocka_unit_test(falls_back_to_hardware_threads),
        cmocka_unit_test_setup_teardown(reads_a_machine_without_cores, set_up, tear_down),
        cmocka_unit_test(shares_cores_out_evenly),
        cmocka_unit_test_setup_teardown(heeds_limits_of_version_2, set_up, tear_down),
        cmocka_unit_test_setup_teardown(heeds_limits_of_version_1, set_up, tear_down),
        cmocka_unit_test_setup_teardown(heeds_limits_of_version_1_in_a_container, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
