/* Image files that are named one by one: on the command line, in a list, or by the flat folder they lie in. */
#ifndef DAIL_SHARD_IMAGE_FILES_H
#define DAIL_SHARD_IMAGE_FILES_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

struct image_files {
    char **paths; /* [count], owned */
    size_t count, capacity;
    size_t left_out; /* files of a folder that are no images */
    char first_left_out[256]; /* the name of one */
};

/* Adds a path. */
enum status image_files_add(struct image_files *files, const char *path, struct error *error);

/* Adds the paths that a list has, one a line, as they are; empty lines are passed over. "-": standard input.
 * STATUS_DATA where it cannot be read or has none. */
enum status image_files_read_list(struct image_files *files, const char *list, struct error *error);

/* Whether a folder has files and no folders; hidden ones do not count. */
bool image_files_is_flat(const char *folder);

/* Adds the images of such a folder, sorted byte by byte: those that begin as an image does. STATUS_DATA where it has
 * none. */
enum status image_files_read_folder(struct image_files *files, const char *folder, struct error *error);

void image_files_free(struct image_files *files);

#endif
