/* Resizing: two passes of a Catmull-Rom filter, the columns first, in float32 between them. */
#include "shard/image/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* For every output pixel of one axis: which input pixels weigh in, and how much. */
struct filter {
    int taps; /* at most so many per output */
    int *first; /* [side] */
    int *count; /* [side]; 0: there is no picture */
    float *weight; /* [side][taps] */
    int begin, end; /* of the input pixels that weigh in at all */
};

static double catmull_rom(double x)
{
    x = fabs(x);
    if (x < 1) {
        return (1.5 * x - 2.5) * x * x + 1;
    }
    if (x < 2) {
        return ((-0.5 * x + 2.5) * x - 4) * x + 2;
    }
    return 0;
}

static void filter_free(struct filter *filter)
{
    free(filter->first);
    free(filter->count);
    free(filter->weight);
}

/* Pixel centres are at half integers; beyond the border there is nothing, and what is left sums to one. */
static void filter_output(struct filter *filter, int input, double centre, double stretch, int i)
{
    float *weight = filter->weight + (size_t)i * (size_t)filter->taps;
    filter->first[i] = filter->count[i] = 0;
    if (centre < 0 || centre > input) {
        return;
    }
    int first = (int)floor(centre - 2 * stretch + 0.5);
    int last = (int)floor(centre + 2 * stretch + 0.5);
    first = first < 0 ? 0 : first;
    last = last > input ? input : last;
    double sum = 0;
    for (int j = first; j < last; j++) {
        sum += catmull_rom((j + 0.5 - centre) / stretch);
    }
    for (int j = first; j < last; j++) {
        weight[j - first] = (float)(catmull_rom((j + 0.5 - centre) / stretch) / sum);
    }
    filter->first[i] = first;
    filter->count[i] = last - first;
    filter->begin = first < filter->begin ? first : filter->begin;
    filter->end = last > filter->end ? last : filter->end;
}

/* From `length` pixels at `begin` of an axis of `input` pixels. */
static enum status filter_create(struct filter *filter, int input, double begin, double length, int side,
                                 struct error *error)
{
    const double scale = length / side;
    const double stretch = scale > 1 ? scale : 1;
    filter->taps = (int)ceil(4 * stretch) + 2;
    filter->taps = filter->taps > input ? input : filter->taps;
    filter->begin = input;
    filter->end = 0;
    filter->first = malloc((size_t)side * sizeof *filter->first);
    filter->count = malloc((size_t)side * sizeof *filter->count);
    filter->weight = malloc((size_t)side * (size_t)filter->taps * sizeof *filter->weight);
    if (!filter->first || !filter->count || !filter->weight) {
        return error_no_memory(error, "resizing an image");
    }
    for (int i = 0; i < side; i++) {
        filter_output(filter, input, begin + (i + 0.5) * scale, stretch, i);
    }
    return STATUS_OK;
}

/* sums[count] += the sum of four rows' samples, or one's, each times its weight. */
static void add_rows(const uint8_t *row, size_t stride, const float *weight, int rows, size_t count,
                     float *sums)
{
    int j = 0;
    for (; j + 4 <= rows; j += 4, row += 4 * stride) {
        const uint8_t *a = row, *b = row + stride, *c = row + 2 * stride, *d = row + 3 * stride;
        const float u = weight[j], v = weight[j + 1], w = weight[j + 2], z = weight[j + 3];
#pragma omp simd
        for (size_t x = 0; x < count; x++) {
            sums[x] += u * (float)a[x] + v * (float)b[x] + w * (float)c[x] + z * (float)d[x];
        }
    }
    for (; j < rows; j++, row += stride) {
        const float u = weight[j];
#pragma omp simd
        for (size_t x = 0; x < count; x++) {
            sums[x] += u * (float)row[x];
        }
    }
}

/* One row of the result, of the sums of its columns, which begin at the pixel `begin`. */
static void resize_row(const float *sums, int begin, const struct filter *filter, int side, uint8_t *pixels)
{
    for (int x = 0; x < side; x++) {
        const float *weight = filter->weight + (size_t)x * (size_t)filter->taps;
        const float *pixel = sums + (filter->first[x] - begin) * 3;
        float sum[3] = {0};
        for (int j = 0; j < filter->count[x]; j++, pixel += 3) {
            for (int c = 0; c < 3; c++) {
                sum[c] += weight[j] * pixel[c];
            }
        }
        for (int c = 0; c < 3; c++) {
            const float value = sum[c] + 0.5F;
            pixels[x * 3 + c] = value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)value;
        }
    }
}

static void resize(const struct image *image, const struct filter *across, const struct filter *down,
                   int side, float *sums, uint8_t *pixels)
{
    const size_t stride = (size_t)image->width * 3;
    const size_t count = across->end > across->begin ? (size_t)(across->end - across->begin) * 3 : 0;
    for (int y = 0; y < side; y++) {
        memset(sums, 0, count * sizeof *sums);
        add_rows(image->pixels + (size_t)down->first[y] * stride + (size_t)across->begin * 3, stride,
                 down->weight + (size_t)y * (size_t)down->taps, count == 0 ? 0 : down->count[y], count, sums);
        resize_row(sums, across->begin, across, side, pixels + (size_t)y * (size_t)side * 3);
    }
}

enum status image_resize_part(const struct image *image, struct image_part part, int side,
                              struct image *resized, struct error *error)
{
    struct filter across = {0}, down = {0};
    *resized = (struct image){0};
    const double limit = 4.0 * IMAGE_SIDE_MAX;
    if (side < 1 || side > IMAGE_SIDE_MAX || image->width < 1 || image->height < 1 || !(part.width > 0) ||
        !(part.height > 0) || !(part.width <= limit) || !(part.height <= limit) || !(fabs(part.x) <= limit) ||
        !(fabs(part.y) <= limit)) {
        return error_set(error, STATUS_INTERNAL, NULL, NULL, "cannot resize %d x %d to a side of %d",
                         image->width, image->height, side);
    }
    float *sums = malloc((size_t)image->width * 3 * sizeof *sums);
    uint8_t *pixels = malloc((size_t)side * (size_t)side * 3);
    enum status status = STATUS_OK;
    if (!sums || !pixels) {
        status = error_no_memory(error, "resizing an image");
    }
    if (status == STATUS_OK) {
        status = filter_create(&across, image->width, part.x, part.width, side, error);
    }
    if (status == STATUS_OK) {
        status = filter_create(&down, image->height, part.y, part.height, side, error);
    }
    if (status == STATUS_OK) {
        resize(image, &across, &down, side, sums, pixels);
        *resized = (struct image){.width = side, .height = side, .pixels = pixels};
        pixels = NULL;
    }
    filter_free(&across);
    filter_free(&down);
    free(sums);
    free(pixels);
    return status;
}

enum status image_resize(const struct image *image, int side, struct image *resized, struct error *error)
{
    return image_resize_part(image, image_fit_part(image->width, image->height, IMAGE_FIT_STRETCH), side,
                             resized, error);
}

struct image_part image_fit_part(int width, int height, enum image_fit fit)
{
    const int less = width < height ? width : height, more = width < height ? height : width;
    if (fit == IMAGE_FIT_STRETCH) {
        return (struct image_part){0, 0, width, height};
    }
    const double side = fit == IMAGE_FIT_CENTER ? less : more;
    return (struct image_part){(width - side) / 2, (height - side) / 2, side, side};
}
