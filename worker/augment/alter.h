/* What may be done to an image before the network sees it, each by itself and without a draw of its own. Images are of 8
 * bits, RGB, pixels[side][side][3], and are changed in place; results are rounded to the nearest and kept within 0 to 255.
 */
#ifndef DAIL_WORKER_AUGMENT_ALTER_H
#define DAIL_WORKER_AUGMENT_ALTER_H

#include "proto/error.h"
#include "proto/random.h"
#include "worker/augment/resample.h"

/* An image, and what its changes need. */
struct alter_image {
    const struct pixel_kernels *kernels;
    int side; /* 3 to RESAMPLE_SIDE_MAX */
    uint8_t *pixels, *room; /* [side][side][3], both */
    struct resample_weights *weights;
};

struct alter_box {
    int x, y, width, height; /* within the image */
};

/* A face mask: between two parabolas, over the part of a face that is aligned to the 112 x 112 template. */
struct alter_mask {
    double centre, half_width; /* in sides of the image, as all places here */
    double top, sag,
        bottom; /* where it begins in the middle, how much lower at its edges, and where it ends */
    double taper; /* the share of its half width that it loses down to its end */
    uint8_t colour[3];
};

/* Black outside of the box. */
void alter_crop(const struct alter_image *image, struct alter_box box);

/* Made smaller to small x small and large again. side <= RESAMPLE_SHRINK_MAX * small. */
void alter_resolution(const struct alter_image *image, int small, enum resample_filter down,
                      enum resample_filter up);

/* window: 3 or 5 (resample_blur). */
void alter_blur(const struct alter_image *image, int window);

/* The factor of PIL's enhancements and of torchvision's ColorJitter, 0 to 8: colours times it; their distance from the
 * image's mean grey; their distance from each pixel's own grey (0.299 R + 0.587 G + 0.114 B). */
void alter_brightness(const struct alter_image *image, double factor);
void alter_contrast(const struct alter_image *image, double factor);
void alter_saturation(const struct alter_image *image, double factor);

/* Turns the hue about the grey axis of YIQ and scales the saturation, 0 to 8, as DALI's hsv. */
void alter_hue(const struct alter_image *image, double degrees, double saturation);

/* Each pixel's own grey. */
void alter_grey(const struct alter_image *image);

/* Encoded as JPEG of this quality, 1 to 100, and decoded. STATUS_INTERNAL without memory. */
enum status alter_jpeg(const struct alter_image *image, int quality, struct error *error);

/* Every sample of the box is drawn anew (Zhong et al., "Random Erasing Data Augmentation", AAAI 2020). */
void alter_erase(const struct alter_image *image, struct alter_box box, struct random *random);

void alter_mask(const struct alter_image *image, const struct alter_mask *mask);

#endif
