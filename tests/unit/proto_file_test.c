/* Files written whole or not at all, and read with a bound. */
#include "proto/file.h"
#include "tests/unit/proto_scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_atomic_write_and_read(void **state)
{
    struct place *place = *state;
    const char *path = under(place, "text");
    char temporary[600], *bytes;
    size_t size;
    struct error error;
    assert_int_equal(file_write_atomic(path, "one", 3, &error), STATUS_OK);
    assert_int_equal(file_write_atomic(path, "t\0wo", 4, &error), STATUS_OK);
    assert_int_equal(file_read(path, 4, &bytes, &size, &error), STATUS_OK);
    assert_int_equal(size, 4);
    assert_memory_equal(bytes, "t\0wo", 5);
    free(bytes);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    assert_int_equal(access(temporary, F_OK), -1);
}

static void test_read_is_bounded(void **state)
{
    struct place *place = *state;
    const char *path = under(place, "sizes");
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8192, 100000};
    struct error error;
    char *content = malloc(100000), *bytes;
    size_t got;
    for (size_t i = 0; i < 100000; i++) {
        content[i] = (char)(i * 7);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(file_write_atomic(path, content, sizes[i], &error), STATUS_OK);
        assert_int_equal(file_read(path, sizes[i], &bytes, &got, &error), STATUS_OK);
        assert_int_equal(got, sizes[i]);
        assert_memory_equal(bytes, content, got);
        assert_int_equal(bytes[got], '\0');
        free(bytes);
        if (sizes[i] > 0) {
            assert_int_equal(file_read(path, sizes[i] - 1, &bytes, &got, &error), STATUS_DATA);
        }
    }
    free(content);
    assert_int_equal(file_read(under(place, "absent"), 10, &bytes, &got, &error), STATUS_DATA);
    assert_non_null(strstr(error.where, "absent"));
    assert_int_equal(file_read(place->folder, 10, &bytes, &got, &error), STATUS_DATA);
}

static void test_failed_write_keeps_what_was_there(void **state)
{
    struct place *place = *state;
    char path[512], temporary[600], *bytes;
    size_t size;
    struct error error;
    struct rlimit before, small;
    char *large = calloc(1, 100000);
    snprintf(path, sizeof path, "%s", under(place, "kept"));
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    assert_int_equal(file_write_atomic(path, "old", 3, &error), STATUS_OK);
    /* A limit on the size of files stands for a disk that fills up in the middle. */
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 5000;
    setrlimit(RLIMIT_FSIZE, &small);
    enum status status = file_write_atomic(path, large, 100000, &error);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, STATUS_STORAGE);
    assert_int_equal(file_read(path, 100, &bytes, &size, &error), STATUS_OK);
    assert_string_equal(bytes, "old");
    assert_int_equal(access(temporary, F_OK), -1);
    free(bytes);
    free(large);
}

static void test_full_disk_is_named(void **state)
{
    struct error error;
    (void)state;
    int full = open("/dev/full", O_WRONLY);
    if (full < 0) {
        skip();
    }
    assert_int_equal(file_write_all(full, "x", 1, "/dev/full", &error), STATUS_STORAGE);
    close(full);
    assert_non_null(strstr(error.what, "no space"));
    assert_string_equal(error.where, "/dev/full");
    assert_true(error.next[0] != '\0');
    file_storage_error(&error, "a", "writing", EIO);
    assert_null(strstr(error.what, "no space"));
}

static void test_directories(void **state)
{
    struct place *place = *state;
    struct error error;
    struct stat info;
    const char *deep = under(place, "a/b//c/");
    assert_int_equal(file_make_directory(deep, &error), STATUS_OK);
    assert_int_equal(stat(deep, &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    assert_int_equal(file_make_directory(deep, &error), STATUS_OK);
    assert_int_equal(file_sync(deep, &error), STATUS_OK);
    assert_int_equal(file_write_atomic(under(place, "plain"), "x", 1, &error), STATUS_OK);
    assert_int_equal(file_make_directory(under(place, "plain/below"), &error), STATUS_STORAGE);
    assert_int_equal(file_sync(under(place, "absent"), &error), STATUS_STORAGE);
    assert_int_equal(file_write_atomic(under(place, "absent/x"), "x", 1, &error), STATUS_STORAGE);
}

/* A file that stands where the folder should be is told here, not by whoever writes into it later. */
static void test_directory_that_is_a_file(void **state)
{
    struct place *place = *state;
    struct error error;
    assert_int_equal(file_write_atomic(under(place, "taken"), "x", 1, &error), STATUS_OK);
    assert_int_equal(file_make_directory(under(place, "taken"), &error), STATUS_STORAGE);
}

/* What links lead to, in a folder that anyone can write to. */
static void make_shared_folder(struct place *place, char *shared, size_t size)
{
    snprintf(shared, size, "%s/shared", place->folder);
    assert_int_equal(mkdir(shared, 0777), 0);
    assert_int_equal(chmod(shared, 0777), 0);
}

static void make_link(const char *folder, const char *name, const char *target)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(symlink(target, path), 0);
}

static void refused(const char *folder, const char *name)
{
    char path[600];
    struct error error;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_refuse_links(path, &error), STATUS_STORAGE);
    assert_non_null(strstr(error.what, "symbolic link in a folder that anyone can write to"));
    assert_true(error.next[0] != '\0');
}

static void test_links_in_shared_folders_are_refused(void **state)
{
    struct place *place = *state;
    char shared[300], path[600];
    struct error error;
    int descriptor;
    make_shared_folder(place, shared, sizeof shared);
    assert_int_equal(file_make_directory(under(place, "own"), &error), STATUS_OK);
    make_link(shared, "away", under(place, "own"));
    make_link(shared, "relative", "../own");
    make_link(place->folder, "through", "shared/away");
    make_link(place->folder, "loop", "loop");
    refused(shared, "away");
    refused(shared, "away/below/file");
    refused(shared, "relative/file");
    refused(place->folder, "through/file");
    assert_int_equal(file_refuse_links(under(place, "loop/x"), &error), STATUS_STORAGE);
    snprintf(path, sizeof path, "%s/away/file", shared);
    assert_int_equal(file_write_atomic(path, "x", 1, &error), STATUS_STORAGE);
    assert_int_equal(file_append(path, &descriptor, &error), STATUS_STORAGE);
    assert_int_equal(file_make_directory(path, &error), STATUS_STORAGE);
    assert_int_equal(access(under(place, "own/file"), F_OK), -1);
}

/* In a sticky folder, where no one can exchange another's links, the user's own are followed, and the folder's
 * owner's; others' are not. */
static void test_own_links_in_sticky_folders_are_followed(void **state)
{
    struct place *place = *state;
    char shared[300], path[600];
    struct error error;
    make_shared_folder(place, shared, sizeof shared);
    assert_int_equal(chmod(shared, 01777), 0);
    assert_int_equal(file_make_directory(under(place, "own"), &error), STATUS_OK);
    make_link(shared, "me", "../own");
    snprintf(path, sizeof path, "%s/me/file", shared);
    assert_int_equal(file_write_atomic(path, "x", 1, &error), STATUS_OK);
    assert_int_equal(access(under(place, "own/file"), F_OK), 0);
    snprintf(path, sizeof path, "%s/me", shared);
    if (lchown(path, 65534, 65534) == 0) { /* root alone gives away */
        refused(shared, "me/file");
        assert_int_equal(chown(shared, 65534, 65534), 0);
        snprintf(path, sizeof path, "%s/me/file", shared);
        assert_int_equal(file_refuse_links(path, &error), STATUS_OK);
    }
}

static void test_own_links_are_followed(void **state)
{
    struct place *place = *state;
    char shared[300], path[600], *bytes;
    size_t size;
    struct error error;
    make_shared_folder(place, shared, sizeof shared);
    assert_int_equal(file_make_directory(under(place, "own"), &error), STATUS_OK);
    make_link(place->folder, "data", "own");
    make_link(place->folder, "scratch", shared);
    assert_int_equal(file_write_atomic(under(place, "data/file"), "x", 1, &error), STATUS_OK);
    assert_int_equal(file_write_atomic(under(place, "scratch/file"), "y", 1, &error), STATUS_OK);
    snprintf(path, sizeof path, "%s/file", shared);
    assert_int_equal(file_read(path, 10, &bytes, &size, &error), STATUS_OK);
    assert_string_equal(bytes, "y");
    free(bytes);
}

/* Another's link where a file is to be is not followed, nor one under the file's temporary name. */
static void test_files_are_made_anew(void **state)
{
    struct place *place = *state;
    char shared[300], path[600], *bytes;
    size_t size;
    struct error error;
    struct stat info;
    make_shared_folder(place, shared, sizeof shared);
    assert_int_equal(file_write_atomic(under(place, "victim"), "old", 3, &error), STATUS_OK);
    make_link(shared, "file", under(place, "victim"));
    make_link(shared, "file.tmp", under(place, "victim"));
    snprintf(path, sizeof path, "%s/file", shared);
    assert_int_equal(file_write_atomic(path, "new", 3, &error), STATUS_STORAGE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(file_write_atomic(path, "new", 3, &error), STATUS_OK);
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISREG(info.st_mode));
    assert_int_equal(file_read(under(place, "victim"), 10, &bytes, &size, &error), STATUS_OK);
    assert_string_equal(bytes, "old");
    free(bytes);
}

static void test_files_have_the_users_mask(void **state)
{
    struct place *place = *state;
    struct error error;
    struct stat info;
    int descriptor;
    const mode_t mask = umask(027);
    assert_int_equal(file_write_atomic(under(place, "whole"), "x", 1, &error), STATUS_OK);
    assert_int_equal(stat(place->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    assert_int_equal(file_append(under(place, "log"), &descriptor, &error), STATUS_OK);
    close(descriptor);
    assert_int_equal(stat(place->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    assert_int_equal(file_make_directory(under(place, "folder"), &error), STATUS_OK);
    assert_int_equal(stat(place->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0750);
    umask(mask);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_atomic_write_and_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failed_write_keeps_what_was_there, set_up, tear_down),
        cmocka_unit_test(test_full_disk_is_named),
        cmocka_unit_test_setup_teardown(test_directories, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_directory_that_is_a_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_links_in_shared_folders_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_own_links_in_sticky_folders_are_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_own_links_are_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_are_made_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_have_the_users_mask, set_up, tear_down)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
