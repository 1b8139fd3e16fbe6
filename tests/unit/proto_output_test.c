/* Outputs: what is no plain file stays what it is. */
#include "proto/output.h"
#include "tests/unit/proto_scratch.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void holds(const char *path, const char *expected)
{
    char *bytes;
    size_t size;
    struct error error;
    assert_int_equal(file_read(path, 100, &bytes, &size, &error), STATUS_OK);
    assert_string_equal(bytes, expected);
    free(bytes);
}

static mode_t kind(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 ? info.st_mode & S_IFMT : 0;
}

static void test_links_stay_links(void **state)
{
    struct place *place = *state;
    struct error error;
    struct output output;
    char target[512];
    assert_int_equal(mkdir(under(place, "folder"), 0777), 0);
    assert_int_equal(symlink("folder/file", under(place, "link")), 0);
    assert_int_equal(symlink("link", under(place, "again")), 0);
    snprintf(target, sizeof target, "%s/folder/file", place->folder);
    /* At first the link leads to nothing. */
    assert_int_equal(file_write_atomic(under(place, "again"), "one", 3, &error), STATUS_OK);
    assert_int_equal(kind(place->path), S_IFLNK);
    holds(target, "one");
    assert_int_equal(file_write_atomic(under(place, "link"), "two", 3, &error), STATUS_OK);
    assert_int_equal(kind(place->path), S_IFLNK);
    holds(target, "two");
    /* What fails leaves both. */
    assert_int_equal(output_open(&output, place->path, &error), STATUS_OK);
    assert_int_equal(output_close(&output, STATUS_DATA, &error), STATUS_DATA);
    assert_int_equal(kind(place->path), S_IFLNK);
    holds(target, "two");
    assert_int_equal(kind(under(place, "folder/file.tmp")), 0);
}

static void test_pipes_are_written_to(void **state)
{
    struct place *place = *state;
    struct error error;
    struct output output;
    char got[16] = "";
    assert_int_equal(mkfifo(under(place, "pipe"), 0666), 0);
    pid_t child = fork();
    if (child == 0) {
        _exit(file_write_atomic(place->path, "through", 7, NULL) == STATUS_OK ? 0 : 1);
    }
    int status, reader = open(place->path, O_RDONLY);
    assert_int_equal(read(reader, got, sizeof got - 1), 7);
    close(reader);
    assert_string_equal(got, "through");
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(kind(place->path), S_IFIFO);
    assert_int_equal(output_prepare(&output, place->path, &error), STATUS_USAGE);
    assert_non_null(strstr(error.what, "device or a pipe"));
    assert_int_equal(output_close(&output, STATUS_USAGE, &error), STATUS_USAGE);
    assert_int_equal(kind(place->path), S_IFIFO);
}

static void test_devices_are_written_to(void **state)
{
    struct place *place = *state;
    struct error error;
    assert_int_equal(file_write_atomic("/dev/null", "x", 1, &error), STATUS_OK);
    assert_int_equal(kind("/dev/null"), S_IFCHR);
    assert_int_equal(symlink("/dev/null", under(place, "nothing")), 0);
    assert_int_equal(file_write_atomic(place->path, "x", 1, &error), STATUS_OK);
    assert_int_equal(kind(place->path), S_IFLNK);
    assert_int_equal(file_write_atomic("/dev/full", "x", 1, &error), STATUS_STORAGE);
    assert_non_null(strstr(error.what, "no space left"));
}

/* A folder, and what has the temporary name and is no plain file, stay. */
static void test_what_is_in_the_way_stays(void **state)
{
    struct place *place = *state;
    struct error error;
    struct output output;
    assert_int_equal(mkdir(under(place, "folder"), 0777), 0);
    assert_int_equal(file_write_atomic(place->path, "x", 1, &error), STATUS_STORAGE);
    assert_int_equal(mkfifo(under(place, "file.tmp"), 0666), 0);
    assert_int_equal(file_write_atomic(under(place, "file"), "x", 1, &error), STATUS_STORAGE);
    assert_int_equal(output_prepare(&output, place->path, &error), STATUS_STORAGE);
    assert_int_equal(output_close(&output, STATUS_STORAGE, &error), STATUS_STORAGE);
    assert_int_equal(kind(under(place, "file.tmp")), S_IFIFO);
    assert_int_equal(kind(under(place, "folder")), S_IFDIR);
}

static void test_what_was_printed_is_written_whole_or_not_at_all(void **state)
{
    struct place *place = *state;
    const char *path = under(place, "printed");
    struct error error;
    char *text = NULL, *none = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    fprintf(stream, "%d lines", 3);
    assert_int_equal(file_write_printed(path, stream, &text, &size, &error), STATUS_OK);
    assert_null(text);
    assert_int_equal(file_write_printed(path, NULL, &none, &size, &error), STATUS_INTERNAL);
    holds(path, "3 lines");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_links_stay_links, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pipes_are_written_to, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_devices_are_written_to, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_in_the_way_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_printed_is_written_whole_or_not_at_all, set_up,
                                        tear_down)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
