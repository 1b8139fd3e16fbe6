#include "worker/interchange/state_dict_names.h"

#include "proto/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* So many names are told. */
#define NAMES_TOLD 3
/* What every iresnet has; what stands before it stands before all its names. */
#define ANCHOR "layer1.0.conv1.weight"

void state_dict_list_add(struct state_dict_list *list, const char *name)
{
    size_t used = strlen(list->text);
    if (list->count++ < NAMES_TOLD) {
        snprintf(list->text + used, sizeof list->text - used, "%s%.48s", used > 0 ? ", " : "", name);
    }
}

void state_dict_list_end(struct state_dict_list *list)
{
    size_t used = strlen(list->text);
    if (list->count > NAMES_TOLD) {
        snprintf(list->text + used, sizeof list->text - used, " and %zu more", list->count - NAMES_TOLD);
    }
}

/* Whether a name is of a part that an iresnet has, whatever it is there. */
static bool is_of_iresnet(const char *name)
{
    static const char *const parts[] = {"conv1",  "bn1", "prelu",   "layer1", "layer2",  "layer3",
                                        "layer4", "bn2", "dropout", "fc",     "features"};
    const size_t length = strcspn(name, ".");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strlen(parts[i]) == length && strncmp(name, parts[i], length) == 0) {
            return true;
        }
    }
    return false;
}

/* Length of what stands before an iresnet's first block; SIZE_MAX where this is another array. */
static size_t prefix_length(const char *name)
{
    if (!text_ends_with(name, ANCHOR)) {
        return SIZE_MAX;
    }
    const size_t length = strlen(name) - strlen(ANCHOR);
    return length == 0 || name[length - 1] == '.' ? length : SIZE_MAX;
}

static enum status find_prefix(const struct safetensors_array *arrays, size_t count, const char *path,
                               bool *found, char prefix[256], struct error *error)
{
    *found = false;
    for (size_t i = 0; i < count; i++) {
        const size_t length = prefix_length(arrays[i].name);
        if (length == SIZE_MAX) {
            continue;
        }
        if (*found) {
            return error_set(
                error, STATUS_DATA, path, "keep one of them in the file",
                "it has two networks, the names of one beginning with '%.80s', of another with '%.*s'",
                prefix, (int)(length < 80 ? length : 80), arrays[i].name);
        }
        snprintf(prefix, 256, "%.*s", (int)length, arrays[i].name);
        *found = true;
    }
    return STATUS_OK;
}

enum status state_dict_names_take(struct safetensors_array *arrays, size_t *count, const char *path,
                                  struct state_dict_naming *naming, struct error *error)
{
    bool found;
    size_t kept = 0;
    *naming = (struct state_dict_naming){0};
    enum status status = find_prefix(arrays, *count, path, &found, naming->prefix, error);
    if (status != STATUS_OK || !found) {
        return status;
    }
    const size_t length = strlen(naming->prefix);
    for (size_t i = 0; i < *count; i++) {
        char *name = arrays[i].name;
        if (strncmp(name, naming->prefix, length) != 0 || !is_of_iresnet(name + length)) {
            state_dict_list_add(&naming->left, name);
            continue;
        }
        memmove(name, name + length, strlen(name + length) + 1);
        if (kept != i) {
            arrays[kept] = arrays[i];
        }
        kept++;
    }
    state_dict_list_end(&naming->left);
    *count = kept;
    return STATUS_OK;
}

void state_dict_naming_format(const struct state_dict_naming *naming, char *text, size_t size)
{
    const bool prefix = naming->prefix[0] != '\0', left = naming->left.count > 0;
    snprintf(text, size, "%s%.80s%s%s%s%s", prefix ? "its names were taken without '" : "", naming->prefix,
             prefix ? "'" : "", prefix && left ? "; " : "",
             left ? "what is not an iresnet's was left out: " : "", naming->left.text);
}
