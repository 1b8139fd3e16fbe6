/* A file of embeddings, `<file>.h5`, as `dail embed` writes it.
 *
 *   attributes: dail_format "embeddings", version, checkpoint (its path), arch, step, input (side in pixels),
 *               normalized (1: each row has length 1), mirrored (1: image and mirror, added), source
 *   /embedding       float32[n,D]
 *   /name            uint8[bytes]        the images' names end to end, UTF-8 as far as the source's are
 *   /name_offset     uint64[n+1]         name i is bytes offset[i]..offset[i+1]
 *   /label           uint32[n]           the identity; not of a verification set
 *   /identity        uint8[bytes], /identity_offset uint64[classes+1]: the identities' names, where known
 *   /pair, /same, /fold                  of a verification set: as in pairs.h, by row
 */
#ifndef DAIL_WORKER_EVALUATE_EMBEDDINGS_H
#define DAIL_WORKER_EVALUATE_EMBEDDINGS_H

#include "proto/error.h"
#include "shard/image_source.h"
#include "worker/interchange/backbone.h"

#include <stdbool.h>

#define EMBEDDINGS_VERSION 1

struct embeddings_config {
    const struct backbone *backbone;
    const struct image_source *source; /* labels, identities and pairs are its */
    const char *source_path; /* what it is called in the file */
    bool normalized, mirrored;
};

struct embeddings_writer;

/* Begins `path` under "<path>.tmp". STATUS_STORAGE. */
enum status embeddings_create(const char *path, const struct embeddings_config *config,
                              struct embeddings_writer **writer, struct error *error);
/* Adds a row: values[D] with the image's name and label. Rows are written some at a time. */
enum status embeddings_append(struct embeddings_writer *writer, const float *values,
                              const struct sourced_image *image, struct error *error);
/* Writes the rest, syncs, gives the file its name. Frees the writer in any case; on an error nothing is left
 * of the file. */
enum status embeddings_finish(struct embeddings_writer *writer, struct error *error);
/* Removes what there is, and frees the writer; NULL is left alone. */
void embeddings_abandon(struct embeddings_writer *writer);

#endif
