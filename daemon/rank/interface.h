/* Network interfaces as a hello lists them ("eth0 10.0.0.3 1000Mb/s, ib0 10.1.0.3"), and which of them Open
 * MPI will use between hosts.
 */
#ifndef DAIL_DAEMON_RANK_INTERFACE_H
#define DAIL_DAEMON_RANK_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>

struct interface {
    char name[32];
    char address[32]; /* IPv4, dotted */
    int megabits; /* a second; 0: unknown */
};

/* Reads the entry at *at and moves on; false at the list's end. Begin with *at = 0. */
bool interface_next(const char *list, size_t *at, struct interface *interface);

/* A bridge or tunnel that exists on its own host alone: docker0, virbr0, br-..., veth..., cni0, lo. */
bool interface_is_virtual(const char *name);

/* Would Open MPI use it, given btl_tcp_if_include or btl_tcp_if_exclude (either may be NULL; entries are
 * names or address/prefix)? */
bool interface_picked(const struct interface *interface, const char *include, const char *exclude);

#endif
