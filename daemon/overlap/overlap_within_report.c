#include "daemon/overlap/overlap_within_report.h"

#include "daemon/overlap/overlap_within_table.h"
#include "proto/file.h"
#include "proto/text.h"
#include "shard/class_images.h"
#include "shard/image/sheet.h"
#include "shard/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 112
#define FACE_BYTES ((size_t)SIDE * SIDE * 3)
#define NAME_SIZE 1024

struct drawing {
    const struct within_request *request;
    const struct embeddings_file *file;
    struct manifest manifest;
    const struct within_finding **rows; /* [count] */
    size_t count;
    struct class_images *chosen; /* [2 * count]: faces of the first class, those of a twin */
    uint8_t *pixels; /* [2 * count][faces] */
};

/* By its manifest where that is there, else as the file or folder that was embedded. */
static void name_dataset(const struct embeddings_file *file, char *name, size_t size)
{
    struct manifest manifest = {0};
    struct error error;
    embedded_dataset_name(file->source, name, size);
    if (text_ends_with(file->source, ".yaml") &&
        manifest_open(file->source, &manifest, &error) == STATUS_OK) {
        snprintf(name, size, "%s", manifest.name);
    }
    manifest_close(&manifest);
}

/* The dataset's manifest: that which was embedded, or one that is named. */
static enum status open_manifest(struct drawing *drawing, struct error *error)
{
    const struct within_request *request = drawing->request;
    const char *path = request->manifest_count > 0 ? request->manifests[0] : drawing->file->source;
    enum status status = manifest_open(path, &drawing->manifest, error);
    if (status == STATUS_OK && drawing->manifest.classes != drawing->file->classes) {
        status = error_set(error, STATUS_DATA, path, "name the manifest that was embedded by --manifest",
                           "it has %u classes, %s has %u", drawing->manifest.classes, drawing->file->path,
                           drawing->file->classes);
    }
    return status;
}

/* The surest of each kind, as many of each as there is room for. */
static enum status choose_rows(struct drawing *drawing, const struct within *within, struct error *error)
{
    const size_t most = (size_t)drawing->request->sheet_rows, each = most / 3 > 0 ? most / 3 : 1;
    size_t taken[WITHIN_DUPLICATE + 1] = {0};
    drawing->rows = calloc(most + 3, sizeof *drawing->rows);
    drawing->chosen = calloc(2 * most + 3, sizeof *drawing->chosen);
    drawing->pixels = malloc((2 * most + 3) * (size_t)drawing->request->sheet_faces * FACE_BYTES);
    if (!drawing->rows || !drawing->chosen || !drawing->pixels) {
        return error_no_memory(error, "sheet");
    }
    for (size_t i = 0; i < within->count && drawing->count < most; i++) {
        const struct within_finding *finding = &within->found[i];
        if (taken[finding->kind] < each) {
            taken[finding->kind]++;
            drawing->rows[drawing->count++] = finding;
        }
    }
    return drawing->count > 0 ? STATUS_OK
                              : error_set(error, STATUS_DATA, drawing->file->path, "leave out --sheet",
                                          "nothing was found that could be drawn");
}

static enum status read_faces(struct drawing *drawing, struct error *error)
{
    const int faces = drawing->request->sheet_faces;
    for (size_t i = 0; i < 2 * drawing->count; i++) {
        const struct within_finding *finding = drawing->rows[i % drawing->count];
        drawing->chosen[i] =
            (struct class_images){.class = finding->class[i / drawing->count],
                                  .wanted = faces,
                                  .pixels = drawing->pixels + i * (size_t)faces * FACE_BYTES};
    }
    enum status status =
        class_images_read(&drawing->manifest, SIDE, drawing->chosen, 2 * drawing->count, error);
    for (size_t i = 0; i < drawing->count && status == STATUS_OK; i++) {
        const struct within_finding *finding = drawing->rows[i];
        struct class_images *right = &drawing->chosen[drawing->count + i];
        const int images = finding->kind == WITHIN_TWIN                    ? 0
                           : finding->kind == WITHIN_STRANGER || faces < 2 ? 1
                                                                           : 2;
        for (int image = 0; image < images && status == STATUS_OK; image++) {
            char name[NAME_SIZE];
            embeddings_file_name(drawing->file, finding->image[image], name, sizeof name);
            status = class_images_named(&drawing->manifest, name, SIDE,
                                        right->pixels + (size_t)image * FACE_BYTES, error);
        }
        right->found = images > 0 ? images : right->found;
    }
    return status;
}

static void draw_row(struct sheet *sheet, const struct drawing *drawing, size_t row)
{
    static const uint8_t black[3] = {0, 0, 0};
    static const char *const words[] = {
        [WITHIN_TWIN] = "one person?", [WITHIN_STRANGER] = "a stranger?", [WITHIN_DUPLICATE] = "one image?"};
    const struct within_finding *finding = drawing->rows[row];
    const int faces = drawing->request->sheet_faces;
    char number[24], name[256];
    snprintf(number, sizeof number, "%zu", row + 1);
    sheet_label(sheet, (int)row, 0, number, black);
    snprintf(number, sizeof number, "%.3f",
             finding->kind == WITHIN_TWIN ? finding->probability : finding->cosine);
    sheet_label(sheet, (int)row, 1, number, black);
    for (int side = 0; side < 2; side++) {
        const struct class_images *chosen = &drawing->chosen[row + (size_t)side * drawing->count];
        const uint32_t class = finding->class[side];
        if (side == 1 && finding->kind != WITHIN_TWIN) {
            snprintf(name, sizeof name, "%s", words[finding->kind]);
        } else if (drawing->file->identities) {
            snprintf(name, sizeof name, "%.200s%s%s", drawing->file->identities[class], side == 1 ? " " : "",
                     side == 1 ? words[finding->kind] : "");
        } else {
            snprintf(name, sizeof name, "%u%s%s", class, side == 1 ? " " : "",
                     side == 1 ? words[finding->kind] : "");
        }
        sheet_caption(sheet, (int)row, side * faces, faces, name, black);
        for (int i = 0; i < chosen->found; i++) {
            sheet_put(sheet, side == 0 ? faces - 1 - i : faces + i, (int)row,
                      chosen->pixels + (size_t)i * FACE_BYTES);
        }
    }
}

static enum status draw(const struct within_request *request, const struct embeddings_file *file,
                        const struct within *within, struct error *error)
{
    struct drawing drawing = {.request = request, .file = file};
    struct sheet sheet = {0};
    enum status status = open_manifest(&drawing, error);
    const bool opened = status == STATUS_OK;
    if (status == STATUS_OK) {
        status = choose_rows(&drawing, within, error);
    }
    if (status == STATUS_OK) {
        status = read_faces(&drawing, error);
    }
    const struct sheet_layout layout = {.columns = 2 * request->sheet_faces,
                                        .rows = (int)drawing.count,
                                        .side = SIDE,
                                        .label = 68,
                                        .titles = 1,
                                        .captions = true,
                                        .group = request->sheet_faces,
                                        .gap = 8};
    if (status == STATUS_OK) {
        status = sheet_create(&layout, &sheet, error);
    }
    if (status == STATUS_OK) {
        sheet_title(&sheet, 0, "Left: the identity; right: what is doubtful");
        for (size_t row = 0; row < drawing.count; row++) {
            draw_row(&sheet, &drawing, row);
        }
        status = sheet_write(&sheet, request->sheet, error);
    }
    sheet_free(&sheet);
    if (opened) {
        manifest_close(&drawing.manifest);
    }
    free(drawing.rows);
    free(drawing.chosen);
    free(drawing.pixels);
    return status;
}

static void print_summary(const struct embeddings_file *file, const struct within *within, FILE *out)
{
    fprintf(out,
            "%s: %zu pairs of labels that are probably one person%s, %zu images that are probably strangers "
            "(cosine below %.2f), %zu pairs of images that are nearly one\n",
            file->path, within->kinds[WITHIN_TWIN],
            within->twins_known ? "" : " (not to be told from chance: look at them)",
            within->kinds[WITHIN_STRANGER], within->least, within->kinds[WITHIN_DUPLICATE]);
}

static enum status report_file(const struct within_request *request, const char *path,
                               struct within_verdicts *verdicts, FILE *table, struct error *error)
{
    struct embeddings_file file;
    struct within within = {0};
    char dataset[128];
    enum status status = embeddings_file_open(path, &file, error);
    if (status == STATUS_OK && !file.label) {
        status = error_set(
            error, STATUS_DATA, path, "embed a dataset",
            "the embeddings have no labels, as those of a verification set or of files by themselves");
    }
    if (status == STATUS_OK) {
        name_dataset(&file, dataset, sizeof dataset);
        status = within_find(&file, request->min_probability, request->duplicate_cosine, request->threads,
                             &within, error);
    }
    if (status == STATUS_OK) {
        within_print(&within, &file, dataset, verdicts, table);
        print_summary(&file, &within, request->output ? stdout : stderr);
        status = request->sheet ? draw(request, &file, &within, error) : STATUS_OK;
    }
    within_free(&within);
    embeddings_file_close(&file);
    return status;
}

enum status within_report(const struct within_request *request, struct error *error)
{
    char *text = NULL;
    size_t size = 0;
    if (request->sheet && request->count > 1) {
        return error_set(error, STATUS_USAGE, "--sheet", "name one file", "a sheet is of one dataset");
    }
    struct within_verdicts verdicts = {0};
    FILE *table = open_memstream(&text, &size);
    enum status status = table ? STATUS_OK : error_no_memory(error, "overlap");
    if (status == STATUS_OK && request->output) {
        status = within_verdicts_read(request->output, &verdicts, error);
    }
    if (status == STATUS_OK) {
        within_print_header(table);
    }
    for (size_t i = 0; i < request->count && status == STATUS_OK; i++) {
        status = report_file(request, request->files[i], &verdicts, table, error);
    }
    if (status == STATUS_OK) {
        within_print_kept(&verdicts, table);
    }
    within_verdicts_free(&verdicts);
    if (table && fclose(table) != 0 && status == STATUS_OK) {
        status = error_no_memory(error, "overlap");
    }
    if (status == STATUS_OK && request->output) {
        status = file_write_atomic(request->output, text, size, error);
    } else if (status == STATUS_OK) {
        fwrite(text, 1, size, stdout);
    }
    free(text);
    return status;
}
