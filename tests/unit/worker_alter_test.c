/* worker/augment/alter.h against tests/oracle/augment/alter.txt, on every instruction set; and what
 * worker/augment/alteration.h draws. */
#include "golden.h"
#include "worker/augment/alteration.h"

#define GOLDEN "tests/oracle/augment/alter.txt"

enum { SIDE = 20, SAMPLES = SIDE * SIDE * 3, LARGE = 112, DRAWS = 20000 };

struct canvas {
    uint8_t pixels[SAMPLES], room[SAMPLES];
    struct resample_weights weights;
    struct alter_image image;
};

/* The image of the golden file. The caller frees it. */
static struct canvas *canvas_of(enum isa isa)
{
    struct canvas *canvas = calloc(1, sizeof *canvas);
    size_t count;
    double *values = golden_values(GOLDEN, "image", &count);
    assert_int_equal(count, SAMPLES);
    for (size_t i = 0; i < count; i++) {
        canvas->pixels[i] = (uint8_t)values[i];
    }
    free(values);
    canvas->image = (struct alter_image){.kernels = pixel_kernels_of(isa),
                                         .side = SIDE,
                                         .pixels = canvas->pixels,
                                         .room = canvas->room,
                                         .weights = &canvas->weights};
    return canvas;
}

/* No sample is more than `most` levels away, and no more than a share of them is at all. */
static void assert_golden(const struct canvas *canvas, const char *name, double most, double share)
{
    size_t count, moved = 0;
    double *expected = golden_values(GOLDEN, name, &count);
    assert_int_equal(count, SAMPLES);
    for (size_t i = 0; i < count; i++) {
        const double away = fabs(canvas->pixels[i] - expected[i]);
        if (away > most) {
            fail_msg("%s: sample %zu is %d, expected %g", name, i, canvas->pixels[i], expected[i]);
        }
        moved += away > 0;
    }
    if ((double)moved > share * SAMPLES) {
        fail_msg("%s: %zu samples are away", name, moved);
    }
    free(expected);
}

/* A sum that lies between two levels may be rounded to either, at each of four passes. */
static void test_resolution_is_lost_as_by_the_filters(void **state)
{
    static const char *const names[] = {"nearest", "linear", "area", "cubic", "lanczos", "triangle"};
    static const struct {
        enum resample_filter down, up;
        int small;
    } cases[] = {{RESAMPLE_NEAREST, RESAMPLE_LANCZOS, 7}, {RESAMPLE_LINEAR, RESAMPLE_CUBIC, 13},
                 {RESAMPLE_AREA, RESAMPLE_AREA, 6},       {RESAMPLE_CUBIC, RESAMPLE_LINEAR, 15},
                 {RESAMPLE_LANCZOS, RESAMPLE_NEAREST, 9}, {RESAMPLE_TRIANGLE, RESAMPLE_TRIANGLE, 11},
                 {RESAMPLE_AREA, RESAMPLE_CUBIC, 20},     {RESAMPLE_TRIANGLE, RESAMPLE_LINEAR, 3}};
    (void)state;
    for (enum isa isa = 0; isa <= isa_best(); isa++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct canvas *canvas = canvas_of(isa);
            char name[64];
            snprintf(name, sizeof name, "resolution-%s-%s-%d", names[cases[i].down], names[cases[i].up],
                     cases[i].small);
            alter_resolution(&canvas->image, cases[i].small, cases[i].down, cases[i].up);
            assert_golden(canvas, name, 2, 0.25);
            free(canvas);
        }
        for (int window = 3; window <= 5; window += 2) {
            struct canvas *canvas = canvas_of(isa);
            alter_blur(&canvas->image, window);
            assert_golden(canvas, window == 3 ? "blur-3" : "blur-5", 1, 0.02);
            free(canvas);
        }
    }
}

static void test_colours_change_as_in_pillow_and_yiq(void **state)
{
    static const struct {
        const char *name;
        void (*change)(const struct alter_image *, double);
    } changes[] = {
        {"brightness", alter_brightness}, {"contrast", alter_contrast}, {"saturation", alter_saturation}};
    static const char *const factors[] = {"0.0", "0.83", "1.5"};
    static const double hues[][2] = {{0, 1.2}, {20, 1}, {13, 1.1}, {170, 0.5}};
    char name[64];
    (void)state;
    for (enum isa isa = 0; isa <= isa_best(); isa++) {
        for (size_t i = 0; i < 9; i++) {
            struct canvas *canvas = canvas_of(isa);
            snprintf(name, sizeof name, "%s-%s", changes[i / 3].name, factors[i % 3]);
            changes[i / 3].change(&canvas->image, strtod(factors[i % 3], NULL));
            assert_golden(canvas, name, 1, 1); /* Pillow cuts off what is behind the point */
            free(canvas);
        }
        for (size_t i = 0; i < sizeof hues / sizeof *hues; i++) {
            struct canvas *canvas = canvas_of(isa);
            snprintf(name, sizeof name, "hue-%g-%g", hues[i][0], hues[i][1]);
            alter_hue(&canvas->image, hues[i][0], hues[i][1]);
            assert_golden(canvas, name, 1, 0.02);
            free(canvas);
        }
        struct canvas *canvas = canvas_of(isa);
        alter_grey(&canvas->image);
        assert_golden(canvas, "grey", 1, 0.02);
        free(canvas);
    }
}

static void test_jpeg_and_mask(void **state)
{
    static const int qualities[] = {30, 75, 95};
    const struct alter_mask mask = {.centre = 0.52,
                                    .half_width = 0.4,
                                    .top = 0.55,
                                    .sag = 0.07,
                                    .bottom = 1.01,
                                    .taper = 0.3,
                                    .colour = {1, 2, 3}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct canvas *canvas = canvas_of(isa_best());
        char name[64];
        snprintf(name, sizeof name, "jpeg-%d", qualities[i]);
        assert_int_equal(alter_jpeg(&canvas->image, qualities[i], NULL), STATUS_OK);
        assert_golden(canvas, name, 1, 0.02); /* another libjpeg may have encoded it */
        free(canvas);
    }
    struct canvas *canvas = canvas_of(isa_best());
    alter_mask(&canvas->image, &mask);
    assert_golden(canvas, "mask", 0, 0);
    free(canvas);
}

static bool is_within(struct alter_box box, size_t sample)
{
    const int x = (int)(sample / 3 % SIDE), y = (int)(sample / 3 / SIDE);
    return x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
}

static void test_boxes_are_kept_or_erased(void **state)
{
    const struct alter_box boxes[] = {{0, 0, SIDE, SIDE}, {3, 5, 7, 11}, {19, 0, 1, 20}, {0, 19, 13, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++) {
        struct canvas *kept = canvas_of(isa_best()), *erased = canvas_of(isa_best()),
                      *whole = canvas_of(isa_best());
        struct random random = random_stream(3, RANDOM_ALTER, i, 0);
        double sum = 0, count = 0;
        alter_crop(&kept->image, boxes[i]);
        alter_erase(&erased->image, boxes[i], &random);
        for (size_t s = 0; s < SAMPLES; s++) {
            const bool within = is_within(boxes[i], s);
            assert_int_equal(kept->pixels[s], within ? whole->pixels[s] : 0);
            if (within) {
                sum += erased->pixels[s];
                count++;
            } else {
                assert_int_equal(erased->pixels[s], whole->pixels[s]);
            }
        }
        assert_true(fabs(sum / count - 127.5) < 5 * 74 / sqrt(count)); /* even from 0 to 255 */
        free(kept);
        free(erased);
        free(whole);
    }
}

/* Everything is always done. */
static struct config_augment all_of(double probability)
{
    struct config_augment augment;
    assert_true(config_augment_of_preset("none", &augment));
    augment.shift = 4;
    augment.mask = augment.crop = augment.resolution = augment.blur = augment.light = probability;
    augment.hue = augment.grey = augment.jpeg = augment.erase = probability;
    return augment;
}

static void assert_range(double value, double least, double most)
{
    if (value < least || value > most) {
        fail_msg("%g is not within %g to %g", value, least, most);
    }
}

static void assert_box(struct alter_box box, double least, double most, double ratio)
{
    assert_true(box.x >= 0 && box.y >= 0 && box.x + box.width <= LARGE && box.y + box.height <= LARGE);
    /* Sides are whole pixels. */
    assert_true((box.width + 0.5) * (box.height + 0.5) >= least * LARGE * LARGE);
    assert_true((box.width - 0.5) * (box.height - 0.5) <= most * LARGE * LARGE);
    assert_range((box.width + 0.5) / (box.height - 0.5), 1 / ratio, HUGE_VAL);
    assert_range((box.width - 0.5) / (box.height + 0.5), 0, ratio);
}

static void test_draws_are_within_their_bounds(void **state)
{
    const struct config_augment augment = all_of(1);
    int smallest = LARGE, largest = 0, windows[6] = {0}, filters[2][RESAMPLE_DRAWN] = {{0}},
        first[LIGHT_KINDS] = {0};
    (void)state;
    for (uint64_t id = 0; id < DRAWS; id++) {
        struct alteration a;
        alteration_draw(&augment, 5, 2, id, LARGE, &a);
        assert_true(a.mask && a.resolution && a.blur && a.light && a.hue && a.grey && a.jpeg);
        if (a.crop) {
            assert_box(a.kept, 0.2, 1, 4.0 / 3);
        }
        if (a.erase) {
            assert_box(a.erased, 0.02, 0.4, 10.0 / 3);
        }
        assert_in_range(a.small, 22, 111);
        smallest = a.small < smallest ? a.small : smallest;
        largest = a.small > largest ? a.small : largest;
        filters[0][a.down]++;
        filters[1][a.up]++;
        windows[a.window]++;
        first[a.order[0]]++;
        for (int i = 0; i < LIGHT_KINDS; i++) {
            assert_range(a.factor[i], 0.5, 1.5);
        }
        assert_range(a.degrees, 0, 20);
        assert_range(a.saturation, 1, 1.2);
        assert_in_range(a.quality, 30, 95);
        assert_true(abs(a.across) <= 4 && abs(a.down_by) <= 4);
    }
    assert_int_equal(smallest, 22);
    assert_int_equal(largest, 111);
    assert_int_equal(windows[3] + windows[5], DRAWS);
    assert_range(windows[3], 0.48 * DRAWS, 0.52 * DRAWS);
    for (int i = 0; i < RESAMPLE_DRAWN; i++) {
        assert_range(filters[0][i], 0.18 * DRAWS, 0.22 * DRAWS);
        assert_range(filters[1][i], 0.18 * DRAWS, 0.22 * DRAWS);
    }
    for (int i = 0; i < LIGHT_KINDS; i++) {
        assert_range(first[i], 0.31 * DRAWS, 0.36 * DRAWS);
    }
}

/* Of the presets: how often each kind falls on an image. */
static void test_presets_alter_as_often_as_they_say(void **state)
{
    static const struct {
        const char *name;
        double crop, resolution, blur, light, hue, grey;
        int least, most;
    } cases[] = {{"none", 0, 0, 0, 0, 0, 0, 0, 0},
                 {"adaface", 0.2, 0.2, 0, 0.2, 0, 0, 22, 111},
                 {"dali", 0, 0.1, 0.2, 0, 0.2, 0.1, 56, 89}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config_augment augment;
        int crop = 0, resolution = 0, blur = 0, light = 0, hue = 0, grey = 0, flip = 0;
        assert_true(config_augment_of_preset(cases[i].name, &augment));
        for (uint64_t id = 0; id < DRAWS; id++) {
            struct alteration a;
            alteration_draw(&augment, 7, 0, id, LARGE, &a);
            crop += a.crop;
            resolution += a.resolution;
            blur += a.blur;
            light += a.light;
            hue += a.hue;
            grey += a.grey;
            flip += a.flip;
            assert_false(a.mask || a.jpeg || a.erase);
            if (a.resolution) {
                assert_in_range(a.small, cases[i].least, cases[i].most);
                assert_true((a.down == RESAMPLE_TRIANGLE) == (i == 2));
            }
        }
        const double found[] = {crop, resolution, blur, light, hue, grey, flip};
        const double expected[] = {cases[i].crop,
                                   cases[i].resolution,
                                   cases[i].blur,
                                   cases[i].light,
                                   cases[i].hue,
                                   cases[i].grey,
                                   0.5};
        for (size_t k = 0; k < sizeof found / sizeof *found; k++) {
            const double deviation = sqrt(expected[k] * (1 - expected[k]) * DRAWS);
            assert_range(found[k], expected[k] * DRAWS - 5 * deviation, expected[k] * DRAWS + 5 * deviation);
        }
    }
    assert_false(config_augment_of_preset("dalli", &(struct config_augment){.flip = false}));
}

/* What is drawn for one kind does not depend on the others, and for a sample on its key alone. */
static void test_draws_depend_on_their_key_alone(void **state)
{
    struct config_augment all = all_of(1), one = all_of(0);
    int changed[3] = {0};
    (void)state;
    one.light = 1;
    for (uint64_t id = 0; id < 200; id++) {
        struct alteration a, b, others[3];
        alteration_draw(&all, 5, 2, id, LARGE, &a);
        alteration_draw(&one, 5, 2, id, LARGE, &b);
        assert_memory_equal(a.factor, b.factor, sizeof a.factor);
        assert_memory_equal(a.order, b.order, sizeof a.order);
        assert_true(a.flip == b.flip && a.across == b.across && a.down_by == b.down_by);
        assert_false(b.mask || b.crop || b.resolution || b.blur || b.hue || b.grey || b.jpeg || b.erase);
        alteration_draw(&all, 6, 2, id, LARGE, &others[0]);
        alteration_draw(&all, 5, 3, id, LARGE, &others[1]);
        alteration_draw(&all, 5, 2, id + (UINT64_C(1) << 40), LARGE, &others[2]);
        for (int i = 0; i < 3; i++) {
            changed[i] += others[i].factor[0] != a.factor[0] && others[i].degrees != a.degrees;
        }
    }
    assert_true(changed[0] > 190 && changed[1] > 190 && changed[2] > 190);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolution_is_lost_as_by_the_filters),
        cmocka_unit_test(test_colours_change_as_in_pillow_and_yiq),
        cmocka_unit_test(test_jpeg_and_mask),
        cmocka_unit_test(test_boxes_are_kept_or_erased),
        cmocka_unit_test(test_draws_are_within_their_bounds),
        cmocka_unit_test(test_presets_alter_as_often_as_they_say),
        cmocka_unit_test(test_draws_depend_on_their_key_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
