/* Groups of parameters: which are valid, and copies that live apart from what they are copied from. */
#include "worker/parameter/parameter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Of a small layer with a normalisation. */
struct layer {
    struct parameter parameters[4];
    float weight[9], gradient[9], statistics[3];
    struct parameter_group group;
};

static struct layer *make_layer(void)
{
    struct layer *layer = calloc(1, sizeof *layer);
    assert_non_null(layer);
    layer->parameters[0] = (struct parameter){
        .name = "fc.weight", .kind = PARAMETER_TRAINED, .rank = 2, .shape = {3, 2}, .count = 6};
    layer->parameters[1] = (struct parameter){
        .name = "bn.weight", .kind = PARAMETER_CONSTANT, .rank = 1, .shape = {3}, .count = 3};
    layer->parameters[2] = (struct parameter){
        .name = "bn.bias", .kind = PARAMETER_TRAINED, .rank = 1, .shape = {3}, .count = 3, .offset = 6};
    layer->parameters[3] = (struct parameter){
        .name = "bn.running_mean", .kind = PARAMETER_STATISTIC, .rank = 1, .shape = {3}, .count = 3};
    layer->group = (struct parameter_group){.name = "layer",
                                            .parameters = layer->parameters,
                                            .parameter_count = 4,
                                            .count = 9,
                                            .weight = layer->weight,
                                            .gradient = layer->gradient,
                                            .statistics = layer->statistics,
                                            .statistic_count = 3};
    return layer;
}

static void test_what_is_valid(void **state)
{
    (void)state;
    struct layer *layer = make_layer();
    struct parameter_group *group = &layer->group;
    assert_true(parameter_group_is_valid(group));
    layer->parameters[2].offset = 5; /* lies in the one before it */
    assert_false(parameter_group_is_valid(group));
    layer->parameters[2].offset = 6;
    layer->parameters[0].shape[0] = 4; /* more values than it counts */
    assert_false(parameter_group_is_valid(group));
    layer->parameters[0].shape[0] = 3;
    layer->parameters[3].name[0] = '\0';
    assert_false(parameter_group_is_valid(group));
    layer->parameters[3].name[0] = 'b';
    group->count = 10; /* a value that no parameter has */
    assert_false(parameter_group_is_valid(group));
    group->count = 9;
    group->statistics = NULL;
    assert_false(parameter_group_is_valid(group));
    group->statistics = layer->statistics;
    group->name = "";
    assert_false(parameter_group_is_valid(group));
    group->name = "layer";
    assert_true(parameter_group_is_valid(group));
    free(layer);
}

static void test_which_rows_are_valid(void **state)
{
    (void)state;
    float weight[6] = {0};
    struct parameter parameter = {.name = "weight", .rank = 2, .shape = {3, 2}, .count = 6};
    struct parameter_group group = {.name = "faces",
                                    .owned_rows = true,
                                    .parameters = &parameter,
                                    .parameter_count = 1,
                                    .count = 6,
                                    .weight = weight,
                                    .rows = {.begin = 4, .end = 7, .all = 7, .part = 1, .parts = 2}};
    assert_true(parameter_group_is_valid(&group));
    group.rows.end = 6; /* fewer than the parameter has */
    assert_false(parameter_group_is_valid(&group));
    group.rows = (struct parameter_rows){.begin = 5, .end = 8, .all = 7, .part = 1, .parts = 2};
    assert_false(parameter_group_is_valid(&group));
    group.rows = (struct parameter_rows){.begin = 4, .end = 7, .all = 7, .part = 2, .parts = 2};
    assert_false(parameter_group_is_valid(&group));
    /* No rows need no vectors. */
    parameter.shape[0] = parameter.count = group.count = 0;
    group.weight = NULL;
    group.rows = (struct parameter_rows){.begin = 0, .end = 0, .all = 7, .part = 0, .parts = 2};
    assert_true(parameter_group_is_valid(&group));
}

/* A copy keeps its values while those it was made of go on. */
static void test_copy(void **state)
{
    (void)state;
    struct layer *layer = make_layer();
    struct parameter_group *group = &layer->group, copy;
    assert_true(parameter_group_add_momentum(group));
    for (size_t i = 0; i < group->count; i++) {
        assert_true(group->momentum[i] == 0);
        group->weight[i] = (float)i;
        group->momentum[i] = 10 + (float)i;
    }
    group->statistics[2] = 7;
    assert_true(parameter_group_create_copy(group, &copy));
    parameter_group_copy(group, &copy);
    memset(group->weight, 0, sizeof layer->weight);
    memset(group->momentum, 0, group->count * sizeof(float));
    group->statistics[2] = 0;
    assert_true(parameter_group_is_valid(&copy));
    assert_null(copy.gradient);
    for (size_t i = 0; i < copy.count; i++) {
        assert_true(copy.weight[i] == (float)i && copy.momentum[i] == 10 + (float)i);
    }
    assert_true(copy.statistics[2] == 7);
    parameter_group_free_copy(&copy);
    parameter_group_free_momentum(group);
    assert_null(group->momentum);
    free(layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_valid),
        cmocka_unit_test(test_which_rows_are_valid),
        cmocka_unit_test(test_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
