/* Identities by name: which class of which dataset is meant. An identity is named as in its dataset's file of class
 * names, or by its number where there is none.
 */
#ifndef DAIL_SHARD_IDENTITY_CLASS_INDEX_H
#define DAIL_SHARD_IDENTITY_CLASS_INDEX_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One dataset; name and names belong to the caller and outlive the index. */
struct class_names {
    const char *name; /* of the dataset */
    uint32_t classes;
    char *const *names; /* [classes], or NULL */
};

struct named_class; /* private */

struct class_index {
    const struct class_names *datasets; /* [count], the caller's */
    size_t count;
    struct named_class **sorted; /* private: [count], NULL for a dataset without names */
};

enum class_found { CLASS_FOUND, CLASS_OF_NO_DATASET, CLASS_OF_NO_NAME };

/* STATUS_INTERNAL when memory runs out. The caller calls class_index_free in any case. */
enum status class_index_create(const struct class_names *datasets, size_t count, struct class_index *index,
                               struct error *error);
void class_index_free(struct class_index *index);

/* Sets *which, the dataset, and *class_number where both are known. Of two classes of one name it is either. */
enum class_found class_index_find(const struct class_index *index, const char *dataset, const char *identity,
                                  size_t *which, uint32_t *class_number);

#endif
