/* Files on file systems that fail: the calls of the C library that this program defines itself fail when told to. */
#include "proto/file.h"
#include "tests/unit/proto_scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* The next `times` calls of this name, on a folder or on a plain file alone, fail with `number`. */
static struct {
    const char *call;
    int number, times;
    bool folder;
} fault;

static bool fails(const char *call, bool folder)
{
    if (fault.times == 0 || strcmp(fault.call, call) != 0 || fault.folder != folder) {
        return false;
    }
    fault.times--;
    errno = fault.number;
    return true;
}

static bool is_folder(int descriptor)
{
    struct stat info;
    return fstat(descriptor, &info) == 0 && S_ISDIR(info.st_mode);
}

int fsync(int descriptor)
{
    return fails("fsync", is_folder(descriptor)) ? -1 : (int)syscall(SYS_fsync, descriptor);
}

ssize_t read(int descriptor, void *bytes, size_t size)
{
    return fails("read", false) ? -1 : syscall(SYS_read, descriptor, bytes, size);
}

ssize_t write(int descriptor, const void *bytes, size_t size)
{
    return fails("write", false) ? -1 : syscall(SYS_write, descriptor, bytes, size);
}

int rename(const char *from, const char *to)
{
    return fails("rename", false) ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int mkdir(const char *path, mode_t mode)
{
    return fails("mkdir", true) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

static void arrange(const char *call, bool folder, int number, int times)
{
    fault.call = call;
    fault.folder = folder;
    fault.number = number;
    fault.times = times;
}

/* Every way of making a file last: the folder's sync that cannot be done is no failure, any other one is. */
static void test_syncs(void **state)
{
    static const struct {
        bool folder;
        int number;
        enum status status;
    } cases[] = {
        {true, EINVAL, STATUS_OK},       {true, ENOTSUP, STATUS_OK},       {true, EINTR, STATUS_OK},
        {true, EIO, STATUS_STORAGE},     {true, ENOSPC, STATUS_STORAGE},   {false, EINTR, STATUS_OK},
        {false, EINVAL, STATUS_STORAGE}, {false, ENOTSUP, STATUS_STORAGE}, {false, EIO, STATUS_STORAGE},
        {false, ENOSPC, STATUS_STORAGE}, {false, EDQUOT, STATUS_STORAGE},
    };
    struct place *place = *state;
    char from[512];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        arrange("fsync", cases[i].folder, cases[i].number, 1);
        assert_int_equal(file_write_atomic(under(place, "whole"), "x", 1, &error), cases[i].status);
        assert_int_equal(fault.times, 0);
        if (cases[i].status != STATUS_OK) {
            assert_non_null(strstr(error.what, strerror(cases[i].number)));
            assert_true(error.next[0] != '\0' && error.where[0] == '/');
        }
        assert_int_equal(access(under(place, "whole.tmp"), F_OK), -1);
        arrange("fsync", cases[i].folder, cases[i].number, 1);
        assert_int_equal(file_sync(cases[i].folder ? place->folder : under(place, "whole"), &error),
                         cases[i].status);
        arrange("fsync", false, 0, 0);
        assert_int_equal(file_write_atomic(under(place, "from"), "x", 1, &error), STATUS_OK);
        snprintf(from, sizeof from, "%s", place->path);
        arrange("fsync", true, cases[i].number, 1);
        assert_int_equal(file_rename(from, under(place, "to"), &error),
                         cases[i].folder ? cases[i].status
                         : cases[i].number == EINTR || cases[i].number == EINVAL || cases[i].number == ENOTSUP
                             ? STATUS_OK
                             : STATUS_STORAGE);
    }
}

/* A signal in the middle of reading or writing changes nothing; an error is told by its own name. */
static void test_reads_and_writes(void **state)
{
    struct place *place = *state;
    struct error error;
    char *bytes;
    size_t size;
    uint64_t length;
    uint32_t crc;
    arrange("write", false, EINTR, 3);
    assert_int_equal(file_write_atomic(under(place, "nine"), "123456789", 9, &error), STATUS_OK);
    arrange("read", false, EINTR, 3);
    assert_int_equal(file_crc(place->path, FILE_LINKS_REFUSED, &length, &crc, &error), STATUS_OK);
    assert_true(length == 9 && crc == 0xcbf43926);
    arrange("read", false, EINTR, 3);
    assert_int_equal(file_read(place->path, 9, &bytes, &size, &error), STATUS_OK);
    assert_string_equal(bytes, "123456789");
    free(bytes);
    arrange("read", false, EIO, 1);
    assert_int_equal(file_crc(place->path, FILE_LINKS_REFUSED, &length, &crc, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, strerror(EIO)));
    arrange("read", false, ESTALE, 1);
    assert_int_equal(file_read(place->path, 9, &bytes, &size, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, strerror(ESTALE)));
    arrange("write", false, ENOSPC, 1);
    assert_int_equal(file_write_atomic(place->path, "new", 3, &error), STATUS_STORAGE);
    assert_non_null(strstr(error.what, strerror(ENOSPC)));
    arrange("rename", false, EIO, 1);
    assert_int_equal(file_write_atomic(place->path, "new", 3, &error), STATUS_STORAGE);
    assert_non_null(strstr(error.what, strerror(EIO)));
    assert_int_equal(file_read(place->path, 9, &bytes, &size, &error), STATUS_OK);
    assert_string_equal(bytes, "123456789");
    free(bytes);
}

/* The folder's error is that of making it, not of the look at what stands there instead. */
static void test_folders(void **state)
{
    static const int numbers[] = {ENOSPC, EROFS, EDQUOT, EACCES, EIO};
    struct place *place = *state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct error error = {0};
        int depth = 1;
        for (const char *c = place->folder + 1; *c != '\0'; c++) {
            depth += *c == '/';
        }
        /* Those above are there: that they could not be made is no error. */
        arrange("mkdir", true, numbers[i], depth);
        assert_int_equal(file_make_directory(place->folder, &error), STATUS_OK);
        arrange("mkdir", true, numbers[i], depth + 1);
        assert_int_equal(file_make_directory(under(place, "new/deep"), &error), STATUS_STORAGE);
        assert_non_null(strstr(error.what, strerror(numbers[i])));
        assert_string_equal(error.where, under(place, "new"));
    }
    arrange("", false, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_syncs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reads_and_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folders, set_up, tear_down)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
