#include "worker/worker_checkpoint.h"

#include "proto/clock.h"
#include "worker/worker_messages.h"

/* When there is no later step, a checkpoint that could not be written is tried again so often, after pauses
 * of so many seconds and twice as many each time. */
#define LAST_CHECKPOINT_TRIES 3
#define LAST_CHECKPOINT_PAUSE 1.0

static bool is_settled(const struct worker *worker)
{
    return save_is_settled(worker->save);
}

enum status worker_begin_checkpoint(struct worker *worker, int64_t step, int skips, bool evaluation_due,
                                    struct error *error)
{
    double begin = clock_monotonic();
    worker->trainer.phase = PHASE_CHECKPOINT;
    trainer_forget_residual(&worker->trainer);
    worker_progress(worker, PHASE_CHECKPOINT);
    enum status status = worker_wait(worker, is_settled, PHASE_CHECKPOINT, error);
    if (status == STATUS_OK && save_committed_step(worker->save) < step) {
        struct save_moment moment = {.step = step, .skips = skips, .evaluate = evaluation_due};
        save_begin(worker->save, &moment, begin);
    }
    return status;
}

static bool has_paused(const struct worker *worker)
{
    return clock_monotonic() >= worker->pause_end;
}

enum status worker_finish_checkpoint(struct worker *worker, int64_t step, int skips, bool evaluation_due,
                                     struct error *error)
{
    enum status status = worker_begin_checkpoint(worker, step, skips, evaluation_due, error);
    double pause = LAST_CHECKPOINT_PAUSE;
    for (int try = 1; status == STATUS_OK; try++) {
        status = worker_wait(worker, is_settled, PHASE_CHECKPOINT, error);
        if (status != STATUS_OK || save_committed_step(worker->save) >= step) {
            return status;
        }
        if (try == LAST_CHECKPOINT_TRIES) {
            *error = (struct error){.status = STATUS_STORAGE};
            return STATUS_STORAGE;
        }
        worker->pause_end = clock_monotonic() + pause;
        pause *= 2;
        status = worker_wait(worker, has_paused, PHASE_CHECKPOINT, error);
        if (status == STATUS_OK) {
            status = worker_begin_checkpoint(worker, step, skips, evaluation_due, error);
        }
    }
    return status;
}
