/* mpirun: which of the MPIs' it is that PATH has first, and its command line. */
#ifndef DAIL_DAEMON_SUPERVISOR_MPIRUN_H
#define DAIL_DAEMON_SUPERVISOR_MPIRUN_H

#include "daemon/rank/launcher.h"
#include "daemon/supervisor/host_list.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Asks mpirun, and `daild` for the MPI that it was built with. STATUS_USAGE where there is no mpirun, or another
 * MPI's. An mpirun that says nothing known is taken as it is (*launcher NULL), on this host alone. */
enum status mpirun_find(const char *daild, const struct host_list *hosts, const struct launcher **launcher,
                        struct error *error);

struct mpirun_start {
    const struct launcher *launcher; /* NULL: one that is not known, which gets no options but people's own */
    const struct host_list *hosts; /* with the workers placed */
    const char *const *given; /* [given_count]: people's own options */
    size_t given_count;
    const char *agent; /* to reach other hosts with; NULL: mpirun knows */
    const char *tag; /* marks every process of the attempt */
    int ranks;
};

struct mpirun_line {
    char **word; /* [count], owned, NULL behind the last */
    size_t count;
    bool failed; /* memory ran out */
};

/* All words ahead of the program's, which mpirun_line_add adds. The caller calls mpirun_line_free. */
void mpirun_line_begin(const struct mpirun_start *start, struct mpirun_line *line);
void mpirun_line_add(struct mpirun_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
void mpirun_line_free(struct mpirun_line *line);

#endif
