/* The centres of classes by a model and the images of its datasets. */
#ifndef DAIL_DAEMON_OVERLAP_OVERLAP_EMBED_H
#define DAIL_DAEMON_OVERLAP_OVERLAP_EMBED_H

#include "daemon/overlap/overlap_source.h"

/* Embeds every image of the source's datasets by the model that the first operand names, and makes the source's centres
 * of them. STATUS_DATA where a dataset has no manifest, an image is damaged or not as large as the model's input. */
enum status overlap_embed(const struct overlap_source_options *options, struct overlap_source *source,
                          struct error *error);

/* Embeds the images of the verification set at `path` by the same model into the centres of its people, behind those of
 * the source's datasets, for which there is room: person[images], numbers below `people`. */
enum status overlap_embed_set(const struct overlap_source_options *options, const char *path,
                              const uint32_t *person, uint32_t people, struct overlap_source *source,
                              struct error *error);

#endif
