/* Reads a file that `dail embed` wrote (worker/evaluate/embeddings.h): of images with labels or without, or of a verification set. */
#ifndef DAIL_WORKER_EVALUATE_EMBEDDINGS_FILE_H
#define DAIL_WORKER_EVALUATE_EMBEDDINGS_FILE_H

#include "proto/error.h"
#include "shard/hdf5/hdf5.h"

#include <stddef.h>

struct embeddings_file {
    char path[1024], source[1024]; /* source: what was embedded, as it was named then */
    uint64_t rows;
    size_t embedding; /* D */
    uint32_t classes; /* labels are below */
    uint32_t *label; /* [rows]; NULL of a verification set, and of files by themselves */
    uint64_t pairs; /* of a verification set */
    uint32_t *pair; /* [pairs][2] rows */
    uint8_t *same; /* [pairs] */
    char **identities; /* [classes], or NULL where they have no names */
    struct h5_file file; /* private, as are the next */
    struct h5_array values;
    uint8_t *names;
    uint64_t *name_offset; /* [rows + 1] */
};

/* STATUS_DATA for another file, or one whose parts do not fit together. The caller calls
 * embeddings_file_close in any case. */
enum status embeddings_file_open(const char *path, struct embeddings_file *file, struct error *error);
void embeddings_file_close(struct embeddings_file *file);

/* values [count][D]: rows begin..begin+count-1. STATUS_NUMERIC names the first that is not finite. */
enum status embeddings_file_read(const struct embeddings_file *file, uint64_t begin, uint64_t count,
                                 float *values, struct error *error);

/* What the image of a row is called, in text[size]. */
void embeddings_file_name(const struct embeddings_file *file, uint64_t row, char *text, size_t size);

/* What the dataset is called that was embedded from a path: "faces/site0/" and "data/site0.yaml" are site0. */
void embedded_dataset_name(const char *path, char *name, size_t size);

#endif
