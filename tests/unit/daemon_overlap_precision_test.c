/* daemon/overlap: how far an expected precision can be known, by the people behind the pairs. */
#include "daemon/overlap/overlap_precision.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLOSE(a, b) assert_true(fabs((a) - (b)) < 5e-4)

/* Of all right pairs the interval is Wilson's, as R's prop.test(correct = FALSE) has it; else it is wider. */
static void intervals_are_wilsons(void **state)
{
    (void)state;
    struct overlap_precision precision = overlap_precision_of(1, 40);
    CLOSE(precision.low, 0.9124);
    CLOSE(precision.high, 1);
    /* Wilson's for 20 people: 0.7639 to 0.9911. */
    precision = overlap_precision_of(0.95, 20);
    CLOSE(precision.low, 0.7380);
    CLOSE(precision.high, 0.9923);
    precision = overlap_precision_of(0.9, 1000);
    CLOSE(precision.low, 0.7753);
    CLOSE(precision.high, 0.9591);
}

static void few_people_tell_nothing(void **state)
{
    (void)state;
    assert_false(overlap_precision_of(0.97, 20).told);
    assert_false(overlap_precision_of(1, 40).told);
    assert_true(overlap_precision_of(1, 100).told);
    assert_true(overlap_precision_of(0.98, 300).told);
    assert_false(overlap_precision_of(0.98, 0).told);
    /* Where many are wrong no number of people tells how many. */
    assert_false(overlap_precision_of(0.9, 100000).told);
    /* Below 0.9 nothing bounds it from above. */
    assert_true(overlap_precision_of(0.89, 700).high >= 1 && overlap_precision_of(0.91, 700).high < 1);
}

/* Three classes of one person, two of another, in three datasets. */
static void people_are_counted_not_pairs(void **state)
{
    static const uint64_t first_class[] = {0, 4, 7, 12};
    static const struct overlap_pair pairs[] = {
        {.dataset = {0, 1}, .class = {3, 0}},
        {.dataset = {1, 2}, .class = {0, 4}},
        {.dataset = {0, 2}, .class = {3, 4}},
        {.dataset = {0, 2}, .class = {0, 0}},
    };
    size_t people;
    struct error error;
    (void)state;
    assert_int_equal(overlap_count_people(pairs, 4, first_class, 3, &people, &error), STATUS_OK);
    assert_int_equal(people, 2);
    assert_int_equal(overlap_count_people(pairs, 0, first_class, 3, &people, &error), STATUS_OK);
    assert_int_equal(people, 0);
}

static void what_is_printed(void **state)
{
    static const struct {
        double expected;
        size_t people;
        const char *text;
    } cases[] = {
        {0.98, 400, "expected precision 0.98 (0.94 to 0.99, of 400 people)"},
        {0.8, 700,
         "what precision to expect cannot be told to 0.05: 0.58 to 1.00, as the pairs are of 700 people"},
        {0.97, 30,
         "what precision to expect cannot be told to 0.05: 0.82 to 1.00, as the pairs are of 30 people"},
        {0.97, 1,
         "what precision to expect cannot be told to 0.05: 0.19 to 1.00, as the pairs are of 1 person"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256] = "";
        const struct overlap_precision precision = overlap_precision_of(cases[i].expected, cases[i].people);
        FILE *file = fmemopen(text, sizeof text, "w");
        assert_non_null(file);
        overlap_precision_print(&precision, file);
        assert_int_equal(fclose(file), 0);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_are_wilsons),
        cmocka_unit_test(few_people_tell_nothing),
        cmocka_unit_test(people_are_counted_not_pairs),
        cmocka_unit_test(what_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
