/* Errors as values: filled, cut, prefixed and told in one line. */
#include "proto/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_set_fills_every_part(void **state)
{
    struct error error;
    char line[256];
    (void)state;
    memset(&error, 'x', sizeof error);
    assert_int_equal(error_set(&error, STATUS_DATA, "a.h5", "pack again", "label %d of %s", 7, "lfw"),
                     STATUS_DATA);
    assert_int_equal(error.status, STATUS_DATA);
    assert_string_equal(error.what, "label 7 of lfw");
    assert_string_equal(error_format(&error, line, sizeof line), "label 7 of lfw (a.h5); pack again");
    error_set(&error, STATUS_LOST, NULL, NULL, "gone");
    assert_string_equal(error.where, "");
    assert_string_equal(error.next, "");
    assert_string_equal(error_format(&error, line, sizeof line), "gone");
    error_set(&error, STATUS_LOST, NULL, "look", "gone");
    assert_string_equal(error_format(&error, line, sizeof line), "gone; look");
}

static void test_null_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, STATUS_STORAGE, "a", "b", "c"), STATUS_STORAGE);
    error_prefix_where(NULL, "rank 1");
}

/* A caller up the stack words its error from the one below. */
static void test_may_be_worded_from_itself(void **state)
{
    struct error error;
    (void)state;
    error_set(&error, STATUS_DATA, "a.h5", "pack again", "bad label");
    error_set(&error, STATUS_LOST, error.where, error.next, "rank 2: %s", error.what);
    assert_string_equal(error.what, "rank 2: bad label");
    assert_string_equal(error.where, "a.h5");
    assert_string_equal(error.next, "pack again");
}

static void test_long_text_is_cut_and_ended(void **state)
{
    struct error error;
    char text[2048];
    (void)state;
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_set(&error, STATUS_DATA, text, text, "%s", text);
    assert_int_equal(strlen(error.what), sizeof error.what - 1);
    assert_int_equal(strlen(error.where), sizeof error.where - 1);
    assert_int_equal(strlen(error.next), sizeof error.next - 1);
    for (size_t size = 1; size < ERROR_LINE_SIZE; size += 7) {
        char line[ERROR_LINE_SIZE];
        memset(line, 'z', sizeof line);
        error_format(&error, line, size);
        assert_true(memchr(line, '\0', size));
        assert_int_equal(line[size], 'z');
    }
}

static void test_prefix(void **state)
{
    struct error error;
    char text[2048];
    (void)state;
    error_set(&error, STATUS_DATA, "a.h5", NULL, "bad");
    error_prefix_where(&error, "dataset lfw");
    error_prefix_where(&error, "rank 3@node");
    assert_string_equal(error.where, "rank 3@node: dataset lfw: a.h5");
    error_set(&error, STATUS_DATA, NULL, NULL, "bad");
    error_prefix_where(&error, "lfw");
    assert_string_equal(error.where, "lfw");
    memset(text, 'p', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_prefix_where(&error, text);
    assert_true(strlen(error.where) < sizeof error.where);
}

static void test_names(void **state)
{
    static const struct {
        enum status status;
        const char *name;
    } names[] = {{STATUS_OK, "ok"},           {STATUS_INTERNAL, "internal"}, {STATUS_USAGE, "usage"},
                 {STATUS_DATA, "data"},       {STATUS_NUMERIC, "numeric"},   {STATUS_LOST, "lost"},
                 {STATUS_STORAGE, "storage"}, {STATUS_STOPPED, "stopped"},   {(enum status)99, "internal"}};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_string_equal(status_name(names[i].status), names[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_set_fills_every_part),
                                       cmocka_unit_test(test_null_is_allowed),
                                       cmocka_unit_test(test_may_be_worded_from_itself),
                                       cmocka_unit_test(test_long_text_is_cut_and_ended),
                                       cmocka_unit_test(test_prefix),
                                       cmocka_unit_test(test_names)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
