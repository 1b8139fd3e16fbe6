/* dail search: whether people are found again in a gallery. */
#include "daemon/command/commands.h"
#include "daemon/judge/curve_file.h"
#include "daemon/judge/search_result.h"
#include "daemon/rank/host.h"
#include "daemon/terminal/progress.h"
#include "daemon/terminal/warning.h"
#include "proto/file.h"
#include "worker/interchange/state_dict.h"
#include "worker/protocol/feature_model.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RANK_MAX 1000000

static const int default_ranks[] = {1, 5, 10};

struct search_options {
    struct option_strings distractors;
    struct option_numbers ranks; /* none: the default ones */
    const char *model, *cmc, *det;
    int mates; /* 0 any, 1 each */
    int candidates, bootstrap;
    uint64_t seed;
    bool json;
    int batch, threads; /* threads 0: the cores allowed */
};

struct searching {
    const struct search_options *options;
    int threads;
    struct feature_model model; /* with --model */
    struct features gallery, probes;
    struct features *distractors; /* [options->distractors.count] */
    uint32_t *gallery_person, *probe_person;
    struct progress progress;
    struct search_result result;
};

/* --- What is compared --- */

static enum status open_features(struct searching *searching, const char *path, struct features *features,
                                 struct error *error)
{
    if (!searching->options->model) {
        return features_open(path, features, error);
    }
    return feature_model_embed(&searching->model, &path, 1, NULL, features, error);
}

static enum status open_model(struct searching *searching, struct error *error)
{
    const struct search_options *options = searching->options;
    if (!options->model) {
        return STATUS_OK;
    }
    const enum status status =
        feature_model_open(options->model, options->batch, searching->threads, &searching->model, error);
    if (status == STATUS_OK) {
        warning_print(searching->model.backbone.note.names);
    }
    searching->model.progress = progress_update;
    searching->model.context = &searching->progress;
    return status;
}

static enum status open_all(struct searching *searching, const char *gallery, const char *probes,
                            struct error *error)
{
    const struct option_strings *names = &searching->options->distractors;
    enum status status = open_model(searching, error);
    progress_begin(&searching->progress, "embed", "images");
    if (status == STATUS_OK) {
        status = open_features(searching, gallery, &searching->gallery, error);
    }
    if (status == STATUS_OK) {
        status = open_features(searching, probes, &searching->probes, error);
    }
    searching->distractors = calloc(names->count + 1, sizeof *searching->distractors);
    if (status == STATUS_OK && !searching->distractors) {
        status = error_no_memory(error, "search");
    }
    for (size_t i = 0; i < names->count && status == STATUS_OK; i++) {
        status = open_features(searching, names->values[i], &searching->distractors[i], error);
        searching->result.distractors += searching->distractors[i].rows;
    }
    progress_end(&searching->progress);
    return status;
}

static enum status match_people(struct searching *searching, struct error *error)
{
    searching->gallery_person = malloc((searching->gallery.rows + 1) * sizeof *searching->gallery_person);
    searching->probe_person = malloc((searching->probes.rows + 1) * sizeof *searching->probe_person);
    if (!searching->gallery_person || !searching->probe_person) {
        return error_no_memory(error, "search");
    }
    return features_match(&searching->gallery, &searching->probes, searching->gallery_person,
                          searching->probe_person, error);
}

/* How many of the gallery's people have images. */
static enum status count_people(struct searching *searching, struct error *error)
{
    const struct features *gallery = &searching->gallery;
    bool *seen = calloc((size_t)gallery->classes + 1, sizeof *seen);
    if (!seen) {
        return error_no_memory(error, gallery->path);
    }
    for (size_t i = 0; i < gallery->rows; i++) {
        searching->result.gallery_people += !seen[gallery->label[i]];
        seen[gallery->label[i]] = true;
    }
    free(seen);
    return STATUS_OK;
}

static bool is_one_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

static enum status find(struct searching *searching, const char *gallery, const char *probes,
                        struct error *error)
{
    const struct search_config config = {.gallery = &searching->gallery,
                                         .probes = &searching->probes,
                                         .gallery_person = searching->gallery_person,
                                         .probe_person = searching->probe_person,
                                         .distractors = searching->distractors,
                                         .distractor_count = searching->options->distractors.count,
                                         .self = is_one_file(gallery, probes),
                                         .each_mate = searching->options->mates == 1,
                                         .threads = searching->threads,
                                         .progress = progress_update,
                                         .context = &searching->progress};
    progress_begin(&searching->progress, "search", "rows");
    const enum status status = search_run(&config, &searching->result.found, error);
    progress_end(&searching->progress);
    return status;
}

/* --- What is told --- */

static enum status make_question(struct searching *searching, struct error *error)
{
    const struct option_numbers *ranks = &searching->options->ranks;
    struct identification_question *question = &searching->result.question;
    const size_t count = ranks->count > 0 ? ranks->count : sizeof default_ranks / sizeof *default_ranks;
    if (count > IDENTIFICATION_RANKS_MAX) {
        return error_set(error, STATUS_USAGE, "--ranks", "--cmc writes all", "more than %d ranks",
                         IDENTIFICATION_RANKS_MAX);
    }
    question->rank_count = (int)count;
    question->candidates = searching->options->candidates;
    memcpy(question->ranks, ranks->count > 0 ? ranks->values : default_ranks, count * sizeof(int));
    return STATUS_OK;
}

static enum status tell(struct searching *searching, struct error *error)
{
    const struct search_options *options = searching->options;
    struct search_result *result = &searching->result;
    identification_judge(&result->found, &result->question, NULL, &result->figures);
    enum status status = identification_bootstrap(&result->found, &result->question, &result->bootstrap,
                                                  &result->intervals, error);
    if (status == STATUS_OK && options->json) {
        status = search_print_json(result, error);
    } else if (status == STATUS_OK) {
        search_print_table(result);
    }
    if (status == STATUS_OK && options->cmc) {
        status = search_write_cmc(result, options->cmc, error);
    }
    if (status == STATUS_OK && options->det) {
        status = search_write_det(result, options->det, error);
    }
    return status;
}

/* --- The command --- */

static enum status check(const struct search_options *options, struct error *error)
{
    enum status status = options->cmc ? curve_file_check(options->cmc, 1, error) : STATUS_OK;
    if (status == STATUS_OK && options->det) {
        status = curve_file_check(options->det, 1, error);
    }
    if (status == STATUS_OK && options->mates == 1 && options->distractors.count == 0) {
        status = error_set(error, STATUS_USAGE, "--mates each", "name them by --distractors",
                           "each mate is searched for among distractors, and there are none");
    }
    return status;
}

static void release(struct searching *searching)
{
    features_close(&searching->gallery);
    features_close(&searching->probes);
    for (size_t i = 0; searching->distractors && i < searching->options->distractors.count; i++) {
        features_close(&searching->distractors[i]);
    }
    free(searching->distractors);
    free(searching->gallery_person);
    free(searching->probe_person);
    feature_model_close(&searching->model);
    identification_free(&searching->result.found);
}

static enum status execute(const struct command_line *line, struct error *error)
{
    const struct search_options *options = line->values;
    const char *gallery = line->operands[0], *probes = line->operands[1];
    struct searching searching = {.options = options,
                                  .threads = options->threads > 0 ? options->threads : host_threads()};
    struct search_result *result = &searching.result;
    enum status status = check(options, error);
    if (status == STATUS_OK) {
        status = make_question(&searching, error);
    }
    if (status == STATUS_OK) {
        status = open_all(&searching, gallery, probes, error);
    }
    if (status == STATUS_OK) {
        status = match_people(&searching, error);
    }
    if (status == STATUS_OK) {
        status = count_people(&searching, error);
    }
    if (status == STATUS_OK) {
        result->gallery = gallery;
        result->probes = probes;
        result->gallery_images = searching.gallery.rows;
        result->each_mate = options->mates == 1;
        result->bootstrap = (struct bootstrap){options->bootstrap, options->seed, searching.threads};
        status = find(&searching, gallery, probes, error);
    }
    if (status == STATUS_OK) {
        status = tell(&searching, error);
    }
    release(&searching);
    return status;
}

#define AT(member) offsetof(struct search_options, member)

static const struct option_spec options[] = {
    {.name = "distractors",
     .short_name = 'd',
     .kind = OPTION_STRINGS,
     .offset = AT(distractors),
     .metavar = "FILE",
     .help = "also in the gallery: people who are nobody among the probes; may be repeated",
     .word = WORD_FILE,
     .endings = ".h5 .yaml"},
    {.name = "mates",
     .kind = OPTION_CHOICE,
     .offset = AT(mates),
     .choices = "any|each",
     .help =
         "the best mate of a probe stands for all, or each is searched for by itself among the distractors"},
    {.name = "ranks",
     .kind = OPTION_NUMBERS,
     .offset = AT(ranks),
     .metavar = "A,B,...",
     .help = "the ranks that are told (default: 1,5,10)",
     .min = 1,
     .max = RANK_MAX},
    {.name = "candidates",
     .kind = OPTION_INT,
     .offset = AT(candidates),
     .metavar = "R",
     .help = "a search hands back so many: for FNIR a mate below is not found",
     .min = 1,
     .max = RANK_MAX},
    {.name = "model",
     .short_name = 'm',
     .kind = OPTION_STRING,
     .offset = AT(model),
     .metavar = "MODEL",
     .help = "gallery, probes and distractors are images or datasets, to be embedded by it",
     .word = WORD_MODEL,
     .endings = STATE_DICT_ENDINGS},
    {.name = "cmc",
     .kind = OPTION_STRING,
     .offset = AT(cmc),
     .metavar = "FILE.csv|.svg",
     .help = "write the cumulative match characteristic",
     .word = WORD_FILE,
     .endings = ".csv .svg"},
    {.name = "det",
     .kind = OPTION_STRING,
     .offset = AT(det),
     .metavar = "FILE.csv|.svg",
     .help = "write FNIR over FPIR",
     .word = WORD_FILE,
     .endings = ".csv .svg"},
    OPTION_ROW_BOOTSTRAP(AT(bootstrap), BOOTSTRAP_DRAWS_MAX),
    OPTION_ROW_BOOTSTRAP_SEED(AT(seed)),
    {.name = "json", .kind = OPTION_FLAG, .offset = AT(json), .help = "print one JSON object"},
    OPTION_ROW_BATCH(AT(batch)),
    OPTION_ROW_THREADS(AT(threads)),
    {0}};

static const struct operand_spec operands[] = {
    {.name = "GALLERY", .min = 1, .max = 1, .word = WORD_FILE, .endings = ".h5 .yaml"},
    {.name = "PROBES", .min = 1, .max = 1, .word = WORD_FILE, .endings = ".h5 .yaml"},
    {0}};

static const struct command_example examples[] = {
    {"dail search gallery.h5 probes.h5 --distractors others.h5", "rank 1, 5 and 10 among a million others"},
    {"dail search facescrub.h5 facescrub.h5 --mates each -d megaface.h5", "as the MegaFace challenge counts"},
    {"dail search --model runs/first gallery.yaml probes.yaml --cmc cmc.svg", "of datasets, with a drawing"},
    {0}};

static const struct search_options defaults = {
    .candidates = 1, .bootstrap = BOOTSTRAP_DRAWS, .seed = 1, .batch = 32};

const struct command command_search = {
    .name = "search",
    .summary = "find people again in a gallery, one among many",
    .usage = "dail search [OPTIONS] GALLERY PROBES",
    .description =
        "Compares each probe with everybody in a gallery by the cosine of their embeddings. Of the probes "
        "whose person is\n"
        "in the gallery it tells how often he is found at a rank or better; of the others, who sets the "
        "threshold: at most\n"
        "a share of them (FPIR) may be found for somebody else, and how many who are there are then not "
        "found (FNIR).\n"
        "Who is as near as the mate stands before him. GALLERY and PROBES are files of dail embed, people "
        "matched by\n"
        "name; if they are one file, no image is compared with itself.",
    .options = options,
    .operands = operands,
    .examples = examples,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = execute,
};
