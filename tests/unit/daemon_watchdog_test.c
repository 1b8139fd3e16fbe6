/* daemon/rank/watchdog.h over the loopback interface, and its datagrams. */
#include "daemon/rank/watchdog.h"
#include "proto/message.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void pause_for(double seconds)
{
    nanosleep(&(struct timespec){.tv_sec = (time_t)seconds,
                                 .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)},
              NULL);
}

static void test_packet(void **state)
{
    (void)state;
    unsigned char nonce[WATCHDOG_NONCE_SIZE] = "0123456789abcde";
    unsigned char bytes[WATCHDOG_PACKET_SIZE];
    struct watchdog_packet packet = {.kind = WATCHDOG_HEARTBEAT,
                                     .rank = 3,
                                     .answered = 1,
                                     .progress = UINT64_C(1) << 40,
                                     .sign = {.step = INT64_C(5000000000),
                                              .phase = PHASE_BACKWARD,
                                              .waiting = WAITING_FILE,
                                              .asked = 1,
                                              .work = 17,
                                              .file_seconds = 2.5,
                                              .file = "data/a-00003.h5"}};
    struct watchdog_packet read = {0};
    watchdog_packet_encode(&packet, nonce, bytes);
    assert_true(watchdog_packet_decode(bytes, sizeof bytes, nonce, &read));
    assert_int_equal(read.rank, 3);
    assert_int_equal(read.sign.step, INT64_C(5000000000));
    assert_int_equal(read.sign.phase, PHASE_BACKWARD);
    assert_int_equal(read.answered, 1);
    assert_true(read.progress == UINT64_C(1) << 40 && read.sign.work == 17);
    assert_int_equal(read.sign.waiting, WAITING_FILE);
    assert_int_equal(read.sign.asked, 1);
    assert_true(read.sign.file_seconds == 2.5);
    assert_string_equal(read.sign.file, "data/a-00003.h5");

    assert_false(watchdog_packet_decode(bytes, sizeof bytes - 1, nonce, &read));
    nonce[3] ^= 1;
    assert_false(watchdog_packet_decode(bytes, sizeof bytes, nonce, &read));
    nonce[3] ^= 1;
    bytes[0] ^= 1;
    assert_false(watchdog_packet_decode(bytes, sizeof bytes, nonce, &read));
    packet.kind = 99;
    watchdog_packet_encode(&packet, nonce, bytes);
    assert_false(watchdog_packet_decode(bytes, sizeof bytes, nonce, &read));
}

/* Looks until the worker has been heard to be in this step, or fails after 20 seconds. */
static void wait_for_step(struct watchdog *coordinator, int64_t step, struct watchdog_heartbeat *heartbeat)
{
    for (int i = 0; i < 400; i++) {
        watchdog_look(coordinator, 0, heartbeat);
        if (heartbeat->heard && heartbeat->answered && heartbeat->sign.step == step) {
            return;
        }
        pause_for(0.05);
    }
    fail_msg("the worker's step %lld was never heard of", (long long)step);
}

static void test_hears(void **state)
{
    (void)state;
    struct watchdog *coordinator, *worker;
    struct watchdog_address address;
    struct watchdog_heartbeat heartbeat;
    struct error error;
    assert_int_equal(watchdog_create_coordinator(2, 4, &address, &coordinator, &error), STATUS_OK);
    assert_true(address.port != 0);
    assert_int_equal(watchdog_create_worker(1, 4, &address, &worker, &error), STATUS_OK);
    watchdog_progress(worker, &(struct message_heartbeat){.step = 12, .phase = PHASE_EXCHANGE});
    wait_for_step(coordinator, 12, &heartbeat);
    assert_int_equal(heartbeat.sign.phase, PHASE_EXCHANGE);

    /* The process answers, the main thread only waits: */
    for (int i = 0; i < 30; i++) {
        watchdog_progress(coordinator, &(struct message_heartbeat){.step = 12});
        watchdog_progress(worker, &(struct message_heartbeat){
                                      .step = 13, .phase = PHASE_EXCHANGE, .waiting = WAITING_WORKERS});
        pause_for(0.1);
    }
    wait_for_step(coordinator, 13, &heartbeat);
    assert_int_equal(heartbeat.sign.waiting, WAITING_WORKERS);
    assert_true(heartbeat.stuck < 2);
    /* and then does nothing: */
    pause_for(3);
    watchdog_look(coordinator, 0, &heartbeat);
    assert_true(heartbeat.stuck > 2 && heartbeat.silent < heartbeat.stuck);

    watchdog_look(coordinator, 1, &heartbeat);
    assert_false(heartbeat.heard);
    watchdog_close(worker);
    watchdog_close(coordinator);
}

/* A datagram of the right form without the run's nonce changes nothing. */
static void test_ignores_strangers(void **state)
{
    (void)state;
    struct watchdog *coordinator;
    struct watchdog_address address;
    struct watchdog_heartbeat heartbeat;
    struct error error;
    unsigned char bytes[WATCHDOG_PACKET_SIZE], nonce[WATCHDOG_NONCE_SIZE] = "not the run's";
    struct watchdog_packet packet = {
        .kind = WATCHDOG_HEARTBEAT, .rank = 1, .answered = 1, .sign = {.step = 5}};
    assert_int_equal(watchdog_create_coordinator(1, 4, &address, &coordinator, &error), STATUS_OK);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = address.port};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int stranger = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(stranger >= 0);
    watchdog_packet_encode(&packet, nonce, bytes);
    assert_int_equal(sendto(stranger, bytes, sizeof bytes, 0, (const struct sockaddr *)&to, sizeof to),
                     sizeof bytes);
    packet.rank = 7; /* the nonce, but no such rank */
    watchdog_packet_encode(&packet, address.nonce, bytes);
    assert_int_equal(sendto(stranger, bytes, sizeof bytes, 0, (const struct sockaddr *)&to, sizeof to),
                     sizeof bytes);
    pause_for(0.5);
    watchdog_look(coordinator, 0, &heartbeat);
    assert_false(heartbeat.heard);
    packet.rank = 1;
    watchdog_packet_encode(&packet, address.nonce, bytes);
    assert_int_equal(sendto(stranger, bytes, sizeof bytes, 0, (const struct sockaddr *)&to, sizeof to),
                     sizeof bytes);
    wait_for_step(coordinator, 5, &(struct watchdog_heartbeat){0});
    close(stranger);
    watchdog_close(coordinator);
}

/* A child process as a worker of this coordinator, its main thread in a wait that never ends. */
static pid_t start_worker(const struct watchdog_address *address)
{
    pid_t child = fork();
    if (child == 0) {
        struct watchdog *worker;
        struct error error;
        if (!freopen("/dev/null", "w", stderr) ||
            watchdog_create_worker(1, 1, address, &worker, &error) != STATUS_OK) {
            _exit(99);
        }
        pause_for(30);
        _exit(98);
    }
    return child;
}

static int exit_code_of(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void wait_until_heard(struct watchdog *coordinator)
{
    struct watchdog_heartbeat heartbeat = {0};
    for (int i = 0; i < 400 && !(heartbeat.heard && heartbeat.answered); i++) {
        pause_for(0.05);
        watchdog_look(coordinator, 0, &heartbeat);
    }
    assert_true(heartbeat.answered);
}

static void test_worker_ends_without_coordinator(void **state)
{
    (void)state;
    struct watchdog *coordinator;
    struct watchdog_address address;
    struct error error;
    assert_int_equal(watchdog_create_coordinator(1, 1, &address, &coordinator, &error), STATUS_OK);
    pid_t child = start_worker(&address);
    wait_until_heard(coordinator);
    watchdog_close(coordinator);
    assert_int_equal(exit_code_of(child), STATUS_LOST);
}

/* A coordinator that never was heard is not missed: a firewall must not end a healthy run. */
static void test_unheard_coordinator_is_not_judged(void **state)
{
    (void)state;
    struct watchdog_address address = {.count = 0, .port = htons(9)};
    pid_t child = start_worker(&address);
    pause_for(4);
    assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
    kill(child, SIGKILL);
    assert_int_equal(exit_code_of(child), -1);
}

static void test_worker_ends_with_its_parent(void **state)
{
    (void)state;
    struct watchdog_address address = {.count = 0};
    int channel[2];
    char byte;
    assert_int_equal(pipe(channel), 0);
    pid_t parent = fork();
    if (parent == 0) {
        start_worker(&address); /* it holds the pipe's end open for as long as it lives */
        pause_for(1);
        _exit(0);
    }
    close(channel[1]);
    assert_int_equal(exit_code_of(parent), 0);
    double left = 20;
    time_t begin = time(NULL);
    assert_int_equal(read(channel[0], &byte, 1), 0);
    assert_true(difftime(time(NULL), begin) < left);
    close(channel[0]);
}

static void test_ending_is_bounded(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct watchdog *worker;
        struct watchdog_address address = {.count = 0};
        struct error error;
        if (watchdog_create_worker(1, 1, &address, &worker, &error) != STATUS_OK) {
            _exit(99);
        }
        watchdog_ending(worker, 75);
        pause_for(60);
        _exit(98);
    }
    assert_int_equal(exit_code_of(child), 75);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packet),
        cmocka_unit_test(test_hears),
        cmocka_unit_test(test_ignores_strangers),
        cmocka_unit_test(test_worker_ends_without_coordinator),
        cmocka_unit_test(test_unheard_coordinator_is_not_judged),
        cmocka_unit_test(test_worker_ends_with_its_parent),
        cmocka_unit_test(test_ending_is_bounded),
    };
    return cmocka_run_group_tests_name("daemon/watchdog", tests, NULL, NULL);
}
