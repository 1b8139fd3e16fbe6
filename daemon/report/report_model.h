/* What only the trained network can tell for a report: how its newest checkpoint judges the validation sets,
 * and how it places images of the datasets.
 */
#ifndef DAIL_DAEMON_REPORT_REPORT_MODEL_H
#define DAIL_DAEMON_REPORT_REPORT_MODEL_H

#include "proto/config/config.h"
#include "proto/file.h"
#include "worker/evaluate/roc.h"
#include "worker/evaluate/verification.h"

#include <stdbool.h>

struct report_set {
    char path[PATH_SIZE]; /* that the configuration names, see run_path */
    char name[128];
    char trouble[512]; /* why there is no more than that; else empty */
    struct verification result;
    double *cosine; /* [pairs] */
    uint8_t *same; /* [pairs] */
    size_t pairs;
    struct roc roc;
};

/* Images of one dataset as points of the projection. */
struct report_cloud {
    char manifest[PATH_SIZE]; /* likewise */
    char name[128];
    char trouble[512]; /* likewise */
    size_t begin, end; /* of the points */
};

struct report_model {
    char checkpoint[1024];
    int64_t step;
    struct network network;
    char trouble[512]; /* why there is none of all this; else empty */
    struct report_set *sets;
    size_t set_count;
    struct report_cloud *clouds;
    size_t cloud_count;
    double *x, *y; /* [points], points in the order of the clouds */
    size_t points;
    double share[2]; /* of the embeddings' variance, along x and along y */
};

struct report_model_use {
    int batch, threads;
    int images; /* of each dataset, for the projection */
};

/* Loads the newest checkpoint below `run_dir`, whose configuration is `config`, and computes. What cannot be
 * had is told in words in its place, and the rest goes on. Says on stderr how far it has come.
 * STATUS_INTERNAL when memory runs out, STATUS_DATA where a path is too long. The caller calls
 * report_model_free in any case. */
enum status report_model_make(const char *run_dir, const struct config *config,
                              const struct report_model_use *use, struct report_model *model,
                              struct error *error);
void report_model_free(struct report_model *model);

#endif
