/* The verification sets of held-out synthetic people. Private to shard/. */
#ifndef DAIL_SHARD_SYNTH_SYNTH_PAIRS_H
#define DAIL_SHARD_SYNTH_SYNTH_PAIRS_H

#include "shard/synth/synth_dataset.h"

#define SYNTH_PAIRS_CROSS (-1) /* both images of a pair differ in their look */
#define SYNTH_PAIRS_ALL (-2) /* each image has any dataset's look */

/* How many images a set has. `dataset`: whose look all of them have, or one of the above. */
uint64_t synth_pairs_images(const struct synth_config *config, int dataset);

/* Writes <name>.h5. `dataset`: whose look all images have, or one of the above. */
enum status synth_pairs_write(const struct synth_config *config, const char *name, int dataset,
                              struct synth_progress *progress, struct error *error);

#endif
