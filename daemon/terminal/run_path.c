#include "daemon/terminal/run_path.h"

#include <stdlib.h>
#include <string.h>

/* The folder in which the run was started; empty where nothing tells. */
static void find_start(const char *run, const char *name, char *start)
{
    char *whole = realpath(run, NULL);
    size_t length = whole ? strlen(whole) : 0, tail = strlen(name);
    while (tail > 0 && name[tail - 1] == '/') {
        tail--;
    }
    start[0] = '\0';
    if (name[0] != '/' && length > tail + 1 && length - tail <= PATH_SIZE &&
        whole[length - tail - 1] == '/' && strncmp(whole + length - tail, name, tail) == 0) {
        memcpy(start, whole, length - tail - 1);
        start[length - tail - 1] = '\0';
    }
    free(whole);
}

enum status run_path(const char *run, const struct config *config, const char *named, char *path,
                     struct error *error)
{
    char start[PATH_SIZE];
    find_start(run, config->run.dir, start);
    return file_join(start, named, path, error);
}
