/* model.h5: backbone, domain head and their momenta. */
#include "proto/file.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/checkpoint/checkpoint_file.h"

#include "shard/hdf5/hdf5.h"

#include <stdio.h>
#include <stdlib.h>

static void copy_dims(uint64_t *dims, const size_t *shape, int rank)
{
    for (int d = 0; d < rank; d++) {
        dims[d] = shape[d];
    }
}

/* The vector that a parameter's value is kept in; NULL: it is not among these. Momenta exist of trained
 * parameters alone; a constant is in no vector, but a value like any other to whoever reads the file. */
static const float *vector_of(const struct parameter *parameter, const float *weights,
                              const float *statistics)
{
    if (parameter->kind == PARAMETER_TRAINED) {
        return weights;
    }
    return statistics;
}

static enum status write_backbone(struct h5_file *file, const char *group, const struct iresnet *net,
                                  const float *weights, const float *statistics, float *buffer,
                                  struct error *error)
{
    size_t count;
    const struct parameter *parameters = iresnet_parameters(net, &count);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const struct parameter *parameter = &parameters[i];
        const float *vector = vector_of(parameter, weights, statistics);
        uint64_t dims[4] = {0};
        char name[128];
        if (!vector) {
            continue;
        }
        copy_dims(dims, parameter->shape, parameter->rank);
        snprintf(name, sizeof name, "%s/%s", group, parameter->name);
        parameter_to_file(net, parameter, vector, buffer);
        status = h5_write_array(file, name, H5_TYPE_F32, parameter->rank, dims, buffer, error);
    }
    return status;
}

static enum status write_domain(struct h5_file *file, const char *group, const struct domain *domain,
                                const float *values, struct error *error)
{
    size_t count;
    const struct domain_parameter *parameters = domain_parameters(domain, &count);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        uint64_t dims[2] = {0};
        char name[128];
        copy_dims(dims, parameters[i].shape, parameters[i].rank);
        snprintf(name, sizeof name, "%s/%s", group, parameters[i].name);
        status = h5_write_array(file, name, H5_TYPE_F32, parameters[i].rank, dims,
                                values + parameters[i].offset, error);
    }
    return status;
}

static enum status write_all(struct h5_file *file, const struct checkpoint_model *model, float *buffer,
                             struct error *error)
{
    enum status status = h5_set_string(file, "/", "dail_format", "model", error);
    if (status == STATUS_OK) {
        status = h5_set_uint(file, "/", "version", CHECKPOINT_VERSION, error);
    }
    if (status == STATUS_OK) {
        status =
            write_backbone(file, "/backbone", model->net, model->weights, model->statistics, buffer, error);
    }
    if (status == STATUS_OK) {
        status = write_domain(file, "/domain", model->domain, model->domain_weights, error);
    }
    if (status == STATUS_OK) {
        status = write_backbone(file, "/momentum/backbone", model->net, model->momentum, NULL, buffer, error);
    }
    return status == STATUS_OK
               ? write_domain(file, "/momentum/domain", model->domain, model->domain_momentum, error)
               : status;
}

static uint64_t model_bytes(const struct checkpoint_model *model)
{
    return sizeof(float) * (2 * (uint64_t)iresnet_weight_count(model->net) +
                            iresnet_statistic_count(model->net) + 2 * domain_weight_count(model->domain));
}

enum status checkpoint_write_model(const char *directory, const struct checkpoint_model *model,
                                   struct checkpoint_part *part, struct error *error)
{
    char path[PATH_SIZE];
    struct h5_file file = {0};
    enum status status = file_join(directory, "model.h5", path, error);
    if (status == STATUS_OK) {
        status = checkpoint_try_space(path, model_bytes(model), error);
    }
    float *buffer = malloc(iresnet_parameter_largest(model->net) * sizeof *buffer);
    if (status == STATUS_OK && !buffer) {
        status = error_no_memory(error, path);
    }
    if (status == STATUS_OK) {
        status = h5_create_file(path, &file, error);
        if (status == STATUS_OK) {
            status = write_all(&file, model, buffer, error);
        }
        status = checkpoint_close_part(&file, directory, "model.h5", status, part, error);
    }
    free(buffer);
    return status;
}

static enum status open_model(const char *path, struct h5_file *file, struct error *error)
{
    char name[PATH_SIZE];
    enum status status = file_join(path, "model.h5", name, error);
    if (status == STATUS_OK) {
        status = h5_open_file(name, file, error);
    }
    return status == STATUS_OK ? h5_check_format(file, "model", CHECKPOINT_VERSION, error) : status;
}

static enum status read_backbone(const struct h5_file *file, const char *group, const struct iresnet *net,
                                 float *weights, float *statistics, float *buffer, struct error *error)
{
    size_t count;
    const struct parameter *parameters = iresnet_parameters(net, &count);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const struct parameter *parameter = &parameters[i];
        float *vector = parameter->kind == PARAMETER_TRAINED ? weights : statistics;
        uint64_t dims[4] = {0};
        char name[128];
        if (!vector) {
            continue;
        }
        copy_dims(dims, parameter->shape, parameter->rank);
        snprintf(name, sizeof name, "%s/%s", group, parameter->name);
        status = h5_read_array(file, name, H5_TYPE_F32, parameter->rank, dims, buffer, error);
        if (status == STATUS_OK) {
            parameter_from_file(net, parameter, buffer, vector);
        }
    }
    return status;
}

static enum status read_domain(const struct h5_file *file, const char *group, const struct domain *domain,
                               float *values, struct error *error)
{
    size_t count;
    const struct domain_parameter *parameters = domain_parameters(domain, &count);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        uint64_t dims[2] = {0};
        char name[128];
        copy_dims(dims, parameters[i].shape, parameters[i].rank);
        snprintf(name, sizeof name, "%s/%s", group, parameters[i].name);
        status = h5_read_array(file, name, H5_TYPE_F32, parameters[i].rank, dims,
                               values + parameters[i].offset, error);
    }
    return status;
}

/* A model with more in it than this one expects is another model. */
static enum status check_members(const struct h5_file *file, const char *group, size_t expected,
                                 struct error *error)
{
    char **names;
    size_t count;
    enum status status = h5_list(file, group, &names, &count, error);
    if (status != STATUS_OK) {
        return status;
    }
    h5_list_free(names, count);
    if (count != expected) {
        return error_set(error, STATUS_DATA, file->path, "use the model settings that it was trained with",
                         "%s holds %zu parameters where this model has %zu", group, count, expected);
    }
    return STATUS_OK;
}

static enum status read_net(const struct h5_file *file, struct iresnet *net, float *momentum, float *buffer,
                            struct error *error)
{
    size_t count;
    iresnet_parameters(net, &count);
    enum status status = check_members(file, "/backbone", count, error);
    if (status == STATUS_OK) {
        status = read_backbone(file, "/backbone", net, iresnet_weights(net), iresnet_statistics(net), buffer,
                               error);
    }
    if (status == STATUS_OK && momentum) {
        status = read_backbone(file, "/momentum/backbone", net, momentum, NULL, buffer, error);
    }
    return status;
}

static enum status read_head(const struct h5_file *file, struct domain *domain, float *momentum,
                             struct error *error)
{
    size_t count;
    domain_parameters(domain, &count);
    enum status status = check_members(file, "/domain", count, error);
    if (status == STATUS_OK) {
        status = read_domain(file, "/domain", domain, domain_weights(domain), error);
    }
    if (status == STATUS_OK && momentum) {
        status = read_domain(file, "/momentum/domain", domain, momentum, error);
    }
    return status;
}

enum status checkpoint_read_model(const char *path, struct iresnet *net, float *momentum,
                                  struct domain *domain, float *domain_momentum, struct error *error)
{
    struct h5_file file = {0};
    float *buffer = malloc(iresnet_parameter_largest(net) * sizeof *buffer);
    enum status status = buffer ? open_model(path, &file, error) : error_no_memory(error, path);
    if (status == STATUS_OK) {
        status = read_net(&file, net, momentum, buffer, error);
    }
    if (status == STATUS_OK && domain) {
        status = read_head(&file, domain, domain_momentum, error);
    }
    h5_close_file(&file, NULL);
    free(buffer);
    if (status == STATUS_OK) {
        iresnet_weights_changed(net);
    }
    return status;
}
