/* Text. */
#include "proto/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void test_ending(void **state)
{
    (void)state;
    assert_true(text_ends_with("layer1.0.bn1.weight", ".weight"));
    assert_true(text_ends_with(".weight", ".weight"));
    assert_true(text_ends_with("weight", ""));
    assert_false(text_ends_with("eight", ".weight"));
    assert_false(text_ends_with("model.onnx.part", ".onnx"));
    assert_false(text_ends_with("", ".onnx"));
}

/* Never within a character. */
static void test_copy(void **state)
{
    (void)state;
    char text[6];
    text_copy("", text, sizeof text);
    assert_string_equal(text, "");
    text_copy("12345", text, sizeof text);
    assert_string_equal(text, "12345");
    text_copy("123456", text, sizeof text);
    assert_string_equal(text, "12345");
    text_copy("1234\xc3\xa9", text, sizeof text);
    assert_string_equal(text, "1234");
    text_copy("123\xc3\xa9", text, sizeof text);
    assert_string_equal(text, "123\xc3\xa9");
    text_copy("12\xf0\x9f\x98\x80", text, sizeof text);
    assert_string_equal(text, "12");
    text_copy("x", text, 1);
    assert_string_equal(text, "");
}

static void test_distance(void **state)
{
    char long_a[300], long_b[300];
    (void)state;
    assert_int_equal(text_distance("", ""), 0);
    assert_int_equal(text_distance("", "abc"), 3);
    assert_int_equal(text_distance("kitten", "sitting"), 3);
    assert_int_equal(text_distance("sitting", "kitten"), 3);
    assert_int_equal(text_distance("weight", "wieght"), 2);
    memset(long_a, 'a', sizeof long_a);
    memset(long_b, 'b', sizeof long_b);
    long_a[299] = long_b[299] = '\0';
    assert_int_equal(text_distance(long_a, long_b), 127);
    assert_int_equal(text_distance(long_a, ""), 127);
}

static void test_format(void **state)
{
    char wide[5000], *text = text_format("%s-%d", "seven", 7);
    (void)state;
    assert_string_equal(text, "seven-7");
    free(text);
    memset(wide, 'w', sizeof wide);
    wide[sizeof wide - 1] = '\0';
    text = text_format("%s%s", wide, wide);
    assert_int_equal(strlen(text), 2 * strlen(wide));
    free(text);
}

static void is_shown(double seconds, const char *expected)
{
    char text[32];
    text_duration(seconds, text, sizeof text);
    assert_string_equal(text, expected);
}

static void test_duration(void **state)
{
    (void)state;
    is_shown(0, "0s");
    is_shown(59.4, "59s");
    is_shown(59.5, "1m 00s");
    is_shown(185, "3m 05s");
    is_shown(3600 * 2 + 60 * 7 + 12, "2h 07m");
    is_shown(86400 + 3600 * 3, "1d 03h");
    is_shown(-1, "-");
    is_shown((double)NAN, "-");
    is_shown((double)INFINITY, "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_copy), cmocka_unit_test(test_ending),
                                       cmocka_unit_test(test_distance), cmocka_unit_test(test_format),
                                       cmocka_unit_test(test_duration)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
