#include "shard/manifest.h"

#include "proto/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PACK_AGAIN "pack the dataset again"

/* --- Checks --- */

/* A file beside the manifest: a plain relative path that does not lead out of its directory. */
static bool file_is_safe(const char *file)
{
    if (file[0] == 0 || file[0] == '/' || strlen(file) >= 512) {
        return false;
    }
    for (const char *part = file; part; part = strchr(part, '/'), part = part ? part + 1 : NULL) {
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == 0)) {
            return false;
        }
    }
    return true;
}

static int compare_files(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static enum status check_twice(const struct manifest *manifest, struct error *error)
{
    char **files = malloc((size_t)manifest->shard_count * sizeof *files);
    if (!files) {
        return error_no_memory(error, manifest->path);
    }
    for (uint32_t i = 0; i < manifest->shard_count; i++) {
        files[i] = manifest->shards[i].file;
    }
    qsort(files, manifest->shard_count, sizeof *files, compare_files);
    enum status status = STATUS_OK;
    for (uint32_t i = 1; i < manifest->shard_count && status == STATUS_OK; i++) {
        if (strcmp(files[i - 1], files[i]) == 0) {
            status = error_set(error, STATUS_DATA, manifest->path, PACK_AGAIN,
                               "shard file %s is listed twice", files[i]);
        }
    }
    free(files);
    return status;
}

static enum status check_shards(const struct manifest *manifest, struct error *error)
{
    uint64_t images = 0;
    for (uint32_t i = 0; i < manifest->shard_count; i++) {
        const struct manifest_shard *shard = &manifest->shards[i];
        if (!shard->file || !file_is_safe(shard->file)) {
            return error_set(error, STATUS_DATA, manifest->path, "list files below the manifest's folder",
                             "shard %u has the file '%.100s', which leads elsewhere", i,
                             !shard->file ? "" : shard->file);
        }
        if (shard->images == 0 || shard->bytes == 0) {
            return error_set(error, STATUS_DATA, manifest->path, PACK_AGAIN,
                             "shard %u has %u images in %llu bytes", i, shard->images,
                             (unsigned long long)shard->bytes);
        }
        images += shard->images;
    }
    if (images != manifest->images) {
        return error_set(error, STATUS_DATA, manifest->path, PACK_AGAIN,
                         "the shards have %llu images together and 'images' says %llu",
                         (unsigned long long)images, (unsigned long long)manifest->images);
    }
    return check_twice(manifest, error);
}

enum status manifest_is_valid(const struct manifest *manifest, struct error *error)
{
    const char *path = manifest->path;
    if (!shard_name_is_valid(manifest->name)) {
        return error_set(error, STATUS_DATA, path, PACK_AGAIN, "'%.100s' is no name for a dataset",
                         manifest->name);
    }
    if (manifest->image_size < 1 || manifest->image_size > IMAGE_SIDE_MAX) {
        return error_set(error, STATUS_DATA, path, PACK_AGAIN, "image_size is %d", manifest->image_size);
    }
    if (!shard_encoding_name(manifest->encoding)) {
        return error_set(error, STATUS_DATA, path, PACK_AGAIN, "the encoding is neither JPEG nor PNG");
    }
    if (manifest->classes == 0 || manifest->shard_count == 0) {
        return error_set(error, STATUS_DATA, path, PACK_AGAIN, "there are %u classes and %u shards",
                         manifest->classes, manifest->shard_count);
    }
    const size_t digits = strspn(manifest->fingerprint, "0123456789abcdef");
    if (manifest->fingerprint[digits] != '\0' || (digits > 0 && digits != MANIFEST_FINGERPRINT_SIZE - 1)) {
        return error_set(error, STATUS_DATA, path, PACK_AGAIN,
                         "the fingerprint '%s' is not 16 hexadecimal digits", manifest->fingerprint);
    }
    if (manifest->class_names && !file_is_safe(manifest->class_names)) {
        return error_set(error, STATUS_DATA, path, "keep class_names in the manifest's folder",
                         "class_names is '%.100s', which leads elsewhere", manifest->class_names);
    }
    return check_shards(manifest, error);
}

/* --- What it lists --- */

void manifest_close(struct manifest *manifest)
{
    for (uint32_t i = 0; manifest->shards && i < manifest->shard_count; i++) {
        free(manifest->shards[i].file);
        free(manifest->shards[i].left_out);
    }
    free(manifest->shards);
    free(manifest->class_names);
    free(manifest->source);
    memset(manifest, 0, sizeof *manifest);
}

/* How many of those that are left out come before the image. */
static uint32_t count_before(const struct manifest_shard *shard, uint32_t image)
{
    uint32_t low = 0, high = shard->left_out_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (shard->left_out[middle] < image) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool manifest_shard_lacks(const struct manifest_shard *shard, uint32_t image)
{
    const uint32_t before = count_before(shard, image);
    return before < shard->left_out_count && shard->left_out[before] == image;
}

uint32_t manifest_shard_image(const struct manifest_shard *shard, uint32_t kept)
{
    uint32_t low = 0, high = shard->left_out_count;
    /* left_out[j] - j images are kept before left_out[j]. */
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (shard->left_out[middle] - middle <= kept) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return kept + low;
}

uint64_t manifest_kept(const struct manifest *manifest)
{
    uint64_t kept = manifest->images;
    for (uint32_t i = 0; i < manifest->shard_count; i++) {
        kept -= manifest->shards[i].left_out_count;
    }
    return kept;
}

static enum status check_shard(const struct manifest *manifest, uint32_t index, const struct shard *shard,
                               struct error *error)
{
    const struct manifest_shard *listed = &manifest->shards[index];
    struct stat file;
    if (strcmp(shard->dataset, manifest->name) != 0) {
        return error_set(error, STATUS_DATA, shard->path, PACK_AGAIN,
                         "the shard is of dataset %s and the manifest of %s", shard->dataset, manifest->name);
    }
    if (shard->shard != index || shard->shards != manifest->shard_count) {
        return error_set(error, STATUS_DATA, shard->path, PACK_AGAIN,
                         "this is shard %u of %u where the manifest means %u of %u", shard->shard,
                         shard->shards, index, manifest->shard_count);
    }
    if (shard->classes != manifest->classes || shard->images != listed->images) {
        return error_set(error, STATUS_DATA, shard->path, PACK_AGAIN,
                         "the shard has %u classes and %u images, the manifest says %u and %u",
                         shard->classes, shard->images, manifest->classes, listed->images);
    }
    if (manifest->encoding != IMAGE_UNKNOWN && shard->encoding != manifest->encoding) {
        return error_set(error, STATUS_DATA, shard->path, PACK_AGAIN,
                         "the shard's encoding is %s, the manifest's %s",
                         shard_encoding_name(shard->encoding), shard_encoding_name(manifest->encoding));
    }
    if (stat(shard->path, &file) != 0 || (uint64_t)file.st_size != listed->bytes) {
        return error_set(error, STATUS_DATA, shard->path, "restore the file from a copy, or " PACK_AGAIN,
                         "the file has not the %llu bytes that the manifest says",
                         (unsigned long long)listed->bytes);
    }
    if (listed->index != 0 && listed->index != shard_index_crc(shard)) {
        return error_set(
            error, STATUS_DATA, shard->path, "restore the file from a copy, or " PACK_AGAIN,
            "the file is another than the one that the manifest lists: it has as many bytes, but "
            "other images or labels (crc of its index %08x, in the manifest %08x)",
            shard_index_crc(shard), listed->index);
    }
    return STATUS_OK;
}

enum status manifest_open_shard(const struct manifest *manifest, uint32_t index, struct shard *shard,
                                struct error *error)
{
    char path[PATH_SIZE];
    memset(shard, 0, sizeof *shard);
    if (index >= manifest->shard_count) {
        return error_set(error, STATUS_INTERNAL, manifest->path, NULL, "shard %u of %u is asked for", index,
                         manifest->shard_count);
    }
    enum status status = file_join(manifest->directory, manifest->shards[index].file, path, error);
    if (status == STATUS_OK) {
        status = shard_open(path, shard, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = check_shard(manifest, index, shard, error);
    if (status != STATUS_OK) {
        shard_close(shard);
    }
    return status;
}

/* The next line of the text from `line` on, ended in place; the one after it begins at the result. */
static char *end_line(char *line, char *text_end)
{
    char *end = memchr(line, '\n', (size_t)(text_end - line));
    end = !end ? text_end : end;
    *end = 0;
    return end + 1;
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; names && i < count; i++) {
        free(names[i]);
    }
    free(names);
}

/* `count` names, as many as there are lines. */
static enum status copy_names(const char *path, char *text, size_t size, size_t count, char ***names,
                              struct error *error)
{
    char *line = text;
    *names = calloc(count, sizeof **names);
    for (size_t i = 0; *names && i < count; i++) {
        char *next = end_line(line, text + size);
        (*names)[i] = strdup(line);
        if (!(*names)[i]) {
            free_names(*names, i);
            *names = NULL;
        }
        line = next;
    }
    if (!*names) {
        return error_no_memory(error, path);
    }
    return STATUS_OK;
}

/* The last one may lack its end. */
static size_t count_lines(const char *text, size_t size)
{
    size_t count = size > 0 && text[size - 1] != '\n';
    for (size_t i = 0; i < size; i++) {
        count += text[i] == '\n';
    }
    return count;
}

enum status manifest_class_names(const struct manifest *manifest, char ***names, struct error *error)
{
    char path[PATH_SIZE];
    char *text;
    size_t size;
    *names = NULL;
    if (!manifest->class_names) {
        return error_set(error, STATUS_DATA, manifest->path, NULL,
                         "the manifest names no file of class names");
    }
    enum status status = file_join(manifest->directory, manifest->class_names, path, error);
    if (status == STATUS_OK) {
        status = file_read(path, (size_t)1 << 32, &text, &size, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    size_t count = count_lines(text, size);
    if (count != manifest->classes) {
        status =
            error_set(error, STATUS_DATA, path, PACK_AGAIN,
                      "there are %zu names of classes, one a line, and %u classes", count, manifest->classes);
    } else {
        status = copy_names(path, text, size, count, names, error);
    }
    free(text);
    return status;
}
