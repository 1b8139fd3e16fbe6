/* Ends the writing of an HDF5 file, well or badly.
 *
 * When a write fails (the disk is full), HDF5 cannot close the file any more: what it holds back for it fails
 * again, the handle stays behind half freed, and the library crashes over it when the program ends. So a file
 * that failed is first given another place to write to.
 */
#ifndef DAIL_WORKER_HDF5_FINISH_H
#define DAIL_WORKER_HDF5_FINISH_H

#include "shard/hdf5.h"

/* Closes a file that was written; `written` is how that went, and `error` holds why if it went badly. Returns
 * the first failure. A closed file is left alone. */
enum status hdf5_finish(struct h5_file *file, enum status written, struct error *error);

#endif
