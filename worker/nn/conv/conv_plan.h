/* What a convolution plan is inside, for conv.c and the algorithms. An algorithm is a table of functions. */
#ifndef DAIL_WORKER_NN_CONV_CONV_PLAN_H
#define DAIL_WORKER_NN_CONV_CONV_PLAN_H

#include "worker/nn/conv/conv.h"

#include <stdbool.h>
#include <stddef.h>

struct conv_methods {
    enum conv_algorithm algorithm;
    int tile; /* the side of Winograd's tiles; 0 */
    /* Floats of weights in the algorithm's own form that the plan is to own, conv->derived; NULL: none. */
    size_t (*derived_count)(const struct conv *conv);
    size_t (*scratch_bytes)(const struct conv *conv);
    /* Floating-point operations of a pass; NULL: those of the definition. */
    double (*operations)(const struct conv *conv, enum conv_pass pass, int batch);
    void (*forward)(struct conv *conv, int batch, const struct conv_input *input, float *output,
                    const struct conv_visitor *visitor, void *scratch);
    void (*backward_data)(struct conv *conv, int batch, const float *grad_output, float *grad_input,
                          const struct conv_visitor *visitor, void *scratch);
    void (*backward_weight)(struct conv *conv, int batch, const struct conv_input *input,
                            const float *grad_output, float *grad_weight, void *scratch);
};

extern const struct conv_methods conv_reference_methods, conv_gemm_methods;
extern const struct conv_methods conv_winograd_4_methods, conv_winograd_7_methods;

struct conv {
    struct conv_shape shape;
    int height_out, width_out;
    enum isa isa;
    int batch_max, threads;
    const struct conv_methods *methods;
    const float *weight; /* the caller's, [k,k,ci,co] */
    bool frugal; /* `derived` is a piece of the scratch, behind the algorithm's own */
    float *derived; /* made from `weight` by the pass that first needs it */
    bool derived_stale; /* the weight changed since */
};

/* Floats of [k,k,ci,co]. */
size_t conv_weight_count(const struct conv *conv);

/* `count` floats rounded up to whole cache lines: pieces of scratch begin on one. */
size_t conv_padded(size_t count);

/* `pixels` neighbouring pixels of `channels` channels, from pixel `at` of the input on, as the convolution is
 * to see them. */
void conv_read(const struct conv *conv, const struct conv_input *input, size_t at, size_t channels,
               size_t pixels, float *to);

/* Share `part` of `count` things divided among `parts`: from the result of `part` to that of `part + 1`. */
size_t conv_share(size_t count, int part, int parts);

#endif
