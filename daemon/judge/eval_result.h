/* What `dail eval` found of one or several models, and how it is shown: tables, JSON, ROC curves.
 */
#ifndef DAIL_DAEMON_JUDGE_EVAL_RESULT_H
#define DAIL_DAEMON_JUDGE_EVAL_RESULT_H

#include "shard/pairs.h"
#include "worker/evaluate/roc.h"
#include "worker/evaluate/verification_interval.h"
#include "worker/interchange/backbone.h"
#include "worker/protocol/fairness.h"

/* One verification set by one model. */
struct eval_result {
    char name[PAIRS_NAME_MAX]; /* the set's */
    char set[PAIRS_NAME_MAX + 16]; /* the same, told apart from others of that name */
    const char *file;
    struct verification score;
    struct verification_interval interval;
    double *drawn; /* [draws]: with groups, the accuracy of each draw */
    struct roc roc; /* empty unless it was asked for */
};

struct eval_model {
    char path[1024];
    struct network network;
    int64_t step, steps; /* of a checkpoint */
    bool untrained, imported;
    struct eval_result *results; /* [sets] */
    struct fairness fairness; /* with groups */
};

struct eval_results {
    struct eval_model *models; /* [model_count] */
    size_t model_count, sets;
    struct bootstrap bootstrap; /* of the intervals */
    bool groups; /* each set is a group of people */
};

/* STATUS_INTERNAL when memory runs out. The caller calls eval_results_free in any case. */
enum status eval_results_create(struct eval_results *results, size_t models, size_t sets,
                                struct error *error);
void eval_results_free(struct eval_results *results);

/* The table of one model: its heading, then each row as it comes. */
void eval_print_heading(const struct eval_model *model);
void eval_print_row(const struct eval_result *result);
/* How evenly each model does, where sets are groups. */
void eval_print_fairness(const struct eval_results *results);
/* What the intervals are, where there are some. */
void eval_print_footing(const struct eval_results *results);

/* Several models side by side: accuracy and its deviation, and TAR at each FAR that a set is large enough
 * for. */
void eval_print_comparison(const struct eval_results *results);

/* One model's object, or {"models": [...]} of several. */
enum status eval_print_json(const struct eval_results *results, struct error *error);

/* Writes the ROC curves of every model and set to `path`, which curve_file_check has passed, as its ending
 * asks: .csv (model, set, far, tar, the squared distance that is the threshold) or .svg (drawn by gnuplot).
 * STATUS_USAGE without gnuplot. */
enum status eval_write_roc(const struct eval_results *results, const char *path, struct error *error);

/* The same as DET curves: the false reject rate over the false accept rate; .csv has (model, set,
 * far, frr, threshold). */
enum status eval_write_det(const struct eval_results *results, const char *path, struct error *error);

#endif
