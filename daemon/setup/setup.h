/* What is known of a run before it begins: its configuration, its datasets, and where it starts. setup_make.h
 * fills it.
 */
#ifndef DAIL_DAEMON_SETUP_SETUP_H
#define DAIL_DAEMON_SETUP_SETUP_H

#include "daemon/plan/sampling.h"
#include "proto/config/config.h"
#include "proto/error.h"
#include "shard/identity/exclusion.h"
#include "shard/manifest.h"
#include "shard/pairs.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/loss/identity.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETUP_WARNINGS_MAX 32

struct setup {
    struct config config; /* data.lanes resolved */
    char *text; /* the same, as YAML: what the workers are given */
    char digest[17]; /* of the configuration */
    char *settings; /* config_settings of it */
    int workers, lanes;
    struct manifest *manifests; /* [datasets], each with its fingerprint */
    size_t datasets;
    uint32_t *classes; /* [datasets] */
    struct sampling *sampling; /* [datasets] */
    int64_t images; /* that come in an epoch, of all datasets */
    struct exclusion_counts excluded;
    char (*set_names)
        [PAIRS_NAME_MAX]; /* [validation.count]: of the verification sets opened so far, in their order */
    size_t sets;
    struct identity_groups *identity; /* people in several datasets; NULL: nobody is said to be */
    int64_t steps, steps_per_epoch;
    int64_t backbone_parameters, domain_parameters, classifier_parameters;
    const struct checkpoint_verifier
        *verifier; /* of the checkpoint to begin from; NULL: this process alone */
    char checkpoint[512]; /* to begin from; empty: from the start */
    int64_t start_step; /* steps already done there */
    int start_skips; /* updates skipped in a row, up to there */
    bool start_evaluate; /* the evaluation due after that step is still to be done */
    char taken[512]; /* the datasets whose class rows model.init gives; may be empty */
    char warning[SETUP_WARNINGS_MAX][512];
    size_t warnings;
};

void setup_free(struct setup *setup);

/* Whether a checkpoint that the run begins with is whole. */
enum status setup_verify(const struct setup *setup, const char *path, struct error *error);

/* Adds a line that goes to the logs once they are open. */
void setup_warn(struct setup *setup, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
