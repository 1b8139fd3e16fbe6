#include "worker/augment/alteration.h"

#include <math.h>

/* The kinds of change that draw, numbered within RANDOM_ALTER: a number stays what it is. */
enum kind {
    KIND_MASK,
    KIND_CROP,
    KIND_RESOLUTION,
    KIND_BLUR,
    KIND_LIGHT,
    KIND_HUE,
    KIND_GREY,
    KIND_JPEG,
    KIND_ERASE
};

/* A box is drawn so often until it fits in the image. */
#define BOX_TRIES 10

static double uniform(struct random *random, double least, double most)
{
    return least + (most - least) * random_uniform_double(random);
}

/* A box of a drawn share of the image's area and a drawn ratio of its sides, even in its logarithm, at a drawn place. */
static bool draw_box(struct random *random, int side, double least, double most, double ratio,
                     struct alter_box *box)
{
    for (int i = 0; i < BOX_TRIES; i++) {
        const double area = uniform(random, least, most) * side * side;
        const double shape = exp(uniform(random, -log(ratio), log(ratio)));
        box->width = (int)lround(sqrt(area * shape));
        box->height = (int)lround(sqrt(area / shape));
        if (box->width > 0 && box->width <= side && box->height > 0 && box->height <= side) {
            box->x = (int)random_below(random, (uint32_t)(side - box->width) + 1);
            box->y = (int)random_below(random, (uint32_t)(side - box->height) + 1);
            return true;
        }
    }
    return false;
}

static void draw_mask(struct random *random, struct alter_mask *mask)
{
    static const uint8_t colours[][3] = {
        {236, 238, 240}, {120, 170, 210}, {28, 28, 32}, {110, 170, 140}, {200, 170, 180}};
    mask->centre = uniform(random, 0.47, 0.53);
    mask->half_width = uniform(random, 0.34, 0.44);
    mask->top = uniform(random, 0.52, 0.64);
    mask->sag = uniform(random, 0.02, 0.1);
    mask->bottom = uniform(random, 0.97, 1.05);
    mask->taper = uniform(random, 0.1, 0.4);
    const uint8_t *colour = colours[random_below(random, sizeof colours / sizeof *colours)];
    const double light = uniform(random, 0.7, 1.06);
    for (int c = 0; c < 3; c++) {
        mask->colour[c] = (uint8_t)fmin(255, colour[c] * light);
    }
}

static void draw_resolution(const struct config_augment *augment, struct random *random, int side,
                            struct alteration *alteration)
{
    const int least = (side + RESAMPLE_SHRINK_MAX - 1) / RESAMPLE_SHRINK_MAX;
    const int small = (int)(side * uniform(random, augment->resolution_least,
                                           fmax(augment->resolution_least, augment->resolution_most)));
    alteration->small = small < least ? least : small;
    alteration->down = alteration->up = RESAMPLE_TRIANGLE;
    if (augment->resolution_filters == CONFIG_FILTERS_ANY) {
        alteration->down = (enum resample_filter)random_below(random, RESAMPLE_DRAWN);
        alteration->up = (enum resample_filter)random_below(random, RESAMPLE_DRAWN);
    }
}

static void draw_light(const struct config_augment *augment, struct random *random,
                       struct alteration *alteration)
{
    uint32_t order[LIGHT_KINDS] = {LIGHT_BRIGHTNESS, LIGHT_CONTRAST, LIGHT_SATURATION};
    random_shuffle(random, order, LIGHT_KINDS);
    for (int i = 0; i < LIGHT_KINDS; i++) {
        alteration->order[i] = (enum light)order[i];
        alteration->factor[i] = uniform(random, 1 - augment->light_strength, 1 + augment->light_strength);
    }
}

/* Mirrored and moved: the draws of images that nothing else is done to. */
static void draw_move(const struct config_augment *augment, struct random random,
                      struct alteration *alteration)
{
    /* All draws are made whatever is switched on. */
    alteration->flip = random_uniform(&random) < 0.5f && augment->flip;
    const uint32_t span = 2 * (uint32_t)augment->shift + 1;
    alteration->across = (int)random_below(&random, span) - augment->shift;
    alteration->down_by = (int)random_below(&random, span) - augment->shift;
}

struct draw {
    uint64_t seed, id;
    int64_t epoch;
    struct random random; /* of the kind that is drawn */
};

/* Whether a change of this kind is made; its further draws are draw->random's. */
static bool falls_on(struct draw *draw, enum kind kind, double probability)
{
    if (probability <= 0) {
        return false;
    }
    /* A sample's id leaves its highest byte free (SAMPLE_IMAGE_BITS and a dataset's number above them). */
    draw->random =
        random_stream(draw->seed, RANDOM_ALTER, (uint64_t)draw->epoch, draw->id ^ (uint64_t)(kind + 1) << 56);
    return random_uniform_double(&draw->random) < probability;
}

void alteration_draw(const struct config_augment *augment, uint64_t seed, int64_t epoch, uint64_t id,
                     int side, struct alteration *alteration)
{
    struct draw draw = {.seed = seed, .id = id, .epoch = epoch};
    struct random *random = &draw.random;
    *alteration = (struct alteration){.mask = false};
    if ((alteration->mask = falls_on(&draw, KIND_MASK, augment->mask))) {
        draw_mask(random, &alteration->mask_shape);
    }
    alteration->crop = falls_on(&draw, KIND_CROP, augment->crop) &&
                       draw_box(random, side, augment->crop_area, 1, 4.0 / 3, &alteration->kept);
    if ((alteration->resolution = falls_on(&draw, KIND_RESOLUTION, augment->resolution))) {
        draw_resolution(augment, random, side, alteration);
    }
    if ((alteration->blur = falls_on(&draw, KIND_BLUR, augment->blur))) {
        alteration->window = random_below(random, 2) == 0 ? 3 : 5;
    }
    if ((alteration->light = falls_on(&draw, KIND_LIGHT, augment->light))) {
        draw_light(augment, random, alteration);
    }
    if ((alteration->hue = falls_on(&draw, KIND_HUE, augment->hue))) {
        alteration->degrees = uniform(random, 0, augment->hue_degrees);
        alteration->saturation = uniform(random, 1, augment->hue_saturation);
    }
    alteration->grey = falls_on(&draw, KIND_GREY, augment->grey);
    if ((alteration->jpeg = falls_on(&draw, KIND_JPEG, augment->jpeg))) {
        alteration->quality = (int)lround(uniform(random, augment->jpeg_quality, 95));
    }
    alteration->erase = falls_on(&draw, KIND_ERASE, augment->erase) &&
                        draw_box(random, side, 0.02, augment->erase_area, 10.0 / 3, &alteration->erased);
    alteration->noise = *random;
    draw_move(augment, random_stream(seed, RANDOM_AUGMENT, (uint64_t)epoch, id), alteration);
}
