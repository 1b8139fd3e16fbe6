/* Names of a state_dict as training scripts leave them: all of a network's under one prefix ("module." of
 * DataParallel, "_orig_mod." of torch.compile, "model." of Lightning, "state_dict." of a checkpoint, several in a
 * row), beside arrays of other things, such as a classifier's head.
 */
#ifndef DAIL_WORKER_INTERCHANGE_STATE_DICT_NAMES_H
#define DAIL_WORKER_INTERCHANGE_STATE_DICT_NAMES_H

#include "worker/interchange/safetensors.h"

#define STATE_DICT_NAMES_SIZE 200

/* Some names out of many: "a, b, c and 7 more". */
struct state_dict_list {
    char text[STATE_DICT_NAMES_SIZE];
    size_t count;
};

void state_dict_list_add(struct state_dict_list *list, const char *name);
/* Says how many were not told, once all are added. */
void state_dict_list_end(struct state_dict_list *list);

/* What was done with a file's names. */
struct state_dict_naming {
    char prefix[256]; /* that was taken off; empty: none */
    struct state_dict_list left; /* arrays that are of no iresnet and were left out */
};

/* Takes the prefix off the names of an iresnet and leaves out what is of something else: arrays[0..*count) are the
 * rest. Without an iresnet's first block all of it stays as it is. STATUS_DATA where there is more than one. */
enum status state_dict_names_take(struct safetensors_array *arrays, size_t *count, const char *path,
                                  struct state_dict_naming *naming, struct error *error);

/* "its names were taken without 'module.'; what is not an iresnet's was left out: head.weight"; empty where nothing is
 * to be told. */
void state_dict_naming_format(const struct state_dict_naming *naming, char *text, size_t size);

/* What is to be told of a file that is taken; each a sentence, or empty. */
struct state_dict_note {
    char names[480]; /* what its names began with, what of it was left out */
    char folded
        [480]; /* batch normalisations that were folded into the layers before them: to train on is another
                       * matter than to compute with */
};

#endif
