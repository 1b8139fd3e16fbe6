#include "daemon/report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* More than any drawing of ours. */
#define OUTPUT_MAX (64u << 20)

struct gnuplot {
    pid_t process;
    int input; /* a socket: writing to a process that has ended raises no signal */
    int output;
    FILE *complaints; /* what it says on stderr */
};

static enum status failed(const char *doing, int number, struct error *error)
{
    return error_set(error, STATUS_INTERNAL, "gnuplot", NULL, "%s failed: %s", doing, strerror(number));
}

static int spawn(struct gnuplot *gnuplot, int input, int output)
{
    /* -d: no start-up files. */
    char *const arguments[] = {"gnuplot", "-d", "-", NULL};
    char locale[] = "LC_ALL=C.UTF-8", path[4096], home[4096];
    char *environment[4] = {locale};
    int count = 1;
    if (getenv("PATH") && snprintf(path, sizeof path, "PATH=%s", getenv("PATH")) < (int)sizeof path) {
        environment[count++] = path;
    }
    /* Where the font library keeps its cache. */
    if (getenv("HOME") && snprintf(home, sizeof home, "HOME=%s", getenv("HOME")) < (int)sizeof home) {
        environment[count++] = home;
    }
    posix_spawn_file_actions_t actions;
    int number = posix_spawn_file_actions_init(&actions);
    if (number != 0) {
        return number;
    }
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(gnuplot->complaints), STDERR_FILENO);
    number = posix_spawnp(&gnuplot->process, arguments[0], &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    return number;
}

static void close_ends(int ends[2])
{
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0) {
            close(ends[i]);
        }
    }
}

static enum status start(struct gnuplot *gnuplot, struct error *error)
{
    int input[2] = {-1, -1}, output[2] = {-1, -1};
    gnuplot->complaints = tmpfile();
    if (!gnuplot->complaints || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input) != 0 ||
        pipe2(output, O_CLOEXEC) != 0) {
        int number = errno;
        close_ends(input);
        close_ends(output);
        return failed("preparing it", number, error);
    }
    int number = spawn(gnuplot, input[0], output[1]);
    close(input[0]);
    close(output[1]);
    gnuplot->input = input[1];
    gnuplot->output = output[0];
    if (number == ENOENT) {
        return error_set(error, STATUS_USAGE, "gnuplot",
                         "install it (Debian: gnuplot-nox), or run etc/install-deps.sh",
                         "the plots are drawn by gnuplot, which is not in PATH");
    }
    return number != 0 ? failed("starting it", number, error) : STATUS_OK;
}

/* gnuplot reads all of the script before it draws, so that writing cannot wait for reading. */
static void write_script(struct gnuplot *gnuplot, const char *script)
{
    for (size_t left = strlen(script); left > 0;) {
        ssize_t sent = send(gnuplot->input, script, left, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            break; /* it has ended: its exit code tells */
        }
        script += sent > 0 ? sent : 0;
        left -= sent > 0 ? (size_t)sent : 0;
    }
    shutdown(gnuplot->input, SHUT_WR);
}

static enum status read_output(const struct gnuplot *gnuplot, char **output, size_t *size,
                               struct error *error)
{
    size_t room = 1u << 16;
    *size = 0;
    *output = malloc(room + 1);
    while (*output && *size < OUTPUT_MAX) {
        ssize_t count = read(gnuplot->output, *output + *size, room - *size);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            (*output)[*size] = '\0';
            return STATUS_OK;
        }
        *size += (size_t)count;
        if (*size == room) {
            char *grown = realloc(*output, 2 * room + 1);
            if (!grown) {
                free(*output);
            }
            *output = grown;
            room *= 2;
        }
    }
    return error_set(error, STATUS_INTERNAL, "gnuplot", NULL,
                     *output ? "the drawing is too large" : "out of memory");
}

/* What it complained of, on one line. */
static void read_complaints(FILE *file, char *text, size_t size)
{
    rewind(file);
    size_t length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '\n' || *at == '\t' ? ' ' : *at;
    }
}

static enum status judge(const struct gnuplot *gnuplot, int code, size_t size, struct error *error)
{
    char complaints[300];
    if (code == 0 && size > 0) {
        return STATUS_OK;
    }
    read_complaints(gnuplot->complaints, complaints, sizeof complaints);
    return error_set(error, STATUS_INTERNAL, "gnuplot", NULL, "drawing failed: %s", complaints);
}

static enum status converse(struct gnuplot *gnuplot, const char *script, char **output, size_t *size,
                            struct error *error)
{
    int code = 0;
    write_script(gnuplot, script);
    enum status status = read_output(gnuplot, output, size, error);
    close(gnuplot->output);
    gnuplot->output = -1;
    while (waitpid(gnuplot->process, &code, 0) < 0 && errno == EINTR) {
    }
    return status == STATUS_OK ? judge(gnuplot, code, *size, error) : status;
}

enum status gnuplot_run(const char *script, char **output, size_t *size, struct error *error)
{
    struct gnuplot gnuplot = {.input = -1, .output = -1};
    *output = NULL;
    enum status status = start(&gnuplot, error);
    if (status == STATUS_OK) {
        status = converse(&gnuplot, script, output, size, error);
    }
    close_ends((int[]){gnuplot.input, gnuplot.output});
    if (gnuplot.complaints) {
        fclose(gnuplot.complaints);
    }
    if (status != STATUS_OK) {
        free(*output);
        *output = NULL;
    }
    return status;
}
