/* The draw of a step's classes: uniform, of the number it says, and keyed by nothing but seed, step and dataset. */
#include "worker/loss/class_draw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Two whole blocks, and a part of one. */
enum { CLASSES = 2500, BLOCKS = 3, STEPS = 4000 };
#define RATE 0.1

/* Sets drawn [classes]; returns how many are. */
static int draw_all(const struct class_draw *draw, bool *drawn)
{
    int count = 0;
    for (uint32_t block = 0; block * CLASS_DRAW_BLOCK < draw->classes; block++) {
        uint64_t bits[CLASS_DRAW_WORDS];
        class_draw_block(draw, block, bits);
        for (uint32_t i = 0; i < CLASS_DRAW_BLOCK; i++) {
            uint32_t class_index = block * CLASS_DRAW_BLOCK + i;
            bool is = bits[i / 64] >> i % 64 & 1;
            assert_true(class_index < draw->classes || !is);
            if (class_index < draw->classes) {
                drawn[class_index] = is;
            }
            count += is;
        }
    }
    return count;
}

/* Every class as often as any, any two neighbours as often as chance has it, also over blocks, and no step like the one
 * before. */
static void is_uniform(void **state)
{
    (void)state;
    static int often[CLASSES], both[CLASSES];
    static bool drawn[CLASSES], before[CLASSES];
    double again = 0, together = 0;
    for (uint64_t step = 0; step < STEPS; step++) {
        struct class_draw draw = class_draw_begin(5, step, 2, CLASSES, RATE);
        int count = draw_all(&draw, drawn);
        assert_true(abs(count - (int)(RATE * CLASSES)) <= 1);
        for (int c = 0; c < CLASSES; c++) {
            often[c] += drawn[c];
            both[c] += c + 1 < CLASSES && drawn[c] && drawn[c + 1];
            again += drawn[c] && before[c];
        }
        memcpy(before, drawn, sizeof before);
    }
    double deviation = sqrt(STEPS * RATE * (1 - RATE));
    for (int c = 0; c < CLASSES; c++) {
        assert_true(fabs(often[c] - STEPS * RATE) < 5 * deviation);
        assert_true(both[c] < 6 * STEPS * RATE * RATE);
        together += both[c];
    }
    assert_true(both[CLASS_DRAW_BLOCK - 1] > 0);
    assert_true(fabs(again / ((STEPS - 1.0) * CLASSES) - RATE * RATE) < 0.02 * RATE * RATE);
    assert_true(fabs(together / (STEPS * (CLASSES - 1.0)) - RATE * RATE) < 0.02 * RATE * RATE);
}

static void depends_on_its_key_alone(void **state)
{
    (void)state;
    static const uint64_t keys[][3] = {{5, 3, 1}, {5, 3, 1}, {6, 3, 1}, {5, 4, 1}, {5, 3, 2}};
    static bool drawn[5][CLASSES];
    for (size_t i = 0; i < 5; i++) {
        struct class_draw draw =
            class_draw_begin(keys[i][0], keys[i][1], (uint32_t)keys[i][2], CLASSES, RATE);
        draw_all(&draw, drawn[i]);
        assert_true((memcmp(drawn[0], drawn[i], sizeof drawn[0]) == 0) == (i < 2));
    }
}

/* No range has more than it is said to have at most, and that is little more than the rate. */
static void has_so_many_at_most(void **state)
{
    (void)state;
    static bool drawn[CLASSES];
    for (uint64_t step = 0; step < 50; step++) {
        struct class_draw draw = class_draw_begin(9, step, 0, CLASSES, RATE);
        draw_all(&draw, drawn);
        for (int begin = 0; begin < CLASSES; begin += 61) {
            uint64_t count = 0;
            for (int end = begin; end < CLASSES; end++) {
                assert_true(count <= class_draw_most(RATE, (uint64_t)(end - begin)));
                count += drawn[end];
            }
        }
    }
    assert_true(class_draw_most(RATE, 1000000) <= 100000 + 300);
}

/* Rates next to 1 and next to 0, and a dataset of one class. */
static void holds_at_the_ends(void **state)
{
    (void)state;
    static bool drawn[CLASSES];
    int few = 0, one = 0;
    for (uint64_t step = 0; step < 1000; step++) {
        struct class_draw most = class_draw_begin(1, step, 0, CLASSES, nextafter(1, 0));
        assert_int_equal(draw_all(&most, drawn), CLASSES);
        struct class_draw least = class_draw_begin(1, step, 0, CLASSES, 1e-6);
        few += draw_all(&least, drawn);
        struct class_draw alone = class_draw_begin(1, step, 0, 1, 0.25);
        one += draw_all(&alone, drawn);
    }
    assert_true(few <= 10 && one > 200 && one < 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_uniform),
        cmocka_unit_test(depends_on_its_key_alone),
        cmocka_unit_test(has_so_many_at_most),
        cmocka_unit_test(holds_at_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
