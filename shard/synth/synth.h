/* Synthetic faces: whole datasets with known people, known overlap and known domains, from a seed alone.
 *
 * A person is a vector of draws (head, eyes, brows, nose, mouth, hair, marks, colours); a picture adds pose,
 * expression, light and occlusion; a dataset adds its look (tones, blur, grain, framing, background). The
 * same configuration gives the same pixels everywhere.
 *
 * People are numbered: 0..K-1 are in every dataset (K = overlap * identities, rounded), the next
 * identities - K are the first dataset's own, and so on; those beyond all datasets are held out and appear in
 * the verification sets alone. Which label a person carries is shuffled per dataset.
 */
#ifndef DAIL_SHARD_SYNTH_SYNTH_H
#define DAIL_SHARD_SYNTH_SYNTH_H

#include "shard/image/image.h"
#include "shard/image/sheet.h"

#include <stdint.h>

#define SYNTH_FOLDS 10
#define SYNTH_DATASETS_MAX 100
#define SYNTH_SIDE_MIN 16
#define SYNTH_SIDE_MAX 512
#define SYNTH_SHIFT_MAX 3

struct synth_config {
    const char *directory; /* is made if need be */
    const char *name; /* dataset d is called <name><d> */
    int datasets, identities, images; /* identities of each dataset, images of each identity */
    double overlap; /* 0 to 1: the share of each dataset's identities that all the others have too */
    double shift; /* 0 to 3: how far the datasets' looks are from each other; 0: all have one look */
    double session; /* 0 to 1: how far the pictures that a dataset has of a person have a look of their own */
    int size; /* pixels a side */
    uint64_t seed;
    int pairs; /* of each verification set: a multiple of 20, or 0 for no sets */
    int within_pairs; /* of each set within a domain; 0: as many as of the others */
    enum image_encoding encoding; /* IMAGE_JPEG or IMAGE_PNG */
    int quality; /* of JPEG */
    int shard_images; /* at most so many images a shard */
    void (*progress)(void *context, uint64_t done, uint64_t total); /* images; may be NULL */
    void *context;
};

/* Everything but the directory at its default. */
#define SYNTH_DEFAULTS                                                                                       \
    {                                                                                                        \
        .name = "synth", .datasets = 3, .identities = 200, .images = 20, .overlap = 0.2, .shift = 1,         \
        .size = 112, .seed = 1, .pairs = 600, .encoding = IMAGE_JPEG, .quality = 95, .shard_images = 4096    \
    }

/* STATUS_USAGE says which value is out of its range. */
enum status synth_is_valid(const struct synth_config *config, struct error *error);

/* Writes into config->directory, replacing files of the same names:
 *   <name><d>.yaml, <name><d>-<nnnnn>.h5, <name><d>-classes.txt   each dataset
 *   overlap.tsv             dataset, class name, dataset, class name of every person in two datasets
 *   <name><d>-within.h5     verification within a domain; half the pairs are of the same person, ten folds,
 *                           every person in one fold only and in no dataset
 *   <name>-cross.h5         likewise, both images of a pair from different domains; with 2 datasets or more
 *   <name>-all.h5           likewise, each image from any of the domains; with 2 datasets or more
 */
enum status synth_write(const struct synth_config *config, struct error *error);

/* One picture into pixels[size * size * 3]: of this person, in this dataset's look. */
enum status synth_picture(const struct synth_config *config, int dataset, uint64_t person, uint32_t number,
                          uint8_t *pixels, struct error *error);

/* A contact sheet: `people` rows (those that all datasets share come first), `pictures` columns for each
 * dataset, which stands above them; left of a row stand its number and whether all datasets have the person. The
 * caller frees it with sheet_free. */
enum status synth_sheet(const struct synth_config *config, int people, int pictures, struct sheet *sheet,
                        struct error *error);

#endif
