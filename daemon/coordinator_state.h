/* What the coordinator knows while a run is under way. Private to coordinator*.c. */
#ifndef DAIL_DAEMON_COORDINATOR_STATE_H
#define DAIL_DAEMON_COORDINATOR_STATE_H

#include "daemon/checkpoint_desk.h"
#include "daemon/coordinator.h"
#include "daemon/lease_desk.h"
#include "daemon/status_record.h"

/* What is known of one worker. */
struct worker_seat {
    bool greeted, stepped, done;
    enum status done_status;
    double heard; /* when last */
    int64_t step; /* as it last said */
    uint32_t phase;
};

struct coordinator {
    const struct coordinator_context *context;
    const struct setup *setup;
    struct journal *journal;
    struct worker_seat *seat; /* [workers] */
    struct message_hello *hello; /* [workers]: what each has said of itself */
    struct lease_desk leases;
    struct checkpoint_desk checkpoints;
    bool started; /* MESSAGE_START is out */
    bool stop_told, checkpoint_wished;
    double touched; /* when the log last was */
    double begun; /* training */
    double checkpointed; /* when the last checkpoint was committed */
    double step_seconds; /* predicted, then measured */
    int64_t step; /* the last one reported by all workers */

    bool failed; /* something has gone wrong: the first of it, and since when */
    struct error fault;
    double failed_since;

    struct { /* a step's reports as they come in */
        struct message_step figures; /* the first worker's, or the first to come */
        struct step_seconds *seconds; /* [workers] */
        int heard;
    } report;
};

/* Seconds on a clock that only goes forward. */
double coordinator_clock(void);

/* "rank 3@node17" */
void coordinator_name_worker(const struct coordinator *coordinator, int worker, char *text, size_t size);

enum status coordinator_send_all(struct coordinator *coordinator, const struct message *message,
                                 struct error *error);

/* Remembers the run's first fault, and records every one. `worker` is -1 for the coordinator's own. */
void coordinator_fail(struct coordinator *coordinator, int worker, const struct error *error);

/* Every worker has said hello: checks versions, shows placement, sends MESSAGE_START and the first leases. */
enum status coordinator_greet(struct coordinator *coordinator, struct error *error);

/* Handles one message of one worker. A failure is one of the protocol or of the coordinator itself. */
enum status coordinator_handle(struct coordinator *coordinator, int worker, const struct message *message,
                               struct error *error);

#endif
