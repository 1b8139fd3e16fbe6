/* A trace: everything needed to replay one training step in another framework, one HDF5 file per worker,
 * `<run.dir>/trace/step-<9 digits>/worker-<r>.h5` with r from 1 (etc/doc/guide.md, "Files"; tests/oracle/replay.py).
 *
 *   attributes        see struct trace_step and struct trace_result; texts are fixed-length UTF-8,
 *                     `datasets` an array of them
 *   /lane-<l>/        image f32 [b,3,H,W], dataset u32 [b], label u32 [b], sample u64 [b],
 *                     embedding f32 [b,D], domain_logit f32 [b,K], and dropout f32 [b,n] where the step had it
 *   /before/ /momentum/ /grad/ /after/
 *                     backbone/<name>, domain/<name> and, where the margin has running values, margin/<name>, in the
 *                     shapes of the state_dict: written by worker 1;
 *                     grad is after the exchange, before clipping and decay
 *   /classifier/<dataset>/{before,momentum,grad,after}
 *                     f32 [rows,D], with attributes row_begin, row_end on the group; with center loss center_before
 *                     and center_after too
 *   /classifier/<dataset>/drawn
 *                     u32 [n]: the classes, counted over the dataset, that stand in the step's denominators, of the rows
 *                     above; only where classes are drawn (`sample` is below 1), and then grad is 0 of the others
 *   /crossing         u32 [n,3]: lane, position in the lane's micro-batch, class over all datasets
 *   /home             u32 [classes over all datasets]: whose row each class shares; only with identity groups
 *
 * The file is written under "<name>.tmp" and renamed by trace_close. Every error is STATUS_STORAGE.
 */
#ifndef DAIL_WORKER_TRACE_H
#define DAIL_WORKER_TRACE_H

#include "proto/config/network.h"
#include "proto/error.h"
#include "worker/loss/classifier.h"
#include "worker/parameter/parameter.h"

#include <stdbool.h>
#include <stdint.h>

/* What is known of a step before it begins: root attributes of the same names. */
struct trace_step {
    int64_t step, epoch, global_batch;
    int lanes;
    size_t dataset_count;
    const char *const *datasets; /* names, config order [dataset_count] */
    const uint32_t *classes; /* attribute dataset_classes [dataset_count] */
    const double *dataset_weight; /* of each dataset's losses [dataset_count] */
    const double *domain_weight; /* of each dataset in the domain loss, balance included [dataset_count] */
    bool domain_balance;
    const int *domain_hidden; /* [domain_hidden_count] */
    size_t domain_hidden_count;
    double lambda, lr, scale;
    struct margin_choice margin; /* attributes margin_name, and margin: its parameters */
    uint64_t seed;
    bool scope_all; /* attribute scope: "all" or "dataset" */
    double crossing_dropout, filter;
    double center, center_rate; /* of center loss */
    double sample; /* share of the classes that is drawn; 1: all stand */
    const uint32_t *home; /* array of the same name [all classes] (worker/loss/identity.h); NULL: none */
    struct network network; /* attributes arch, input, embedding, width, dropout */
    double momentum, weight_decay, clip;
};

/* What is known at its end, over the global batch: root attributes of the same names. */
struct trace_result {
    double loss, loss_cls, loss_dom;
    double grad_norm; /* of backbone and domain head, before clipping */
    bool skipped; /* nothing was updated */
};

/* Which state of the model is written. */
enum trace_state { TRACE_BEFORE, TRACE_MOMENTUM, TRACE_GRAD, TRACE_AFTER };

struct trace_lane {
    int lane;
    int batch, side, embedding, datasets;
    const float *image; /* [batch][side][side][3], NHWC as fed to the network */
    const struct sample *sample; /* [batch] */
    const float *embedding_values; /* [batch][embedding] */
    const float *domain_logit; /* [batch][datasets] */
    const float *dropout_mask; /* [batch][dropout_count], NULL: none */
    size_t dropout_count;
};

struct trace;

/* Makes the directories and the file of worker `rank` (from 1). `owner`: the nonce of the run's folder, "" where nobody
 * else can be there; must outlive the trace; STATUS_LOST where the folder is another's. On success the caller calls
 * trace_close or trace_abandon. */
enum status trace_open(const char *run_dir, const char *owner, int64_t step, int rank, struct trace **trace,
                       struct error *error);

enum status trace_root(struct trace *trace, const struct trace_step *step, struct error *error);
enum status trace_results(struct trace *trace, const struct trace_result *result, struct error *error);

/* One lane's micro-batch: after its forward pass and losses. */
enum status trace_lane(struct trace *trace, const struct trace_lane *lane, struct error *error);

/* One of the group's vectors: its momenta, its gradient, or its weights with the running statistics. Groups that
 * every worker has alike are to be written by worker 1 alone. Nothing is written of no rows. */
enum status trace_group(struct trace *trace, enum trace_state state, const struct parameter_group *group,
                        struct error *error);

/* draws [count][3] = (lane, position in the lane's micro-batch, class counted over all datasets): drawn
 * cross-dataset classes among owned rows. May be called several times; the draws add up. */
enum status trace_crossing(struct trace *trace, const uint32_t *draws, size_t count, struct error *error);

/* Completes, syncs and renames the file, unless the folder has become another's. Frees `trace` in any case; on an error the file is removed. */
enum status trace_close(struct trace *trace, struct error *error);

/* Removes the unfinished file and frees `trace` (NULL: nothing). */
void trace_abandon(struct trace *trace);

#endif
