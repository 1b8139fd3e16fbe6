/* dail export: a checkpoint's network in the formats of others. */
#include "daemon/command/command.h"
#include "daemon/terminal/options.h"
#include "worker/interchange/backbone.h"
#include "worker/interchange/onnx_graph.h"
#include "worker/interchange/state_dict.h"

#include <stdio.h>
#include <sys/stat.h>

static const char usage[] =
    "usage: dail export [OPTIONS] CHECKPOINT\n"
    "Writes a network in the formats of others: ONNX as InsightFace's tools take it, and InsightFace's\n"
    "state_dict as safetensors or HDF5. CHECKPOINT may be a run's folder, whose newest one is taken, or an\n"
    "iresnet's .safetensors or .onnx. A file that is there is replaced.\n";

struct export_command {
    const char *onnx, *safetensors, *hdf5;
    struct onnx_graph_options graph;
    struct backbone backbone;
};

static void tell(const struct export_command *command, const char *path)
{
    struct stat file;
    long long bytes = stat(path, &file) == 0 ? (long long)file.st_size : 0;
    printf("%s: the %s of %s, %.1f MB\n", path, command->backbone.state.arch, command->backbone.path,
           (double)bytes / 1e6);
}

static enum status write_files(const struct export_command *command, struct error *error)
{
    enum status status = STATUS_OK;
    if (command->onnx) {
        status = onnx_graph_write(&command->backbone, &command->graph, command->onnx, error);
        if (status == STATUS_OK) {
            tell(command, command->onnx);
        }
    }
    if (status == STATUS_OK && command->safetensors) {
        status = state_dict_write_safetensors(&command->backbone, command->safetensors, error);
        if (status == STATUS_OK) {
            tell(command, command->safetensors);
        }
    }
    if (status == STATUS_OK && command->hdf5) {
        status = state_dict_write_hdf5(&command->backbone, command->hdf5, error);
        if (status == STATUS_OK) {
            tell(command, command->hdf5);
        }
    }
    return status;
}

enum status command_export(int argc, char **argv, struct error *error)
{
    struct export_command command = {0};
    const struct option_spec specs[] = {
        {"onnx", 0, OPTION_STRING, &command.onnx, "FILE",
         "ONNX, operator set 13: \"data\" [N, 3, side, side], x / 127.5 - 1, to \"embedding\"", 0, 0},
        {"fold-bn", 0, OPTION_FLAG, &command.graph.fold, NULL,
         "with --onnx: batch normalisations become part of the weights where that is exact", 0, 0},
        {"with-normalize", 0, OPTION_FLAG, &command.graph.normalize, NULL,
         "with --onnx: embeddings of length 1", 0, 0},
        {"safetensors", 0, OPTION_STRING, &command.safetensors, "FILE",
         "InsightFace's state_dict: names, shapes, running statistics", 0, 0},
        {"hdf5", 0, OPTION_STRING, &command.hdf5, "FILE", "the same as HDF5", 0, 0},
    };
    const struct backbone_use use = {.batch = 1, .threads = 1, .values_only = true};
    const char *path;
    size_t count;
    bool help;
    enum status status =
        options_parse(usage, specs, sizeof specs / sizeof *specs, argc, argv, &path, 1, &count, &help, error);
    if (status != STATUS_OK || help) {
        return status;
    }
    if (count < 1 || (!command.onnx && !command.safetensors && !command.hdf5)) {
        return error_set(error, STATUS_USAGE, NULL, "dail export --help shows how",
                         count < 1 ? "a checkpoint is needed" : "a format is needed, such as --onnx FILE");
    }
    if (!command.onnx && (command.graph.fold || command.graph.normalize)) {
        return error_set(error, STATUS_USAGE, command.graph.fold ? "--fold-bn" : "--with-normalize",
                         "add --onnx FILE", "this shapes an ONNX model, and none is asked for");
    }
    status = backbone_load(path, &use, &command.backbone, error);
    if (status == STATUS_OK) {
        status = write_files(&command, error);
    }
    backbone_free(&command.backbone);
    return status;
}
