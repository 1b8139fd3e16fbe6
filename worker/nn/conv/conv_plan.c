#include "worker/nn/conv/conv_plan.h"

#include <string.h>

size_t conv_weight_count(const struct conv *conv)
{
    const struct conv_shape *shape = &conv->shape;
    return (size_t)(shape->kernel * shape->kernel) * (size_t)shape->channels_in * (size_t)shape->channels_out;
}

size_t conv_padded(size_t count)
{
    return (count + 15) / 16 * 16;
}

size_t conv_share(size_t count, int part, int parts)
{
    return count * (size_t)part / (size_t)parts;
}

void conv_read(const struct conv *conv, const struct conv_input *input, size_t at, size_t channels,
               size_t pixels, float *to)
{
    const float *from = input->values + at * channels;
    if (!input->normalise) {
        memcpy(to, from, pixels * channels * sizeof *to);
    } else if (!input->prelu) {
        nn_kernels_of(conv->isa)->normalise(pixels, channels, input->normalise, from, to);
    } else {
        nn_kernels_of(conv->isa)->normalise_prelu(pixels, channels, input->normalise, input->prelu, from, to);
    }
}
