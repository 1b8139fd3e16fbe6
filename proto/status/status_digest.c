#include "proto/status/status_digest.h"

#include "proto/status/status_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copies are spread over so many pieces of the training: more than a curve on a screen has pixels. */
#define PIECES 2048
#define PIECES_MIN 8
/* And of the newest of each kind there are all of so many in a row: as many as dail tail draws. */
#define NEWEST(pieces) ((pieces) / 8)

struct digest {
    struct status_record *records;
    size_t count, room;
};

/* --- What may be in it --- */

/* Of which step a record tells; -1: of none. */
static int64_t step_of(const struct status_record *record)
{
    switch (record->kind) {
    case STATUS_KIND_STEP:
        return record->step.step;
    case STATUS_KIND_EVAL:
        return record->eval.step;
    case STATUS_KIND_GROUPS:
        return record->groups.step;
    case STATUS_KIND_CHECKPOINT:
        return record->checkpoint.step;
    default:
        return -1;
    }
}

static void strip(struct status_record *record)
{
    if (record->kind == STATUS_KIND_STEP) {
        free(record->step.workers.at);
        record->step.workers.at = NULL;
        record->step.workers.count = 0;
        free(record->texts); /* nothing else in it is a text */
        record->texts = NULL;
        record->head.kind = NULL;
    } else if (record->kind == STATUS_KIND_START) {
        free(record->start.workers.at);
        free(record->start.datasets.at);
        record->start.workers.at = NULL;
        record->start.datasets.at = NULL;
        record->start.workers.count = record->start.datasets.count = 0;
    }
}

/* Of the newest of a kind alone the lists are kept. */
static void strip_older(struct digest *digest, enum status_kind kind)
{
    bool has_lists = kind == STATUS_KIND_STEP || kind == STATUS_KIND_START;
    for (size_t i = digest->count; has_lists && i > 0; i--) {
        if (digest->records[i - 1].kind == kind) {
            strip(&digest->records[i - 1]);
            return;
        }
    }
}

static bool is_replaced(const struct status_record *old, const struct status_record *record)
{
    return record->kind == STATUS_KIND_START ? step_of(old) > record->start.step
                                             : record->kind == STATUS_KIND_PLAN && old->kind == record->kind;
}

/* Removes what `record` takes the place of. */
static void make_way(struct digest *digest, const struct status_record *record)
{
    size_t kept = 0;
    if (record->kind != STATUS_KIND_START && record->kind != STATUS_KIND_PLAN) {
        return;
    }
    for (size_t i = 0; i < digest->count; i++) {
        if (is_replaced(&digest->records[i], record)) {
            status_record_free(&digest->records[i]);
            continue;
        }
        if (kept < i) {
            digest->records[kept] = digest->records[i];
        }
        kept++;
    }
    digest->count = kept;
}

/* Takes over the record. False: no memory. */
static bool take(struct digest *digest, struct status_record *record)
{
    if (record->kind == STATUS_KIND_UNKNOWN) {
        status_record_free(record);
        return true;
    }
    make_way(digest, record);
    strip_older(digest, record->kind);
    if (digest->count == digest->room) {
        size_t room = 2 * digest->room + 256;
        struct status_record *grown = realloc(digest->records, room * sizeof *grown);
        if (!grown) {
            status_record_free(record);
            return false;
        }
        digest->records = grown;
        digest->room = room;
    }
    digest->records[digest->count++] = *record;
    return true;
}

static enum status read_all(struct digest *digest, int descriptor, struct error *error)
{
    struct status_reader reader;
    struct status_record record;
    bool taken = status_reader_open_descriptor(&reader, descriptor);
    while (taken && status_reader_next(&reader, &record)) {
        taken = take(digest, &record);
    }
    status_reader_close(&reader);
    return taken ? STATUS_OK : error_no_memory(error, "the status log's digest");
}

/* --- What is in it --- */

struct choice {
    int pieces;
    int64_t steps; /* the highest step there is, and one */
    int64_t last[STATUS_KINDS]; /* the step that stands for the piece before */
    size_t newer[STATUS_KINDS]; /* records of the kind behind this one */
    const struct status_record *first_start;
};

static int64_t piece_of(const struct choice *choice, int64_t step)
{
    return (int64_t)((double)step / (double)choice->steps * choice->pieces);
}

/* Called from the last record to the first. */
static bool is_chosen(struct choice *choice, const struct status_record *record)
{
    enum status_kind kind = record->kind;
    int64_t step = step_of(record), last = choice->last[kind];
    bool newest = choice->newer[kind]++ < (size_t)NEWEST(choice->pieces);
    if (step < 0) {
        return newest || record == choice->first_start;
    }
    /* The last step of a piece stands for it, with the scores of all sets. */
    bool stands = last < 0 || step == last || piece_of(choice, step) < piece_of(choice, last);
    if (stands) {
        choice->last[kind] = step;
    }
    return newest || stands;
}

static bool *choose(const struct digest *digest, int pieces)
{
    struct choice choice = {.pieces = pieces, .steps = 1};
    bool *chosen = calloc(digest->count + 1, sizeof *chosen);
    for (int kind = 0; kind < STATUS_KINDS; kind++) {
        choice.last[kind] = -1;
    }
    for (size_t i = 0; i < digest->count; i++) {
        int64_t step = step_of(&digest->records[i]);
        choice.steps = step >= choice.steps ? step + 1 : choice.steps;
        if (!choice.first_start && digest->records[i].kind == STATUS_KIND_START) {
            choice.first_start = &digest->records[i];
        }
    }
    for (size_t i = digest->count; chosen && i > 0; i--) {
        chosen[i - 1] = is_chosen(&choice, &digest->records[i - 1]);
    }
    return chosen;
}

/* The lines of what is chosen; NULL: no memory. */
static char *render(const struct digest *digest, int pieces, size_t *size)
{
    char *text = NULL;
    bool *chosen = choose(digest, pieces);
    FILE *out = chosen ? open_memstream(&text, size) : NULL;
    bool whole = out;
    for (size_t i = 0; whole && i < digest->count; i++) {
        char *line = chosen[i] ? status_record_line(&digest->records[i]) : NULL;
        whole = !chosen[i] || (line && fputs(line, out) >= 0 && fputc('\n', out) != EOF);
        free(line);
    }
    free(chosen);
    if (out && fclose(out) != 0) {
        whole = false;
    }
    if (!whole) {
        free(text);
        text = NULL;
    }
    return text;
}

enum status status_digest_make(int descriptor, size_t budget, char **text, size_t *size, struct error *error)
{
    struct digest digest = {0};
    *text = NULL;
    enum status status = read_all(&digest, descriptor, error);
    for (int pieces = PIECES; status == STATUS_OK && pieces >= PIECES_MIN; pieces /= 2) {
        free(*text);
        *text = render(&digest, pieces, size);
        if (!*text) {
            status = error_no_memory(error, "the status log's digest");
        } else if (*size <= budget) {
            break;
        }
    }
    for (size_t i = 0; i < digest.count; i++) {
        status_record_free(&digest.records[i]);
    }
    free(digest.records);
    return status;
}
