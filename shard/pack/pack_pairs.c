/* Lists of pairs, with the folder of their images, as a verification set. */
#include "shard/image/image_format.h"
#include "shard/pack/pack.h"
#include "shard/pack/pack_set.h"
#include "shard/pack/pair_list.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One place in the list where an image is named. */
struct mention {
    const char *path;
    uint32_t place; /* pair * 2 + side */
};

struct import {
    const struct pack_pairs *wanted;
    struct pair_list list;
    const char **path; /* [paths]: every image once, in the order of first mention */
    uint32_t paths;
    uint32_t *image; /* [list.count * 2]: index into path */
};

/* --- Which images --- */

static bool is_wanted(const struct pack_pairs *wanted, int fold)
{
    for (size_t i = 0; i < wanted->fold_count; i++) {
        if (wanted->folds[i] == fold) {
            return true;
        }
    }
    return wanted->fold_count == 0;
}

static enum status choose_folds(struct import *import, struct error *error)
{
    const struct pack_pairs *wanted = import->wanted;
    struct pair_list *list = &import->list;
    for (size_t i = 0; i < wanted->fold_count; i++) {
        bool there = false;
        for (size_t pair = 0; pair < list->count && !there; pair++) {
            there = list->pairs[pair].fold == wanted->folds[i];
        }
        if (!there) {
            return error_set(error, STATUS_USAGE, wanted->list, "name folds as the list numbers them",
                             "there is no fold %d in the list", wanted->folds[i]);
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct pair_list_pair pair = list->pairs[i];
        if (is_wanted(wanted, pair.fold)) {
            list->pairs[kept++] = pair;
        } else {
            free(pair.image[0]);
            free(pair.image[1]);
        }
    }
    list->count = kept;
    return STATUS_OK;
}

static int compare_mentions(const void *left, const void *right)
{
    const struct mention *a = left, *b = right;
    int order = strcmp(a->path, b->path);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

/* Finds every image once: mentions sorted by path, whose first one stands for all; numbered as first met. */
static enum status find_images(struct import *import, struct error *error)
{
    size_t mentions = import->list.count * 2;
    struct mention *sorted = malloc(mentions * sizeof *sorted);
    import->image = malloc(mentions * sizeof *import->image);
    import->path = malloc(mentions * sizeof *import->path);
    if (!sorted || !import->image || !import->path || mentions >= UINT32_MAX) {
        free(sorted);
        return error_no_memory(error, import->wanted->list);
    }
    for (size_t i = 0; i < mentions; i++) {
        sorted[i] = (struct mention){import->list.pairs[i / 2].image[i % 2], (uint32_t)i};
    }
    qsort(sorted, mentions, sizeof *sorted, compare_mentions);
    for (size_t i = 0; i < mentions; i++) {
        bool again = i > 0 && strcmp(sorted[i - 1].path, sorted[i].path) == 0;
        /* For now the place of the first mention. */
        import->image[sorted[i].place] = again ? import->image[sorted[i - 1].place] : sorted[i].place;
    }
    free(sorted);
    for (uint32_t i = 0; i < mentions; i++) {
        uint32_t first = import->image[i];
        if (first == i) {
            import->path[import->paths] = import->list.pairs[i / 2].image[i % 2];
        }
        import->image[i] = first == i ? import->paths++ : import->image[first];
    }
    return STATUS_OK;
}

/* --- The whole --- */

/* The list names no ending: that of the file that is there, of those of images, small or large. */
static void find_ending(char where[PATH_SIZE])
{
    char path[PATH_SIZE], *dot;
    const struct image_format *format;
    strcpy(path, where);
    for (size_t i = 0; (dot = strrchr(path, '.')) && (format = image_format_at(i)); i++) {
        for (size_t ending = 0; ending < IMAGE_ENDINGS_MAX && format->endings[ending]; ending++) {
            for (int large = 0; large < 2; large++) {
                const char *letters = format->endings[ending];
                size_t at = 0;
                for (; letters[at] && dot + at < path + PATH_SIZE - 1; at++) {
                    dot[at] = (char)(large ? toupper(letters[at]) : letters[at]);
                }
                dot[at] = 0;
                if (file_exists(path)) {
                    strcpy(where, path);
                    return;
                }
            }
        }
    }
}

static enum status read_image(const void *context, uint64_t number, char *where, uint8_t **bytes,
                              size_t *size, struct error *error)
{
    const struct import *import = context;
    enum status status = file_join(import->wanted->folder, import->path[number], where, error);
    if (status == STATUS_OK && import->list.any_ending && !file_exists(where)) {
        find_ending(where);
    }
    return status == STATUS_OK ? pack_read_listed(where, bytes, size, error) : status;
}

static enum status write_set(struct import *import, const struct pack_style *style,
                             struct pack_result *result, struct error *error)
{
    const struct pair_list *list = &import->list;
    const struct pack_images_source source = {.context = import, .read = read_image};
    struct pack_set *set;
    enum status status =
        pack_set_create(import->wanted, style, &source, import->paths, list->count, &set, error);
    for (size_t i = 0; i < list->count && status == STATUS_OK; i++) {
        pack_set_pair(set, import->image + i * 2, list->pairs[i].same,
                      (uint8_t)(list->pairs[i].fold - list->first_fold));
    }
    return status == STATUS_OK ? pack_set_finish(set, result, error) : status;
}

enum status pack_pairs(const struct pack_pairs *wanted, const struct pack_style *style,
                       struct pack_result *result, struct error *error)
{
    struct import import = {.wanted = wanted};
    *result = (struct pack_result){0};
    enum status status = pack_set_check(wanted, style, error);
    if (status == STATUS_OK) {
        status = pair_list_read(wanted->list, &import.list, error);
    }
    if (status == STATUS_OK) {
        status = choose_folds(&import, error);
    }
    if (status == STATUS_OK) {
        status = find_images(&import, error);
    }
    if (status == STATUS_OK) {
        status = write_set(&import, style, result, error);
    }
    pair_list_free(&import.list);
    free(import.path);
    free(import.image);
    return status;
}
