#include "daemon/setup/preflight.h"

#include "daemon/setup/resume.h"
#include "daemon/setup/setup_make.h"
#include "proto/file.h"
#include "shard/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct check {
    const struct preflight *preflight;
    struct setup setup;
    struct checkpoint_state state; /* of the checkpoint to go on from */
    enum status first; /* fault */
    int faults;
    bool counted; /* every manifest could be read: images and classes are known */
};

__attribute__((format(printf, 2, 3))) static void tell(const struct check *check, const char *format, ...)
{
    va_list arguments;
    fputs("ok: ", check->preflight->out);
    va_start(arguments, format);
    vfprintf(check->preflight->out, format, arguments);
    va_end(arguments);
    fputc('\n', check->preflight->out);
}

/* Counts what failed, and clears `error` for what is checked next. Whether all is well. */
static bool passes(struct check *check, enum status status, struct error *error)
{
    if (status == STATUS_OK) {
        return true;
    }
    fflush(check->preflight->out);
    check->preflight->fault(error);
    check->first = check->faults++ == 0 ? status : check->first;
    *error = (struct error){0};
    return false;
}

/* --- Data --- */

/* A shard's file, its index, and with --full every byte. */
static enum status check_shard(const struct check *check, const struct manifest *manifest, uint32_t i,
                               struct verify_report *report, struct error *error)
{
    const struct verify_listener nobody = {0};
    struct shard shard = {0};
    enum status status = setup_check_shard(manifest, i, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (check->preflight->full) {
        return verify_shard_of(manifest, i, &nobody, report, error);
    }
    status = manifest_open_shard(manifest, i, &shard, error);
    shard_close(&shard);
    report->bytes += manifest->shards[i].bytes;
    return status;
}

static void tell_augment(const struct check *check, size_t k, const char *name)
{
    struct config_augment augment;
    char text[512];
    config_augment_of(&check->setup.config, k, &augment);
    config_augment_text(&augment, text, sizeof text);
    tell(check, "augment %s: %s", name, text);
}

static void check_dataset(struct check *check, size_t k)
{
    const char *path = check->setup.config.data.datasets[k].manifest;
    struct error error = {0};
    struct verify_report report = {0};
    const size_t before = check->setup.datasets;
    const int faults = check->faults;
    passes(check, setup_open_dataset(&check->setup, path, &error), &error);
    if (check->setup.datasets == before) {
        check->counted = false;
        return;
    }
    const struct manifest *manifest = &check->setup.manifests[before];
    passes(check, setup_fingerprint(&check->setup, before, &error), &error);
    for (uint32_t i = 0; i < manifest->shard_count; i++) {
        passes(check, check_shard(check, manifest, i, &report, &error), &error);
    }
    if (check->faults == faults) {
        tell(check,
             "dataset %s: %" PRIu32 " classes, %" PRIu64 " images of %d pixels, %" PRIu32
             " shards of %.1f MB%s",
             manifest->name, manifest->classes, manifest->images, manifest->image_size, manifest->shard_count,
             (double)report.bytes / 1e6, check->preflight->full ? ", every byte" : "");
        tell_augment(check, k, manifest->name);
    }
}

/* How many images come in an epoch, which steps are counted by. Labels that cannot be read were told of before. */
static void check_sampling(struct check *check)
{
    struct setup *setup = &check->setup;
    struct error error = {0};
    const int faults = check->faults;
    for (size_t k = 0; k < setup->datasets; k++) {
        char text[128];
        int cap;
        const bool readable =
            faults == 0 || config_sampling_of(&setup->config, k, &cap) == CONFIG_SAMPLING_NATURAL;
        if (!readable || !passes(check, setup_open_sampling(setup, k, &error), &error)) {
            check->counted = false;
        } else if (faults == 0) {
            sampling_text(&setup->sampling[k], text, sizeof text);
            tell(check, "sampling %s: %s", setup->manifests[k].name, text);
        }
    }
}

static void check_set(struct check *check, const char *path)
{
    struct error error = {0};
    struct pairs pairs;
    if (!passes(check, setup_open_pairs(&check->setup, path, &pairs, &error), &error)) {
        return;
    }
    uint32_t same = 0;
    for (uint32_t i = 0; i < pairs.count; i++) {
        same += pairs.same[i] != 0;
    }
    tell(check,
         "validation %s: %" PRIu32 " pairs, %" PRIu32 " of them of the same person, %" PRIu32 " images",
         pairs.name, pairs.count, same, pairs.images);
    pairs_close(&pairs);
}

/* --- The run --- */

/* Where it begins. `reachable`: run.dir, where the newest checkpoint would be. */
static void check_start(struct check *check, bool reachable)
{
    struct error error = {0};
    struct setup *setup = &check->setup;
    const bool looks_there = strcmp(setup->config.checkpoint.resume, "auto") == 0;
    if ((reachable || !looks_there) && !passes(check, resume_decide(setup, &check->state, &error), &error)) {
        return;
    }
    if (!passes(check, resume_check_identity(setup, &check->state, &error), &error)) {
        return;
    }
    if (setup->checkpoint[0] != '\0') {
        tell(check, "start: goes on from %s, step %lld", setup->checkpoint, (long long)setup->start_step);
        return;
    }
    if (passes(check, setup_check_init(setup, &error), &error)) {
        tell(check, "start: at the beginning, weights %s%s",
             strcmp(setup->config.model_init, "random") == 0 ? "" : "from ", setup->config.model_init);
        if (setup->taken[0] != '\0') {
            tell(check, "class rows of %s are taken from there", setup->taken);
        }
    }
}

/* Lanes and batch against the images. Where neither the configuration nor anybody says how many lanes there
 * are, as many as could fill a step are told. */
static void check_steps(struct check *check)
{
    struct error error = {0};
    struct setup *setup = &check->setup;
    const bool open = setup->config.data.lanes == 0 && check->state.lanes == 0 && setup->workers == 0;
    const int64_t most = setup->images / setup->config.batch.lane;
    setup->workers = setup->workers > 0 ? setup->workers : 1;
    if (!passes(check, setup_count_steps(setup, check->state.lanes, &error), &error)) {
        return;
    }
    if (open) {
        tell(check,
             "steps: data.lanes is the number of workers; the images fill a step of up to %lld lanes x %d",
             (long long)most, setup->config.batch.lane);
        return;
    }
    if (!passes(check, setup_compare(setup, &check->state, &error), &error)) {
        return;
    }
    tell(check, "steps: %d lanes x %d images, %lld steps an epoch, %lld in all", setup->lanes,
         setup->config.batch.lane, (long long)setup->steps_per_epoch, (long long)setup->steps);
}

/* A path's folder, in its place. */
static void go_up(char *path, size_t size)
{
    char *slash = strrchr(path, '/');
    if (!slash) {
        snprintf(path, size, ".");
    } else {
        slash[slash == path] = '\0';
    }
}

/* Whether a folder, or the nearest one above it that is there, can be written in. `above`: that one. */
static enum status check_writable(const char *directory, char *above, size_t size, struct error *error)
{
    struct stat there;
    enum status status = file_refuse_links(directory, error);
    if (status != STATUS_OK) {
        return status;
    }
    snprintf(above, size, "%s", directory);
    while (stat(above, &there) != 0 && errno == ENOENT && strcmp(above, ".") != 0) {
        go_up(above, size);
    }
    if (stat(above, &there) != 0) {
        return file_storage_error(error, above, "reaching it", errno);
    }
    if (!S_ISDIR(there.st_mode)) {
        return file_storage_error(error, above, "making a folder in it", ENOTDIR);
    }
    return access(above, W_OK | X_OK) == 0 ? STATUS_OK
                                           : file_storage_error(error, above, "writing in it", errno);
}

/* That run.dir takes files, and what a checkpoint needs there: each parameter and its momentum. */
static bool check_run_dir(struct check *check)
{
    struct error error = {0};
    struct statvfs disk;
    char above[PATH_SIZE];
    const struct setup *setup = &check->setup;
    const char *directory = setup->config.run.dir;
    if (!passes(check, check_writable(directory, above, sizeof above, &error), &error)) {
        return false;
    }
    const double checkpoint =
        8e-6 * (double)(setup->backbone_parameters + setup->domain_parameters + setup->classifier_parameters);
    const double room = statvfs(above, &disk) == 0 ? 1e-6 * (double)disk.f_bavail * (double)disk.f_frsize : 0;
    tell(check, "run.dir %s: can be written; a checkpoint takes about %.1f MB of %.0f MB that are free",
         directory, checkpoint, room);
    return true;
}

static void check_all(struct check *check)
{
    struct error error = {0};
    struct setup *setup = &check->setup;
    const struct config *config = &setup->config;
    check->counted = true;
    for (size_t k = 0; k < config->data.dataset_count; k++) {
        check_dataset(check, k);
    }
    if (check->counted && config->data.exclude_count > 0 &&
        passes(check, setup_exclude(setup, &error), &error)) {
        char text[EXCLUSION_TOLD];
        exclusion_tell(&setup->excluded, text, sizeof text);
        tell(check, "%s", text);
    }
    if (check->counted) {
        check_sampling(check);
    }
    if (check->counted && config->identity.unify == CONFIG_UNIFY_FILE &&
        strcmp(config->identity.file, "none") != 0 &&
        passes(check, setup_check_identity(setup, &error), &error)) {
        tell(check, "identity.file %s: %" PRIu64 " classes share another's row", config->identity.file,
             setup->identity->shared);
    }
    for (size_t i = 0; i < config->validation.count; i++) {
        check_set(check, config->validation.paths[i]);
    }
    if (passes(check, setup_check_model(setup, &error), &error)) {
        tell(check, "model %s: input %d, embedding %d, %lld parameters", config->model.arch,
             config->model.input, config->model.embedding, (long long)setup->backbone_parameters);
    }
    const bool reachable = check_run_dir(check);
    if (check->counted) { /* else a checkpoint could not be told from another run's */
        check_start(check, reachable);
        check_steps(check);
    }
}

enum status preflight_run(const struct preflight *preflight)
{
    struct check check = {.preflight = preflight};
    struct error error = {0};
    if (passes(&check,
               setup_read_config(preflight->config, preflight->overrides, preflight->override_count,
                                 preflight->workers, &check.setup, &error),
               &error)) {
        tell(&check, "configuration %s", preflight->config);
        check_all(&check);
    }
    for (size_t i = 0; i < check.setup.warnings; i++) {
        fprintf(preflight->out, "warning: %s\n", check.setup.warning[i]);
    }
    if (check.faults > 0) {
        fprintf(preflight->out, "%s: %d fault%s\n", preflight->config, check.faults,
                check.faults > 1 ? "s" : "");
    } else {
        fprintf(preflight->out, "%s: a run can begin\n", preflight->config);
    }
    checkpoint_state_free(&check.state);
    setup_free(&check.setup);
    return check.first;
}
