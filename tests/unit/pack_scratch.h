/* What the tests of packing have in common: five people's images as files, and how they are packed. */
#ifndef DAIL_TESTS_UNIT_PACK_SCRATCH_H
#define DAIL_TESTS_UNIT_PACK_SCRATCH_H

#include "shard/manifest.h"
#include "shard/pack/pack.h"
#include "tests/unit/shard_scratch.h"

#define SIDE 24

struct work {
    char faces[600], out[600];
    uint64_t done, total;
    int warnings;
    char warning[2000];
};

static inline void on_progress(void *context, uint64_t done, uint64_t total)
{
    struct work *work = context;
    assert_true(done > work->done && done <= total);
    work->done = done;
    work->total = total;
}

static inline void on_warning(void *context, const char *text)
{
    struct work *work = context;
    work->warnings++;
    snprintf(work->warning, sizeof work->warning, "%s", text);
}

/* faces/<name>/<name>_<nnnn><ending> */
static inline void add_image(const struct work *work, const char *name, int number, const char *ending,
                             int side, enum image_encoding encoding)
{
    char path[1024];
    size_t size;
    snprintf(path, sizeof path, "%s/%s", work->faces, name);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s_%04d%s", work->faces, name, name, number, ending);
    uint8_t *bytes = scratch_image(side, side, number + (int)strlen(name) * 5, encoding, &size);
    scratch_write(path, bytes, size);
    free(bytes);
}

/* Five people: Ada 4 images (one PNG of the size, one PPM), Bela 3, Chloe 1, dora 6; none of Empty. */
static inline void make_faces(struct scratch *scratch, struct work *work)
{
    char path[1024];
    *work = (struct work){.done = 0};
    snprintf(work->faces, sizeof work->faces, "%s/faces", scratch->directory);
    snprintf(work->out, sizeof work->out, "%s/out", scratch->directory);
    assert_int_equal(mkdir(work->faces, 0777), 0);
    add_image(work, "Ada", 1, ".jpg", SIDE, IMAGE_JPEG);
    add_image(work, "Ada", 2, ".PNG", SIDE, IMAGE_PNG);
    add_image(work, "Ada", 3, ".ppm", SIDE, IMAGE_PNM);
    add_image(work, "Ada", 4, ".jpeg", 40, IMAGE_JPEG);
    for (int i = 1; i <= 3; i++) {
        add_image(work, "Bela", i, ".jpg", SIDE, IMAGE_JPEG);
    }
    add_image(work, "Chloe", 1, ".jpg", SIDE, IMAGE_JPEG);
    for (int i = 1; i <= 6; i++) {
        add_image(work, "dora", i, ".jpg", 30, IMAGE_JPEG);
    }
    snprintf(path, sizeof path, "%s/Empty", work->faces);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/Ada/notes.txt", work->faces);
    scratch_text(path, "not an image");
}

static inline struct pack_style style_for(struct work *work)
{
    struct pack_style style = PACK_STYLE_DEFAULTS;
    style.size = SIDE;
    style.progress = on_progress;
    style.warn = on_warning;
    style.context = work;
    return style;
}

static inline struct pack_dataset import_for(const struct work *work)
{
    return (struct pack_dataset){.source = work->faces,
                                 .directory = work->out,
                                 .name = "few",
                                 .dataset_id = 9,
                                 .min_images = 1,
                                 .shard_bytes = 1 << 20,
                                 .seed = 1};
}

static inline struct manifest open_result(struct scratch *scratch)
{
    struct manifest manifest;
    struct error error = {0};
    if (manifest_open(scratch_path(scratch, "out/few.yaml"), &manifest, &error) != STATUS_OK) {
        fail_msg("%s (%s)", error.what, error.where);
    }
    return manifest;
}

#endif
