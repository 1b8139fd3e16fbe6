/* Which numbers of a status record become points of curves. */
#include "daemon/coordinator/tensorboard.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct event_scalar scalars[TENSORBOARD_SCALARS_MAX];
static size_t count;
static int64_t step;

static void take(const char *kind, const char *text)
{
    json_t *fields = json_loads(text, 0, NULL);
    assert_non_null(fields);
    count = tensorboard_scalars(kind, fields, &step, scalars);
    json_decref(fields);
}

static double value_of(const char *tag)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(scalars[i].tag, tag) == 0) {
            return scalars[i].value;
        }
    }
    fail_msg("no scalar %s", tag);
    return 0;
}

static void test_step(void **state)
{
    (void)state;
    take("step",
         "{\"epoch\": 1, \"step\": 300, \"steps\": 900, \"loss\": 2.5, \"loss_cls\": null, \"lr\": 0.1,"
         " \"images_per_second\": 1460.25, \"seconds\": {\"data\": 0.5, \"exchange_hidden\": 0.25},"
         " \"workers\": [{\"rank\": 1, \"data\": 0.5}]}");
    assert_int_equal(step, 300);
    assert_int_equal(count, 7);
    assert_true(value_of("train/loss") == 2.5);
    assert_true(isnan(value_of("train/loss_cls")));
    assert_true(value_of("train/lr") == 0.1);
    assert_true(value_of("train/epoch") == 1);
    assert_true(value_of("speed/images_per_second") == 1460.25);
    assert_true(value_of("speed/seconds_data") == 0.5);
    assert_true(value_of("speed/seconds_exchange_hidden") == 0.25);
}

static void test_eval(void **state)
{
    (void)state;
    take("eval", "{\"step\": 20, \"set\": \"100%s lfw\", \"pairs\": 6000, \"accuracy\": 0.75,"
                 " \"tar\": {\"1e-3\": 0.5}}");
    assert_int_equal(step, 20);
    assert_int_equal(count, 2);
    assert_true(value_of("eval/100%s lfw/accuracy") == 0.75);
    assert_true(value_of("eval/100%s lfw/tar_at_far_1e-3") == 0.5);
}

static void test_other_kinds(void **state)
{
    (void)state;
    take("checkpoint",
         "{\"step\": 20, \"path\": \"x\", \"bytes\": 4700000, \"seconds\": 0.5, \"stall\": 0.125}");
    assert_int_equal(count, 3);
    assert_true(value_of("checkpoint/bytes") == 4700000);
    take("warning", "{\"what\": \"workers share cores\"}");
    assert_int_equal(count, 0);
    take("stop", "{\"reason\": \"done\", \"exit_code\": 0}");
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step),
        cmocka_unit_test(test_eval),
        cmocka_unit_test(test_other_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
