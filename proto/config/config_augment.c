#include "proto/config/config_augment.h"

#include "proto/config/config_table.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Strengths are there for presets without a probability of the kind as well, for those who set it alone. */
static const struct config_augment presets[] = {
    [CONFIG_PRESET_NONE] = {.resolution_filters = CONFIG_FILTERS_ANY,
                            .crop_area = 0.2,
                            .resolution_least = 0.2,
                            .resolution_most = 1,
                            .light_strength = 0.5,
                            .hue_degrees = 20,
                            .hue_saturation = 1.2,
                            .jpeg_quality = 30,
                            .erase_area = 0.4},
    [CONFIG_PRESET_ADAFACE] = {.preset = CONFIG_PRESET_ADAFACE,
                               .crop = 0.2,
                               .crop_area = 0.2,
                               .resolution = 0.2,
                               .resolution_least = 0.2,
                               .resolution_most = 1,
                               .resolution_filters = CONFIG_FILTERS_ANY,
                               .light = 0.2,
                               .light_strength = 0.5,
                               .hue_degrees = 20,
                               .hue_saturation = 1.2,
                               .jpeg_quality = 30,
                               .erase_area = 0.4},
    [CONFIG_PRESET_DALI] = {.preset = CONFIG_PRESET_DALI,
                            .crop_area = 0.2,
                            .resolution = 0.1,
                            .resolution_least = 0.5,
                            .resolution_most = 0.8,
                            .resolution_filters = CONFIG_FILTERS_LINEAR,
                            .blur = 0.2,
                            .light_strength = 0.5,
                            .hue = 0.2,
                            .hue_degrees = 20,
                            .hue_saturation = 1.2,
                            .grey = 0.1,
                            .jpeg_quality = 30,
                            .erase_area = 0.4}};

/* A member of one of them, by its row of the table. */
static void *member(struct config_augment *augment, const struct config_row *row)
{
    return (char *)augment + (row->offset - offsetof(struct config, data.augment));
}

static const void *member_const(const struct config_augment *augment, const struct config_row *row)
{
    return (const char *)augment + (row->offset - offsetof(struct config, data.augment));
}

static void copy_member(struct config_augment *to, const struct config_augment *from,
                        const struct config_row *row)
{
    const size_t size = row->type == CONFIG_PRESET ? sizeof(double)
                        : row->type == CONFIG_BOOL ? sizeof(bool)
                                                   : sizeof(int);
    memcpy(member(to, row), member_const(from, row), size);
}

static bool is_left_to_preset(const struct config_augment *augment, const struct config_row *row)
{
    if (row->type == CONFIG_PRESET) {
        return isnan(*(const double *)member_const(augment, row));
    }
    return row->offset == offsetof(struct config, data.augment.resolution_filters) &&
           augment->resolution_filters == CONFIG_FILTERS_PRESET;
}

/* Gives every key of `to` that `given` names its value of `from`, or where that is left to the preset, the preset's. */
static void take(struct config_augment *to, const struct config_augment *from, uint32_t given)
{
    size_t count;
    const struct config_row *rows = config_augment_rows(&count);
    for (size_t i = 0; i < count; i++) {
        if (given >> i & 1) {
            copy_member(to, is_left_to_preset(from, &rows[i]) ? &presets[to->preset] : from, &rows[i]);
        }
    }
}

void config_augment_of(const struct config *config, size_t k, struct config_augment *augment)
{
    const struct config_dataset *dataset = &config->data.datasets[k];
    *augment = config->data.augment;
    take(augment, &config->data.augment, UINT32_MAX);
    if (dataset->given & 1) { /* the preset's row is the first */
        const struct config_augment *preset = &presets[dataset->augment.preset];
        const bool flip = augment->flip;
        const int shift = augment->shift;
        *augment = *preset;
        augment->flip = flip;
        augment->shift = shift;
    }
    take(augment, &dataset->augment, dataset->given);
}

bool config_augment_of_preset(const char *name, struct config_augment *augment)
{
    static const char *const names[] = {"none", "adaface", "dali"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) {
            *augment = presets[i];
            augment->flip = true;
            return true;
        }
    }
    return false;
}

/* Adds to a list of words parted by commas. */
__attribute__((format(printf, 3, 4))) static void add(char *text, size_t size, const char *format, ...)
{
    const size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    if (used + 3 < size) {
        const int comma = snprintf(text + used, size - used, "%s", used > 0 ? ", " : "");
        vsnprintf(text + used + comma, size - used - (size_t)comma, format, arguments);
    }
    va_end(arguments);
}

void config_augment_text(const struct config_augment *a, char *text, size_t size)
{
    *text = '\0';
    if (a->flip) {
        add(text, size, "flip");
    }
    if (a->shift > 0) {
        add(text, size, "shift %d", a->shift);
    }
    if (a->mask > 0) {
        add(text, size, "mask %g", a->mask);
    }
    if (a->crop > 0) {
        add(text, size, "crop %g (area from %g)", a->crop, a->crop_area);
    }
    if (a->resolution > 0) {
        add(text, size, "resolution %g (%g to %g, %s)", a->resolution, a->resolution_least,
            a->resolution_most, a->resolution_filters == CONFIG_FILTERS_ANY ? "any filters" : "linear");
    }
    if (a->blur > 0) {
        add(text, size, "blur %g", a->blur);
    }
    if (a->light > 0) {
        add(text, size, "light %g (by up to %g)", a->light, a->light_strength);
    }
    if (a->hue > 0) {
        add(text, size, "hue %g (up to %g degrees, saturation to %g)", a->hue, a->hue_degrees,
            a->hue_saturation);
    }
    if (a->grey > 0) {
        add(text, size, "grey %g", a->grey);
    }
    if (a->jpeg > 0) {
        add(text, size, "JPEG %g (quality from %g)", a->jpeg, a->jpeg_quality);
    }
    if (a->erase > 0) {
        add(text, size, "erase %g (area to %g)", a->erase, a->erase_area);
    }
    if (*text == '\0') {
        snprintf(text, size, "none");
    }
}
