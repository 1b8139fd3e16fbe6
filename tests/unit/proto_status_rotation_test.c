/* The status log's rotation: by itself and by others, broken off at any call, read over and followed. */
#include "proto/folder_lock.h"
#include "proto/status/status_segment.h"
#include "tests/unit/status_log_scratch.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Small enough for a few records; none of its segments is removed. */
static const struct status_log_limits small = {.bytes = 4000, .keep = 1000};

static void write_step(struct status_log *log, int64_t step)
{
    struct error error;
    struct status_worker_seconds workers[3] = {{.rank = 1, .data = 1}, {.rank = 2}, {.rank = 3}};
    const struct status_record record = {
        .kind = STATUS_KIND_STEP,
        .step = {.step = step, .steps = 1000, .loss = 1.5, .workers = {.at = workers, .count = 3}}};
    assert_int_equal(status_log_write(log, &record, &error), STATUS_OK);
}

static void write_start(struct status_log *log, int64_t step, const char *from)
{
    struct error error;
    const struct status_record record = {
        .kind = STATUS_KIND_START,
        .start = {.version = "1", .name = "run", .step = step, .resumed_from = from}};
    assert_int_equal(status_log_write(log, &record, &error), STATUS_OK);
}

/* A start, steps 1 to `steps` and a stop. */
static void write_run(const char *path, const struct status_log_limits *limits, int64_t steps)
{
    struct status_log log;
    struct error error;
    const struct status_record stop = {.kind = STATUS_KIND_STOP, .stop = {.reason = "done"}};
    assert_int_equal(status_log_open(&log, path, limits, NULL, &error), STATUS_OK);
    write_start(&log, 0, NULL);
    for (int64_t step = 1; step <= steps; step++) {
        write_step(&log, step);
    }
    assert_int_equal(status_log_write(&log, &stop, &error), STATUS_OK);
    status_log_close(&log);
}

/* What a reader is given: of every step how often. */
struct seen {
    int starts, stops, step[1001];
    int64_t last_step;
};

static void look(struct status_reader *reader, struct seen *seen)
{
    struct status_record record;
    while (status_reader_next(reader, &record)) {
        seen->starts += record.kind == STATUS_KIND_START;
        seen->stops += record.kind == STATUS_KIND_STOP;
        if (record.kind == STATUS_KIND_STEP) {
            seen->last_step = record.step.step;
            seen->step[seen->last_step]++;
        }
        status_record_free(&record);
    }
}

static void look_at(const char *path, bool whole, struct seen *seen)
{
    struct status_reader reader;
    *seen = (struct seen){0};
    whole ? status_reader_open_whole(&reader, path) : status_reader_open(&reader, path);
    look(&reader, seen);
    assert_int_equal(reader.garbage, 0);
    status_reader_close(&reader);
}

static void assert_each_once(const struct seen *seen, int64_t first, int64_t last)
{
    for (int64_t step = 1; step <= 1000; step++) {
        assert_int_equal(seen->step[step], step >= first && step <= last);
    }
}

static size_t segments(const char *path)
{
    int64_t *numbers;
    size_t count = status_segment_list(path, &numbers);
    free(numbers);
    return count;
}

static off_t size_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

static void test_segments_hold_each_record_once(void **state)
{
    struct place *place = *state;
    struct seen seen;
    write_run(place->path, &small, 400);
    assert_true(segments(place->path) > 10);
    assert_true(size_of(place->path) < (off_t)small.bytes + 1000);
    look_at(place->path, true, &seen);
    assert_each_once(&seen, 1, 400);
    assert_int_equal(seen.starts, 1);
    assert_int_equal(seen.stops, 1);
}

/* The log alone tells of the whole run: thinned, from its beginning to its end. */
static void test_a_rotated_log_alone_tells_of_the_run(void **state)
{
    struct place *place = *state;
    struct seen seen;
    int early = 0;
    write_run(place->path, &(struct status_log_limits){.bytes = 40000, .keep = 1}, 1000);
    look_at(place->path, false, &seen);
    assert_int_equal(seen.starts, 1);
    assert_int_equal(seen.stops, 1);
    assert_int_equal(seen.last_step, 1000);
    for (int step = 1; step <= 500; step++) {
        early += seen.step[step];
    }
    assert_true(early >= 5 && early < 250);
    assert_int_equal(segments(place->path), 1);
}

static void test_who_follows_gets_each_record_once(void **state)
{
    struct place *place = *state;
    struct status_reader reader;
    struct status_log log;
    struct error error;
    struct seen seen = {0};
    assert_int_equal(status_log_open(&log, place->path, &small, NULL, &error), STATUS_OK);
    status_reader_open(&reader, place->path);
    write_start(&log, 0, NULL);
    for (int64_t step = 1; step <= 300; step++) {
        write_step(&log, step);
        if (step % 70 == 1) { /* several rotations lie between two looks */
            look(&reader, &seen);
        }
    }
    look(&reader, &seen);
    assert_each_once(&seen, 1, 300);
    assert_int_equal(seen.starts, 1);
    assert_true(segments(place->path) > 10);
    status_reader_close(&reader);
    status_log_close(&log);
}

/* What a supervisor does: the copies that a rotation makes are old too. */
static void test_what_is_passed_over_stays_so(void **state)
{
    struct place *place = *state;
    struct status_reader reader;
    struct status_log log;
    struct error error;
    struct seen seen = {0};
    write_run(place->path, &small, 30);
    status_reader_open(&reader, place->path);
    status_reader_skip(&reader);
    look(&reader, &seen);
    assert_int_equal(seen.last_step, 0);
    assert_int_equal(status_log_open(&log, place->path, &small, NULL, &error), STATUS_OK);
    write_start(&log, 30, "step-000000030");
    for (int64_t step = 31; step <= 60; step++) {
        write_step(&log, step);
    }
    look(&reader, &seen);
    assert_int_equal(seen.stops, 0);
    assert_int_equal(seen.starts, 1);
    assert_each_once(&seen, 31, 60);
    status_reader_close(&reader);
    status_log_close(&log);
}

/* seq goes on, and what a start has replaced is not copied. */
static void test_a_start_goes_on_with_a_rotated_log(void **state)
{
    struct place *place = *state;
    struct status_log log;
    struct error error;
    struct seen seen;
    write_run(place->path, &small, 200);
    assert_int_equal(status_log_open(&log, place->path, &small, NULL, &error), STATUS_OK);
    assert_int_equal(log.next_seq, 202);
    write_start(&log, 100, "step-000000100");
    for (int64_t step = 101; step <= 120; step++) {
        write_step(&log, step);
    }
    status_log_close(&log);
    look_at(place->path, false, &seen);
    assert_int_equal(seen.last_step, 120);
    for (int step = 121; step <= 1000; step++) {
        assert_int_equal(seen.step[step], 0);
    }
}

/* A process that dies between any two of the rotation's calls, which a child's limit on what it may write, or its
 * end, stands for: before the segment has its name, with two names, without its own. */
static void test_a_rotation_that_was_broken_off(void **state)
{
    struct place *place = *state;
    struct seen seen;
    char segment[600], temporary[600];
    for (int left = 0; left < 4; left++) {
        char command[600];
        snprintf(command, sizeof command, "rm -f %s*", place->path);
        assert_int_equal(system(command), 0);
        snprintf(segment, sizeof segment, "%s.000001", place->path);
        snprintf(temporary, sizeof temporary, "%s.tmp", place->path);
        write_run(place->path, &unlimited, 20);
        assert_int_equal(left == 1 || left == 2 ? link(place->path, segment) : 0, 0);
        assert_int_equal(left == 3 ? rename(place->path, segment) : 0, 0);
        if (left >= 2) {
            put(temporary, "w", "{\"t\":1,\"se"); /* the new log, half written */
        }
        look_at(place->path, true, &seen);
        assert_each_once(&seen, 1, 20);
        struct status_log log;
        struct error error;
        assert_int_equal(status_log_open(&log, place->path, &small, NULL, &error), STATUS_OK);
        assert_int_equal(log.next_seq, 22);
        for (int64_t step = 21; step <= 60; step++) {
            write_step(&log, step);
        }
        status_log_close(&log);
        look_at(place->path, true, &seen);
        assert_each_once(&seen, 1, 60);
        assert_int_equal(seen.starts, 1);
        assert_true(access(temporary, F_OK) != 0);
    }
}

/* What logrotate does, with and without an empty file in the old one's place, while the log is open and between two
 * starts. */
static void test_a_log_that_is_moved_away_is_begun_anew(void **state)
{
    struct place *place = *state;
    struct seen seen;
    char moved[600], command[1300];
    for (int way = 0; way < 4; way++) {
        struct status_log log;
        struct error error;
        snprintf(moved, sizeof moved, "%s.1", place->path);
        snprintf(command, sizeof command, "rm -f '%s' '%s'", place->path, moved);
        assert_int_equal(system(command), 0);
        write_run(place->path, &unlimited, 20);
        assert_int_equal(status_log_open(&log, place->path, &unlimited, NULL, &error), STATUS_OK);
        if (way >= 2) {
            status_log_close(&log);
        }
        assert_int_equal(rename(place->path, moved), 0);
        if (way % 2 == 1) {
            put(place->path, "w", "");
        }
        off_t before = size_of(moved);
        if (way >= 2) {
            assert_int_equal(status_log_open(&log, place->path, &unlimited, NULL, &error), STATUS_OK);
        }
        write_step(&log, 21);
        assert_int_equal(log.next_seq, 23);
        status_log_close(&log);
        assert_int_equal(size_of(moved), before);
        look_at(place->path, false, &seen);
        assert_each_once(&seen, 1, 21);
        assert_int_equal(seen.starts, 1);
    }
}

/* Another's file is appended to and stays. */
static void test_another_file_in_the_logs_place(void **state)
{
    struct place *place = *state;
    struct status_log log;
    struct status_reader reader;
    struct error error;
    assert_int_equal(status_log_open(&log, place->path, &unlimited, NULL, &error), STATUS_OK);
    assert_int_equal(warn(&log, "a", &error), STATUS_OK);
    unlink(place->path);
    put(place->path, "w", "{\"kind\":\"other\"}\n{\"ki");
    assert_int_equal(warn(&log, "b", &error), STATUS_OK);
    status_log_close(&log);
    status_reader_open(&reader, place->path);
    expect(&reader, "other");
    expect(&reader, "b");
    assert_int_equal(reader.garbage, 1);
    status_reader_close(&reader);
}

/* Whoever lost the folder moves and removes nothing there. */
static void test_only_the_owner_rotates(void **state)
{
    struct place *place = *state;
    struct folder_lock *lock;
    struct status_log log;
    struct error error;
    char warning[256], path[600];
    const struct folder_claim claim = {.folder = place->folder, .stale_seconds = 60};
    assert_int_equal(folder_lock_take(&claim, &lock, warning, sizeof warning, &error), STATUS_OK);
    assert_int_equal(status_log_open(&log, place->path, &small, lock, &error), STATUS_OK);
    write_start(&log, 0, NULL);
    snprintf(path, sizeof path, "%s/lock", place->folder);
    assert_int_equal(unlink(path), 0);
    const struct status_record record = {.kind = STATUS_KIND_WARNING, .warning = {.what = "w"}};
    enum status status = STATUS_OK;
    for (int i = 0; i < 200 && status == STATUS_OK; i++) {
        status = status_log_write(&log, &record, &error);
    }
    assert_int_equal(status, STATUS_LOST);
    assert_int_equal(segments(place->path), 0);
    unlink(place->path);
    assert_int_equal(status_log_write(&log, &record, &error), STATUS_LOST);
    assert_true(access(place->path, F_OK) != 0);
    status_log_close(&log);
    folder_lock_release(lock);
}

/* The disk is full when the log is to be rotated: records go on to the old one. */
static void test_full_disk_at_a_rotation(void **state)
{
    struct place *place = *state;
    struct status_log log;
    struct seen seen;
    struct error error;
    char blocked[600];
    snprintf(blocked, sizeof blocked, "%s.tmp", place->path);
    assert_int_equal(mkdir(blocked, 0700), 0); /* what has this name is not replaced */
    assert_int_equal(status_log_open(&log, place->path, &small, NULL, &error), STATUS_OK);
    int failures = 0;
    for (int64_t step = 1; step <= 40; step++) {
        const struct status_record record = {.kind = STATUS_KIND_STEP, .step = {.step = step}};
        failures += status_log_write(&log, &record, &error) == STATUS_STORAGE;
    }
    assert_true(failures > 0 && failures < 20);
    assert_int_equal(rmdir(blocked), 0);
    for (int64_t step = 41; step <= 80; step++) {
        write_step(&log, step);
    }
    assert_true(segments(place->path) > 1);
    status_log_close(&log);
    look_at(place->path, true, &seen);
    assert_each_once(&seen, 1, 80);
}

/* A log's end tells its last number, also behind lines that are none. */
static void test_the_last_record_is_found_from_the_end(void **state)
{
    struct place *place = *state;
    struct status_log log;
    struct error error;
    FILE *file = fopen(place->path, "w");
    fputs("{\"kind\":\"a\",\"seq\":41}\n", file);
    for (int i = 0; i < 100000; i++) {
        fputs("no record\n", file);
    }
    fclose(file);
    assert_int_equal(status_log_open(&log, place->path, &unlimited, NULL, &error), STATUS_OK);
    assert_int_equal(log.next_seq, 42);
    status_log_close(&log);
}

int main(void)
{
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, begin, tear_down)
    const struct CMUnitTest tests[] = {WITH_PLACE(test_segments_hold_each_record_once),
                                       WITH_PLACE(test_a_rotated_log_alone_tells_of_the_run),
                                       WITH_PLACE(test_who_follows_gets_each_record_once),
                                       WITH_PLACE(test_what_is_passed_over_stays_so),
                                       WITH_PLACE(test_a_start_goes_on_with_a_rotated_log),
                                       WITH_PLACE(test_a_rotation_that_was_broken_off),
                                       WITH_PLACE(test_a_log_that_is_moved_away_is_begun_anew),
                                       WITH_PLACE(test_another_file_in_the_logs_place),
                                       WITH_PLACE(test_only_the_owner_rotates),
                                       WITH_PLACE(test_full_disk_at_a_rotation),
                                       WITH_PLACE(test_the_last_record_is_found_from_the_end)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
