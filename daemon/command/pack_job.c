#include "daemon/command/pack_job.h"

#include "proto/text.h"

#include <stdio.h>
#include <string.h>

/* "a/b/set.h5" is the set `set` in the folder a/b. */
static enum status name_set(struct pack_job *job, struct error *error)
{
    const char *output = job->options->output;
    const size_t length = output ? strlen(output) : 0;
    if (length < 4 || !text_ends_with(output, ".h5") || output[length - 4] == '/' ||
        length >= sizeof job->directory || job->options->name) {
        return error_set(error, STATUS_USAGE, "-o", "give -o SET.h5, and no --name",
                         "a verification set is one file, which gives it its name");
    }
    const char *slash = strrchr(output, '/');
    const char *name = slash ? slash + 1 : output;
    snprintf(job->name, sizeof job->name, "%.*s", (int)strlen(name) - 3, name);
    snprintf(job->directory, sizeof job->directory, "%.*s",
             !slash            ? 1
             : slash == output ? 1
                               : (int)(slash - output),
             !slash ? "." : output);
    return STATUS_OK;
}

/* The end of the name that a source's last part, from `begin` to `end`, gives: "train.rec" -> "train"; "a.mdb" -> "a"; "casia.txt" ->
 * "casia"; "ms1mv3-{0000..0099}.tar" and "ms1mv3-0000.tar.gz" -> "ms1mv3", "ms1mv3-0000". */
static size_t name_end(enum pack_mode mode, const char *source, size_t begin, size_t end)
{
    const bool pattern = mode == PACK_TAR || (mode == PACK_RECORDIO && strpbrk(source, "{*?["));
    if (pattern && !file_is_directory(source)) {
        size_t stop = begin + strcspn(source + begin, ".{*?[");
        while (stop < end && stop > begin && strchr("-_", source[stop - 1]) && source[stop] != '.') {
            stop--;
        }
        return stop;
    }
    const char *ending = mode == PACK_RECORDIO ? ".rec" : mode == PACK_LMDB ? ".mdb" : NULL;
    if (ending && end - begin > 4 && strncmp(source + end - 4, ending, 4) == 0) {
        return end - 4;
    }
    if (mode == PACK_LIST) {
        for (size_t dot = end; dot > begin + 1; dot--) {
            if (source[dot - 1] == '.') {
                return dot - 1;
            }
        }
    }
    return end;
}

/* Those that are named where there may be several; none for other sources. */
static const struct option_strings *sources_of(const struct pack_job *job)
{
    return job->mode == PACK_RECORDIO ? &job->options->records : &job->options->archives;
}

/* "a/lfw/" -> "lfw". */
static enum status name_dataset(struct pack_job *job, struct error *error)
{
    const struct pack_options *options = job->options;
    const struct option_strings *several = sources_of(job);
    const char *source = several->count > 0 ? several->values[0] : job->source;
    size_t end = strlen(source);
    while (end > 1 && source[end - 1] == '/') {
        end--;
    }
    size_t begin = end;
    while (begin > 0 && source[begin - 1] != '/') {
        begin--;
    }
    end = name_end(job->mode, source, begin, end);
    if (several->count > 1 && job->mode == PACK_RECORDIO && !options->name) {
        return error_set(error, STATUS_USAGE, "--rec", "give it one by --name",
                         "a dataset of several sets needs a name of its own");
    }
    if (options->name) {
        snprintf(job->name, sizeof job->name, "%s", options->name);
    } else if (end > begin) {
        snprintf(job->name, sizeof job->name, "%.*s", (int)(end - begin), source + begin);
    } else {
        return error_set(error, STATUS_USAGE, source, "give it one by --name",
                         "the files' names tell no name of the dataset");
    }
    snprintf(job->directory, sizeof job->directory, "%s", options->output ? options->output : ".");
    return STATUS_OK;
}

/* Its images lie in large files. */
static bool is_stored(const struct pack_job *job)
{
    return job->mode == PACK_RECORDIO || job->mode == PACK_TAR || job->mode == PACK_LMDB;
}

bool pack_job_makes_set(const struct pack_job *job)
{
    return job->mode == PACK_PAIRS || job->mode == PACK_PICKLE;
}

/* Several sources of one kind, as one text; NULL where there is none. */
static const char *join_sources(struct pack_job *job, const struct option_strings *sources)
{
    size_t length = 0;
    for (size_t i = 0; i < sources->count && length < sizeof job->joined; i++) {
        length += (size_t)snprintf(job->joined + length, sizeof job->joined - length, "%s%s",
                                   i > 0 ? " " : "", sources->values[i]);
    }
    return sources->count > 0 ? job->joined : NULL;
}

/* Exactly one source is named. */
static enum status choose_mode(struct pack_job *job, const char *folder, struct error *error)
{
    const struct pack_options *options = job->options;
    const struct option_strings *several =
        options->records.count > 0 ? &options->records : &options->archives;
    const char *joined = join_sources(job, several);
    if (folder && joined) {
        return error_set(error, STATUS_USAGE, folder,
                         "put a pattern of several files in quotes, so that the shell leaves it",
                         "a folder of images is named beside --rec or --tar");
    }
    const struct {
        const char *source, *option;
        enum pack_mode mode;
    } sources[] = {{folder, "FOLDER", PACK_FOLDER},
                   {options->labelled, "--list", PACK_LIST},
                   {options->records.count > 0 ? joined : NULL, "--rec", PACK_RECORDIO},
                   {options->archives.count > 0 ? joined : NULL, "--tar", PACK_TAR},
                   {options->database, "--lmdb", PACK_LMDB},
                   {options->list, "--pairs", PACK_PAIRS},
                   {options->pickle, "--bin", PACK_PICKLE}};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (!sources[i].source) {
            continue;
        }
        if (job->source) {
            return error_set(error, STATUS_USAGE, sources[i].option, "see dail pack --help",
                             "images can come from one source at a time");
        }
        job->source = sources[i].source;
        job->mode = sources[i].mode;
    }
    return job->source
               ? STATUS_OK
               : error_set(error, STATUS_USAGE, NULL, "see dail pack --help", "no folder of images is named");
}

/* What is said of the source suits it. */
static enum status check_mode(const struct pack_job *job, struct error *error)
{
    const struct pack_options *options = job->options;
    if (job->mode == PACK_PAIRS && !options->images) {
        return error_set(error, STATUS_USAGE, "--pairs", "give --images FOLDER",
                         "the paths of a list of pairs are relative to one folder");
    }
    if (job->mode != PACK_PAIRS && job->mode != PACK_LIST && options->images) {
        return error_set(error, STATUS_USAGE, "--images", "add --pairs LIST or --list FILE",
                         "only the images of a list need to be named apart");
    }
    if (job->mode != PACK_PAIRS && options->folds.count > 0) {
        return error_set(error, STATUS_USAGE, "--folds", "add --pairs LIST", "folds are of a list of pairs");
    }
    if (!is_stored(job) && options->compact) {
        return error_set(error, STATUS_USAGE, "--compact", "leave out --compact",
                         "only labels of records, archives and databases can have gaps");
    }
    if (job->mode != PACK_RECORDIO && options->labels != PACK_LABELS_ALONE) {
        return error_set(error, STATUS_USAGE, "--labels", "leave it out",
                         "only labels of RecordIO sets are joined");
    }
    if (job->mode != PACK_TAR && options->label_key) {
        return error_set(error, STATUS_USAGE, "--label-key", "add --tar FILES",
                         "only samples of archives have labels under a key");
    }
    if (pack_job_makes_set(job) && (options->include || options->exclude)) {
        return error_set(error, STATUS_USAGE, options->include ? "--include" : "--exclude",
                         "leave out --include and --exclude", "a verification set names its images itself");
    }
    return STATUS_OK;
}

static enum status check_align(const struct pack_job *job, struct error *error)
{
    const struct pack_options *options = job->options;
    if (options->align == ALIGN_LANDMARKS && !options->landmarks) {
        return error_set(error, STATUS_USAGE, "--align landmarks", "name it by --landmarks TABLE",
                         "the table of landmarks is not named");
    }
    if (options->landmarks && options->align != 0 && options->align != ALIGN_LANDMARKS) {
        return error_set(error, STATUS_USAGE, "--landmarks", "leave out one of them",
                         "--align says that images are not aligned by landmarks");
    }
    if (options->landmarks && (is_stored(job) || job->mode == PACK_PICKLE)) {
        return error_set(error, STATUS_USAGE, "--landmarks",
                         "leave it out, or unpack the images to files first",
                         "a table names images by their files, and these have none");
    }
    return STATUS_OK;
}

enum status pack_job_interpret(struct pack_job *job, const char *folder, struct error *error)
{
    enum status status = choose_mode(job, folder, error);
    if (status == STATUS_OK) {
        status = check_mode(job, error);
    }
    if (status == STATUS_OK) {
        status = check_align(job, error);
    }
    if (status == STATUS_OK && pack_job_makes_set(job)) {
        return name_set(job, error);
    }
    return status == STATUS_OK ? name_dataset(job, error) : status;
}

enum status pack_job_run(const struct pack_job *job, struct pack_result *result, struct error *error)
{
    const struct pack_options *options = job->options;
    const struct pack_pairs pairs = {.list = job->source,
                                     .folder = options->images,
                                     .directory = job->directory,
                                     .name = job->name,
                                     .folds = options->folds.values,
                                     .fold_count = options->folds.count,
                                     .force = options->force};
    const struct pack_dataset dataset = {.source = job->source,
                                         .sources = sources_of(job)->values,
                                         .source_count = sources_of(job)->count,
                                         .labels = options->labels,
                                         .label_key = options->label_key,
                                         .folder = options->images,
                                         .directory = job->directory,
                                         .name = job->name,
                                         .dataset_id = (uint32_t)options->id,
                                         .include = options->include,
                                         .exclude = options->exclude,
                                         .min_images = (uint32_t)options->min_images,
                                         .max_images = (uint32_t)options->max_images,
                                         .compact = options->compact,
                                         .shard_bytes = options->shard_bytes,
                                         .seed = options->seed,
                                         .force = options->force};
    switch (job->mode) {
    case PACK_PAIRS:
        return pack_pairs(&pairs, &job->style, result, error);
    case PACK_PICKLE:
        return pack_pickle(&pairs, &job->style, result, error);
    case PACK_LIST:
        return pack_list(&dataset, &job->style, result, error);
    case PACK_RECORDIO:
        return pack_recordio(&dataset, &job->style, result, error);
    case PACK_LMDB:
        return pack_lmdb(&dataset, &job->style, result, error);
    case PACK_TAR:
        return pack_tar(&dataset, &job->style, result, error);
    case PACK_FOLDER:
        break;
    }
    return pack_folder(&dataset, &job->style, result, error);
}
