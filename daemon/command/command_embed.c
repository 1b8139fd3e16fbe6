/* dail embed: the embeddings of images, by a checkpoint's network. */
#include "daemon/command/commands.h"
#include "daemon/rank/host.h"
#include "daemon/terminal/progress.h"
#include "daemon/terminal/warning.h"
#include "shard/align/face_table.h"
#include "shard/image_source.h"
#include "worker/evaluate/embedder.h"
#include "worker/evaluate/embeddings.h"
#include "worker/interchange/backbone.h"
#include "worker/interchange/state_dict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATHS_MAX 4096
/* As PyTorch's normalize: what is shorter is divided by this. */
#define NORM_LEAST 1e-12

struct embed_options {
    const char *output, *landmarks;
    bool normalize, flip, skip_bad;
    int batch, threads; /* threads 0: the cores allowed */
};

struct embed {
    const struct embed_options *options;
    struct backbone_use use;
    struct backbone backbone;
    struct image_source *source;
    struct face_table faces; /* empty without --landmarks */
    struct embedder embedder;
    struct embeddings_writer *writer;
    struct sourced_image *images; /* [batch] */
    uint8_t *pixels; /* [batch][side][side][3] */
    float *values; /* [embedding] */
    uint64_t read, embedded;
    struct progress progress;
};

static enum status check_fit(const struct embed *embed, const char *path, struct error *error)
{
    int side = image_source_side(embed->source), input = embed->backbone.state.network.input;
    if (side != 0 && side != input) {
        return error_set(error, STATUS_DATA, path, "pack the images again at the model's input size",
                         "the images are %d x %d pixels, the model wants %d", side, side, input);
    }
    if (embed->options->skip_bad && image_source_pairs(embed->source)) {
        return error_set(error, STATUS_USAGE, "--skip-bad", "leave it out",
                         "the pairs of a verification set count on every image");
    }
    return STATUS_OK;
}

static enum status allocate(struct embed *embed, struct error *error)
{
    size_t batch = (size_t)embed->use.batch, side = (size_t)embed->backbone.state.network.input;
    embed->images = calloc(batch, sizeof *embed->images);
    embed->pixels = malloc(batch * side * side * 3);
    embed->values = malloc((size_t)embed->backbone.state.network.embedding * sizeof *embed->values);
    if (!embed->images || !embed->pixels || !embed->values) {
        return error_set(error, STATUS_INTERNAL, NULL, "lower --batch", "no memory for %zu images", batch);
    }
    for (size_t i = 0; i < batch; i++) {
        embed->images[i].pixels = embed->pixels + i * side * side * 3;
    }
    return STATUS_OK;
}

/* Moves the images that can be embedded to the front; the others are warned of, or the first ends it all. */
static enum status keep_good(struct embed *embed, size_t *count, struct error *error)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        struct sourced_image *image = &embed->images[i];
        if (image->status == STATUS_OK) {
            struct sourced_image other = embed->images[kept];
            embed->images[kept++] = *image;
            *image = other;
        } else if (image->status == STATUS_DATA && image->error.number == 0 && embed->options->skip_bad) {
            char line[ERROR_LINE_SIZE];
            progress_say(&embed->progress, error_format(&image->error, line, sizeof line));
        } else {
            *error = image->error;
            error_advise(error, image->error.number == 0
                                    ? "replace or remove the image, or leave such ones out with --skip-bad"
                                    : "see to the disk or file server, then give the same command again");
            return image->status;
        }
    }
    *count = kept;
    return STATUS_OK;
}

static void normalize(float *values, int count, double norm)
{
    for (int i = 0; i < count; i++) {
        values[i] = (float)(values[i] / fmax(norm, NORM_LEAST));
    }
}

static double length_of(const float *values, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++) {
        sum += (double)values[i] * (double)values[i];
    }
    return sqrt(sum);
}

static enum status embed_images(struct embed *embed, size_t count, struct error *error)
{
    struct embedder *embedder = &embed->embedder;
    enum status status = STATUS_OK;
#pragma omp parallel for schedule(static) num_threads(embed->use.threads)
    for (size_t i = 0; i < count; i++) {
        embedder_put(embedder, (int)i, embed->images[i].pixels);
    }
    if (count > 0) {
        embedder_run(embedder, (int)count, NULL);
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        embedder_take(embedder, (int)i, embed->values);
        if (embed->options->normalize) {
            normalize(embed->values, embedder->embedding, length_of(embed->values, embedder->embedding));
        }
        status = embeddings_append(embed->writer, embed->values, &embed->images[i], error);
    }
    embed->embedded += count;
    return status;
}

static enum status embed_all(struct embed *embed, struct error *error)
{
    size_t count = 1;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && count > 0) {
        status = image_source_next(embed->source, embed->backbone.state.network.input, embed->use.threads,
                                   (size_t)embed->use.batch, embed->images, &count, error);
        size_t good = count;
        if (status == STATUS_OK) {
            status = keep_good(embed, &good, error);
        }
        if (status == STATUS_OK) {
            status = embed_images(embed, good, error);
        }
        embed->read += count;
        progress_update(&embed->progress, embed->read, image_source_images(embed->source));
    }
    if (status == STATUS_OK && embed->embedded == 0) {
        status = error_set(error, STATUS_DATA, NULL, "look at the warnings", "no image could be embedded");
    }
    return status;
}

static enum status open_all(struct embed *embed, const char *checkpoint, const char *const *paths,
                            size_t count, struct error *error)
{
    enum status status = image_source_open(paths, count, &embed->source, error);
    if (status == STATUS_OK && embed->options->landmarks) {
        status = face_table_open(embed->options->landmarks, &embed->faces, error);
        if (status == STATUS_OK) {
            status = image_source_align(embed->source, &embed->faces, error);
        }
    }
    if (status == STATUS_OK) {
        status = backbone_load(checkpoint, &embed->use, &embed->backbone, error);
        warning_print(embed->backbone.note.names);
    }
    if (status == STATUS_OK) {
        status = check_fit(embed, paths[0], error);
    }
    if (status == STATUS_OK) {
        status = allocate(embed, error);
    }
    if (status == STATUS_OK) {
        status = embedder_create(embed->backbone.net, embed->backbone.state.network.input, embed->use.batch,
                                 embed->options->flip, &embed->embedder, error);
    }
    const struct embeddings_config config = {.backbone = &embed->backbone,
                                             .source = embed->source,
                                             .source_path = paths[0],
                                             .normalized = embed->options->normalize,
                                             .mirrored = embed->options->flip};
    return status == STATUS_OK ? embeddings_create(embed->options->output, &config, &embed->writer, error)
                               : status;
}

static enum status run(struct embed *embed, const char *checkpoint, const char *const *paths, size_t count,
                       struct error *error)
{
    enum status status = open_all(embed, checkpoint, paths, count, error);
    progress_begin(&embed->progress, "embed", "images");
    if (status == STATUS_OK) {
        status = embed_all(embed, error);
    }
    progress_end(&embed->progress);
    if (status == STATUS_OK) {
        status = embeddings_finish(embed->writer, error);
    } else {
        embeddings_abandon(embed->writer);
    }
    if (status == STATUS_OK) {
        double seconds = progress_seconds(&embed->progress);
        printf("%s: %llu embeddings of %d values, by %s, in %.1f s (%.1f images/s)\n", embed->options->output,
               (unsigned long long)embed->embedded, embed->backbone.state.network.embedding,
               embed->backbone.path, seconds, (double)embed->read / fmax(seconds, 1e-9));
        const char *name;
        const size_t left_out = image_source_left_out(embed->source, &name);
        if (left_out > 0) {
            printf("left out as no image: %zu files, %s %s\n", left_out, left_out > 1 ? "such as" : "namely",
                   name);
        }
        if (embed->read > embed->embedded) {
            printf("left out as bad: %llu images\n", (unsigned long long)(embed->read - embed->embedded));
        }
    }
    return status;
}

static void release(struct embed *embed)
{
    embedder_free(&embed->embedder);
    image_source_close(embed->source);
    face_table_close(&embed->faces);
    backbone_free(&embed->backbone);
    free(embed->images);
    free(embed->pixels);
    free(embed->values);
}

static enum status execute(const struct command_line *line, struct error *error)
{
    const struct embed_options *options = line->values;
    struct embed embed = {.options = options,
                          .use = {.batch = options->batch,
                                  .threads = options->threads > 0 ? options->threads : host_threads()}};
    if (!options->output) {
        return error_set(error, STATUS_USAGE, NULL, "dail embed --help shows how", "-o FILE.h5 is needed");
    }
    enum status status = run(&embed, line->operands[0], line->operands + 1, line->operand_count - 1, error);
    release(&embed);
    return status;
}

#define AT(member) offsetof(struct embed_options, member)

static const struct option_spec options[] = {
    {.name = "output",
     .short_name = 'o',
     .kind = OPTION_STRING,
     .offset = AT(output),
     .metavar = "FILE.h5",
     .help = "the file to write; replaced if it is there",
     .word = WORD_FILE,
     .endings = ".h5"},
    {.name = "normalize",
     .short_name = 'n',
     .kind = OPTION_FLAG,
     .offset = AT(normalize),
     .help = "give every embedding the length 1"},
    {.name = "flip",
     .short_name = 'f',
     .kind = OPTION_FLAG,
     .offset = AT(flip),
     .help = "add the embedding of the mirrored image, as dail eval does"},
    OPTION_ROW_BATCH(AT(batch)),
    OPTION_ROW_LANDMARKS(AT(landmarks)),
    OPTION_ROW_THREADS(AT(threads)),
    {.name = "skip-bad",
     .kind = OPTION_FLAG,
     .offset = AT(skip_bad),
     .help = "leave out images that cannot be decoded, and say so"},
    {0}};

static const struct operand_spec operands[] = {
    {.name = "CHECKPOINT", .min = 1, .max = 1, .word = WORD_MODEL, .endings = STATE_DICT_ENDINGS},
    {.name = "IMAGES|MANIFEST|SHARD|SET",
     .min = 1,
     .max = PATHS_MAX,
     .word = WORD_FILE,
     .endings = ".yaml .h5 .jpg .jpeg .png .txt .list"},
    {0}};

static const struct embed_options defaults = {.batch = 32};

const struct command command_embed = {
    .name = "embed",
    .summary = "embed images by a checkpoint's network",
    .usage = "dail embed [OPTIONS] CHECKPOINT IMAGES|MANIFEST|SHARD...|SET -o FILE.h5",
    .description =
        "Embeds images, every image of a dataset (by its manifest), of shards, or of a verification set by "
        "a\n"
        "checkpoint's network. IMAGES are image files, a folder of them, a folder of people's folders\n"
        "(FOLDER/<identity>/<image>), a list of image files (.txt or .list, one path a line), or - for such "
        "a\n"
        "list on standard input; they are resized to the network's input, of those that are not square the\n"
        "middle.\n"
        "FILE.h5 gets /embedding [images, values] and the images' names and labels. CHECKPOINT may be a "
        "run's\n"
        "folder, whose newest one is taken, or an iresnet's .safetensors, .onnx or .pth.",
    .options = options,
    .operands = operands,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = execute,
};
