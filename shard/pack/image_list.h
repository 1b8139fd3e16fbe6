/* Lists of images with the identity of each: what many published sets have in the place of folders. Private to shard/. */
#ifndef DAIL_SHARD_PACK_IMAGE_LIST_H
#define DAIL_SHARD_PACK_IMAGE_LIST_H

#include "shard/name_list.h"

#include "proto/error.h"

#include <stdint.h>

struct image_list {
    char **path; /* [images], owned: as the list has them */
    uint32_t *label; /* [images], owned: index into names */
    uint64_t images;
    struct name_list names; /* the labels as the list has them, each once, sorted byte by byte */
};

/* Reads lines of a path and a label, parted by a tab, or by the last blanks of the line: a path may have blanks. A label is
 * a number or a name. STATUS_DATA names the first bad line, or a path that is there twice. */
enum status image_list_read(const char *path, struct image_list *list, struct error *error);
void image_list_free(struct image_list *list);

#endif
