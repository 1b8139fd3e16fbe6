/* One owner of a folder: refused, taken over, lost. */
#include "proto/folder_lock.h"
#include "tests/unit/proto_scratch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* Short, so that the tests are; nothing below depends on how long a step takes. */
#define STALE_SECONDS 0.6
#define CONTENDERS 8

static int waits; /* that were told */

static void count_wait(const char *text)
{
    assert_non_null(strstr(text, "waiting"));
    waits++;
}

static enum status take(const char *folder, double stale, struct folder_lock **lock, char *warning,
                        struct error *error)
{
    const struct folder_claim claim = {
        .folder = folder, .next = "choose another folder", .stale_seconds = stale, .tell = count_wait};
    return folder_lock_take(&claim, lock, warning, 512, error);
}

static void has_one_owner(void **state)
{
    struct place *place = *state;
    struct folder_lock *lock, *second;
    struct folder_owner owner;
    struct error error;
    char warning[512], line[1400], pid[32], host[128] = "";
    setenv("SLURM_JOB_ID", "4711", 1);
    assert_int_equal(take(place->folder, 1000, &lock, warning, &error), STATUS_OK);
    unsetenv("SLURM_JOB_ID");
    assert_string_equal(warning, "");
    assert_int_equal(folder_owner_read(place->folder, &owner, &error), STATUS_OK);
    gethostname(host, sizeof host - 1);
    assert_string_equal(owner.host, host);
    assert_string_equal(owner.job, "4711");
    assert_string_equal(owner.nonce, folder_lock_nonce(lock));
    assert_int_equal(owner.pid, getpid());
    assert_int_equal(take(place->folder, 1000, &second, warning, &error), STATUS_USAGE);
    assert_null(second);
    error_format(&error, line, sizeof line);
    snprintf(pid, sizeof pid, "pid %d,", (int)getpid());
    assert_non_null(strstr(line, host));
    assert_non_null(strstr(line, pid));
    assert_non_null(strstr(line, "job 4711"));
    assert_non_null(strstr(line, " ago"));
    assert_non_null(strstr(line, "; choose another folder"));
    assert_int_equal(folder_lock_check(lock, &error), STATUS_OK);
    assert_false(folder_lock_is_lost(lock));
    folder_lock_release(lock);
    assert_int_equal(access(under(place, "lock"), F_OK), -1);
    assert_int_equal(rmdir(place->folder), 0); /* nothing else is left in it */
    assert_int_equal(mkdir(place->folder, 0777), 0);
}

/* A process that takes the folder, tells so, and then does as `rest` says. */
static pid_t start_owner(const char *folder, int told[2], int (*rest)(struct folder_lock *lock))
{
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct folder_lock *lock;
        char warning[512];
        struct error error;
        if (take(folder, STALE_SECONDS, &lock, warning, &error) != STATUS_OK || write(told[1], "+", 1) != 1) {
            _exit(99);
        }
        _exit(rest(lock));
    }
    char byte;
    assert_int_equal(read(told[0], &byte, 1), 1);
    return child;
}

static int leave_it(struct folder_lock *lock)
{
    (void)lock;
    return 0;
}

/* Until it is lost, as its own thread or the question itself finds. */
static int hold_it(struct folder_lock *lock)
{
    while (!folder_lock_is_lost(lock)) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    enum status status = folder_lock_check(lock, NULL);
    folder_lock_release(lock);
    return (int)status;
}

static int code_of(pid_t child)
{
    int code;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code));
    return WEXITSTATUS(code);
}

static void is_taken_over_at_once_from_the_dead(void **state)
{
    struct place *place = *state;
    struct folder_lock *lock;
    struct error error;
    char warning[512];
    int told[2];
    pid_t child = start_owner(place->folder, told, leave_it);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0); /* a zombie is dead enough */
    /* By the heartbeat it would be alive for days. */
    assert_int_equal(take(place->folder, 1e6, &lock, warning, &error), STATUS_OK);
    assert_non_null(strstr(warning, "taken over"));
    assert_int_equal(code_of(child), 0);
    folder_lock_release(lock);
}

static void is_lost_by_an_owner_that_stood_still(void **state)
{
    struct place *place = *state;
    struct folder_lock *lock;
    struct error error;
    char warning[512];
    int told[2];
    pid_t child = start_owner(place->folder, told, hold_it);
    assert_int_equal(kill(child, SIGSTOP), 0);
    enum status status;
    do { /* refused for as long as it may only be slow */
        status = take(place->folder, STALE_SECONDS, &lock, warning, &error);
    } while (status == STATUS_USAGE);
    assert_int_equal(status, STATUS_OK);
    assert_non_null(strstr(warning, "taken over"));
    assert_int_equal(kill(child, SIGCONT), 0);
    assert_int_equal(code_of(child), STATUS_LOST);
    assert_int_equal(folder_lock_check(lock, &error), STATUS_OK); /* it wrote and removed nothing of ours */
    folder_lock_release(lock);
}

/* Another system's process of the same number says nothing; its heartbeat does, whatever its clock. */
static void believes_heartbeats_of_other_hosts(void **state)
{
    struct place *place = *state;
    struct folder_lock *lock;
    struct error error;
    char warning[512];
    FILE *file = fopen(under(place, "lock"), "w");
    waits = 0;
    assert_non_null(file);
    fprintf(file,
            "dail_format: lock\nversion: 1\nhost: \"elsewhere\"\npid: %d\nstarted: 1\n"
            "processes: \"another/pid:[1]\"\nnonce: 0123456789abcdef\nheartbeat: 4000000000.000\n",
            (int)getpid());
    fclose(file);
    assert_int_equal(take(place->folder, STALE_SECONDS, &lock, warning, &error), STATUS_OK);
    assert_non_null(strstr(warning, "host elsewhere"));
    assert_int_equal(waits, 1);
    folder_lock_release(lock);
}

/* A process that is killed as soon as it writes a byte. */
static void take_and_die_writing(const char *folder)
{
    int code;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct folder_lock *lock;
        struct error error;
        char warning[512];
        signal(SIGXFSZ, SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, 0});
        take(folder, STALE_SECONDS, &lock, warning, &error);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFSIGNALED(code));
    assert_int_equal(WTERMSIG(code), SIGXFSZ);
}

/* Neither its lock nor what it wrote beside it is in anybody's way. */
static void has_no_owner_where_a_start_died_writing(void **state)
{
    struct place *place = *state;
    struct folder_lock *lock;
    struct error error;
    char warning[512];
    waits = 0;
    take_and_die_writing(place->folder);
    assert_int_equal(access(under(place, "lock"), F_OK), -1);
    assert_int_equal(take(place->folder, STALE_SECONDS, &lock, warning, &error), STATUS_OK);
    assert_string_equal(warning, "");
    assert_int_equal(waits, 0);
    folder_lock_release(lock);
    assert_int_equal(rmdir(place->folder), 0);
    assert_int_equal(mkdir(place->folder, 0777), 0);
}

/* As after a power cut. */
static void makes_way_where_a_lock_is_empty(void **state)
{
    struct place *place = *state;
    struct folder_lock *lock;
    struct error error;
    char warning[512];
    fclose(fopen(under(place, "lock"), "w"));
    assert_int_equal(folder_owner_read(place->folder, &(struct folder_owner){0}, &error), STATUS_DATA);
    assert_int_equal(take(place->folder, STALE_SECONDS, &lock, warning, &error), STATUS_OK);
    assert_non_null(strstr(warning, "has not told"));
    folder_lock_release(lock);
}

/* One that died while it took the folder over left its claim beside the lock. */
static void makes_way_where_a_takeover_died(void **state)
{
    struct place *place = *state;
    struct folder_lock *lock;
    struct folder_owner owner;
    struct error error;
    char warning[512], claim[64];
    int told[2];
    assert_int_equal(code_of(start_owner(place->folder, told, leave_it)), 0);
    assert_int_equal(folder_owner_read(place->folder, &owner, &error), STATUS_OK);
    snprintf(claim, sizeof claim, "lock.%s", owner.nonce);
    fclose(fopen(under(place, claim), "w"));
    assert_int_equal(take(place->folder, 1e6, &lock, warning, &error), STATUS_OK);
    assert_int_equal(access(under(place, claim), F_OK), -1);
    folder_lock_release(lock);
}

/* All see the same owner that is gone; one gets the folder. */
static void is_taken_over_by_one_of_many(void **state)
{
    struct place *place = *state;
    pid_t parent = getpid();
    for (int round = 0; round < 20; round++) {
        int told[2], go[2], owners = 0;
        pid_t contenders[CONTENDERS];
        pid_t child = start_owner(place->folder, told, leave_it);
        assert_int_equal(code_of(child), 0);
        assert_int_equal(pipe(go), 0);
        for (int i = 0; i < CONTENDERS; i++) {
            contenders[i] = fork();
            assert_true(contenders[i] >= 0);
            if (contenders[i] == 0) {
                struct folder_lock *lock;
                struct error error;
                char warning[512], byte;
                close(go[1]);
                if (read(go[0], &byte, 1) != 0) {
                    _exit(99);
                }
                enum status status = take(place->folder, 1e6, &lock, warning, &error);
                /* Who took it holds it until the others have been refused. */
                if (status == STATUS_OK) {
                    while (getppid() == parent && access(under(place, "end"), F_OK) != 0 &&
                           folder_lock_check(lock, NULL) == STATUS_OK) {
                        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
                    }
                    status = folder_lock_check(lock, NULL);
                    folder_lock_release(lock);
                }
                _exit((int)status);
            }
        }
        close(go[0]);
        close(go[1]);
        for (int left = CONTENDERS; left > 1; left--) {
            int code;
            pid_t ended = waitpid(-1, &code, 0);
            assert_true(ended > 0);
            assert_int_equal(WEXITSTATUS(code), STATUS_USAGE);
            for (int i = 0; i < CONTENDERS; i++) {
                contenders[i] = contenders[i] == ended ? 0 : contenders[i];
            }
        }
        fclose(fopen(under(place, "end"), "w"));
        for (int i = 0; i < CONTENDERS; i++) {
            if (contenders[i] > 0) {
                assert_int_equal(code_of(contenders[i]), STATUS_OK);
                owners++;
            }
        }
        assert_int_equal(owners, 1);
        unlink(under(place, "end"));
        close(told[0]);
        close(told[1]);
    }
}

static void refuses_what_names_nobody(void **state)
{
    (void)state;
    struct folder_owner owner = {.host = "h", .pid = 1, .nonce = "0123456789abcdef"};
    assert_true(folder_owner_is_valid(&owner));
    owner.pid = 0;
    assert_false(folder_owner_is_valid(&owner));
    owner.pid = 1;
    owner.nonce[3] = 'x';
    assert_false(folder_owner_is_valid(&owner));
    owner.nonce[3] = '\0';
    assert_false(folder_owner_is_valid(&owner));
    assert_int_equal(folder_lock_check(NULL, NULL), STATUS_OK);
    assert_false(folder_lock_is_lost(NULL));
    assert_string_equal(folder_lock_nonce(NULL), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(has_one_owner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_taken_over_at_once_from_the_dead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_lost_by_an_owner_that_stood_still, set_up, tear_down),
        cmocka_unit_test_setup_teardown(believes_heartbeats_of_other_hosts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(has_no_owner_where_a_start_died_writing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(makes_way_where_a_lock_is_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(makes_way_where_a_takeover_died, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_taken_over_by_one_of_many, set_up, tear_down),
        cmocka_unit_test(refuses_what_names_nobody)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
