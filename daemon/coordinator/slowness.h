/* Who holds a run up: by its computing, its images, its exchange or its disk. Judged from what every worker reports of
 * its steps and checkpoints, over stretches of training that are long enough for noise to even out; whoever is found
 * slow has to be better than that by a margin, and for longer than one stretch, to count as ceased.
 */
#ifndef DAIL_DAEMON_COORDINATOR_SLOWNESS_H
#define DAIL_DAEMON_COORDINATOR_SLOWNESS_H

#include "daemon/coordinator/journal_record.h"

enum slow_kind { SLOW_COMPUTE, SLOW_DATA, SLOW_EXCHANGE, SLOW_DISK, SLOW_KINDS };

/* Of one worker; journal_slow records it. */
struct slow_change {
    enum slow_kind kind;
    int worker;
    bool begins; /* else it ceases */
    double own, others; /* status_table.def: slow */
    double share; /* of the training's time that is lost by it, 0 to 1 */
};

/* What one worker wrote of a checkpoint. */
struct slow_writing {
    double bytes, seconds, stall; /* the latter: that its training stood still */
};

struct slow_sum {
    double compute; /* what it would be with as many lanes as any worker has */
    double data, exchange, bytes;
};

struct slow_state {
    bool slow;
    int stretches; /* in a row that speak for the other state */
};

struct slowness {
    int workers, lanes;
    double seconds; /* a stretch of training; 0: nothing is judged */
    struct slow_sum *sum; /* [workers]: of the stretch so far */
    double spent, steps; /* likewise */
    struct slow_state *state; /* [SLOW_KINDS][workers] */
    double *sorted; /* [workers]: room to find a median in */
    struct slow_change *changes; /* [SLOW_KINDS * workers]: of the last call */
    int change_count;
};

/* STATUS_INTERNAL without memory; the caller calls slowness_close in any case. */
enum status slowness_open(int workers, int lanes, double seconds, struct slowness *slowness,
                          struct error *error);
void slowness_close(struct slowness *slowness);

/* Takes the report [workers] of `steps` steps, a mean per step, which every worker has made. Sets the changes. */
void slowness_take_steps(struct slowness *slowness, const struct step_seconds *report, int64_t steps);

/* Takes what each worker [workers] wrote of a checkpoint, `since` seconds after the one before was settled. Sets the
 * changes. */
void slowness_take_checkpoint(struct slowness *slowness, const struct slow_writing *writing, double since);

/* "compute", "data", "exchange", "disk". */
const char *slow_kind_name(enum slow_kind kind);

/* A line for people of the changes of one kind that begin, or that cease, in text[size]: the worst one with its figures
 * and what to see after, the others by name. `name` gives a worker's name. False: there is none. */
bool slowness_describe(const struct slowness *slowness, enum slow_kind kind, bool begins,
                       void (*name)(void *context, int worker, char *text, size_t size), void *context,
                       char *text, size_t size);

#endif
