#include "proto/process.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What /proc/<pid>/stat says: the state, and when the process was started. */
static bool read_stat(int64_t pid, char *state, uint64_t *started)
{
    char path[64], line[1024] = "";
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file) {
        return false;
    }
    /* The name before the last parenthesis may hold anything. */
    const char *rest = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    return rest && sscanf(rest,
                          ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                          "%" SCNu64,
                          state, started) == 2;
}

bool process_is_gone(int64_t pid)
{
    char state;
    uint64_t started;
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH) {
        return true;
    }
    return read_stat(pid, &state, &started) && (state == 'Z' || state == 'X');
}

uint64_t process_started(int64_t pid)
{
    char state;
    uint64_t started;
    return read_stat(pid, &state, &started) ? started : 0;
}

void process_table_name(char *text, size_t size)
{
    char boot[64] = "", space[64];
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    ssize_t length = readlink("/proc/self/ns/pid", space, sizeof space - 1);
    bool known = file && length > 0 && fgets(boot, sizeof boot, file);
    if (file) {
        fclose(file);
    }
    space[length > 0 ? length : 0] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
    snprintf(text, size, "%s%s%s", known ? boot : "", known ? "/" : "", known ? space : "");
}
