/* Event files: what TensorBoard reads. Records as TensorFlow frames them (TFRecord), each a whole Event
 * message:
 *
 *   uint64 length, uint32 masked crc32c of the length, the message, uint32 masked crc32c of the message
 *
 * All little-endian; masked is the crc rotated right by 15 bits plus 0xa282ead8. Of a file that a crash cut
 * short a reader uses the whole records. Sources: TensorFlow's record_writer.cc, event.proto, summary.proto.
 */
#ifndef DAIL_PROTO_EVENT_LOG_H
#define DAIL_PROTO_EVENT_LOG_H

#include "proto/error.h"

#include <stddef.h>
#include <stdint.h>

struct event_log {
    int descriptor; /* -1: not open */
    char path[1024];
    int64_t end; /* of the last whole record */
};

/* One point of the curve named `tag`. */
struct event_scalar {
    char tag[192]; /* UTF-8 */
    double value; /* written as a float32; may be not finite */
};

/* Begins a new file `directory`/events.out.tfevents.<seconds>.<host>.<pid>, which sorts behind every one that
 * is there: readers take them in the order of their names. Its first events are the format's version and the
 * start of a session at `step`, the first that is to come: a reader then forgets what earlier files hold from
 * that step on. wall_time: Unix seconds. Makes the directory. STATUS_STORAGE. */
enum status event_log_open(struct event_log *log, const char *directory, double wall_time, int64_t step,
                           struct error *error);

/* Appends one event with `count` scalars of `step`, by one write. STATUS_STORAGE: then nothing of it stays in
 * the file, and the next can be tried. */
enum status event_log_scalars(struct event_log *log, double wall_time, int64_t step,
                              const struct event_scalar *scalars, size_t count, struct error *error);

void event_log_close(struct event_log *log);

#endif
