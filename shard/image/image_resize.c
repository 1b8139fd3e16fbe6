/* Resizing: two passes of a Catmull-Rom filter, the rows first, in float32 between them. */
#include "shard/image/image.h"

#include <math.h>
#include <stdlib.h>

/* For every output pixel of one axis: which input pixels weigh in, and how much. */
struct filter {
    int taps; /* at most so many per output */
    int *first; /* [side] */
    int *count; /* [side] */
    float *weight; /* [side][taps] */
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
static void filter_output(struct filter *filter, int input, double scale, double stretch, int i)
{
    const double centre = (i + 0.5) * scale;
    float *weight = filter->weight + (size_t)i * (size_t)filter->taps;
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
}

static enum status filter_create(struct filter *filter, int input, int side, struct error *error)
{
    const double scale = (double)input / side;
    const double stretch = scale > 1 ? scale : 1;
    filter->taps = (int)ceil(4 * stretch) + 2;
    filter->first = malloc((size_t)side * sizeof *filter->first);
    filter->count = malloc((size_t)side * sizeof *filter->count);
    filter->weight = malloc((size_t)side * (size_t)filter->taps * sizeof *filter->weight);
    if (!filter->first || !filter->count || !filter->weight) {
        return error_no_memory(error, "resizing an image");
    }
    for (int i = 0; i < side; i++) {
        filter_output(filter, input, scale, stretch, i);
    }
    return STATUS_OK;
}

static void resize_rows(const struct image *image, const struct filter *filter, int side, float *rows)
{
    for (int y = 0; y < image->height; y++) {
        const uint8_t *in = image->pixels + (size_t)y * (size_t)image->width * 3;
        float *out = rows + (size_t)y * (size_t)side * 3;
        for (int x = 0; x < side; x++) {
            const float *weight = filter->weight + (size_t)x * (size_t)filter->taps;
            const uint8_t *pixel = in + (size_t)filter->first[x] * 3;
            float sum[3] = {0};
            for (int j = 0; j < filter->count[x]; j++, pixel += 3) {
                for (int c = 0; c < 3; c++) {
                    sum[c] += weight[j] * pixel[c];
                }
            }
            for (int c = 0; c < 3; c++) {
                out[x * 3 + c] = sum[c];
            }
        }
    }
}

static void resize_columns(const float *rows, const struct filter *filter, int side, float *line,
                           uint8_t *pixels)
{
    const size_t stride = (size_t)side * 3;
    for (int y = 0; y < side; y++) {
        const float *weight = filter->weight + (size_t)y * (size_t)filter->taps;
        for (size_t x = 0; x < stride; x++) {
            line[x] = 0;
        }
        for (int j = 0; j < filter->count[y]; j++) {
            const float *in = rows + (size_t)(filter->first[y] + j) * stride;
            for (size_t x = 0; x < stride; x++) {
                line[x] += weight[j] * in[x];
            }
        }
        for (size_t x = 0; x < stride; x++) {
            const float value = line[x] + 0.5F;
            pixels[(size_t)y * stride + x] = value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)value;
        }
    }
}

enum status image_resize(const struct image *image, int side, struct image *resized, struct error *error)
{
    struct filter across = {0}, down = {0};
    *resized = (struct image){0};
    if (side < 1 || side > IMAGE_SIDE_MAX || image->width < 1 || image->height < 1) {
        return error_set(error, STATUS_INTERNAL, NULL, NULL, "cannot resize %d x %d to a side of %d",
                         image->width, image->height, side);
    }
    float *rows = malloc((size_t)image->height * (size_t)side * 3 * sizeof *rows);
    float *line = malloc((size_t)side * 3 * sizeof *line);
    uint8_t *pixels = malloc((size_t)side * (size_t)side * 3);
    enum status status = STATUS_OK;
    if (!rows || !line || !pixels) {
        status = error_no_memory(error, "resizing an image");
    }
    if (status == STATUS_OK) {
        status = filter_create(&across, image->width, side, error);
    }
    if (status == STATUS_OK) {
        status = filter_create(&down, image->height, side, error);
    }
    if (status == STATUS_OK) {
        resize_rows(image, &across, side, rows);
        resize_columns(rows, &down, side, line, pixels);
        *resized = (struct image){.width = side, .height = side, .pixels = pixels};
        pixels = NULL;
    }
    filter_free(&across);
    filter_free(&down);
    free(rows);
    free(line);
    free(pixels);
    return status;
}
