/* A network as InsightFace's state_dict: every parameter and running statistic under its name and in
 * PyTorch's shape, and the num_batches_tracked that PyTorch keeps with each batch normalisation.
 */
#ifndef DAIL_WORKER_INTERCHANGE_STATE_DICT_H
#define DAIL_WORKER_INTERCHANGE_STATE_DICT_H

#include "worker/interchange/backbone.h"

#include <stdbool.h>

#define STATE_DICT_VERSION 1

/* Writes `<file>.safetensors`: F32 arrays, num_batches_tracked as I64 scalars that hold the checkpoint's
 * step; metadata: format "pt", which PyTorch's reader asks for, arch, input, embedding, width, step. Under
 * "<path>.tmp", synced, renamed. STATUS_STORAGE. */
enum status state_dict_write_safetensors(const struct backbone *backbone, const char *path,
                                         struct error *error);

/* Writes `<file>.h5`: a float32 array for each name at the root, without num_batches_tracked, which PyTorch's
 * load_state_dict fills in itself; attributes dail_format "state_dict", version, arch, input, embedding,
 * width, step. Likewise. */
enum status state_dict_write_hdf5(const struct backbone *backbone, const char *path, struct error *error);

#define STATE_DICT_ENDINGS ".safetensors .onnx .pth .pt .ckpt"

/* Whether a path is meant as a state_dict, by its ending. */
bool state_dict_is_meant(const char *path);

/* Whether the file has the network's names and shapes, F32, F16 or BF16 (num_batches_tracked may be left out).
 * STATUS_DATA names the first ones that are missing, too many, or of another shape. Reads no values but those of
 * the running statistics. `note` may be NULL. */
enum status state_dict_check(const char *path, const struct iresnet_config *config,
                             struct state_dict_note *note, struct error *error);

/* Fills in what the shapes tell of the network: arch, input, embedding, width. Of a width that was rounded it
 * is one that rounds likewise. STATUS_DATA where they are no iresnet's. Reads no values; note->folded stays empty.
 * `note` may be NULL. */
enum status state_dict_describe(const char *path, struct checkpoint_state *state,
                                struct state_dict_note *note, struct error *error);

/* Checks likewise and reads parameters and running statistics into the network. STATUS_DATA also for a value
 * that is not finite, a negative variance, or a features.weight other than 1, which this network has fixed;
 * then some of the network may have been overwritten. */
enum status state_dict_read(const char *path, struct iresnet *net, struct error *error);

#endif
