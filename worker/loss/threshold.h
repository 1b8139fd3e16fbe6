/* UniFace's unified threshold (Zhou, Jia, Li, Liu, Gao, Zhu, Zhang: ICCV 2023, "UniFace: Unified Cross-Entropy Loss for
 * Deep Face Recognition", equations of L_uce with margin and balance): one learned bias b that every positive pair
 * is to exceed and no negative pair is to,
 *     L_i = log(1 + e^{-(s psi(t_y) - b)}) + lambda * sum over rivals j of log(1 + e^{s cos t_j - b}),  psi(t) = cos t - m.
 * There is no normaliser, so that workers reduce nothing for it. Its code holds the exponents within [-s, s], where the
 * gradient then is 0; here they are as they come. b starts at log(10 C), C being the classes that a sample is compared
 * with: all, or of a dataset in the mean.
 *
 * A tile's part in it, private to worker/loss. One thread works on a tile.
 */
#ifndef DAIL_WORKER_LOSS_THRESHOLD_H
#define DAIL_WORKER_LOSS_THRESHOLD_H

#include "worker/loss/classifier_tile.h"

/* log(1 + e^x), and its derivative. */
double threshold_loss(double x);
double threshold_slope(double x);

/* Takes the tile into each sample's largest cosine and sum of log(1 + e^{scale cosine - threshold}). */
void threshold_accumulate(const struct tile *tile, float scale, float threshold, float *largest, double *sum);

/* Turns cosines into slopes as tile_slopes does, with factor [samples] the slope where the exponent is large. Returns the
 * sum of all slopes. */
double threshold_slopes(const struct tile *tile, float scale, float threshold, const float *factor,
                        float *row_dot);

#endif
