/* A small canvas for the synthetic faces: anti-aliased shapes, light, and what a camera does to a picture.
 * Private to shard/.
 *
 * Same input, same bytes on every machine: only +, -, *, / and square root are used, which IEEE 754 rounds
 * exactly, in an order that the source fixes.
 */
#ifndef DAIL_SHARD_SYNTH_SYNTH_RENDER_H
#define DAIL_SHARD_SYNTH_SYNTH_RENDER_H

#include "proto/error.h"
#include "proto/random.h"

#include <stdbool.h>
#include <stdint.h>

struct canvas {
    int side; /* pixels */
    float *rgb; /* [side][side][3], 0 to 1 */
    float *solid; /* [side][side]: 1 where the figure covers the background */
    float *u, *v; /* [side][side]: each pixel's place in the current view */
    float *spare; /* [side][side][3] */
    float footprint; /* of a pixel in the units of the view */
    float centre_x, centre_y, scale, cosine, sine; /* view to pixels */
};

enum shape_kind { SHAPE_ELLIPSE, SHAPE_BOX, SHAPE_RING };

/* In the units of the view, x to the right and y down. An ellipse or a box of radii a and b about (x, y),
 * turned by an angle (cosine, sine); then bent: shifted by bend * along^2 across; an ellipse is also made
 * narrower downwards by taper. A ring is an ellipse's outline of thickness `line`. */
struct shape {
    enum shape_kind kind;
    float x, y, a, b;
    float cosine, sine;
    float bend, taper, line;
};

/* STATUS_INTERNAL without memory. The caller calls canvas_free in any case. */
enum status canvas_create(struct canvas *canvas, int side, struct error *error);
void canvas_free(struct canvas *canvas);

/* The view: (x, y) is at pixel (centre_x, centre_y) + scale * rotation * (x, y). */
void canvas_view(struct canvas *canvas, float centre_x, float centre_y, float scale, float cosine,
                 float sine);

struct shape shape_ellipse(float x, float y, float a, float b);
struct shape shape_box(float x, float y, float a, float b);
/* Turns a shape by `angle` (radians, within a quarter turn). */
struct shape shape_turned(struct shape shape, float angle);

/* Cosine and sine of an angle within a quarter turn, by a series. */
void turn(float angle, float *cosine, float *sine);

/* Lays a shape over the picture; with `clip`, only where that one also is. The figure's parts mark `solid`,
 * the background's do not. */
void canvas_paint(struct canvas *canvas, const struct shape *shape, const struct shape *clip,
                  const float colour[3], float opacity, bool figure);

void canvas_fill(struct canvas *canvas, const float colour[3]);

/* Shades the figure as if it were a ball of radii a and b about (x, y), lit from `direction` (towards the
 * light, unit length) in `colour`; `ambient` of the light comes from everywhere. */
void canvas_light(struct canvas *canvas, float x, float y, float a, float b, const float direction[3],
                  float ambient, const float colour[3]);

/* Multiplies by a brightness that falls across the picture: 1 + across * x + down * y, x and y in -1..1. */
void canvas_slope(struct canvas *canvas, float across, float down);

/* A blur by the kernel 1/4, 1/2, 1/4 both ways, mixed in by `amount` (0 to 1). */
void canvas_blur(struct canvas *canvas, float amount);

/* Adds grain: uniform noise of amplitude `amount`, of which the share `coloured` is each colour's own. */
void canvas_grain(struct canvas *canvas, float amount, float coloured, struct random *random);

/* Rounds to bytes[side * side * 3]. */
void canvas_quantise(const struct canvas *canvas, uint8_t *bytes);

#endif
