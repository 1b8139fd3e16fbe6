#include "proto/event_log.h"

#include "proto/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_PREFIX "events.out.tfevents."

/* Fields of the messages, as protocol buffers number them: (number << 3) | wire type. */
enum {
    EVENT_WALL_TIME = 1 << 3 | 1,
    EVENT_STEP = 2 << 3 | 0,
    EVENT_FILE_VERSION = 3 << 3 | 2,
    EVENT_SUMMARY = 5 << 3 | 2,
    EVENT_SESSION_LOG = 7 << 3 | 2,
    SESSION_LOG_STATUS = 1 << 3 | 0,
    SUMMARY_VALUE = 1 << 3 | 2,
    VALUE_TAG = 1 << 3 | 2,
    VALUE_SIMPLE_VALUE = 2 << 3 | 5
};
enum { SESSION_START = 1 };

/* A message being put together. */
struct bytes {
    uint8_t *data;
    size_t size, room;
    bool failed; /* no memory: what follows is not added */
};

static void put(struct bytes *bytes, const void *data, size_t size)
{
    if (bytes->size + size > bytes->room) {
        size_t room = 2 * bytes->room + size + 256;
        uint8_t *grown = bytes->failed ? NULL : realloc(bytes->data, room);
        if (!grown) {
            bytes->failed = true;
            return;
        }
        bytes->data = grown;
        bytes->room = room;
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static void put_little_endian(struct bytes *bytes, uint64_t value, int size)
{
    uint8_t little[8];
    for (int i = 0; i < size; i++) {
        little[i] = (uint8_t)(value >> (8 * i));
    }
    put(bytes, little, (size_t)size);
}

static void put_varint(struct bytes *bytes, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        put_little_endian(bytes, (value & 0x7f) | 0x80, 1);
    }
    put_little_endian(bytes, value, 1);
}

static void put_block(struct bytes *bytes, uint8_t field, const void *data, size_t size)
{
    put_little_endian(bytes, field, 1);
    put_varint(bytes, size);
    put(bytes, data, size);
}

static void put_event(struct bytes *event, double wall_time, int64_t step)
{
    uint64_t bits;
    memcpy(&bits, &wall_time, sizeof bits);
    put_little_endian(event, EVENT_WALL_TIME, 1);
    put_little_endian(event, bits, 8);
    put_little_endian(event, EVENT_STEP, 1);
    put_varint(event, (uint64_t)step);
}

static void put_value(struct bytes *summary, const struct event_scalar *scalar)
{
    struct bytes value = {0};
    float number = (float)scalar->value;
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    put_block(&value, VALUE_TAG, scalar->tag, strlen(scalar->tag));
    put_little_endian(&value, VALUE_SIMPLE_VALUE, 1);
    put_little_endian(&value, bits, 4);
    summary->failed = summary->failed || value.failed;
    if (!value.failed) {
        put_block(summary, SUMMARY_VALUE, value.data, value.size);
    }
    free(value.data);
}

/* CRC-32C (Castagnoli), bit by bit: an event has a few hundred bytes. */
static uint32_t masked_crc(const uint8_t *data, size_t size)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
        }
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* Appends the event as one record; frees it in any case. */
static enum status write_record(struct event_log *log, struct bytes *event, struct error *error)
{
    struct bytes record = {.failed = event->failed};
    put_little_endian(&record, event->size, 8);
    if (!record.failed) {
        put_little_endian(&record, masked_crc(record.data, 8), 4);
        put(&record, event->data, event->size);
        put_little_endian(&record, masked_crc(event->data, event->size), 4);
    }
    enum status status = record.failed
                             ? error_no_memory(error, log->path)
                             : file_write_all(log->descriptor, record.data, record.size, log->path, error);
    if (status == STATUS_OK) {
        log->end += (int64_t)record.size;
    } else if (ftruncate(log->descriptor, (off_t)log->end) != 0 ||
               lseek(log->descriptor, (off_t)log->end, SEEK_SET) < 0) {
        /* Behind half a record no reader finds another. */
        event_log_close(log);
    }
    free(event->data);
    free(record.data);
    return status;
}

/* The seconds in the name of a new file: now, or later where the folder has names of a clock that was ahead.
 */
static long long name_seconds(const char *directory, double wall_time)
{
    long long seconds = (long long)wall_time;
    DIR *folder = opendir(directory);
    for (struct dirent *entry = folder ? readdir(folder) : NULL; entry; entry = readdir(folder)) {
        long long other;
        if (sscanf(entry->d_name, NAME_PREFIX "%10lld.", &other) == 1 && other >= seconds) {
            seconds = other + 1;
        }
    }
    if (folder) {
        closedir(folder);
    }
    return seconds;
}

static enum status write_beginning(struct event_log *log, double wall_time, int64_t step, struct error *error)
{
    static const char version[] = "brain.Event:2";
    static const uint8_t start[] = {SESSION_LOG_STATUS, SESSION_START};
    struct bytes first = {0}, second = {0};
    put_event(&first, wall_time, step);
    put_block(&first, EVENT_FILE_VERSION, version, sizeof version - 1);
    put_event(&second, wall_time, step);
    put_block(&second, EVENT_SESSION_LOG, start, sizeof start);
    enum status status = write_record(log, &first, error);
    if (status != STATUS_OK) {
        free(second.data);
        return status;
    }
    return write_record(log, &second, error);
}

enum status event_log_open(struct event_log *log, const char *directory, double wall_time, int64_t step,
                           struct error *error)
{
    char host[128] = "";
    *log = (struct event_log){.descriptor = -1};
    enum status status = file_make_directory(directory, error);
    if (status != STATUS_OK) {
        return status;
    }
    gethostname(host, sizeof host - 1);
    if (snprintf(log->path, sizeof log->path, "%s/" NAME_PREFIX "%010lld.%s.%ld", directory,
                 name_seconds(directory, wall_time), host, (long)getpid()) >= (int)sizeof log->path) {
        return file_storage_error(error, directory, "naming the file", ENAMETOOLONG);
    }
    status = file_create(log->path, &log->descriptor, error);
    if (status == STATUS_OK) {
        status = write_beginning(log, wall_time, step, error);
    }
    if (status != STATUS_OK) {
        event_log_close(log);
    }
    return status;
}

enum status event_log_scalars(struct event_log *log, double wall_time, int64_t step,
                              const struct event_scalar *scalars, size_t count, struct error *error)
{
    struct bytes event = {0}, summary = {0};
    if (log->descriptor < 0) {
        return error_set(error, STATUS_STORAGE, log->path, NULL, "the event file is not open");
    }
    for (size_t i = 0; i < count; i++) {
        put_value(&summary, &scalars[i]);
    }
    put_event(&event, wall_time, step);
    put_block(&event, EVENT_SUMMARY, summary.data ? summary.data : (const uint8_t *)"", summary.size);
    event.failed = event.failed || summary.failed;
    free(summary.data);
    return write_record(log, &event, error);
}

void event_log_close(struct event_log *log)
{
    if (log->descriptor >= 0) {
        close(log->descriptor);
    }
    log->descriptor = -1;
}
