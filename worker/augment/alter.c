#include "worker/augment/alter.h"

#include "shard/image/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

static size_t count_of(const struct alter_image *image)
{
    return (size_t)image->side * (size_t)image->side;
}

/* --- Parts --- */

void alter_crop(const struct alter_image *image, struct alter_box box)
{
    const size_t stride = (size_t)image->side * 3;
    const size_t left = (size_t)box.x * 3, end = left + (size_t)box.width * 3;
    for (int y = 0; y < image->side; y++) {
        uint8_t *row = image->pixels + (size_t)y * stride;
        if (y < box.y || y >= box.y + box.height) {
            memset(row, 0, stride);
        } else {
            memset(row, 0, left);
            memset(row + end, 0, stride - end);
        }
    }
}

void alter_erase(const struct alter_image *image, struct alter_box box, struct random *random)
{
    for (int y = box.y; y < box.y + box.height; y++) {
        uint8_t *row = image->pixels + ((size_t)y * (size_t)image->side + (size_t)box.x) * 3;
        for (int i = 0; i < box.width * 3; i += 4) {
            const uint32_t four = random_u32(random);
            for (int j = i; j < i + 4 && j < box.width * 3; j++) {
                row[j] = (uint8_t)(four >> 8 * (j - i));
            }
        }
    }
}

/* How far across the mask reaches at the height y, and from where down in each column: in pixels from its centre. */
void alter_mask(const struct alter_image *image, const struct alter_mask *mask)
{
    const double side = image->side;
    for (int y = 0; y < image->side; y++) {
        const double down = ((y + 0.5) / side - mask->top) / (mask->bottom - mask->top);
        if (down < 0 || down > 1) {
            continue;
        }
        const double half = mask->half_width * (1 - mask->taper * down * down);
        for (int x = 0; x < image->side; x++) {
            const double across = ((x + 0.5) / side - mask->centre) / half;
            const double below = (y + 0.5) / side - mask->top - mask->sag * across * across;
            if (fabs(across) <= 1 && below >= 0) {
                memcpy(image->pixels + ((size_t)y * (size_t)image->side + (size_t)x) * 3, mask->colour, 3);
            }
        }
    }
}

/* --- Sharpness --- */

void alter_resolution(const struct alter_image *image, int small, enum resample_filter down,
                      enum resample_filter up)
{
    resample_scale(down, image->side, small, image->weights);
    resample_apply(image->kernels, image->weights, image->side, small, image->pixels, image->room);
    resample_scale(up, small, image->side, image->weights);
    resample_apply(image->kernels, image->weights, small, image->side, image->pixels, image->room);
}

void alter_blur(const struct alter_image *image, int window)
{
    resample_blur(window, image->side, image->weights);
    resample_apply(image->kernels, image->weights, image->side, image->side, image->pixels, image->room);
}

enum status alter_jpeg(const struct alter_image *image, int quality, struct error *error)
{
    const struct image whole = {.width = image->side, .height = image->side, .pixels = image->pixels};
    uint8_t *bytes = NULL;
    size_t size = 0;
    enum status status = image_encode(&whole, IMAGE_JPEG, quality, &bytes, &size, error);
    if (status == STATUS_OK) {
        status = image_decode_into(bytes, size, image->side, image->pixels, error);
    }
    free(bytes);
    return status;
}

/* --- Colour --- */

/* What each colour weighs in a pixel's grey (ITU-R BT.601); they sum to one. */
static const double grey_of[3] = {0.299, 0.587, 0.114};

static void apply_colour(const struct alter_image *image, const double matrix[3][3], double offset)
{
    struct pixel_colour colour;
    for (int c = 0; c < 3; c++) {
        for (int from = 0; from < 3; from++) {
            colour.weight[c][from] = (int32_t)lround(matrix[c][from] * PIXEL_WEIGHT_ONE);
        }
        colour.weight[c][3] = (int32_t)lround(offset * PIXEL_WEIGHT_ONE);
    }
    image->kernels->colour(count_of(image), &colour, image->pixels);
}

void alter_brightness(const struct alter_image *image, double factor)
{
    const double matrix[3][3] = {{factor, 0, 0}, {0, factor, 0}, {0, 0, factor}};
    apply_colour(image, matrix, 0);
}

/* The mean is rounded to a grey level, as PIL does. */
void alter_contrast(const struct alter_image *image, double factor)
{
    const double matrix[3][3] = {{factor, 0, 0}, {0, factor, 0}, {0, 0, factor}};
    uint64_t sums[3];
    double mean = 0;
    image->kernels->sum(count_of(image), image->pixels, sums);
    for (int c = 0; c < 3; c++) {
        mean += grey_of[c] * (double)sums[c];
    }
    mean = floor(mean / (double)count_of(image) + 0.5);
    apply_colour(image, matrix, (1 - factor) * mean);
}

void alter_saturation(const struct alter_image *image, double factor)
{
    double matrix[3][3];
    for (int c = 0; c < 3; c++) {
        for (int from = 0; from < 3; from++) {
            matrix[c][from] = (1 - factor) * grey_of[from] + (c == from ? factor : 0);
        }
    }
    apply_colour(image, matrix, 0);
}

void alter_grey(const struct alter_image *image)
{
    alter_saturation(image, 0);
}

static void multiply(const double a[3][3], const double b[3][3], double product[3][3])
{
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            product[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
        }
    }
}

static void invert(const double a[3][3], double inverse[3][3])
{
    double determinant = 0;
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            const int r = (j + 1) % 3, s = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
            inverse[i][j] = a[r][c] * a[s][d] - a[r][d] * a[s][c];
        }
        determinant += a[0][i] * inverse[i][0];
    }
    for (int i = 0; i < 9; i++) {
        inverse[i / 3][i % 3] /= determinant;
    }
}

void alter_hue(const struct alter_image *image, double degrees, double saturation)
{
    const double to_yiq[3][3] = {{0.299, 0.587, 0.114}, {0.596, -0.274, -0.322}, {0.211, -0.523, 0.312}};
    const double c = saturation * cos(degrees * PI / 180), s = saturation * sin(degrees * PI / 180);
    const double turn[3][3] = {{1, 0, 0}, {0, c, s}, {0, -s, c}};
    double turned[3][3], back[3][3], matrix[3][3];
    multiply(turn, to_yiq, turned);
    invert(to_yiq, back);
    multiply(back, turned, matrix);
    apply_colour(image, matrix, 0);
}
