/* What torch.save writes since PyTorch 1.6: an archive (zip.h) with a pickle of dicts and tensors, and an entry for
 * each storage that the tensors lie in.
 *
 *   <name>/data.pkl: {"conv1.weight": _rebuild_tensor_v2(('storage', FloatStorage, '0', 'cpu', elements), offset,
 *   shape, strides, ...), ...}; <name>/data/<key>: a storage's bytes; <name>/byteorder: "little".
 *
 * Nothing in it is run (shard/pickle). Dicts within dicts give names with dots: {"state_dict": {"fc.bias": ...}} has
 * "state_dict.fc.bias". What is under no text, and what is no tensor, is passed over.
 */
#ifndef DAIL_WORKER_INTERCHANGE_TORCH_FILE_H
#define DAIL_WORKER_INTERCHANGE_TORCH_FILE_H

#include "worker/interchange/safetensors.h"

/* Opens a file and lists its tensors as arrays that safetensors_read reads; reads none. STATUS_DATA names the first
 * fault. The caller closes only what was opened. */
enum status torch_file_open(const char *path, struct safetensors *file, struct error *error);

#endif
