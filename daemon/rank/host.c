#include "daemon/rank/host.h"

#include "daemon/rank/cgroup.h"
#include "daemon/rank/core_set.h"
#include "daemon/rank/topology.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void describe_cores(struct message_hello *hello)
{
    struct core_set allowed = {0};
    struct topology topology;
    cpu_set_t *mask = CPU_ALLOC(CORE_SET_MAX);
    size_t size = CPU_ALLOC_SIZE(CORE_SET_MAX);
    if (mask && sched_getaffinity(0, size, mask) == 0) {
        for (int thread = 0; thread < CORE_SET_MAX; thread++) {
            if (CPU_ISSET_S((size_t)thread, size, mask)) {
                core_set_add(&allowed, thread);
            }
        }
    }
    CPU_FREE(mask);
    topology_find(&allowed, &topology);
    hello->cores_allowed = core_set_count(&topology.cores);
    hello->hardware_threads = core_set_count(&allowed);
    hello->numa_nodes = topology.numa_nodes;
    hello->cores_granted = cgroup_cores(CGROUP_MEMBERSHIP, CGROUP_MOUNT);
    core_set_format(&topology.cores, hello->cores, sizeof hello->cores);
}

int host_share(const struct message_hello *hello, int cores_of_all, int ranks)
{
    int share = cores_of_all / ranks;
    share = share < hello->cores_allowed ? share : hello->cores_allowed;
    if (hello->cores_granted > 0 && hello->cores_granted / ranks < share) {
        share = (int)(hello->cores_granted / ranks);
    }
    return share > 0 ? share : 1;
}

int host_threads(void)
{
    struct message_hello hello = {0};
    describe_cores(&hello);
    return host_share(&hello, hello.cores_allowed, 1);
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

int64_t host_memory_available(void)
{
    int64_t machine = machine_memory_available();
    int64_t group = cgroup_memory(CGROUP_MEMBERSHIP, CGROUP_MOUNT);
    return group < machine ? group : machine;
}

void host_raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int64_t files_allowed(void)
{
    struct rlimit limit;
    bool known = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    return known ? (int64_t)limit.rlim_cur : 0;
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
    hello->files = files_allowed();
}
