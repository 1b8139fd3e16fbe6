/* daemon/terminal/options.h: parsing by a table, its refusals, its help text. */
#include "daemon/terminal/options.h"

#include "daemon/terminal/roff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 16

struct values {
    bool force;
    int count;
    double rate;
    const char *name;
    struct option_list set;
};

struct parsed {
    struct values values;
    const char *positional[3];
    size_t positionals;
    bool help;
    enum status status;
    struct error error;
};

/* Parses words, ended by NULL, by a table with one option of each kind. */
static struct parsed parse(const char *const *words)
{
    struct parsed parsed = {.values = {.count = 7, .rate = 0.5, .name = "none"}};
    struct values *values = &parsed.values;
    const struct option_spec specs[] = {
        {"force", 'f', OPTION_FLAG, &values->force, NULL, "go on", 0, 0},
        {"count", 'c', OPTION_INT, &values->count, "N", "how many", 1, 100},
        {"rate", 0, OPTION_DOUBLE, &values->rate, "X", "how fast", -1, 1},
        {"name", 'n', OPTION_STRING, &values->name, "NAME", "what it is called", 0, 0},
        {"set", 's', OPTION_LIST, &values->set, "K=V", "may be repeated", 0, 0},
    };
    char copies[ARGUMENTS_MAX][64], *argv[ARGUMENTS_MAX + 1];
    int argc = 1;
    argv[0] = copies[0];
    strcpy(copies[0], "test");
    static char kept[ARGUMENTS_MAX][64]; /* values point into argv, which must outlive this call */
    for (; words[argc - 1]; argc++) {
        snprintf(kept[argc], sizeof kept[argc], "%s", words[argc - 1]);
        argv[argc] = kept[argc];
    }
    argv[argc] = NULL;
    parsed.status = options_parse("usage: test [OPTIONS]", specs, sizeof specs / sizeof *specs, argc, argv,
                                  parsed.positional, 3, &parsed.positionals, &parsed.help, &parsed.error);
    return parsed;
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void takes_every_kind_in_every_form(void **state)
{
    (void)state;
    struct parsed parsed =
        PARSE("one", "--force", "--count=12", "--rate", "-0.25", "-nbob", "two", "-s", "a=1", "--set=b=2");
    assert_int_equal(parsed.status, STATUS_OK);
    assert_true(parsed.values.force);
    assert_int_equal(parsed.values.count, 12);
    assert_true(parsed.values.rate == -0.25);
    assert_string_equal(parsed.values.name, "bob");
    assert_int_equal(parsed.values.set.count, 2);
    assert_string_equal(parsed.values.set.values[0], "a=1");
    assert_string_equal(parsed.values.set.values[1], "b=2");
    assert_int_equal(parsed.positionals, 2);
    assert_string_equal(parsed.positional[0], "one");
    assert_string_equal(parsed.positional[1], "two");
    option_list_free(&parsed.values.set);
}

static void keeps_defaults_and_heeds_the_double_dash(void **state)
{
    (void)state;
    struct parsed parsed = PARSE("--", "--force", "-1");
    assert_int_equal(parsed.status, STATUS_OK);
    assert_false(parsed.values.force);
    assert_int_equal(parsed.values.count, 7);
    assert_string_equal(parsed.positional[0], "--force");
    assert_int_equal(PARSE("-1").positionals, 1);
}

static void refuses_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *words[3];
        const char *what;
    } cases[] = {
        {{"--cuont", "3", NULL}, "nearest is --count"},
        {{"--zzzzzzzz", NULL}, "unknown option"},
        {{"-x", NULL}, "unknown option"},
        {{"--count", NULL}, "needs a value"},
        {{"--count", "0", NULL}, "from 1 to 100"},
        {{"--count", "101", NULL}, "from 1 to 100"},
        {{"--count", "3.5", NULL}, "whole number"},
        {{"--count", "3x", NULL}, "whole number"},
        {{"--count=", NULL}, "whole number"},
        {{"--rate", "nan", NULL}, "from -1 to 1"},
        {{"--rate", "1e999", NULL}, "from -1 to 1"},
        {{"--force=yes", NULL}, "takes no value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct parsed parsed = parse(cases[i].words);
        assert_int_equal(parsed.status, STATUS_USAGE);
        assert_int_equal(parsed.error.status, STATUS_USAGE);
        if (!strstr(parsed.error.what, cases[i].what)) {
            fail_msg("%s: '%s' lacks '%s'", cases[i].words[0], parsed.error.what, cases[i].what);
        }
    }
    assert_int_equal(PARSE("1", "2", "3", "4").status, STATUS_USAGE);
}

/* What `parse` prints to stdout. */
static void capture(const char *const *words, char *text, size_t size, struct parsed *parsed)
{
    FILE *file = tmpfile();
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    *parsed = parse(words);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    size_t length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
}

static void prints_the_table_as_help(void **state)
{
    (void)state;
    char text[4096];
    struct parsed parsed;
    capture((const char *const[]){"--help", "--nonsense", NULL}, text, sizeof text, &parsed);
    assert_int_equal(parsed.status, STATUS_OK);
    assert_true(parsed.help);
    assert_non_null(strstr(text, "usage: test [OPTIONS]\n"));
    assert_non_null(strstr(text, "  -f, --force               go on\n"));
    assert_non_null(strstr(text, "  -c, --count N             how many\n"));
    assert_non_null(strstr(text, "      --rate X              how fast\n"));
    assert_non_null(strstr(text, "  -h, --help"));
}

static void prints_the_table_for_man_pages_and_shells(void **state)
{
    (void)state;
    char text[4096];
    struct parsed parsed;
    capture((const char *const[]){"--help=man", NULL}, text, sizeof text, &parsed);
    assert_int_equal(parsed.status, STATUS_OK);
    assert_true(parsed.help);
    assert_non_null(strstr(text, ".B \"test [OPTIONS]\"\n"));
    assert_non_null(strstr(text, ".TP\n.B \"\\-c, \\-\\-count N\"\nhow many\n"));
    capture((const char *const[]){"--help=words", NULL}, text, sizeof text, &parsed);
    assert_true(parsed.help);
    assert_non_null(strstr(text, "--force\n--count\n--rate\n"));
    assert_non_null(strstr(text, "\n--help\n"));
}

static void keeps_text_from_being_roff(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    roff_text(out, ".so file\n'it\\s\n-1.5 \"x\"");
    fclose(out);
    assert_string_equal(text, "\\&.so file\n\\&\\(aqit\\es\n\\-1.5 \\(dqx\\(dq");
    free(text);
}

static void finds_the_nearest_word(void **state)
{
    (void)state;
    static const char *const words[] = {"synth", "pack", "verify", "info", "tail", "eval"};
    size_t count = sizeof words / sizeof *words;
    assert_string_equal(option_nearest("verfiy", words, count, sizeof *words), "verify");
    assert_string_equal(option_nearest("tali", words, count, sizeof *words), "tail");
    assert_null(option_nearest("quxquxqux", words, count, sizeof *words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_kind_in_every_form),
        cmocka_unit_test(keeps_defaults_and_heeds_the_double_dash),
        cmocka_unit_test(refuses_what_is_wrong),
        cmocka_unit_test(prints_the_table_as_help),
        cmocka_unit_test(prints_the_table_for_man_pages_and_shells),
        cmocka_unit_test(keeps_text_from_being_roff),
        cmocka_unit_test(finds_the_nearest_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
