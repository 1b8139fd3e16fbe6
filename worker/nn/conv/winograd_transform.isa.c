/* Each transform is a small matrix applied to the rows and to the columns of a tile, VECTOR_FLOATS channels at a
 * time. All matrices follow from the points: pairs p, -p, infinity, and with an even number of points zero too. With
 * z = 1 where zero is a point, else 0, P(x^2) the product of (x^2 - p^2) over all pairs and Q_p(x^2) the same
 * without p's own, the polynomial that vanishes in all points but p is x^z (x + p) Q_p(x^2): its even coefficients
 * are those that -p has too, its odd ones differ in their sign. So the two rows of a pair are the sum and
 * the difference of two sums over half the values each. The weights' matrix carries all denominators.
 */
#include "worker/nn/conv/winograd_transform.h"
#include "worker/nn/conv/vector.h"

#include <stdbool.h>

enum { SIDE = 9, TILE = 7, KERNEL = 3, PAIRS = 4 };

/* The next loop, over lines of a tile, unrolled if it is one of 4x4, whose half transformed values are then in
 * registers. Those of 7x7 are too many for that, and for the cache of instructions. */
#ifdef __SANITIZE_ADDRESS__ /* would check each of the many loads and stores: minutes to compile */
#define UNROLL_LINES
#else
#define UNROLL_LINES _Pragma("GCC unroll 6")
#endif

/* What is known of a pair of points p, -p. */
struct pair {
    float point, square;
    float rest[PAIRS - 1]; /* Q_p's coefficients, from the lowest on, without the last, which is 1 */
    float weight; /* 1 over what the polynomial of p is in p */
    float power[TILE]; /* p^0, p^1, ... */
};

/* A table of points and what follows from it. */
struct form {
    int tile, side, pairs;
    bool zero; /* is a point, the first one; infinity is the last */
    float all[PAIRS]; /* P's coefficients, as in `rest` */
    float weight; /* of zero */
    struct pair pair[PAIRS];
};

#define SQUARE(p) ((p) * (p))
#define POWERS(p)                                                                                            \
    {                                                                                                        \
        1.0f, (float)(p), (float)SQUARE(p), (float)(SQUARE(p) * (p)), (float)SQUARE(SQUARE(p)),              \
            (float)(SQUARE(SQUARE(p)) * (p)), (float)(SQUARE(SQUARE(p)) * SQUARE(p))                         \
    }

/* Zero, p, -p, q, -q, infinity. */
#define PAIR_OF_TWO(p, q)                                                                                    \
    {                                                                                                        \
        .point = (float)(p), .square = (float)SQUARE(p), .rest = {(float)-SQUARE(q)},                        \
        .weight = (float)(1.0 / (2.0 * SQUARE(p) * (SQUARE(p) - SQUARE(q)))), .power = POWERS(p)             \
    }
#define FORM_OF_TWO(p, q)                                                                                    \
    {                                                                                                        \
        .tile = 4, .side = 6, .pairs = 2, .zero = true,                                                      \
        .all = {(float)(SQUARE(p) * SQUARE(q)), (float)-(SQUARE(p) + SQUARE(q))},                            \
        .weight = (float)(1.0 / (SQUARE(p) * SQUARE(q))), .pair = {                                          \
            PAIR_OF_TWO(p, q),                                                                               \
            PAIR_OF_TWO(q, p)                                                                                \
        }                                                                                                    \
    }

/* Four pairs and infinity; a, b, c, d are the points' squares. */
#define PAIR_OF_FOUR(p, a, b, c, d)                                                                          \
    {                                                                                                        \
        .point = (float)(p), .square = (float)(a),                                                           \
        .rest = {(float)-((b) * (c) * (d)), (float)((b) * (c) + (b) * (d) + (c) * (d)),                      \
                 (float)-((b) + (c) + (d))},                                                                 \
        .weight = (float)(1.0 / (2.0 * (p) * ((a) - (b)) * ((a) - (c)) * ((a) - (d)))), .power = POWERS(p)   \
    }
#define FORM_OF_FOUR(p, q, r, s, a, b, c, d)                                                                 \
    {                                                                                                        \
        .tile = 7, .side = 9, .pairs = 4,                                                                    \
        .all = {(float)((a) * (b) * (c) * (d)), (float)-((a) * (b) * ((c) + (d)) + ((a) + (b)) * (c) * (d)), \
                (float)((a) * (b) + ((a) + (b)) * ((c) + (d)) + (c) * (d)),                                  \
                (float)-((a) + (b) + (c) + (d))},                                                            \
        .pair = {                                                                                            \
            PAIR_OF_FOUR(p, a, b, c, d),                                                                     \
            PAIR_OF_FOUR(q, b, a, c, d),                                                                     \
            PAIR_OF_FOUR(r, c, a, b, d),                                                                     \
            PAIR_OF_FOUR(s, d, a, b, c),                                                                     \
        }                                                                                                    \
    }

/* winograd_transform.h says why these. */
static const struct form four = FORM_OF_TWO(0.70710678118654752, 1.4142135623730950);
static const struct form seven =
    FORM_OF_FOUR(0.25, 0.6875, 1.125, 2.25, SQUARE(0.25), SQUARE(0.6875), SQUARE(1.125), SQUARE(2.25));

/* The one-dimensional transforms take `in` and `out` at a distance of `step` vectors. */

/* The polynomial with `count` coefficients and 1, of every other value from in[0] on: the smallest first. */
INLINE vector polynomial(const float *coefficients, int count, const vector *in, int step)
{
    vector sum = coefficients[0] * in[0];
    UNROLL
    for (int i = 1; i < count; i++) {
        sum += coefficients[i] * in[2 * i * step];
    }
    return sum + in[2 * count * step];
}

INLINE void input_line(const struct form *form, const vector *in, vector *out, int step)
{
    int first = form->zero ? 1 : 0, last = form->side - 1;
    if (form->zero) {
        out[0] = polynomial(form->all, form->pairs, in, step);
    }
    UNROLL
    for (int i = 0; i < form->pairs; i++) {
        const struct pair *pair = &form->pair[i];
        vector low = polynomial(pair->rest, form->pairs - 1, in + first * step, step);
        vector high = polynomial(pair->rest, form->pairs - 1, in + (first + 1) * step, step);
        int at = (first + 2 * i) * step;
        out[at] = high + pair->point * low;
        out[at + step] = form->zero ? high - pair->point * low : pair->point * low - high;
    }
    out[last * step] = polynomial(form->all, form->pairs, in + first * step, step);
}

INLINE void output_line(const struct form *form, const vector *in, vector *out, int step)
{
    int first = form->zero ? 1 : 0;
    vector sum[PAIRS], difference[PAIRS];
    UNROLL
    for (int i = 0; i < form->pairs; i++) {
        int at = (first + 2 * i) * step;
        sum[i] = in[at] + in[at + step];
        difference[i] = in[at] - in[at + step];
    }
    UNROLL
    for (int k = 0; k < form->tile; k++) {
        const vector *part = k % 2 == 0 ? sum : difference;
        vector value = form->pair[0].power[k] * part[0];
        UNROLL
        for (int i = 1; i < form->pairs; i++) {
            value += form->pair[i].power[k] * part[i];
        }
        if (k == 0 && form->zero) {
            value += in[0];
        }
        if (k == form->tile - 1) {
            value += in[(form->side - 1) * step];
        }
        out[k * step] = value;
    }
}

/* By Horner's rule, of every other value: in[last], ..., in[first]. */
INLINE vector horner(float square, const vector *in, int first, int last, int step)
{
    vector value = in[last * step];
    UNROLL
    for (int k = last - 2; k >= first; k -= 2) {
        value = in[k * step] + square * value;
    }
    return value;
}

/* The polynomial with the coefficients `in`, `count` of them, in all points. */
INLINE void gradient_line(const struct form *form, const vector *in, vector *out, int step)
{
    int first = form->zero ? 1 : 0, tile = form->tile;
    if (form->zero) {
        out[0] = in[0];
    }
    UNROLL
    for (int i = 0; i < form->pairs; i++) {
        const struct pair *pair = &form->pair[i];
        vector even = horner(pair->square, in, 0, (tile - 1) / 2 * 2, step);
        vector odd = horner(pair->square, in, 1, (tile - 2) / 2 * 2 + 1, step);
        int at = (first + 2 * i) * step;
        out[at] = even + pair->point * odd;
        out[at + step] = even - pair->point * odd;
    }
    out[(form->side - 1) * step] = in[(tile - 1) * step];
}

INLINE void weight_line(const struct form *form, const vector *in, vector *out, int step)
{
    int first = form->zero ? 1 : 0;
    if (form->zero) {
        out[0] = form->weight * in[0];
    }
    UNROLL
    for (int i = 0; i < form->pairs; i++) {
        const struct pair *pair = &form->pair[i];
        vector even = pair->weight * (in[0] + pair->square * in[2 * step]);
        float odd = pair->weight * pair->point;
        int at = (first + 2 * i) * step;
        out[at] = even + odd * in[step];
        out[at + step] = even - odd * in[step];
    }
    out[(form->side - 1) * step] = in[2 * step];
}

INLINE void weight_gradient_line(const struct form *form, const vector *in, vector *out, int step)
{
    int first = form->zero ? 1 : 0;
    vector sums[KERNEL] = {{0}};
    UNROLL
    for (int i = 0; i < form->pairs; i++) {
        const struct pair *pair = &form->pair[i];
        int at = (first + 2 * i) * step;
        vector sum = in[at] + in[at + step], difference = in[at] - in[at + step];
        sums[0] += pair->weight * sum;
        sums[1] += (pair->weight * pair->point) * difference;
        sums[2] += (pair->weight * pair->square) * sum;
    }
    out[0] = form->zero ? sums[0] + form->weight * in[0] : sums[0];
    out[step] = sums[1];
    out[2 * step] = sums[2] + in[(form->side - 1) * step];
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

INLINE void input_piece(const struct form *form, const float *const *at, const float *inside,
                        const struct conv_input *input, struct reading reading, size_t channel, size_t count,
                        float *planes, size_t stride)
{
    vector in[SIDE * SIDE], half[SIDE * SIDE], out[SIDE];
    int side = form->side;
    struct channels channels = channels_load(input, reading, channel, count);
    UNROLL_LINES
    for (int j = 0; j < side; j++) {
        UNROLL
        for (int i = 0; i < side; i++) {
            int k = side * i + j;
            in[k] = read_value(vector_load(at[k] + channel, count), &channels, reading, inside[k]);
        }
        input_line(form, in + j, half + j, side);
    }
    UNROLL_LINES
    for (int i = 0; i < side; i++) {
        input_line(form, half + side * i, out, 1);
        UNROLL
        for (int j = 0; j < side; j++) {
            vector_store(planes + (size_t)(side * i + j) * stride + channel, out[j], count);
        }
    }
}

INLINE void input_tile(const struct form *form, const float *const *at, const float *inside,
                       const struct conv_input *input, struct reading reading, size_t channels, float *planes,
                       size_t stride)
{
    size_t channel = 0;
    for (; channel + VECTOR_FLOATS <= channels; channel += VECTOR_FLOATS) {
        input_piece(form, at, inside, input, reading, channel, VECTOR_FLOATS, planes, stride);
    }
    if (channel < channels) {
        input_piece(form, at, inside, input, reading, channel, channels - channel, planes, stride);
    }
}

INLINE void input_tiles(const struct form *form, const struct winograd_images *images,
                        const struct conv_input *source, size_t begin, size_t end, const float *zeros,
                        float *planes, size_t stride)
{
    size_t channels = images->channels, pitch = product_pitch(channels);
    const float *at[SIDE * SIDE];
    float inside[SIDE * SIDE];
    for (size_t tile = begin; tile < end; tile++, planes += pitch) {
        bool whole = winograd_tile_pixels(images, source->values, tile, form->side, 1, zeros, at);
        for (int i = 0; i < form->side * form->side; i++) {
            inside[i] = at[i] == zeros ? 0.0f : 1.0f;
        }
        if (!source->normalise) {
            input_tile(form, at, inside, source, (struct reading){.whole = true}, channels, planes, stride);
        } else if (!source->prelu && whole) {
            input_tile(form, at, inside, source, (struct reading){.normalise = true, .whole = true}, channels,
                       planes, stride);
        } else if (!source->prelu) {
            input_tile(form, at, inside, source, (struct reading){.normalise = true}, channels, planes,
                       stride);
        } else if (whole) {
            input_tile(form, at, inside, source,
                       (struct reading){.normalise = true, .activate = true, .whole = true}, channels, planes,
                       stride);
        } else {
            input_tile(form, at, inside, source, (struct reading){.normalise = true, .activate = true},
                       channels, planes, stride);
        }
    }
}

INLINE void gradient_piece(const struct form *form, const float *const *at, size_t channel, size_t count,
                           float *planes, size_t stride)
{
    vector in[TILE * TILE], half[SIDE * TILE], out[SIDE];
    int side = form->side, tile = form->tile;
    UNROLL_LINES
    for (int j = 0; j < tile; j++) {
        UNROLL
        for (int i = 0; i < tile; i++) {
            in[tile * i + j] = vector_load(at[tile * i + j] + channel, count);
        }
        gradient_line(form, in + j, half + j, tile);
    }
    UNROLL_LINES
    for (int i = 0; i < side; i++) {
        gradient_line(form, half + tile * i, out, 1);
        UNROLL
        for (int j = 0; j < side; j++) {
            vector_store(planes + (size_t)(side * i + j) * stride + channel, out[j], count);
        }
    }
}

INLINE void gradient_tiles(const struct form *form, const struct winograd_images *images, const float *tensor,
                           size_t begin, size_t end, const float *zeros, float *planes, size_t stride)
{
    size_t channels = images->channels, pitch = product_pitch(channels);
    const float *at[TILE * TILE];
    for (size_t tile = begin; tile < end; tile++, planes += pitch) {
        winograd_tile_pixels(images, tensor, tile, form->tile, 0, zeros, at);
        size_t channel = 0;
        for (; channel + VECTOR_FLOATS <= channels; channel += VECTOR_FLOATS) {
            gradient_piece(form, at, channel, VECTOR_FLOATS, planes, stride);
        }
        if (channel < channels) {
            gradient_piece(form, at, channel, channels - channel, planes, stride);
        }
    }
}

/* `offset`: of the tile's pixels in the tensor. Unless `whole`, those that `inside` denies are left out. */
INLINE void output_piece(const struct form *form, const float *planes, size_t stride, float *tensor,
                         const size_t *offset, const bool *inside, bool whole, size_t count)
{
    vector in[SIDE * SIDE], half[TILE * SIDE], out[TILE];
    int side = form->side, tile = form->tile;
    UNROLL_LINES
    for (int j = 0; j < side; j++) {
        UNROLL
        for (int i = 0; i < side; i++) {
            in[side * i + j] = vector_load(planes + (size_t)(side * i + j) * stride, count);
        }
        output_line(form, in + j, half + j, side);
    }
    UNROLL_LINES
    for (int i = 0; i < tile; i++) {
        output_line(form, half + side * i, out, 1);
        UNROLL
        for (int j = 0; j < tile; j++) {
            if (whole || inside[tile * i + j]) {
                vector_store(tensor + offset[tile * i + j], out[j], count);
            }
        }
    }
}

INLINE void output_tiles(const struct form *form, const struct winograd_images *images, const float *planes,
                         size_t stride, size_t begin, size_t end, float *tensor)
{
    size_t channels = images->channels, pitch = product_pitch(channels);
    const float *at[TILE * TILE];
    size_t offset[TILE * TILE];
    bool inside[TILE * TILE];
    for (size_t tile = begin; tile < end; tile++, planes += pitch) {
        bool whole = winograd_tile_pixels(images, tensor, tile, form->tile, 0, NULL, at);
        for (int i = 0; i < form->tile * form->tile; i++) {
            inside[i] = at[i];
            offset[i] = inside[i] ? (size_t)(at[i] - tensor) : 0;
        }
        size_t c = 0;
        for (; whole && c + VECTOR_FLOATS <= channels; c += VECTOR_FLOATS) {
            output_piece(form, planes + c, stride, tensor + c, offset, inside, true, VECTOR_FLOATS);
        }
        for (; c + VECTOR_FLOATS <= channels; c += VECTOR_FLOATS) {
            output_piece(form, planes + c, stride, tensor + c, offset, inside, false, VECTOR_FLOATS);
        }
        if (c < channels) {
            output_piece(form, planes + c, stride, tensor + c, offset, inside, false, channels - c);
        }
    }
}

INLINE void weight_piece(const struct form *form, const float *weight, size_t weight_stride, size_t count,
                         float *planes, size_t stride)
{
    vector in[KERNEL * KERNEL], half[SIDE * KERNEL], out[SIDE];
    int side = form->side;
    UNROLL_LINES
    for (int j = 0; j < KERNEL; j++) {
        UNROLL
        for (int i = 0; i < KERNEL; i++) {
            in[KERNEL * i + j] = vector_load(weight + (size_t)(KERNEL * i + j) * weight_stride, count);
        }
        weight_line(form, in + j, half + j, KERNEL);
    }
    UNROLL_LINES
    for (int i = 0; i < side; i++) {
        weight_line(form, half + KERNEL * i, out, 1);
        UNROLL
        for (int j = 0; j < side; j++) {
            vector_store(planes + (size_t)(side * i + j) * stride, out[j], VECTOR_FLOATS);
        }
    }
}

INLINE void weight_planes(const struct form *form, size_t count, size_t width, const float *weight,
                          size_t weight_stride, float *planes, size_t stride)
{
    size_t k = 0;
    for (; k + VECTOR_FLOATS <= count; k += VECTOR_FLOATS) {
        weight_piece(form, weight + k, weight_stride, VECTOR_FLOATS, planes + k, stride);
    }
    for (; k < width; k += VECTOR_FLOATS) {
        weight_piece(form, weight + k, weight_stride, k < count ? count - k : 0, planes + k, stride);
    }
}

INLINE void weight_gradient_piece(const struct form *form, const float *planes, size_t stride, size_t count,
                                  float *grad_weight, size_t weight_stride)
{
    vector in[SIDE * SIDE], half[KERNEL * SIDE], out[KERNEL];
    int side = form->side;
    UNROLL_LINES
    for (int j = 0; j < side; j++) {
        UNROLL
        for (int i = 0; i < side; i++) {
            in[side * i + j] = vector_load(planes + (size_t)(side * i + j) * stride, count);
        }
        weight_gradient_line(form, in + j, half + j, side);
    }
    UNROLL_LINES
    for (int i = 0; i < KERNEL; i++) {
        weight_gradient_line(form, half + side * i, out, 1);
        UNROLL
        for (int j = 0; j < KERNEL; j++) {
            float *to = grad_weight + (size_t)(KERNEL * i + j) * weight_stride;
            vector_store(to, vector_load(to, count) + out[j], count);
        }
    }
}

INLINE void weight_gradient_planes(const struct form *form, size_t count, const float *planes, size_t stride,
                                   float *grad_weight, size_t weight_stride)
{
    size_t k = 0;
    for (; k + VECTOR_FLOATS <= count; k += VECTOR_FLOATS) {
        weight_gradient_piece(form, planes + k, stride, VECTOR_FLOATS, grad_weight + k, weight_stride);
    }
    if (k < count) {
        weight_gradient_piece(form, planes + k, stride, count - k, grad_weight + k, weight_stride);
    }
}

/* The transforms of one table of points. */
#define TRANSFORMS_OF(form)                                                                                  \
    static void input_##form(const struct winograd_images *images, const struct conv_input *source,          \
                             size_t begin, size_t end, const float *zeros, float *planes, size_t stride)     \
    {                                                                                                        \
        input_tiles(&form, images, source, begin, end, zeros, planes, stride);                               \
    }                                                                                                        \
    static void output_##form(const struct winograd_images *images, const float *planes, size_t stride,      \
                              size_t begin, size_t end, float *tensor)                                       \
    {                                                                                                        \
        output_tiles(&form, images, planes, stride, begin, end, tensor);                                     \
    }                                                                                                        \
    static void gradient_##form(const struct winograd_images *images, const float *tensor, size_t begin,     \
                                size_t end, const float *zeros, float *planes, size_t stride)                \
    {                                                                                                        \
        gradient_tiles(&form, images, tensor, begin, end, zeros, planes, stride);                            \
    }                                                                                                        \
    static void weight_##form(size_t count, size_t width, const float *weight, size_t weight_stride,         \
                              float *planes, size_t stride)                                                  \
    {                                                                                                        \
        weight_planes(&form, count, width, weight, weight_stride, planes, stride);                           \
    }                                                                                                        \
    static void weight_gradient_##form(size_t count, const float *planes, size_t stride, float *grad_weight, \
                                       size_t weight_stride)                                                 \
    {                                                                                                        \
        weight_gradient_planes(&form, count, planes, stride, grad_weight, weight_stride);                    \
    }

TRANSFORMS_OF(four)
TRANSFORMS_OF(seven)

#define TABLE_OF(form)                                                                                       \
    {                                                                                                        \
        .input = input_##form, .output = output_##form, .gradient = gradient_##form,                         \
        .weight = weight_##form, .weight_gradient = weight_gradient_##form                                   \
    }

extern const struct winograd_transforms_by_tile ISA_TABLE(winograd_transforms_by_tile);
const struct winograd_transforms_by_tile ISA_TABLE(winograd_transforms_by_tile) = {.four = TABLE_OF(four),
                                                                                   .seven = TABLE_OF(seven)};
