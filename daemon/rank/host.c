#include "daemon/rank/host.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool core_set_parse(const char *text, struct core_set *set)
{
    *set = (struct core_set){0};
    while (*text != '\0') {
        char *end;
        unsigned long first = strtoul(text, &end, 10);
        unsigned long last = first;
        if (end == text || !isdigit((unsigned char)*text)) {
            return false;
        }
        if (*end == '-') {
            text = end + 1;
            last = strtoul(text, &end, 10);
            if (end == text) {
                return false;
            }
        }
        if (last < first || last >= HOST_CORES_MAX || (*end != ',' && *end != '\0')) {
            return false;
        }
        for (unsigned long core = first; core <= last; core++) {
            set->bits[core / 64] |= UINT64_C(1) << (core % 64);
        }
        text = *end == ',' ? end + 1 : end;
    }
    return true;
}

static bool has_core(const struct core_set *set, int core)
{
    return core < HOST_CORES_MAX && (set->bits[core / 64] >> (core % 64) & 1);
}

void core_set_format(const struct core_set *set, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int core = 0; core < HOST_CORES_MAX; core++) {
        if (!has_core(set, core)) {
            continue;
        }
        int last = core;
        while (has_core(set, last + 1)) {
            last++;
        }
        char range[32];
        int length = last > core ? snprintf(range, sizeof range, "%s%d-%d", used ? "," : "", core, last)
                                 : snprintf(range, sizeof range, "%s%d", used ? "," : "", core);
        if (used + (size_t)length >= size) {
            return;
        }
        memcpy(text + used, range, (size_t)length + 1);
        used += (size_t)length;
        core = last;
    }
}

int core_set_count(const struct core_set *set)
{
    int count = 0;
    for (size_t i = 0; i < HOST_CORES_MAX / 64; i++) {
        count += __builtin_popcountll(set->bits[i]);
    }
    return count;
}

bool core_set_join(struct core_set *a, const struct core_set *b)
{
    bool shared = false;
    for (size_t i = 0; i < HOST_CORES_MAX / 64; i++) {
        shared = shared || (a->bits[i] & b->bits[i]) != 0;
        a->bits[i] |= b->bits[i];
    }
    return shared;
}

static void describe_cores(struct message_hello *hello)
{
    cpu_set_t *mask = CPU_ALLOC(HOST_CORES_MAX);
    size_t size = CPU_ALLOC_SIZE(HOST_CORES_MAX);
    struct core_set set = {0};
    if (mask && sched_getaffinity(0, size, mask) == 0) {
        for (size_t core = 0; core < HOST_CORES_MAX; core++) {
            if (CPU_ISSET_S(core, size, mask)) {
                set.bits[core / 64] |= UINT64_C(1) << (core % 64);
            }
        }
    }
    CPU_FREE(mask);
    hello->cores_allowed = core_set_count(&set);
    core_set_format(&set, hello->cores, sizeof hello->cores);
}

int host_threads(void)
{
    struct message_hello hello = {0};
    describe_cores(&hello);
    return hello.cores_allowed > 0 ? hello.cores_allowed : 1;
}

/* An interface's speed in Mb/s as its driver tells it; 0 if it does not. */
static int interface_speed(const char *name)
{
    char path[128];
    int speed = 0;
    snprintf(path, sizeof path, "/sys/class/net/%s/speed", name);
    FILE *file = fopen(path, "r");
    if (!file) {
        return 0;
    }
    if (fscanf(file, "%d", &speed) != 1 || speed < 0) {
        speed = 0;
    }
    fclose(file);
    return speed;
}

static void describe_interfaces(struct message_hello *hello)
{
    struct ifaddrs *all = NULL;
    size_t used = 0;
    if (getifaddrs(&all) != 0) {
        return;
    }
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        char address[INET_ADDRSTRLEN], entry[128];
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET || !(one->ifa_flags & IFF_UP) ||
            (one->ifa_flags & IFF_LOOPBACK)) {
            continue;
        }
        struct sockaddr_in internet;
        memcpy(&internet, one->ifa_addr, sizeof internet);
        inet_ntop(AF_INET, &internet.sin_addr, address, sizeof address);
        int speed = interface_speed(one->ifa_name);
        int length = snprintf(entry, sizeof entry, "%s%s %s", used ? ", " : "", one->ifa_name, address);
        if (speed > 0) {
            length += snprintf(entry + length, sizeof entry - (size_t)length, " %dMb/s", speed);
        }
        if (used + (size_t)length < sizeof hello->interfaces) {
            memcpy(hello->interfaces + used, entry, (size_t)length + 1);
            used += (size_t)length;
        }
    }
    freeifaddrs(all);
}

/* The number in the file's first line; -1 if there is none ("max"). */
static int64_t read_number(const char *path)
{
    long long number = -1;
    FILE *file = fopen(path, "r");
    if (!file) {
        return -1;
    }
    if (fscanf(file, "%lld", &number) != 1) {
        number = -1;
    }
    fclose(file);
    return number;
}

static int64_t machine_memory_available(void)
{
    char line[256];
    long long kilobytes = 0;
    FILE *file = fopen("/proc/meminfo", "r");
    if (!file) {
        return 0;
    }
    while (fgets(line, sizeof line, file) && sscanf(line, "MemAvailable: %lld kB", &kilobytes) != 1) {
    }
    fclose(file);
    return kilobytes * 1024;
}

/* Lowers *available to what the control group in `directory` leaves: its limit, less what is used and cannot
 * be dropped (the page cache counts as used, but gives way). */
static void apply_group_limit(const char *directory, const char *limit_file, const char *usage_file,
                              const char *cache_key, int64_t *available)
{
    char path[1200], line[256];
    snprintf(path, sizeof path, "%s/%s", directory, limit_file);
    int64_t limit = read_number(path);
    snprintf(path, sizeof path, "%s/%s", directory, usage_file);
    int64_t usage = read_number(path);
    if (limit < 0 || usage < 0) {
        return;
    }
    long long cache = 0;
    snprintf(path, sizeof path, "%s/memory.stat", directory);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        char key[64];
        long long value;
        if (sscanf(line, "%63s %lld", key, &value) == 2 && strcmp(key, cache_key) == 0) {
            cache = value;
        }
    }
    if (file) {
        fclose(file);
    }
    int64_t left = limit - usage + cache;
    left = left > 0 ? left : 0;
    if (left < *available) {
        *available = left;
    }
}

int64_t host_memory_available(void)
{
    int64_t available = machine_memory_available();
    char line[1024], group[512], directory[1024];
    FILE *file = fopen("/proc/self/cgroup", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "0::%511s", group) == 1) {
            snprintf(directory, sizeof directory, "/sys/fs/cgroup%s", group);
            apply_group_limit(directory, "memory.max", "memory.current", "inactive_file", &available);
        } else if (sscanf(line, "%*d:memory:%511s", group) == 1) {
            snprintf(directory, sizeof directory, "/sys/fs/cgroup/memory%s", group);
            apply_group_limit(directory, "memory.limit_in_bytes", "memory.usage_in_bytes",
                              "total_inactive_file", &available);
        }
    }
    if (file) {
        fclose(file);
    }
    /* Inside a container the group's own files stand at the root of the mount. */
    apply_group_limit("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file", &available);
    return available;
}

void host_describe(struct message_hello *hello)
{
    snprintf(hello->version, sizeof hello->version, "%s", DAIL_VERSION);
    if (gethostname(hello->host, sizeof hello->host) != 0) {
        snprintf(hello->host, sizeof hello->host, "unknown");
    }
    hello->host[sizeof hello->host - 1] = '\0';
    hello->pid = getpid();
    describe_cores(hello);
    describe_interfaces(hello);
    hello->memory_available = host_memory_available();
}
