#include "daemon/terminal/command_help.h"

#include "daemon/terminal/roff.h"

#include <stdio.h>
#include <string.h>

/* Where the help texts begin. */
#define HELP_COLUMN 28

static const struct option_spec help_row[] = {
    {.name = "help", .short_name = 'h', .kind = OPTION_FLAG, .help = "show this text"}, {0}};

/* The row after `spec`: behind the end of a table stands --help. NULL at the end. */
static const struct option_spec *row_after(const struct option_spec *spec)
{
    if (spec == help_row) {
        return NULL;
    }
    return spec[1].name ? spec + 1 : help_row;
}

static const struct option_spec *first_row(const struct command *command)
{
    return command->options && command->options->name ? command->options : help_row;
}

static const char *value_name(const struct option_spec *spec)
{
    return spec->metavar ? spec->metavar : option_choices(spec);
}

/* " (default: 32)", or nothing where the help says it, or there is none. */
static void default_text(const struct command *command, const struct option_spec *spec, char *text,
                         size_t size)
{
    char value[128];
    text[0] = '\0';
    if (command->defaults && spec != help_row && option_print(spec, command->defaults, value, sizeof value)) {
        snprintf(text, size, " (default: %s)", value);
    }
}

/* Each line of `lines`, the first behind `first`, the others behind `others`. */
static void print_lines(const char *lines, const char *first, const char *others)
{
    while (*lines != '\0') {
        size_t length = strcspn(lines, "\n");
        printf("%s%.*s\n", first, (int)length, lines);
        lines += length + (lines[length] == '\n');
        first = others;
    }
}

static void print_option(const struct command *command, const struct option_spec *spec)
{
    char left[128], initial[160], dash[8] = "    ";
    const char *value = value_name(spec);
    if (spec->short_name) {
        snprintf(dash, sizeof dash, "-%c, ", spec->short_name);
    }
    snprintf(left, sizeof left, "  %s--%s%s%s", dash, spec->name, value ? " " : "", value ? value : "");
    bool apart = strlen(left) >= HELP_COLUMN;
    default_text(command, spec, initial, sizeof initial);
    printf("%-*s%s%*s%s%s\n", HELP_COLUMN, left, apart ? "\n" : "", apart ? HELP_COLUMN : 0, "", spec->help,
           initial);
}

void command_print_help(const struct command *command)
{
    print_lines(command->usage, "usage: ", "       ");
    print_lines(command->description, "", "");
    putchar('\n');
    for (const struct option_spec *spec = first_row(command); spec; spec = row_after(spec)) {
        print_option(command, spec);
    }
    for (const struct command_example *row = command->examples; row && row->line; row++) {
        printf("%s  %s\n      %s\n", row == command->examples ? "\nexamples:\n" : "", row->line,
               row->meaning);
    }
    for (const struct command_exit *row = command->exits; row && row->meaning; row++) {
        printf("%s  %-3d %s\n", row == command->exits ? "\nexit codes:\n" : "", row->code, row->meaning);
    }
}

/* --- As a man page --- */

static void print_man_synopsis(const char *usage)
{
    fputs(".nf\n", stdout);
    while (*usage != '\0') {
        size_t length = strcspn(usage, "\n");
        fputs(".B \"", stdout);
        roff_span(stdout, usage, length);
        fputs("\"\n", stdout);
        usage += length + (usage[length] == '\n');
    }
    fputs(".fi\n", stdout);
}

static void print_man_option(const struct command *command, const struct option_spec *spec)
{
    char initial[160];
    fputs(".TP\n.B \"", stdout);
    if (spec->short_name) {
        printf("\\-%c, ", spec->short_name);
    }
    fputs("\\-\\-", stdout);
    roff_text(stdout, spec->name);
    if (value_name(spec)) {
        fputs(" ", stdout);
        roff_text(stdout, value_name(spec));
    }
    fputs("\"\n", stdout);
    roff_text(stdout, spec->help);
    default_text(command, spec, initial, sizeof initial);
    roff_text(stdout, initial);
    fputs("\n", stdout);
}

void command_print_man(const struct command *command)
{
    print_man_synopsis(command->usage);
    fputs(".PP\n", stdout);
    roff_text(stdout, command->description);
    fputs("\n", stdout);
    for (const struct option_spec *spec = first_row(command); spec; spec = row_after(spec)) {
        print_man_option(command, spec);
    }
    for (const struct command_example *row = command->examples; row && row->line; row++) {
        fputs(row == command->examples ? ".PP\nExamples:\n.TP\n.B \"" : ".TP\n.B \"", stdout);
        roff_text(stdout, row->line);
        fputs("\"\n", stdout);
        roff_text(stdout, row->meaning);
        fputs("\n", stdout);
    }
    for (const struct command_exit *row = command->exits; row && row->meaning; row++) {
        printf("%s.TP\n.B %d\n", row == command->exits ? ".PP\nExit codes:\n" : "", row->code);
        roff_text(stdout, row->meaning);
        fputs("\n", stdout);
    }
}
