/* The domain head: an MLP G_d (Linear, ReLU, ..., Linear) that guesses a sample's dataset from its embedding,
 * trained by cross entropy; the backbone gets the gradient reversed, -lambda dL_d/dx
 * (Ganin and Lempitsky, arXiv 1409.7495, equations 4 to 6 and 14; DAIL, arXiv 2101.05419).
 *
 * Replicated on every worker. Parameters, gradients and momenta are flat vectors in PyTorch's Sequential
 * order: 0.weight [h0, D], 0.bias [h0], 2.weight [h1, h0], ...
 */
#ifndef DAIL_WORKER_LOSS_DOMAIN_H
#define DAIL_WORKER_LOSS_DOMAIN_H

#include "proto/error.h"
#include "worker/exchange/sample.h"
#include "worker/parameter/parameter.h"

#include <stdbool.h>

struct domain_config {
    int embedding; /* D */
    int datasets; /* K logits */
    const int *hidden;
    size_t hidden_count;
    const double *weight; /* [K] each dataset's weight in the loss: its losses' weight, times the inverse of
                             its share of all images over K when domain.balance is on */
    int batch_max;
};

struct domain;

struct domain_sums {
    double loss; /* sum over the batch of weight * L_d,i */
    double correct; /* samples whose dataset has the largest logit */
};

enum status domain_create(const struct domain_config *config, struct domain **domain, struct error *error);
void domain_free(struct domain *domain);
/* The group "domain", without momenta: its vectors are the head's own. */
struct parameter_group domain_parameter_group(struct domain *domain);
void domain_zero_gradient(struct domain *domain);
/* As PyTorch's Linear: weight and bias uniform in +-1/sqrt(fan in). */
void domain_init(struct domain *domain, uint64_t seed);

/* Forward and backward: embedding [count, D]; sample [count]; adds to the gradient vector and *sums, and
 * ADDS -lambda dL_d/dx to grad_embedding [count, D]. L_d's mean is over global_batch. */
void domain_step(struct domain *domain, int count, const float *embedding, const struct sample *sample,
                 int64_t global_batch, double lambda, float *grad_embedding, struct domain_sums *sums);
/* [count, K] of the last domain_step. */
const float *domain_logits(const struct domain *domain);

/* lambda at a fraction `progress` in [0, 1) of the training: 0 before `start`; then constant, or
 * lambda (2 / (1 + e^{-10 q}) - 1) with q the fraction of stage 2 done. */
double domain_lambda(double lambda, double start, bool ganin, double progress);

#endif
