/* A tile of the classifier: the cosines of some samples against some neighbouring class rows, and what the
 * softmax needs of them. Private to worker/loss. One thread works on a tile.
 *
 * Rows are stored as they are; only their inverse norms are kept beside them, so that no normalised copy of
 * the class weights exists.
 */
#ifndef DAIL_WORKER_LOSS_CLASSIFIER_TILE_H
#define DAIL_WORKER_LOSS_CLASSIFIER_TILE_H

/* Stands in a tile for a class that is no rival of the sample: its exponential is 0. */
#define TILE_MASKED -1e30f
/* Below every cosine: the largest rival of a sample that has met none. */
#define TILE_NO_RIVAL -2.0f
/* Norms below this count as zero: the vector gets cosine 0 to everything, and no gradient. */
#define TILE_NORM_FLOOR 1e-12

struct tile {
    int rows, samples, dimension;
    const float *weight; /* [rows][dimension] */
    const float *inverse_norm; /* [rows], 0 for a zero row */
    const float *embedding; /* [samples][dimension], normalised */
    float *cosine; /* [samples][rows] */
    /* CurricularFace (sample_margin.h): a cosine c above hard [samples] counts as c (hardness + c). NULL: as it is. */
    const float *hard;
    float hardness;
    float *rival; /* [rows]: room */
};

/* 1 / |vector|, or 0 below the floor. If the vector is not finite, its products with this are no numbers. */
float tile_inverse_norm(const float *vector, int dimension);

/* Fills the cosines. */
void tile_cosines(const struct tile *tile);

/* Masks what is above the threshold. */
void tile_filter(const struct tile *tile, float threshold);

/* Takes the tile into each sample's running maximum and sum of e^{scale (what a cosine counts as - largest)}:
 * largest [samples], sum [samples], from TILE_NO_RIVAL and 0. */
void tile_accumulate(const struct tile *tile, float scale, float *largest, double *sum);

/* Takes the cosines into nearest [samples], the largest of each sample. */
void tile_nearest(const struct tile *tile, float *nearest);

/* Turns cosines into slopes d loss / d cosine = factor e^{scale (cosine - largest)}, or what follows for those that count as more, each already times the
 * row's inverse norm. largest, factor [samples]; row_dot [rows] is set to the sums of
 * slope times cosine, for tile_spread. */
void tile_slopes(const struct tile *tile, float scale, const float *largest, const float *factor,
                 float *row_dot);

/* Adds what the slopes mean for both sides: to grad_weight [rows][dimension] through the normalisation's
 * Jacobian, to grad_embedding [samples][dimension] with respect to the normalised embeddings. */
void tile_spread(const struct tile *tile, const float *row_dot, float *grad_weight, float *grad_embedding);

#endif
