/* The margin of one sample, psi = cos(m1 t + m2) - m3 of the angle t to its class (margin.h): the same for all, or by
 * its embedding's norm a, by a draw, or by running values. What the papers' own code takes for constants in the
 * backward pass is constant here.
 *
 * AdaFace (Kim, Jain, Liu: CVPR 2022, arXiv 2204.00964, equations 10 to 13). With a within [0.001, 100], its running
 *   mean and deviation, and z = h (a - mean) / (deviation + 0.001) within [-1, 1]:
 *     psi = cos(t - m z) - (m + m z),  t - m z within [0.001, pi - 0.001] (no gradient outside, as in its code).
 *   No gradient goes through z. mean and deviation start at 20 and 100.
 * MagFace (Meng, Zhao, Huang, Zhou: CVPR 2021, arXiv 2103.06627, equations 2 to 4). With a within [l_a, u_a]:
 *     psi = cos(t + m(a)),  m(a) = l_m + (u_m - l_m) (a - l_a) / (u_a - l_a),
 *   and the loss has lambda g(a) more, g(a) = a / u_a^2 + 1 / a. Both have a gradient with respect to the norm, 0 outside
 *   [l_a, u_a]. norm_min, norm_max, margin_min, margin_max are l_a, u_a, l_m, u_m.
 * CurricularFace (Huang, Wang, Tai, Liu, Shen, Li, Li, Huang: CVPR 2020, arXiv 2004.00288, equations 7 and 8).
 *     psi = cos(t + m), and a rival's cosine c counts as c (tau + c) where c > psi;
 *   tau is the running mean of the targets' cosines, from 0, and constant in the backward pass, as is who is hard.
 * ElasticFace (Boutros, Damer, Kirchbuchner, Kuijper: CVPRW 2022, arXiv 2109.09416, equations 5 and 6).
 *     -arc: psi = cos(t + E), -cos: psi = cos t - E,  E from N(m, sigma^2), drawn for each step and sample.
 *
 * Running values: r <- (1 - alpha) r + alpha b, b being the value of the step's whole global batch. It counts from the
 * next step on, where the papers let it count at once: a worker scores its first lane before the last one's embeddings
 * are known. So they are the same for any number of workers.
 */
#ifndef DAIL_WORKER_LOSS_SAMPLE_MARGIN_H
#define DAIL_WORKER_LOSS_SAMPLE_MARGIN_H

#include "proto/config/config_margin.h"
#include "worker/loss/margin.h"

#include <stdbool.h>
#include <stdint.h>

struct sample_margin {
    struct margin margin;
    bool held; /* the angle with its margin is held within bounds, and not continued beyond them */
    double by_norm; /* d m2 / d norm */
};

/* Which draw a sample's margin is. */
struct margin_draw {
    uint64_t seed, step, sample;
};

/* Running values, by place. */
enum { RUNNING_NORM_MEAN, RUNNING_NORM_DEVIATION };
enum { RUNNING_TARGET_COSINE };
#define MARGIN_RUNNING 2

/* What a global batch tells of its values: how many, the sum of what each is above the running value of place 0, and
 * of the squares of that. Sums of any parts of it add up. */
enum { MARGIN_COUNT, MARGIN_SUM, MARGIN_SQUARES, MARGIN_SUMS };

/* The name of a kind's running value, for files; NULL: it has no such place. */
const char *margin_running_name(enum margin_kind kind, size_t place);
/* Their values before the first step. */
void margin_running_init(enum margin_kind kind, float running[MARGIN_RUNNING]);
/* Adds a sample's norm or target cosine to the sums, if that is what the kind's running values are of. */
void margin_observe_norm(enum margin_kind kind, const float *running, double norm, double *sums);
void margin_observe_cosine(enum margin_kind kind, const float *running, double cosine, double *sums);
/* Takes the sums of a whole global batch, of at least two samples, into the running values. */
void margin_running_update(const struct margin_choice *choice, const double *sums, float *running);

/* The margin of a sample whose embedding has that norm. */
struct sample_margin sample_margin_of(const struct margin_choice *choice, const float *running, double norm,
                                      const struct margin_draw *draw);
double sample_margin_forward(const struct sample_margin *margin, double cosine);
/* d psi / d cosine, and d psi / d norm, at the same place. */
double sample_margin_backward(const struct sample_margin *margin, double cosine);
double sample_margin_norm_backward(const struct sample_margin *margin, double cosine);

/* What the norm itself costs; *slope: its derivative. 0 but for MagFace. */
double margin_norm_loss(const struct margin_choice *choice, double norm, double *slope);

#endif
