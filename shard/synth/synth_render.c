#include "shard/synth/synth_render.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A fused multiply-add would round otherwise than the two operations. gcc never fuses under -std=c11. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum status canvas_create(struct canvas *canvas, int side, struct error *error)
{
    const size_t pixels = (size_t)side * (size_t)side;
    *canvas = (struct canvas){.side = side};
    canvas->rgb = malloc(pixels * 3 * sizeof(float));
    canvas->spare = malloc(pixels * 3 * sizeof(float));
    canvas->solid = malloc(pixels * sizeof(float));
    canvas->u = malloc(pixels * sizeof(float));
    canvas->v = malloc(pixels * sizeof(float));
    if (!canvas->rgb || !canvas->spare || !canvas->solid || !canvas->u || !canvas->v) {
        return error_no_memory(error, "drawing an image");
    }
    return STATUS_OK;
}

void canvas_free(struct canvas *canvas)
{
    free(canvas->rgb);
    free(canvas->spare);
    free(canvas->solid);
    free(canvas->u);
    free(canvas->v);
    *canvas = (struct canvas){0};
}

void canvas_view(struct canvas *canvas, float centre_x, float centre_y, float scale, float cosine, float sine)
{
    canvas->footprint = 1 / scale;
    canvas->centre_x = centre_x;
    canvas->centre_y = centre_y;
    canvas->scale = scale;
    canvas->cosine = cosine;
    canvas->sine = sine;
    for (int row = 0; row < canvas->side; row++) {
        for (int column = 0; column < canvas->side; column++) {
            const float x = ((float)column + 0.5F - centre_x) / scale;
            const float y = ((float)row + 0.5F - centre_y) / scale;
            canvas->u[row * canvas->side + column] = cosine * x + sine * y;
            canvas->v[row * canvas->side + column] = cosine * y - sine * x;
        }
    }
}

struct shape shape_ellipse(float x, float y, float a, float b)
{
    return (struct shape){.kind = SHAPE_ELLIPSE, .x = x, .y = y, .a = a, .b = b, .cosine = 1};
}

struct shape shape_box(float x, float y, float a, float b)
{
    return (struct shape){.kind = SHAPE_BOX, .x = x, .y = y, .a = a, .b = b, .cosine = 1};
}

void turn(float angle, float *cosine, float *sine)
{
    const float square = angle * angle;
    const float s = angle * (1 - square / 6 * (1 - square / 20 * (1 - square / 42)));
    *sine = s;
    *cosine = sqrtf(s * s < 1 ? 1 - s * s : 0);
}

struct shape shape_turned(struct shape shape, float angle)
{
    turn(angle, &shape.cosine, &shape.sine);
    return shape;
}

/* How much of the pixel at (u, v) the shape covers, from its distance to the outline. */
static float shape_coverage(const struct shape *shape, float u, float v, float footprint)
{
    const float dx = u - shape->x;
    const float dy = v - shape->y;
    float x = shape->cosine * dx + shape->sine * dy;
    float y = shape->cosine * dy - shape->sine * dx;
    float distance;
    y -= shape->bend * x * x;
    if (shape->kind == SHAPE_BOX) {
        const float beyond_x = fabsf(x) - shape->a;
        const float beyond_y = fabsf(y) - shape->b;
        distance = beyond_x > beyond_y ? beyond_x : beyond_y;
    } else {
        x *= 1 + shape->taper * y / shape->b;
        const float ex = x / shape->a;
        const float ey = y / shape->b;
        const float gx = ex / shape->a;
        const float gy = ey / shape->b;
        distance = (ex * ex + ey * ey - 1) / (2 * sqrtf(gx * gx + gy * gy) + 1e-6F);
        if (shape->kind == SHAPE_RING) {
            distance = fabsf(distance) - shape->line;
        }
    }
    const float coverage = 0.5F - distance / footprint;
    return coverage < 0 ? 0 : coverage > 1 ? 1 : coverage;
}

struct window {
    int left, right, top, bottom; /* pixels; right and bottom are beyond */
};

static int clamp_to(float value, int limit)
{
    return value < 0 ? 0 : value > (float)limit ? limit : (int)value;
}

/* The pixels that the shape may touch. */
static struct window shape_window(const struct canvas *canvas, const struct shape *shape)
{
    const float long_side = shape->a * (1 + 2 * fabsf(shape->taper)) + shape->line;
    const float bent = fabsf(shape->bend) * long_side * long_side;
    const float across = shape->b + bent + shape->line;
    const float radius = sqrtf(long_side * long_side + across * across) * canvas->scale + 1.5F;
    const float x = canvas->centre_x + canvas->scale * (canvas->cosine * shape->x - canvas->sine * shape->y);
    const float y = canvas->centre_y + canvas->scale * (canvas->sine * shape->x + canvas->cosine * shape->y);
    return (struct window){.left = clamp_to(x - radius, canvas->side),
                           .right = clamp_to(x + radius + 1, canvas->side),
                           .top = clamp_to(y - radius, canvas->side),
                           .bottom = clamp_to(y + radius + 1, canvas->side)};
}

void canvas_paint(struct canvas *canvas, const struct shape *shape, const struct shape *clip,
                  const float colour[3], float opacity, bool figure)
{
    if (shape->a <= 0 || shape->b <= 0 || opacity <= 0) {
        return;
    }
    const struct window window = shape_window(canvas, shape);
    for (int row = window.top; row < window.bottom; row++) {
        for (int column = window.left; column < window.right; column++) {
            const int i = row * canvas->side + column;
            float cover = shape_coverage(shape, canvas->u[i], canvas->v[i], canvas->footprint);
            if (cover <= 0) {
                continue;
            }
            if (clip) {
                cover *= shape_coverage(clip, canvas->u[i], canvas->v[i], canvas->footprint);
            }
            cover *= opacity;
            for (int c = 0; c < 3; c++) {
                canvas->rgb[i * 3 + c] += cover * (colour[c] - canvas->rgb[i * 3 + c]);
            }
            if (figure) {
                canvas->solid[i] += cover * (1 - canvas->solid[i]);
            }
        }
    }
}

void canvas_fill(struct canvas *canvas, const float colour[3])
{
    const int pixels = canvas->side * canvas->side;
    for (int i = 0; i < pixels; i++) {
        for (int c = 0; c < 3; c++) {
            canvas->rgb[i * 3 + c] = colour[c];
        }
        canvas->solid[i] = 0;
    }
}

void canvas_light(struct canvas *canvas, float x, float y, float a, float b, const float direction[3],
                  float ambient, const float colour[3])
{
    const int pixels = canvas->side * canvas->side;
    for (int i = 0; i < pixels; i++) {
        if (canvas->solid[i] <= 0) {
            continue;
        }
        float nx = (canvas->u[i] - x) / a;
        float ny = (canvas->v[i] - y) / b;
        const float square = nx * nx + ny * ny;
        const float nz = square < 1 ? sqrtf(1 - square) : 0;
        if (square > 1) {
            const float length = sqrtf(square);
            nx /= length;
            ny /= length;
        }
        const float facing = nx * direction[0] + ny * direction[1] + nz * direction[2];
        const float light = ambient + (facing > 0 ? facing : 0);
        for (int c = 0; c < 3; c++) {
            canvas->rgb[i * 3 + c] *= 1 + canvas->solid[i] * (light * colour[c] - 1);
        }
    }
}

void canvas_slope(struct canvas *canvas, float across, float down)
{
    const float half = 0.5F * (float)canvas->side;
    for (int row = 0; row < canvas->side; row++) {
        for (int column = 0; column < canvas->side; column++) {
            const float x = ((float)column + 0.5F - half) / half;
            const float y = ((float)row + 0.5F - half) / half;
            const float factor = 1 + across * x + down * y;
            for (int c = 0; c < 3; c++) {
                canvas->rgb[(row * canvas->side + column) * 3 + c] *= factor;
            }
        }
    }
}

void canvas_blur(struct canvas *canvas, float amount)
{
    const int side = canvas->side;
    const int stride = side * 3;
    const float outer = 0.25F * amount;
    const float inner = 1 - 2 * outer;
    for (int row = 0; row < side; row++) {
        for (int column = 0; column < side; column++) {
            const float *centre = canvas->rgb + row * stride + column * 3;
            const float *left = column > 0 ? centre - 3 : centre;
            const float *right = column < side - 1 ? centre + 3 : centre;
            for (int c = 0; c < 3; c++) {
                canvas->spare[row * stride + column * 3 + c] =
                    inner * centre[c] + outer * (left[c] + right[c]);
            }
        }
    }
    for (int row = 0; row < side; row++) {
        const float *centre = canvas->spare + row * stride;
        const float *above = row > 0 ? centre - stride : centre;
        const float *below = row < side - 1 ? centre + stride : centre;
        for (int i = 0; i < stride; i++) {
            canvas->rgb[row * stride + i] = inner * centre[i] + outer * (above[i] + below[i]);
        }
    }
}

void canvas_grain(struct canvas *canvas, float amount, float coloured, struct random *random)
{
    const int pixels = canvas->side * canvas->side;
    for (int i = 0; i < pixels; i++) {
        const uint32_t bits = random_u32(random);
        const float shared = (float)(bits & 255) / 255 - 0.5F;
        for (int c = 0; c < 3; c++) {
            const float own = (float)(bits >> (8 + 8 * c) & 255) / 255 - 0.5F;
            canvas->rgb[i * 3 + c] += 2 * amount * (shared + coloured * (own - shared));
        }
    }
}

void canvas_quantise(const struct canvas *canvas, uint8_t *bytes)
{
    const int values = canvas->side * canvas->side * 3;
    for (int i = 0; i < values; i++) {
        const float value = canvas->rgb[i] * 255 + 0.5F;
        bytes[i] = value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)value;
    }
}
