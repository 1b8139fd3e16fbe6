/* A folder of image folders: <folder>/<identity>/<image>. Lists them; opens no image. Private to shard/. */
#ifndef DAIL_SHARD_FOLDER_H
#define DAIL_SHARD_FOLDER_H

#include "proto/error.h"
#include "shard/left_out.h"

#include <stdint.h>

struct folder_identity {
    char *name; /* of its folder */
    char **images; /* [image_count]: file names, sorted */
    uint32_t image_count;
};

struct folder {
    const char *path; /* the caller's */
    struct folder_identity *identities; /* [count], sorted by name */
    uint32_t count;
    uint64_t images; /* of all identities */
};

struct face_table;

struct folder_filter {
    const char *dataset; /* whose rows of a table in `exclude` are meant; where there is none NULL */
    const char *include; /* file of identities, one a line: only these, and each must be there; or NULL */
    const char *exclude; /* likewise: none of these, nor of these images (shard/name_filter.h); or NULL */
    uint32_t min_images; /* identities with fewer are left out, once other images are */
    uint32_t max_images; /* of an identity the first so many are taken; 0: all */
    struct left_out *left_out; /* is told what else is there; or NULL */
    const struct face_table *faces; /* images that it does not name are left out; or NULL */
};

/* Identities are the subfolders, images the files in them whose ending is of a kind that is decoded
 * (shard/image/image_format.h); hidden ones are passed over; whatever else is
 * there is left out, as identities without an image are, and told. Sorted byte by byte, so that labels
 * depend on no locale. STATUS_DATA where something is missing or nothing is left. */
enum status folder_list(const char *path, const struct folder_filter *filter, struct folder *folder,
                        struct error *error);
void folder_free(struct folder *folder);

#endif
