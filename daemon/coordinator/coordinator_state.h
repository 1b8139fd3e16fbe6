/* What the coordinator knows while a run is under way, and what each of its steps does with it. The steps are
 * coordinator_handshake, _checkpoint, _liveness, _progress and, above these, _handle; coordinator.c calls them. All of them
 * may call what is here, and nothing here calls them.
 */
#ifndef DAIL_DAEMON_COORDINATOR_COORDINATOR_STATE_H
#define DAIL_DAEMON_COORDINATOR_COORDINATOR_STATE_H

#include "daemon/coordinator/checkpoint_writer.h"
#include "daemon/coordinator/coordinator_context.h"
#include "daemon/coordinator/journal_record.h"
#include "daemon/coordinator/lease_assignment.h"
#include "daemon/coordinator/slowness.h"

/* What is known of one worker. */
struct worker_view {
    bool introduced, stepped, done;
    enum status done_status;
    double heard; /* when last */
    int64_t step; /* as it last said */
    struct message_heartbeat sign; /* likewise, over MPI */
};

struct coordinator {
    const struct coordinator_context *context;
    const struct setup *setup;
    struct journal *journal;
    struct worker_view *view; /* [workers] */
    struct message_hello *hello; /* [workers]: what each has said of itself */
    struct lease_assignment leases;
    struct checkpoint_writer checkpoints;
    bool started; /* MESSAGE_START is out */
    bool stop_asked, stop_told; /* by whomever; to the workers */
    bool datagrams_checked, departed_checked;
    double pinged; /* the workers, after a request to stop; 0: not yet */
    double touched; /* when the log last was */
    double begun; /* training */
    struct { /* what is known of checkpoints */
        int64_t step; /* of the newest one; -1: none */
        double settled; /* when the last one was committed or given up, or training began */
        bool requested; /* the first worker knows that one is due */
        int failures; /* in a row, up to now */
        double retry; /* when to try again after a failure */
        int64_t failed_step;
        struct error failure; /* the last one */
    } saved;
    struct slowness slowness;
    struct slow_writing *writing; /* [workers]: of the checkpoint under way */
    struct { /* whether the run goes on */
        uint64_t work; /* of all workers, at the last look, and when that was */
        double looked;
        double still; /* seconds since it last rose */
        bool told;
    } progress;
    struct { /* images that are left out */
        uint64_t *sample; /* [count] */
        int count;
        struct error verdict; /* STATUS_OK, or they are more than may be: the run ends, its state saved */
    } bad;
    double beaten; /* when the workers were last sent a heartbeat */
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

/* "rank 3@node17" */
void coordinator_name_worker(const struct coordinator *coordinator, int worker, char *text, size_t size);

enum status coordinator_send_all(struct coordinator *coordinator, const struct message *message,
                                 struct error *error);

/* Remembers the run's first fault, and records every one. `worker` is -1 for the coordinator's own. */
void coordinator_fail(struct coordinator *coordinator, int worker, const struct error *error);

/* Says who has begun to hold the run up and who has ceased, as slowness's last call found. */
void coordinator_tell_slow(struct coordinator *coordinator);

/* Whether the run's folder is another's by now: then that is the run's fault, whatever was before. */
bool coordinator_lost_folder(struct coordinator *coordinator);

#endif
