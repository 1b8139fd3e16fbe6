#include "daemon/setup/resume.h"

#include "proto/file.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define STEP_PREFIX "step-"

static const char *const other_backbone =
    "set the configuration back, or give model.init a checkpoint of the same backbone";
static const char *const other_model =
    "set the configuration back, give another run.dir, or use model.init to start from this checkpoint's "
    "weights";

static void warn_of_damage(void *context, const char *text)
{
    setup_warn(context, "%s", text);
}

static enum status differs(const char *path, struct error *error, const char *key, const char *here,
                           const char *there)
{
    return error_set(error, STATUS_USAGE, path, other_backbone,
                     "this is a checkpoint of another model: its %s is %s, the configuration says %s", key,
                     there, here);
}

static void list_hidden(char *text, size_t size, const int *hidden, size_t count)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (size_t i = 0; i < count && used < size - 16; i++) {
        used += (size_t)snprintf(text + used, size - used, "%s%d", i ? ", " : "", hidden[i]);
    }
    snprintf(text + used, size - used, "]");
}

enum status resume_check_backbone(const struct config *config, const struct checkpoint_state *state,
                                  const char *path, struct error *error)
{
    char here[128], there[128];
    if (strcmp(config->model.arch, state->network.arch) != 0) {
        return differs(path, error, "model.arch", config->model.arch, state->network.arch);
    }
    if (config->model.input != state->network.input) {
        snprintf(here, sizeof here, "%d", config->model.input);
        snprintf(there, sizeof there, "%d", state->network.input);
        return differs(path, error, "model.input", here, there);
    }
    if (config->model.embedding != state->network.embedding) {
        snprintf(here, sizeof here, "%d", config->model.embedding);
        snprintf(there, sizeof there, "%d", state->network.embedding);
        return differs(path, error, "model.embedding", here, there);
    }
    snprintf(here, sizeof here, "%g", config->model.width);
    snprintf(there, sizeof there, "%g", state->network.width);
    return strcmp(here, there) == 0 ? STATUS_OK : differs(path, error, "model.width", here, there);
}

static enum status check_model_fit(const struct config *config, const struct checkpoint_state *state,
                                   const char *path, struct error *error)
{
    char here[128], there[128];
    enum status status = resume_check_backbone(config, state, path, error);
    if (status != STATUS_OK) {
        snprintf(error->next, sizeof error->next, "%s", other_model);
        return status;
    }
    list_hidden(here, sizeof here, config->domain.hidden, config->domain.hidden_count);
    list_hidden(there, sizeof there, state->hidden, state->hidden_count);
    if (strcmp(here, there) != 0) {
        status = differs(path, error, "domain.hidden", here, there);
        snprintf(error->next, sizeof error->next, "%s", other_model);
    }
    return status;
}

enum status resume_check_fit(const struct setup *setup, const struct checkpoint_state *state,
                             const char *path, struct error *error)
{
    enum status status = check_model_fit(&setup->config, state, path, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (state->dataset_count != setup->datasets) {
        return error_set(error, STATUS_USAGE, path, other_model,
                         "this is a checkpoint of another model: it has %zu datasets, the configuration %zu",
                         state->dataset_count, setup->datasets);
    }
    for (size_t k = 0; k < setup->datasets; k++) {
        const struct checkpoint_dataset *there = &state->datasets[k];
        const struct manifest *here = &setup->manifests[k];
        if (strcmp(there->name, here->name) != 0 || there->classes != here->classes) {
            return error_set(error, STATUS_USAGE, path, other_model,
                             "this is a checkpoint of another model: its dataset %zu is %s (%u classes), the "
                             "configuration's is %s (%u classes)",
                             k + 1, there->name, there->classes, here->name, here->classes);
        }
    }
    return STATUS_OK;
}

enum status resume_check_people(struct setup *setup, const struct checkpoint_state *state, const char *path,
                                struct error *error)
{
    for (size_t k = 0; k < setup->datasets; k++) {
        const struct manifest *here = &setup->manifests[k];
        const char *there = state->datasets[k].fingerprint;
        switch (manifest_compare(there, here->fingerprint)) {
        case MANIFEST_OTHER_PEOPLE:
            return error_set(
                error, STATUS_DATA, here->path,
                "restore the dataset that it was trained on, or give another run.dir, and this "
                "checkpoint as model.init",
                "dataset %s has other people behind the same numbers than checkpoint %s was trained "
                "on: its fingerprint is %s and was %s",
                here->name, path, here->fingerprint, there);
        case MANIFEST_OTHER_IMAGES:
            setup_warn(setup,
                       "dataset %s has been packed anew since the checkpoint, or data.exclude leaves out "
                       "others: the same people by name, other images (fingerprint %s, was %s)",
                       here->name, here->fingerprint, there);
            break;
        case MANIFEST_SAME:
            break;
        }
    }
    return STATUS_OK;
}

enum status resume_decide(struct setup *setup, struct checkpoint_state *state, struct error *error)
{
    const char *resume = setup->config.checkpoint.resume;
    enum status status = STATUS_OK;
    setup->checkpoint[0] = '\0';
    if (strcmp(resume, "never") == 0) {
        return STATUS_OK;
    }
    if (strcmp(resume, "auto") == 0) {
        status = checkpoint_newest(setup->config.run.dir, setup->verifier, setup->checkpoint,
                                   sizeof setup->checkpoint, warn_of_damage, setup, error);
    } else if ((size_t)snprintf(setup->checkpoint, sizeof setup->checkpoint, "%s", resume) >=
               sizeof setup->checkpoint) {
        status = error_set(error, STATUS_USAGE, "checkpoint.resume", NULL, "the path is too long");
    } else {
        status = setup_verify(setup, setup->checkpoint, error);
    }
    if (status != STATUS_OK || setup->checkpoint[0] == '\0') {
        return status;
    }
    status = checkpoint_read_state(setup->checkpoint, state, error);
    if (status == STATUS_OK) {
        status = resume_check_fit(setup, state, setup->checkpoint, error);
    }
    if (status == STATUS_OK) {
        status = resume_check_people(setup, state, setup->checkpoint, error);
    }
    setup->start_step = state->step;
    setup->start_skips = state->skips;
    setup->start_evaluate = state->evaluate != 0;
    return status;
}

/* A discovery goes on from centres that were gathered up to there. */
static enum status check_centres(const char *path, const struct checkpoint_state *state, struct error *error)
{
    bool there = false;
    enum status status = checkpoint_has_centres(path, state, &there, error);
    if (status == STATUS_OK && !there) {
        status = error_set(
            error, STATUS_USAGE, path,
            "set identity.unify as it was trained with, or take another run.dir and this checkpoint "
            "as model.init",
            "identity.unify is discover, but this checkpoint has no centres of its classes");
    }
    return status;
}

enum status resume_check_identity(const struct setup *setup, const struct checkpoint_state *state,
                                  struct error *error)
{
    const char *path = setup->checkpoint;
    struct identity_groups *there = NULL;
    if (path[0] == '\0') {
        return STATUS_OK;
    }
    enum status status = checkpoint_read_identity(path, state, &there, error);
    if (status == STATUS_OK && setup->config.identity.unify == CONFIG_UNIFY_DISCOVER) {
        identity_groups_free(there);
        return check_centres(path, state, error);
    }
    bool same = status == STATUS_OK && there->shared == (setup->identity ? setup->identity->shared : 0);
    for (uint64_t c = 0; same && setup->identity && c < there->first_class[there->datasets]; c++) {
        same = there->home[c] == setup->identity->home[c];
    }
    if (status == STATUS_OK && !same) {
        status = error_set(
            error, STATUS_USAGE, path,
            "give identity.unify and identity.file what it was trained with, or another run.dir and this "
            "checkpoint as model.init",
            "this is a checkpoint of other identity groups: %llu of its classes share another's row, "
            "by the configuration %llu do",
            (unsigned long long)there->shared,
            (unsigned long long)(setup->identity ? setup->identity->shared : 0));
    }
    identity_groups_free(there);
    return status;
}

/* The step in "step-<9 digits>"; -1 if the name is another. */
static int64_t step_of_name(const char *name)
{
    size_t prefix = strlen(STEP_PREFIX);
    if (strncmp(name, STEP_PREFIX, prefix) != 0 || strlen(name) != prefix + 9 ||
        strspn(name + prefix, "0123456789") != 9) {
        return -1;
    }
    return strtoll(name + prefix, NULL, 10);
}

/* Renames to the first free one of "<path>.old", "<path>.old-1", ... */
static enum status rename_aside(const char *path, struct error *error)
{
    char aside[PATH_SIZE + 16];
    snprintf(aside, sizeof aside, "%s.old", path);
    for (int i = 1; file_exists(aside) && i < 10000; i++) {
        snprintf(aside, sizeof aside, "%s.old-%d", path, i);
    }
    enum status status = file_rename(path, aside, error);
    if (status != STATUS_OK) {
        error_advise(error, "move it away by hand");
    }
    return status;
}

enum status resume_set_aside(const char *run_dir, int64_t step, int *moved, struct error *error)
{
    char directory[PATH_SIZE], path[PATH_SIZE];
    *moved = 0;
    enum status status = file_join(run_dir, "checkpoints", directory, error);
    DIR *entries = status == STATUS_OK ? opendir(directory) : NULL;
    if (!entries) {
        return status;
    }
    const struct dirent *entry;
    while (status == STATUS_OK && (entry = readdir(entries))) {
        if (step_of_name(entry->d_name) > step) {
            status = file_join(directory, entry->d_name, path, error);
            status = status == STATUS_OK ? rename_aside(path, error) : status;
            (*moved)++;
        }
    }
    closedir(entries);
    return status;
}
