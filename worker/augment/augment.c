#include "worker/augment/augment.h"

#include <stdlib.h>
#include <string.h>

struct augmenter {
    const struct pixel_kernels *kernels;
    int side;
    uint64_t seed;
    uint8_t *room; /* [side][side][3] */
    struct resample_weights *weights;
};

enum status augmenter_create(const struct pixel_kernels *kernels, int side, uint64_t seed,
                             struct augmenter **created, struct error *error)
{
    struct augmenter *augmenter = calloc(1, sizeof *augmenter);
    if (!augmenter) {
        return error_no_memory(error, "augmentation");
    }
    *augmenter = (struct augmenter){.kernels = kernels, .side = side, .seed = seed};
    augmenter->room = malloc((size_t)side * (size_t)side * 3);
    augmenter->weights = malloc(sizeof *augmenter->weights);
    if (!augmenter->room || !augmenter->weights) {
        augmenter_free(augmenter);
        return error_no_memory(error, "augmentation");
    }
    *created = augmenter;
    return STATUS_OK;
}

void augmenter_free(struct augmenter *augmenter)
{
    if (augmenter) {
        free(augmenter->room);
        free(augmenter->weights);
        free(augmenter);
    }
}

static int clamp_to_side(int position, int side)
{
    if (position < 0) {
        return 0;
    }
    return position < side ? position : side - 1;
}

/* padded[3 (AUGMENT_SHIFT_MAX + side + AUGMENT_SHIFT_MAX)]: the row, mirrored or not, its first and last pixel repeated
 * `shift` times. Returns where the row begins. */
static const uint8_t *pad_row(const struct pixel_kernels *kernels, bool flip, int shift, int side,
                              const uint8_t *row, uint8_t *padded)
{
    uint8_t *begin = padded + (size_t)AUGMENT_SHIFT_MAX * 3, *end = begin + (size_t)side * 3;
    if (flip) {
        kernels->mirror((size_t)side, row, begin);
    } else {
        memcpy(begin, row, (size_t)side * 3);
    }
    for (int i = 0; i < shift; i++) {
        memcpy(begin - (i + 1) * 3, begin, 3);
        memcpy(end + (size_t)i * 3, end - 3, 3);
    }
    return begin;
}

/* Mirrored and moved, as values. */
static void place(const struct augmenter *augmenter, const struct alteration *alteration,
                  const uint8_t *pixels, float *values)
{
    const int side = augmenter->side, across = alteration->across;
    const size_t stride = (size_t)side * 3;
    uint8_t padded[(AUGMENT_SIDE_MAX + 2 * AUGMENT_SHIFT_MAX) * 3];
    for (int y = 0; y < side; y++) {
        const uint8_t *row = pixels + (size_t)clamp_to_side(y + alteration->down_by, side) * stride;
        if (alteration->flip || across != 0) {
            const int shift = across < 0 ? -across : across;
            row = pad_row(augmenter->kernels, alteration->flip, shift, side, row, padded) + across * 3;
        }
        augmenter->kernels->scale(stride, row, values + (size_t)y * stride);
    }
}

static void light(const struct alter_image *image, const struct alteration *alteration)
{
    static void (*const changes[LIGHT_KINDS])(const struct alter_image *,
                                              double) = {[LIGHT_BRIGHTNESS] = alter_brightness,
                                                         [LIGHT_CONTRAST] = alter_contrast,
                                                         [LIGHT_SATURATION] = alter_saturation};
    for (int i = 0; i < LIGHT_KINDS; i++) {
        const enum light kind = alteration->order[i];
        changes[kind](image, alteration->factor[kind]);
    }
}

static enum status alter_pixels(struct augmenter *augmenter, const struct alteration *alteration,
                                uint8_t *pixels, struct error *error)
{
    const struct alter_image image = {.kernels = augmenter->kernels,
                                      .side = augmenter->side,
                                      .pixels = pixels,
                                      .room = augmenter->room,
                                      .weights = augmenter->weights};
    if (alteration->mask) {
        alter_mask(&image, &alteration->mask_shape);
    }
    if (alteration->crop) {
        alter_crop(&image, alteration->kept);
    }
    if (alteration->resolution) {
        alter_resolution(&image, alteration->small, alteration->down, alteration->up);
    }
    if (alteration->blur) {
        alter_blur(&image, alteration->window);
    }
    if (alteration->light) {
        light(&image, alteration);
    }
    if (alteration->hue) {
        alter_hue(&image, alteration->degrees, alteration->saturation);
    }
    if (alteration->grey) {
        alter_grey(&image);
    }
    enum status status = alteration->jpeg ? alter_jpeg(&image, alteration->quality, error) : STATUS_OK;
    if (alteration->erase) {
        struct random noise = alteration->noise;
        alter_erase(&image, alteration->erased, &noise);
    }
    return status;
}

enum status augment_image(struct augmenter *augmenter, const struct config_augment *augment, int64_t epoch,
                          uint64_t id, uint8_t *pixels, float *values, struct error *error)
{
    struct alteration alteration;
    alteration_draw(augment, augmenter->seed, epoch, id, augmenter->side, &alteration);
    enum status status = alter_pixels(augmenter, &alteration, pixels, error);
    place(augmenter, &alteration, pixels, values);
    return status;
}
