/* The configuration: one table (config_table.c) of key, type, range, default and meaning drives the strict YAML
 * reader, `--set`, `--print-config` and the help text, so that they cannot drift apart.
 *
 * Paths are as the user wrote them, relative to the working directory; ~ and ~/ at the beginning of one are the home
 * folder.
 */
#ifndef DAIL_PROTO_CONFIG_CONFIG_H
#define DAIL_PROTO_CONFIG_CONFIG_H

#include "proto/config/config_augment.h"
#include "proto/config/config_margin.h"
#include "proto/config/network.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum config_unify { CONFIG_UNIFY_NONE, CONFIG_UNIFY_FILE, CONFIG_UNIFY_DISCOVER };
enum config_sampling { CONFIG_SAMPLING_NATURAL, CONFIG_SAMPLING_BALANCED, CONFIG_SAMPLING_CAPPED };
enum config_scope { CONFIG_SCOPE_ALL, CONFIG_SCOPE_DATASET };
enum config_domain_schedule { CONFIG_DOMAIN_CONSTANT, CONFIG_DOMAIN_GANIN };
enum config_recompute { CONFIG_RECOMPUTE_NONE, CONFIG_RECOMPUTE_BLOCKS };
enum config_exchange { CONFIG_EXCHANGE_AUTO, CONFIG_EXCHANGE_MPI, CONFIG_EXCHANGE_OWN };
enum config_precision { CONFIG_PRECISION_FLOAT32, CONFIG_PRECISION_BF16 };
enum config_kernels { CONFIG_KERNELS_FAST, CONFIG_KERNELS_GEMM, CONFIG_KERNELS_REFERENCE };
enum config_schedule { CONFIG_SCHEDULE_POLY, CONFIG_SCHEDULE_STEP, CONFIG_SCHEDULE_COSINE };

/* The largest network: also what a file may claim that one is made from. */
#define CONFIG_INPUT_MAX 1024
#define CONFIG_EMBEDDING_MAX 8192
#define CONFIG_WIDTH_MAX 8
#define CONFIG_HIDDEN_MAX 65536

struct config_dataset {
    char *manifest;
    double weight; /* multiplies this dataset's losses; default 1 */
    bool own_sampling;
    enum config_sampling sampling; /* where own_sampling; else data.sampling's */
    int cap; /* 0: data.cap */
    struct config_augment augment; /* this dataset's own */
    uint32_t given; /* bit i: the i-th of config_augment_rows is; the others mean nothing */
};

struct config {
    struct {
        char *name;
        char *dir;
        uint64_t seed;
    } run;
    struct {
        int lanes; /* 0: as many as workers at the run's first start */
        struct config_dataset *datasets;
        size_t dataset_count;
        struct config_augment augment; /* of all datasets; resolved for each by config_augment_of */
        enum config_sampling sampling;
        int cap; /* images of a person in an epoch, where sampling is capped */
        int bad_images; /* that may be left out */
        char **exclude; /* lists of what is left out (shard/identity/exclusion.h) */
        size_t exclude_count;
    } data;
    struct {
        char **paths; /* pairs files */
        size_t count;
    } validation;
    struct network model; /* its arch is the configuration's */
    char *model_init; /* "random" or a checkpoint directory */
    struct {
        struct margin_choice margin;
        double scale;
        enum config_scope scope;
        double crossing_dropout;
        double center, center_rate; /* center loss: its weight, 0: none; how fast the centres move */
        double filter; /* 0: none */
    } loss;
    struct {
        enum config_unify unify;
        char *file; /* "none" or a table of pairs (shard/identity/overlap_list.h) */
        double min_probability;
        double start, until; /* fractions of the training */
        double every_epochs;
    } identity;
    struct {
        double lambda;
        double start; /* fraction of the training */
        enum config_domain_schedule schedule;
        int *hidden;
        size_t hidden_count;
        bool balance;
    } domain;
    struct {
        int rows_min;
        double sample; /* 1: every class stands in every step */
    } classifier;
    struct {
        int lane; /* images of one lane's micro-batch */
    } batch;
    struct {
        double lr;
        double momentum;
        double weight_decay;
        double clip; /* 0: no clipping */
    } optimizer;
    struct {
        enum config_schedule kind;
        double power; /* kind poly: lr (1 - q)^power */
        double epochs;
        double warmup_epochs;
        double *milestones; /* kind step: fractions of the training at which lr is divided by 10 */
        size_t milestone_count;
    } schedule;
    struct {
        int every_steps; /* 0: never by steps */
        double every_minutes; /* 0: never by time */
        struct {
            int last; /* the newest so many stay; 0: all */
            int every_epochs; /* of each so many epochs one stays for good; 0: none */
        } keep;
        char *resume; /* "auto", "never" or a checkpoint directory */
    } checkpoint;
    struct {
        int every_steps; /* 0: only at the end */
        bool at_end;
    } eval;
    struct {
        int max_skips; /* updates skipped in a row that end the run */
    } numeric;
    struct {
        int threads; /* 0: auto */
        double bucket_mb;
        enum config_recompute recompute;
        enum config_exchange exchange;
        enum config_precision exchange_precision;
        double liveness_seconds; /* silence after which a worker counts as lost */
    } runtime;
    struct {
        int every; /* steps between two step records */
        bool tensorboard; /* event files beside the status log */
        double rotate_mb; /* MiB of the status log; 0: never */
        int keep; /* segments of it */
        double slow_seconds; /* a stretch of training over which a worker's slowness is judged; 0: never */
    } log;
    struct {
        int64_t trace_step; /* 0: none; steps count from 1 */
        int64_t stop_after_step; /* 0: none; stops as SIGTERM would, after that step */
        int64_t poison_sample; /* id of a sample whose pixels become NaN; -1: none */
        enum config_kernels kernels;
    } debug;
};

/* Reads `path`, then applies `overrides` ("a.b=c", later ones win), then checks every range and every rule
 * that spans keys. On failure: STATUS_USAGE, with file:line, key, what was expected and the nearest key.
 * On success the caller owns `*config` and frees it with config_free. */
enum status config_load(const char *path, const char *const *overrides, size_t override_count,
                        struct config *config, struct error *error);

/* The same from text (`name` stands for the file in messages): workers get the resolved text so. */
enum status config_parse(const char *text, const char *name, const char *const *overrides,
                         size_t override_count, struct config *config, struct error *error);

/* Every key at its default: what `daild --print-config` prints without a file. It names no dataset, so it is
 * no configuration to run. The caller calls config_free. */
enum status config_defaults(struct config *config, struct error *error);

/* How dataset k is sampled; *cap: its cap. */
enum config_sampling config_sampling_of(const struct config *config, size_t k, int *cap);

void config_free(struct config *config);

/* The resolved whole as YAML, every key with its value; with `comments` each with its one-line meaning.
 * What it prints, config_parse reads back to the same values. The caller frees the text. NULL: no memory. */
char *config_format(const struct config *config, bool comments);

/* Everything that decides the arithmetic of the run (not log, runtime, checkpoint, eval, debug, run.name/dir), a line
 * "key: value" for each key. The caller frees the text. NULL: no memory. */
char *config_settings(const struct config *config);

/* A 16-hex-digit digest of config_settings: two runs of one digest train the same model. */
void config_digest(const struct config *config, char digest[17]);

/* Tells each key whose value is another in the second of two texts of config_settings; a value that one of them lacks
 * is NULL. */
typedef void config_change(void *context, const char *key, const char *before, const char *now);
void config_compare(const char *before, const char *now, config_change *tell, void *context);

#endif
