/* Records of the status log: the table, and lines of every sort read by it. */
#include "proto/status/status_record.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool read_line(const char *line, struct status_record *record)
{
    return status_record_read(line, strlen(line), record);
}

/* What a record is, written. */
static char *write_record(const struct status_record *record)
{
    json_t *object = status_record_json(record);
    assert_non_null(object);
    char *line = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(12));
    json_decref(object);
    assert_non_null(line);
    return line;
}

static void check_part(const struct status_part *part, int depth)
{
    assert_true(depth < 3);
    for (size_t i = 0; i < part->count; i++) {
        const struct status_field *field = &part->fields[i];
        bool nested = field->type == STATUS_TYPE_OBJECT || field->type == STATUS_TYPE_LIST;
        bool number = field->type == STATUS_TYPE_INTEGER || field->type == STATUS_TYPE_FIGURE;
        assert_true(field->key[0] != '\0' && field->meaning[0] != '\0');
        assert_true(field->offset < part->size);
        assert_int_equal(nested, field->part ? 1 : 0);
        assert_true(field->tag[0] == '\0' || number);
        assert_true(field->when[0] == '\0' || field->type == STATUS_TYPE_FIGURE);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(field->key, part->fields[j].key);
        }
        /* Lists are freed where they stand in a record, and there alone. */
        assert_true(field->type != STATUS_TYPE_LIST || depth == 0);
        if (nested) {
            check_part(field->part, depth + 1);
        }
    }
}

static void test_the_table_is_sound(void **state)
{
    (void)state;
    check_part(status_head_part(), 0);
    for (enum status_kind kind = STATUS_KIND_UNKNOWN + 1; kind < STATUS_KINDS; kind++) {
        const struct status_part *part = status_kind_part(kind), *head = status_head_part();
        assert_non_null(status_kind_name(kind));
        assert_true(status_kind_meaning(kind)[0] != '\0');
        check_part(part, 0);
        for (size_t i = 0; i < part->count; i++) {
            for (size_t j = 0; j < head->count; j++) {
                assert_string_not_equal(part->fields[i].key, head->fields[j].key);
            }
        }
    }
    assert_null(status_kind_part(STATUS_KIND_UNKNOWN));
    assert_null(status_kind_part(STATUS_KINDS));
}

/* A value of its type for each member, all different. */
static void fill(const struct status_part *part, char *values, int *next, char *lists)
{
    for (size_t i = 0; i < part->count; i++) {
        const struct status_field *field = &part->fields[i];
        char *value = values + field->offset;
        static char texts[64][16];
        int number = ++*next;
        int64_t integer = number;
        double figure = number + 0.5;
        const char *text = texts[number % 64];
        struct status_list list = {.at = lists, .count = 2};
        switch (field->type) {
        case STATUS_TYPE_INTEGER:
            memcpy(value, &integer, sizeof integer);
            break;
        case STATUS_TYPE_FIGURE:
            memcpy(value, &figure, sizeof figure);
            break;
        case STATUS_TYPE_TEXT:
        case STATUS_TYPE_OPTION:
            snprintf(texts[number % 64], sizeof texts[0], "t%d", number);
            memcpy(value, &text, sizeof text);
            break;
        case STATUS_TYPE_OBJECT:
            fill(field->part, value, next, lists);
            break;
        case STATUS_TYPE_LIST:
            fill(field->part, lists, next, NULL);
            fill(field->part, lists + field->part->size, next, NULL);
            memcpy(value, &list, sizeof list);
            lists += 2 * field->part->size;
            break;
        }
    }
}

static void test_what_is_written_reads_the_same(void **state)
{
    (void)state;
    for (enum status_kind kind = STATUS_KIND_UNKNOWN + 1; kind < STATUS_KINDS; kind++) {
        struct status_record record = {.kind = kind, .head = {.t = 1.5, .seq = 7}}, found;
        char lists[4096];
        int next = 0;
        fill(status_kind_part(kind), (char *)&record.start, &next, lists);
        char *line = write_record(&record);
        assert_true(read_line(line, &found));
        assert_int_equal(found.kind, kind);
        assert_string_equal(found.problem, "");
        assert_int_equal(found.unknown, 0);
        char *again = write_record(&found);
        assert_string_equal(line, again);
        free(line);
        free(again);
        status_record_free(&found);
    }
}

static void test_figures_that_json_cannot_hold(void **state)
{
    (void)state;
    struct status_record record = {.kind = STATUS_KIND_EVAL,
                                   .eval = {.set = "lfw",
                                            .accuracy = NAN,
                                            .auc = INFINITY,
                                            .tar = {.at_1e2 = 0.5, .at_1e3 = NAN, .at_1e4 = NAN}}},
                         found;
    char *line = write_record(&record);
    assert_non_null(strstr(line, "\"accuracy\":null"));
    assert_non_null(strstr(line, "\"auc\":null"));
    assert_non_null(strstr(line, "\"tar\":{\"1e-2\":0.5}"));
    assert_true(read_line(line, &found));
    assert_string_equal(found.problem, "");
    assert_true(isnan(found.eval.accuracy) && isnan(found.eval.auc) && isnan(found.eval.tar.at_1e3));
    status_record_free(&found);
    free(line);
    struct status_record start = {.kind = STATUS_KIND_START, .start = {.resumed_from = ""}};
    line = write_record(&start);
    assert_non_null(strstr(line, "\"resumed_from\":null"));
    assert_true(read_line(line, &found));
    assert_string_equal(found.start.resumed_from, "");
    status_record_free(&found);
    free(line);
}

static void test_lines_that_are_no_records(void **state)
{
    static const char *const lines[] = {"",
                                        "junk",
                                        "null",
                                        "7",
                                        "\"start\"",
                                        "[{\"kind\":\"start\"}]",
                                        "{}",
                                        "{\"kind\":7}",
                                        "{\"kind\":null}",
                                        "{\"kind\":\"start\"",
                                        "{\"kind\":\"start\"}}",
                                        "{\"kind\":\"a\",\"kind\":\"b\"}",
                                        "{\"kind\":\"warning\",\"what\":\"\\u0000\"}",
                                        "{\"kind\":\"warning\",\"what\":\"\xff\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct status_record record;
        assert_false(read_line(lines[i], &record));
        assert_null(record.texts);
    }
}

static void test_problems_are_told(void **state)
{
    static const struct {
        const char *line, *problem;
        int unknown;
    } cases[] = {
        {"{\"t\":1,\"seq\":1,\"kind\":\"warning\",\"what\":\"w\"}", "", 0},
        {"{\"t\":1,\"seq\":1,\"kind\":\"warning\",\"what\":\"w\",\"who\":1,\"when\":2}", "", 2},
        {"{\"t\":1,\"seq\":1,\"kind\":\"of 2030\",\"what\":\"w\"}", "", 1},
        {"{\"seq\":1,\"kind\":\"warning\",\"what\":\"w\"}", "warning: t is missing", 0},
        {"{\"t\":1,\"seq\":1,\"kind\":\"warning\"}", "warning: what is missing", 0},
        {"{\"t\":1,\"seq\":1,\"kind\":\"warning\",\"what\":null}", "warning: what is no text", 0},
        {"{\"t\":\"x\",\"seq\":1,\"kind\":\"warning\",\"what\":\"w\"}", "warning: t is no number", 0},
        {"{\"t\":1,\"seq\":1,\"kind\":\"stop\",\"reason\":\"done\",\"exit_code\":0.5}",
         "stop: exit_code is no whole number", 0},
        {"{\"t\":1,\"seq\":1,\"kind\":\"plan\",\"epoch\":1,\"lanes\":{}}", "plan: lanes is no list", 0},
        {"{\"t\":1,\"seq\":1,\"kind\":\"plan\",\"epoch\":1,\"lanes\":[3]}",
         "plan: lanes holds what is no object", 0},
        {"{\"t\":1,\"seq\":1,\"kind\":\"plan\",\"epoch\":1,\"lanes\":[{\"lane\":0,\"worker\":1,\"images\":2,"
         "\"leases\":1,\"x\":1}]}",
         "", 1},
        {"{\"t\":1,\"seq\":1,\"kind\":\"plan\",\"epoch\":1,\"lanes\":[{\"lane\":0,\"worker\":1,\"leases\":1}]"
         "}",
         "plan: images is missing", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct status_record record;
        assert_true(read_line(cases[i].line, &record));
        assert_string_equal(record.problem, cases[i].problem);
        assert_int_equal(record.unknown, cases[i].unknown);
        status_record_free(&record);
    }
}

/* Whatever is missing or of another type has a value all the same, and no number is beyond bounds. */
static void test_hostile_members(void **state)
{
    struct status_record record;
    (void)state;
    assert_true(
        read_line("{\"kind\":\"step\",\"seconds\":[1],\"workers\":[1,null,{\"rank\":9223372036854775807}],"
                  "\"step\":-9223372036854775807,\"loss\":\"x\",\"lr\":1e308}",
                  &record));
    assert_true(isnan(record.head.t) && isnan(record.step.loss) && isnan(record.step.seconds.data));
    assert_true(record.step.lr == 1e308 && record.step.epoch == 0);
    assert_true(record.step.step == -STATUS_INTEGER_MAX);
    assert_int_equal(record.step.workers.count, 3);
    assert_true(record.step.workers.at[2].rank == STATUS_INTEGER_MAX && record.step.workers.at[0].rank == 0);
    status_record_free(&record);
    assert_true(read_line("{\"kind\":\"start\",\"workers\":{\"rank\":1},\"name\":[]}", &record));
    assert_int_equal(record.start.workers.count, 0);
    assert_string_equal(record.start.name, "");
    assert_string_equal(record.start.resumed_from, "");
    status_record_free(&record);
    assert_true(
        read_line("{\"kind\":\"fault\",\"host\":\"\\n\",\"what\":\"a\\u001b[2J\\u009b31m\\u007f\\u00e9\\t\"}",
                  &record));
    assert_string_equal(record.fault.host, "?");
    assert_string_equal(record.fault.what, "a?[2J?31m?\xc3\xa9?");
    status_record_free(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_table_is_sound),
                                       cmocka_unit_test(test_what_is_written_reads_the_same),
                                       cmocka_unit_test(test_figures_that_json_cannot_hold),
                                       cmocka_unit_test(test_lines_that_are_no_records),
                                       cmocka_unit_test(test_problems_are_told),
                                       cmocka_unit_test(test_hostile_members)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
