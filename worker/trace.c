#include "worker/trace.h"

#include "proto/folder_lock.h"
#include "proto/output.h"
#include "shard/hdf5/hdf5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACE_VERSION 1

struct trace {
    struct h5_file file;
    char run_dir[PATH_SIZE], path[PATH_SIZE];
    const char *owner; /* of the run's folder */
    struct output output;
    uint32_t *draws; /* [draw_count][3] */
    size_t draw_count, draw_capacity;
};

/* Several workers make the same folder at once. */
static enum status name_file(struct trace *trace, const char *run_dir, int64_t step, int rank,
                             struct error *error)
{
    char directory[PATH_SIZE], name[64];
    snprintf(trace->run_dir, sizeof trace->run_dir, "%s", run_dir);
    snprintf(name, sizeof name, "trace/step-%09lld", (long long)step);
    enum status status = folder_owner_check(run_dir, trace->owner, error);
    if (status == STATUS_OK) {
        status = file_join(run_dir, name, directory, error);
    }
    if (status == STATUS_OK) {
        status = file_make_directory(directory, error);
    }
    snprintf(name, sizeof name, "worker-%d.h5", rank);
    if (status == STATUS_OK) {
        status = file_join(directory, name, trace->path, error);
    }
    return status == STATUS_OK ? output_prepare(&trace->output, trace->path, error) : status;
}

enum status trace_open(const char *run_dir, const char *owner, int64_t step, int rank, struct trace **created,
                       struct error *error)
{
    struct trace *trace = calloc(1, sizeof *trace);
    if (!trace) {
        return error_no_memory(error, "trace");
    }
    trace->owner = owner;
    enum status status = name_file(trace, run_dir, step, rank, error);
    if (status == STATUS_OK) {
        status = h5_create_file(trace->output.written, &trace->file, error);
    }
    if (status != STATUS_OK) {
        free(trace);
        return status;
    }
    *created = trace;
    return STATUS_OK;
}

/* Attributes of the root, one after the other: after the first failure the rest is left out. */
struct attributes {
    struct h5_file *file;
    struct error *error;
    enum status status;
};

static void set_int(struct attributes *root, const char *name, int64_t value)
{
    if (root->status == STATUS_OK) {
        root->status = h5_set_int(root->file, "/", name, value, root->error);
    }
}

static void set_double(struct attributes *root, const char *name, double value)
{
    if (root->status == STATUS_OK) {
        root->status = h5_set_double(root->file, "/", name, value, root->error);
    }
}

static void set_string(struct attributes *root, const char *name, const char *value)
{
    if (root->status == STATUS_OK) {
        root->status = h5_set_string(root->file, "/", name, value, root->error);
    }
}

static void set_doubles(struct attributes *root, const char *name, const double *values, size_t count)
{
    if (root->status == STATUS_OK) {
        root->status = h5_set_doubles(root->file, "/", name, values, count, root->error);
    }
}

static void set_datasets(struct attributes *root, const struct trace_step *step)
{
    if (root->status == STATUS_OK) {
        root->status =
            h5_set_strings(root->file, "/", "datasets", step->datasets, step->dataset_count, root->error);
    }
    uint64_t *classes = malloc((step->dataset_count + 1) * sizeof *classes);
    if (!classes) {
        root->status = error_no_memory(root->error, "trace");
        return;
    }
    for (size_t k = 0; k < step->dataset_count; k++) {
        classes[k] = step->classes[k];
    }
    if (root->status == STATUS_OK) {
        root->status =
            h5_set_uints(root->file, "/", "dataset_classes", classes, step->dataset_count, root->error);
    }
    free(classes);
    set_doubles(root, "dataset_weight", step->dataset_weight, step->dataset_count);
    set_doubles(root, "domain_weight", step->domain_weight, step->dataset_count);
}

static void set_hidden(struct attributes *root, const struct trace_step *step)
{
    int64_t hidden[64];
    size_t count = step->domain_hidden_count;
    if (root->status != STATUS_OK || count == 0 || count > sizeof hidden / sizeof *hidden) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        hidden[i] = step->domain_hidden[i];
    }
    root->status = h5_set_ints(root->file, "/", "domain_hidden", hidden, count, root->error);
}

static void set_margin(struct attributes *root, const struct margin_choice *margin)
{
    size_t rows, row = 0;
    const struct margin_row *margins = config_margins(&rows);
    while (row + 1 < rows && margins[row].kind != margin->kind) {
        row++;
    }
    set_string(root, "margin_name", config_margin_word(margin->kind));
    set_doubles(root, "margin", margin->value, config_margin_parameters(&margins[row]));
}

enum status trace_root(struct trace *trace, const struct trace_step *step, struct error *error)
{
    struct attributes root = {&trace->file, error, STATUS_OK};
    set_string(&root, "dail_format", "trace");
    set_int(&root, "version", TRACE_VERSION);
    set_int(&root, "step", step->step);
    set_int(&root, "epoch", step->epoch);
    set_int(&root, "global_batch", step->global_batch);
    set_int(&root, "lanes", step->lanes);
    set_datasets(&root, step);
    set_int(&root, "domain_balance", step->domain_balance);
    set_hidden(&root, step);
    set_double(&root, "lambda", step->lambda);
    set_double(&root, "lr", step->lr);
    set_double(&root, "scale", step->scale);
    set_margin(&root, &step->margin);
    set_int(&root, "seed", (int64_t)step->seed);
    set_string(&root, "scope", step->scope_all ? "all" : "dataset");
    set_double(&root, "crossing_dropout", step->crossing_dropout);
    set_double(&root, "filter", step->filter);
    set_double(&root, "center", step->center);
    set_double(&root, "center_rate", step->center_rate);
    set_double(&root, "sample", step->sample);
    set_string(&root, "arch", step->network.arch);
    set_int(&root, "input", step->network.input);
    set_int(&root, "embedding", step->network.embedding);
    set_double(&root, "width", step->network.width);
    set_double(&root, "dropout", step->network.dropout);
    set_double(&root, "momentum", step->momentum);
    set_double(&root, "weight_decay", step->weight_decay);
    set_double(&root, "clip", step->clip);
    uint64_t classes = 0;
    for (size_t k = 0; k < step->dataset_count; k++) {
        classes += step->classes[k];
    }
    if (root.status == STATUS_OK && step->home) {
        root.status = h5_write_array(&trace->file, "/home", H5_TYPE_U32, 1, &classes, step->home, error);
    }
    return root.status;
}

enum status trace_results(struct trace *trace, const struct trace_result *result, struct error *error)
{
    struct attributes root = {&trace->file, error, STATUS_OK};
    set_double(&root, "loss", result->loss);
    set_double(&root, "loss_cls", result->loss_cls);
    set_double(&root, "loss_dom", result->loss_dom);
    set_double(&root, "grad_norm", result->grad_norm);
    set_int(&root, "skipped", result->skipped);
    return root.status;
}

static enum status write_f32(struct trace *trace, const char *name, int rank, const uint64_t *dims,
                             const float *values, struct error *error)
{
    return h5_write_array(&trace->file, name, H5_TYPE_F32, rank, dims, values, error);
}

/* [b,H,W,3] -> [b,3,H,W], as PyTorch has it. */
static enum status write_image(struct trace *trace, const struct trace_lane *lane, struct error *error)
{
    char name[64];
    size_t side = (size_t)lane->side, batch = (size_t)lane->batch, plane = side * side;
    uint64_t dims[4] = {batch, 3, side, side};
    float *turned = malloc(batch * plane * 3 * sizeof *turned);
    if (!turned) {
        return error_no_memory(error, "trace");
    }
    for (size_t i = 0; i < batch; i++) {
        for (size_t c = 0; c < 3; c++) {
            for (size_t p = 0; p < plane; p++) {
                turned[(i * 3 + c) * plane + p] = lane->image[(i * plane + p) * 3 + c];
            }
        }
    }
    snprintf(name, sizeof name, "/lane-%d/image", lane->lane);
    enum status status = write_f32(trace, name, 4, dims, turned, error);
    free(turned);
    return status;
}

static enum status write_samples(struct trace *trace, const struct trace_lane *lane, struct error *error)
{
    char name[64];
    size_t batch = (size_t)lane->batch;
    uint64_t dims[1] = {batch};
    uint64_t *ids = malloc(batch * sizeof *ids);
    uint32_t *columns = malloc(2 * batch * sizeof *columns);
    if (!ids || !columns) {
        free(ids);
        free(columns);
        return error_no_memory(error, "trace");
    }
    for (size_t i = 0; i < batch; i++) {
        ids[i] = lane->sample[i].id;
        columns[i] = lane->sample[i].dataset;
        columns[batch + i] = lane->sample[i].label;
    }
    snprintf(name, sizeof name, "/lane-%d/sample", lane->lane);
    enum status status = h5_write_array(&trace->file, name, H5_TYPE_U64, 1, dims, ids, error);
    snprintf(name, sizeof name, "/lane-%d/dataset", lane->lane);
    if (status == STATUS_OK) {
        status = h5_write_array(&trace->file, name, H5_TYPE_U32, 1, dims, columns, error);
    }
    snprintf(name, sizeof name, "/lane-%d/label", lane->lane);
    if (status == STATUS_OK) {
        status = h5_write_array(&trace->file, name, H5_TYPE_U32, 1, dims, columns + batch, error);
    }
    free(ids);
    free(columns);
    return status;
}

enum status trace_lane(struct trace *trace, const struct trace_lane *lane, struct error *error)
{
    char name[64];
    uint64_t embedding[2] = {(uint64_t)lane->batch, (uint64_t)lane->embedding};
    uint64_t logit[2] = {(uint64_t)lane->batch, (uint64_t)lane->datasets};
    uint64_t dropout[2] = {(uint64_t)lane->batch, lane->dropout_count};
    enum status status = write_image(trace, lane, error);
    if (status == STATUS_OK) {
        status = write_samples(trace, lane, error);
    }
    snprintf(name, sizeof name, "/lane-%d/embedding", lane->lane);
    if (status == STATUS_OK) {
        status = write_f32(trace, name, 2, embedding, lane->embedding_values, error);
    }
    snprintf(name, sizeof name, "/lane-%d/domain_logit", lane->lane);
    if (status == STATUS_OK) {
        status = write_f32(trace, name, 2, logit, lane->domain_logit, error);
    }
    snprintf(name, sizeof name, "/lane-%d/dropout", lane->lane);
    if (status == STATUS_OK && lane->dropout_mask) {
        status = write_f32(trace, name, 2, dropout, lane->dropout_mask, error);
    }
    return status;
}

static const char *state_name(enum trace_state state)
{
    static const char *const names[] = {"before", "momentum", "grad", "after"};
    return names[state];
}

/* The vector that holds a parameter in a state; NULL: it is none of it. */
static const float *vector_of(enum trace_state state, const struct parameter_group *group,
                              const struct parameter *parameter)
{
    if (state == TRACE_BEFORE || state == TRACE_AFTER) {
        return parameter->kind == PARAMETER_CONSTANT ? NULL : parameter_group_values(group, parameter);
    }
    if (parameter->kind != PARAMETER_TRAINED) {
        return NULL;
    }
    return state == TRACE_GRAD ? group->gradient : group->momentum;
}

static enum status write_whole(struct trace *trace, enum trace_state state,
                               const struct parameter_group *group, float *buffer, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < group->parameter_count && status == STATUS_OK; i++) {
        const struct parameter *parameter = &group->parameters[i];
        const float *vector = vector_of(state, group, parameter);
        uint64_t dims[4] = {0};
        char name[128];
        if (!vector) {
            continue;
        }
        for (int d = 0; d < parameter->rank; d++) {
            dims[d] = parameter->shape[d];
        }
        snprintf(name, sizeof name, "/%s/%s/%s", state_name(state), group->name, parameter->name);
        parameter_to_file(parameter, vector, buffer);
        status = write_f32(trace, name, parameter->rank, dims, buffer, error);
    }
    return status;
}

/* Which rows were drawn, and their gradient among zeros. */
static enum status write_drawn(struct trace *trace, const char *path, const struct parameter_group *group,
                               const uint64_t dims[2], struct error *error)
{
    char name[300];
    const struct parameter_drawn *drawn = group->drawn;
    size_t dimension = dims[1];
    uint32_t *row = malloc((drawn->count + 1) * sizeof *row);
    float *whole = calloc(group->count, sizeof *whole);
    if (!row || !whole) {
        free(row);
        free(whole);
        return error_no_memory(error, "trace");
    }
    for (size_t i = 0; i < drawn->count; i++) {
        row[i] = group->rows.begin + drawn->row[i];
        memcpy(whole + drawn->row[i] * dimension, drawn->gradient + i * dimension, dimension * sizeof *whole);
    }
    const uint64_t count = drawn->count;
    snprintf(name, sizeof name, "%s/drawn", path);
    enum status status = h5_write_array(&trace->file, name, H5_TYPE_U32, 1, &count, row, error);
    snprintf(name, sizeof name, "%s/%s", path, state_name(TRACE_GRAD));
    if (status == STATUS_OK) {
        status = write_f32(trace, name, 2, dims, whole, error);
    }
    free(row);
    free(whole);
    return status;
}

static enum status write_rows(struct trace *trace, enum trace_state state,
                              const struct parameter_group *group, struct error *error)
{
    char path[256], name[300];
    const struct parameter *parameter = &group->parameters[0];
    const uint64_t dims[2] = {parameter->shape[0], parameter->shape[1]};
    if (group->count == 0) {
        return STATUS_OK;
    }
    snprintf(path, sizeof path, "/classifier/%s", group->name);
    if (state == TRACE_GRAD && group->drawn) {
        return write_drawn(trace, path, group, dims, error);
    }
    snprintf(name, sizeof name, "%s/%s", path, state_name(state));
    enum status status = write_f32(trace, name, 2, dims, vector_of(state, group, parameter), error);
    if (status == STATUS_OK && group->loss_centre && (state == TRACE_BEFORE || state == TRACE_AFTER)) {
        snprintf(name, sizeof name, "%s/center_%s", path, state_name(state));
        status = write_f32(trace, name, 2, dims, group->loss_centre, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_uint(&trace->file, path, "row_begin", group->rows.begin, error);
    }
    return status == STATUS_OK ? h5_set_uint(&trace->file, path, "row_end", group->rows.end, error) : status;
}

enum status trace_group(struct trace *trace, enum trace_state state, const struct parameter_group *group,
                        struct error *error)
{
    if (group->owned_rows) {
        return write_rows(trace, state, group, error);
    }
    float *buffer = malloc(parameter_group_largest(group) * sizeof *buffer);
    if (!buffer) {
        return error_no_memory(error, "trace");
    }
    enum status status = write_whole(trace, state, group, buffer, error);
    free(buffer);
    return status;
}

enum status trace_crossing(struct trace *trace, const uint32_t *draws, size_t count, struct error *error)
{
    size_t needed = trace->draw_count + count;
    if (needed > trace->draw_capacity) {
        size_t capacity = 2 * needed;
        uint32_t *grown = realloc(trace->draws, capacity * 3 * sizeof *grown);
        if (!grown) {
            return error_no_memory(error, "trace");
        }
        trace->draws = grown;
        trace->draw_capacity = capacity;
    }
    if (count > 0) {
        memcpy(trace->draws + 3 * trace->draw_count, draws, count * 3 * sizeof *draws);
    }
    trace->draw_count = needed;
    return STATUS_OK;
}

enum status trace_close(struct trace *trace, struct error *error)
{
    static const uint32_t none[3] = {0};
    uint64_t dims[2] = {trace->draw_count, 3};
    enum status status = h5_write_array(&trace->file, "/crossing", H5_TYPE_U32, 2, dims,
                                        trace->draws ? trace->draws : none, error);
    if (status == STATUS_OK) {
        status = h5_close_file(&trace->file, error);
    }
    if (status == STATUS_OK) {
        status = folder_owner_check(trace->run_dir, trace->owner, error);
    }
    status = output_close(&trace->output, status, error);
    trace_abandon(trace);
    return status;
}

void trace_abandon(struct trace *trace)
{
    if (!trace) {
        return;
    }
    h5_close_file(&trace->file, NULL);
    output_close(&trace->output, STATUS_STORAGE, NULL);
    free(trace->draws);
    free(trace);
}
