/* The hosts that a run may use, as Open MPI's hostfiles name them: "node1 slots=4", one a line; "#" begins a
 * comment, a host named again adds its slots. A host without slots= takes one worker, and that worker all of
 * its cores.
 */
#ifndef DAIL_DAEMON_SUPERVISOR_HOST_LIST_H
#define DAIL_DAEMON_SUPERVISOR_HOST_LIST_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

struct host_entry {
    char name[256];
    int slots; /* workers that it may take */
    bool local; /* this very host */
    bool answers; /* as last tried */
    bool left_out; /* as people were last told */
    int workers; /* placed there */
};

struct host_list {
    struct host_entry *host; /* [count], owned */
    size_t count;
};

/* STATUS_USAGE with file and line for what is not understood. The caller calls host_list_free. */
enum status host_list_read(const char *path, struct host_list *list, struct error *error);

/* This host alone. */
enum status host_list_here(int slots, struct host_list *list, struct error *error);

void host_list_free(struct host_list *list);

/* Slots of the hosts that answer. */
int host_list_slots(const struct host_list *list);

/* How many of at most `most` workers there should be for `lanes` (0: any number will do): the fewest whose steps take no
 * more rounds than those of all; 0 if `most` is 0. */
int host_list_fit(int most, int lanes);

/* Spreads `workers` evenly over the hosts that answer, none beyond its slots. */
void host_list_place(struct host_list *list, int workers);

#endif
