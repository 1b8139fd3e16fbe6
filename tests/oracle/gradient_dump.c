/* One forward and backward pass of a network with its initial weights, on noise, written out whole for
 * gradient.py.
 *
 *     gradient_dump ARCH INPUT WIDTH BATCH THREADS fast|gemm|reference FILE
 *
 * FILE, little-endian: u32 parameters; for each trained one its name (64 bytes), u32 rank, u32 shape[4], f32
 * values and f32 gradient, both in PyTorch's order; f32 image [batch,H,W,3], f32 gradient of the embedding
 * [batch,D], f32 embedding [batch,D]; then for every PReLU, in the forward pass's order, u8 [batch,H,W,C]:
 * the input was positive.
 */
#include "worker/nn/iresnet_graph.h"

#include "proto/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 7, EMBEDDING = 512 };

static void *memory(size_t bytes)
{
    void *made = malloc(bytes);
    if (!made) {
        fprintf(stderr, "gradient_dump: no memory for %zu bytes\n", bytes);
        exit(1);
    }
    return made;
}

static void put(FILE *file, const void *from, size_t bytes)
{
    if (fwrite(from, 1, bytes, file) != bytes) {
        perror("gradient_dump: write");
        exit(1);
    }
}

static float *noise(size_t count, uint64_t stream)
{
    float *values = memory(count * sizeof *values);
    struct random random = random_stream(SEED, RANDOM_AUGMENT, stream, 0);
    for (size_t i = 0; i < count; i++) {
        values[i] = 2.0f * random_uniform(&random) - 1.0f;
    }
    return values;
}

static void put_number(FILE *file, size_t number)
{
    uint32_t value = (uint32_t)number;
    put(file, &value, sizeof value);
}

static void put_parameters(FILE *file, struct iresnet *net)
{
    size_t count, trained = 0;
    const struct parameter *parameters = iresnet_parameters(net, &count);
    for (size_t i = 0; i < count; i++) {
        trained += parameters[i].kind == PARAMETER_TRAINED;
    }
    put_number(file, trained);
    for (size_t i = 0; i < count; i++) {
        const struct parameter *parameter = &parameters[i];
        if (parameter->kind != PARAMETER_TRAINED) {
            continue;
        }
        float *values = memory(parameter->count * sizeof *values);
        put(file, parameter->name, sizeof parameter->name);
        put_number(file, (size_t)parameter->rank);
        for (int d = 0; d < 4; d++) {
            put_number(file, d < parameter->rank ? parameter->shape[d] : 0);
        }
        parameter_to_file(parameter, iresnet_weights(net), values);
        put(file, values, parameter->count * sizeof *values);
        parameter_to_file(parameter, iresnet_gradient(net), values);
        put(file, values, parameter->count * sizeof *values);
        free(values);
    }
}

/* Which inputs of a PReLU, the normalised `input` [rows][channels], were positive. */
static void put_sides(FILE *file, const struct iresnet *net, const struct batchnorm *norm, size_t rows,
                      const float *input)
{
    size_t channels = (size_t)norm->channels;
    float *normalised = memory(channels * sizeof *normalised);
    unsigned char *positive = memory(channels);
    struct nn_affine affine = batchnorm_affine(norm);
    for (size_t row = 0; row < rows; row++) {
        net->context.kernels->normalise(1, channels, &affine, input + row * channels, normalised);
        for (size_t c = 0; c < channels; c++) {
            positive[c] = normalised[c] > 0.0f;
        }
        put(file, positive, channels);
    }
    free(normalised);
    free(positive);
}

static size_t rows_of(int batch, int side)
{
    return (size_t)batch * (size_t)side * (size_t)side;
}

static void dump(struct iresnet *net, int batch, FILE *file)
{
    int side = net->dimensions.input;
    size_t pixels = rows_of(batch, side) * 3, embeddings = (size_t)batch * EMBEDDING;
    float *image = noise(pixels, 1), *gradient = noise(embeddings, 2);
    float *embedding = memory(embeddings * sizeof *embedding);
    iresnet_init(net, SEED);
    iresnet_zero_gradient(net);
    iresnet_forward(net, batch, image, NULL, embedding, NULL);
    iresnet_backward(net, batch, gradient, NULL);
    put_parameters(file, net);
    put(file, image, pixels * sizeof *image);
    put(file, gradient, embeddings * sizeof *gradient);
    put(file, embedding, embeddings * sizeof *embedding);
    put_sides(file, net, &net->stem_norm, rows_of(batch, side), net->stem_conv_output);
    for (size_t i = 0; i < net->block_count; i++) {
        const struct basic_block *block = &net->blocks[i];
        put_sides(file, net, &block->bn2, rows_of(batch, block->side_in), block->conv1_output);
    }
    free(image);
    free(gradient);
    free(embedding);
}

int main(int argc, char **argv)
{
    static const char *const kernels[] = {"fast", "gemm", "reference"};
    int chosen = 0;
    while (argc == 8 && chosen < 3 && strcmp(argv[6], kernels[chosen]) != 0) {
        chosen++;
    }
    if (argc != 8 || chosen == 3) {
        fprintf(stderr, "usage: %s ARCH INPUT WIDTH BATCH THREADS fast|gemm|reference FILE\n", argv[0]);
        return 2;
    }
    struct iresnet_config config = {
        .network = {.arch = argv[1], .input = atoi(argv[2]), .embedding = EMBEDDING, .width = atof(argv[3])},
        .batch_max = atoi(argv[4]),
        .threads = atoi(argv[5]),
        .train = true,
        .kernels = (enum iresnet_kernels)chosen,
    };
    struct iresnet *net;
    struct error error;
    char line[1024];
    if (iresnet_create(&config, &net, &error) != STATUS_OK) {
        fprintf(stderr, "%s\n", error_format(&error, line, sizeof line));
        return (int)error.status;
    }
    FILE *file = fopen(argv[7], "wb");
    if (!file) {
        perror(argv[7]);
        return 1;
    }
    dump(net, config.batch_max, file);
    if (fclose(file) != 0) {
        perror(argv[7]);
        return 1;
    }
    iresnet_free(net);
    return 0;
}
