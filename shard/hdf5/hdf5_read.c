#include "shard/hdf5/hdf5_child.h"
#include "shard/hdf5/hdf5_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- Files --- */

/* Only what can be read at any place; a pipe would be waited for without end. */
static enum status open_descriptor(struct h5_file *file, struct error *error)
{
    struct stat info;
    file->descriptor = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file->descriptor < 0 || fstat(file->descriptor, &info) != 0) {
        return h5_fault(file, error, "cannot open the file: %s", strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return h5_fault(file, error, "cannot open the file: it is no regular file");
    }
    file->bytes = (uint64_t)info.st_size;
    return STATUS_OK;
}

enum status h5_open_file(const char *path, struct h5_file *file, struct error *error)
{
    *file = (struct h5_file){.descriptor = -1};
    int length = snprintf(file->path, sizeof file->path, "%s", path);
    if (length < 0 || (size_t)length >= sizeof file->path) {
        return h5_fault(file, error, "the path is too long");
    }
    enum status status = open_descriptor(file, error);
    if (status == STATUS_OK) {
        status = h5_survey(file->descriptor, file->path, file->bytes, &file->description, error);
    }
    if (status == STATUS_OK && file->description->fault) {
        status = h5_fault(file, error, "%s", file->description->fault);
    }
    if (status != STATUS_OK && !file->description && file->descriptor >= 0) {
        close(file->descriptor);
    }
    if (status != STATUS_OK) {
        h5_release_file(file);
    }
    return status;
}

void h5_release_file(struct h5_file *file)
{
    if (file->description) {
        close(file->descriptor);
    }
    h5_description_free(file->description);
    file->description = NULL;
    file->descriptor = -1;
}

/* --- Objects --- */

static enum status refuse_link(const struct h5_file *file, const char *name, size_t length,
                               enum h5_link_kind kind, struct error *error)
{
    return h5_fault(file, error, "%.*s is %s link, which is refused", (int)length, name,
                    kind == H5_LINK_EXTERNAL ? "an external" : "a soft");
}

/* Where a group could not be listed whole, a link may be there all the same. */
static enum status no_link(const struct h5_file *file, const char *name, const struct h5_object *group,
                           struct error *error)
{
    if (group->kind == H5_KIND_GROUP && group->fault[0] != 0) {
        return h5_fault(file, error, "cannot look up %.100s: a group on the way to it %s", name,
                        group->fault);
    }
    return STATUS_OK;
}

enum status h5_follow(const struct h5_file *file, const char *name, const struct h5_object **object,
                      struct error *error)
{
    const struct h5_description *description = file->description;
    const size_t length = strlen(name);
    uint32_t number = 0;
    *object = NULL;
    if (!description) {
        return error_set(error, STATUS_INTERNAL, file->path, NULL,
                         "%.100s is read of a file that is not open", name);
    }
    if (name[0] != '/' || length >= H5_NAME_SIZE) {
        return h5_fault(file, error, "'%.100s' is not the path of an object", name);
    }
    for (size_t begin = 1, end; begin < length; begin = end + 1) {
        end = begin + strcspn(name + begin, "/");
        const struct h5_link *link = h5_description_link(description, number, name + begin, end - begin);
        if (!link) {
            return no_link(file, name, &description->objects[number], error);
        }
        if (link->kind != H5_LINK_HARD) {
            return refuse_link(file, name, end, link->kind, error);
        }
        number = link->object;
    }
    *object = &description->objects[number];
    if ((*object)->kind == H5_KIND_NONE && (*object)->fault[0] != 0) {
        return h5_fault(file, error, "%.100s %s", name, (*object)->fault);
    }
    return STATUS_OK;
}

enum status h5_find_object(const struct h5_file *file, const char *name, const struct h5_object **object,
                           struct error *error)
{
    enum status status = h5_follow(file, name, object, error);
    if (status == STATUS_OK && !*object) {
        status = h5_fault(file, error, "there is no %s in the file", name);
    }
    return status;
}

enum status h5_kind_of(const struct h5_file *file, const char *name, enum h5_kind *kind, struct error *error)
{
    const struct h5_object *object;
    enum status status = h5_follow(file, name, &object, error);
    *kind = status == STATUS_OK && object ? object->kind : H5_KIND_NONE;
    return status;
}

enum status h5_identity(const struct h5_file *file, const char *name, uint64_t *identity, struct error *error)
{
    const struct h5_object *object;
    enum status status = h5_find_object(file, name, &object, error);
    if (status == STATUS_OK) {
        *identity = object->identity;
    }
    return status;
}

enum status h5_list(const struct h5_file *file, const char *group, char ***names, size_t *count,
                    struct error *error)
{
    const struct h5_object *object;
    *names = NULL;
    *count = 0;
    enum status status = h5_find_object(file, group, &object, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (object->kind != H5_KIND_GROUP) {
        return h5_fault(file, error, "%s is not a group", group);
    }
    if (object->fault[0] != 0) {
        return h5_fault(file, error, "%.100s %s", group, object->fault);
    }
    const struct h5_description *description = file->description;
    const uint32_t number = (uint32_t)(object - description->objects);
    size_t begin, end;
    h5_description_links(description, number, &begin, &end);
    *names = calloc(end - begin + 1, sizeof **names);
    if (!*names) {
        return error_no_memory(error, file->path);
    }
    for (size_t i = begin; i < end && status == STATUS_OK; i++) {
        (*names)[*count] = strdup(description->links[i].name);
        status = (*names)[*count] ? STATUS_OK : error_no_memory(error, file->path);
        *count += status == STATUS_OK;
    }
    if (status != STATUS_OK) {
        h5_list_free(*names, *count);
        *names = NULL;
        *count = 0;
    }
    return status;
}
