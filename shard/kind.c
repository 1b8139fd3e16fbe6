#include "shard/kind.h"

#include "proto/file.h"
#include "shard/hdf5/hdf5.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NEXT "name a shard, a manifest, a verification set, a checkpoint, a run or a status log"

static enum status kind_of_hdf5(const char *path, enum kind *kind, struct error *error)
{
    struct h5_file file;
    char format[64] = "";
    bool has = false;
    enum status status = h5_open_file(path, &file, error);
    if (status == STATUS_OK)
        status = h5_has_attribute(&file, "/", "dail_format", &has, error);
    if (status == STATUS_OK && has)
        status = h5_get_string(&file, "/", "dail_format", format, sizeof format, error);
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
    if (has_file(path, "state.yaml") || has_file(path, "COMMIT"))
        *kind = KIND_CHECKPOINT;
    else if (has_file(path, "status.jsonl") || has_file(path, "checkpoints"))
        *kind = KIND_RUN;
    else
        return error_set(error, STATUS_DATA, path, NEXT, "the folder is neither a checkpoint nor a run");
    return STATUS_OK;
}

enum status kind_of_path(const char *path, enum kind *kind, struct error *error)
{
    static const char hdf5[8] = {'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};
    char head[512] = "";
    if (file_is_directory(path))
        return kind_of_directory(path, kind, error);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return file_data_error(error, path, errno);
    size_t count = fread(head, 1, sizeof head - 1, file);
    fclose(file);
    if (count >= sizeof hdf5 && memcmp(head, hdf5, sizeof hdf5) == 0)
        return kind_of_hdf5(path, kind, error);
    if (head[0] == '{')
        *kind = KIND_STATUS;
    else if (strstr(head, "dail_format") != NULL)
        *kind = KIND_MANIFEST;
    else
        return error_set(error, STATUS_DATA, path, NEXT, "this is no file of ours");
    return STATUS_OK;
}
