#include "daemon/supervisor/mpirun.h"

#include "daemon/supervisor/launch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_SECONDS 20.0
#define NOT_THERE 127

/* --- Whose it is --- */

/* daild's second line: "MPI: Open MPI v4.1.4, ...". Empty where it does not say. */
static void ask_daild(const char *daild, char *library, size_t size)
{
    const char *const argv[] = {daild, "--version", NULL};
    char text[1024];
    int code;
    library[0] = '\0';
    if (launch_read(argv, ASK_SECONDS, text, sizeof text, &code)) {
        const char *line = strstr(text, "\nMPI: ");
        snprintf(library, size, "%.*s", line ? (int)strcspn(line + 6, "\n,") : 0, line ? line + 6 : "");
    }
}

enum status mpirun_find(const char *daild, const struct host_list *hosts, const struct launcher **launcher,
                        struct error *error)
{
    const char *const argv[] = {"mpirun", "--version", NULL};
    char text[4096], library[256];
    int code = 0;
    bool answered = launch_read(argv, ASK_SECONDS, text, sizeof text, &code);
    *launcher = answered ? launcher_by_version(text) : NULL;
    if (answered && code == NOT_THERE) {
        return error_set(error, STATUS_USAGE, NULL, "install daild's MPI, or load its module",
                         "PATH has no mpirun");
    }
    if (!*launcher && (hosts->count > 1 || !hosts->host[0].local)) {
        return error_set(error, STATUS_USAGE, NULL,
                         "put the mpirun of Open MPI, MPICH or Intel MPI first in PATH",
                         "\"mpirun --version\" names no MPI whose options for hosts are known");
    }
    ask_daild(daild, library, sizeof library);
    const struct launcher *own = launcher_by_library(library);
    if (*launcher && own && own->family != (*launcher)->family) {
        return error_set(error, STATUS_USAGE, NULL,
                         "put the mpirun of daild's MPI first in PATH, or build daild for this one: make "
                         "MPICC=<its mpicc>",
                         "the mpirun that PATH has first is %s's, and daild was built for %s",
                         (*launcher)->name, library);
    }
    return STATUS_OK;
}

/* --- Its command line --- */

void mpirun_line_add(struct mpirun_line *line, const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    char **grown = length < 0 ? NULL : realloc(line->word, (line->count + 2) * sizeof *grown);
    if (!grown) {
        line->failed = true;
        if (length >= 0) {
            free(text);
        }
        return;
    }
    line->word = grown;
    line->word[line->count++] = text;
    line->word[line->count] = NULL;
}

void mpirun_line_free(struct mpirun_line *line)
{
    for (size_t i = 0; i < line->count; i++) {
        free(line->word[i]);
    }
    free(line->word);
    *line = (struct mpirun_line){0};
}

/* As an option, with or without dashes, or as a variable of the environment. */
static bool is_given(const struct mpirun_start *start, const char *name)
{
    bool given = getenv(name);
    for (size_t i = 0; i < start->given_count && !given; i++) {
        const char *word = start->given[i];
        given = strcmp(word + strspn(word, "-"), name) == 0;
    }
    return given;
}

static void add_option(const struct mpirun_start *start, const struct launcher_option *option,
                       struct mpirun_line *line)
{
    for (size_t i = 0; i < LAUNCHER_NAMES_MAX && option->unless[i]; i++) {
        if (is_given(start, option->unless[i])) {
            return;
        }
    }
    for (size_t i = 0; i < LAUNCHER_WORDS_MAX && option->words[i]; i++) {
        const char *word = option->words[i];
        mpirun_line_add(line, "%s", strcmp(word, LAUNCHER_TAG) == 0 ? start->tag : word);
    }
}

/* The coordinator is one process more on the first host: it sleeps nearly all the time. */
static void add_hosts(const struct mpirun_start *start, struct mpirun_line *line)
{
    const struct host_list *hosts = start->hosts;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    bool first = true;
    for (size_t i = 0; out && i < hosts->count; i++) {
        const struct host_entry *host = &hosts->host[i];
        if (host->workers > 0) {
            fprintf(out, "%s%s:%d", first ? "" : ",", host->name, host->workers + first);
            first = false;
        }
    }
    if (!out || fclose(out) != 0) {
        line->failed = true;
    } else {
        mpirun_line_add(line, "%s", start->launcher->hosts);
        mpirun_line_add(line, "%s", text);
    }
    free(text);
}

static void add_agent(const struct mpirun_start *start, struct mpirun_line *line)
{
    for (size_t i = 0; i < LAUNCHER_WORDS_MAX && start->launcher->agent_option[i]; i++) {
        mpirun_line_add(line, "%s", start->launcher->agent_option[i]);
    }
    mpirun_line_add(line, "%s", start->agent);
}

void mpirun_line_begin(const struct mpirun_start *start, struct mpirun_line *line)
{
    const struct launcher *launcher = start->launcher;
    const struct host_list *hosts = start->hosts;
    *line = (struct mpirun_line){0};
    mpirun_line_add(line, "%s", launcher && launcher->program ? launcher->program : "mpirun");
    if (launcher && (hosts->count > 1 || !hosts->host[0].local)) {
        add_hosts(start, line);
        if (start->agent) {
            add_agent(start, line);
        }
    } else if (launcher) {
        add_option(start, &launcher->alone, line);
    }
    for (const struct launcher_option *one = launcher ? launcher->options : NULL; one && one->words[0];
         one++) {
        add_option(start, one, line);
    }
    for (size_t i = 0; i < start->given_count; i++) {
        mpirun_line_add(line, "%s", start->given[i]);
    }
    mpirun_line_add(line, "-n");
    mpirun_line_add(line, "%d", start->ranks);
}
