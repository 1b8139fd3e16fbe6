#include "daemon/rank/interface.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool interface_next(const char *list, size_t *at, struct interface *interface)
{
    *interface = (struct interface){0};
    list += *at;
    size_t length = strcspn(list, ",");
    char entry[96], speed[24] = "";
    if (length == 0) {
        return false;
    }
    snprintf(entry, sizeof entry, "%.*s", (int)length, list);
    *at += length + strspn(list + length, ", ");
    if (sscanf(entry, "%31s %31s %23s", interface->name, interface->address, speed) < 2) {
        return false;
    }
    interface->megabits = atoi(speed);
    return true;
}

bool interface_is_virtual(const char *name)
{
    static const char *const prefixes[] = {"docker", "virbr", "br-", "veth", "cni", "flannel", "lxc", "lxd"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return strcmp(name, "lo") == 0;
}

static bool in_network(const char *address, const char *network, size_t length)
{
    char base[32];
    struct in_addr a, b;
    snprintf(base, sizeof base, "%.*s", (int)length, network);
    char *slash = strchr(base, '/');
    int bits = slash ? atoi(slash + 1) : 32;
    if (slash) {
        *slash = '\0';
    }
    if (bits < 0 || bits > 32 || inet_pton(AF_INET, base, &b) != 1 || inet_pton(AF_INET, address, &a) != 1) {
        return false;
    }
    uint32_t mask = bits == 0 ? 0 : UINT32_MAX << (32 - bits);
    return (ntohl(a.s_addr) & mask) == (ntohl(b.s_addr) & mask);
}

static bool listed(const struct interface *interface, const char *list)
{
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        if ((strlen(interface->name) == length && strncmp(list, interface->name, length) == 0) ||
            in_network(interface->address, list, length)) {
            return true;
        }
        list += length + strspn(list + length, ", ");
    }
    return false;
}

bool interface_picked(const struct interface *interface, const char *include, const char *exclude)
{
    if (include && include[0] != '\0') {
        return listed(interface, include);
    }
    if (exclude && exclude[0] != '\0') {
        return !listed(interface, exclude);
    }
    return strcmp(interface->name, "lo") != 0;
}
