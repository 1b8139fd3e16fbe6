/* The coordinator's side of a checkpoint: it gathers the parts that the workers report, and when all are
 * there commits them, removes what is too old, and says how it went.
 */
#ifndef DAIL_DAEMON_CHECKPOINT_DESK_H
#define DAIL_DAEMON_CHECKPOINT_DESK_H

#include "daemon/setup.h"
#include "proto/message.h"
#include "worker/checkpoint.h"

#include <stdbool.h>

struct checkpoint_desk {
    const struct setup *setup;
    struct checkpoint_state state; /* what every checkpoint of this run says of itself, but for the step */
    struct checkpoint_part *parts; /* [expected] */
    size_t count, expected;
    int64_t step; /* of the checkpoint that parts come in for; -1: none */
    int64_t settled; /* step of the last one that was committed or given up; -1: none */
    double begun; /* when its first part came: seconds of the caller's clock */
};

/* What came of a checkpoint. */
struct checkpoint_outcome {
    bool settled; /* false: more parts are awaited */
    int64_t step;
    enum status status; /* STATUS_OK: committed; else given up */
    enum status prune; /* of removing older ones; a failure of that, with the error filled, harms nothing */
    char path[1024];
    uint64_t bytes;
    double seconds; /* from the first part to the commit */
};

/* The files expected: model.h5, and of every dataset one per owner. */
enum status checkpoint_desk_open(const struct setup *setup, struct checkpoint_desk *desk,
                                 struct error *error);
void checkpoint_desk_close(struct checkpoint_desk *desk);

/* Takes a part; with the last one commits and prunes. A failure to do so is the outcome's status, with the
 * error filled, and the checkpoint before stays in place. The return value is a failure of the protocol: a
 * part that nobody expects. `now`: seconds. */
enum status checkpoint_desk_take(struct checkpoint_desk *desk, const struct message_part *part, double now,
                                 struct checkpoint_outcome *outcome, struct error *error);

/* Gives the checkpoint of `step` up after a worker could not write its part: removes what was written.
 * false if that one is settled already. */
bool checkpoint_desk_abandon(struct checkpoint_desk *desk, int64_t step);

#endif
