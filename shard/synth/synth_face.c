/* Draws of a person and of a moment, one to a statement: C leaves the order among arguments open. */
#include "shard/synth/synth_face.h"

#include <math.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

float draw_between(struct random *random, float low, float high)
{
    return low + (high - low) * random_uniform(random);
}

float draw_spread(struct random *random)
{
    const float first = random_uniform(random);
    return first + random_uniform(random) - 1;
}

static void mix(const float from[3], const float to[3], float share, float out[3])
{
    for (int c = 0; c < 3; c++) {
        out[c] = from[c] + share * (to[c] - from[c]);
    }
}

static void draw_colours(struct face *face, struct random *random)
{
    static const float pale[3] = {0.98F, 0.84F, 0.74F}, dark[3] = {0.42F, 0.26F, 0.18F};
    static const float hairs[6][3] = {{0.10F, 0.08F, 0.07F}, {0.30F, 0.18F, 0.10F}, {0.55F, 0.34F, 0.16F},
                                      {0.86F, 0.70F, 0.36F}, {0.68F, 0.26F, 0.10F}, {0.74F, 0.73F, 0.72F}};
    static const float irises[4][3] = {
        {0.25F, 0.14F, 0.06F}, {0.20F, 0.42F, 0.66F}, {0.26F, 0.46F, 0.24F}, {0.40F, 0.42F, 0.44F}};
    static const float rose[3] = {0.80F, 0.24F, 0.28F};
    mix(pale, dark, random_uniform(random), face->skin);
    face->skin[1] += 0.05F * draw_spread(random);
    const float *hair = hairs[random_below(random, 6)];
    for (int c = 0; c < 3; c++) {
        face->hair[c] = hair[c] * draw_between(random, 0.85F, 1.15F);
    }
    const float *iris = irises[random_below(random, 4)];
    for (int c = 0; c < 3; c++) {
        face->iris[c] = iris[c];
    }
    mix(face->skin, rose, draw_between(random, 0.35F, 0.9F), face->lip);
    face->cheeks = draw_between(random, 0, 0.35F);
}

static void draw_features(struct face *face, struct random *random)
{
    face->eye_gap = draw_between(random, 0.27F, 0.46F);
    face->eye_y = draw_between(random, -0.20F, 0.08F);
    face->eye_width = draw_between(random, 0.12F, 0.25F);
    face->eye_open = draw_between(random, 0.40F, 0.95F);
    face->eye_tilt = draw_between(random, -0.32F, 0.32F);
    face->iris_size = draw_between(random, 0.55F, 0.85F);
    face->brow_y = draw_between(random, 0.17F, 0.32F);
    face->brow_length = draw_between(random, 0.14F, 0.26F);
    face->brow_thick = draw_between(random, 0.018F, 0.095F);
    face->brow_tilt = draw_between(random, -0.38F, 0.38F);
    face->brow_bend = draw_between(random, 0, 2.2F);
    face->nose_length = draw_between(random, 0.20F, 0.42F);
    face->nose_width = draw_between(random, 0.06F, 0.24F);
    face->nose_bridge = draw_between(random, 0.02F, 0.06F);
    face->mouth_y = draw_between(random, 0.48F, 0.68F);
    face->mouth_width = draw_between(random, 0.12F, 0.42F);
    face->lip_upper = draw_between(random, 0.015F, 0.10F);
    face->lip_lower = draw_between(random, 0.02F, 0.13F);
    face->mouth_bend = draw_between(random, -0.6F, 0.6F);
}

struct face face_draw(struct random *random)
{
    struct face face = {0};
    draw_colours(&face, random);
    face.width = draw_between(random, 0.66F, 0.92F);
    face.height = draw_between(random, 0.92F, 1.10F);
    face.taper = draw_between(random, -0.05F, 0.28F);
    face.ear = draw_between(random, 0.08F, 0.20F);
    draw_features(&face, random);
    face.hair_style = (enum hair_style)random_below(random, HAIR_STYLES);
    face.hairline = draw_between(random, -0.75F, -0.42F);
    face.hair_volume = draw_between(random, 0.04F, 0.20F);
    face.hair_length = draw_between(random, 0.3F, 1.1F);
    const float beard = random_uniform(random);
    face.beard_style = beard < 0.55F   ? BEARD_NONE
                       : beard < 0.70F ? BEARD_MOUSTACHE
                       : beard < 0.85F ? BEARD_GOATEE
                                       : BEARD_FULL;
    face.beard_length = draw_between(random, 0.05F, 0.22F);
    const float mole = random_uniform(random);
    face.mole_x = draw_between(random, -0.45F, 0.45F);
    face.mole_y = draw_between(random, 0.10F, 0.60F);
    face.mole_size = mole < 0.5F ? draw_between(random, 0.03F, 0.055F) : 0;
    face.freckles = random_uniform(random) < 0.2F ? 0.4F : 0;
    return face;
}

static void draw_light(struct moment *moment, struct random *random)
{
    const float x = draw_between(random, -1.1F, 1.1F);
    const float y = draw_between(random, -1.1F, 0.5F);
    const float length = sqrtf(x * x + y * y + 1);
    moment->light[0] = x / length;
    moment->light[1] = y / length;
    moment->light[2] = 1 / length;
    moment->ambient = draw_between(random, 0.30F, 0.70F);
    const float brightness = draw_between(random, 0.50F, 1.0F);
    for (int c = 0; c < 3; c++) {
        moment->light_colour[c] = brightness * draw_between(random, 0.75F, 1.15F);
    }
}

static void draw_occlusion(struct moment *moment, float occlusion, struct random *random)
{
    moment->glasses = random_uniform(random) < occlusion ? 1 + (int)random_below(random, 3) : 0;
    moment->hat = random_uniform(random) < occlusion;
    moment->hat_y = draw_between(random, -0.72F, -0.50F);
    moment->bar = random_uniform(random) < occlusion;
    const float side = random_below(random, 2) == 0 ? -1.0F : 1.0F;
    moment->bar_shape = shape_box(0, 0, 0, 0);
    moment->bar_shape.x = side * draw_between(random, 0.60F, 1.1F);
    moment->bar_shape.y = draw_between(random, -0.6F, 1.1F);
    moment->bar_shape.a = draw_between(random, 0.10F, 0.30F);
    moment->bar_shape.b = draw_between(random, 0.3F, 0.9F);
    moment->bar_shape = shape_turned(moment->bar_shape, 0.8F * draw_spread(random));
    for (int c = 0; c < 3; c++) {
        moment->hat_colour[c] = random_uniform(random);
        moment->bar_colour[c] = random_uniform(random);
        moment->cloth[c] = random_uniform(random);
    }
}

struct moment moment_draw(float swing, float occlusion, struct random *random)
{
    struct moment moment = {0};
    moment.yaw = 0.52F * swing * draw_spread(random);
    moment.pitch = 0.30F * swing * draw_spread(random);
    moment.smile = draw_spread(random);
    const float open = random_uniform(random);
    moment.mouth_open = open > 0.6F ? (open - 0.6F) * 0.3F : 0;
    moment.lids = random_uniform(random) < 0.08F ? 0.15F : draw_between(random, 0.8F, 1.1F);
    moment.brow_raise = 0.04F * draw_spread(random);
    moment.gaze_x = 0.4F * draw_spread(random);
    moment.gaze_y = 0.3F * draw_spread(random);
    moment.hair_volume = draw_between(random, 0.7F, 1.4F);
    moment.hair_shade = draw_between(random, 0.7F, 1.35F);
    draw_light(&moment, random);
    draw_occlusion(&moment, occlusion, random);
    return moment;
}
