/* shard/archive: tar archives as Python's tarfile writes them (tests/oracle/webdataset.py), and hostile ones; several files
 * by a pattern. */
#include "tests/unit/tar_scratch.h"

#include "shard/archive/file_pattern.h"
#include "shard/archive/tar.h"

#include <zlib.h>

/* What a scan saw. */
struct seen {
    struct tar_member members[16];
    char first[16]; /* letters: the first byte of each file */
    size_t count, torn;
    uint64_t begin, end; /* of what was torn last */
    struct error why;
};

static enum status see(void *context, struct tar_reader *reader, const struct tar_member *member,
                       struct error *error)
{
    struct seen *seen = context;
    char first = '-';
    enum status status = STATUS_OK;
    for (uint64_t from = 0; from < member->size && status == STATUS_OK; from++) {
        char byte;
        status = tar_read(reader, member, from, &byte, 1, error);
        first = from == 0 ? byte : first;
    }
    if (status == STATUS_OK) {
        assert_true(seen->count < 15);
        seen->first[seen->count] = first;
        seen->members[seen->count++] = *member;
    }
    return status;
}

static void see_torn(void *context, uint64_t begin, uint64_t end, const struct error *why)
{
    struct seen *seen = context;
    seen->torn++;
    seen->begin = begin;
    seen->end = end;
    seen->why = *why;
}

static enum status scan(const char *path, bool skip, struct seen *seen, struct error *error)
{
    const struct tar_visitor visitor = {see, skip ? see_torn : NULL, seen};
    struct tar_reader *reader;
    *seen = (struct seen){.count = 0};
    *error = (struct error){0};
    assert_int_equal(tar_open(path, &reader, error), STATUS_OK);
    enum status status = tar_scan(reader, &visitor, error);
    tar_close(reader);
    return status;
}

static void archives_of_python_are_read(void **state)
{
    static const char *const formats[] = {"ustar", "pax", "gnu"};
    struct seen seen;
    struct error error;
    char path[200];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "tests/oracle/archive/%s.tar", formats[i]);
        assert_int_equal(scan(path, false, &seen, &error), STATUS_OK);
        assert_int_equal(seen.count, i == 0 ? 5 : 6);
        assert_int_equal(seen.members[0].kind, TAR_FOLDER);
        assert_string_equal(seen.members[1].name, "train/1.jpg");
        assert_int_equal(seen.members[1].size, 900);
        assert_int_equal(strlen(seen.members[2].name), 155);
        assert_int_equal(seen.members[2].kind, TAR_FILE);
        assert_int_equal(seen.members[3].size, 0);
        assert_int_equal(seen.members[4].kind, TAR_OTHER);
        assert_memory_equal(seen.first, i == 0 ? "-ot--" : "-ot--t", i == 0 ? 5 : 6);
        if (i > 0) {
            assert_string_equal(seen.members[5].name + 150, ".\xc3\xa9.jpg");
            assert_int_equal(seen.members[5].size, 550);
        }
    }
    assert_int_equal(scan("tests/oracle/archive/packed.tar.gz", false, &seen, &error), STATUS_OK);
    assert_int_equal(seen.count, 3);
    assert_memory_equal(seen.first, "\0\1\2", 3);
    assert_int_equal(seen.members[2].size, 1002);
    assert_int_equal(seen.members[2].offset, 2 * (512 + 1024) + 512);
}

/* Three files, of which the second's header can be spoilt. */
static void three_files(struct archive *archive)
{
    *archive = (struct archive){.size = 0};
    put_text(archive, "a.jpg", "apple");
    put_text(archive, "b.jpg", "berry");
    put_text(archive, "c.jpg", "cherry");
}

static void assert_refused(const char *path, const char *what, uint64_t place)
{
    struct seen seen;
    struct error error;
    char where[64];
    snprintf(where, sizeof where, ", byte %llu", (unsigned long long)place);
    if (scan(path, false, &seen, &error) != STATUS_DATA || !strstr(error.what, what) ||
        !strstr(error.where, where) || !strstr(error.where, path)) {
        fail_msg("'%s' (%s) does not say '%s' (%s)", error.what, error.where, what, where);
    }
}

static void hostile_headers_are_named(void **state)
{
    static struct archive archive;
    const char *path = scratch_path(*state, "a.tar");
    three_files(&archive);
    archive.bytes[archive.place[1]] ^= 1;
    write_archive(&archive, path);
    assert_refused(path, "no header of a file", 1024);
    /* Sizes: beyond the file, beyond 63 bits in base 256, negative, no number. */
    static const uint8_t sizes[4][12] = {"77777777777", "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                                         "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", "1x"};
    for (int i = 0; i < 4; i++) {
        three_files(&archive);
        memcpy(archive.bytes + archive.place[1] + 124, sizes[i], 12);
        sum_header(archive.bytes + archive.place[1]);
        write_archive(&archive, path);
        assert_refused(path, i == 0 ? "ends within a file" : "no header of a file", 1024);
    }
    /* Extended headers. */
    static const struct {
        const char *text, *what;
        char type;
    } extended[] = {{"30 path=a.jpg\n", "extended header is damaged", 'x'},
                    {"3 \n", "extended header is damaged", 'x'},
                    {"99999999999999999999 path=a\n", "extended header is damaged", 'x'},
                    {"12 size=1x2\n", "extended header is damaged", 'x'},
                    {"28 size=18446744073709551615\n", "extended header is damaged", 'x'},
                    {"24 size=999999999999999\n", "ends within a file", 'x'},
                    {"8 path=\n", "a name is empty", 'x'},
                    {"22 GNU.sparse.major=1\n", "sparse", 'x'},
                    {"\0", "a name is empty", 'L'}};
    for (size_t i = 0; i < sizeof extended / sizeof *extended; i++) {
        archive = (struct archive){.size = 0};
        const size_t size = strlen(extended[i].text) + (extended[i].type == 'L');
        put_header(&archive, "extended", extended[i].type, size);
        put_bytes(&archive, extended[i].text, size);
        put_text(&archive, "a.jpg", "apple");
        write_archive(&archive, path);
        assert_refused(path, extended[i].what, 0);
    }
    static const char *const types = "xgLK";
    for (const char *type = types; *type; type++) {
        archive = (struct archive){.size = 0};
        put_header(&archive, "extended", *type, 077777777777);
        write_archive(&archive, path);
        assert_refused(path, "too large", 0);
    }
    archive = (struct archive){.size = 0};
    put_header(&archive, "holes", 'S', 0);
    write_archive(&archive, path);
    assert_refused(path, "sparse", 0);
}

static void cut_archives_are_named(void **state)
{
    static struct archive archive;
    const char *path = scratch_path(*state, "a.tar");
    struct seen seen;
    struct error error;
    three_files(&archive);
    scratch_write(path, archive.bytes, 2048 + 100);
    assert_refused(path, "within a header", 2048);
    scratch_write(path, archive.bytes, 2048 + 512 + 3);
    assert_refused(path, "within a file", 2048);
    /* What fills the last block up, and the marks of the end, may be missing. */
    scratch_write(path, archive.bytes, 2048 + 512 + 6);
    assert_int_equal(scan(path, false, &seen, &error), STATUS_OK);
    assert_int_equal(seen.count, 3);
    gzFile file = gzopen(path, "wb");
    gzwrite(file, archive.bytes, (unsigned)archive.size);
    gzclose(file);
    size_t size;
    uint8_t *bytes = scratch_read(path, &size);
    scratch_write(path, bytes, size - 12);
    free(bytes);
    assert_int_equal(scan(path, false, &seen, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "damaged or ends early"));
    assert_int_equal(scan(path, true, &seen, &error), STATUS_OK);
    assert_int_equal(seen.torn, 1);
}

/* Each kind of damage costs what it lies in. */
static void damage_is_passed_over(void **state)
{
    static struct archive archive;
    const char *path = scratch_path(*state, "a.tar");
    struct seen seen;
    struct error error;
    three_files(&archive);
    archive.bytes[archive.place[1]] ^= 1;
    write_archive(&archive, path);
    assert_int_equal(scan(path, true, &seen, &error), STATUS_OK);
    assert_int_equal(seen.count, 2);
    assert_memory_equal(seen.first, "ac", 2);
    assert_true(seen.torn == 1 && seen.begin == 1024 && seen.end == 2048);
    assert_non_null(strstr(seen.why.what, "no header"));
    /* Bytes that are lost move all that follows. */
    three_files(&archive);
    memmove(archive.bytes + 1100, archive.bytes + 1107, archive.size - 1107);
    archive.size -= 7;
    write_archive(&archive, path);
    assert_int_equal(scan(path, true, &seen, &error), STATUS_OK);
    assert_memory_equal(seen.first, "ac", 2);
    assert_true(seen.torn == 1 && seen.begin == 1024 && seen.end == 2041);
    /* The last file's end. */
    three_files(&archive);
    scratch_write(path, archive.bytes, 2048 + 512 + 3);
    assert_int_equal(scan(path, true, &seen, &error), STATUS_OK);
    assert_memory_equal(seen.first, "ab", 2);
    assert_true(seen.torn == 1 && seen.begin == 2048 && seen.end == 2048 + 512 + 3);
    /* Behind an extended header. */
    three_files(&archive);
    put_header(&archive, "long", 'L', 4);
    put_bytes(&archive, "name", 5);
    scratch_write(path, archive.bytes, archive.size);
    assert_int_equal(scan(path, true, &seen, &error), STATUS_OK);
    assert_true(seen.count == 3 && seen.torn == 1 && seen.begin == 3072 && seen.end == archive.size);
    /* No archive at all. */
    scratch_text(path, "no archive");
    assert_int_equal(scan(path, true, &seen, &error), STATUS_OK);
    assert_true(seen.count == 0 && seen.torn == 1);
}

static void bombs_are_refused(void **state)
{
    static uint8_t zeros[1 << 20];
    const char *path = scratch_path(*state, "bomb.tar.gz");
    struct seen seen;
    struct error error;
    gzFile file = gzopen(path, "wb1");
    for (int i = 0; i < 70; i++) {
        gzwrite(file, zeros, sizeof zeros);
    }
    gzclose(file);
    assert_int_equal(scan(path, false, &seen, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "more than 200 times"));
}

static void assert_files(const char *pattern, const char *joined)
{
    static const char *const endings[] = {".tar", ".tar.gz", NULL};
    struct name_list files = {0};
    struct error error = {0};
    char found[2000] = "";
    const enum status status = file_pattern_expand(pattern, endings, &files, &error);
    for (size_t i = 0; i < files.count && status == STATUS_OK; i++) {
        const char *slash = strrchr(files.names[i], '/');
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", found[0] ? " " : "", slash + 1);
    }
    name_list_free(&files);
    assert_string_equal(status == STATUS_OK ? found : error.what, joined);
}

static void patterns_name_files(void **state)
{
    static const char *const names[] = {"s-08.tar",    "s-09.tar", "s-10.tar",
                                        "s-11.tar.gz", "notes",    "a{1}.tar"};
    char pattern[1024];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        scratch_text(scratch_path(*state, names[i]), "");
    }
    const struct {
        const char *pattern, *files;
    } expected[] = {{"s-{08..10}.tar", "s-08.tar s-09.tar s-10.tar"},
                    {"s-{11..10}.tar*", "s-11.tar.gz s-10.tar"},
                    {"s-{10,08}.tar", "s-10.tar s-08.tar"},
                    {"s-{0{8,9},1{0.tar,1.tar.g}}*", "s-08.tar s-09.tar s-10.tar s-11.tar.gz"},
                    {"s-*.tar", "s-08.tar s-09.tar s-10.tar"},
                    {"s-0[89].tar", "s-08.tar s-09.tar"},
                    {"a{1}.tar", "a{1}.tar"},
                    {"", "a{1}.tar s-08.tar s-09.tar s-10.tar s-11.tar.gz"},
                    {"s-{08..12}.tar", "there is no such file"},
                    {"t-*.tar", "there is no such file"},
                    {"s-{08,0*}.tar", "the file is named twice"},
                    {"s-{0..999999}.tar", "there are more than 100000 files"}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        snprintf(pattern, sizeof pattern, "%s", scratch_path(*state, expected[i].pattern));
        assert_files(pattern, expected[i].files);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(archives_of_python_are_read), TEST(hostile_headers_are_named), TEST(cut_archives_are_named),
        TEST(damage_is_passed_over),       TEST(bombs_are_refused),         TEST(patterns_name_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
