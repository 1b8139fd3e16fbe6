/* Which of our files a path is: by its content, and where that is only lines of text, by its name. */
#ifndef DAIL_SHARD_KIND_H
#define DAIL_SHARD_KIND_H

#include "proto/error.h"

enum kind {
    KIND_SHARD,
    KIND_PAIRS,
    KIND_HDF5, /* another HDF5 file: a part of a checkpoint, a trace, embeddings, a state_dict */
    KIND_MANIFEST,
    KIND_CHECKPOINT, /* a directory with state.yaml and COMMIT */
    KIND_STATE, /* a checkpoint's state.yaml */
    KIND_COMMIT, /* a checkpoint's COMMIT */
    KIND_RUN, /* a run's directory */
    KIND_PACKING, /* a dataset that is being packed: a directory with job and finished */
    KIND_CONFIG, /* a configuration */
    KIND_STATUS, /* a status log */
    KIND_LOG, /* a log for people: daild.log, supervisor.log */
    KIND_EVENTS, /* what TensorBoard reads */
    KIND_OVERLAP, /* a table of people in two datasets */
    KIND_ROC, /* a table of ROC curves */
    KIND_CLASS_NAMES, /* a dataset's identities, one a line */
    KIND_SAFETENSORS, /* a network */
    KIND_ONNX, /* a network */
    KIND_TORCH, /* a network, as PyTorch saves it */
    KIND_PICTURE, /* PNG, JPEG, PNM or SVG */
    KIND_PAGE /* HTML, as dail report writes it */
};

/* STATUS_DATA when it is missing or none of these. */
enum status kind_of_path(const char *path, enum kind *kind, struct error *error);

#endif
