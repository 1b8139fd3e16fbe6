/* What every importer of datasets hands over: its images by number, with their labels. Private to shard/. */
#ifndef DAIL_SHARD_PACK_PACK_SOURCE_H
#define DAIL_SHARD_PACK_PACK_SOURCE_H

#include "shard/pack/pack_image.h"

/* Of what is written to which shard, once it is settled. */
struct pack_arrangement {
    const char *directory; /* for files that last as long as the packing */
    uint32_t shards;
    const uint32_t *shard; /* [images]: of each, or PACK_FINISHED: it will not be read */
};

#define PACK_FINISHED UINT32_MAX

struct pack_source {
    struct pack_images_source image;
    uint64_t images;
    const uint32_t *label; /* [images] */
    uint32_t classes;
    const char *const *names; /* [classes] */
    uint32_t digest; /* a crc of what tells this source from another: names, labels, sizes where known */
    /* NULL, or called before images are read, but for a sample. The arrangement lasts as long as the packing.
     */
    enum status (*arrange)(void *context, const struct pack_arrangement *arrangement, struct error *error);
    void *arrange_context;
};

/* Writes the source's images, shuffled, as the dataset that is wanted. */
enum status pack_write(const struct pack_dataset *wanted, const struct pack_style *style,
                       const struct pack_source *source, struct pack_result *result, struct error *error);

/* What can be told before the source is looked at: STATUS_USAGE. */
enum status pack_check(const struct pack_dataset *wanted, const struct pack_style *style,
                       struct error *error);

#endif
