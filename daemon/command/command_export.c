/* dail export: a checkpoint's network in the formats of others. */
#include "daemon/command/commands.h"
#include "daemon/terminal/warning.h"
#include "worker/interchange/backbone.h"
#include "worker/interchange/onnx_graph.h"
#include "worker/interchange/state_dict.h"

#include <stdio.h>
#include <sys/stat.h>

struct export_options {
    const char *onnx, *safetensors, *hdf5;
    struct onnx_graph_options graph;
};

static void tell(const struct backbone *backbone, const char *path)
{
    struct stat file;
    long long bytes = stat(path, &file) == 0 ? (long long)file.st_size : 0;
    printf("%s: the %s of %s, %.1f MB\n", path, backbone->state.network.arch, backbone->path,
           (double)bytes / 1e6);
}

static enum status write_files(const struct export_options *options, const struct backbone *backbone,
                               struct error *error)
{
    enum status status = STATUS_OK;
    if (options->onnx) {
        status = onnx_graph_write(backbone, &options->graph, options->onnx, error);
        if (status == STATUS_OK) {
            tell(backbone, options->onnx);
        }
    }
    if (status == STATUS_OK && options->safetensors) {
        status = state_dict_write_safetensors(backbone, options->safetensors, error);
        if (status == STATUS_OK) {
            tell(backbone, options->safetensors);
        }
    }
    if (status == STATUS_OK && options->hdf5) {
        status = state_dict_write_hdf5(backbone, options->hdf5, error);
        if (status == STATUS_OK) {
            tell(backbone, options->hdf5);
        }
    }
    return status;
}

static enum status check(const struct export_options *options, struct error *error)
{
    if (!options->onnx && !options->safetensors && !options->hdf5) {
        return error_set(error, STATUS_USAGE, NULL, "dail export --help shows how",
                         "a format is needed, such as --onnx FILE");
    }
    if (!options->onnx && (options->graph.fold || options->graph.normalize)) {
        return error_set(error, STATUS_USAGE, options->graph.fold ? "--fold-bn" : "--with-normalize",
                         "add --onnx FILE", "this shapes an ONNX model, and none is asked for");
    }
    return STATUS_OK;
}

static enum status execute(const struct command_line *line, struct error *error)
{
    const struct export_options *options = line->values;
    const struct backbone_use use = {.batch = 1, .threads = 1, .values_only = true};
    struct backbone backbone = {0};
    enum status status = check(options, error);
    if (status == STATUS_OK) {
        status = backbone_load(line->operands[0], &use, &backbone, error);
        warning_print(backbone.note.names);
    }
    if (status == STATUS_OK) {
        status = write_files(options, &backbone, error);
    }
    backbone_free(&backbone);
    return status;
}

#define AT(member) offsetof(struct export_options, member)

static const struct option_spec options[] = {
    {.name = "onnx",
     .kind = OPTION_STRING,
     .offset = AT(onnx),
     .metavar = "FILE",
     .help = "ONNX, operator set 13: \"data\" [N, 3, side, side], x / 127.5 - 1, to \"embedding\"",
     .word = WORD_FILE,
     .endings = ".onnx"},
    {.name = "fold-bn",
     .kind = OPTION_FLAG,
     .offset = AT(graph.fold),
     .help = "with --onnx: batch normalisations become part of the weights where that is exact"},
    {.name = "with-normalize",
     .kind = OPTION_FLAG,
     .offset = AT(graph.normalize),
     .help = "with --onnx: embeddings of length 1"},
    {.name = "safetensors",
     .kind = OPTION_STRING,
     .offset = AT(safetensors),
     .metavar = "FILE",
     .help = "InsightFace's state_dict: names, shapes, running statistics",
     .word = WORD_FILE,
     .endings = ".safetensors"},
    {.name = "hdf5",
     .kind = OPTION_STRING,
     .offset = AT(hdf5),
     .metavar = "FILE",
     .help = "the same as HDF5",
     .word = WORD_FILE,
     .endings = ".h5"},
    {0}};

static const struct operand_spec operands[] = {
    {.name = "CHECKPOINT", .min = 1, .max = 1, .word = WORD_MODEL, .endings = STATE_DICT_ENDINGS}, {0}};

const struct command command_export = {
    .name = "export",
    .summary = "hand a checkpoint's network on as ONNX, safetensors or HDF5",
    .usage = "dail export [OPTIONS] CHECKPOINT",
    .description =
        "Writes a network in the formats of others: ONNX as InsightFace's tools take it, and InsightFace's\n"
        "state_dict as safetensors or HDF5. CHECKPOINT may be a run's folder, whose newest one is taken, or "
        "an\n"
        "iresnet's .safetensors, .onnx or .pth. A file that is there is replaced.",
    .options = options,
    .operands = operands,
    .size = sizeof(struct export_options),
    .run = execute,
};
