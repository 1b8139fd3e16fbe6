#include "daemon/terminal/options_help.h"

#include "daemon/terminal/roff.h"

#include <stdio.h>
#include <string.h>

/* Where the help texts begin. */
#define HELP_COLUMN 28

static const struct option_spec help_spec = {.name = "help", .short_name = 'h', .help = "show this text"};

/* The option `index` of a table, behind whose end --help stands. */
static const struct option_spec *spec_at(const struct option_spec *specs, size_t count, size_t index)
{
    return index < count ? &specs[index] : &help_spec;
}

void options_print_help(const char *usage, const struct option_spec *specs, size_t count)
{
    printf("%s\n", usage);
    for (size_t i = 0; i <= count; i++) {
        const struct option_spec *spec = spec_at(specs, count, i);
        char left[128], dash[8] = "    ";
        if (spec->short_name) {
            snprintf(dash, sizeof dash, "-%c, ", spec->short_name);
        }
        snprintf(left, sizeof left, "  %s--%s%s%s", dash, spec->name, spec->metavar ? " " : "",
                 spec->metavar ? spec->metavar : "");
        bool apart = strlen(left) >= HELP_COLUMN;
        printf("%-*s%s%*s%s\n", HELP_COLUMN, left, apart ? "\n" : "", apart ? HELP_COLUMN : 0, "",
               spec->help);
    }
}

/* The usage lines, "usage: dail eval ..." and those indented below it; returns what stands behind them. */
static const char *print_synopsis(const char *usage)
{
    const char *at = usage + strcspn(usage, " ");
    fputs(".nf\n", stdout);
    do {
        at += strspn(at, " ");
        size_t length = strcspn(at, "\n");
        fputs(".B \"", stdout);
        roff_span(stdout, at, length);
        fputs("\"\n", stdout);
        at += length + (at[length] == '\n');
    } while (*at == ' ');
    fputs(".fi\n", stdout);
    return at;
}

void options_print_man(const char *usage, const struct option_spec *specs, size_t count)
{
    const char *text = print_synopsis(usage);
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '\n') {
        length--;
    }
    if (length > 0) {
        fputs(".PP\n", stdout);
        roff_span(stdout, text, length);
        fputs("\n", stdout);
    }
    for (size_t i = 0; i <= count; i++) {
        const struct option_spec *spec = spec_at(specs, count, i);
        fputs(".TP\n.B \"", stdout);
        if (spec->short_name) {
            printf("\\-%c, ", spec->short_name);
        }
        fputs("\\-\\-", stdout);
        roff_text(stdout, spec->name);
        if (spec->metavar) {
            fputs(" ", stdout);
            roff_text(stdout, spec->metavar);
        }
        fputs("\"\n", stdout);
        roff_text(stdout, spec->help);
        fputs("\n", stdout);
    }
}

void options_print_words(const struct option_spec *specs, size_t count)
{
    for (size_t i = 0; i <= count; i++) {
        printf("--%s\n", spec_at(specs, count, i)->name);
    }
}
