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

/* Tags of the texts in a record are copied: it may be gone afterwards. */
static void take(const struct status_record *record)
{
    count = tensorboard_scalars(record, &step, scalars);
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
    struct status_worker_seconds worker = {.rank = 1, .data = 0.5};
    struct status_record record = {.kind = STATUS_KIND_STEP,
                                   .step = {.epoch = 1,
                                            .step = 300,
                                            .steps = 900,
                                            .loss = 2.5,
                                            .loss_cls = NAN,
                                            .lr = 0.1,
                                            .images_per_second = 1460.25,
                                            .seconds = {.data = 0.5, .hidden = 0.25, .classifier = 0.125},
                                            .workers = {&worker, 1}}};
    take(&record);
    assert_int_equal(step, 300);
    assert_int_equal(count, 16);
    assert_true(value_of("train/loss") == 2.5);
    assert_true(isnan(value_of("train/loss_cls")));
    assert_true(value_of("train/lr") == 0.1);
    assert_true(value_of("train/epoch") == 1);
    assert_true(value_of("speed/images_per_second") == 1460.25);
    assert_true(value_of("speed/seconds_data") == 0.5);
    assert_true(value_of("speed/seconds_exchange_hidden") == 0.25);
    assert_true(value_of("speed/seconds_classifier") == 0.125);
}

static void test_eval(void **state)
{
    (void)state;
    const struct status_record record = {.kind = STATUS_KIND_EVAL,
                                         .eval = {.step = 20,
                                                  .set = "100%s lfw",
                                                  .pairs = 6000,
                                                  .accuracy = 0.75,
                                                  .tar = {.at_1e2 = NAN, .at_1e3 = 0.5, .at_1e4 = NAN}}};
    take(&record);
    assert_int_equal(step, 20);
    assert_int_equal(count, 6); /* a rate that the set cannot tell has no curve */
    assert_true(value_of("eval/100%s lfw/accuracy") == 0.75);
    assert_true(value_of("eval/100%s lfw/tar_at_far_1e-3") == 0.5);
}

static void test_other_kinds(void **state)
{
    (void)state;
    take(&(struct status_record){
        .kind = STATUS_KIND_CHECKPOINT,
        .checkpoint = {.step = 20, .path = "x", .bytes = 4700000, .seconds = 0.5, .stall = 0.125}});
    assert_int_equal(count, 3);
    assert_true(value_of("checkpoint/bytes") == 4700000);
    take(&(struct status_record){
        .kind = STATUS_KIND_GROUPS,
        .groups = {.step = 30, .pairs = 120, .groups = 40, .precision = NAN, .shared = 200, .seconds = 0.5}});
    assert_int_equal(step, 30);
    assert_int_equal(count, 4); /* what cannot be told is no point */
    assert_true(value_of("identity/pairs") == 120);
    take(&(struct status_record){.kind = STATUS_KIND_WARNING, .warning = {.what = "workers share cores"}});
    assert_int_equal(count, 0);
    take(&(struct status_record){.kind = STATUS_KIND_STOP, .stop = {.reason = "done"}});
    assert_int_equal(count, 0);
}

/* The place for curves holds those of every kind. */
static size_t count_tags(const struct status_part *part)
{
    size_t tags = 0;
    for (size_t i = 0; i < part->count; i++) {
        const struct status_field *field = &part->fields[i];
        tags += field->tag[0] != '\0';
        tags += field->type == STATUS_TYPE_OBJECT ? count_tags(field->part) : 0;
    }
    return tags;
}

static void test_there_is_room_for_every_curve(void **state)
{
    (void)state;
    for (enum status_kind kind = STATUS_KIND_UNKNOWN + 1; kind < STATUS_KINDS; kind++) {
        assert_true(count_tags(status_kind_part(kind)) <= TENSORBOARD_SCALARS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step),
        cmocka_unit_test(test_eval),
        cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_there_is_room_for_every_curve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
