#include "proto/config/config_table.h"

#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

#define OFFSET(member) offsetof(struct config, member)
#define LARGE 1e15

static const struct config_row rows[] = {
    {"run.name", CONFIG_STRING, OFFSET(run.name), 0, 0, 0, NULL, "dail", false, "the run's name, for people"},
    {"run.dir", CONFIG_PATH, OFFSET(run.dir), 0, 0, 0, NULL, NULL, false,
     "folder of logs, checkpoints and traces; by default build/runs/ and the run's name"},
    {"run.seed", CONFIG_UINT64, OFFSET(run.seed), 0, 0, 9e18, NULL, "1", true,
     "every random draw depends on it"},
    {"data.lanes", CONFIG_AUTO, OFFSET(data.lanes), 0, 1, 65536, NULL, "auto", true,
     "streams of images, fixed for the run's life, dealt to the workers, each of which has one at least; "
     "auto: as many as "
     "workers"},
    {"data.datasets", CONFIG_DATASETS, OFFSET(data.datasets), OFFSET(data.dataset_count), 0, 1e6, NULL, NULL,
     true,
     "manifests, each a path or {manifest: path, weight: factor of that dataset's losses, sampling, cap, "
     "augment: its own keys of data}"},
    {"data.augment.preset", CONFIG_CHOICE, OFFSET(data.augment.preset), 0, 0, 0, "none|adaface|dali", "none",
     true,
     "how images are altered at random, what is not written below: none; adaface: AdaFace's crop, resolution "
     "and light; "
     "dali: that of InsightFace's DALI loader; `augment: adaface` is short for this"},
    {"data.augment.flip", CONFIG_BOOL, OFFSET(data.augment.flip), 0, 0, 0, NULL, "true", true,
     "mirror every other image at random"},
    {"data.augment.shift", CONFIG_INT, OFFSET(data.augment.shift), 0, 0, 64, NULL, "0", true,
     "move images at random by up to so many pixels each way"},
    {"data.augment.mask", CONFIG_PRESET, OFFSET(data.augment.mask), 0, 0, 1, NULL, "preset", true,
     "probability of a face mask of a drawn shape and colour over nose and mouth; for aligned faces"},
    {"data.augment.crop", CONFIG_PRESET, OFFSET(data.augment.crop), 0, 0, 1, NULL, "preset", true,
     "probability that only a part of the image stays, in its place, and the rest is black; adaface: 0.2"},
    {"data.augment.crop_area", CONFIG_PRESET, OFFSET(data.augment.crop_area), 0, 0.01, 1, NULL, "preset",
     true, "the smallest share of the image's area that stays, of a ratio from 3:4 to 4:3; 0.2"},
    {"data.augment.resolution", CONFIG_PRESET, OFFSET(data.augment.resolution), 0, 0, 1, NULL, "preset", true,
     "probability that the image is made smaller and large again; adaface: 0.2, dali: 0.1"},
    {"data.augment.resolution_least", CONFIG_PRESET, OFFSET(data.augment.resolution_least), 0, 0.05, 1, NULL,
     "preset", true, "the smallest share of its side that is left; 0.2, dali: 0.5"},
    {"data.augment.resolution_most", CONFIG_PRESET, OFFSET(data.augment.resolution_most), 0, 0.05, 1, NULL,
     "preset", true, "and the largest; 1, dali: 0.8"},
    {"data.augment.resolution_filters", CONFIG_CHOICE, OFFSET(data.augment.resolution_filters), 0, 0, 0,
     "preset|any|linear", "preset", true,
     "by which filters: any: drawn for either way, nearest, linear, area, cubic or Lanczos; or linear, "
     "smoothed before; "
     "any, dali: linear"},
    {"data.augment.blur", CONFIG_PRESET, OFFSET(data.augment.blur), 0, 0, 1, NULL, "preset", true,
     "probability of a Gaussian blur of 3 or 5 pixels; dali: 0.2"},
    {"data.augment.light", CONFIG_PRESET, OFFSET(data.augment.light), 0, 0, 1, NULL, "preset", true,
     "probability that brightness, contrast and saturation change, in a drawn order; adaface: 0.2"},
    {"data.augment.light_strength", CONFIG_PRESET, OFFSET(data.augment.light_strength), 0, 0, 1, NULL,
     "preset", true, "their factors are drawn from 1 minus this to 1 plus this; 0.5"},
    {"data.augment.hue", CONFIG_PRESET, OFFSET(data.augment.hue), 0, 0, 1, NULL, "preset", true,
     "probability that the hue turns and the saturation rises; dali: 0.2"},
    {"data.augment.hue_degrees", CONFIG_PRESET, OFFSET(data.augment.hue_degrees), 0, 0, 180, NULL, "preset",
     true, "by up to so many degrees; 20"},
    {"data.augment.hue_saturation", CONFIG_PRESET, OFFSET(data.augment.hue_saturation), 0, 0, 8, NULL,
     "preset", true, "and by a factor of 1 to this; 1.2"},
    {"data.augment.grey", CONFIG_PRESET, OFFSET(data.augment.grey), 0, 0, 1, NULL, "preset", true,
     "probability that the image loses its colours; dali: 0.1"},
    {"data.augment.jpeg", CONFIG_PRESET, OFFSET(data.augment.jpeg), 0, 0, 1, NULL, "preset", true,
     "probability that the image is packed as JPEG and unpacked again"},
    {"data.augment.jpeg_quality", CONFIG_PRESET, OFFSET(data.augment.jpeg_quality), 0, 1, 95, NULL, "preset",
     true, "of a quality from this to 95; 30"},
    {"data.augment.erase", CONFIG_PRESET, OFFSET(data.augment.erase), 0, 0, 1, NULL, "preset", true,
     "probability that noise covers a part of the image"},
    {"data.augment.erase_area", CONFIG_PRESET, OFFSET(data.augment.erase_area), 0, 0.02, 1, NULL, "preset",
     true, "of an area from 0.02 of the image's to this, of a ratio from 3:10 to 10:3; 0.4"},
    {"data.sampling", CONFIG_CHOICE, OFFSET(data.sampling), 0, 0, 0, "natural|balanced|capped", "natural",
     true,
     "images of an epoch: natural: each once; balanced: as many of each person, whose images come in turn; "
     "capped: at most "
     "data.cap of a person, drawn anew for each epoch"},
    {"data.cap", CONFIG_INT, OFFSET(data.cap), 0, 1, 1e9, NULL, "50", true,
     "with sampling capped: images of a person in an epoch at most"},
    {"data.bad_images", CONFIG_INT, OFFSET(data.bad_images), 0, 0, 1e9, NULL, "0", false,
     "images that may be left out, each named once, because they are damaged or cannot be decoded; another "
     "of their "
     "lease stands in; one more ends the run"},
    {"data.exclude", CONFIG_PATH_LIST, OFFSET(data.exclude), OFFSET(data.exclude_count), 0, 0, NULL, "[]",
     true,
     "tables of identities and images that are left out: dataset, identity, image (none: all of them), "
     "reason, "
     "as dail overlap --within writes them"},
    {"validation", CONFIG_PATH_LIST, OFFSET(validation.paths), OFFSET(validation.count), 0, 0, NULL, "[]",
     false, "verification sets, as pairs files"},
    {"model.arch", CONFIG_STRING, OFFSET(model.arch), 0, 0, 0,
     "iresnet10|iresnet18|iresnet34|iresnet50|iresnet100|iresnet200", "iresnet50", true, "the backbone"},
    {"model.input", CONFIG_INT, OFFSET(model.input), 0, 16, CONFIG_INPUT_MAX, NULL, "112", true,
     "side of the square images in pixels, a multiple of 16"},
    {"model.embedding", CONFIG_INT, OFFSET(model.embedding), 0, 1, CONFIG_EMBEDDING_MAX, NULL, "512", true,
     "length of the embedding"},
    {"model.width", CONFIG_DOUBLE, OFFSET(model.width), 0, 0.01, CONFIG_WIDTH_MAX, NULL, "1", true,
     "scales the number of channels; 0.25 for small experiments"},
    {"model.dropout", CONFIG_DOUBLE, OFFSET(model.dropout), 0, 0, 0.95, NULL, "0", true,
     "probability of a zero before the last layer"},
    {"model.init", CONFIG_PATH, OFFSET(model_init), 0, 0, 0, NULL, "random", true,
     "random, a checkpoint (backbone and matching class rows), or an iresnet's .safetensors, .onnx or .pth"},
    {"loss.margin", CONFIG_MARGIN, OFFSET(loss.margin), 0, -10, 10, NULL, "cm", true,
     "the margin: its name, {name: adaface, m: 0.5} to change a parameter, or [m1, m2, m3] of cos(m1 t + m2) "
     "- "
     "m3, m1 above 0"},
    {"loss.scale", CONFIG_DOUBLE, OFFSET(loss.scale), 0, 1e-3, 1e4, NULL, "64", true,
     "multiplies the cosines"},
    {"loss.scope", CONFIG_CHOICE, OFFSET(loss.scope), 0, 0, 0, "all|dataset", "dataset", true,
     "classes a sample is compared with: every dataset's, or its own dataset's"},
    {"loss.crossing_dropout", CONFIG_DOUBLE, OFFSET(loss.crossing_dropout), 0, 0, 1, NULL, "0", true,
     "with scope dataset: probability that a class of another dataset is compared with too"},
    {"loss.filter", CONFIG_DOUBLE, OFFSET(loss.filter), 0, 0, 1, NULL, "0", true,
     "classes whose cosine with the sample is above this, its own excepted, are left out of its denominator; "
     "0: "
     "none"},
    {"loss.with.center", CONFIG_DOUBLE, OFFSET(loss.center), 0, 0, 1e3, NULL, "0", true,
     "weight of center loss beside it, which draws embeddings to their class's centre; 0.003 is usual; 0: "
     "none"},
    {"loss.with.center_rate", CONFIG_DOUBLE, OFFSET(loss.center_rate), 0, 0, 1, NULL, "0.5", true,
     "how far a class's centre goes towards its images in a step"},
    {"identity.unify", CONFIG_CHOICE, OFFSET(identity.unify), 0, 0, 0, "none|file|discover", "file", true,
     "who is one person in several datasets, whose classes share a row: nobody, those of identity.file, or "
     "those "
     "that the training discovers"},
    {"identity.file", CONFIG_STRING, OFFSET(identity.file), 0, 0, 0, NULL, "none", true,
     "table of identities that are one person in several datasets, whose classes then share a row; or none"},
    {"identity.min_probability", CONFIG_DOUBLE, OFFSET(identity.min_probability), 0, 0, 1, NULL, "0.5", true,
     "pairs of the table or of a discovery that are less likely are left out, unless a person accepted them"},
    {"identity.start", CONFIG_DOUBLE, OFFSET(identity.start), 0, 0, 1, NULL, "0.1", true,
     "fraction of the training after which identities are discovered"},
    {"identity.every_epochs", CONFIG_DOUBLE, OFFSET(identity.every_epochs), 0, 0.01, LARGE, NULL, "0.5", true,
     "epochs from discovery to discovery; each makes all groups anew"},
    {"identity.until", CONFIG_DOUBLE, OFFSET(identity.until), 0, 0, 1, NULL, "1", true,
     "fraction of the training after which groups stay as they are"},
    {"domain.lambda", CONFIG_DOUBLE, OFFSET(domain.lambda), 0, 0, 1e3, NULL, "0.1", true,
     "strength of the reversed gradient in stage 2"},
    {"domain.start", CONFIG_DOUBLE, OFFSET(domain.start), 0, 0, 1, NULL, "0.5", true,
     "fraction of the training after which stage 2 begins"},
    {"domain.schedule", CONFIG_CHOICE, OFFSET(domain.schedule), 0, 0, 0, "constant|ganin", "constant", true,
     "lambda in stage 2: held, or raised from 0"},
    {"domain.hidden", CONFIG_INT_LIST, OFFSET(domain.hidden), OFFSET(domain.hidden_count), 1,
     CONFIG_HIDDEN_MAX, NULL, "[512]", true,
     "widths of the domain head's hidden layers; []: one linear layer"},
    {"domain.balance", CONFIG_BOOL, OFFSET(domain.balance), 0, 0, 0, NULL, "false", true,
     "weigh each dataset's samples in the domain loss by the inverse of its share"},
    {"classifier.rows_min", CONFIG_INT, OFFSET(classifier.rows_min), 0, 1, 1e9, NULL, "1024", false,
     "class rows that make another owner worth while: a dataset has ceil(classes / rows_min) owners"},
    {"classifier.sample", CONFIG_DOUBLE, OFFSET(classifier.sample), 0, 1e-6, 1, NULL, "1", true,
     "share of each dataset's classes that is drawn for a step and, with those of its samples, stands in its "
     "denominators; only their rows are updated"},
    {"batch.lane", CONFIG_INT, OFFSET(batch.lane), 0, 2, 65536, NULL, "16", true,
     "images of one lane's micro-batch; the global batch is lanes times this"},
    {"optimizer.lr", CONFIG_DOUBLE, OFFSET(optimizer.lr), 0, 0, 1e3, NULL, "0.1", true, "peak learning rate"},
    {"optimizer.momentum", CONFIG_DOUBLE, OFFSET(optimizer.momentum), 0, 0, 0.9999, NULL, "0.9", true,
     "of SGD"},
    {"optimizer.weight_decay", CONFIG_DOUBLE, OFFSET(optimizer.weight_decay), 0, 0, 1, NULL, "0.0005", true,
     "of SGD"},
    {"optimizer.clip", CONFIG_DOUBLE, OFFSET(optimizer.clip), 0, 0, 1e9, NULL, "5", true,
     "largest gradient norm of backbone and domain head together; 0: none"},
    {"schedule.kind", CONFIG_CHOICE, OFFSET(schedule.kind), 0, 0, 0, "poly|step|cosine", "poly", true,
     "how the learning rate falls: poly is (1 - q)^power"},
    {"schedule.power", CONFIG_DOUBLE, OFFSET(schedule.power), 0, 0.01, 100, NULL, "2", true,
     "kind poly: the power; 1 is a straight line"},
    {"schedule.epochs", CONFIG_DOUBLE, OFFSET(schedule.epochs), 0, 0.001, 1e6, NULL, "20", true,
     "length of the training"},
    {"schedule.warmup_epochs", CONFIG_DOUBLE, OFFSET(schedule.warmup_epochs), 0, 0, 1e6, NULL, "0", true,
     "length of the linear rise of the learning rate"},
    {"schedule.milestones", CONFIG_DOUBLE_LIST, OFFSET(schedule.milestones), OFFSET(schedule.milestone_count),
     0, 1, NULL, "[0.4, 0.7, 0.9]", true,
     "kind step: fractions of the training at which the learning rate is divided by 10"},
    {"checkpoint.every_steps", CONFIG_INT, OFFSET(checkpoint.every_steps), 0, 0, 1e9, NULL, "0", false,
     "steps between two checkpoints; 0: by time alone"},
    {"checkpoint.every_minutes", CONFIG_DOUBLE, OFFSET(checkpoint.every_minutes), 0, 0, 1e6, NULL, "30",
     false, "minutes between two checkpoints; 0: by steps alone"},
    {"checkpoint.keep.last", CONFIG_INT, OFFSET(checkpoint.keep.last), 0, 0, 1e6, NULL, "3", false,
     "the newest so many checkpoints stay; 0: all; `keep: 3` is short for this"},
    {"checkpoint.keep.every_epochs", CONFIG_INT, OFFSET(checkpoint.keep.every_epochs), 0, 0, 1e6, NULL, "0",
     false, "and the checkpoint at the end of each so many epochs stays for good; 0: none"},
    {"checkpoint.resume", CONFIG_PATH, OFFSET(checkpoint.resume), 0, 0, 0, NULL, "auto", false,
     "auto: go on from run.dir's newest checkpoint; never; or a checkpoint"},
    {"eval.every_steps", CONFIG_INT, OFFSET(eval.every_steps), 0, 0, 1e9, NULL, "0", false,
     "steps between two verifications; 0: at the end alone"},
    {"eval.at_end", CONFIG_BOOL, OFFSET(eval.at_end), 0, 0, 0, NULL, "true", false,
     "verify after the last step"},
    {"numeric.max_skips", CONFIG_INT, OFFSET(numeric.max_skips), 0, 1, 1e9, NULL, "10", false,
     "an update whose loss or gradient is not finite is skipped; so many in a row end the run"},
    {"runtime.threads", CONFIG_AUTO, OFFSET(runtime.threads), 0, 1, 4096, NULL, "auto", false,
     "threads of a worker; auto: a host's allowed physical cores divided among its workers"},
    {"runtime.bucket_mb", CONFIG_DOUBLE, OFFSET(runtime.bucket_mb), 0, 1e-3, 4096, NULL, "8", false,
     "MiB of gradient that travel together"},
    {"runtime.recompute", CONFIG_CHOICE, OFFSET(runtime.recompute), 0, 0, 0, "none|blocks", "none", false,
     "blocks: keep only what the network's blocks hand on, and compute the rest again: half the memory, a "
     "third more time"},
    {"runtime.exchange", CONFIG_CHOICE, OFFSET(runtime.exchange), 0, 0, 0, "auto|mpi|own", "auto", false,
     "who sums gradients: mpi: the MPI library; own: messages straight between the workers, the same bytes "
     "for each, those of a host summed before they leave it; auto: own, but mpi where more than 64 workers "
     "would "
     "turn to each other at once (129) and exchange_precision does not ask for own"},
    {"runtime.exchange_precision", CONFIG_CHOICE, OFFSET(runtime.exchange_precision), 0, 0, 0, "float32|bf16",
     "float32", true,
     "bf16: the backbone's gradients travel rounded to half the bytes; what rounding leaves out is added to "
     "the next step's"},
    {"runtime.liveness_seconds", CONFIG_DOUBLE, OFFSET(runtime.liveness_seconds), 0, 1, 1e6, NULL, "60",
     false, "silence after which a worker counts as lost"},
    {"log.every", CONFIG_INT, OFFSET(log.every), 0, 1, 1e9, NULL, "10", false,
     "steps between two step records"},
    {"log.tensorboard", CONFIG_BOOL, OFFSET(log.tensorboard), 0, 0, 0, NULL, "false", false,
     "also write what TensorBoard reads, to the run's folder tensorboard/"},
    {"log.rotate_mb", CONFIG_DOUBLE, OFFSET(log.rotate_mb), 0, 0, 1e6, NULL, "16", false,
     "MiB at which status.jsonl is put aside as status.jsonl.000001 and so on, and begun anew; 0: never"},
    {"log.keep", CONFIG_INT, OFFSET(log.keep), 0, 1, 1e6, NULL, "16", false,
     "status logs put aside that are kept, the newest"},
    {"log.slow_seconds", CONFIG_DOUBLE, OFFSET(log.slow_seconds), 0, 0, 1e6, NULL, "30", false,
     "seconds of training after which it is judged, and after as many again said, who holds the run up; 0: "
     "never"},
    {"debug.trace_step", CONFIG_INT64, OFFSET(debug.trace_step), 0, 0, LARGE, NULL, "0", false,
     "the step, counted from 1, to write a trace of; 0: none"},
    {"debug.stop_after_step", CONFIG_INT64, OFFSET(debug.stop_after_step), 0, 0, LARGE, NULL, "0", false,
     "stop after this step as if asked to; 0: never"},
    {"debug.poison_sample", CONFIG_INT64, OFFSET(debug.poison_sample), 0, -1, LARGE, NULL, "-1", false,
     "make the pixels of this sample NaN: the dataset's index times 2^40 plus the image's number in it; -1: "
     "none"},
    {"debug.kernels", CONFIG_CHOICE, OFFSET(debug.kernels), 0, 0, 0, "fast|gemm|reference", "fast", false,
     "how the network convolves: the fastest way, by matrix products alone, or by plain loops, which is "
     "slow"}};

const struct config_row *config_rows(size_t *count)
{
    *count = sizeof rows / sizeof rows[0];
    return rows;
}

const struct config_row *config_row_of(const char *key)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].key, key) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

const struct config_row *config_augment_rows(size_t *count)
{
    static const char group[] = "data.augment.";
    const struct config_row *first = rows;
    while (strncmp(first->key, group, sizeof group - 1) != 0) {
        first++;
    }
    *count = 0;
    while (strncmp(first[*count].key, group, sizeof group - 1) == 0) {
        ++*count;
    }
    return first;
}

const struct config_row *config_short_row(const char *group)
{
    static const char *const shorts[][2] = {{"checkpoint.keep", "checkpoint.keep.last"},
                                            {"data.augment", "data.augment.preset"}};
    for (size_t i = 0; i < sizeof shorts / sizeof *shorts; i++) {
        if (strcmp(shorts[i][0], group) == 0) {
            return config_row_of(shorts[i][1]);
        }
    }
    return NULL;
}

static void list_words(const char *words, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "one of ");
    for (; *words != '\0' && used + 3 < size; words++) {
        if (*words == '|') {
            text[used++] = ',';
            text[used++] = ' ';
        } else {
            text[used++] = *words;
        }
    }
    text[used] = '\0';
}

void config_expected(const struct config_row *row, char *text, size_t size)
{
    if (row->choices) {
        list_words(row->choices, text, size);
        return;
    }
    switch (row->type) {
    case CONFIG_STRING:
        snprintf(text, size, "a text");
        break;
    case CONFIG_PATH:
        snprintf(text, size, "a path (~ is one's own home folder)");
        break;
    case CONFIG_INT:
    case CONFIG_INT64:
    case CONFIG_UINT64:
        snprintf(text, size, "an integer from %.15g to %.15g", row->min, row->max);
        break;
    case CONFIG_AUTO:
        snprintf(text, size, "auto or an integer from %.15g to %.15g", row->min, row->max);
        break;
    case CONFIG_DOUBLE:
        snprintf(text, size, "a number from %g to %g", row->min, row->max);
        break;
    case CONFIG_PRESET:
        snprintf(text, size, "preset or a number from %g to %g", row->min, row->max);
        break;
    case CONFIG_BOOL:
        snprintf(text, size, "true or false");
        break;
    case CONFIG_DATASETS:
        snprintf(text, size,
                 "a list of manifests, each a path or {manifest, weight, sampling, cap, augment}");
        break;
    case CONFIG_PATH_LIST:
        snprintf(text, size, "a list of paths");
        break;
    case CONFIG_INT_LIST:
        snprintf(text, size, "a list of integers from %g to %g", row->min, row->max);
        break;
    case CONFIG_DOUBLE_LIST:
        snprintf(text, size, "a list of numbers from %g to %g", row->min, row->max);
        break;
    case CONFIG_MARGIN:
        config_margin_expected(text, size);
        break;
    case CONFIG_CHOICE:
        break;
    }
}

/* How far a row's key is from `key`; the right word in the wrong place is near too. */
static size_t key_distance(const char *key, const char *candidate)
{
    size_t distance = text_distance(key, candidate);
    const char *leaf = strrchr(candidate, '.');
    const char *own_leaf = strrchr(key, '.');
    bool same_leaf = leaf && strcmp(leaf + 1, own_leaf ? own_leaf + 1 : key) == 0;
    return same_leaf && distance > 1 ? 1 : distance;
}

bool config_nearest(const char *key, char *nearest, size_t size)
{
    size_t least = strlen(key) / 2 + 1;
    bool found = false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        /* The groups that lead to the key, then the key itself. */
        for (const char *end = strchrnul(rows[i].key, '.');; end = strchrnul(end + 1, '.')) {
            char candidate[128];
            snprintf(candidate, sizeof candidate, "%.*s", (int)(end - rows[i].key), rows[i].key);
            size_t distance = key_distance(key, candidate);
            if (distance < least) {
                least = distance;
                found = true;
                snprintf(nearest, size, "%s", candidate);
            }
            if (*end == '\0') {
                break;
            }
        }
    }
    return found;
}
