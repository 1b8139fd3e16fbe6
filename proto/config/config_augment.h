/* How the images of a dataset are altered as they are read for training: the keys of data.augment, the presets that give
 * those that are not written, and what a single dataset has of its own.
 *
 * A key's value is, the first of these that there is: the dataset's own; where the dataset names a preset, that preset's;
 * data.augment's; the preset's of data.augment.
 */
#ifndef DAIL_PROTO_CONFIG_CONFIG_AUGMENT_H
#define DAIL_PROTO_CONFIG_CONFIG_AUGMENT_H

#include <stdbool.h>
#include <stddef.h>

enum config_preset {
    CONFIG_PRESET_NONE, /* mirrored alone */
    CONFIG_PRESET_ADAFACE, /* of AdaFace (Kim, Jain, Liu: CVPR 2022), its published training */
    CONFIG_PRESET_DALI /* of InsightFace's DALI loader */
};
enum config_filters { CONFIG_FILTERS_PRESET, CONFIG_FILTERS_ANY, CONFIG_FILTERS_LINEAR };

/* Numbers that are not a number are the preset's, as are filters of CONFIG_FILTERS_PRESET. The first of each kind is its
 * probability. What each means stands in the table (config_table.c). */
struct config_augment {
    enum config_preset preset;
    bool flip;
    int shift;
    double crop, crop_area;
    double resolution, resolution_least, resolution_most;
    enum config_filters resolution_filters;
    double blur;
    double light, light_strength;
    double hue, hue_degrees, hue_saturation;
    double grey;
    double jpeg, jpeg_quality;
    double erase, erase_area;
    double mask;
};

struct config;

/* What dataset k gets: every number is one. */
void config_augment_of(const struct config *config, size_t k, struct config_augment *augment);

/* The same for a preset by its name, mirrored. False: there is none of that name. */
bool config_augment_of_preset(const char *name, struct config_augment *augment);

/* What a resolved one does, in words: "flip, shift 3, crop 0.2 (area from 0.2)"; or "none". */
void config_augment_text(const struct config_augment *augment, char *text, size_t size);

#endif
