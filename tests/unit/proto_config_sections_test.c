/* Sections of the configuration that have a language of their own: margins, datasets, augmentation, sampling. */
#include "proto/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static enum status parse(const char *text, struct config *config, struct error *error)
{
    return config_parse(text, "test.yaml", NULL, 0, config, error);
}

static void test_margins_by_name(void **state)
{
    static const struct {
        const char *text;
        struct margin_choice margin;
    } cases[] = {
        {"softmax", {MARGIN_PLAIN, {1, 0, 0}}},
        {"sphereface", {MARGIN_PLAIN, {1.35, 0, 0}}},
        {"arcface", {MARGIN_PLAIN, {1, 0.5, 0}}},
        {"cosface", {MARGIN_PLAIN, {1, 0, 0.35}}},
        {"cm", {MARGIN_PLAIN, {0.9, 0.4, 0.15}}},
        {"[1, 0.3, 0.2]", {MARGIN_PLAIN, {1, 0.3, 0.2}}},
        {"adaface", {MARGIN_ADAFACE, {0.4, 0.333, 0.01}}},
        {"{name: adaface, h: 0.5}", {MARGIN_ADAFACE, {0.4, 0.5, 0.01}}},
        {"{m3: 0.1, name: arcface}", {MARGIN_PLAIN, {1, 0.5, 0.1}}},
        {"magface", {MARGIN_MAGFACE, {10, 110, 0.45, 0.8, 35}}},
        {"{name: magface, norm_max: 20.5, lambda: 0}", {MARGIN_MAGFACE, {10, 20.5, 0.45, 0.8, 0}}},
        {"curricularface", {MARGIN_CURRICULARFACE, {0.5, 0.01}}},
        {"elasticface-arc", {MARGIN_ELASTIC_ARC, {0.5, 0.05}}},
        {"{name: elasticface-cos, sigma: 0.02}", {MARGIN_ELASTIC_COS, {0.35, 0.02}}},
        {"uniface", {MARGIN_UNIFACE, {0.4, 1}}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config c;
        struct error error;
        char text[256];
        snprintf(text, sizeof text, "loss: {margin: %s}\ndata: {datasets: [a.yaml]}\n", cases[i].text);
        assert_int_equal(parse(text, &c, &error), STATUS_OK);
        assert_memory_equal(&c.loss.margin, &cases[i].margin, sizeof c.loss.margin);
        /* What is printed reads back to the same. */
        char *printed = config_format(&c, true);
        struct config again;
        assert_int_equal(parse(printed, &again, &error), STATUS_OK);
        assert_memory_equal(&again.loss.margin, &cases[i].margin, sizeof c.loss.margin);
        free(printed);
        config_free(&again);
        config_free(&c);
    }
}

static void test_datasets_with_weights(void **state)
{
    struct config c;
    struct error error;
    (void)state;
    assert_int_equal(
        parse("data:\n  lanes: 4\n  datasets:\n  - a.yaml\n  - {manifest: b.yaml, weight: 0.5}\n", &c,
              &error),
        STATUS_OK);
    assert_int_equal(c.data.lanes, 4);
    assert_int_equal(c.data.dataset_count, 2);
    assert_string_equal(c.data.datasets[1].manifest, "b.yaml");
    assert_true(c.data.datasets[1].weight == 0.5);
    config_free(&c);
}

/* The dataset's own key, its preset, that of all, the preset of all: the first that there is. */
static void test_augmentation_of_each_dataset(void **state)
{
    static const char text[] =
        "data:\n  datasets: [a, {manifest: b, augment: dali}, {manifest: c, augment: {blur: 0.5, "
        "flip: false}}, {manifest: d, augment: {preset: none, shift: 1, crop: preset}}]\n"
        "  augment: {preset: adaface, crop: 0.3, resolution: preset, shift: 4}\n";
    static const struct {
        bool flip;
        int shift;
        double crop, resolution, least, blur, light, grey;
    } expected[] = {{true, 4, 0.3, 0.2, 0.2, 0, 0.2, 0},
                    {true, 4, 0, 0.1, 0.5, 0.2, 0, 0.1},
                    {false, 4, 0.3, 0.2, 0.2, 0.5, 0.2, 0},
                    {true, 1, 0, 0, 0.2, 0, 0, 0}};
    struct config c;
    struct error error;
    char told[512];
    (void)state;
    assert_int_equal(parse(text, &c, &error), STATUS_OK);
    for (size_t k = 0; k < 4; k++) {
        struct config_augment a;
        config_augment_of(&c, k, &a);
        assert_true(a.flip == expected[k].flip && a.shift == expected[k].shift && a.crop == expected[k].crop);
        assert_true(a.resolution == expected[k].resolution && a.resolution_least == expected[k].least);
        assert_true(a.blur == expected[k].blur && a.light == expected[k].light && a.grey == expected[k].grey);
        config_augment_text(&a, told, sizeof told);
        assert_string_equal(
            told, ((const char *[]){"flip, shift 4, crop 0.3 (area from 0.2), resolution 0.2 (0.2 to "
                                    "1, any filters), light 0.2 (by up to 0.5)",
                                    "flip, shift 4, resolution 0.1 (0.5 to 0.8, linear), blur 0.2, "
                                    "hue 0.2 (up to 20 degrees, saturation to 1.2), grey 0.1",
                                    "shift 4, crop 0.3 (area from 0.2), resolution 0.2 (0.2 to 1, any "
                                    "filters), blur 0.5, light 0.2 (by up to 0.5)",
                                    "flip, shift 1"})[k]);
    }
    config_free(&c);
    assert_int_equal(parse("data: {datasets: [a], augment: dali}\n", &c, &error), STATUS_OK);
    assert_int_equal(c.data.augment.preset, CONFIG_PRESET_DALI);
    config_free(&c);
}

static void test_sampling_of_each_dataset(void **state)
{
    static const enum config_sampling expected[] = {CONFIG_SAMPLING_BALANCED, CONFIG_SAMPLING_CAPPED,
                                                    CONFIG_SAMPLING_NATURAL, CONFIG_SAMPLING_BALANCED};
    struct config c;
    struct error error;
    (void)state;
    assert_int_equal(
        parse("data: {datasets: [a, {manifest: b, sampling: capped}, {manifest: c, sampling: natural}, "
              "{manifest: d, cap: 3}], sampling: balanced, cap: 8}\n",
              &c, &error),
        STATUS_OK);
    for (size_t k = 0; k < 4; k++) {
        int cap;
        assert_int_equal(config_sampling_of(&c, k, &cap), expected[k]);
        assert_int_equal(cap, k == 3 ? 3 : 8);
    }
    config_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_margins_by_name),
        cmocka_unit_test(test_datasets_with_weights),
        cmocka_unit_test(test_augmentation_of_each_dataset),
        cmocka_unit_test(test_sampling_of_each_dataset),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
