/* Pixels as the network sees them, on every instruction set that this machine runs. */
#include "proto/random.h"
#include "worker/augment/augment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 37, PIXELS = SIDE * SIDE * 3, SEED = 5 };

static void test_every_sample_is_scaled_as_a_division_rounds(void **state)
{
    uint8_t samples[256 + 7];
    float values[256 + 7];
    (void)state;
    for (int i = 0; i < 256 + 7; i++) {
        samples[i] = (uint8_t)i;
    }
    for (enum isa isa = 0; isa <= isa_best(); isa++) {
        for (size_t first = 0; first < 7; first++) { /* not at a vector's beginning, nor of its length */
            pixel_kernels_of(isa)->scale(256, samples + first, values);
            for (size_t i = 0; i < 256; i++) {
                const volatile float above = (float)samples[first + i] - 127.5F;
                const float expected = above / 127.5F;
                assert_memory_equal(&values[i], &expected, sizeof expected);
            }
        }
    }
}

static void test_rows_of_any_length_are_mirrored(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 70; count++) {
        for (enum isa isa = 0; isa <= isa_best(); isa++) {
            uint8_t *row = malloc(count * 3), *mirrored = malloc(count * 3);
            for (size_t i = 0; i < count * 3; i++) {
                row[i] = (uint8_t)(i * 7 + count);
            }
            pixel_kernels_of(isa)->mirror(count, row, mirrored);
            for (size_t x = 0; x < count; x++) {
                assert_memory_equal(mirrored + 3 * x, row + 3 * (count - 1 - x), 3);
            }
            free(row);
            free(mirrored);
        }
    }
}

static int clamped(int position)
{
    return position < 0 ? 0 : position >= SIDE ? SIDE - 1 : position;
}

/* The definition, pixel by pixel. */
static void expect(const struct config_augment *augment, int64_t epoch, uint64_t id, const uint8_t *pixels,
                   float *values)
{
    struct random random = random_stream(SEED, RANDOM_AUGMENT, (uint64_t)epoch, id);
    const bool flip = random_uniform(&random) < 0.5F && augment->flip;
    const uint32_t span = 2 * (uint32_t)augment->shift + 1;
    const int across = (int)random_below(&random, span) - augment->shift;
    const int down = (int)random_below(&random, span) - augment->shift;
    for (int i = 0; i < PIXELS; i++) {
        const int x = clamped(i / 3 % SIDE + across), y = clamped(i / 3 / SIDE + down);
        const volatile float above =
            (float)pixels[(y * SIDE + (flip ? SIDE - 1 - x : x)) * 3 + i % 3] - 127.5F;
        values[i] = above / 127.5F;
    }
}

static void fill(uint8_t *pixels)
{
    for (int i = 0; i < PIXELS; i++) {
        pixels[i] = (uint8_t)((unsigned)i * 2654435761u >> 24);
    }
}

static struct augmenter *augmenter_of(enum isa isa)
{
    struct augmenter *augmenter;
    assert_int_equal(augmenter_create(pixel_kernels_of(isa), SIDE, SEED, &augmenter, NULL), STATUS_OK);
    return augmenter;
}

/* A shift of 64 moves all of so small an image beyond its edge. */
static void test_images_are_moved_and_mirrored_as_defined(void **state)
{
    static const int shifts[] = {0, 1, 5, AUGMENT_SHIFT_MAX};
    uint8_t pixels[PIXELS];
    static float expected[PIXELS], found[PIXELS];
    (void)state;
    fill(pixels);
    for (enum isa isa = 0; isa <= isa_best(); isa++) {
        struct augmenter *augmenter = augmenter_of(isa);
        for (size_t s = 0; s < 2 * sizeof shifts / sizeof *shifts; s++) {
            struct config_augment augment;
            assert_true(config_augment_of_preset("none", &augment));
            augment.flip = s % 2 == 1;
            augment.shift = shifts[s / 2];
            for (uint64_t id = 0; id < 50; id++) {
                expect(&augment, 3, id, pixels, expected);
                assert_int_equal(augment_image(augmenter, &augment, 3, id, pixels, found, NULL), STATUS_OK);
                assert_memory_equal(found, expected, sizeof found);
            }
        }
        augmenter_free(augmenter);
    }
}

/* All changes at once: every instruction set gives the same bits, and what was done to one image leaves nothing behind
 * for the next. */
static void test_altered_images_are_the_same_everywhere(void **state)
{
    struct config_augment augment;
    static float expected[20][PIXELS], found[PIXELS];
    uint8_t pixels[PIXELS];
    int changed = 0;
    (void)state;
    assert_true(config_augment_of_preset("adaface", &augment));
    augment.crop = augment.resolution = augment.light = augment.blur = augment.hue = 0.8;
    augment.mask = augment.jpeg = augment.erase = augment.grey = 0.3;
    for (enum isa isa = 0; isa <= isa_best(); isa++) {
        struct augmenter *augmenter = augmenter_of(isa);
        for (uint64_t i = 0; i < 40; i++) {
            const uint64_t id = (i * 7) % 20;
            float *values = isa == 0 && i < 20 ? expected[id] : found;
            fill(pixels);
            assert_int_equal(augment_image(augmenter, &augment, 1, id, pixels, values, NULL), STATUS_OK);
            assert_memory_equal(values, expected[id], sizeof found);
            changed += memcmp(values, expected[0], sizeof found) != 0;
        }
        augmenter_free(augmenter);
    }
    assert_true(changed >= 38);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_sample_is_scaled_as_a_division_rounds),
        cmocka_unit_test(test_rows_of_any_length_are_mirrored),
        cmocka_unit_test(test_images_are_moved_and_mirrored_as_defined),
        cmocka_unit_test(test_altered_images_are_the_same_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
