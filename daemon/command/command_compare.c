/* dail compare: how alike the faces of images are, by a network. */
#include "daemon/command/commands.h"
#include "daemon/rank/host.h"
#include "daemon/terminal/warning.h"
#include "shard/align/face_table.h"
#include "shard/image_source.h"
#include "worker/evaluate/embedder.h"
#include "worker/interchange/backbone.h"
#include "worker/interchange/state_dict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define IMAGES_MAX 256
/* Below every distance: none was given. */
#define NO_THRESHOLD (-1.0)

struct compare_options {
    double threshold;
    const char *landmarks;
    int threads; /* 0: the cores allowed */
};

struct compare {
    const char *const *paths; /* [count] */
    size_t count;
    struct backbone backbone;
    struct image_source *source;
    struct face_table faces; /* empty without --landmarks */
    struct embedder embedder;
    struct sourced_image *images; /* [count] */
    uint8_t *pixels; /* [count][side][side][3] */
    float *values; /* [count][embedding] */
};

static enum status open_all(struct compare *compare, const char *model, const struct compare_options *options,
                            int threads, struct error *error)
{
    const struct backbone_use use = {.batch = 1, .threads = threads};
    enum status status = image_source_open(compare->paths, compare->count, &compare->source, error);
    if (status == STATUS_OK && image_source_images(compare->source) != compare->count) {
        status = error_set(error, STATUS_USAGE, compare->paths[0],
                           "dail embed takes folders, lists and datasets", "dail compare takes image files");
    }
    if (status == STATUS_OK && options->landmarks) {
        status = face_table_open(options->landmarks, &compare->faces, error);
        if (status == STATUS_OK) {
            status = image_source_align(compare->source, &compare->faces, error);
        }
    }
    if (status == STATUS_OK) {
        status = backbone_load(model, &use, &compare->backbone, error);
        warning_print(compare->backbone.note.names);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const size_t side = (size_t)compare->backbone.state.network.input,
                 width = (size_t)compare->backbone.state.network.embedding;
    compare->images = calloc(compare->count, sizeof *compare->images);
    compare->pixels = malloc(compare->count * side * side * 3);
    compare->values = malloc(compare->count * width * sizeof *compare->values);
    if (!compare->images || !compare->pixels || !compare->values) {
        return error_no_memory(error, "dail compare");
    }
    for (size_t i = 0; i < compare->count; i++) {
        compare->images[i].pixels = compare->pixels + i * side * side * 3;
    }
    return embedder_create(compare->backbone.net, (int)side, 1, true, &compare->embedder, error);
}

static enum status embed_all(struct compare *compare, int threads, struct error *error)
{
    size_t count;
    enum status status = image_source_next(compare->source, compare->embedder.side, threads, compare->count,
                                           compare->images, &count, error);
    for (size_t i = 0; i < compare->count && status == STATUS_OK; i++) {
        if (compare->images[i].status != STATUS_OK) {
            *error = compare->images[i].error;
            return compare->images[i].status;
        }
        embedder_put(&compare->embedder, 0, compare->images[i].pixels);
        embedder_run(&compare->embedder, 1, NULL);
        embedder_take(&compare->embedder, 0, compare->values + i * (size_t)compare->embedder.embedding);
    }
    return status;
}

static double cosine_of(const float *a, const float *b, int count)
{
    double product = 0, a_square = 0, b_square = 0;
    for (int i = 0; i < count; i++) {
        product += (double)a[i] * (double)b[i];
        a_square += (double)a[i] * (double)a[i];
        b_square += (double)b[i] * (double)b[i];
    }
    return product / fmax(sqrt(a_square) * sqrt(b_square), 1e-24);
}

/* The squared distance of two vectors of length 1 is twice what the cosine lacks to 1: what dail eval's thresholds are
 * of. */
static void print_all(const struct compare *compare, double threshold)
{
    const int width = compare->embedder.embedding;
    printf("cosine\tdistance%s\tfirst\tsecond\n", threshold >= 0 ? "\tverdict" : "");
    for (size_t i = 1; i < compare->count; i++) {
        const double cosine = cosine_of(compare->values, compare->values + i * (size_t)width, width);
        const double distance = fmax(2 - 2 * cosine, 0);
        printf("%.6f\t%.6f%s\t%s\t%s\n", cosine, distance,
               threshold < 0          ? ""
               : distance < threshold ? "\tsame"
                                      : "\tother",
               compare->paths[0], compare->paths[i]);
    }
}

static enum status execute(const struct command_line *line, struct error *error)
{
    const struct compare_options *options = line->values;
    const int threads = options->threads > 0 ? options->threads : host_threads();
    struct compare compare = {.paths = line->operands + 1, .count = line->operand_count - 1};
    enum status status = open_all(&compare, line->operands[0], options, threads, error);
    if (status == STATUS_OK) {
        status = embed_all(&compare, threads, error);
    }
    if (status == STATUS_OK) {
        print_all(&compare, options->threshold);
    }
    embedder_free(&compare.embedder);
    image_source_close(compare.source);
    face_table_close(&compare.faces);
    backbone_free(&compare.backbone);
    free(compare.images);
    free(compare.pixels);
    free(compare.values);
    return status;
}

#define AT(member) offsetof(struct compare_options, member)

static const struct option_spec options[] = {
    {.name = "threshold",
     .kind = OPTION_DOUBLE,
     .offset = AT(threshold),
     .metavar = "D",
     .help = "also say who is the same: whose squared distance is below it, as dail eval tells it",
     .low = 0,
     .high = 4},
    OPTION_ROW_LANDMARKS(AT(landmarks)),
    OPTION_ROW_THREADS(AT(threads)),
    {0}};

static const struct operand_spec operands[] = {
    {.name = "CHECKPOINT", .min = 1, .max = 1, .word = WORD_MODEL, .endings = STATE_DICT_ENDINGS},
    {.name = "IMAGE", .min = 2, .max = IMAGES_MAX, .word = WORD_FILE, .endings = ".jpg .jpeg .png"},
    {0}};

static const struct command_example examples[] = {
    {"dail compare runs/first a.jpg b.jpg", "how alike the faces of two pictures are"},
    {"dail compare w600k_r50.onnx a.jpg b.jpg c.jpg --threshold 1.4", "whether b and c show who a shows"},
    {0}};

static const struct compare_options defaults = {.threshold = NO_THRESHOLD};

const struct command command_compare = {
    .name = "compare",
    .summary = "how alike the faces of images are",
    .usage = "dail compare [OPTIONS] CHECKPOINT IMAGE IMAGE...",
    .description =
        "Compares the first image with each of the others: the cosine of their embeddings, each that of "
        "the image\n"
        "plus its mirror, and the squared distance of these at length 1, in a table. The images show "
        "faces that are\n"
        "aligned as the network's training images were. CHECKPOINT may be a run's folder, whose newest "
        "one is taken,\n"
        "or an iresnet's .safetensors, .onnx or .pth.",
    .options = options,
    .operands = operands,
    .examples = examples,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = execute,
};
