/* Everything that is read, checked and decided before a run begins, by the coordinator alone, so that a fault
 * is found before any work and told once.
 */
#ifndef DAIL_DAEMON_COORDINATOR_SETUP_H
#define DAIL_DAEMON_COORDINATOR_SETUP_H

#include "proto/config.h"
#include "proto/error.h"
#include "shard/manifest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETUP_WARNINGS_MAX 32

struct setup {
    struct config config; /* data.lanes resolved */
    char *text; /* the same, as YAML: what the workers are given */
    char digest[17]; /* of the configuration */
    int workers, lanes;
    struct manifest *manifests; /* [datasets] */
    size_t datasets;
    uint32_t *classes; /* [datasets] */
    int64_t images; /* of all datasets */
    int64_t steps, steps_per_epoch;
    int64_t backbone_parameters, domain_parameters, classifier_parameters;
    char checkpoint[512]; /* to begin from; empty: from the start */
    int64_t start_step; /* steps already done there */
    int start_skips; /* updates skipped in a row, up to there */
    bool start_evaluate; /* the evaluation due after that step is still to be done */
    char warning[SETUP_WARNINGS_MAX][512];
    size_t warnings;
};

/* Reads the configuration, opens and checks every manifest, shard file (presence and size) and verification
 * set, decides where to begin (resume.h), and counts lanes and steps. `workers` is at least 1.
 * Nothing is written. The caller calls setup_free in any case. */
enum status setup_make(const char *config_path, const char *const *overrides, size_t override_count,
                       int workers, struct setup *setup, struct error *error);
void setup_free(struct setup *setup);

/* Adds a line that goes to the logs once they are open. */
void setup_warn(struct setup *setup, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Lanes, steps per epoch and steps from the configuration, the images and setup->workers.
 * `checkpoint_lanes`: what a resumed run has; 0: none. STATUS_USAGE names what does not fit. */
enum status setup_count_steps(struct setup *setup, int checkpoint_lanes, struct error *error);

#endif
