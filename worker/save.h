/* A worker's side of checkpoints. At the step where one is due it copies what it holds, and goes on training
 * while a thread of its own writes the copy: the first worker's model.h5, and every worker's blocks of class
 * rows.
 *
 * The copy is laid out once and holds one checkpoint. A checkpoint is under way from save_begin until the
 * coordinator's word of how it ended, and until then no other may begin.
 */
#ifndef DAIL_WORKER_SAVE_H
#define DAIL_WORKER_SAVE_H

#include "worker/trainer.h"
#include "worker/worker_context.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct save;

/* What a checkpoint is of, beside the trainer's numbers. The same on all workers. */
struct save_moment {
    int64_t step; /* steps done */
    int skips; /* updates skipped in a row, up to this step */
    bool evaluate; /* the evaluation that is due after this step is still to be done */
};

/* Lays out the copy and starts the thread. `trainer` and `owner`, whose the folder is, must outlive it. */
enum status save_create(struct trainer *trainer, const char *owner, struct save **save, struct error *error);
/* Waits for the thread to end what it is writing. NULL is left alone. */
void save_free(struct save *save);

/* Bytes of the copy that this worker will lay out. */
int64_t save_memory_bytes(const struct trainer *trainer);

/* Copies everything and leaves it to the thread. `since`: when training was first held up for this checkpoint
 * (trainer_clock), which is reported. */
void save_begin(struct save *save, const struct save_moment *moment, double since);

/* Reports what the thread has written, if it is through: a MESSAGE_PART for each file and a MESSAGE_SAVED. A
 * failure to write is in that message, and no failure of this call. Costs nothing while there is nothing. */
enum status save_report(struct save *save, const struct worker_link *link, struct error *error);
/* The thread is at work: nothing to report yet. */
bool save_is_writing(struct save *save);

/* The file that the thread is at, if it is at work, else ""; *written rises as it comes on. */
bool save_look(struct save *save, char *file, size_t size, uint64_t *written);

/* The coordinator's word: the checkpoint of `step` is committed, or given up if `outcome` is no STATUS_OK. */
void save_settle(struct save *save, int64_t step, enum status outcome);

/* No checkpoint is under way. */
bool save_is_settled(const struct save *save);
/* Step of the last checkpoint that was committed; -1: none in this worker's life. */
int64_t save_committed_step(const struct save *save);

#endif
