/* What the classifier holds; private to worker/loss. classifier.c builds it, classifier_round.c uses it. */
#ifndef DAIL_WORKER_LOSS_CLASSIFIER_STATE_H
#define DAIL_WORKER_LOSS_CLASSIFIER_STATE_H

#include "worker/loss/classifier.h"

/* Rows of one tile: with an embedding of 512 they are half a mebibyte, which stays in a core's own cache
 * between the products that use them. */
#define CHUNK_ROWS 256

/* The centres of center_loss.h, beside the class rows. NULL: there are none. */
struct center_rows {
    float *value; /* [rows][D] */
    float *pull; /* [rows][D]: sums of x - c of the step */
    uint32_t *samples; /* [rows]: of the step */
};

/* The rows of a dataset that this worker owns: none where row_begin is row_end. */
struct classifier_block {
    uint32_t row_begin, row_end;
    int part, parts;
    float *weight; /* [row_end - row_begin][D] */
    float *gradient; /* the same; where classes are drawn [drawn.count][D] */
    struct parameter_drawn drawn; /* rows of the step under way, where classes are drawn */
    float *
        centre; /* [row_end - row_begin][D] sums of unit embeddings, and [row_end - row_begin] of how many; or NULL */
    struct center_rows center;
    struct parameter parameter; /* weight and gradient as a group has them */
};

/* Neighbouring rows of one block, or of those drawn of it: what a thread scores at a time. */
struct chunk {
    size_t dataset;
    uint32_t begin; /* first row, counted within the block; where classes are drawn, within block.drawn */
    uint64_t first; /* what its first row counts as among targets: see struct scored */
    int rows;
    float *inverse_norm; /* [rows], of the round under way */
    struct meeting *meeting; /* [meetings] */
    size_t meetings;
    int thread; /* of the round under way */
};

/* Samples that meet rows of a chunk: those of one dataset (or all, with scope all) and the rows whose group has a
 * class in it. */
struct meeting {
    size_t dataset; /* of the samples; EVERY_DATASET */
    const int *row; /* [rows] within the chunk, ascending; NULL: the whole chunk */
    int rows;
    /* Of the round under way. */
    int first, samples; /* of the samples in order of dataset */
    float *kept; /* [samples][rows] in the arena from the first pass to the second, or NULL: made again */
};
#define EVERY_DATASET SIZE_MAX

/* A sample of the round. They are kept in order of dataset, so that those of one are neighbours. */
struct scored {
    struct sample sample;
    uint32_t target; /* class whose row the sample should be near: its group's home */
    uint64_t target_at; /* the same; where classes are drawn the place of its row (classifier_drawn.h) */
    uint32_t place; /* worker * count + position */
    uint32_t slot; /* among those that this worker has a part in, in the order in which they came */
    double share; /* its loss's part in the mean: dataset weight / global batch */
    double inverse_norm; /* of the embedding */
    /* Of those whose class is among the owned rows. */
    bool target_owned;
    const struct classifier_block *block; /* the target's row, counted within the block */
    size_t row;
    struct sample_margin margin;
    double target_cosine;
    double target_slope; /* d loss / d cosine of the target */
    double norm_slope; /* d loss / d norm of the embedding, through the margin */
    double loss, correct;
};

/* A sample's denominator, of which workers take the maximum. */
struct denominator {
    float largest; /* among what the rivals' cosines count as */
    float nearest; /* cosine among the rivals: the same, but with CurricularFace */
    float psi; /* of the target: its owner alone has it at first */
    float cosine; /* of the target: the same */
};

/* A crossing class among the owned rows. */
struct crossing_pair {
    uint32_t scored; /* index in order of dataset */
    uint32_t row; /* within the block */
    uint32_t place; /* of its gradient: the row, or where classes are drawn its number among those */
    struct classifier_block *block;
    float inverse_norm, cosine, slope;
};

/* What one thread adds up. */
struct thread_part {
    float *largest; /* [round_max] */
    float *nearest; /* [round_max]; NULL: as `largest` */
    double *sum; /* [round_max] */
    float *grad_embedding; /* [round_max][D], in order of dataset */
    float *tile; /* [round_max][chunk_rows]: cosines that are not kept */
    double threshold_slope; /* d loss / d logit, summed over rivals */
    float *row_dot; /* [chunk_rows] */
    float *rival; /* [chunk_rows]: what a sample's rivals count as; NULL: their cosines */
    /* With identity groups, a meeting's rows one behind the other. */
    float *packed_weight, *packed_gradient; /* [chunk_rows][D] */
    float *packed_inverse_norm; /* [chunk_rows] */
};

struct classifier {
    struct classifier_config config; /* classes and weight point to copies below */
    uint32_t *classes;
    double *weight;
    struct exchange *exchange;
    struct classifier_block *block; /* [datasets] */
    const struct identity_groups *identity; /* the caller's, or `alone` */
    struct identity_groups *alone;
    struct exchange_group **owners; /* [datasets]: of each dataset's rows; NULL while nobody needs them */
    struct exchange_group *everyone; /* the same */
    bool global; /* every worker may have a part in every denominator */

    struct drawn *drawn; /* classifier_drawn.c; NULL: all classes stand in every step */
    int chunk_rows;
    struct chunk *chunk; /* of all owned blocks, or of the rows drawn of them: so many of chunk_capacity */
    size_t chunks, chunk_capacity;
    struct meeting *meeting; /* of all chunks */
    int *meeting_row;
    float *inverse_norm; /* [row_capacity]: of all owned rows, or of those that stand in a step */
    size_t row_capacity;
    float *arena; /* kept cosines */
    size_t arena_count;
    struct thread_part *part; /* [threads] */

    /* [round_max] each */
    struct sample *gathered_sample;
    float *gathered_embedding; /* [D] each, by slot */
    struct scored *scored;
    float *embedding; /* [D] each, normalised, in order of dataset */
    struct denominator *denominator;
    double *local_sum; /* over the owned rows */
    float *largest, *sum, *factor;
    float *nearest,
        *hard; /* with CurricularFace: the nearest rival, and the cosine above which one is hard */
    float *outgoing; /* [D + RETURN_COUNT] each, by slot */
    float *incoming; /* the same, of one worker's samples, by position */
    struct delivery *delivery; /* classifier_delivery.c */
    int *dataset_first; /* [datasets + 1]: where its samples begin in order of dataset */

    struct parameter margin_parameter[MARGIN_RUNNING]; /* of the running values, or of the threshold */
    float running[MARGIN_RUNNING];
    bool unified; /* UniFace (threshold.h): nothing is reduced */
    float threshold, threshold_gradient;

    struct crossing_pair *pair;
    struct crossing_draw *draw; /* of the same index */
    size_t pairs, pair_capacity;
    size_t bytes;
};

/* What goes back to a sample's worker behind the gradient: each is set by one owner and 0 from the others. */
enum { RETURN_LOSS, RETURN_CORRECT, RETURN_NORM_SLOPE, RETURN_COUNT };

/* --- Which samples are scored against which rows: classifier_meeting.c ---
 *
 * Rows are cut into chunks, those of a dataset's block into as few as may be; a chunk's rows meet the samples of one
 * dataset, or of several where identity groups share them. That is so for as long as the groups are, but where classes
 * are drawn: then it is planned anew for each step, in room that is there.
 */

/* Adds the chunks of so many rows of a dataset's block, the first of which counts as `first` among targets. */
void meeting_cut_chunks(struct classifier *classifier, size_t dataset, size_t rows, uint64_t first);

/* As the identity groups say: the meetings of all chunks, or room for them where classes are drawn. */
enum status meeting_plan(struct classifier *classifier, struct error *error);

#endif
