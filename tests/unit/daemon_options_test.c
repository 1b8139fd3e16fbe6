/* daemon/terminal/command.h: parsing by a table, its refusals, its help text; and the tables of dail. */
#include "daemon/command/commands.h"
#include "daemon/terminal/command_help.h"
#include "daemon/terminal/roff.h"
#include "proto/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 16

enum colour { COLOUR_RED = 3, COLOUR_GREEN, COLOUR_BLUE };

struct values {
    bool force;
    int count;
    uint64_t seed, bytes;
    double rate;
    enum colour colour;
    const char *name, *scope;
    struct option_strings set;
    struct option_numbers folds;
};

#define AT(member) offsetof(struct values, member)

static const struct option_spec options[] = {
    {.name = "force", .short_name = 'f', .kind = OPTION_FLAG, .offset = AT(force), .help = "go on"},
    {.name = "count",
     .short_name = 'c',
     .kind = OPTION_INT,
     .offset = AT(count),
     .metavar = "N",
     .help = "how many",
     .min = 1,
     .max = 100},
    {.name = "seed",
     .kind = OPTION_UINT64,
     .offset = AT(seed),
     .metavar = "N",
     .help = "of all",
     .max = UINT64_MAX},
    {.name = "bytes",
     .kind = OPTION_SIZE,
     .offset = AT(bytes),
     .metavar = "SIZE",
     .help = "how large",
     .min = 1 << 10,
     .max = (uint64_t)8 << 30},
    {.name = "rate",
     .kind = OPTION_DOUBLE,
     .offset = AT(rate),
     .metavar = "X",
     .help = "how fast",
     .low = -1,
     .high = 1},
    {.name = "colour",
     .kind = OPTION_CHOICE,
     .offset = AT(colour),
     .help = "of what is drawn",
     .min = COLOUR_RED,
     .choices = "red|green|blue"},
    {.name = "scope",
     .kind = OPTION_STRING,
     .offset = AT(scope),
     .help = "as in the configuration",
     .key = "loss.scope"},
    {.name = "name",
     .short_name = 'n',
     .kind = OPTION_STRING,
     .offset = AT(name),
     .metavar = "NAME",
     .help = "what it is called"},
    {.name = "folds",
     .kind = OPTION_NUMBERS,
     .offset = AT(folds),
     .metavar = "A,B",
     .help = "only these",
     .max = 9},
    OPTION_ROW_SET(AT(set)),
    {0}};

static const struct operand_spec operands[] = {
    {.name = "WORD", .min = 1, .max = 1}, {.name = "MORE", .max = 2}, {0}};

static const struct command_example examples[] = {{"test one", "tests one"}, {0}};
static const struct command_exit exits[] = {{9, "of its own"}, {0}};

static const struct values defaults = {
    .count = 7, .rate = 0.5, .bytes = 64 << 20, .colour = COLOUR_GREEN, .name = "none"};

static const struct command command = {.name = "test",
                                       .summary = "test options",
                                       .usage = "test [OPTIONS] WORD\ntest MORE",
                                       .description = "Tests them.",
                                       .options = options,
                                       .operands = operands,
                                       .examples = examples,
                                       .exits = exits,
                                       .defaults = &defaults,
                                       .size = sizeof defaults};

struct parsed {
    struct command_line line;
    const struct values *values;
    enum status status;
    struct error error;
};

/* Parses words, ended by NULL, with at most 15 of them. The caller frees parsed.line. */
static struct parsed parse_by(const struct command *by, const char *const *words)
{
    static char kept[ARGUMENTS_MAX][64]; /* values point into argv, which must outlive this call */
    struct parsed parsed = {0};
    char *argv[ARGUMENTS_MAX + 1];
    int argc = 1;
    argv[0] = kept[0];
    for (; words[argc - 1]; argc++) {
        snprintf(kept[argc], sizeof kept[argc], "%s", words[argc - 1]);
        argv[argc] = kept[argc];
    }
    argv[argc] = NULL;
    parsed.status = command_parse(by, argc, argv, &parsed.line, &parsed.error);
    parsed.values = parsed.line.values;
    return parsed;
}

static struct parsed parse(const char *const *words)
{
    return parse_by(&command, words);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void takes_every_kind_in_every_form(void **state)
{
    (void)state;
    struct parsed parsed = PARSE("one", "--force", "--count=12", "--rate", "-0.25", "-nbob", "two", "-s",
                                 "a=1", "--set=b=2", "--folds", "9,0", "--colour", "blue", "--scope=all");
    assert_int_equal(parsed.status, STATUS_OK);
    assert_true(parsed.values->force);
    assert_int_equal(parsed.values->count, 12);
    assert_true(parsed.values->rate == -0.25);
    assert_string_equal(parsed.values->name, "bob");
    assert_int_equal(parsed.values->colour, COLOUR_BLUE);
    assert_string_equal(parsed.values->scope, "all");
    assert_int_equal(parsed.values->folds.count, 2);
    assert_int_equal(parsed.values->folds.values[0], 9);
    assert_int_equal(parsed.values->folds.values[1], 0);
    assert_int_equal(parsed.values->set.count, 2);
    assert_string_equal(parsed.values->set.values[0], "a=1");
    assert_string_equal(parsed.values->set.values[1], "b=2");
    assert_int_equal(parsed.line.operand_count, 2);
    assert_string_equal(parsed.line.operands[0], "one");
    assert_string_equal(parsed.line.operands[1], "two");
    command_line_free(&command, &parsed.line);
}

static void takes_numbers_of_64_bits_and_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } sizes[] = {{"3", 3 << 20}, {"1K", 1 << 10}, {"5M", 5 << 20}, {"8G", (uint64_t)8 << 30}};
    struct parsed parsed = PARSE("one", "--seed", "18446744073709551615");
    assert_int_equal(parsed.status, STATUS_OK);
    assert_true(parsed.values->seed == UINT64_MAX);
    command_line_free(&command, &parsed.line);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        parsed = PARSE("one", "--bytes", sizes[i].text);
        assert_int_equal(parsed.status, STATUS_OK);
        assert_true(parsed.values->bytes == sizes[i].bytes);
        command_line_free(&command, &parsed.line);
    }
}

static void keeps_defaults_and_heeds_the_double_dash(void **state)
{
    (void)state;
    struct parsed parsed = PARSE("--", "--force", "-1");
    assert_int_equal(parsed.status, STATUS_OK);
    assert_false(parsed.values->force);
    assert_int_equal(parsed.values->count, 7);
    assert_int_equal(parsed.values->colour, COLOUR_GREEN);
    assert_string_equal(parsed.line.operands[0], "--force");
    command_line_free(&command, &parsed.line);
    parsed = PARSE("-1");
    assert_int_equal(parsed.line.operand_count, 1);
    command_line_free(&command, &parsed.line);
}

static void hands_on_what_stands_behind_the_double_dash(void **state)
{
    (void)state;
    struct command passing = command;
    passing.rest = "option of another program";
    struct parsed parsed =
        parse_by(&passing, (const char *const[]){"one", "-c", "3", "--", "--count", "x", NULL});
    assert_int_equal(parsed.status, STATUS_OK);
    assert_int_equal(parsed.line.operand_count, 1);
    assert_int_equal(parsed.line.rest_count, 2);
    assert_string_equal(parsed.line.rest[0], "--count");
    command_line_free(&passing, &parsed.line);
    parsed = parse_by(&passing, (const char *const[]){"--", "one", NULL});
    assert_int_equal(parsed.status, STATUS_USAGE);
    command_line_free(&passing, &parsed.line);
    parsed = parse_by(&passing, (const char *const[]){"1", "2", "3", "4", NULL});
    assert_string_equal(parsed.error.next, "put each option of another program behind --");
    command_line_free(&passing, &parsed.line);
}

static void refuses_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *words[6];
        const char *what;
    } cases[] = {
        {{"--cuont", "3", NULL}, "nearest is --count"},
        {{"--zzzzzzzz", NULL}, "unknown option"},
        {{"-x", NULL}, "unknown option"},
        {{"--count", NULL}, "--count needs a value: N"},
        {{"--colour", NULL}, "--colour needs a value: red|green|blue"},
        {{"--count", "0", NULL}, "--count takes a whole number from 1 to 100"},
        {{"--count", "101", NULL}, "from 1 to 100"},
        {{"--count", "-1", NULL}, "from 1 to 100"},
        {{"--count", "3.5", NULL}, "whole number"},
        {{"--count", "3x", NULL}, "whole number"},
        {{"--count=", NULL}, "whole number"},
        {{"--seed", "18446744073709551616", NULL}, "from 0 to 18446744073709551615"},
        {{"--seed", "-1", NULL}, "from 0 to 18446744073709551615"},
        {{"--bytes", "9G", NULL}, "--bytes takes a size from 1K to 8192M"},
        {{"--bytes", "99999999999T", NULL}, "a size"},
        {{"--bytes", "3X", NULL}, "a size"},
        {{"--bytes", "K", NULL}, "a size"},
        {{"--rate", "nan", NULL}, "--rate takes a number from -1 to 1"},
        {{"--rate", "1e999", NULL}, "from -1 to 1"},
        {{"--colour", "bleu", NULL}, "--colour takes red, green or blue; the nearest is blue"},
        {{"--scope", "al", NULL}, "--scope takes all or dataset; the nearest is all"},
        {{"--folds", "1,,2", NULL}, "--folds takes numbers parted by commas, each from 0 to 9"},
        {{"--folds", "10", NULL}, "from 0 to 9"},
        {{"--force=yes", NULL}, "takes no value"},
        {{"--force", NULL}, "no WORD was given"},
        {{"1", "2", "3", "4", NULL}, "one argument too many"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct parsed parsed = parse(cases[i].words);
        assert_int_equal(parsed.status, STATUS_USAGE);
        assert_int_equal(parsed.error.status, STATUS_USAGE);
        if (!strstr(parsed.error.what, cases[i].what)) {
            fail_msg("%s: '%s' lacks '%s'", cases[i].words[0], parsed.error.what, cases[i].what);
        }
        command_line_free(&command, &parsed.line);
    }
}

/* What `print` says of the command on stdout. */
static void capture(void (*print)(const struct command *), char *text, size_t size)
{
    FILE *file = tmpfile();
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    print(&command);
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
    struct parsed parsed = PARSE("--help", "--nonsense");
    assert_int_equal(parsed.status, STATUS_OK);
    assert_true(parsed.line.help);
    command_line_free(&command, &parsed.line);
    capture(command_print_help, text, sizeof text);
    assert_non_null(strstr(text, "usage: test [OPTIONS] WORD\n       test MORE\nTests them.\n"));
    assert_non_null(strstr(text, "  -f, --force               go on\n"));
    assert_non_null(strstr(text, "  -c, --count N             how many (default: 7)\n"));
    assert_non_null(strstr(text, "      --bytes SIZE          how large (default: 64M)\n"));
    assert_non_null(strstr(text, "      --rate X              how fast (default: 0.5)\n"));
    assert_non_null(strstr(text, "      --colour red|green|blue\n"));
    assert_non_null(strstr(text, "of what is drawn (default: green)\n"));
    assert_non_null(strstr(text, "what it is called (default: none)\n"));
    assert_non_null(strstr(text, "  -h, --help"));
    assert_non_null(strstr(text, "examples:\n  test one\n      tests one\n"));
    assert_non_null(strstr(text, "exit codes:\n  9   of its own\n"));
}

static void prints_the_table_for_man_pages(void **state)
{
    (void)state;
    char text[4096];
    capture(command_print_man, text, sizeof text);
    assert_non_null(strstr(text, ".B \"test [OPTIONS] WORD\"\n.B \"test MORE\"\n"));
    assert_non_null(strstr(text, ".TP\n.B \"\\-c, \\-\\-count N\"\nhow many (default: 7)\n"));
    assert_non_null(strstr(text, ".B \"\\-\\-colour red|green|blue\"\n"));
    assert_non_null(strstr(text, ".TP\n.B \"test one\"\ntests one\n"));
    assert_non_null(strstr(text, ".TP\n.B 9\nof its own\n"));
}

static void is_whole_for_every_command(void **state)
{
    (void)state;
    for (size_t i = 0; commands[i]; i++) {
        const struct command *one = commands[i];
        assert_non_null(one->run);
        assert_true(one->summary && one->usage && one->description);
        assert_int_equal(strncmp(one->usage, "dail ", 5), 0);
        for (const struct option_spec *spec = one->options; spec && spec->name; spec++) {
            assert_true(spec->offset < one->size);
            assert_non_null(spec->help);
            assert_true(spec->kind == OPTION_FLAG || spec->metavar || option_choices(spec));
            assert_true(spec->kind != OPTION_CHOICE || spec->choices);
            assert_true(!spec->key || option_choices(spec));
            assert_true(spec->kind != OPTION_DOUBLE || spec->low < spec->high);
            assert_true(spec->kind != OPTION_INT || spec->min < spec->max);
        }
    }
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
    assert_string_equal(text_nearest("verfiy", words, count, sizeof *words), "verify");
    assert_string_equal(text_nearest("tali", words, count, sizeof *words), "tail");
    assert_null(text_nearest("quxquxqux", words, count, sizeof *words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_kind_in_every_form),
        cmocka_unit_test(takes_numbers_of_64_bits_and_sizes),
        cmocka_unit_test(hands_on_what_stands_behind_the_double_dash),
        cmocka_unit_test(keeps_defaults_and_heeds_the_double_dash),
        cmocka_unit_test(refuses_what_is_wrong),
        cmocka_unit_test(prints_the_table_as_help),
        cmocka_unit_test(prints_the_table_for_man_pages),
        cmocka_unit_test(is_whole_for_every_command),
        cmocka_unit_test(keeps_text_from_being_roff),
        cmocka_unit_test(finds_the_nearest_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
