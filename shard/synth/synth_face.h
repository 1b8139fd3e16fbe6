/* A synthetic person's face: what makes the person (struct face) and what one picture of it adds (struct
 * moment). Private to shard/.
 *
 * Units: half the height of an average head. The head's middle is (0, 0), x right, y down, z to the viewer.
 */
#ifndef DAIL_SHARD_SYNTH_SYNTH_FACE_H
#define DAIL_SHARD_SYNTH_SYNTH_FACE_H

#include "proto/random.h"
#include "shard/synth/synth_render.h"

enum hair_style { HAIR_NONE, HAIR_RING, HAIR_SHORT, HAIR_PARTED, HAIR_BOB, HAIR_LONG, HAIR_CURLS, HAIR_BUN };
enum beard_style { BEARD_NONE, BEARD_MOUSTACHE, BEARD_GOATEE, BEARD_FULL };
#define HAIR_STYLES 8

struct face {
    float skin[3], hair[3], iris[3], lip[3];
    float width, height, taper, ear; /* of the head; taper narrows the jaw */
    float eye_gap, eye_y, eye_width, eye_open, eye_tilt, iris_size;
    float brow_y, brow_length, brow_thick, brow_tilt, brow_bend;
    float nose_length, nose_width, nose_bridge;
    float mouth_y, mouth_width, lip_upper, lip_lower, mouth_bend;
    enum hair_style hair_style;
    float hairline, hair_volume, hair_length;
    enum beard_style beard_style;
    float beard_length;
    float mole_x, mole_y, mole_size; /* no mole: size 0 */
    float freckles, cheeks; /* opacity */
};

struct moment {
    float yaw, pitch; /* radians */
    float smile, mouth_open, lids, brow_raise, gaze_x, gaze_y;
    float hair_volume, hair_shade; /* times the person's */
    float light[3], ambient, light_colour[3];
    int glasses; /* 0 none, 1 round, 2 square, 3 dark */
    bool hat;
    float hat_y, hat_colour[3];
    bool bar; /* something before the face */
    struct shape bar_shape;
    float bar_colour[3];
    float cloth[3];
};

/* The person's face, from the person's stream of draws. */
struct face face_draw(struct random *random);

/* A picture's moment. `swing` scales the pose, `occlusion` is the chance of each thing that hides a part. */
struct moment moment_draw(float swing, float occlusion, struct random *random);

/* Paints and lights the figure in the current view. */
void face_paint(struct canvas *canvas, const struct face *face, const struct moment *moment);

/* Draws, also for the domain. */
float draw_between(struct random *random, float low, float high);
/* In -1..1, the middle likelier. */
float draw_spread(struct random *random);

#endif
