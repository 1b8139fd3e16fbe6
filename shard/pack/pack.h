/* Importing: folders and lists of images, RecordIO files, tar archives and LMDB databases become datasets, lists of image pairs and
 * verification pickles become verification sets.
 *
 * An image that already has the wanted size, lies upright and is JPEG or PNG is stored byte for byte (after it was
 * decoded once, to be sure that it can be); any other is decoded, turned as EXIF says, resized and encoded anew. The
 * same input, style and seed give the same bytes, however many threads work.
 *
 * An import of a dataset that fails or is broken off leaves its finished shards in
 * <directory>/.<name>.packing; the same import goes on from them up to the first that has an image whose source has
 * changed since (its size or time, and then its bytes), and any other of that name removes them.
 * Nothing else is left of a failed import.
 */
#ifndef DAIL_SHARD_PACK_PACK_H
#define DAIL_SHARD_PACK_PACK_H

#include "proto/error.h"
#include "shard/align/align_face.h"
#include "shard/image/image.h"
#include "shard/left_out.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether what is read in the order of its file is first written in the order of the shards: for all but folders and lists. */
enum pack_spool {
    PACK_SPOOL_AUTO, /* where memory does not hold the file */
    PACK_SPOOL_ALWAYS,
    PACK_SPOOL_NEVER
};

struct face_table;

/* How images are stored, and who hears about it. */
struct pack_style {
    int size; /* side in pixels */
    enum image_fit fit; /* what becomes of images that are not square, where `faces` is NULL */
    const struct face_table
        *faces; /* (shard/align/face_table.h) where the faces are: each image is aligned by it; or NULL */
    double margin; /* about a face that is known by its box alone: see shard/align/align_face.h */
    enum image_encoding encoding; /* of images that are encoded anew: IMAGE_JPEG or IMAGE_PNG */
    int quality; /* of JPEG, 1..100 */
    int threads; /* 0: as many as OpenMP offers */
    enum pack_spool spool;
    bool
        skip_bad; /* leave out images that cannot be decoded, instead of giving up at the first; one that the system
                      cannot read ends it all the same */
    struct left_out *left_out; /* is told each thing that is left out, and why; or NULL */
    /* Called from the calling thread; each may be NULL. */
    void (*progress)(void *context, uint64_t done, uint64_t total); /* images */
    void (*warn)(void *context, const char *text); /* an image left out; what is gone on from */
    void *context;
};

/* Size 112, JPEG of quality 95. */
#define PACK_STYLE_DEFAULTS                                                                                  \
    {                                                                                                        \
        .size = 112, .margin = ALIGN_BOX_MARGIN, .encoding = IMAGE_JPEG, .quality = 95                       \
    }

struct pack_result {
    uint64_t images; /* stored */
    uint64_t kept; /* of these, byte for byte */
    uint64_t turned; /* upright, as EXIF says; of those packed by this call */
    uint64_t
        fitted; /* that are not square, so that `fit` told what became of them; of those packed by this call */
    uint64_t skipped; /* images (or pairs, of a verification set) left out as bad */
    uint32_t classes, shards; /* of a dataset */
    uint32_t pairs; /* of a verification set */
    uint64_t bytes; /* of the files */
};

/* --- Datasets --- */

/* How labels of several sets go together. */
enum pack_labels {
    PACK_LABELS_ALONE, /* there is one set */
    PACK_LABELS_JOIN, /* one number is one identity */
    PACK_LABELS_OFFSET /* each set's are counted on from those before */
};

struct pack_dataset {
    const char *
        source; /* of the images, see the functions below; where there are several, all of them as one text */
    const char *const
        *sources; /* [source_count] each by itself, where there may be several; NULL: `source` */
    size_t source_count;
    enum pack_labels labels;
    const char *label_key; /* of archives: what has the label (shard/pack/tar_set.h); or NULL */
    const char *folder; /* of a list: what its paths are relative to; NULL: the folder of the list */
    const char *directory; /* of the result; made if missing */
    const char *name; /* of the dataset */
    uint32_t dataset_id;
    const char *include, *exclude; /* lists as shard/name_filter.h reads them, or NULL */
    uint32_t min_images; /* identities with fewer are left out; 0: labels without an image stay as well */
    uint32_t max_images; /* of an identity the first so many are taken, in the order of the source; 0: all */
    bool compact; /* labels without an image are left out */
    uint64_t shard_bytes; /* about so many a shard */
    uint64_t seed; /* of the order of the images over all shards */
    bool force; /* replace a dataset of that name */
};

/* Each writes <directory>/<name>.yaml, <name>-<nnnnn>.h5 and <name>.classes.txt (shard/dataset/dataset_file.h tells how
 * they are called where a dataset is replaced). */

/* `source` is a folder, <source>/<identity>/<image>. Labels follow the identities' names in byte order. */
enum status pack_folder(const struct pack_dataset *import, const struct pack_style *style,
                        struct pack_result *result, struct error *error);

/* `source` is a list of images with a label each (shard/pack/image_list.h). Identities are named by their labels, and
 * numbered by these in byte order: labels may have gaps. */
enum status pack_list(const struct pack_dataset *import, const struct pack_style *style,
                      struct pack_result *result, struct error *error);

/* Sources are InsightFace's sets in RecordIO: folders with train.rec (or one other .rec), perhaps its index and a property
 * file, or .rec files, also several by a pattern (shard/pack/record_set.h). Labels are the records' own, and
 * identities are named by them, as wide as the largest: "0042". Labels that no image has are classes all the
 * same, which is told. Only where `compact`, `include`, `exclude` or min_images leave some out do the others move up. */
enum status pack_recordio(const struct pack_dataset *import, const struct pack_style *style,
                          struct pack_result *result, struct error *error);

/* Sources are WebDataset's tar archives, each one or several by a pattern (shard/pack/tar_set.h). Identities are named by
 * their labels: as of RecordIO where these are numbers, and as of a list where they are names. */
enum status pack_tar(const struct pack_dataset *import, const struct pack_style *style,
                     struct pack_result *result, struct error *error);

/* `source` is an LMDB database: a folder that has data.mdb, or the file (shard/pack/lmdb_set.h). Identities as of archives. */
enum status pack_lmdb(const struct pack_dataset *import, const struct pack_style *style,
                      struct pack_result *result, struct error *error);

/* --- Verification sets --- */

struct pack_pairs {
    const char *list; /* see the functions below */
    const char *folder; /* that the list's paths are relative to */
    const char *directory; /* of the result; made if missing */
    const char *name; /* of the set */
    const int *folds; /* [fold_count] as the list numbers them: only these; fold_count 0: all */
    size_t fold_count;
    bool force;
};

/* Each writes <directory>/<name>.h5. */

/* `list` is LFW's pairs.txt, or TSV: fold, a, b, same. Folds keep their numbers, counted from 0. */
enum status pack_pairs(const struct pack_pairs *import, const struct pack_style *style,
                       struct pack_result *result, struct error *error);

/* `list` is a pickle as InsightFace has them (shard/pack/pickle_set.h), which holds the images: no folder. It
 * has no folds: all pairs are in fold 0, so that whoever evaluates divides them. */
enum status pack_pickle(const struct pack_pairs *import, const struct pack_style *style,
                        struct pack_result *result, struct error *error);

#endif
