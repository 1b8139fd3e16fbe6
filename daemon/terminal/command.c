#include "daemon/terminal/command.h"

#include "daemon/terminal/command_help.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A command line in the making. */
struct parser {
    const struct command *command;
    const struct option_spec *options;
    void *values;
    const char **operands, **rest; /* [argc] */
    size_t operand_count, rest_count;
};

static bool looks_like_option(const char *argument)
{
    return argument[0] == '-' && argument[1] != '\0' && !isdigit((unsigned char)argument[1]) &&
           argument[1] != '.';
}

static bool asks_for_help(const struct option_spec *options, const char *argument)
{
    const char *value;
    return strcmp(argument, "--help") == 0 ||
           (strcmp(argument, "-h") == 0 && !option_find(options, argument, &value));
}

/* Stores the option that argv[*i] begins, with its value from within the argument or the next one. */
static enum status take_option(struct parser *parser, int argc, char **argv, int *i, struct error *error)
{
    const char *value, *argument = argv[*i];
    const struct option_spec *spec = option_find(parser->options, argument, &value);
    if (!spec) {
        return option_unknown(parser->options, argument, error);
    }
    if (spec->kind == OPTION_FLAG && value) {
        return error_set(error, STATUS_USAGE, argument, NULL, "--%s takes no value", spec->name);
    }
    if (spec->kind != OPTION_FLAG && !value) {
        if (*i + 1 >= argc) {
            return error_set(error, STATUS_USAGE, argument, NULL, "--%s needs a value: %s", spec->name,
                             spec->metavar ? spec->metavar : option_choices(spec));
        }
        value = argv[++*i];
    }
    return option_store(spec, value, parser->values, error);
}

static enum status take_all(struct parser *parser, int argc, char **argv, bool *help, struct error *error)
{
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
        } else if (!ended && asks_for_help(parser->options, argv[i])) {
            *help = true;
            return STATUS_OK;
        } else if (!ended && looks_like_option(argv[i])) {
            enum status status = take_option(parser, argc, argv, &i, error);
            if (status != STATUS_OK) {
                return status;
            }
        } else if (ended && parser->command->rest) {
            parser->rest[parser->rest_count++] = argv[i];
        } else {
            parser->operands[parser->operand_count++] = argv[i];
        }
    }
    return STATUS_OK;
}

/* How many operands there are, and which of several words each is. */
static enum status check_operands(const struct parser *parser, struct error *error)
{
    static const struct operand_spec none = {0};
    const struct operand_spec *spec = parser->command->operands ? parser->command->operands : &none;
    char next[128] = "--help shows how";
    size_t at = 0;
    for (; spec->name; spec++) {
        size_t here = parser->operand_count - at < spec->max ? parser->operand_count - at : spec->max;
        if (here < spec->min) {
            return error_set(error, STATUS_USAGE, NULL, next, "no %s was given", spec->name);
        }
        for (size_t end = at + here; at < end; at++) {
            int index;
            if (spec->choices &&
                option_choose(spec->name, spec->choices, parser->operands[at], &index, error) != STATUS_OK) {
                return error->status;
            }
        }
    }
    if (at < parser->operand_count && parser->command->rest) {
        snprintf(next, sizeof next, "put each %.60s behind --", parser->command->rest);
    }
    return at == parser->operand_count
               ? STATUS_OK
               : error_set(error, STATUS_USAGE, parser->operands[at], next, "one argument too many");
}

enum status command_parse(const struct command *command, int argc, char **argv, struct command_line *line,
                          struct error *error)
{
    static const struct option_spec none = {0};
    struct parser parser = {.command = command,
                            .options = command->options ? command->options : &none,
                            .values = calloc(1, command->size + 1),
                            .operands = calloc((size_t)argc + 1, sizeof *parser.operands),
                            .rest = calloc((size_t)argc + 1, sizeof *parser.rest)};
    *line = (struct command_line){.values = parser.values, .operands = parser.operands, .rest = parser.rest};
    if (!parser.values || !parser.operands || !parser.rest) {
        return error_no_memory(error, NULL);
    }
    if (command->defaults) {
        memcpy(parser.values, command->defaults, command->size);
    }
    enum status status = take_all(&parser, argc, argv, &line->help, error);
    line->operand_count = parser.operand_count;
    line->rest_count = parser.rest_count;
    return status == STATUS_OK && !line->help ? check_operands(&parser, error) : status;
}

void command_line_free(const struct command *command, struct command_line *line)
{
    void *values = (void *)(uintptr_t)line->values;
    if (command->options && values) {
        options_free(command->options, values);
    }
    free(values);
    free((void *)(uintptr_t)line->operands);
    free((void *)(uintptr_t)line->rest);
    *line = (struct command_line){0};
}

enum status command_execute(const struct command *command, int argc, char **argv, struct error *error)
{
    struct command_line line;
    enum status status = command_parse(command, argc, argv, &line, error);
    if (status == STATUS_OK && line.help) {
        command_print_help(command);
    } else if (status == STATUS_OK) {
        status = command->run(&line, error);
    }
    command_line_free(command, &line);
    return status;
}
