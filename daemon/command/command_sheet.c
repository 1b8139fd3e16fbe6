/* `dail sheet`: a contact sheet of a dataset, for people to look at. */
#include "daemon/command/commands.h"
#include "proto/config/config.h"
#include "proto/random.h"
#include "proto/text.h"
#include "shard/class_images.h"
#include "shard/image/sheet.h"
#include "worker/augment/augment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 112
#define PIXELS ((size_t)SIDE * SIDE * 3)
#define GAP 8
#define LABEL 68
#define IDENTITIES_MAX 128
#define IMAGES_MAX 32

struct sheet_options {
    const char *output, *augment;
    int identities, images;
    uint64_t seed;
};

struct contact {
    struct manifest manifest;
    char **names; /* [manifest.classes], owned; NULL: identities are numbers */
    struct class_images chosen[IDENTITIES_MAX];
    size_t count;
    uint8_t *pixels; /* [count][images][SIDE][SIDE][3] */
};

static void name_class(const struct contact *contact, uint32_t class, char *name, size_t size)
{
    if (contact->names) {
        snprintf(name, size, "%s", contact->names[class]);
    } else {
        snprintf(name, size, "%u", class);
    }
}

static enum status choose_named(struct contact *contact, char *const *operands, size_t count,
                                struct error *error)
{
    char name[512];
    for (size_t i = 0; i < count; i++) {
        uint32_t class = 0;
        for (; class < contact->manifest.classes; class ++) {
            name_class(contact, class, name, sizeof name);
            if (strcmp(name, operands[i]) == 0) {
                break;
            }
        }
        if (class == contact->manifest.classes) {
            const char *nearest = contact->names
                                      ? text_nearest(operands[i], (const char *const *)contact->names,
                                                     contact->manifest.classes, sizeof *contact->names)
                                      : NULL;
            return error_set(error, STATUS_DATA, contact->manifest.path,
                             "name one of the dataset's identities",
                             "identity '%.100s' is not in it%s%.100s%s", operands[i],
                             nearest ? "; the nearest is '" : "", nearest ? nearest : "", nearest ? "'" : "");
        }
        contact->chosen[contact->count++].class = class;
    }
    return STATUS_OK;
}

static int compare_numbers(const void *left, const void *right)
{
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static enum status choose_drawn(struct contact *contact, const struct sheet_options *options,
                                struct error *error)
{
    const uint32_t classes = contact->manifest.classes;
    uint32_t *order = malloc((size_t)classes * sizeof *order + 1);
    if (!order) {
        return error_no_memory(error, contact->manifest.path);
    }
    for (uint32_t i = 0; i < classes; i++) {
        order[i] = i;
    }
    struct random random = random_stream(options->seed, RANDOM_SHEET, 0, 0);
    random_shuffle(&random, order, classes);
    contact->count = classes < (uint32_t)options->identities ? classes : (size_t)options->identities;
    qsort(order, contact->count, sizeof *order, compare_numbers);
    for (size_t i = 0; i < contact->count; i++) {
        contact->chosen[i].class = order[i];
    }
    free(order);
    return STATUS_OK;
}

static enum status read_images(struct contact *contact, int images, struct error *error)
{
    const size_t bytes = (size_t)images * SIDE * SIDE * 3;
    contact->pixels = malloc(contact->count * bytes + 1);
    if (!contact->pixels) {
        return error_no_memory(error, contact->manifest.path);
    }
    for (size_t i = 0; i < contact->count; i++) {
        contact->chosen[i].wanted = images;
        contact->chosen[i].pixels = contact->pixels + i * bytes;
    }
    return class_images_read(&contact->manifest, SIDE, contact->chosen, contact->count, error);
}

/* What --augment means for this manifest: a preset, or what a configuration has for it. */
static enum status find_augment(const char *wanted, const char *manifest, struct config_augment *augment,
                                struct error *error)
{
    struct config config;
    const char *ending = strrchr(wanted, '.');
    if (config_augment_of_preset(wanted, augment)) {
        return STATUS_OK;
    }
    if (!ending || strcmp(ending, ".yaml") != 0) {
        return error_set(error, STATUS_USAGE, "--augment",
                         "give none, adaface, dali, or a configuration's .yaml",
                         "there is no preset '%.100s'", wanted);
    }
    enum status status = config_load(wanted, NULL, 0, &config, error);
    if (status != STATUS_OK) {
        return status;
    }
    size_t k = 0;
    while (k < config.data.dataset_count && strcmp(config.data.datasets[k].manifest, manifest) != 0) {
        k++;
    }
    if (k == config.data.dataset_count) {
        status = error_set(error, STATUS_USAGE, wanted, "name a manifest as its data.datasets does",
                           "it does not train on %s", manifest);
    } else {
        config_augment_of(&config, k, augment);
    }
    config_free(&config);
    return status;
}

/* As the network sees it, put back to pixels. */
static enum status alter(struct augmenter *augmenter, const struct config_augment *augment, int64_t epoch,
                         uint64_t id, const uint8_t *pixels, uint8_t *altered, struct error *error)
{
    static float values[PIXELS];
    memcpy(altered, pixels, PIXELS);
    enum status status = augment_image(augmenter, augment, epoch, id, altered, values, error);
    for (size_t i = 0; i < PIXELS; i++) {
        altered[i] = (uint8_t)lrintf(values[i] * 127.5F + 127.5F);
    }
    return status;
}

/* Each row becomes its first image, then that as epochs of a training see it. */
static enum status alter_rows(struct contact *contact, const struct sheet_options *options,
                              struct error *error)
{
    struct config_augment augment;
    struct augmenter *augmenter = NULL;
    enum isa isa;
    enum status status = find_augment(options->augment, contact->manifest.path, &augment, error);
    if (status == STATUS_OK) {
        status = isa_detect(&isa, error);
    }
    if (status == STATUS_OK) {
        status = augmenter_create(pixel_kernels_of(isa), SIDE, options->seed, &augmenter, error);
    }
    for (size_t i = 0; i < contact->count && status == STATUS_OK; i++) {
        struct class_images *row = &contact->chosen[i];
        row->found = row->found > 0 ? options->images : 0;
        for (int epoch = 1; epoch < row->found && status == STATUS_OK; epoch++) {
            status = alter(augmenter, &augment, epoch, row->class, row->pixels,
                           row->pixels + (size_t)epoch * PIXELS, error);
        }
    }
    augmenter_free(augmenter);
    return status;
}

static enum status draw(const struct contact *contact, const struct sheet_options *options,
                        struct error *error)
{
    static const uint8_t black[3] = {0, 0, 0};
    const struct sheet_layout layout = {.columns = options->images,
                                        .rows = (int)contact->count,
                                        .side = SIDE,
                                        .label = LABEL,
                                        .titles = 1,
                                        .captions = true,
                                        .group = options->images,
                                        .gap = GAP};
    struct sheet sheet = {0};
    char title[512], name[512];
    enum status status = sheet_create(&layout, &sheet, error);
    if (status == STATUS_OK) {
        snprintf(title, sizeof title, "%s: %zu of %u identities, %llu images", contact->manifest.name,
                 contact->count, contact->manifest.classes, (unsigned long long)contact->manifest.images);
        sheet_title(&sheet, 0, title);
        for (int row = 0; row < layout.rows; row++) {
            const struct class_images *chosen = &contact->chosen[row];
            for (int column = 0; column < chosen->found; column++) {
                sheet_put(&sheet, column, row, chosen->pixels + (size_t)column * SIDE * SIDE * 3);
            }
            snprintf(name, sizeof name, "%u", chosen->class);
            sheet_label(&sheet, row, 0, name, black);
            name_class(contact, chosen->class, name, sizeof name);
            sheet_caption(&sheet, row, 0, layout.columns, name, black);
        }
        status = sheet_write(&sheet, options->output, error);
    }
    sheet_free(&sheet);
    return status;
}

static enum status execute(const struct command_line *line, struct error *error)
{
    const struct sheet_options *options = line->values;
    struct contact contact = {.count = 0};
    const size_t named = line->operand_count - 1;
    if (!options->output) {
        return error_set(error, STATUS_USAGE, NULL, "add -o FILE.png", "nothing says where the sheet goes");
    }
    enum status status = manifest_open(line->operands[0], &contact.manifest, error);
    const uint32_t classes = contact.manifest.classes;
    if (status == STATUS_OK && contact.manifest.class_names) {
        status = manifest_class_names(&contact.manifest, &contact.names, error);
    }
    if (status == STATUS_OK) {
        status = named > 0 ? choose_named(&contact, (char *const *)(line->operands + 1), named, error)
                           : choose_drawn(&contact, options, error);
    }
    if (status == STATUS_OK) {
        status = read_images(&contact, options->images, error);
    }
    if (status == STATUS_OK) {
        status = options->augment ? alter_rows(&contact, options, error) : STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = draw(&contact, options, error);
    }
    if (status == STATUS_OK) {
        printf("%s: %zu identities of %s\n", options->output, contact.count, contact.manifest.name);
    }
    for (uint32_t i = 0; contact.names && i < classes; i++) {
        free(contact.names[i]);
    }
    free(contact.names);
    free(contact.pixels);
    manifest_close(&contact.manifest);
    return status;
}

#define AT(member) offsetof(struct sheet_options, member)

static const struct option_spec options[] = {
    {.name = "output",
     .short_name = 'o',
     .kind = OPTION_STRING,
     .offset = AT(output),
     .metavar = "FILE.png",
     .help = "where the sheet goes",
     .word = WORD_FILE,
     .endings = ".png"},
    {.name = "identities",
     .kind = OPTION_INT,
     .offset = AT(identities),
     .metavar = "N",
     .help = "draw so many, where none is named",
     .min = 1,
     .max = IDENTITIES_MAX},
    {.name = "images",
     .kind = OPTION_INT,
     .offset = AT(images),
     .metavar = "N",
     .help = "of each, the first ones in the shards",
     .min = 1,
     .max = IMAGES_MAX},
    {.name = "augment",
     .kind = OPTION_STRING,
     .offset = AT(augment),
     .metavar = "PRESET|CONFIG.yaml",
     .help = "show of each its first image, and how a training alters that",
     .word = WORD_FILE,
     .endings = ".yaml"},
    {.name = "seed",
     .kind = OPTION_UINT64,
     .offset = AT(seed),
     .metavar = "N",
     .help = "of the draw of identities, and of --augment",
     .max = UINT64_MAX},
    {0}};

static const struct operand_spec operands[] = {
    {.name = "MANIFEST", .min = 1, .max = 1, .word = WORD_FILE, .endings = ".yaml"},
    {.name = "IDENTITY", .min = 0, .max = IDENTITIES_MAX, .word = WORD_ANY},
    {0}};

static const struct command_example examples[] = {
    {"dail sheet data/casia.yaml -o casia.png --seed 3", "sixteen people who are drawn"},
    {"dail sheet data/casia.yaml --augment adaface -o altered.png", "what AdaFace's recipe makes of images"},
    {"dail sheet data/casia.yaml 0000045 0000099 -o two.png --images 20", "two people who are named"},
    {0}};

static const struct sheet_options defaults = {.identities = 16, .images = 8};

const struct command command_sheet = {
    .name = "sheet",
    .summary = "draw a contact sheet of a dataset: some images of some people",
    .usage = "dail sheet [OPTIONS] MANIFEST [IDENTITY...] -o FILE.png",
    .description =
        "Draws a row of images for each identity that is named, or for some that are drawn by the seed.\n"
        "Left of each row stands the identity's number, below it its name. With --augment none, adaface, "
        "dali, or\n"
        "as a configuration has it for this manifest, a row is one image, and what epochs of a training see "
        "of it.",
    .options = options,
    .operands = operands,
    .examples = examples,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = execute,
};
