#include "worker/nn/dimensions.h"

#include <math.h>
#include <string.h>

#define INPUT_MAX 4096
#define WIDTH_MAX 64.0
#define EMBEDDING_MAX 65536
#define BATCH_MAX 65536
#define THREADS_MAX 4096

static const struct {
    const char *name;
    int blocks[IRESNET_LAYERS];
} archs[] = {
    {"iresnet10", {1, 1, 1, 1}},  {"iresnet18", {2, 2, 2, 2}},    {"iresnet34", {3, 4, 6, 3}},
    {"iresnet50", {3, 4, 14, 3}}, {"iresnet100", {3, 13, 30, 3}}, {"iresnet200", {6, 26, 60, 6}},
};

static const int base_widths[IRESNET_LAYERS] = {64, 128, 256, 512};

static enum status usage(struct error *error, const char *key, const char *next, double value)
{
    return error_set(error, STATUS_USAGE, key, next, "%g is out of range", value);
}

static enum status check_sizes(const struct iresnet_config *config, struct error *error)
{
    if (config->network.input < 16 || config->network.input > INPUT_MAX || config->network.input % 16 != 0) {
        return usage(error, "model.input", "give a multiple of 16, at most 4096", config->network.input);
    }
    if (config->network.embedding < 1 || config->network.embedding > EMBEDDING_MAX) {
        return usage(error, "model.embedding", "give 1 to 65536", config->network.embedding);
    }
    if (!(config->network.width > 0.0 && config->network.width <= WIDTH_MAX)) {
        return usage(error, "model.width", "give a number above 0, at most 64", config->network.width);
    }
    if (!(config->network.dropout >= 0.0 && config->network.dropout < 1.0)) {
        return usage(error, "model.dropout", "give a number from 0 to below 1", config->network.dropout);
    }
    if (config->batch_max < 1 || config->batch_max > BATCH_MAX) {
        return usage(error, "batch.lane", "give 1 to 65536 images", config->batch_max);
    }
    if (config->threads < 1 || config->threads > THREADS_MAX) {
        return usage(error, "runtime.threads", "give 1 to 4096", config->threads);
    }
    return STATUS_OK;
}

enum status dimensions_of(const struct iresnet_config *config, struct dimensions *dimensions,
                          struct error *error)
{
    enum status status = check_sizes(config, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        if (!config->network.arch || strcmp(config->network.arch, archs[i].name) != 0) {
            continue;
        }
        for (int layer = 0; layer < IRESNET_LAYERS; layer++) {
            int eighths = (int)lround(base_widths[layer] * config->network.width / 8.0);
            dimensions->widths[layer] = eighths < 1 ? 8 : 8 * eighths;
            dimensions->blocks[layer] = archs[i].blocks[layer];
        }
        dimensions->input = config->network.input;
        dimensions->side_last = config->network.input / 16;
        dimensions->embedding = config->network.embedding;
        return STATUS_OK;
    }
    return error_set(error, STATUS_USAGE, "model.arch",
                     "give iresnet10, iresnet18, iresnet34, iresnet50, iresnet100 or iresnet200",
                     "no architecture is called \"%s\"", config->network.arch ? config->network.arch : "");
}

const char *dimensions_arch(const int blocks[IRESNET_LAYERS])
{
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        if (memcmp(archs[i].blocks, blocks, sizeof archs[i].blocks) == 0) {
            return archs[i].name;
        }
    }
    return NULL;
}

const char *dimensions_arch_named(const char *name)
{
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        if (strcmp(archs[i].name, name) == 0) {
            return archs[i].name;
        }
    }
    return NULL;
}
