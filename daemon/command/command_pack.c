/* `dail pack`: imports folders and lists of images, RecordIO sets, archives, databases, lists of pairs and verification pickles. */
#include "daemon/command/commands.h"
#include "daemon/command/pack_job.h"
#include "daemon/terminal/progress.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The largest number of a fold in a list of pairs. */
#define FOLD_MAX 256

static void report(const struct pack_job *job, const struct pack_result *result, double seconds)
{
    if (pack_job_makes_set(job)) {
        printf("%s/%s.h5: %u pairs, ", job->directory, job->name, result->pairs);
    } else {
        printf("%s/%s.yaml: %u classes in %u shards, ", job->directory, job->name, result->classes,
               result->shards);
    }
    printf("%llu images (%llu byte for byte), %.1f MiB, %.1f s", (unsigned long long)result->images,
           (unsigned long long)result->kept, (double)result->bytes / 1048576.0, seconds);
    if (result->turned > 0) {
        printf(", %llu turned upright as EXIF says", (unsigned long long)result->turned);
    }
    if (result->fitted > 0) {
        static const char *const became[] = {"cropped to its middle", "padded with black", "stretched"};
        printf(", %llu not square, each %s", (unsigned long long)result->fitted, became[job->style.fit]);
    }
    putchar('\n');
}

/* One line of all that is not in it, and the list if it is wanted. */
static enum status report_left_out(const struct pack_options *options, const struct left_out *left_out,
                                   struct error *error)
{
    char *sentence = left_out_sentence(left_out);
    puts(sentence ? sentence : "left out: there is no memory to tell");
    free(sentence);
    return options->left_out ? left_out_write(left_out, options->left_out, error) : STATUS_OK;
}

/* Reads the table of faces and tells what is in it. */
static enum status read_faces(struct pack_job *job, struct error *error)
{
    struct face_table *faces = &job->faces;
    job->style.fit = job->options->align == ALIGN_PAD    ? IMAGE_FIT_PAD
                     : job->options->align == ALIGN_NONE ? IMAGE_FIT_STRETCH
                                                         : IMAGE_FIT_CENTER;
    if (!job->options->landmarks) {
        return STATUS_OK;
    }
    enum status status = face_table_open(job->options->landmarks, faces, error);
    if (status != STATUS_OK) {
        return status;
    }
    job->style.faces = faces;
    printf("%s: faces of %zu images, %zu by five points and %zu by their box", job->options->landmarks,
           faces->count, faces->count - faces->boxes, faces->boxes);
    if (faces->empty > 0) {
        printf("; %zu rows without a face", faces->empty);
    }
    if (faces->others > 0) {
        printf("; %zu faces beside a larger one in their image", faces->others);
    }
    puts(faces->mirrored ? "; its left is the person's, not the viewer's" : "");
    return STATUS_OK;
}

static enum status execute(const struct command_line *line, struct error *error)
{
    const struct pack_options *options = line->values;
    struct pack_job job = {.options = options, .style = options->style};
    struct left_out left_out = {.listed = options->left_out != NULL};
    struct progress progress;
    struct pack_result result;
    char what[300];
    enum status status = pack_job_interpret(&job, line->operand_count > 0 ? line->operands[0] : NULL, error);
    if (status == STATUS_OK) {
        status = read_faces(&job, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    snprintf(what, sizeof what, "pack %.200s", job.name);
    job.style.progress = progress_update;
    job.style.warn = progress_say;
    job.style.context = &progress;
    job.style.left_out = &left_out;
    progress_begin(&progress, what, "images");
    status = pack_job_run(&job, &result, error);
    progress_end(&progress);
    if (status == STATUS_OK) {
        report(&job, &result, progress_seconds(&progress));
        status = report_left_out(options, &left_out, error);
    }
    left_out_free(&left_out);
    face_table_close(&job.faces);
    return status;
}

#define AT(member) offsetof(struct pack_options, member)

static const struct option_spec options[] = {
    {.name = "output",
     .short_name = 'o',
     .kind = OPTION_STRING,
     .offset = AT(output),
     .metavar = "DIR|SET.h5",
     .help = "where a dataset's files go (default: .), or the verification set's file",
     .word = WORD_FOLDER},
    {.name = "list",
     .kind = OPTION_STRING,
     .offset = AT(labelled),
     .metavar = "FILE",
     .help = "make a dataset of the images of this list, lines of a path and a label",
     .word = WORD_FILE},
    {.name = "rec",
     .kind = OPTION_STRINGS,
     .offset = AT(records),
     .metavar = "DIR",
     .help = "make a dataset of this RecordIO set, or of several (may be repeated; a pattern in quotes)",
     .word = WORD_FILE,
     .endings = ".rec"},
    {.name = "labels",
     .kind = OPTION_CHOICE,
     .offset = AT(labels),
     .help = "of several --rec: one number is one person in all of them, or each set has its own",
     .min = PACK_LABELS_JOIN,
     .choices = "join|offset"},
    {.name = "tar",
     .kind = OPTION_STRINGS,
     .offset = AT(archives),
     .metavar = "FILES",
     .help = "make a dataset of WebDataset's archives: a pattern in quotes, or a folder (may be repeated)",
     .word = WORD_FILE,
     .endings = ".tar .tar.gz .tgz"},
    {.name = "label-key",
     .kind = OPTION_STRING,
     .offset = AT(label_key),
     .metavar = "KEY",
     .help = "with --tar: the member of .json, or the ending of the file, that has the label"},
    {.name = "lmdb",
     .kind = OPTION_STRING,
     .offset = AT(database),
     .metavar = "DIR",
     .help = "make a dataset of this LMDB database of images and labels",
     .word = WORD_FILE,
     .endings = ".mdb .lmdb"},
    {.name = "pairs",
     .kind = OPTION_STRING,
     .offset = AT(list),
     .metavar = "LIST",
     .help = "make a verification set of this list",
     .word = WORD_FILE,
     .endings = ".txt .tsv"},
    {.name = "images",
     .kind = OPTION_STRING,
     .offset = AT(images),
     .metavar = "FOLDER",
     .help = "with --pairs or --list: what its paths are relative to (default of --list: its own folder)",
     .word = WORD_FOLDER},
    {.name = "bin",
     .kind = OPTION_STRING,
     .offset = AT(pickle),
     .metavar = "FILE",
     .help = "make a verification set of this pickle",
     .word = WORD_FILE,
     .endings = ".bin"},
    {.name = "name",
     .short_name = 'n',
     .kind = OPTION_STRING,
     .offset = AT(name),
     .metavar = "NAME",
     .help = "of the dataset (default: the last part of FOLDER or DIR)"},
    {.name = "id",
     .kind = OPTION_INT,
     .offset = AT(id),
     .metavar = "N",
     .help = "a number that its files keep; trainings number their datasets themselves",
     .max = INT_MAX},
    {.name = "size",
     .short_name = 's',
     .kind = OPTION_INT,
     .offset = AT(style.size),
     .metavar = "PIXELS",
     .help = "side of the stored images",
     .min = 16,
     .max = IMAGE_SIDE_MAX},
    {.name = "align",
     .kind = OPTION_CHOICE,
     .offset = AT(align),
     .help = "the middle of images that are not square, all between black bars, by --landmarks, or "
             "stretched: none",
     .min = ALIGN_CENTER,
     .choices = "center|pad|landmarks|none"},
    OPTION_ROW_LANDMARKS(AT(landmarks)),
    {.name = "margin",
     .kind = OPTION_DOUBLE,
     .offset = AT(style.margin),
     .metavar = "SHARE",
     .help = "with --landmarks: of its side, about a face that has only a box",
     .high = 10},
    {.name = "encoding",
     .kind = OPTION_CHOICE,
     .offset = AT(style.encoding),
     .help = "of images that need resizing; others keep their bytes",
     .min = IMAGE_JPEG,
     .choices = "jpeg|png"},
    {.name = "quality",
     .kind = OPTION_INT,
     .offset = AT(style.quality),
     .metavar = "N",
     .help = "of JPEG",
     .min = 1,
     .max = 100},
    {.name = "min-images",
     .kind = OPTION_INT,
     .offset = AT(min_images),
     .metavar = "N",
     .help = "leave out identities with fewer (default: a folder's without any; labels of records stay)",
     .min = 1,
     .max = 1000000},
    {.name = "max-images",
     .kind = OPTION_INT,
     .offset = AT(max_images),
     .metavar = "N",
     .help = "of an identity take the first so many, of those that are left (default: all)",
     .min = 1,
     .max = 1000000},
    {.name = "compact",
     .kind = OPTION_FLAG,
     .offset = AT(compact),
     .help = "with --rec, --tar or --lmdb: leave out labels that no image has; the others move up"},
    {.name = "include",
     .kind = OPTION_STRING,
     .offset = AT(include),
     .metavar = "FILE",
     .help = "only the identities listed, one a line",
     .word = WORD_FILE},
    {.name = "exclude",
     .kind = OPTION_STRING,
     .offset = AT(exclude),
     .metavar = "FILE",
     .help = "none of the identities listed, nor of images: lines of IDENTITY, of IDENTITY/IMAGE, or a table",
     .word = WORD_FILE},
    {.name = "left-out",
     .kind = OPTION_STRING,
     .offset = AT(left_out),
     .metavar = "FILE",
     .help = "list what is left out, and why: TSV of what, name, why",
     .word = WORD_FILE},
    {.name = "shard-mb",
     .kind = OPTION_SIZE,
     .offset = AT(shard_bytes),
     .metavar = "N",
     .help = "about so many MiB a shard",
     .min = 1 << 16,
     .max = (uint64_t)8 << 30},
    {.name = "seed",
     .kind = OPTION_UINT64,
     .offset = AT(seed),
     .metavar = "N",
     .help = "of the order of the images",
     .max = UINT64_MAX},
    {.name = "folds",
     .kind = OPTION_NUMBERS,
     .offset = AT(folds),
     .metavar = "A,B,...",
     .help = "with --pairs: only these folds, as the list numbers them",
     .max = FOLD_MAX},
    {.name = "spool",
     .kind = OPTION_CHOICE,
     .offset = AT(style.spool),
     .help = "with --rec, --tar or --lmdb: put images in the shards' order first, on disk; auto: what is "
             "larger than "
             "memory",
     .min = PACK_SPOOL_AUTO,
     .choices = "auto|always|never"},
    {.name = "threads",
     .short_name = 't',
     .kind = OPTION_INT,
     .offset = AT(style.threads),
     .metavar = "N",
     .help = "threads; any number makes the same files (default: the cores allowed)",
     .min = 1,
     .max = 1024},
    {.name = "skip-bad",
     .kind = OPTION_FLAG,
     .offset = AT(style.skip_bad),
     .help = "leave out images that cannot be decoded, and records that are damaged, and say so"},
    {.name = "force",
     .short_name = 'f',
     .kind = OPTION_FLAG,
     .offset = AT(force),
     .help = "replace what has that name"},
    {0}};

static const struct operand_spec operands[] = {{.name = "FOLDER", .max = 1, .word = WORD_FOLDER}, {0}};

static const struct command_example examples[] = {
    {"dail pack faces/casia -o data --skip-bad", "a folder of identities as the dataset casia"},
    {"dail pack --rec faces_ms1mv3 -o data --name ms1mv3", "an InsightFace set"},
    {"dail pack --tar 'wds/glint360k-{0000..1384}.tar.gz' -o data", "WebDataset's archives"},
    {"dail pack img_celeba -o data --landmarks list_landmarks_celeba.txt", "photographs, aligned"},
    {"dail pack --pairs lfw-pairs.txt --images faces/lfw -o data/lfw.h5", "a verification set"},
    {0}};

static const struct pack_options defaults = {.shard_bytes = 256 << 20, .style = PACK_STYLE_DEFAULTS};

const struct command command_pack = {
    .name = "pack",
    .summary = "pack images, RecordIO or archives into shards, pairs into a verification set",
    .usage = "dail pack [OPTIONS] FOLDER\n"
             "dail pack [OPTIONS] --list FILE [--images FOLDER]\n"
             "dail pack [OPTIONS] --rec DIR\n"
             "dail pack [OPTIONS] --tar FILES\n"
             "dail pack [OPTIONS] --lmdb DIR\n"
             "dail pack --pairs LIST --images FOLDER -o SET.h5 [OPTIONS]\n"
             "dail pack --bin FILE -o SET.h5 [OPTIONS]",
    .description =
        "Makes a dataset of FOLDER/<identity>/<image> (JPEG, PNG, WebP, BMP, TIFF, PGM, PPM): shards and a "
        "manifest. With --list, of\n"
        "the images that FILE lists, one a line, each with its label: a number or a name. With --rec, of\n"
        "an InsightFace set: DIR has train.rec (or one other .rec), perhaps its .idx and a "
        "property file. With\n"
        "several --rec and --labels, of several such sets. With "
        "--tar, of WebDataset's archives, .tar or .tar.gz: files of one key are a sample, <key>.jpg with "
        "<key>.cls or\n"
        "<key>.json. With --lmdb, of a database whose values are pickles or msgpacks of image and label, "
        "Caffe's "
        "Datums, or\n"
        "images beside their labels. With --pairs, makes a verification set of a list of pairs: LFW's "
        "pairs.txt, or TSV with "
        "the "
        "columns fold, image,\n"
        "image, same. With --bin, of a pickle as InsightFace has them, such as lfw.bin.\n"
        "With --landmarks, of photographs whose faces TABLE knows by five points or a box: CelebA's, "
        "VGGFace2's, "
        "UMDFaces'\n"
        "and IJB's lists, or CSV, TSV or JSON of MTCNN, RetinaFace and other detectors; its header tells "
        "which. "
        "etc/align.py\n"
        "makes one. Images that it does not name are left out.\n"
        "A dataset that was broken off is gone on with: give the same command again, and shards "
        "that are finished\n"
        "stay (in DIR/.NAME.packing), if the images that they were made of are what they were. A command "
        "with\n"
        "another source, list or option begins anew, and says why; so does --force after one without it.",
    .options = options,
    .operands = operands,
    .examples = examples,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = execute,
};
