/* The coordinator's side of a checkpoint: it gathers the parts that the workers report, and when every worker
 * has said that it is through commits them, removes what is too old, and says how it went. Whatever went
 * wrong, it waits for every worker's word: only then does nobody write into the directory any more.
 */
#ifndef DAIL_DAEMON_COORDINATOR_CHECKPOINT_WRITER_H
#define DAIL_DAEMON_COORDINATOR_CHECKPOINT_WRITER_H

#include "daemon/setup/setup.h"
#include "proto/message.h"
#include "worker/checkpoint/checkpoint.h"

#include <stdbool.h>

struct checkpoint_writer {
    const struct setup *setup;
    struct folder_lock *lock; /* on run.dir, or NULL */
    struct checkpoint_state state; /* what every checkpoint of this run says of itself, but for the step */
    struct checkpoint_part *parts; /* [expected] */
    size_t count, expected;
    bool *saved; /* [workers]: who is through */
    int heard; /* how many are */
    int64_t step; /* of the checkpoint that parts come in for; -1: none */
    double stall, seconds; /* the longest of any worker */
    int culprit; /* the first worker that could not write; -1: none */
    struct error failure; /* its */
};

/* What came of a checkpoint. */
struct checkpoint_outcome {
    bool settled; /* false: more workers are awaited */
    int64_t step;
    enum status status; /* STATUS_OK: committed; else given up */
    int culprit; /* the worker that could not write its part; -1: none, it was the commit */
    enum status prune; /* of removing older ones; a failure of that, with the error filled, harms nothing */
    char path[1024];
    uint64_t bytes;
    double stall; /* that the training of some worker stood still at most */
    double seconds; /* that some worker wrote at most */
};

/* The files expected: model.h5, and of every dataset one per owner. */
enum status checkpoint_writer_open(const struct setup *setup, struct folder_lock *lock,
                                   struct checkpoint_writer *writer, struct error *error);
void checkpoint_writer_close(struct checkpoint_writer *writer);

/* Takes a part. A failure is one of the protocol: a part that nobody expects. */
enum status checkpoint_writer_part(struct checkpoint_writer *writer, const struct message_part *part,
                                   struct error *error);

/* Takes a worker's word that it is through; with the last one commits and prunes, or gives the checkpoint up
 * and removes what is there of it. A failure to do so, or of a worker before, is the outcome's status, with
 * the error filled, and the checkpoint before stays in place. The return value is a failure of the protocol.
 */
enum status checkpoint_writer_saved(struct checkpoint_writer *writer, int worker,
                                    const struct message_saved *saved, struct checkpoint_outcome *outcome,
                                    struct error *error);

/* Gives up the checkpoint under way, if there is one, at the end of a run that is broken off. */
void checkpoint_writer_abandon(struct checkpoint_writer *writer);

#endif
