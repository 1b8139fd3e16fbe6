#include "shard/synth/synth_domain.h"

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/* Streams of looks lie at the far end of the numbers of persons; those of sessions before them, one a
 * dataset. */
#define LOOK_STREAM (UINT64_MAX - 1)
#define SESSION_STREAM (UINT64_MAX - 1000)

static const struct domain_look manners[] = {
    /* a studio: warm and close, plain behind */
    {.zoom = 0.74F,
     .zoom_jitter = 0.13F,
     .shift = 0.08F,
     .roll = 0.28F,
     .swing = 0.9F,
     .occlusion = 0.07F,
     .saturation = 1.05F,
     .gain = {1.10F, 0.98F, 0.82F},
     .contrast = 1.15F,
     .brightness = 0.02F,
     .curve = 0.1F,
     .blur = 0.2F,
     .grain = 0.04F,
     .slope = 0.25F,
     .clutter = 6,
     .background_saturation = 1},
    /* a street: cool, flat, farther and blurred */
    {.zoom = 0.70F,
     .zoom_jitter = 0.13F,
     .shift = 0.10F,
     .roll = 0.31F,
     .swing = 1.0F,
     .occlusion = 0.07F,
     .saturation = 0.6F,
     .gain = {0.78F, 0.94F, 1.12F},
     .contrast = 0.90F,
     .brightness = 0.06F,
     .curve = 0.25F,
     .blur = 0.3F,
     .grain = 0.05F,
     .slope = 0.25F,
     .clutter = 8,
     .background_saturation = 1},
    /* an archive: grey, hard and grainy */
    {.zoom = 0.72F,
     .zoom_jitter = 0.11F,
     .shift = 0.08F,
     .roll = 0.28F,
     .swing = 0.9F,
     .occlusion = 0.07F,
     .saturation = 0,
     .gain = {1, 1, 1},
     .contrast = 1.15F,
     .brightness = 0.0F,
     .curve = 0.1F,
     .blur = 0.3F,
     .grain = 0.06F,
     .slope = 0.25F,
     .clutter = 8,
     .background_saturation = 0.5F},
    /* the web: glaring colours */
    {.zoom = 0.70F,
     .zoom_jitter = 0.15F,
     .shift = 0.09F,
     .roll = 0.39F,
     .swing = 1.1F,
     .occlusion = 0.08F,
     .saturation = 1.5F,
     .gain = {0.98F, 1.06F, 0.92F},
     .contrast = 1.2F,
     .brightness = 0.05F,
     .curve = 0,
     .blur = 0.2F,
     .grain = 0.06F,
     .slope = 0.3F,
     .clutter = 10,
     .background_saturation = 1},
    /* a door camera: greenish, dark, coarse */
    {.zoom = 0.66F,
     .zoom_jitter = 0.11F,
     .shift = 0.10F,
     .roll = 0.21F,
     .swing = 1.1F,
     .occlusion = 0.08F,
     .saturation = 0.45F,
     .gain = {0.82F, 1.10F, 0.86F},
     .contrast = 0.9F,
     .brightness = -0.04F,
     .curve = 0.2F,
     .blur = 1.0F,
     .grain = 0.10F,
     .slope = 0.3F,
     .clutter = 5,
     .background_saturation = 0.6F},
    /* old prints: sepia and faded */
    {.zoom = 0.72F,
     .zoom_jitter = 0.13F,
     .shift = 0.08F,
     .roll = 0.28F,
     .swing = 0.9F,
     .occlusion = 0.07F,
     .saturation = 0.15F,
     .gain = {1.12F, 0.98F, 0.76F},
     .contrast = 0.8F,
     .brightness = 0.10F,
     .curve = 0.35F,
     .blur = 0.6F,
     .grain = 0.08F,
     .slope = 0.3F,
     .clutter = 3,
     .background_saturation = 0.5F},
};
#define MANNERS (sizeof manners / sizeof *manners)

/* What all looks move away from: about the middle of the manners. */
static const struct domain_look middle = {.zoom = 0.71F,
                                          .zoom_jitter = 0.13F,
                                          .shift = 0.09F,
                                          .roll = 0.29F,
                                          .swing = 1.0F,
                                          .occlusion = 0.07F,
                                          .saturation = 0.65F,
                                          .gain = {0.97F, 1.0F, 0.91F},
                                          .contrast = 1.05F,
                                          .brightness = 0.03F,
                                          .curve = 0.17F,
                                          .blur = 0.4F,
                                          .grain = 0.065F,
                                          .slope = 0.27F,
                                          .clutter = 7,
                                          .background_saturation = 0.85F};

/* `strength` 0 gives the middle, 1 the look to the last bit, more than 1 goes beyond it, but not below. */
static float moved(float look, float from, float strength, float least)
{
    const float value = look + (strength - 1) * (look - from);
    return value < least ? least : value;
}

static struct domain_look move_away(struct domain_look look, float strength)
{
    look.zoom = moved(look.zoom, middle.zoom, strength, 0.3F);
    look.zoom_jitter = moved(look.zoom_jitter, middle.zoom_jitter, strength, 0);
    look.shift = moved(look.shift, middle.shift, strength, 0);
    look.roll = moved(look.roll, middle.roll, strength, 0);
    look.swing = moved(look.swing, middle.swing, strength, 0);
    look.occlusion = moved(look.occlusion, middle.occlusion, strength, 0);
    look.saturation = moved(look.saturation, middle.saturation, strength, 0);
    for (int c = 0; c < 3; c++) {
        look.gain[c] = moved(look.gain[c], middle.gain[c], strength, 0.1F);
    }
    look.contrast = moved(look.contrast, middle.contrast, strength, 0.2F);
    look.brightness = moved(look.brightness, middle.brightness, strength, -0.5F);
    look.curve = moved(look.curve, middle.curve, strength, -1);
    look.blur = moved(look.blur, middle.blur, strength, 0);
    look.grain = moved(look.grain, middle.grain, strength, 0);
    look.slope = moved(look.slope, middle.slope, strength, 0);
    look.clutter = (int)(moved((float)look.clutter, (float)middle.clutter, strength, 0) + 0.5F);
    look.background_saturation = moved(look.background_saturation, middle.background_saturation, strength, 0);
    return look;
}

struct domain_look domain_draw(uint64_t seed, int dataset, double strength)
{
    struct random random = random_stream(seed, RANDOM_SYNTH, LOOK_STREAM, (uint64_t)dataset);
    struct domain_look look = manners[(size_t)dataset % MANNERS];
    look.zoom *= draw_between(&random, 0.96F, 1.04F);
    look.contrast *= draw_between(&random, 0.94F, 1.06F);
    look.brightness += draw_between(&random, -0.02F, 0.02F);
    look.grain *= draw_between(&random, 0.9F, 1.1F);
    for (int c = 0; c < 3; c++) {
        look.gain[c] *= look.saturation > 0 ? draw_between(&random, 0.96F, 1.04F) : 1;
    }
    return move_away(look, (float)strength);
}

struct domain_look domain_session(struct domain_look look, uint64_t seed, int dataset, uint64_t person,
                                  double strength)
{
    const float times = (float)strength;
    struct random random = random_stream(seed, RANDOM_SYNTH, SESSION_STREAM - (uint64_t)dataset, person);
    look.contrast *= 1 + times * 0.4F * draw_spread(&random);
    look.brightness += times * 0.2F * draw_spread(&random);
    look.curve += times * 0.3F * draw_spread(&random);
    look.blur *= 1 + times * 0.8F * draw_spread(&random);
    look.grain *= 1 + times * 0.8F * draw_spread(&random);
    for (int c = 0; c < 3; c++) {
        const float tint = 1 + times * 0.4F * draw_spread(&random);
        look.gain[c] *= look.saturation > 0 ? tint : 1;
    }
    look.saturation *= 1 + times * 0.8F * draw_spread(&random);
    return look;
}

static void draw_colour(const struct domain_look *look, struct random *random, float colour[3])
{
    const float grey = random_uniform(random);
    for (int c = 0; c < 3; c++) {
        colour[c] = grey + look->background_saturation * (random_uniform(random) - grey);
    }
}

static void paint_background(struct canvas *canvas, const struct domain_look *look, struct random *random)
{
    float colour[3];
    const float side = (float)canvas->side;
    draw_colour(look, random, colour);
    canvas_fill(canvas, colour);
    canvas_view(canvas, 0, 0, side, 1, 0);
    for (int i = 0; i < look->clutter; i++) {
        draw_colour(look, random, colour);
        struct shape shape = shape_ellipse(0, 0, 0, 0);
        shape.x = random_uniform(random);
        shape.y = random_uniform(random);
        shape.a = draw_between(random, 0.05F, 0.4F);
        shape.b = draw_between(random, 0.05F, 0.3F);
        shape.kind = random_below(random, 2) == 0 ? SHAPE_BOX : SHAPE_ELLIPSE;
        shape = shape_turned(shape, 1.5F * draw_spread(random));
        canvas_paint(canvas, &shape, NULL, colour, draw_between(random, 0.4F, 1), false);
    }
}

/* The tones of the finished picture. The curve bends without a power function, whose last bits differ from
 * one library to the next. */
static void tone(struct canvas *canvas, const struct domain_look *look, float contrast, float brightness)
{
    const int pixels = canvas->side * canvas->side;
    for (int i = 0; i < pixels; i++) {
        float *rgb = canvas->rgb + i * 3;
        const float grey = 0.30F * rgb[0] + 0.59F * rgb[1] + 0.11F * rgb[2];
        for (int c = 0; c < 3; c++) {
            float value = grey + look->saturation * (rgb[c] - grey);
            value = (value * look->gain[c] - 0.5F) * contrast + 0.5F + brightness;
            value = value < 0 ? 0 : value > 1 ? 1 : value;
            rgb[c] = value * (1 + look->curve * (1 - value));
        }
    }
}

void domain_picture(struct canvas *canvas, const struct domain_look *look, const struct face *face,
                    struct random *random)
{
    const float side = (float)canvas->side;
    paint_background(canvas, look, random);
    const struct moment moment = moment_draw(look->swing, look->occlusion, random);
    const float zoom = look->zoom + look->zoom_jitter * draw_spread(random);
    const float x = 0.5F + look->shift * draw_spread(random);
    const float y = 0.5F + look->shift * draw_spread(random);
    float cosine, sine;
    turn(look->roll * draw_spread(random), &cosine, &sine);
    canvas_view(canvas, side * x, side * y, side * zoom / 2, cosine, sine);
    face_paint(canvas, face, &moment);
    const float across = look->slope * draw_spread(random);
    const float down = look->slope * draw_spread(random);
    canvas_slope(canvas, across, down);
    const float contrast = look->contrast * draw_between(random, 0.8F, 1.2F);
    const float brightness = look->brightness + 0.10F * draw_spread(random);
    /* Blur is of the picture as seen: on larger pictures it takes more passes for the same look. */
    float blur = look->blur * draw_between(random, 0.5F, 1.5F) * (side / 48) * (side / 48);
    for (int pass = 0; pass < 64 && blur > 0; pass++, blur -= 1) {
        canvas_blur(canvas, blur < 1 ? blur : 1);
    }
    tone(canvas, look, contrast, brightness);
    canvas_grain(canvas, look->grain, look->saturation > 0 ? 0.3F : 0, random);
}
