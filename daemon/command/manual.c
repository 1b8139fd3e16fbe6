#include "daemon/command/manual.h"

#include "daemon/terminal/arguments.h"
#include "daemon/terminal/roff.h"
#include "proto/config_table.h"

#include <stdio.h>
#include <string.h>

struct manual {
    const struct command *commands;
    size_t count;
};

static const struct {
    enum status status;
    const char *meaning;
} exits[] = {
    {STATUS_OK, "done"},
    {STATUS_INTERNAL, "a fault of the program, or memory that ran out"},
    {STATUS_USAGE, "configuration or usage"},
    {STATUS_DATA, "data missing, corrupt or inconsistent"},
    {STATUS_NUMERIC, "a loss or gradient that is not finite, numeric.max_skips steps in a row"},
    {STATUS_LOST, "a rank or a host was lost"},
    {STATUS_STORAGE, "a write failed, or no space is left"},
    {STATUS_STOPPED, "stopped on request with a checkpoint in place: start again to go on"},
};

static void print_title(const char *name, const char *upper, int section, const char *summary)
{
    printf(".\\\" made by dail manual\n.TH %s %d %s \"DAIL %s\" \"DAIL manual\"\n.SH NAME\n%s \\- %s\n",
           upper, section, DAIL_RELEASED, DAIL_VERSION, name, summary);
}

static void print_paragraph(const char *text)
{
    fputs(".PP\n", stdout);
    roff_text(stdout, text);
    fputs("\n", stdout);
}

static void print_exits(const char *more)
{
    fputs(".SH EXIT STATUS\n", stdout);
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++) {
        printf(".TP\n.B %d\n", (int)exits[i].status);
        roff_text(stdout, exits[i].meaning);
        fputs("\n", stdout);
    }
    print_paragraph(more);
}

/* Has a command say of itself what --help=`form` says. */
static enum status ask(const struct command *command, char *form, struct error *error)
{
    char name[32];
    snprintf(name, sizeof name, "%s", command->name);
    char *arguments[] = {name, form, NULL};
    return command->run(2, arguments, error);
}

static enum status ask_daild(char *form, struct error *error)
{
    char name[] = "daild";
    char *words[] = {name, form, NULL};
    struct arguments arguments = {0};
    enum status status = arguments_parse(2, words, &arguments, error);
    option_list_free(&arguments.overrides);
    return status;
}

/* --- Pages --- */

static enum status print_dail(const struct manual *manual, struct error *error)
{
    char form[] = "--help=man";
    enum status status = STATUS_OK;
    print_title("dail", "DAIL", 1, "data, runs and models of the distributed face recognition trainer daild");
    fputs(".SH SYNOPSIS\n.B dail\n.I COMMAND\n.RI [ OPTIONS ]\n.br\n.B dail \\-\\-help\n|\n.B \\-\\-version\n"
          ".SH DESCRIPTION\n",
          stdout);
    roff_text(stdout,
              "Everything around the training that daild does: packing data, watching and supervising a "
              "run, verifying, exporting and using a model. One process, which needs no MPI.\n");
    fputs(".SH COMMANDS\n", stdout);
    for (size_t i = 0; i < manual->count && status == STATUS_OK; i++) {
        printf(".SS ");
        roff_text(stdout, manual->commands[i].name);
        fputs("\n", stdout);
        roff_text(stdout, manual->commands[i].help);
        fputs(".\n.PP\n", stdout);
        status = ask(&manual->commands[i], form, error);
    }
    print_exits(
        "dail tail --once has codes of its own: 0 running, done or stopped, 1 no log, 3 stalled, 4 failed.");
    fputs(".SH SEE ALSO\n.BR daild (1),\n.BR dail.yaml (5)\n", stdout);
    return status;
}

static enum status print_daild(const struct manual *manual, struct error *error)
{
    char form[] = "--help=man";
    (void)manual;
    print_title("daild", "DAILD", 1,
                "trains one face recognition network on many datasets at once, over MPI");
    fputs(".SH SYNOPSIS\n", stdout);
    enum status status = ask_daild(form, error);
    fputs(".SH SIGNALS\n.TP\n.BR SIGTERM \", \" SIGUSR1\n", stdout);
    roff_text(stdout,
              "to any rank, or SIGUSR1 to mpirun: the step is finished, a checkpoint written, exit code 75. "
              "The same command goes on from there.\n");
    fputs(".TP\n.B SIGINT\n", stdout);
    roff_text(stdout, "to a rank: likewise; twice: ends at once.\n");
    fputs(".SH FILES\n.TP\n.I RUN/config.yaml\nthe configuration as resolved\n.TP\n.I RUN/status.jsonl\n",
          stdout);
    roff_text(stdout, "the run for programs, one JSON object a line; dail tail and dail report read it\n");
    fputs(".TP\n.I RUN/daild.log\nthe same for people\n.TP\n.I RUN/checkpoints/\n", stdout);
    roff_text(stdout, "what the run goes on from, and what dail eval, embed and export take\n");
    fputs(".TP\n.I RUN/tensorboard/\nthe curves for TensorBoard, with log.tensorboard\n", stdout);
    print_exits("The same on every rank. An error is told once, with what, where and what to do next.");
    fputs(".SH SEE ALSO\n.BR dail (1),\n.BR dail.yaml (5),\n.BR mpirun (1)\n", stdout);
    return status;
}

/* A key's part before its last dot, as a heading, where it is another than the one before. */
static void print_group(const char *before, const char *key)
{
    size_t length = strcspn(key, ".");
    if (strncmp(before, key, length) == 0 && (before[length] == '.' || before[length] == '\0')) {
        return;
    }
    fputs(".SS ", stdout);
    roff_span(stdout, key, length);
    fputs("\n", stdout);
}

static enum status print_config_keys(const struct manual *manual, struct error *error)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    const char *before = "";
    (void)manual;
    (void)error;
    print_title("dail.yaml", "DAIL.YAML", 5, "configuration of daild");
    fputs(".SH DESCRIPTION\n", stdout);
    roff_text(
        stdout,
        "A YAML file of groups of keys. An unknown key, a wrong type or a value out of range stops the run "
        "before it begins. On the command line, --set group.key=value takes a key's place; daild "
        "--print-config prints all with their values.\n");
    fputs(".SH KEYS\n", stdout);
    for (size_t i = 0; i < count; i++) {
        char expected[256];
        config_expected(&rows[i], expected, sizeof expected);
        print_group(before, rows[i].key);
        fputs(".TP\n.B ", stdout);
        roff_text(stdout, rows[i].key);
        fputs("\n", stdout);
        roff_text(stdout, rows[i].meaning);
        fputs(".\n.br\nExpected: ", stdout);
        roff_text(stdout, expected);
        if (rows[i].initial) {
            fputs("; by default ", stdout);
            roff_text(stdout, rows[i].initial);
        }
        fputs(".\n", stdout);
        before = rows[i].key;
    }
    fputs(".SH SEE ALSO\n.BR daild (1),\n.BR dail (1)\n", stdout);
    return STATUS_OK;
}

/* --- Completion --- */

static void print_keys(void)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    fputs("_dail_keys=\"", stdout);
    for (size_t i = 0; i < count; i++) {
        printf("%s%s=", i > 0 ? "\n" : "", rows[i].key);
    }
    fputs("\"\n\n", stdout);
}

static enum status print_completion(const struct manual *manual, struct error *error)
{
    char form[] = "--help=words";
    fputs("# Completion for bash of dail and daild; made by dail manual.\n", stdout);
    print_keys();
    fputs("_dail_complete() { # OPTIONS\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    if [ \"$before\" = --set ]; then\n"
          "        compopt -o nospace 2>/dev/null\n"
          "        COMPREPLY=($(compgen -W \"$_dail_keys\" -- \"$word\"))\n"
          "    elif [ \"${word#-}\" != \"$word\" ]; then\n"
          "        COMPREPLY=($(compgen -W \"$1\" -- \"$word\"))\n"
          "    else\n"
          "        compopt -o filenames 2>/dev/null\n"
          "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
          "    fi\n"
          "}\n\n"
          "_dail() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]}\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W \"",
          stdout);
    for (size_t i = 0; i < manual->count; i++) {
        printf("%s ", manual->commands[i].name);
    }
    fputs("--help --version\" -- \"$word\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n",
          stdout);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < manual->count && status == STATUS_OK; i++) {
        printf("    %s) _dail_complete \"", manual->commands[i].name);
        status = ask(&manual->commands[i], form, error);
        fputs("\" ;;\n", stdout);
    }
    fputs("    esac\n}\n\n_daild() {\n    _dail_complete \"", stdout);
    if (status == STATUS_OK) {
        status = ask_daild(form, error);
    }
    fputs("\"\n}\n\ncomplete -F _dail dail\ncomplete -F _daild daild\n", stdout);
    return status;
}

enum status manual_print(const char *page, const struct command *commands, size_t count, struct error *error)
{
    static const struct {
        const char *name;
        enum status (*print)(const struct manual *manual, struct error *error);
    } pages[] = {{"dail.1", print_dail},
                 {"daild.1", print_daild},
                 {"dail.yaml.5", print_config_keys},
                 {"dail.bash", print_completion}};
    const struct manual manual = {.commands = commands, .count = count};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (strcmp(pages[i].name, page) == 0) {
            return pages[i].print(&manual, error);
        }
    }
    return error_set(error, STATUS_USAGE, page, "dail.1, daild.1, dail.yaml.5 or dail.bash", "no such page");
}
