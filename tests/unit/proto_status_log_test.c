/* The status log: written a whole line at a time, gone on with after a crash, followed through rotation. */
#include "tests/unit/status_log_scratch.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void write_warning(const char *path, const char *what)
{
    struct status_log log;
    struct error error;
    assert_int_equal(status_log_open(&log, path, &unlimited, NULL, &error), STATUS_OK);
    assert_int_equal(warn(&log, what, &error), STATUS_OK);
    status_log_close(&log);
}

static void test_line_has_t_seq_kind_first(void **state)
{
    struct place *place = *state;
    char line[256];
    double t;
    long long seq;
    int at = 0;
    write_warning(place->path, "cores \"shared\"");
    FILE *file = fopen(place->path, "r");
    assert_non_null(fgets(line, sizeof line, file));
    assert_int_equal(sscanf(line,
                            "{\"t\":%lf,\"seq\":%lld,\"kind\":\"warning\",\"what\":\"cores "
                            "\\\"shared\\\"\"}%n",
                            &t, &seq, &at),
                     2);
    assert_string_equal(line + at, "\n");
    assert_true(t > 1.7e9);
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
}

static void test_seq_goes_on(void **state)
{
    struct place *place = *state;
    struct status_reader reader;
    write_warning(place->path, "a");
    write_warning(place->path, "b");
    put(place->path, "a", "no record at all\n");
    write_warning(place->path, "c");
    status_reader_open(&reader, place->path);
    int64_t first = expect(&reader, "a");
    assert_int_equal(expect(&reader, "b"), first + 1);
    assert_int_equal(expect(&reader, "c"), first + 2);
    expect(&reader, NULL);
    assert_int_equal(reader.garbage, 1);
    status_reader_close(&reader);
}

static void test_torn_line_is_ended(void **state)
{
    struct place *place = *state;
    struct status_reader reader;
    write_warning(place->path, "a");
    put(place->path, "a", "{\"t\":1,\"seq\":7,\"ki");
    write_warning(place->path, "b");
    status_reader_open(&reader, place->path);
    int64_t first = expect(&reader, "a");
    assert_int_equal(expect(&reader, "b"), first + 1);
    assert_int_equal(reader.garbage, 1);
    status_reader_close(&reader);
}

/* A record that lost nothing but its newline is whole once it is ended: its seq is taken. */
static void test_seq_after_a_line_that_lacks_its_end_alone(void **state)
{
    struct place *place = *state;
    struct status_reader reader;
    put(place->path, "w", "{\"t\":1,\"seq\":41,\"kind\":\"a\"}");
    write_warning(place->path, "b");
    status_reader_open(&reader, place->path);
    assert_int_equal(expect(&reader, "a"), 41);
    assert_int_equal(expect(&reader, "b"), 42);
    status_reader_close(&reader);
}

/* What the caller fills in cannot take the place of the log's own three. */
static void test_own_members_cannot_be_forged(void **state)
{
    struct place *place = *state;
    struct status_log log;
    struct status_reader reader;
    struct error error;
    const struct status_record forged = {
        .kind = STATUS_KIND_WARNING, .head = {.t = 0, .seq = 99, .kind = "stop"}, .warning = {.what = "w"}};
    assert_int_equal(status_log_open(&log, place->path, &unlimited, NULL, &error), STATUS_OK);
    assert_int_equal(status_log_write(&log, &forged, &error), STATUS_OK);
    status_log_close(&log);
    status_reader_open(&reader, place->path);
    assert_true(expect(&reader, "w") < 99);
    status_reader_close(&reader);
}

static void test_what_is_of_no_kind_is_not_written(void **state)
{
    struct place *place = *state;
    struct status_log log;
    struct status_reader reader;
    struct error error;
    const enum status_kind kinds[] = {STATUS_KIND_UNKNOWN, STATUS_KINDS, (enum status_kind)1000};
    assert_int_equal(status_log_open(&log, place->path, &unlimited, NULL, &error), STATUS_OK);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct status_record record = {.kind = kinds[i]};
        assert_int_equal(status_log_write(&log, &record, &error), STATUS_INTERNAL);
    }
    status_log_close(&log);
    status_reader_open(&reader, place->path);
    expect(&reader, NULL);
    status_reader_close(&reader);
}

/* The disk fills up in the middle of a line; room is made; the next record must be readable. */
static void test_full_disk_then_room_again(void **state)
{
    struct place *place = *state;
    struct status_log log;
    struct status_reader reader;
    struct error error;
    struct rlimit before, small;
    assert_int_equal(status_log_open(&log, place->path, &unlimited, NULL, &error), STATUS_OK);
    assert_int_equal(warn(&log, "a", &error), STATUS_OK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 80;
    setrlimit(RLIMIT_FSIZE, &small);
    enum status first = warn(&log, "lost 0123456789", &error);
    enum status second = warn(&log, "lost", &error);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(first, STATUS_STORAGE);
    assert_int_equal(second, STATUS_STORAGE);
    assert_int_equal(warn(&log, "b", &error), STATUS_OK);
    status_log_close(&log);
    status_reader_open(&reader, place->path);
    int64_t seq = expect(&reader, "a");
    assert_int_equal(expect(&reader, "b"), seq + 1);
    status_reader_close(&reader);
}

/* JSON is UTF-8: of a text that is not, what is ASCII stays. */
static void test_text_that_is_not_utf8(void **state)
{
    struct place *place = *state;
    struct status_reader reader;
    write_warning(place->path, "caf\xe9 full");
    status_reader_open(&reader, place->path);
    expect(&reader, "caf? full");
    status_reader_close(&reader);
}

static void test_reader_waits_for_a_file_and_for_a_line_end(void **state)
{
    struct place *place = *state;
    struct status_reader reader;
    status_reader_open(&reader, place->path);
    expect(&reader, NULL);
    assert_false(status_reader_exists(&reader));
    put(place->path, "a", "{\"kind\":\"a\",");
    expect(&reader, NULL);
    assert_true(status_reader_exists(&reader));
    put(place->path, "a", "\"seq\":3}");
    expect(&reader, NULL);
    put(place->path, "a", "\n{\"kind\":\"b\"}\n");
    assert_int_equal(expect(&reader, "a"), 3);
    expect(&reader, "b");
    expect(&reader, NULL);
    assert_int_equal(reader.garbage, 0);
    status_reader_close(&reader);
}

static void test_garbage_is_counted_and_passed_over(void **state)
{
    struct place *place = *state;
    struct status_reader reader;
    put(place->path, "w",
        "junk\n[1,2]\n{\"seq\":1}\n{\"kind\":7}\n\n{\"kind\":\"a\",\"kind\":\"b\"}\n\xff\xfe\n{\"kind\":"
        "\"ok\"}\n");
    status_reader_open(&reader, place->path);
    expect(&reader, "ok");
    expect(&reader, NULL);
    assert_int_equal(reader.garbage, 6);
    status_reader_close(&reader);
}

static void test_rotation_and_truncation(void **state)
{
    struct place *place = *state;
    char old[600];
    struct status_reader reader;
    snprintf(old, sizeof old, "%s.1", place->path);
    put(place->path, "w", "{\"kind\":\"a\",\"pad\":\"0123456789\"}\n{\"kind\":\"tor");
    status_reader_open(&reader, place->path);
    expect(&reader, "a");
    expect(&reader, NULL);
    assert_int_equal(rename(place->path, old), 0);
    expect(&reader, NULL);
    put(place->path, "w", "{\"kind\":\"b\"}\n");
    expect(&reader, "b");
    put(place->path, "w", "{\"kind\":\"c\"}\n{\"kind\":\"d\"}\n");
    put(place->path, "w", "{\"k\":1}\n");
    put(place->path, "w", "");
    expect(&reader, NULL);
    put(place->path, "a", "{\"kind\":\"e\"}\n");
    expect(&reader, "e");
    expect(&reader, NULL);
    status_reader_close(&reader);
}

/* The largest number there is has no next one. */
static void test_seq_does_not_overflow(void **state)
{
    struct place *place = *state;
    struct status_log log;
    struct error error;
    put(place->path, "w", "{\"kind\":\"a\",\"seq\":6}\n{\"kind\":\"a\",\"seq\":9223372036854775807}\n");
    assert_int_equal(status_log_open(&log, place->path, &unlimited, NULL, &error), STATUS_OK);
    assert_int_equal(log.next_seq, 7);
    status_log_close(&log);
}

/* Records that stood in the old file when the new one took its name are not lost, however many there are. */
static void test_rotation_loses_nothing_unread(void **state)
{
    struct place *place = *state;
    enum { RECORDS = 5000 };
    char old[600], line[128];
    struct status_reader reader;
    snprintf(old, sizeof old, "%s.1", place->path);
    FILE *file = fopen(place->path, "w");
    for (int i = 0; i < RECORDS; i++) {
        fprintf(file, "{\"kind\":\"step\",\"seq\":%d,\"pad\":\"0123456789012345678901234567890\"}\n", i);
    }
    fclose(file);
    status_reader_open(&reader, place->path);
    assert_int_equal(expect(&reader, "step"), 0);
    assert_int_equal(rename(place->path, old), 0);
    snprintf(line, sizeof line, "{\"kind\":\"step\",\"seq\":%d}\n", RECORDS);
    put(place->path, "w", line);
    for (int i = 1; i <= RECORDS; i++) {
        assert_int_equal(expect(&reader, "step"), i);
    }
    status_reader_close(&reader);
}

/* A line beyond the bound is dropped whole, once, and what follows it is read. */
static void test_endless_line(void **state)
{
    struct place *place = *state;
    struct status_reader reader;
    FILE *file = fopen(place->path, "w");
    fputs("{\"kind\":\"", file);
    for (unsigned i = 0; i < 3 * STATUS_LINE_MAX; i++) {
        fputc('x', file);
    }
    fputs("\"}\n{\"kind\":\"after\"}\n", file);
    fclose(file);
    status_reader_open(&reader, place->path);
    expect(&reader, "after");
    assert_int_equal(reader.garbage, 1);
    assert_true(reader.room < 3 * STATUS_LINE_MAX);
    status_reader_close(&reader);
}

int main(void)
{
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, begin, tear_down)
    const struct CMUnitTest tests[] = {WITH_PLACE(test_line_has_t_seq_kind_first),
                                       WITH_PLACE(test_seq_goes_on),
                                       WITH_PLACE(test_torn_line_is_ended),
                                       WITH_PLACE(test_seq_after_a_line_that_lacks_its_end_alone),
                                       WITH_PLACE(test_seq_does_not_overflow),
                                       WITH_PLACE(test_own_members_cannot_be_forged),
                                       WITH_PLACE(test_full_disk_then_room_again),
                                       WITH_PLACE(test_what_is_of_no_kind_is_not_written),
                                       WITH_PLACE(test_text_that_is_not_utf8),
                                       WITH_PLACE(test_reader_waits_for_a_file_and_for_a_line_end),
                                       WITH_PLACE(test_garbage_is_counted_and_passed_over),
                                       WITH_PLACE(test_rotation_and_truncation),
                                       WITH_PLACE(test_rotation_loses_nothing_unread),
                                       WITH_PLACE(test_endless_line)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
