/* Each transform is a small matrix applied to the rows and to the columns of a tile, VECTOR_FLOATS channels at a
 * time. With a = 1/sqrt(2) and b = sqrt(2), and the points in the order 0, a, -a, b, -b, infinity:
 *
 *   input B^T                        output A^T                    weight G
 *   1    0   -5/2   0    1   0      1  1    1   1/2  1/2  0       1     0    0
 *   0   2a    2    -a   -1   0      0  a   -a    a   -a   0      2/3   b/3  1/3
 *   0  -2a    2     a   -1   0      0 1/2  1/2   1    1   0      2/3  -b/3  1/3
 *   0  -a   -1/2    b    1   0      0 a/2 -a/2   b   -b   1      1/3   b/3  2/3
 *   0   a   -1/2   -b    1   0                                   1/3  -b/3  2/3
 *   0   1     0   -5/2   0   1                                    0     0    1
 */
#include "worker/nn/conv/winograd_transform.h"
#include "worker/nn/conv/vector.h"

#include <stdbool.h>

#define ROOT_HALF 0.70710678118654752f
#define ROOT 1.41421356237309505f

/* The one-dimensional transforms take `in` and `out` at a distance of `step` vectors. */

INLINE void input_line(const vector *in, vector *out, int step)
{
    vector d1 = in[step], d2 = in[2 * step], d3 = in[3 * step], d4 = in[4 * step];
    vector even_a = 2.0f * d2 - d4, odd_a = 2.0f * d1 - d3;
    vector even_b = d4 - 0.5f * d2, odd_b = d3 - 0.5f * d1;
    out[0] = in[0] + (d4 - 2.5f * d2);
    out[step] = even_a + ROOT_HALF * odd_a;
    out[2 * step] = even_a - ROOT_HALF * odd_a;
    out[3 * step] = even_b + ROOT * odd_b;
    out[4 * step] = even_b - ROOT * odd_b;
    out[5 * step] = in[5 * step] + (d1 - 2.5f * d3);
}

INLINE void output_line(const vector *in, vector *out, int step)
{
    vector sum_a = in[step] + in[2 * step], difference_a = in[step] - in[2 * step];
    vector sum_b = in[3 * step] + in[4 * step], difference_b = in[3 * step] - in[4 * step];
    vector first = in[0], last = in[5 * step];
    out[0] = first + (sum_a + 0.5f * sum_b);
    out[step] = ROOT_HALF * (difference_a + difference_b);
    out[2 * step] = sum_b + 0.5f * sum_a;
    out[3 * step] = last + ROOT * (difference_b + 0.25f * difference_a);
}

INLINE void gradient_line(const vector *in, vector *out, int step)
{
    vector g0 = in[0], g1 = in[step], g2 = in[2 * step], g3 = in[3 * step];
    vector even_a = g0 + 0.5f * g2, odd_a = g1 + 0.5f * g3;
    vector even_b = g2 + 0.5f * g0, odd_b = g3 + 0.5f * g1;
    out[0] = g0;
    out[step] = even_a + ROOT_HALF * odd_a;
    out[2 * step] = even_a - ROOT_HALF * odd_a;
    out[3 * step] = even_b + ROOT * odd_b;
    out[4 * step] = even_b - ROOT * odd_b;
    out[5 * step] = g3;
}

INLINE void weight_line(const vector *in, vector *out, int step)
{
    vector w0 = in[0], w2 = in[2 * step], odd = (ROOT / 3.0f) * in[step];
    vector even_a = (2.0f / 3.0f) * w0 + (1.0f / 3.0f) * w2, even_b = (1.0f / 3.0f) * w0 + (2.0f / 3.0f) * w2;
    out[0] = w0;
    out[step] = even_a + odd;
    out[2 * step] = even_a - odd;
    out[3 * step] = even_b + odd;
    out[4 * step] = even_b - odd;
    out[5 * step] = w2;
}

INLINE void weight_gradient_line(const vector *in, vector *out, int step)
{
    vector sum_a = in[step] + in[2 * step], sum_b = in[3 * step] + in[4 * step];
    vector odd = (in[step] - in[2 * step]) + (in[3 * step] - in[4 * step]);
    vector first = in[0], last = in[5 * step];
    out[0] = first + ((2.0f / 3.0f) * sum_a + (1.0f / 3.0f) * sum_b);
    out[step] = (ROOT / 3.0f) * odd;
    out[2 * step] = last + ((1.0f / 3.0f) * sum_a + (2.0f / 3.0f) * sum_b);
}

/* How the input is read: as it is, normalised, or normalised and activated; and whether pixels of the tile
 * may lie outside the image, which stay zero. All known when compiling. */
struct reading {
    bool normalise, activate, whole;
};

/* What normalises and activates VECTOR_FLOATS channels. */
struct channels {
    vector mean, scale, bias, slope;
};

INLINE struct channels channels_load(const struct conv_input *input, struct reading reading, size_t channel,
                                     size_t count)
{
    struct channels channels = {0};
    if (reading.normalise) {
        channels.mean = vector_load(input->normalise->mean + channel, count);
        channels.scale = vector_load(input->normalise->scale + channel, count);
        channels.bias = vector_load(input->normalise->bias + channel, count);
    }
    if (reading.activate) {
        channels.slope = vector_load(input->prelu + channel, count);
    }
    return channels;
}

/* inside: 1, or 0 where the value is not one of the image's. */
INLINE vector read_value(vector value, const struct channels *channels, struct reading reading, float inside)
{
    if (reading.normalise) {
        value = (value - channels->mean) * channels->scale + channels->bias;
    }
    if (reading.activate) {
        value = vector_positive(value, channels->slope * value);
    }
    if (reading.normalise && !reading.whole) {
        value *= inside;
    }
    return value;
}

INLINE void input_piece(const float *const *at, const float *inside, const struct conv_input *input,
                        struct reading reading, size_t channel, size_t count, float *planes, size_t stride)
{
    vector in[36], half[36];
    struct channels channels = channels_load(input, reading, channel, count);
    UNROLL
    for (int j = 0; j < 6; j++) {
        UNROLL
        for (int i = 0; i < 6; i++) {
            int k = 6 * i + j;
            in[k] = read_value(vector_load(at[k] + channel, count), &channels, reading, inside[k]);
        }
        input_line(in + j, half + j, 6);
    }
    UNROLL
    for (int i = 0; i < 6; i++) {
        input_line(half + 6 * i, in + 6 * i, 1);
        UNROLL
        for (int j = 0; j < 6; j++) {
            vector_store(planes + (size_t)(6 * i + j) * stride + channel, in[6 * i + j], count);
        }
    }
}

INLINE void input_tile(const float *const *at, const float *inside, const struct conv_input *input,
                       struct reading reading, size_t channels, float *planes, size_t stride)
{
    size_t channel = 0;
    for (; channel + VECTOR_FLOATS <= channels; channel += VECTOR_FLOATS) {
        input_piece(at, inside, input, reading, channel, VECTOR_FLOATS, planes, stride);
    }
    if (channel < channels) {
        input_piece(at, inside, input, reading, channel, channels - channel, planes, stride);
    }
}

static void input(const struct winograd_images *images, const struct conv_input *source, size_t begin,
                  size_t end, const float *zeros, float *planes, size_t stride)
{
    size_t channels = images->channels, pitch = product_pitch(channels);
    const float *at[36];
    float inside[36];
    for (size_t tile = begin; tile < end; tile++, planes += pitch) {
        bool whole = winograd_tile_pixels(images, source->values, tile, 6, 1, zeros, at);
        for (int i = 0; i < 36; i++) {
            inside[i] = at[i] == zeros ? 0.0f : 1.0f;
        }
        if (!source->normalise) {
            input_tile(at, inside, source, (struct reading){.whole = true}, channels, planes, stride);
        } else if (!source->prelu && whole) {
            input_tile(at, inside, source, (struct reading){.normalise = true, .whole = true}, channels,
                       planes, stride);
        } else if (!source->prelu) {
            input_tile(at, inside, source, (struct reading){.normalise = true}, channels, planes, stride);
        } else if (whole) {
            input_tile(at, inside, source,
                       (struct reading){.normalise = true, .activate = true, .whole = true}, channels, planes,
                       stride);
        } else {
            input_tile(at, inside, source, (struct reading){.normalise = true, .activate = true}, channels,
                       planes, stride);
        }
    }
}

INLINE void gradient_piece(const float *const *at, size_t channel, size_t count, float *planes, size_t stride)
{
    vector in[16], half[24], out[6];
    UNROLL
    for (int j = 0; j < 4; j++) {
        UNROLL
        for (int i = 0; i < 4; i++) {
            in[4 * i + j] = vector_load(at[4 * i + j] + channel, count);
        }
        gradient_line(in + j, half + j, 4);
    }
    UNROLL
    for (int i = 0; i < 6; i++) {
        gradient_line(half + 4 * i, out, 1);
        UNROLL
        for (int j = 0; j < 6; j++) {
            vector_store(planes + (size_t)(6 * i + j) * stride + channel, out[j], count);
        }
    }
}

static void gradient(const struct winograd_images *images, const float *tensor, size_t begin, size_t end,
                     const float *zeros, float *planes, size_t stride)
{
    size_t channels = images->channels, pitch = product_pitch(channels);
    const float *at[16];
    for (size_t tile = begin; tile < end; tile++, planes += pitch) {
        winograd_tile_pixels(images, tensor, tile, 4, 0, zeros, at);
        size_t channel = 0;
        for (; channel + VECTOR_FLOATS <= channels; channel += VECTOR_FLOATS) {
            gradient_piece(at, channel, VECTOR_FLOATS, planes, stride);
        }
        if (channel < channels) {
            gradient_piece(at, channel, channels - channel, planes, stride);
        }
    }
}

/* `offset`: of the tile's pixels in the tensor. Unless `whole`, those that `inside` denies are left out. */
INLINE void output_piece(const float *planes, size_t stride, float *tensor, const size_t *offset,
                         const bool *inside, bool whole, size_t count)
{
    vector in[36], half[24], out[4];
    UNROLL
    for (int j = 0; j < 6; j++) {
        UNROLL
        for (int i = 0; i < 6; i++) {
            in[6 * i + j] = vector_load(planes + (size_t)(6 * i + j) * stride, count);
        }
        output_line(in + j, half + j, 6);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        output_line(half + 6 * i, out, 1);
        UNROLL
        for (int j = 0; j < 4; j++) {
            if (whole || inside[4 * i + j]) {
                vector_store(tensor + offset[4 * i + j], out[j], count);
            }
        }
    }
}

static void output(const struct winograd_images *images, const float *planes, size_t stride, size_t begin,
                   size_t end, float *tensor)
{
    size_t channels = images->channels, pitch = product_pitch(channels);
    const float *at[16];
    size_t offset[16];
    bool inside[16];
    for (size_t tile = begin; tile < end; tile++, planes += pitch) {
        bool whole = winograd_tile_pixels(images, tensor, tile, 4, 0, NULL, at);
        for (int i = 0; i < 16; i++) {
            inside[i] = at[i];
            offset[i] = inside[i] ? (size_t)(at[i] - tensor) : 0;
        }
        size_t c = 0;
        for (; whole && c + VECTOR_FLOATS <= channels; c += VECTOR_FLOATS) {
            output_piece(planes + c, stride, tensor + c, offset, inside, true, VECTOR_FLOATS);
        }
        for (; c + VECTOR_FLOATS <= channels; c += VECTOR_FLOATS) {
            output_piece(planes + c, stride, tensor + c, offset, inside, false, VECTOR_FLOATS);
        }
        if (c < channels) {
            output_piece(planes + c, stride, tensor + c, offset, inside, false, channels - c);
        }
    }
}

INLINE void weight_piece(const float *weight, size_t weight_stride, size_t count, float *planes,
                         size_t stride)
{
    vector in[9], half[18], out[6];
    UNROLL
    for (int j = 0; j < 3; j++) {
        UNROLL
        for (int i = 0; i < 3; i++) {
            in[3 * i + j] = vector_load(weight + (size_t)(3 * i + j) * weight_stride, count);
        }
        weight_line(in + j, half + j, 3);
    }
    UNROLL
    for (int i = 0; i < 6; i++) {
        weight_line(half + 3 * i, out, 1);
        UNROLL
        for (int j = 0; j < 6; j++) {
            vector_store(planes + (size_t)(6 * i + j) * stride, out[j], VECTOR_FLOATS);
        }
    }
}

static void weight_planes(size_t count, size_t width, const float *weight, size_t weight_stride,
                          float *planes, size_t stride)
{
    size_t k = 0;
    for (; k + VECTOR_FLOATS <= count; k += VECTOR_FLOATS) {
        weight_piece(weight + k, weight_stride, VECTOR_FLOATS, planes + k, stride);
    }
    for (; k < width; k += VECTOR_FLOATS) {
        weight_piece(weight + k, weight_stride, k < count ? count - k : 0, planes + k, stride);
    }
}

INLINE void weight_gradient_piece(const float *planes, size_t stride, size_t count, float *grad_weight,
                                  size_t weight_stride)
{
    vector in[36], half[18], out[3];
    UNROLL
    for (int j = 0; j < 6; j++) {
        UNROLL
        for (int i = 0; i < 6; i++) {
            in[6 * i + j] = vector_load(planes + (size_t)(6 * i + j) * stride, count);
        }
        weight_gradient_line(in + j, half + j, 6);
    }
    UNROLL
    for (int i = 0; i < 3; i++) {
        weight_gradient_line(half + 6 * i, out, 1);
        UNROLL
        for (int j = 0; j < 3; j++) {
            float *to = grad_weight + (size_t)(3 * i + j) * weight_stride;
            vector_store(to, vector_load(to, count) + out[j], count);
        }
    }
}

static void weight_gradient(size_t count, const float *planes, size_t stride, float *grad_weight,
                            size_t weight_stride)
{
    size_t k = 0;
    for (; k + VECTOR_FLOATS <= count; k += VECTOR_FLOATS) {
        weight_gradient_piece(planes + k, stride, VECTOR_FLOATS, grad_weight + k, weight_stride);
    }
    if (k < count) {
        weight_gradient_piece(planes + k, stride, count - k, grad_weight + k, weight_stride);
    }
}

extern const struct winograd_transforms ISA_TABLE(winograd_transforms);
const struct winograd_transforms ISA_TABLE(winograd_transforms) = {
    .input = input,
    .output = output,
    .gradient = gradient,
    .weight = weight_planes,
    .weight_gradient = weight_gradient,
};
