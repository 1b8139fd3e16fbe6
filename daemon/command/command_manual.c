/* `dail manual`: the man pages and the shell's completion, made from the tables that drive the programs, so that
 * they cannot tell anything else than the programs do.
 */
#include "daemon/command/commands.h"
#include "daemon/command/completion.h"
#include "daemon/terminal/command_help.h"
#include "daemon/terminal/daild_command.h"
#include "daemon/terminal/roff.h"
#include "daemon/terminal/status_page.h"
#include "proto/config/config_table.h"

#include <stdio.h>
#include <string.h>

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

/* --- Pages --- */

static void print_dail(void)
{
    print_title("dail", "DAIL", 1, "data, runs and models of the distributed face recognition trainer daild");
    fputs(".SH SYNOPSIS\n.B dail\n.I COMMAND\n.RI [ OPTIONS ]\n.br\n.B dail \\-\\-help\n|\n.B \\-\\-version\n"
          ".SH DESCRIPTION\n",
          stdout);
    roff_text(stdout,
              "Everything around the training that daild does: packing data, watching and supervising a "
              "run, verifying, exporting and using a model. One process, which needs no MPI.\n");
    fputs(".SH COMMANDS\n", stdout);
    for (size_t i = 0; commands[i]; i++) {
        printf(".SS ");
        roff_text(stdout, commands[i]->name);
        fputs("\n", stdout);
        roff_text(stdout, commands[i]->summary);
        fputs(".\n.PP\n", stdout);
        command_print_man(commands[i]);
    }
    print_exits("Where a command has others, they stand with it. An error is one line: what, where, what to "
                "do next.");
    fputs(".SH SEE ALSO\n.BR daild (1),\n.BR dail.yaml (5),\n.BR dail-status (5)\n", stdout);
}

static void print_daild(void)
{
    print_title("daild", "DAILD", 1, daild_command.summary);
    fputs(".SH SYNOPSIS\n", stdout);
    command_print_man(&daild_command);
    fputs(".SH SIGNALS\n.TP\n.BR SIGTERM \", \" SIGUSR1\n", stdout);
    roff_text(stdout,
              "to any rank, or SIGUSR1 to mpirun: the step is finished, a checkpoint written, exit code 75. "
              "The same command goes on from there.\n");
    fputs(".TP\n.B SIGINT\n", stdout);
    roff_text(stdout, "to a rank: likewise; twice: ends at once.\n");
    fputs(".SH FILES\n.TP\n.I RUN/config.yaml\nthe configuration as resolved\n.TP\n.I RUN/status.jsonl\n",
          stdout);
    roff_text(stdout, "the run for programs, one JSON object a line, as dail-status(5) says; dail tail and "
                      "dail report read it\n");
    fputs(".TP\n.I RUN/daild.log\nthe same for people\n.TP\n.I RUN/checkpoints/\n", stdout);
    roff_text(stdout, "what the run goes on from, and what dail eval, embed and export take\n");
    fputs(".TP\n.I RUN/lock\n", stdout);
    roff_text(stdout,
              "who owns the folder while a run is there: a second start is refused, and takes over where the "
              "owner is gone\n");
    fputs(".TP\n.I RUN/tensorboard/\nthe curves for TensorBoard, with log.tensorboard\n", stdout);
    print_exits("The same on every rank. An error is told once, with what, where and what to do next.");
    fputs(".SH SEE ALSO\n.BR dail (1),\n.BR dail.yaml (5),\n.BR dail-status (5),\n.BR mpirun (1)\n", stdout);
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

static void print_config_keys(void)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    const char *before = "";
    print_title("dail.yaml", "DAIL.YAML", 5, "configuration of daild");
    fputs(".SH DESCRIPTION\n", stdout);
    roff_text(
        stdout,
        "A YAML file of groups of keys. An unknown key, a wrong type or a value out of range stops the run "
        "before it begins. On the command line, --set group.key=value takes a key's place; daild "
        "--print-config prints all with their values.\n");
    fputs(".SH KEYS\n", stdout);
    for (size_t i = 0; i < count; i++) {
        char expected[512];
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
}

static void print_status(void)
{
    print_title("dail-status", "DAIL-STATUS", 5, "the status log of a daild run");
    status_page_print(stdout);
}

static enum status execute(const struct command_line *line, struct error *error)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } pages[] = {{"dail.1", print_dail},
                 {"daild.1", print_daild},
                 {"dail.yaml.5", print_config_keys},
                 {"dail-status.5", print_status},
                 {"dail.bash", completion_print}};
    (void)error;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (strcmp(pages[i].name, line->operands[0]) == 0) {
            pages[i].print();
        }
    }
    return STATUS_OK;
}

static const struct operand_spec operands[] = {
    {.name = "PAGE", .min = 1, .max = 1, .choices = "dail.1|daild.1|dail.yaml.5|dail-status.5|dail.bash"},
    {0}};

const struct command command_manual = {
    .name = "manual",
    .summary = "print a man page, or the shell's completion",
    .usage = "dail manual PAGE",
    .description = "Prints dail.1, daild.1, dail.yaml.5 or dail-status.5, man pages, or dail.bash, "
                   "completion for bash: as "
                   "this program has\n"
                   "its commands, options and keys.",
    .operands = operands,
    .run = execute,
};
