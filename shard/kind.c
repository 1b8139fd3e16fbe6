#include "shard/kind.h"

#include "proto/file.h"
#include "proto/text.h"
#include "shard/hdf5/hdf5.h"
#include "shard/image/image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NEXT "name a file or folder that dail or daild has written"
/* Of a file, to tell what it is: a configuration may begin with comments. */
#define HEAD_BYTES 8192

static enum status kind_of_hdf5(const char *path, enum kind *kind, struct error *error)
{
    struct h5_file file;
    char format[64] = "";
    bool has = false;
    enum status status = h5_open_file(path, &file, error);
    if (status == STATUS_OK) {
        status = h5_has_attribute(&file, "/", "dail_format", &has, error);
    }
    if (status == STATUS_OK && has) {
        status = h5_get_string(&file, "/", "dail_format", format, sizeof format, error);
    }
    h5_close_file(&file, NULL);
    *kind = strcmp(format, "shard") == 0 ? KIND_SHARD : strcmp(format, "pairs") == 0 ? KIND_PAIRS : KIND_HDF5;
    return status;
}

static bool has_file(const char *directory, const char *name)
{
    char path[PATH_SIZE];
    return file_join(directory, name, path, NULL) == STATUS_OK && file_exists(path);
}

static enum status kind_of_directory(const char *path, enum kind *kind, struct error *error)
{
    if (has_file(path, "state.yaml") || has_file(path, "COMMIT")) {
        *kind = KIND_CHECKPOINT;
    } else if (has_file(path, "status.jsonl") || has_file(path, "checkpoints")) {
        *kind = KIND_RUN;
    } else if (has_file(path, "job") && has_file(path, "finished")) {
        *kind = KIND_PACKING;
    } else {
        return error_set(error, STATUS_DATA, path, NEXT, "the folder is no checkpoint, run or packing");
    }
    return STATUS_OK;
}

/* --- By the first bytes --- */

/* What a file begins with: `size` bytes of it, and a zero byte. */
struct head {
    const char *path;
    size_t size;
    char text[HEAD_BYTES + 1];
};

static bool begins_with(const struct head *head, const char *text)
{
    return strncmp(head->text, text, strlen(text)) == 0;
}

static bool has_line(const struct head *head, const char *begin)
{
    for (const char *at = head->text; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, begin, strlen(begin)) == 0) {
            return true;
        }
    }
    return false;
}

/* A length of the header, and the header: JSON. */
static bool is_safetensors(const struct head *head)
{
    return head->size > 9 && head->text[8] == '{' && head->text[6] == 0 && head->text[7] == 0;
}

/* The format's version, a field that is a number, and then a text. */
static bool is_onnx(const struct head *head)
{
    return head->size > 4 && head->text[0] == 0x08 && (head->text[2] == 0x12 || head->text[2] == 0x3a);
}

/* An archive whose first entry is the pickle. */
static bool is_torch(const struct head *head)
{
    return begins_with(head, "PK\3\4") && memmem(head->text, head->size, "/data.pkl", 9);
}

/* The first record is the format's version: behind its length, crc and time, and a step where it has one. */
static bool is_events(const struct head *head)
{
    return memmem(head->text, head->size < 64 ? head->size : 64, "brain.Event:", 12);
}

/* "2026-11-28 19:10:24 ..." */
static bool is_log(const struct head *head)
{
    int year, month, day, hour, minute, second;
    return sscanf(head->text, "%4d-%2d-%2d %2d:%2d:%2d ", &year, &month, &day, &hour, &minute, &second) == 6;
}

static bool is_picture(const struct head *head)
{
    return image_sniff((const uint8_t *)head->text, head->size) != IMAGE_UNKNOWN ||
           (strstr(head->text, "<svg") && head->text[0] == '<');
}

static bool is_status(const struct head *head)
{
    return head->text[0] == '{';
}

static bool is_state(const struct head *head)
{
    return has_line(head, "dail_format: state");
}

static bool is_commit(const struct head *head)
{
    return has_line(head, "dail_format: checkpoint");
}

static bool is_manifest(const struct head *head)
{
    return strstr(head->text, "dail_format");
}

/* How shard/identity/overlap_list.h's header begins, which is of a room above. */
static bool is_overlap(const struct head *head)
{
    return begins_with(head, "dataset_a\tidentity_a\t");
}

static bool is_roc(const struct head *head)
{
    return begins_with(head, "model,set,far,tar,threshold\n");
}

static bool is_page(const struct head *head)
{
    return begins_with(head, "<!doctype html") || begins_with(head, "<!DOCTYPE html");
}

/* Groups of keys from the first line on that is no comment. */
static bool is_config(const struct head *head)
{
    const char *at = head->text;
    while (*at == '#' || *at == '\n' || *at == '\r') {
        at += *at == '#' ? strcspn(at, "\n") : 1;
    }
    at += strspn(at, "abcdefghijklmnopqrstuvwxyz_");
    return at[0] == ':' && has_line(head, "data:") && (has_line(head, "run:") || has_line(head, "model:"));
}

static bool is_class_names(const struct head *head)
{
    return text_ends_with(head->path, "classes.txt") && !memchr(head->text, 0, head->size);
}

enum status kind_of_path(const char *path, enum kind *kind, struct error *error)
{
    static const struct {
        bool (*is)(const struct head *head);
        enum kind kind;
    } kinds[] = {
        {is_safetensors, KIND_SAFETENSORS},
        {is_onnx, KIND_ONNX},
        {is_torch, KIND_TORCH},
        {is_events, KIND_EVENTS},
        {is_page, KIND_PAGE},
        {is_picture, KIND_PICTURE},
        {is_status, KIND_STATUS},
        {is_state, KIND_STATE},
        {is_commit, KIND_COMMIT},
        {is_manifest, KIND_MANIFEST},
        {is_overlap, KIND_OVERLAP},
        {is_roc, KIND_ROC},
        {is_log, KIND_LOG},
        {is_class_names, KIND_CLASS_NAMES},
        {is_config, KIND_CONFIG},
    };
    static const char hdf5[8] = {'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};
    struct head head = {.path = path};
    if (file_is_directory(path)) {
        return kind_of_directory(path, kind, error);
    }
    FILE *file = fopen(path, "rb");
    if (!file) {
        return file_data_error(error, path, errno);
    }
    head.size = fread(head.text, 1, HEAD_BYTES, file);
    fclose(file);
    if (head.size >= sizeof hdf5 && memcmp(head.text, hdf5, sizeof hdf5) == 0) {
        return kind_of_hdf5(path, kind, error);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].is(&head)) {
            *kind = kinds[i].kind;
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_DATA, path, NEXT, "this is no file of ours");
}
