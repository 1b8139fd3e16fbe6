/* Event files: byte for byte what TensorFlow's format asks, in order of their names, and whole after a full
 * disk. */
#include "proto/event_log.h"
#include "tests/unit/proto_scratch.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOLDEN "tests/oracle/events.golden"

static int begin(void **state)
{
    int failed = set_up(state);
    under(*state, "run/tensorboard");
    return failed;
}

/* The file as hexadecimal digits; the caller frees them. */
static char *read_digits(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *digits = NULL;
    size_t size;
    assert_non_null(file);
    FILE *text = open_memstream(&digits, &size);
    for (int byte = fgetc(file); byte != EOF; byte = fgetc(file)) {
        fprintf(text, "%02x", byte);
    }
    fclose(text);
    fclose(file);
    return digits;
}

/* The records of the golden file, end to end; the caller frees them. */
static char *read_golden(void)
{
    FILE *file = fopen(GOLDEN, "r");
    char *line = NULL, *digits = NULL;
    size_t room = 0, size;
    if (!file) {
        fail_msg("%s is missing: run the test in the project's root", GOLDEN);
    }
    FILE *text = open_memstream(&digits, &size);
    while (getline(&line, &room, file) > 0) {
        if (line[0] != '#') {
            fprintf(text, "%.*s", (int)strcspn(line, "\n"), line);
        }
    }
    fclose(text);
    free(line);
    fclose(file);
    return digits;
}

static void put_scalar(struct event_log *log, double wall_time, int64_t step, const char *tag, double value)
{
    struct event_scalar scalar = {.value = value};
    struct error error = {0};
    snprintf(scalar.tag, sizeof scalar.tag, "%s", tag);
    assert_int_equal(event_log_scalars(log, wall_time, step, &scalar, 1, &error), STATUS_OK);
}

static void test_bytes_are_the_formats(void **state)
{
    struct place *place = *state;
    struct event_log log;
    struct error error = {0};
    struct event_scalar two[] = {{"train/loss", 17.5682}, {"train/lr", 0.01575}};
    struct event_scalar three[3];
    for (int i = 0; i < 3; i++) {
        memset(three[i].tag, 't', 150);
        three[i].tag[150] = '\0';
        three[i].value = -1e-30 - i;
    }
    assert_int_equal(event_log_open(&log, place->path, 1700000000.25, 301, &error), STATUS_OK);
    assert_int_equal(event_log_scalars(&log, 1700000001.5, 301, two, 2, &error), STATUS_OK);
    put_scalar(&log, 1700000002.0, (int64_t)1 << 40, "eval/größe/accuracy", (double)INFINITY);
    assert_int_equal(event_log_scalars(&log, 1700000003.0, 0, NULL, 0, &error), STATUS_OK);
    assert_int_equal(event_log_scalars(&log, 1700000004.0, 7, three, 3, &error), STATUS_OK);
    event_log_close(&log);
    char *found = read_digits(log.path), *expected = read_golden();
    assert_string_equal(found, expected);
    free(found);
    free(expected);
}

static void test_a_new_file_sorts_last(void **state)
{
    struct place *place = *state;
    struct event_log first, second, third;
    struct error error = {0};
    assert_int_equal(event_log_open(&first, place->path, 2000.5, 1, &error), STATUS_OK);
    assert_int_equal(event_log_open(&second, place->path, 2000.6, 1, &error), STATUS_OK);
    /* On a host whose clock is behind. */
    assert_int_equal(event_log_open(&third, place->path, 1000, 1, &error), STATUS_OK);
    assert_non_null(strstr(first.path, "/events.out.tfevents.0000002000."));
    assert_true(strcmp(first.path, second.path) < 0);
    assert_true(strcmp(second.path, third.path) < 0);
    event_log_close(&first);
    event_log_close(&second);
    event_log_close(&third);
}

static off_t size_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

static void test_half_a_record_does_not_stay(void **state)
{
    struct place *place = *state;
    struct event_log log;
    struct error error = {0};
    struct event_scalar scalar = {"train/loss", 1};
    assert_int_equal(event_log_open(&log, place->path, 1000, 1, &error), STATUS_OK);
    off_t whole = size_of(log.path);
    struct rlimit before, narrow;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    narrow = (struct rlimit){.rlim_cur = (rlim_t)whole + 10, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &narrow), 0);
    enum status status = event_log_scalars(&log, 1001, 1, &scalar, 1, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, STATUS_STORAGE);
    assert_int_equal(size_of(log.path), whole);
    put_scalar(&log, 1002, 2, "train/loss", 2);
    /* A frame; wall time, step, heads of summary and value, tag, number. */
    assert_int_equal(size_of(log.path) - whole, 16 + 9 + 2 + 2 + 2 + 12 + 5);
    event_log_close(&log);
}

static void test_a_folder_that_cannot_be_made(void **state)
{
    struct place *place = *state;
    struct event_log log;
    struct error error = {0};
    char path[600];
    snprintf(path, sizeof path, "%s/plain", place->folder);
    fclose(fopen(path, "w"));
    snprintf(path, sizeof path, "%s/plain/tensorboard", place->folder);
    assert_int_equal(event_log_open(&log, path, 1000, 1, &error), STATUS_STORAGE);
    assert_int_equal(log.descriptor, -1);
    assert_int_equal(event_log_scalars(&log, 1000, 1, NULL, 0, &error), STATUS_STORAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bytes_are_the_formats, begin, tear_down),
        cmocka_unit_test_setup_teardown(test_a_new_file_sorts_last, begin, tear_down),
        cmocka_unit_test_setup_teardown(test_half_a_record_does_not_stay, begin, tear_down),
        cmocka_unit_test_setup_teardown(test_a_folder_that_cannot_be_made, begin, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
