/* What the coordinator knows while a run is under way. Private to coordinator*.c. */
#ifndef DAIL_DAEMON_COORDINATOR_COORDINATOR_STATE_H
#define DAIL_DAEMON_COORDINATOR_COORDINATOR_STATE_H

#include "daemon/coordinator/checkpoint_desk.h"
#include "daemon/coordinator/coordinator.h"
#include "daemon/coordinator/lease_desk.h"
#include "daemon/coordinator/status_record.h"

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
    bool stop_told;
    bool datagrams_checked, departed_checked;
    double pinged; /* the workers, after a request to stop; 0: not yet */
    double touched; /* when the log last was */
    double begun; /* training */
    struct { /* what is known of checkpoints */
        int64_t step; /* of the newest one; -1: none */
        double settled; /* when the last one was committed or given up, or training began */
        bool wished; /* the first worker knows that one is due */
        int failures; /* in a row, up to now */
        double retry; /* when to try again after a failure */
        int64_t failed_step;
        struct error failure; /* the last one */
        double awaited; /* since when training stands still for one that is still being written; 0: not */
        bool awaited_told;
    } saved;
    double step_seconds; /* predicted, then measured */
    int64_t step; /* the last one reported by all workers */

    bool given_up; /* by the workers, while this process did not run: they have said so */
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

/* A worker is through with its part of a checkpoint. */
enum status coordinator_take_saved(struct coordinator *coordinator, int worker,
                                   const struct message_saved *saved, struct error *error);
/* Warns once each time that training has waited for liveness_seconds for a checkpoint to be written. */
void coordinator_check_writing(struct coordinator *coordinator);
/* Whether the first worker is to be told now that a checkpoint is due: by time, or after one that failed. */
bool coordinator_wishes_checkpoint(struct coordinator *coordinator);
/* The workers left because the last checkpoint could not be written: the error that says so, and what is
 * safe. */
enum status coordinator_unsaved(const struct coordinator *coordinator, struct error *error);

/* Every worker has said hello: checks versions, shows placement, sends MESSAGE_START and the first leases. */
enum status coordinator_greet(struct coordinator *coordinator, struct error *error);

/* Has a worker been silent for too long, or does it hang? The longest such is told in *error; *worker is -1
 * where it is no single worker's fault. */
enum status coordinator_check_liveness(const struct coordinator *coordinator, int *worker,
                                       struct error *error);

/* Warns once of workers whose datagrams do not come through. */
void coordinator_check_datagrams(struct coordinator *coordinator);

/* After a request to stop: mpirun makes it too, and kills every rank a second later, when one has died. Is it
 * that? The worker that has gone is then a fault. */
enum status coordinator_check_departed(struct coordinator *coordinator, int *worker, struct error *error);

/* Was this process stopped for a good part of liveness_seconds until just now? Then the workers are gone, or
 * going, and the fault is its own. */
bool coordinator_given_up(struct coordinator *coordinator, struct error *error);

/* Handles one message of one worker. A failure is one of the protocol or of the coordinator itself. */
enum status coordinator_handle(struct coordinator *coordinator, int worker, const struct message *message,
                               struct error *error);

#endif
