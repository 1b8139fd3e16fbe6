/* The definition of the convolution, loop by loop. Sums run in double, so that the result is the exact one
 * rounded to float. */
#include "worker/nn/conv/conv_reference.h"
#include "worker/nn/conv/conv_plan.h"

#include <omp.h>
#include <string.h>

ISA_DEFINE_TABLE_OF(struct reference_loops, reference_loops)

/* Weights for backward data: each tap transposed to [channels_out][channels_in]. */
static size_t reference_derived_count(const struct conv *conv)
{
    return conv_weight_count(conv);
}

static size_t sums_bytes(const struct conv *conv)
{
    return (conv_weight_count(conv) * sizeof(double) + 63) / 64 * 64;
}

/* The gradient of the weights in double, and the input normalised. */
static size_t reference_scratch_bytes(const struct conv *conv)
{
    size_t pixels = (size_t)conv->batch_max * (size_t)conv->shape.height * (size_t)conv->shape.width;
    return sums_bytes(conv) + pixels * (size_t)conv->shape.channels_in * sizeof(float);
}

/* The input as the convolution is to see it, in the scratch unless it is that already. */
static const float *prepared(const struct conv *conv, int batch, const struct conv_input *input,
                             void *scratch)
{
    if (!input->normalise) {
        return input->values;
    }
    float *values = (float *)((char *)scratch + sums_bytes(conv));
    size_t row = (size_t)conv->shape.width, row_values = row * (size_t)conv->shape.channels_in;
    int rows = batch * conv->shape.height;
#pragma omp parallel for num_threads(conv->threads) schedule(static)
    for (int r = 0; r < rows; r++) {
        conv_read(conv, input, (size_t)r * row, (size_t)conv->shape.channels_in, row,
                  values + (size_t)r * row_values);
    }
    return values;
}

static void tell(const struct conv_visitor *visitor, int row, int width)
{
    if (visitor) {
        visitor->written(visitor->context, omp_get_thread_num(), (size_t)row * (size_t)width, (size_t)width);
    }
}

static void add_tap(struct reference_taps *taps, const float *pixel, const float *matrices, int tap)
{
    taps->pixel[taps->count] = pixel;
    taps->matrix[taps->count++] = matrices + (size_t)tap * taps->depth * taps->columns;
}

/* The row or column that tap `tap` of output position `out` reads; `size` or more, or below 0: padding. */
static int position(const struct conv_shape *shape, int out, int tap)
{
    return out * shape->stride + tap - shape->kernel / 2;
}

static const float *pixel_at(const float *image, int row, int column, int width, int channels)
{
    return image + ((size_t)row * (size_t)width + (size_t)column) * (size_t)channels;
}

static void output_pixel(const struct conv *conv, const float *image, int row, int column, float *out)
{
    const struct conv_shape *shape = &conv->shape;
    struct reference_taps taps = {.depth = (size_t)shape->channels_in,
                                  .columns = (size_t)shape->channels_out};
    for (int tap = 0; tap < shape->kernel * shape->kernel; tap++) {
        int y = position(shape, row, tap / shape->kernel), x = position(shape, column, tap % shape->kernel);
        if (y >= 0 && y < shape->height && x >= 0 && x < shape->width) {
            add_tap(&taps, pixel_at(image, y, x, shape->width, shape->channels_in), conv->weight, tap);
        }
    }
    reference_loops_of(conv->isa)->sum_taps(&taps, out);
}

static void reference_forward(struct conv *conv, int batch, const struct conv_input *input, float *output,
                              const struct conv_visitor *visitor, void *scratch)
{
    const struct conv_shape *shape = &conv->shape;
    const float *values = prepared(conv, batch, input, scratch);
    size_t image_size = (size_t)shape->height * (size_t)shape->width * (size_t)shape->channels_in;
    int rows = batch * conv->height_out;
#pragma omp parallel for num_threads(conv->threads) schedule(static)
    for (int r = 0; r < rows; r++) {
        const float *image = values + (size_t)(r / conv->height_out) * image_size;
        float *out = output + (size_t)r * (size_t)conv->width_out * (size_t)shape->channels_out;
        for (int column = 0; column < conv->width_out; column++, out += shape->channels_out) {
            output_pixel(conv, image, r % conv->height_out, column, out);
        }
        tell(visitor, r, conv->width_out);
    }
}

/* The output position whose tap `tap` reads `in`; -1 if there is none. */
static int reader(const struct conv_shape *shape, int in, int tap, int limit)
{
    int scaled = in - tap + shape->kernel / 2;
    if (scaled < 0 || scaled % shape->stride != 0 || scaled / shape->stride >= limit) {
        return -1;
    }
    return scaled / shape->stride;
}

static void input_pixel(const struct conv *conv, const float *image, int row, int column, float *out)
{
    const struct conv_shape *shape = &conv->shape;
    struct reference_taps taps = {.depth = (size_t)shape->channels_out,
                                  .columns = (size_t)shape->channels_in};
    for (int tap = 0; tap < shape->kernel * shape->kernel; tap++) {
        int y = reader(shape, row, tap / shape->kernel, conv->height_out);
        int x = reader(shape, column, tap % shape->kernel, conv->width_out);
        if (y >= 0 && x >= 0) {
            add_tap(&taps, pixel_at(image, y, x, conv->width_out, shape->channels_out), conv->derived, tap);
        }
    }
    reference_loops_of(conv->isa)->sum_taps(&taps, out);
}

static void derive(struct conv *conv)
{
    size_t in = (size_t)conv->shape.channels_in, out = (size_t)conv->shape.channels_out;
    for (size_t at = 0; at < conv_weight_count(conv); at += in * out) {
        for (size_t i = 0; i < in; i++) {
            for (size_t o = 0; o < out; o++) {
                conv->derived[at + o * in + i] = conv->weight[at + i * out + o];
            }
        }
    }
    conv->derived_stale = false;
}

static void reference_backward_data(struct conv *conv, int batch, const float *grad_output, float *grad_input,
                                    const struct conv_visitor *visitor, void *scratch)
{
    (void)scratch;
    if (conv->derived_stale) {
        derive(conv);
    }
    const struct conv_shape *shape = &conv->shape;
    size_t image_size = (size_t)conv->height_out * (size_t)conv->width_out * (size_t)shape->channels_out;
    int rows = batch * shape->height;
#pragma omp parallel for num_threads(conv->threads) schedule(static)
    for (int r = 0; r < rows; r++) {
        const float *image = grad_output + (size_t)(r / shape->height) * image_size;
        float *out = grad_input + (size_t)r * (size_t)shape->width * (size_t)shape->channels_in;
        for (int column = 0; column < shape->width; column++, out += shape->channels_in) {
            input_pixel(conv, image, r % shape->height, column, out);
        }
        tell(visitor, r, shape->width);
    }
}

/* The output positions along one axis whose tap `tap` lies in the input: from `begin` to `end`. */
static void covered(const struct conv_shape *shape, int tap, int size, int size_out, int *begin, int *end)
{
    *begin = 0;
    *end = size_out;
    while (*begin < size_out && position(shape, *begin, tap) < 0) {
        ++*begin;
    }
    while (*end > *begin && position(shape, *end - 1, tap) >= size) {
        --*end;
    }
}

/* sums [channels_out] += one image's share in the gradient of a tap's weights for one input channel. */
static void add_image(const struct conv *conv, const float *input, const float *grad_output, int tap,
                      int channel, double *sums)
{
    const struct conv_shape *shape = &conv->shape;
    int top, bottom, left, right, tap_y = tap / shape->kernel, tap_x = tap % shape->kernel;
    covered(shape, tap_y, shape->height, conv->height_out, &top, &bottom);
    covered(shape, tap_x, shape->width, conv->width_out, &left, &right);
    if (top == bottom || left == right) {
        return;
    }
    size_t line = (size_t)shape->width * (size_t)shape->channels_in;
    const float *first = pixel_at(input, position(shape, top, tap_y), position(shape, left, tap_x),
                                  shape->width, shape->channels_in);
    struct reference_pixels pixels = {
        .rows = (size_t)(bottom - top),
        .row_length = (size_t)(right - left),
        .value = first + channel,
        .value_row = (size_t)shape->stride * line,
        .value_step = (size_t)(shape->stride * shape->channels_in),
        .gradient = pixel_at(grad_output, top, left, conv->width_out, shape->channels_out),
        .gradient_row = (size_t)conv->width_out * (size_t)shape->channels_out,
        .columns = (size_t)shape->channels_out};
    reference_loops_of(conv->isa)->add_pixels(&pixels, sums);
}

static void reference_backward_weight(struct conv *conv, int batch, const struct conv_input *input,
                                      const float *grad_output, float *grad_weight, void *scratch)
{
    const float *values = prepared(conv, batch, input, scratch);
    const struct conv_shape *shape = &conv->shape;
    size_t in = (size_t)shape->channels_in, channels = (size_t)shape->channels_out;
    size_t image_in = (size_t)shape->height * (size_t)shape->width * in;
    size_t image_out = (size_t)conv->height_out * (size_t)conv->width_out * channels;
    double *sums = scratch;
    memset(sums, 0, sums_bytes(conv));
    int rows = shape->kernel * shape->kernel * shape->channels_in;
#pragma omp parallel num_threads(conv->threads)
    for (int image = 0; image < batch; image++) {
#pragma omp for schedule(static)
        for (int r = 0; r < rows; r++) {
            add_image(conv, values + (size_t)image * image_in, grad_output + (size_t)image * image_out,
                      r / shape->channels_in, r % shape->channels_in, sums + (size_t)r * channels);
        }
    }
    for (size_t i = 0; i < conv_weight_count(conv); i++) {
        grad_weight[i] += (float)sums[i];
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
