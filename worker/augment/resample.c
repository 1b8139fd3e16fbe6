#include "worker/augment/resample.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

/* --- Weights --- */

static int clamp(int place, int side)
{
    return place < 0 ? 0 : place < side ? place : side - 1;
}

/* Whole numbers that sum to one; what rounding leaves over goes to the largest, the first of equals. */
static void set_weights(struct resample_weights *weights, int i, const double *weight, const int *place,
                        int from)
{
    double sum = 0;
    int left = PIXEL_WEIGHT_ONE, largest = 0;
    for (int t = 0; t < weights->taps; t++) {
        sum += weight[t];
    }
    for (int t = 0; t < weights->taps; t++) {
        const int rounded = (int)lround(weight[t] / sum * PIXEL_WEIGHT_ONE);
        weights->place[i][t] = (uint16_t)clamp(place[t], from);
        weights->weight[i][t] = (int16_t)rounded;
        left -= rounded;
        largest = weight[t] > weight[largest] ? t : largest;
    }
    weights->weight[i][largest] = (int16_t)(weights->weight[i][largest] + left);
}

/* Keys's cubic convolution with a = -0.75. */
static double cubic(double x)
{
    const double a = -0.75;
    x = fabs(x);
    if (x < 1) {
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    }
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static double lanczos(double x)
{
    x = fabs(x);
    if (x < 1e-9) {
        return 1;
    }
    return x < 4 ? sin(PI * x) * sin(PI * x / 4) / (PI * PI * x * x / 4) : 0;
}

/* Of a filter whose weight depends on the distance from the new pixel's centre alone. */
static double weight_at(enum resample_filter filter, double distance, double stretch)
{
    switch (filter) {
    case RESAMPLE_CUBIC:
        return cubic(distance);
    case RESAMPLE_LANCZOS:
        return lanczos(distance);
    default:
        return fmax(0, 1 - fabs(distance) / stretch);
    }
}

static int half_width(enum resample_filter filter, double stretch)
{
    switch (filter) {
    case RESAMPLE_CUBIC:
        return 2;
    case RESAMPLE_LANCZOS:
        return 4;
    default:
        return (int)ceil(stretch);
    }
}

static void scale_by_distance(enum resample_filter filter, int from, int to, struct resample_weights *weights)
{
    const double scale = (double)from / to;
    const double stretch = filter == RESAMPLE_TRIANGLE && scale > 1 ? scale : 1;
    const int half = half_width(filter, stretch);
    weights->taps = 2 * half;
    for (int i = 0; i < to; i++) {
        const double centre = (i + 0.5) * scale - 0.5;
        const int first = (int)floor(centre) - half + 1;
        double weight[RESAMPLE_TAPS_MAX];
        int place[RESAMPLE_TAPS_MAX];
        for (int t = 0; t < weights->taps; t++) {
            place[t] = first + t;
            weight[t] = weight_at(filter, first + t - centre, stretch);
        }
        set_weights(weights, i, weight, place, from);
    }
}

/* The new pixel i covers [i from / to, (i + 1) from / to) of the image. */
static void scale_by_area(int from, int to, struct resample_weights *weights)
{
    const double scale = (double)from / to;
    weights->taps = (int)ceil(scale) + 1;
    for (int i = 0; i < to; i++) {
        const double begin = i * scale, end = (i + 1) * scale;
        const int first = (int)(begin + 1e-9);
        double weight[RESAMPLE_TAPS_MAX];
        int place[RESAMPLE_TAPS_MAX];
        for (int t = 0; t < weights->taps; t++) {
            place[t] = first + t;
            weight[t] = fmax(0, fmin(end, first + t + 1) - fmax(begin, first + t));
        }
        set_weights(weights, i, weight, place, from);
    }
}

static void scale_by_place(int from, int to, struct resample_weights *weights)
{
    weights->taps = 1;
    for (int i = 0; i < to; i++) {
        set_weights(weights, i, &(const double){1}, &(const int){i * from / to}, from);
    }
}

void resample_scale(enum resample_filter filter, int from, int to, struct resample_weights *weights)
{
    switch (filter) {
    case RESAMPLE_NEAREST:
        scale_by_place(from, to, weights);
        break;
    case RESAMPLE_AREA:
        scale_by_area(from, to, weights);
        break;
    default:
        scale_by_distance(filter, from, to, weights);
    }
}

static int reflect(int place, int side)
{
    place = place < 0 ? -place : place;
    return place < side ? place : 2 * (side - 1) - place;
}

void resample_blur(int window, int side, struct resample_weights *weights)
{
    const int radius = window / 2;
    const double deviation = 0.3 * (radius - 1) + 0.8;
    weights->taps = window;
    for (int i = 0; i < side; i++) {
        double weight[RESAMPLE_TAPS_MAX];
        int place[RESAMPLE_TAPS_MAX];
        for (int t = 0; t < window; t++) {
            place[t] = reflect(i + t - radius, side);
            weight[t] = exp(-0.5 * (t - radius) * (t - radius) / (deviation * deviation));
        }
        set_weights(weights, i, weight, place, side);
    }
}

/* --- Pixels --- */

/* [height][width][3] to [width][height][3]. */
static void transpose(int height, int width, const uint8_t *image, uint8_t *turned)
{
    const size_t stride = (size_t)width * 3;
    for (int x = 0; x < width; x++) {
        const uint8_t *pixel = image + (size_t)x * 3;
        for (int y = 0; y < height; y++, pixel += stride, turned += 3) {
            memcpy(turned, pixel, 3);
        }
    }
}

/* [from][width][3] to [to][width][3]. */
static void mix_rows(const struct pixel_kernels *kernels, const struct resample_weights *weights, int to,
                     int width, const uint8_t *image, uint8_t *result)
{
    const size_t stride = (size_t)width * 3;
    for (int i = 0; i < to; i++) {
        const uint8_t *rows[RESAMPLE_TAPS_MAX];
        for (int t = 0; t < weights->taps; t++) {
            rows[t] = image + weights->place[i][t] * stride;
        }
        kernels->mix(stride, weights->taps, rows, weights->weight[i], result + (size_t)i * stride);
    }
}

void resample_apply(const struct pixel_kernels *kernels, const struct resample_weights *weights, int from,
                    int to, uint8_t *image, uint8_t *room)
{
    mix_rows(kernels, weights, to, from, image, room);
    transpose(to, from, room, image);
    mix_rows(kernels, weights, to, to, image, room);
    transpose(to, to, room, image);
}
