/* The definition of the convolution, loop by loop. Sums run in double, so that the result is the exact one
 * rounded to float. */
#include "worker/nn/conv_plan.h"

static size_t reference_derived_count(const struct conv *conv)
{
    (void)conv;
    return 0;
}

static size_t reference_scratch_bytes(const struct conv *conv)
{
    (void)conv;
    return 0;
}

/* The row or column that tap `tap` of output position `out` reads; `limit` or more, or below 0: padding. */
static int position(const struct conv_shape *shape, int out, int tap)
{
    return out * shape->stride + tap - shape->kernel / 2;
}

static double output_value(const struct conv *conv, const float *image, int row, int column, int out_channel)
{
    const struct conv_shape *shape = &conv->shape;
    double sum = 0.0;
    for (int ky = 0; ky < shape->kernel; ky++) {
        int y = position(shape, row, ky);
        for (int kx = 0; kx < shape->kernel; kx++) {
            int x = position(shape, column, kx);
            if (y < 0 || y >= shape->height || x < 0 || x >= shape->width)
                continue;
            const float *pixel =
                image + ((size_t)y * (size_t)shape->width + (size_t)x) * (size_t)shape->channels_in;
            const float *weight = conv->weight + (size_t)(ky * shape->kernel + kx) *
                                                     (size_t)shape->channels_in * (size_t)shape->channels_out;
            for (int c = 0; c < shape->channels_in; c++)
                sum += (double)pixel[c] *
                       (double)weight[(size_t)c * (size_t)shape->channels_out + (size_t)out_channel];
        }
    }
    return sum;
}

static void reference_forward(struct conv *conv, int batch, const float *input, float *output, void *scratch)
{
    (void)scratch;
    const struct conv_shape *shape = &conv->shape;
    size_t image_size = (size_t)shape->height * (size_t)shape->width * (size_t)shape->channels_in;
    int rows = batch * conv->height_out;
#pragma omp parallel for num_threads(conv->threads) schedule(static)
    for (int r = 0; r < rows; r++) {
        const float *image = input + (size_t)(r / conv->height_out) * image_size;
        float *out = output + (size_t)r * (size_t)conv->width_out * (size_t)shape->channels_out;
        for (int column = 0; column < conv->width_out; column++)
            for (int c = 0; c < shape->channels_out; c++)
                *out++ = (float)output_value(conv, image, r % conv->height_out, column, c);
    }
}

/* The output position whose tap `tap` reads `in`; -1 if there is none. */
static int reader(const struct conv_shape *shape, int in, int tap, int limit)
{
    int scaled = in - tap + shape->kernel / 2;
    if (scaled < 0 || scaled % shape->stride != 0 || scaled / shape->stride >= limit)
        return -1;
    return scaled / shape->stride;
}

static double input_gradient(const struct conv *conv, const float *image, int row, int column, int in_channel)
{
    const struct conv_shape *shape = &conv->shape;
    size_t channels_out = (size_t)shape->channels_out;
    double sum = 0.0;
    for (int ky = 0; ky < shape->kernel; ky++) {
        int y = reader(shape, row, ky, conv->height_out);
        for (int kx = 0; kx < shape->kernel; kx++) {
            int x = reader(shape, column, kx, conv->width_out);
            if (y < 0 || x < 0)
                continue;
            const float *pixel = image + ((size_t)y * (size_t)conv->width_out + (size_t)x) * channels_out;
            size_t tap = (size_t)(ky * shape->kernel + kx);
            const float *weight =
                conv->weight + (tap * (size_t)shape->channels_in + (size_t)in_channel) * channels_out;
            for (size_t c = 0; c < channels_out; c++)
                sum += (double)pixel[c] * (double)weight[c];
        }
    }
    return sum;
}

static void reference_backward_data(struct conv *conv, int batch, const float *grad_output, float *grad_input,
                                    void *scratch)
{
    (void)scratch;
    const struct conv_shape *shape = &conv->shape;
    size_t image_size = (size_t)conv->height_out * (size_t)conv->width_out * (size_t)shape->channels_out;
    int rows = batch * shape->height;
#pragma omp parallel for num_threads(conv->threads) schedule(static)
    for (int r = 0; r < rows; r++) {
        const float *image = grad_output + (size_t)(r / shape->height) * image_size;
        float *out = grad_input + (size_t)r * (size_t)shape->width * (size_t)shape->channels_in;
        for (int column = 0; column < shape->width; column++)
            for (int c = 0; c < shape->channels_in; c++)
                *out++ = (float)input_gradient(conv, image, r % shape->height, column, c);
    }
}

static double weight_gradient(const struct conv *conv, int batch, const float *input,
                              const float *grad_output, int tap, int in_channel, int out_channel)
{
    const struct conv_shape *shape = &conv->shape;
    double sum = 0.0;
    for (int row = 0; row < batch * conv->height_out; row++) {
        int image = row / conv->height_out;
        int y = position(shape, row % conv->height_out, tap / shape->kernel);
        if (y < 0 || y >= shape->height)
            continue;
        size_t in_row = ((size_t)image * (size_t)shape->height + (size_t)y) * (size_t)shape->width;
        size_t out_row = (size_t)row * (size_t)conv->width_out;
        for (int column = 0; column < conv->width_out; column++) {
            int x = position(shape, column, tap % shape->kernel);
            if (x < 0 || x >= shape->width)
                continue;
            size_t in = (in_row + (size_t)x) * (size_t)shape->channels_in + (size_t)in_channel;
            size_t out = (out_row + (size_t)column) * (size_t)shape->channels_out + (size_t)out_channel;
            sum += (double)input[in] * (double)grad_output[out];
        }
    }
    return sum;
}

static void reference_backward_weight(struct conv *conv, int batch, const float *input,
                                      const float *grad_output, float *grad_weight, void *scratch)
{
    (void)scratch;
    const struct conv_shape *shape = &conv->shape;
    int rows = shape->kernel * shape->kernel * shape->channels_in;
#pragma omp parallel for num_threads(conv->threads) schedule(static)
    for (int r = 0; r < rows; r++) {
        float *out = grad_weight + (size_t)r * (size_t)shape->channels_out;
        for (int c = 0; c < shape->channels_out; c++)
            out[c] += (float)weight_gradient(conv, batch, input, grad_output, r / shape->channels_in,
                                             r % shape->channels_in, c);
    }
}

const struct conv_methods conv_reference_methods = {
    .algorithm = CONV_REFERENCE,
    .derived_count = reference_derived_count,
    .scratch_bytes = reference_scratch_bytes,
    .forward = reference_forward,
    .backward_data = reference_backward_data,
    .backward_weight = reference_backward_weight,
};
