#include "daemon/overlap/overlap_sheet.h"

#include "shard/class_images.h"
#include "shard/image/sheet.h"

#include <stdio.h>
#include <stdlib.h>

#define SIDE 112
#define GAP 8
#define LABEL 68

struct faces {
    int each; /* wanted of an identity */
    struct class_images
        *chosen; /* [2 * pairs]: those of the pairs' first identities, then the second ones' */
    struct class_images *batch; /* [2 * pairs]: those of one dataset */
    uint8_t *pixels; /* [2 * pairs][each][SIDE][SIDE][3] */
};

static enum status faces_create(struct faces *faces, int each, const struct overlap_pair *pairs, size_t count,
                                struct error *error)
{
    const size_t bytes = (size_t)each * SIDE * SIDE * 3;
    *faces = (struct faces){.each = each,
                            .chosen = calloc(2 * count + 1, sizeof *faces->chosen),
                            .batch = calloc(2 * count + 1, sizeof *faces->batch),
                            .pixels = malloc(2 * count * bytes + 1)};
    if (!faces->chosen || !faces->batch || !faces->pixels) {
        return error_no_memory(error, "overlap");
    }
    for (size_t i = 0; i < 2 * count; i++) {
        faces->chosen[i] = (struct class_images){
            .class = pairs[i % count].class[i / count], .wanted = each, .pixels = faces->pixels + i * bytes};
    }
    return STATUS_OK;
}

static void faces_free(struct faces *faces)
{
    free(faces->chosen);
    free(faces->batch);
    free(faces->pixels);
}

/* Reads what the pairs show of one dataset. */
static enum status read_dataset(struct faces *faces, const struct checkpoint_data *data, uint32_t dataset,
                                const struct overlap_pair *pairs, size_t count, struct error *error)
{
    size_t wanted = 0, taken = 0;
    for (size_t i = 0; i < 2 * count; i++) {
        if (pairs[i % count].dataset[i / count] == dataset) {
            faces->batch[wanted++] = faces->chosen[i];
        }
    }
    if (wanted == 0) {
        return STATUS_OK;
    }
    if (!data->found) {
        return error_set(error, STATUS_DATA, data->dataset->name, "name its manifest by --manifest",
                         "the sheet needs the images of this dataset");
    }
    enum status status = class_images_read(&data->manifest, SIDE, faces->batch, wanted, error);
    for (size_t i = 0; i < 2 * count && status == STATUS_OK; i++) {
        if (pairs[i % count].dataset[i / count] == dataset) {
            faces->chosen[i] = faces->batch[taken++];
        }
    }
    return status;
}

static void draw_row(struct sheet *sheet, const struct faces *faces, const struct checkpoint_data *data,
                     size_t row, size_t rows, const struct overlap_pair *pair, const bool *right)
{
    static const uint8_t black[3] = {0, 0, 0}, green[3] = {0, 128, 0}, red[3] = {200, 0, 0};
    const uint8_t *colour = !right ? black : right[row] ? green : red;
    char number[24], cosine[24], identity[256], name[512];
    snprintf(number, sizeof number, "%zu", row + 1);
    snprintf(cosine, sizeof cosine, "%.3f", (double)pair->cosine);
    sheet_label(sheet, (int)row, 0, number, colour);
    sheet_label(sheet, (int)row, 1, cosine, colour);
    for (int side = 0; side < 2; side++) {
        const struct class_images *chosen = &faces->chosen[row + (size_t)side * rows];
        const struct checkpoint_data *of = &data[pair->dataset[side]];
        checkpoint_data_class_name(of, pair->class[side], identity, sizeof identity);
        snprintf(name, sizeof name, "%s %s", of->dataset->name, identity);
        sheet_caption(sheet, (int)row, side * faces->each, faces->each, name, colour);
        for (int i = 0; i < chosen->found; i++) {
            /* Both identities' first faces meet in the middle. */
            const int column = side == 0 ? faces->each - 1 - i : faces->each + i;
            sheet_put(sheet, column, (int)row, chosen->pixels + (size_t)i * SIDE * SIDE * 3);
        }
    }
}

enum status overlap_sheet_write(const char *path, const struct checkpoint_data *data, size_t datasets,
                                const struct overlap_sheet *drawn, size_t count, int each,
                                struct error *error)
{
    const struct sheet_layout layout = {.columns = 2 * each,
                                        .rows = (int)count,
                                        .side = SIDE,
                                        .label = LABEL,
                                        .titles = drawn->right ? 2 : 1,
                                        .captions = true,
                                        .group = each,
                                        .gap = GAP};
    struct faces faces;
    struct sheet sheet = {0};
    enum status status = faces_create(&faces, each, drawn->pairs, count, error);
    for (size_t i = 0; i < datasets && status == STATUS_OK; i++) {
        status = read_dataset(&faces, &data[i], (uint32_t)i, drawn->pairs, count, error);
    }
    if (status == STATUS_OK) {
        status = sheet_create(&layout, &sheet, error);
    }
    if (status == STATUS_OK) {
        sheet_title(&sheet, 0, drawn->title);
        if (drawn->right) {
            sheet_title(&sheet, 1, "green: known to be one person, red: not known to be");
        }
        for (size_t row = 0; row < count; row++) {
            draw_row(&sheet, &faces, data, row, count, &drawn->pairs[row], drawn->right);
        }
        status = sheet_write(&sheet, path, error);
    }
    sheet_free(&sheet);
    faces_free(&faces);
    return status;
}
