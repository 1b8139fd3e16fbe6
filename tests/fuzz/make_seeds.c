/* Writes seeds by our own writers, as small as they can be: control messages of every kind, a checkpoint of
 * the smallest network, its state_dict in two formats, and a shard as it is but for the room that its chunks leave.
 *
 *   make_seeds FOLDER SHARD         control messages go to FOLDER/message, which is there, the others to
 * FOLDER make_seeds --describe FROM TO   an HDF5 file as the targets that read these take it:
 * hdf5_described.h */
#include "proto/file.h"
#include "proto/message.h"
#include "shard/hdf5/hdf5.h"
#include "shard/hdf5/hdf5_description.h"
#include "shard/shard.h"
#include "tests/fuzz/model_fuzz.h"
#include "tests/unit/torch_scratch.h"
#include "worker/interchange/state_dict.h"

#include <sys/stat.h>

static void write_seed(const char *directory, const char *name, const unsigned char *bytes, size_t size)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/message/%s", directory, name);
    FILE *file = fopen(path, "wb");
    fuzz_require(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0, "seeds can be written");
}

static void write_messages(const char *directory)
{
    struct message_lease leases[2] = {{.dataset = 1, .count = 80},
                                      {.dataset = 2, .begin = 3, .count = 7, .sampled = 1}};
    uint8_t repeats[7] = {1, 0, 2, 0, 0, 255, 1};
    for (int kind = MESSAGE_HELLO; kind <= MESSAGE_COMMITTED; kind++) {
        struct message message = {.kind = (enum message_kind)kind};
        struct error error;
        unsigned char *bytes;
        size_t size;
        char name[32];
        if (kind == MESSAGE_LEASES) {
            message.leases = (struct message_leases){
                .count = 2, .repeat_count = sizeof repeats, .leases = leases, .repeats = repeats};
        }
        snprintf(name, sizeof name, "kind-%d", kind);
        fuzz_require(message_encode(&message, &bytes, &size, &error) == STATUS_OK, "messages can be made");
        write_seed(directory, name, bytes, size);
        free(bytes);
    }
}

static void write_checkpoint(const char *directory)
{
    struct model_fuzz model;
    struct checkpoint_part part[2];
    struct error error;
    char path[1024];
    uint64_t bytes;
    float rows[MODEL_CLASSES * MODEL_EMBEDDING] = {0};
    struct checkpoint_dataset dataset = {.name = "fuzz", .classes = MODEL_CLASSES, .parts = 1};
    const struct checkpoint_state state = {
        .step = 1,
        .steps = 2,
        .steps_per_epoch = 1,
        .lanes = 1,
        .workers = 1,
        .lane_batch = 1,
        .digest = "0123456789abcdef",
        .version = "0.0.0",
        .network = {.arch = "iresnet10", .input = 16, .embedding = MODEL_EMBEDDING, .width = 0.0625},
        .hidden = {4},
        .hidden_count = 1,
        .datasets = &dataset,
        .dataset_count = 1};
    struct parameter parameter;
    const struct parameter_group group = model_fuzz_rows(&parameter, 0, rows, rows);
    model_fuzz_create(&model);
    checkpoint_path(directory, state.step, "", path, sizeof path);
    fuzz_require(checkpoint_prepare(directory, NULL, &error) == STATUS_OK &&
                     checkpoint_begin(directory, "", state.step, &error) == STATUS_OK &&
                     checkpoint_write_model(path, model.groups, 2, NULL, &part[0], &error) == STATUS_OK &&
                     checkpoint_write_classifier(path, &group, &part[1], &error) == STATUS_OK &&
                     checkpoint_commit(directory, NULL, &state, part, 2, &bytes, &error) == STATUS_OK,
                 "a checkpoint can be written");
    model_fuzz_free(&model);
}

static void write_state_dict(const char *directory)
{
    struct model_fuzz model;
    struct error error;
    char path[1024];
    model_fuzz_create(&model);
    iresnet_init(model.net, 1);
    struct backbone backbone = {
        .net = model.net,
        .state = {
            .network = {.arch = "iresnet10", .input = 16, .embedding = MODEL_EMBEDDING, .width = 0.0625}}};
    snprintf(path, sizeof path, "%s/safetensors/net", directory);
    fuzz_require(state_dict_write_safetensors(&backbone, path, &error) == STATUS_OK,
                 "a state_dict can be written");
    char saved[1024];
    snprintf(saved, sizeof saved, "%s/torch/net", directory);
    fuzz_require(torch_scratch_convert(path, saved), "it can be written as PyTorch saves it");
    model_fuzz_free(&model);
}

/* The arrays and attributes of a shard, the images end to end without chunks. */
static void write_shard(const char *directory, const char *from)
{
    struct shard shard;
    struct h5_file file;
    struct error error;
    char path[1024];
    fuzz_require(shard_open(from, &shard, &error) == STATUS_OK, "the shard can be read");
    const uint64_t n = shard.images, offsets = n + 1;
    uint8_t *images = malloc(shard.bytes);
    snprintf(path, sizeof path, "%s/synth.h5", directory);
    fuzz_require(
        images && shard_read(&shard, 0, shard.images, images, &error) == STATUS_OK &&
            h5_create_file(path, &file, &error) == STATUS_OK &&
            h5_write_array(&file, "/image", H5_TYPE_U8, 1, &shard.bytes, images, &error) == STATUS_OK &&
            h5_write_array(&file, "/offset", H5_TYPE_U64, 1, &offsets, shard.offset, &error) == STATUS_OK &&
            h5_write_array(&file, "/label", H5_TYPE_U32, 1, &n, shard.label, &error) == STATUS_OK &&
            h5_write_array(&file, "/crc", H5_TYPE_U32, 1, &n, shard.crc, &error) == STATUS_OK &&
            h5_set_string(&file, "/", "dail_format", "shard", &error) == STATUS_OK &&
            h5_set_uint(&file, "/", "version", SHARD_VERSION, &error) == STATUS_OK &&
            h5_set_string(&file, "/", "dataset", shard.dataset, &error) == STATUS_OK &&
            h5_set_uint(&file, "/", "dataset_id", shard.dataset_id, &error) == STATUS_OK &&
            h5_set_uint(&file, "/", "shard", shard.shard, &error) == STATUS_OK &&
            h5_set_uint(&file, "/", "shards", shard.shards, &error) == STATUS_OK &&
            h5_set_uint(&file, "/", "classes", shard.classes, &error) == STATUS_OK &&
            h5_set_string(&file, "/", "encoding", shard_encoding_name(shard.encoding), &error) == STATUS_OK &&
            h5_close_file(&file, &error) == STATUS_OK,
        "a shard can be written");
    free(images);
    shard_close(&shard);
}

static void describe(const char *from, const char *to)
{
    struct h5_file file;
    struct error error;
    char *bytes;
    size_t size;
    FILE *seed = fopen(to, "wb");
    fuzz_require(h5_open_file(from, &file, &error) == STATUS_OK &&
                     file_read(from, 1 << 28, &bytes, &size, &error) == STATUS_OK,
                 "the file can be read");
    const size_t length = file.description->size;
    for (size_t i = 0; i < 4; i++) {
        fputc((int)(length >> 8 * i & 255), seed);
    }
    fuzz_require(fwrite(file.description->bytes, 1, length, seed) == length &&
                     fwrite(bytes, 1, size, seed) == size && fclose(seed) == 0,
                 "seeds can be written");
    free(bytes);
    h5_close_file(&file, NULL);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--describe") == 0) {
        describe(argv[2], argv[3]);
        return 0;
    }
    fuzz_require(argc == 3, "a folder and a shard are named");
    write_messages(argv[1]);
    write_checkpoint(argv[1]);
    write_state_dict(argv[1]);
    write_shard(argv[1], argv[2]);
    return 0;
}
