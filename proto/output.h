/* A file that is written whole or not at all. What the user named keeps its nature: a plain file is replaced at the
 * end by what was written beside it as "<name>.tmp"; a link stays, and the file that it leads to is replaced; a
 * device or a pipe is written to as it is. */
#ifndef DAIL_PROTO_OUTPUT_H
#define DAIL_PROTO_OUTPUT_H

#include "proto/file.h"

struct output {
    char path[PATH_SIZE]; /* what it is to be called */
    char written
        [PATH_SIZE]; /* what is written to: its temporary name, or the device; empty: nothing is open */
    bool direct; /* a device or a pipe */
    int descriptor; /* -1: the caller makes the file `written` itself */
};

/* Opens output->descriptor for writing. STATUS_STORAGE. */
enum status output_open(struct output *output, const char *path, struct error *error);

/* The same for a library that makes the file output->written itself and needs a plain one. STATUS_USAGE for a device
 * or a pipe. */
enum status output_prepare(struct output *output, const char *path, struct error *error);

/* Ends what was opened: synced and in its place if `status`, how the writing went, is STATUS_OK, else removed.
 * Returns `status`, or STATUS_STORAGE. An output of zeros is none. */
enum status output_close(struct output *output, enum status status, struct error *error);

#endif
