/* Text. */
#include "proto/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ending)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
