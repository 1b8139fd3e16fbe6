/* daemon/setup/placement.h, interface.h and host.h: the table and each of its warnings. */
#include "daemon/setup/placement.h"

#include "daemon/rank/core_set.h"
#include "daemon/rank/host.h"
#include "daemon/rank/interface.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define WORKERS 4

static struct message_hello hello_of(const char *host, const char *cores, int threads)
{
    struct message_hello hello = {.pid = 1,
                                  .threads = threads,
                                  .cores_allowed = threads,
                                  .memory_needed = 2000000000,
                                  .memory_available = 64000000000,
                                  .seconds_per_image = 0.1};
    snprintf(hello.host, sizeof hello.host, "%s", host);
    snprintf(hello.cores, sizeof hello.cores, "%s", cores);
    snprintf(hello.isa, sizeof hello.isa, "avx2");
    snprintf(hello.interfaces, sizeof hello.interfaces, "eth0 10.0.0.%d 10000Mb/s", host[1]);
    return hello;
}

struct example {
    struct message_hello hello[WORKERS];
    struct placement_dataset datasets[2];
    struct placement_input input;
};

/* Four bound workers on two hosts: nothing to complain of. */
static void make_example(struct example *example)
{
    *example = (struct example){.datasets = {{"lfw", 1000, 900, 0, 4}, {"pins", 60, 300, 3, 2}}};
    example->hello[0] = hello_of("n1", "0-1", 2);
    example->hello[1] = hello_of("n1", "2-3", 2);
    example->hello[2] = hello_of("n2", "0-1", 2);
    example->hello[3] = hello_of("n2", "2-3", 2);
    example->input = (struct placement_input){.hello = example->hello,
                                              .workers = WORKERS,
                                              .coordinator_host = "n1",
                                              .lanes = 8,
                                              .lane_batch = 16,
                                              .embedding = 512,
                                              .gradient_bytes = 100000000,
                                              .datasets = example->datasets,
                                              .dataset_count = 2};
}

static struct placement describe(const struct example *example)
{
    struct placement placement;
    struct error error;
    assert_int_equal(placement_describe(&example->input, &placement, &error), STATUS_OK);
    return placement;
}

/* Exactly one warning, which says `text`. */
static void expect_warning(const struct example *example, const char *text)
{
    struct placement placement = describe(example);
    if (placement.warnings != 1 || !strstr(placement.warning[0], text)) {
        fail_msg("%zu warnings, the first '%s', expected '%s'", placement.warnings, placement.warning[0],
                 text);
    }
    placement_free(&placement);
}

static void shows_every_rank_and_owner(void **state)
{
    (void)state;
    struct example example;
    make_example(&example);
    struct placement placement = describe(&example);
    assert_int_equal(placement.warnings, 0);
    assert_int_equal(placement.hosts, 2);
    assert_non_null(strstr(placement.table, "rank 0     n1                   coordinator\n"));
    assert_non_null(strstr(placement.table,
                           "rank 4     n2                   worker, 2 threads on cores 2-3, avx2, "
                           "2.00 of 64.00 GB memory, eth0 10.0.0."));
    assert_non_null(strstr(placement.table, "dataset lfw: 1000 classes, owned by ranks 1 to 4\n"));
    assert_non_null(strstr(placement.table, "dataset pins: 60 classes, owned by ranks 4 1\n"));
    placement_free(&placement);
}

static void names_lesser_kernels(void **state)
{
    (void)state;
    struct example example;
    make_example(&example);
    for (int w = 2; w < WORKERS; w++) {
        snprintf(example.hello[w].blas_kernel, sizeof example.hello[w].blas_kernel, "Prescott");
    }
    expect_warning(&example, "n2: OpenBLAS takes its Prescott kernels");
    struct placement placement = describe(&example);
    assert_non_null(strstr(placement.table, "cores 2-3, avx2 (OpenBLAS: Prescott), 2.00 of"));
    assert_non_null(strstr(placement.table, "cores 2-3, avx2, 2.00 of"));
    placement_free(&placement);
}

/* 8 lanes of 16 over 4 workers: 32 images each at 0.1 s. A ring carries 2 (W-1)/W of the gradient. Three quarters of the
 * samples go to four workers, one to two: embeddings there and their gradients back are twice 0.75 * 3.5 / 4 of
 * 8 * 16 * 512 * 4 bytes, at 70% of 10 Gb/s. */
static void predicts_the_step(void **state)
{
    (void)state;
    struct example example;
    make_example(&example);
    struct placement placement = describe(&example);
    assert_true(placement.seconds_compute > 3.199 && placement.seconds_compute < 3.201);
    double expected = (1.5 * 100000000 + 1.5 * 3.5 / 4 * 262144) / 875e6;
    assert_true(placement.seconds_exchange > expected * 0.999 &&
                placement.seconds_exchange < expected * 1.001);
    placement_free(&placement);
}

static void warns_of_each_trouble(void **state)
{
    (void)state;
    struct example example;
    make_example(&example);
    example.hello[0].threads = 3;
    expect_warning(&example, "n1 is oversubscribed: 5 threads of 2 workers on 4 physical cores (0-3)");

    make_example(&example);
    snprintf(example.hello[2].cores, sizeof example.hello[2].cores, "0-3");
    snprintf(example.hello[3].cores, sizeof example.hello[3].cores, "0-3");
    expect_warning(&example, "2 workers on n2 are not bound and share cores 0-3");

    make_example(&example);
    example.hello[0].cores_granted = example.hello[1].cores_granted = 3;
    expect_warning(&example, "its control group grants 4 threads of 2 workers the time of 3.0 cores");

    make_example(&example);
    example.input.lanes = 6;
    expect_warning(&example, "4 workers share 6 lanes: a step takes 2 rounds, as with 3 workers");

    make_example(&example);
    example.hello[3].numa_nodes = 2;
    expect_warning(&example, "rank 4 on n2 computes on cores 2-3 of 2 NUMA nodes");

    make_example(&example);
    example.hello[3].memory_needed = 63000000000;
    expect_warning(&example, "n2 has 64.0 GB of memory left and its 2 workers need 65.0 GB");

    make_example(&example);
    example.hello[2].files = 131; /* two ranks and the coordinator on the other host, and 128 files */
    struct placement enough = describe(&example);
    assert_int_equal(enough.warnings, 0);
    placement_free(&enough);
    example.hello[2].files = 130;
    expect_warning(
        &example,
        "n2 lets a rank have 130 files open, and the connections to the ranks of other hosts need 131");

    make_example(&example);
    example.input.gradient_bytes = 10000000000;
    expect_warning(&example, "the exchange will dominate the step");

    make_example(&example);
    snprintf(example.hello[2].interfaces, sizeof example.hello[2].interfaces,
             "docker0 172.17.0.1, eth0 10.0.0.2 10000Mb/s");
    expect_warning(&example, "n2: docker0 (172.17.0.1) is a virtual bridge");

    make_example(&example);
    snprintf(example.hello[2].interfaces, sizeof example.hello[2].interfaces, "eth1 10.1.0.2 10000Mb/s");
    example.input.interface_include = "10.0.0.0/24";
    expect_warning(&example, "n2 has no interface but the loopback for traffic between hosts");
}

/* What is only between hosts does not matter on one; an include list cures a bridge. */
static void stays_silent_where_all_is_well(void **state)
{
    (void)state;
    struct example example;
    make_example(&example);
    snprintf(example.hello[0].interfaces, sizeof example.hello[0].interfaces,
             "docker0 172.17.0.1, eth0 10.0.0.1 10000Mb/s");
    example.input.interface_include = "eth0";
    struct placement placement = describe(&example);
    assert_int_equal(placement.warnings, 0);
    assert_non_null(strstr(placement.table, "network: MPI is told to use eth0\n"));
    placement_free(&placement);
    example.input.interface_include = NULL;
    example.input.workers = 2; /* both on n1 */
    placement = describe(&example);
    assert_int_equal(placement.hosts, 1);
    assert_int_equal(placement.warnings, 0);
    placement_free(&placement);
}

static void reads_interface_lists(void **state)
{
    (void)state;
    struct interface one;
    size_t at = 0;
    const char *list = "eth0 10.0.0.3 1000Mb/s, br-4f 172.18.0.1, ib0 10.1.0.3";
    assert_true(interface_next(list, &at, &one));
    assert_string_equal(one.name, "eth0");
    assert_int_equal(one.megabits, 1000);
    assert_true(interface_picked(&one, "lo,10.0.0.0/30", NULL));
    assert_false(interface_picked(&one, "10.0.0.4/30", NULL));
    assert_false(interface_picked(&one, NULL, "docker0,eth0"));
    assert_true(interface_next(list, &at, &one));
    assert_true(interface_is_virtual(one.name));
    assert_true(interface_next(list, &at, &one));
    assert_string_equal(one.address, "10.1.0.3");
    assert_int_equal(one.megabits, 0);
    assert_false(interface_is_virtual(one.name));
    assert_false(interface_next(list, &at, &one));
}

static void reads_and_writes_core_lists(void **state)
{
    (void)state;
    struct core_set set, other;
    char text[32];
    assert_true(core_set_parse("0-3,8,62-65", &set));
    assert_int_equal(core_set_count(&set), 9);
    core_set_format(&set, text, sizeof text);
    assert_string_equal(text, "0-3,8,62-65");
    core_set_format(&set, text, 6);
    assert_string_equal(text, "0-3,8");
    assert_true(core_set_parse("4-7", &other));
    assert_false(core_set_join(&set, &other));
    assert_true(core_set_join(&set, &other));
    core_set_format(&set, text, sizeof text);
    assert_string_equal(text, "0-8,62-65");
    assert_true(core_set_parse("", &set));
    assert_int_equal(core_set_count(&set), 0);
    static const char *const wrong[] = {"x", "3-1", "1-", "-1", "1,,2", "9999999", "1 2"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(core_set_parse(wrong[i], &set));
    }
}

static void describes_this_host(void **state)
{
    (void)state;
    struct message_hello hello = {0};
    struct core_set set;
    char host[128];
    host_describe(&hello);
    gethostname(host, sizeof host);
    assert_string_equal(hello.host, host);
    assert_int_equal(hello.pid, getpid());
    assert_true(core_set_parse(hello.cores, &set));
    assert_int_equal(core_set_count(&set), hello.cores_allowed);
    assert_in_range(hello.cores_allowed, 1, hello.hardware_threads);
    assert_in_range(hello.hardware_threads, 1, sysconf(_SC_NPROCESSORS_ONLN));
    host_raise_files();
    host_describe(&hello);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(limit.rlim_cur, limit.rlim_max);
    assert_int_equal(hello.files, limit.rlim_max == RLIM_INFINITY ? 0 : (int64_t)limit.rlim_max);
    assert_true(hello.memory_available > 0);
    assert_true(hello.memory_available <= sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_every_rank_and_owner),
        cmocka_unit_test(names_lesser_kernels),
        cmocka_unit_test(predicts_the_step),
        cmocka_unit_test(warns_of_each_trouble),
        cmocka_unit_test(stays_silent_where_all_is_well),
        cmocka_unit_test(reads_interface_lists),
        cmocka_unit_test(reads_and_writes_core_lists),
        cmocka_unit_test(describes_this_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
