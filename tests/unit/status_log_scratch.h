/* What the tests of the status log share. */
#ifndef DAIL_TESTS_UNIT_STATUS_LOG_SCRATCH_H
#define DAIL_TESTS_UNIT_STATUS_LOG_SCRATCH_H

#include "proto/status/status_log.h"
#include "proto/status/status_reader.h"
#include "tests/unit/proto_scratch.h"

static const struct status_log_limits unlimited = {0};

static inline int begin(void **state)
{
    int failed = set_up(state);
    under(*state, "status.jsonl");
    return failed;
}

static inline void put(const char *path, const char *mode, const char *text)
{
    FILE *file = fopen(path, mode);
    fputs(text, file);
    fclose(file);
}

static inline enum status warn(struct status_log *log, const char *what, struct error *error)
{
    const struct status_record record = {.kind = STATUS_KIND_WARNING, .warning = {.what = what}};
    return status_log_write(log, &record, error);
}

/* The next record must be a warning of these words, or of this kind; NULL: there must be none. Returns its seq. */
static inline int64_t expect(struct status_reader *reader, const char *words)
{
    struct status_record record;
    if (!words) {
        assert_false(status_reader_next(reader, &record));
        return -1;
    }
    assert_true(status_reader_next(reader, &record));
    assert_string_equal(record.kind == STATUS_KIND_WARNING ? record.warning.what : record.head.kind, words);
    int64_t seq = record.head.seq;
    status_record_free(&record);
    return seq;
}

#endif
