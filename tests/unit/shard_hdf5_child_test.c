/* The process that looks into HDF5 files: whatever becomes of it, the caller hears of it as an error. */
#include "tests/unit/shard_scratch.h"

#include "shard/hdf5/hdf5_child.h"
#include "shard/hdf5/hdf5_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* What is said of a child that is a shell script; its status. */
static enum status look_by(const char *script, struct error *error)
{
    char *arguments[] = {"sh", "-c", (char *)script, NULL};
    struct h5_child child = {.seconds = 10, .path = "a.h5"};
    struct h5_description *description;
    int null = open("/dev/null", O_RDONLY);
    assert_int_equal(h5_child_start("/bin/sh", arguments, null, &child, error), STATUS_OK);
    enum status status = h5_child_describe(&child, 0, &description, error);
    close(null);
    assert_true(!description == (status != STATUS_OK));
    assert_string_equal(error->where, "a.h5");
    h5_description_free(description);
    return status;
}

static void its_fate_is_told(void **state)
{
    static const struct {
        const char *script;
        enum status status;
        const char *words;
    } fates[] = {
        {"kill -SEGV $$", STATUS_DATA, "HDF5 crashed (signal 11)"},
        {"kill -ABRT $$", STATUS_DATA, "HDF5 crashed (signal 6)"},
        {"printf dail-h5; kill -SEGV $$", STATUS_DATA, "HDF5 crashed (signal 11)"},
        {"ulimit -S -t 1; while :; do :; done", STATUS_DATA, "still at them after 10 seconds"},
        {"exit 7", STATUS_DATA, "gave up (exit code 7)"},
        {"exit 0", STATUS_DATA, "no description"},
        {"echo Segmentation fault", STATUS_DATA, "no description"},
        {"while :; do echo 'more and more and more'; done", STATUS_DATA, "more in it than it can hold"},
        {"kill -KILL $$", STATUS_INTERNAL, "killed (signal 9)"},
    };
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++) {
        assert_int_equal(look_by(fates[i].script, &error), fates[i].status);
        if (!strstr(error.what, fates[i].words)) {
            fail_msg("'%s' is not in: %s", fates[i].words, error.what);
        }
    }
}

/* One that does not come back is ended, and what it said before does not count. */
static void it_has_a_deadline(void **state)
{
    static const char *const scripts[] = {"sleep 600", "echo dail-h5; sleep 600", "kill -STOP $$",
                                          "exec 1>&-; sleep 600"};
    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        char *arguments[] = {"sh", "-c", (char *)scripts[i], NULL};
        struct h5_child child = {.wall_seconds = 0.5, .path = "a.h5"};
        struct h5_description *description;
        struct error error;
        int null = open("/dev/null", O_RDONLY);
        assert_int_equal(h5_child_start("/bin/sh", arguments, null, &child, &error), STATUS_OK);
        assert_int_equal(h5_child_describe(&child, 0, &description, &error), STATUS_LOST);
        close(null);
        assert_null(description);
        assert_non_null(strstr(error.what, "has not come back"));
        assert_int_equal(kill(child.process, 0), -1);
    }
}

/* It has the file, and a way to say what is in it; signals are as they are at first. */
static void it_starts_with_nothing(void **state)
{
    struct error error;
    (void)state;
    struct h5_child child = {.path = "a.h5"};
    char *arguments[] = {"none", NULL};
    assert_int_equal(h5_child_start("/nowhere/none", arguments, 0, &child, &error), STATUS_INTERNAL);
    assert_non_null(strstr(error.what, "cannot start a process"));
    setenv("HDF5_PLUGIN_PATH", "/nowhere", 1);
    assert_int_equal(look_by("[ -z \"$HDF5_PLUGIN_PATH$HOME\" ] && exit 5", &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "exit code 5"));
    signal(SIGSEGV, SIG_IGN);
    assert_int_equal(look_by("kill -SEGV $$", &error), STATUS_DATA);
    signal(SIGSEGV, SIG_DFL);
    assert_non_null(strstr(error.what, "signal 11"));
}

/* Everything that a process taken over by a file might try, from within; the number of the first that succeeds, or 0. */
static int try_everything(const char *victim)
{
    char byte;
    if (open(victim, O_RDONLY) != 3 || pread(3, &byte, 1, 0) != 1 || byte != 'x') {
        return 100; /* the one file it is there for */
    }
    char *memory = malloc(1 << 20);
    if (!memory) {
        return 101;
    }
    memset(memory, 1, 1 << 20);
    free(memory);
    struct sockaddr_in address = {.sin_family = AF_INET};
    const bool done[] = {close(3) == 0,
                         dup2(0, 3) >= 0,
                         open(victim, O_RDONLY) >= 0,
                         open(victim, O_WRONLY) >= 0,
                         socket(AF_INET, SOCK_DGRAM, 0) >= 0,
                         sendto(1, &byte, 1, 0, (const struct sockaddr *)&address, sizeof address) >= 0,
                         unlink(victim) == 0,
                         rename(victim, "elsewhere") == 0,
                         mkdir("elsewhere", 0700) == 0,
                         chmod(victim, 0777) == 0,
                         truncate(victim, 0) == 0,
                         fork() >= 0,
                         execl("/bin/true", "true", NULL) == 0,
                         kill(getppid(), 0) == 0,
                         mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                             MAP_FAILED,
                         setrlimit(RLIMIT_CPU, &(struct rlimit){100, 100}) == 0,
                         ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0,
                         prctl(PR_SET_PDEATHSIG, 0) == 0};
    for (size_t i = 0; i < sizeof done; i++) {
        if (done[i]) {
            return (int)i + 1;
        }
    }
    return 0;
}

/* Its exit code tells which thing went wrong. */
static void ends_well(pid_t child)
{
    int fate;
    assert_int_equal(waitpid(child, &fate, 0), child);
    assert_true(WIFEXITED(fate));
    assert_int_equal(WEXITSTATUS(fate), 0);
}

static void it_can_do_nothing_else(void **state)
{
    const char *victim = scratch_path(*state, "victim");
    scratch_text(victim, "x");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        char why[256];
        _exit(h5_confine(10, why, sizeof why) ? try_everything(victim) : 102);
    }
    ends_well(child);
    assert_int_equal(access(victim, R_OK), 0);
}

/* Makes "/values", float32 [rows, 3] with values 0, 1, 2..., stored as `list` and `type` say. */
static void write_stored(const char *path, hid_t list, hid_t type, bool written)
{
    float values[30];
    for (int i = 0; i < 30; i++) {
        values[i] = (float)i;
    }
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(2, (const hsize_t[]){10, 3}, NULL);
    hid_t array = H5Dcreate2(file, "/values", type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    assert_true(array >= 0);
    if (written) {
        assert_true(H5Dwrite(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    }
    H5Dclose(array);
    H5Sclose(space);
    H5Fclose(file);
    H5Pclose(list);
}

/* This process and its children are refused a system call. */
static bool refuse(int call)
{
    struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

/* Where a limit cannot be set, nothing is read, and the file is not blamed. */
static void what_cannot_be_confined_is_told(void **state)
{
    const char *path = scratch_path(*state, "stored.h5");
    write_stored(path, H5Pcreate(H5P_DATASET_CREATE), H5T_IEEE_F32LE, true);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct h5_file file;
        struct error error = {0};
        if (!refuse(SYS_prctl)) {
            _exit(1);
        }
        enum status status = h5_open_file(path, &file, &error);
        _exit(status == STATUS_INTERNAL && strstr(error.what, "cannot confine") ? 0 : 2);
    }
    ends_well(child);
}

/* One that is tighter already stays. */
static void tighter_limits_stay(void **state)
{
    const char *path = scratch_path(*state, "stored.h5");
    write_stored(path, H5Pcreate(H5P_DATASET_CREATE), H5T_IEEE_F32LE, true);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct h5_file file;
        struct error error = {0};
        setrlimit(RLIMIT_CPU, &(struct rlimit){.rlim_cur = 5, .rlim_max = 5});
        prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE); /* root's own children are to be no better off */
        _exit(h5_open_file(path, &file, &error) == STATUS_OK ? 0 : 1);
    }
    ends_well(child);
}

/* Whole and by rows. */
static void assert_values(const char *path, bool written)
{
    struct h5_file file;
    struct h5_array array;
    struct error error;
    float values[30] = {-1}, rows[9] = {-1};
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_OK);
    assert_int_equal(
        h5_read_array(&file, "/values", H5_TYPE_F32, 2, (const uint64_t[]){10, 3}, values, &error),
        STATUS_OK);
    assert_int_equal(h5_open_array(&file, "/values", &array, &error), STATUS_OK);
    assert_int_equal(h5_read_rows(&array, 5, 3, rows, &error), STATUS_OK);
    for (int i = 0; i < 30; i++) {
        assert_true(values[i] == (written ? (float)i : 0));
    }
    assert_memory_equal(rows, values + 15, sizeof rows);
    h5_close_array(&array, NULL);
    h5_close_file(&file, NULL);
}

static hid_t chunked(hsize_t rows, hsize_t columns)
{
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 2, (const hsize_t[]){rows, columns});
    return list;
}

static void every_form_comes_back(void **state)
{
    const char *path = scratch_path(*state, "stored.h5");
    write_stored(path, H5Pcreate(H5P_DATASET_CREATE), H5T_IEEE_F32LE, true);
    assert_values(path, true);
    write_stored(path, H5Pcreate(H5P_DATASET_CREATE), H5T_IEEE_F32BE, true);
    assert_values(path, true);
    write_stored(path, H5Pcreate(H5P_DATASET_CREATE), H5T_IEEE_F32LE, false);
    assert_values(path, false);
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_layout(list, H5D_COMPACT);
    write_stored(path, list, H5T_IEEE_F32LE, true);
    assert_values(path, true);
    write_stored(path, chunked(4, 3), H5T_IEEE_F32LE, true);
    assert_values(path, true);
    write_stored(path, chunked(4, 2), H5T_IEEE_F32LE, true);
    assert_values(path, true);
    write_stored(path, chunked(4, 3), H5T_IEEE_F32LE, false);
    assert_values(path, false);
    list = chunked(4, 3);
    H5Pset_deflate(list, 1);
    write_stored(path, list, H5T_IEEE_F32LE, true);
    assert_values(path, true);
}

/* A compressed chunk whose bytes are damaged is found when it is read. */
static void what_cannot_be_decoded_is_told(void **state)
{
    struct h5_file file;
    struct error error;
    float values[30];
    size_t size;
    const char *path = scratch_path(*state, "stored.h5");
    hid_t list = chunked(10, 3);
    H5Pset_fletcher32(list);
    write_stored(path, list, H5T_IEEE_F32LE, true);
    uint8_t *bytes = scratch_read(path, &size);
    const float pattern[3] = {27, 28, 29};
    uint8_t *place = memmem(bytes, size, pattern, sizeof pattern);
    assert_non_null(place);
    scratch_flip(path, (size_t)(place - bytes));
    free(bytes);
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_OK);
    assert_int_equal(
        h5_read_array(&file, "/values", H5_TYPE_F32, 2, (const uint64_t[]){10, 3}, values, &error),
        STATUS_DATA);
    assert_non_null(strstr(error.what, "cannot read /values: HDF5 says '"));
    h5_close_file(&file, NULL);
}

/* A program may run with no standard input, and with SIGCHLD ignored. */
static void it_minds_no_surroundings(void **state)
{
    const char *path = scratch_path(*state, "stored.h5");
    hid_t list = chunked(4, 3);
    H5Pset_deflate(list, 1);
    write_stored(path, list, H5T_IEEE_F32LE, true);
    int input = dup(0);
    close(0);
    assert_values(path, true);
    if (input >= 0) {
        dup2(input, 0);
        close(input);
    }
    signal(SIGCHLD, SIG_IGN);
    assert_values(path, true);
    signal(SIGCHLD, SIG_DFL);
}

static void only_regular_files_are_opened(void **state)
{
    struct h5_file file;
    struct error error;
    const char *path = scratch_path(*state, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "no regular file"));
    assert_int_equal(h5_open_file(scratch_path(*state, "."), &file, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "no regular file"));
    h5_close_file(&file, NULL);
}

/* More groups than are looked at. */
static void a_crowd_is_refused(void **state)
{
    struct h5_file file;
    struct error error;
    char name[16];
    const char *path = scratch_path(*state, "crowd.h5");
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(list, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    hid_t id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, list);
    for (int i = 0; i < H5_OBJECTS_MAX; i++) {
        snprintf(name, sizeof name, "%d", i);
        H5Gclose(H5Gcreate2(id, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    }
    H5Fclose(id);
    H5Pclose(list);
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "more than 65536 groups and arrays"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(its_fate_is_told),         TEST(it_starts_with_nothing),
        TEST(it_can_do_nothing_else),   TEST(what_cannot_be_confined_is_told),
        TEST(tighter_limits_stay),      cmocka_unit_test(it_has_a_deadline),
        TEST(every_form_comes_back),    TEST(what_cannot_be_decoded_is_told),
        TEST(it_minds_no_surroundings), TEST(only_regular_files_are_opened),
        TEST(a_crowd_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
