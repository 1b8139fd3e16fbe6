/* Identity groups: which classes of different datasets are one person. The classes of a group share one row of
 * the classifier, that of its home: its first class in config order. A group holds at most one class of each
 * dataset, for people within a dataset are told apart by its labels. A class that is nobody else's is a group
 * of its own.
 *
 * Classes are counted over all datasets in config order: `first_class` of its dataset plus its label.
 */
#ifndef DAIL_WORKER_LOSS_IDENTITY_H
#define DAIL_WORKER_LOSS_IDENTITY_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct identity_groups {
    size_t datasets; /* K */
    uint64_t *first_class; /* [K + 1]: the last is the number of all classes */
    uint32_t *home; /* [all classes]: the class whose row this one's samples have as their target */
    uint32_t *next; /* [all classes]: the group's next class in ascending order, after the last its home */
    uint64_t shared; /* classes that have no row of their own: 0 when every class is alone */
};

/* Every class alone. classes [datasets], together at most UINT32_MAX. STATUS_INTERNAL when memory runs out. The
 * caller calls identity_groups_free. */
enum status identity_groups_create(const uint32_t *classes, size_t datasets, struct identity_groups **groups,
                                   struct error *error);
void identity_groups_free(struct identity_groups *groups);

/* Makes one group of those that `a` and `b` are in. Nothing happens where they are in one. Returns false, and
 * changes nothing, where the group would hold two classes of a dataset; then *twice, unless it is NULL, is that
 * dataset. */
bool identity_groups_join(struct identity_groups *groups, uint32_t a, uint32_t b, size_t *twice);

/* Every class is alone again. */
void identity_groups_clear(struct identity_groups *groups);

/* The dataset that a class is of. */
size_t identity_groups_dataset(const struct identity_groups *groups, uint32_t class_index);

/* Whether the group of a class has a class of a dataset. */
bool identity_groups_has(const struct identity_groups *groups, uint32_t class_index, size_t dataset);

/* Groups from homes [all classes] as a checkpoint keeps them. Returns false, leaving every class alone, where
 * they are no groups: a home that is not its own, or comes after its class, or two classes of one dataset. */
bool identity_groups_set(struct identity_groups *groups, const uint32_t *home);

/* Whether each ring is one group in ascending order from its home, with no dataset twice, and all classes are in
 * one. */
bool identity_groups_is_valid(const struct identity_groups *groups);

#endif
