/* What `dail overlap` compares: the centres of the classes of several datasets, from a checkpoint's rows, from files of
 * embeddings, or from images that a model embeds now.
 */
#ifndef DAIL_DAEMON_OVERLAP_OVERLAP_SOURCE_H
#define DAIL_DAEMON_OVERLAP_OVERLAP_SOURCE_H

#include "daemon/overlap/checkpoint_data.h"
#include "worker/identity/judge.h"

struct overlap_source_options {
    const char *const *operands; /* a checkpoint, run or model; or files of embeddings, one a dataset */
    size_t operand_count;
    const char *const *manifests;
    size_t manifest_count;
    bool embed; /* a checkpoint's network embeds the images, rather than its rows being taken */
    int batch, threads;
    void (*warn)(void *context, const char *text);
    void *context;
};

struct overlap_source {
    char path[1024]; /* what was opened, for a person */
    struct checkpoint_state state; /* datasets and the width of an embedding, of other sources too */
    struct checkpoint_data *data; /* [state.dataset_count] */
    struct identity_groups *identity; /* that a checkpoint was trained with, NULL of other sources */
    uint32_t *classes; /* [state.dataset_count] */
    uint64_t *first_class; /* [state.dataset_count + 1] */
    bool files; /* these are embeddings from files */
    float *centres; /* [all classes][D], NULL where they are read from the checkpoint */
};

/* STATUS_DATA for one dataset alone, embeddings of several widths, and what cannot be read; STATUS_USAGE for operands
 * that do not go together. The caller calls overlap_source_close in any case. */
enum status overlap_source_open(const struct overlap_source_options *options, struct overlap_source *source,
                                struct error *error);
void overlap_source_close(struct overlap_source *source);

/* rows [count][D]: the centres begin..begin+count-1 of a dataset. `context` is the source. A class that shares another's
 * row in the checkpoint has none of its own, and one without images none at all: zeros. */
enum status overlap_source_read(void *context, size_t dataset, uint32_t begin, uint32_t count, float *rows,
                                struct error *error);

#endif
