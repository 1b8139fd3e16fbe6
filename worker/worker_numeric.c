#include "worker/worker_numeric.h"

#include "worker/worker_checkpoint.h"
#include "worker/worker_messages.h"

#include <string.h>

/* One worker tells of a skipped update: the one whose lane brought it, or the first where it was nobody's. */
static enum status report_skip(struct worker *worker, const struct step_result *result, struct error *error)
{
    const struct trainer *trainer = &worker->trainer;
    int own = worker->context->exchange->rank;
    struct message message = {.kind = MESSAGE_WARNING};
    char origin[320] = "it came from the sum over all lanes", others[48] = "";
    if (own != (result->culprit < 0 ? 0 : result->culprit)) {
        return STATUS_OK;
    }
    if (result->culprit >= 0) {
        blame_describe(&result->blame, trainer->manifests, trainer->datasets, origin, sizeof origin);
    }
    if (result->culprit_lanes > 1) {
        snprintf(others, sizeof others, "; so did %d other lanes", result->culprit_lanes - 1);
    }
    snprintf(message.warning.what, sizeof message.warning.what,
             "step %lld: the loss or gradient is not finite, and its update was skipped: rank %d@%.64s, %s%s",
             (long long)worker->step, own + 1, worker->context->hello.host, origin, others);
    return worker_send(worker, &message, error);
}

/* So many updates were skipped in a row that the run ends, after a checkpoint of the state before the first
 * of them, unless there is one of that state already. */
static enum status give_up(struct worker *worker, struct error *error)
{
    int64_t good = worker->step - worker->skips;
    bool saved = worker->start.checkpoint[0] != '\0' && worker->start.step >= good;
    char next[160];
    enum status status =
        saved || good == 0 ? STATUS_OK : worker_finish_checkpoint(worker, good, 0, false, error);
    saved = saved || save_committed_step(worker->save) >= good;
    if (status != STATUS_OK && status != STATUS_STORAGE) {
        return status;
    }
    if (worker->context->exchange->rank != 0) {
        *error = (struct error){.status = STATUS_NUMERIC};
        return STATUS_NUMERIC;
    }
    snprintf(next, sizeof next, "lower optimizer.lr, or lengthen the warm-up; ");
    size_t used = strlen(next);
    if (good == 0) {
        snprintf(next + used, sizeof next - used, "no step was good, so it starts anew");
    } else if (saved) {
        snprintf(next + used, sizeof next - used,
                 "the run goes on from its last good state, step %lld or later", (long long)good);
    } else {
        snprintf(next + used, sizeof next - used, "its last good state could not be saved");
    }
    return error_set(error, STATUS_NUMERIC, "step", next,
                     "the loss or gradient was not finite for %d steps in a row, last at step %lld",
                     worker->skips, (long long)worker->step);
}

enum status worker_count_skips(struct worker *worker, const struct step_result *result, struct error *error)
{
    worker->skips = result->skipped ? worker->skips + 1 : 0;
    enum status status = result->skipped ? report_skip(worker, result, error) : STATUS_OK;
    if (status == STATUS_OK && worker->skips >= worker->context->config->numeric.max_skips) {
        return give_up(worker, error);
    }
    return status;
}
