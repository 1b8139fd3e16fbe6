#include "worker/protocol/ijb.h"

#include "shard/list/line_reader.h"

#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEMPLATES_FILE "_face_tid_mid.txt"
#define PAIRS_FILE "_template_pair_label.txt"
#define POINTS_FILE "_name_5pts_score.txt"
#define POINT_VALUES 10

/* --- Arrays that grow --- */

/* Room for one more of `count` elements, which double. */
static void *grow(void *array, size_t count, size_t size)
{
    const bool full = count == 0 || (count & (count - 1)) == 0;
    return full ? realloc(array, (count == 0 ? 1 : 2 * count) * size) : array;
}

/* --- Files --- */

/* The set's name by the only file of templates in meta/. */
static enum status find_set(struct ijb *ijb, struct error *error)
{
    char meta[PATH_SIZE];
    enum status status = file_join(ijb->path, "meta", meta, error);
    if (status != STATUS_OK) {
        return status;
    }
    DIR *folder = opendir(meta);
    size_t found = 0;
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        const char *end = strstr(entry->d_name, TEMPLATES_FILE);
        if (end && strcmp(end, TEMPLATES_FILE) == 0) {
            found++;
            snprintf(ijb->name, sizeof ijb->name, "%.*s", (int)(end - entry->d_name), entry->d_name);
        }
    }
    if (folder) {
        closedir(folder);
    }
    return found == 1 ? STATUS_OK
                      : error_set(error, STATUS_DATA, meta, "name the folder that has meta and loose_crop",
                                  found == 0 ? "there is no <set>" TEMPLATES_FILE
                                             : "there are several <set>" TEMPLATES_FILE);
}

static enum status meta_path(const struct ijb *ijb, const char *ending, char path[PATH_SIZE],
                             struct error *error)
{
    char name[128];
    snprintf(name, sizeof name, "meta/%s%s", ijb->name, ending);
    return file_join(ijb->path, name, path, error);
}

/* --- Images --- */

static enum status add_image(struct ijb *ijb, const struct line_reader *reader, char *line,
                             struct error *error)
{
    char name[512], path[PATH_SIZE], rest;
    unsigned template, media;
    if (sscanf(line, "%511s %u %u %c", name, &template, &media, &rest) != 3) {
        return line_reader_refuse(reader, error, "take the file as it was published",
                                  "no image, template and media");
    }
    char relative[600];
    snprintf(relative, sizeof relative, "loose_crop/%s", name);
    enum status status = file_join(ijb->path, relative, path, error);
    if (status != STATUS_OK) {
        return status;
    }
    char **image = grow(ijb->image, ijb->images, sizeof *image);
    ijb->image = image ? image : ijb->image;
    uint32_t *templates = grow(ijb->template, ijb->images, sizeof *templates);
    ijb->template = templates ? templates : ijb->template;
    uint32_t *medias = grow(ijb->media, ijb->images, sizeof *medias);
    ijb->media = medias ? medias : ijb->media;
    char *copy = strdup(path);
    if (!image || !templates || !medias || !copy) {
        free(copy);
        return error_no_memory(error, reader->path);
    }
    ijb->template[ijb->images] = template;
    ijb->media[ijb->images] = media;
    ijb->image[ijb->images++] = copy;
    return STATUS_OK;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

/* Templates get numbers from 0, in the order of their own. */
static enum status number_templates(struct ijb *ijb, struct error *error)
{
    uint32_t *numbers = malloc((ijb->images + 1) * sizeof *numbers);
    if (!numbers) {
        return error_no_memory(error, ijb->path);
    }
    memcpy(numbers, ijb->template, ijb->images * sizeof *numbers);
    qsort(numbers, ijb->images, sizeof *numbers, compare_numbers);
    for (size_t i = 0; i < ijb->images; i++) {
        if (i == 0 || numbers[i] != numbers[ijb->templates - 1]) {
            numbers[ijb->templates++] = numbers[i];
        }
    }
    ijb->template_number = numbers;
    for (size_t i = 0; i < ijb->images; i++) {
        const uint32_t *at =
            bsearch(&ijb->template[i], numbers, ijb -> templates, sizeof *numbers, compare_numbers);
        ijb->template[i] = (uint32_t)(at - numbers);
    }
    return STATUS_OK;
}

/* --- Pairs --- */

static enum status add_pair(struct ijb *ijb, const struct line_reader *reader, char *line,
                            struct error *error)
{
    unsigned number[2], same;
    char rest;
    if (sscanf(line, "%u %u %u %c", &number[0], &number[1], &same, &rest) != 3 || same > 1) {
        return line_reader_refuse(reader, error, "take the file as it was published",
                                  "no two templates and 0 or 1");
    }
    uint32_t *pair = grow(ijb->pair, ijb->pairs, 2 * sizeof *pair);
    ijb->pair = pair ? pair : ijb->pair;
    uint8_t *sames = grow(ijb->same, ijb->pairs, sizeof *sames);
    ijb->same = sames ? sames : ijb->same;
    if (!pair || !sames) {
        return error_no_memory(error, reader->path);
    }
    for (int i = 0; i < 2; i++) {
        const uint32_t *at = bsearch(&number[i], ijb->template_number, ijb->templates,
                                     sizeof *ijb->template_number, compare_numbers);
        if (!at) {
            return line_reader_refuse(reader, error, "take both files from one set",
                                      "template %u has no image", number[i]);
        }
        ijb->pair[2 * ijb->pairs + (size_t)i] = (uint32_t)(at - ijb->template_number);
    }
    ijb->same[ijb->pairs++] = (uint8_t)same;
    return STATUS_OK;
}

/* --- Scores --- */

struct scored {
    char *name;
    float score;
};

struct scores {
    struct scored *rows; /* [count] */
    size_t count;
};

static int compare_scored(const void *a, const void *b)
{
    return strcmp(((const struct scored *)a)->name, ((const struct scored *)b)->name);
}

/* Of a line only the first word and the last number; the points are face_table's. */
static enum status add_score(struct scores *scores, const struct line_reader *reader, char *line,
                             struct error *error)
{
    char *next = NULL;
    const char *name = strtok_r(line, " \t", &next);
    int count = 0;
    double value = NAN;
    for (char *word; (word = strtok_r(NULL, " \t", &next)); count++) {
        char *end;
        value = strtod(word, &end);
        if (*end != '\0' || !isfinite(value)) {
            break;
        }
    }
    if (!name || count != POINT_VALUES + 1 || !isfinite(value)) {
        return line_reader_refuse(reader, error, "take the file as it was published",
                                  "no image, five points and a score");
    }
    struct scored *rows = grow(scores->rows, scores->count, sizeof *rows);
    scores->rows = rows ? rows : scores->rows;
    char *copy = strdup(name);
    if (!rows || !copy) {
        free(copy);
        return error_no_memory(error, reader->path);
    }
    scores->rows[scores->count++] = (struct scored){copy, (float)value};
    return STATUS_OK;
}

static enum status give_scores(struct ijb *ijb, struct scores *scores, struct error *error)
{
    ijb->score = malloc((ijb->images + 1) * sizeof *ijb->score);
    if (!ijb->score) {
        return error_no_memory(error, ijb->path);
    }
    if (scores->count > 0) {
        qsort(scores->rows, scores->count, sizeof *scores->rows, compare_scored);
    }
    for (size_t i = 0; i < ijb->images; i++) {
        char *slash = strrchr(ijb->image[i], '/');
        const struct scored wanted = {slash + 1, 0};
        const struct scored *found = scores->count > 0 ? bsearch(&wanted, scores->rows, scores->count,
                                                                 sizeof *scores->rows, compare_scored)
                                                       : NULL;
        if (!found) {
            return error_set(error, STATUS_DATA, ijb->landmarks, "take both files from one set",
                             "image %s has no points", wanted.name);
        }
        ijb->score[i] = found->score;
    }
    return STATUS_OK;
}

/* --- The whole --- */

/* What a line of a file adds: to the set, or to the scores beside it. */
enum part { PART_IMAGE, PART_PAIR, PART_SCORE };

static enum status read_lines(struct ijb *ijb, struct scores *scores, enum part part, const char *path,
                              struct error *error)
{
    struct line_reader reader = {.path = NULL};
    enum status status = line_reader_open(&reader, path, error);
    char *line = NULL;
    if (status == STATUS_OK) {
        status = line_reader_next(&reader, &line, error);
    }
    while (status == STATUS_OK && line) {
        status = part == PART_IMAGE  ? add_image(ijb, &reader, line, error)
                 : part == PART_PAIR ? add_pair(ijb, &reader, line, error)
                                     : add_score(scores, &reader, line, error);
        if (status == STATUS_OK) {
            status = line_reader_next(&reader, &line, error);
        }
    }
    line_reader_close(&reader);
    return status;
}

static enum status read_files(struct ijb *ijb, struct scores *scores, struct error *error)
{
    static const char *const endings[] = {TEMPLATES_FILE, PAIRS_FILE, POINTS_FILE};
    enum status status = find_set(ijb, error);
    for (int part = PART_IMAGE; part <= PART_SCORE && status == STATUS_OK; part++) {
        status =
            meta_path(ijb, endings[part], ijb->landmarks, error); /* it ends as the last, that of points */
        if (status == STATUS_OK) {
            status = read_lines(ijb, scores, (enum part)part, ijb->landmarks, error);
        }
        if (status == STATUS_OK && part == PART_IMAGE) {
            status = number_templates(ijb, error);
        }
    }
    if (status == STATUS_OK && (ijb->images == 0 || ijb->pairs == 0)) {
        status = error_set(error, STATUS_DATA, ijb->path, "take the files as they were published",
                           "there are %zu images and %zu pairs", ijb->images, ijb->pairs);
    }
    return status == STATUS_OK ? give_scores(ijb, scores, error) : status;
}

enum status ijb_open(const char *path, struct ijb *ijb, struct error *error)
{
    struct scores scores = {.rows = NULL};
    *ijb = (struct ijb){.images = 0};
    snprintf(ijb->path, sizeof ijb->path, "%s", path);
    const enum status status = read_files(ijb, &scores, error);
    for (size_t i = 0; i < scores.count; i++) {
        free(scores.rows[i].name);
    }
    free(scores.rows);
    return status;
}

void ijb_close(struct ijb *ijb)
{
    for (size_t i = 0; i < ijb->images; i++) {
        free(ijb->image[i]);
    }
    free(ijb->image);
    free(ijb->template);
    free(ijb->media);
    free(ijb->score);
    free(ijb->template_number);
    free(ijb->pair);
    free(ijb->same);
    *ijb = (struct ijb){.images = 0};
}
