#include "daemon/rank/cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Version 1 writes a number near 2^63 where there is no limit. */
#define UNLIMITED (INT64_C(1) << 60)

/* What the files are called, in version 1 and 2. */
struct memory_files {
    const char *limit, *usage, *cache;
};
static const struct memory_files memory_1 = {"memory.limit_in_bytes", "memory.usage_in_bytes",
                                             "total_inactive_file"};
static const struct memory_files memory_2 = {"memory.max", "memory.current", "inactive_file"};

/* Called with each folder of a group, and whether it is one of version 2. */
typedef void (*visitor)(const char *folder, bool unified, void *found);

/* In a container a group's own path may lead nowhere, and its files stand at the root of the mount. */
static void visit_upwards(const char *root, char *group, bool unified, visitor visit, void *found)
{
    char folder[1300];
    for (char *end = group + strlen(group); end; end = strrchr(group, '/')) {
        *end = '\0';
        snprintf(folder, sizeof folder, "%s%s", root, group);
        visit(folder, unified, found);
    }
}

static bool names(const char *list, const char *controller)
{
    size_t length = strlen(controller);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        if (strncmp(at, controller, length) == 0 && (at[length] == ',' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

static void visit_all(const char *membership, const char *mount, const char *controller, visitor visit,
                      void *found)
{
    char line[1024], root[256], controllers[128], group[512];
    FILE *file = fopen(membership, "r");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "0::%511[^\n]", group) == 1) {
            visit_upwards(mount, group, true, visit, found);
        } else if (sscanf(line, "%*d:%127[^:]:%511[^\n]", controllers, group) == 2 &&
                   names(controllers, controller)) {
            /* Controllers of one hierarchy lie in one folder; some systems have a link for each, containers seldom. */
            snprintf(root, sizeof root, "%s/%s", mount, controller);
            if (access(root, F_OK) != 0) {
                snprintf(root, sizeof root, "%s/%s", mount, controllers);
            }
            visit_upwards(root, group, false, visit, found);
        }
    }
    if (file) {
        fclose(file);
    }
}

/* The first line of a file; empty if there is none. */
static void read_line(const char *folder, const char *name, char *line, int size)
{
    char path[1400];
    line[0] = '\0';
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (file) {
        if (!fgets(line, size, file)) {
            line[0] = '\0';
        }
        fclose(file);
    }
}

/* -1 if there is none ("max"). */
static long long read_number(const char *folder, const char *name)
{
    char line[64];
    long long number;
    read_line(folder, name, line, sizeof line);
    return sscanf(line, "%lld", &number) == 1 ? number : -1;
}

static void visit_cores(const char *folder, bool unified, void *found)
{
    char line[64];
    double *cores = found;
    long long quota = -1, period = -1;
    if (unified) {
        read_line(folder, "cpu.max", line, sizeof line);
        if (sscanf(line, "%lld %lld", &quota, &period) != 2) {
            return;
        }
    } else {
        quota = read_number(folder, "cpu.cfs_quota_us");
        period = read_number(folder, "cpu.cfs_period_us");
    }
    if (quota > 0 && period > 0) {
        double here = (double)quota / (double)period;
        *cores = *cores == 0 || here < *cores ? here : *cores;
    }
}

double cgroup_cores(const char *membership, const char *mount)
{
    double cores = 0;
    visit_all(membership, mount, "cpu", visit_cores, &cores);
    return cores;
}

static long long read_statistic(const char *folder, const char *key)
{
    char path[1400], line[256], name[64];
    long long value, found = 0;
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%63s %lld", name, &value) == 2 && strcmp(name, key) == 0) {
            found = value;
        }
    }
    if (file) {
        fclose(file);
    }
    return found;
}

/* The page cache counts as used, but gives way. */
static void visit_memory(const char *folder, bool unified, void *found)
{
    const struct memory_files *files = unified ? &memory_2 : &memory_1;
    int64_t *left = found;
    long long limit = read_number(folder, files->limit);
    long long usage = read_number(folder, files->usage);
    if (limit < 0 || usage < 0 || limit > UNLIMITED) {
        return;
    }
    long long here = limit - usage + read_statistic(folder, files->cache);
    here = here > 0 ? here : 0;
    *left = here < *left ? here : *left;
}

int64_t cgroup_memory(const char *membership, const char *mount)
{
    int64_t left = INT64_MAX;
    visit_all(membership, mount, "memory", visit_memory, &left);
    return left;
}
