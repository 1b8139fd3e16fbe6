#include "shard/identity/class_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct named_class {
    const char *name;
    uint32_t number;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct named_class *)a)->name, ((const struct named_class *)b)->name);
}

enum status class_index_create(const struct class_names *datasets, size_t count, struct class_index *index,
                               struct error *error)
{
    *index = (struct class_index){.datasets = datasets, .count = count};
    index->sorted = calloc(count + 1, sizeof *index->sorted);
    if (!index->sorted) {
        return error_no_memory(error, "class names");
    }
    for (size_t k = 0; k < count; k++) {
        uint32_t classes = datasets[k].classes;
        if (!datasets[k].names) {
            continue;
        }
        index->sorted[k] = malloc(((size_t)classes + 1) * sizeof **index->sorted);
        if (!index->sorted[k]) {
            return error_no_memory(error, "class names");
        }
        for (uint32_t j = 0; j < classes; j++) {
            index->sorted[k][j] = (struct named_class){datasets[k].names[j], j};
        }
        qsort(index->sorted[k], classes, sizeof **index->sorted, compare_names);
    }
    return STATUS_OK;
}

void class_index_free(struct class_index *index)
{
    for (size_t k = 0; index->sorted && k < index->count; k++) {
        free(index->sorted[k]);
    }
    free(index->sorted);
    *index = (struct class_index){0};
}

static bool read_number(const char *text, uint32_t classes, uint32_t *number)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    *number = (uint32_t)value;
    return text[0] >= '0' && text[0] <= '9' && *end == 0 && errno == 0 && value < classes;
}

enum class_found class_index_find(const struct class_index *index, const char *dataset, const char *identity,
                                  size_t *which, uint32_t *class_number)
{
    size_t k = 0;
    while (k < index->count && strcmp(index->datasets[k].name, dataset) != 0) {
        k++;
    }
    if (k == index->count) {
        return CLASS_OF_NO_DATASET;
    }
    *which = k;
    uint32_t classes = index->datasets[k].classes;
    if (!index->sorted[k]) {
        return read_number(identity, classes, class_number) ? CLASS_FOUND : CLASS_OF_NO_NAME;
    }
    const struct named_class key = {.name = identity};
    const struct named_class *found = bsearch(&key, index->sorted[k], classes, sizeof key, compare_names);
    if (!found) {
        return CLASS_OF_NO_NAME;
    }
    *class_number = found->number;
    return CLASS_FOUND;
}
