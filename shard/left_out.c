#include "shard/left_out.h"

#include "proto/file.h"
#include "shard/image/image_format.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is said: "<one>" of a single one, "<many>" of several. */
static const struct reason {
    const char *what; /* in the list */
    const char *one, *many, *why;
    bool vanishes; /* an identity that nobody asked to be left out */
} reasons[LEFT_OUT_REASONS] = {
    [LEFT_OUT_BAD_IMAGE] = {"image", "image", "images", "that cannot be decoded", false},
    [LEFT_OUT_BAD_EARLIER] = {"image", "image", "images",
                              "that could not be decoded before this packing was broken off", false},
    [LEFT_OUT_BAD_PAIR] = {"pair", "pair", "pairs", "of a bad image", false},
    [LEFT_OUT_NOT_READ] = {"file", "image", "images", "of a kind that is not read", false},
    [LEFT_OUT_OTHER_ENDING] = {"file", "file", "files", "that by its ending is no image", false},
    [LEFT_OUT_NO_ENDING] = {"file", "file", "files", "without an ending", false},
    [LEFT_OUT_DEAD_LINK] = {"link", "link", "links", "leading nowhere", false},
    [LEFT_OUT_SPECIAL] = {"file", "entry", "entries", "that is no plain file", false},
    [LEFT_OUT_BESIDE] = {"file", "file", "files", "beside the identities' folders", false},
    [LEFT_OUT_DEEPER] = {"folder", "folder", "folders", "inside an identity's folder, with all that is in it",
                         false},
    [LEFT_OUT_NOT_NAMED] = {"image", "image", "images", "that the table of faces does not name", false},
    [LEFT_OUT_TORN] = {"record", "torn place", "torn places", "in the file", false},
    [LEFT_OUT_NO_IMAGE] = {"record", "record", "records", "without an image", false},
    [LEFT_OUT_UNLABELLED] = {"image", "image", "images", "without a label that can be read", false},
    [LEFT_OUT_NOT_LISTED] = {"record", "record", "records", "that the index does not list", false},
    [LEFT_OUT_NO_LABEL] = {"label", "label", "labels", "that no image has", false},
    [LEFT_OUT_EMPTY] = {"identity", "identity", "identities", "without an image that is read", true},
    [LEFT_OUT_FEW] = {"identity", "identity", "identities", "with fewer images than wanted", false},
    [LEFT_OUT_EXCLUDED] = {"identity", "identity", "identities", "to be excluded", false},
    [LEFT_OUT_NOT_INCLUDED] = {"identity", "identity", "identities", "not to be included", false},
    [LEFT_OUT_EXCLUDED_IMAGE] = {"image", "image", "images", "to be excluded", false},
    [LEFT_OUT_MANY] = {"image", "image", "images", "more than an identity's most", false},
    [LEFT_OUT_EMPTIED] = {"identity", "identity", "identities",
                          "of bad images alone, whose label stays empty", false},
};

static void add_item(struct left_out *left_out, enum left_out_reason reason, const char *name,
                     const char *detail)
{
    if (left_out->item_count == left_out->capacity) {
        size_t capacity = left_out->capacity == 0 ? 64 : left_out->capacity * 2;
        struct left_out_item *larger = realloc(left_out->items, capacity * sizeof *larger);
        if (!larger) {
            left_out->failed = true;
            return;
        }
        left_out->items = larger;
        left_out->capacity = capacity;
    }
    struct left_out_item *item = &left_out->items[left_out->item_count++];
    *item = (struct left_out_item){reason, strdup(name), detail ? strdup(detail) : NULL};
    left_out->failed = left_out->failed || !item->name || (detail && !item->detail);
}

void left_out_count(struct left_out *left_out, enum left_out_reason reason, uint64_t count)
{
    if (left_out) {
        left_out->count[reason] += count;
    }
}

void left_out_add(struct left_out *left_out, enum left_out_reason reason, const char *name,
                  const char *detail)
{
    if (!left_out) {
        return;
    }
    left_out->count[reason]++;
    left_out->vanished += reasons[reason].vanishes;
    if (left_out->listed || (reasons[reason].vanishes && left_out->item_count < LEFT_OUT_NAMES)) {
        add_item(left_out, reason, name, detail);
    }
}

static void add_group(struct left_out *left_out, enum left_out_reason reason, const char *ending)
{
    char what[sizeof left_out->groups->what];
    size_t at = 0;
    for (; at + 1 < sizeof what && ending[at]; at++) {
        what[at] = (char)(isprint((unsigned char)ending[at]) ? tolower((unsigned char)ending[at]) : '?');
    }
    what[at] = 0;
    for (size_t i = 0; i < LEFT_OUT_GROUPS; i++) {
        struct left_out_group *group = &left_out->groups[i];
        if (group->count == 0) {
            group->reason = reason;
            strcpy(group->what, what);
        }
        if (group->reason == reason && strcmp(group->what, what) == 0) {
            group->count++;
            return;
        }
    }
}

void left_out_file(struct left_out *left_out, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *ending = strrchr(name, '.');
    enum left_out_reason reason = !ending                      ? LEFT_OUT_NO_ENDING
                                  : image_format_of_name(name) ? LEFT_OUT_NOT_READ
                                                               : LEFT_OUT_OTHER_ENDING;
    if (!left_out) {
        return;
    }
    if (ending) {
        add_group(left_out, reason, ending);
    }
    left_out_add(left_out, reason, path, NULL);
}

/* --- What is said --- */

static void say_groups(const struct left_out *left_out, enum left_out_reason reason, FILE *stream)
{
    const char *before = " (";
    uint64_t told = 0;
    for (size_t i = 0; i < LEFT_OUT_GROUPS; i++) {
        const struct left_out_group *group = &left_out->groups[i];
        if (group->count > 0 && group->reason == reason) {
            fprintf(stream, "%s%s %" PRIu64, before, group->what, group->count);
            before = ", ";
            told += group->count;
        }
    }
    if (told > 0 && told < left_out->count[reason]) {
        fprintf(stream, ", others %" PRIu64, left_out->count[reason] - told);
    }
    fputs(told > 0 ? ")" : "", stream);
}

char *left_out_sentence(const struct left_out *left_out)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    const char *before = "left out: ";
    if (!stream) {
        return NULL;
    }
    for (enum left_out_reason reason = 0; reason < LEFT_OUT_REASONS; reason++) {
        const uint64_t count = left_out->count[reason];
        if (count > 0) {
            fprintf(stream, "%s%" PRIu64 " %s %s", before, count,
                    count == 1 ? reasons[reason].one : reasons[reason].many, reasons[reason].why);
            say_groups(left_out, reason, stream);
            before = "; ";
        }
    }
    if (before[0] == 'l') {
        fprintf(stream, "%snothing", before);
    }
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

char *left_out_vanished(const struct left_out *left_out)
{
    char *text = NULL;
    size_t size;
    uint64_t named = 0;
    FILE *stream = left_out->vanished > 0 ? open_memstream(&text, &size) : NULL;
    if (!stream) {
        return NULL;
    }
    fprintf(stream, "%" PRIu64 " %s left out for want of an image that is read: ", left_out->vanished,
            left_out->vanished == 1 ? "identity is" : "identities are");
    for (size_t i = 0; i < left_out->item_count && named < LEFT_OUT_NAMES; i++) {
        if (reasons[left_out->items[i].reason].vanishes && left_out->items[i].name) {
            fprintf(stream, "%s%.100s", named++ == 0 ? "" : ", ", left_out->items[i].name);
        }
    }
    if (named < left_out->vanished) {
        fprintf(stream, " and %" PRIu64 " more", left_out->vanished - named);
    }
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* In a column: nothing that ends it. */
static void write_column(FILE *stream, const char *text)
{
    for (; *text; text++) {
        fputc(iscntrl((unsigned char)*text) ? '?' : *text, stream);
    }
}

enum status left_out_write(const struct left_out *left_out, const char *path, struct error *error)
{
    char *text = NULL;
    size_t size;
    FILE *stream = left_out->failed ? NULL : open_memstream(&text, &size);
    if (!stream) {
        return error_no_memory(error, path);
    }
    fputs("what\tname\twhy\n", stream);
    for (size_t i = 0; i < left_out->item_count; i++) {
        const struct left_out_item *item = &left_out->items[i];
        fprintf(stream, "%s\t", reasons[item->reason].what);
        write_column(stream, item->name);
        fprintf(stream, "\t%s%s", reasons[item->reason].why, item->detail ? ": " : "");
        write_column(stream, item->detail ? item->detail : "");
        fputc('\n', stream);
    }
    return file_write_printed(path, stream, &text, &size, error);
}

void left_out_free(struct left_out *left_out)
{
    for (size_t i = 0; i < left_out->item_count; i++) {
        free(left_out->items[i].name);
        free(left_out->items[i].detail);
    }
    free(left_out->items);
    *left_out = (struct left_out){0};
}
