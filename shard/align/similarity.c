#include "shard/align/similarity.h"

#include <math.h>
#include <stdlib.h>

void similarity_template(int side, double points[FACE_POINTS][2])
{
    static const double at_112[FACE_POINTS][2] = {
        {38.2946, 51.6963}, {73.5318, 51.5014}, {56.0252, 71.7366}, {41.5493, 92.3655}, {70.7299, 92.2041}};
    const bool wide = side % 112 != 0 && side % 128 == 0;
    const double scale = (double)side / (wide ? 128 : 112), right = wide ? 8 * scale : 0;
    for (int i = 0; i < FACE_POINTS; i++) {
        points[i][0] = at_112[i][0] * scale + right;
        points[i][1] = at_112[i][1] * scale;
    }
}

static void mean(const double points[FACE_POINTS][2], double *centre)
{
    centre[0] = centre[1] = 0;
    for (int i = 0; i < FACE_POINTS; i++) {
        centre[0] += points[i][0] / FACE_POINTS;
        centre[1] += points[i][1] / FACE_POINTS;
    }
}

bool similarity_fit(const double from[FACE_POINTS][2], const double to[FACE_POINTS][2],
                    struct similarity *similarity)
{
    double p[2], q[2], a = 0, b = 0, spread = 0;
    mean(from, p);
    mean(to, q);
    for (int i = 0; i < FACE_POINTS; i++) {
        const double x[2] = {from[i][0] - p[0], from[i][1] - p[1]};
        const double u[2] = {to[i][0] - q[0], to[i][1] - q[1]};
        a += x[0] * u[0] + x[1] * u[1];
        b += x[0] * u[1] - x[1] * u[0];
        spread += x[0] * x[0] + x[1] * x[1];
    }
    a /= spread;
    b /= spread;
    *similarity = (struct similarity){a, b, q[0] - a * p[0] + b * p[1], q[1] - b * p[0] - a * p[1]};
    return spread > 0 && isfinite(a) && isfinite(b) && isfinite(similarity->x) && isfinite(similarity->y) &&
           isfinite(1 / (a * a + b * b));
}

/* Adds `weight` times the pixel, where there is one. */
static void add_pixel(const struct image *image, int x, int y, double weight, double *sum)
{
    if (x < 0 || y < 0 || x >= image->width || y >= image->height) {
        return;
    }
    const uint8_t *pixel = image->pixels + ((size_t)y * (size_t)image->width + (size_t)x) * 3;
    for (int c = 0; c < 3; c++) {
        sum[c] += weight * pixel[c];
    }
}

static void sample(const struct image *image, double x, double y, uint8_t *pixel)
{
    double sum[3] = {0};
    if (x > -1 && y > -1 && x < image->width && y < image->height) {
        const int left = (int)floor(x), top = (int)floor(y);
        const double u = x - left, v = y - top;
        add_pixel(image, left, top, (1 - u) * (1 - v), sum);
        add_pixel(image, left + 1, top, u * (1 - v), sum);
        add_pixel(image, left, top + 1, (1 - u) * v, sum);
        add_pixel(image, left + 1, top + 1, u * v, sum);
    }
    for (int c = 0; c < 3; c++) {
        pixel[c] = (uint8_t)(sum[c] + 0.5);
    }
}

enum status similarity_warp(const struct image *image, const struct similarity *similarity, int side,
                            struct image *warped, struct error *error)
{
    const double a = similarity->a, b = similarity->b, square = a * a + b * b;
    *warped = (struct image){side, side, malloc((size_t)side * (size_t)side * 3), 0};
    if (!warped->pixels) {
        return error_no_memory(error, "aligning an image");
    }
    for (int v = 0; v < side; v++) {
        for (int u = 0; u < side; u++) {
            const double x = (u - similarity->x) / square, y = (v - similarity->y) / square;
            sample(image, a * x + b * y, a * y - b * x,
                   warped->pixels + ((size_t)v * (size_t)side + (size_t)u) * 3);
        }
    }
    return STATUS_OK;
}
