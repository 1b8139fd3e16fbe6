/* Winograd's F(4x4,3x3) for kernel 3, stride 1. The tiles of a batch go through in chunks: their transform,
 * 36 products with the transformed weights, and the transform back (Lavin and Gray, arXiv 1509.09308).
 *
 * Either each thread takes chunks of its own, small enough for its cache, or, where the transformed weights
 * are larger than a thread's cache, all threads work on one chunk and share out its products, so that the
 * weights are read once and not by every thread.
 */
#include "worker/nn/conv_plan.h"
#include "worker/nn/winograd_transform.h"

#include <cblas.h>
#include <omp.h>
#include <string.h>

/* Bytes of a chunk's planes for a thread of its own, of a common chunk, and of transformed weights that count
 * as large. */
enum { OWN_CHUNK = 1 << 20, COMMON_CHUNK = 24 << 20, LARGE_WEIGHTS = 4 << 20 };
/* A product should have as many rows, or the packing of the weights costs too much. */
enum { CHUNK_LEAST = 64 };

struct chunks {
    size_t tiles; /* of a chunk, at most */
    bool common; /* all threads on one chunk */
};

/* Rows [begin, end) of a chunk's products go to one thread. */
enum { PRODUCT_ROWS = 64 };

/* What a pass that produces a tensor works on. */
struct pass {
    struct winograd_images source, target;
    const float *source_tensor;
    float *target_tensor;
    bool turned; /* the kernel turned and its channels swapped: backward data */
};

/* A thread's view of the planes of a chunk. */
struct planes {
    const float *zeros;
    float *source, *target;
    size_t source_stride, target_stride;
    int part, parts; /* this thread's share of the chunk */
};

static struct winograd_images images_in(const struct conv *conv)
{
    const struct conv_shape *shape = &conv->shape;
    return (struct winograd_images){shape->height, shape->width, (size_t)shape->channels_in};
}

static struct winograd_images images_out(const struct conv *conv)
{
    const struct conv_shape *shape = &conv->shape;
    return (struct winograd_images){shape->height, shape->width, (size_t)shape->channels_out};
}

static size_t tiles_of(const struct conv *conv, int batch)
{
    struct winograd_images images = images_in(conv);
    return (size_t)batch * winograd_tiles(&images);
}

/* Planes a power of two apart would all fall into the same few sets of the cache. */
static size_t plane_stride(size_t floats)
{
    return conv_padded(floats) + 16;
}

static size_t kernels(const struct conv *conv)
{
    return (size_t)conv->shape.channels_in * (size_t)conv->shape.channels_out;
}

static size_t channels_both(const struct conv *conv)
{
    return (size_t)conv->shape.channels_in + (size_t)conv->shape.channels_out;
}

static size_t zeros_count(const struct conv *conv)
{
    return conv_padded(channels_both(conv));
}

static bool weights_large(const struct conv *conv)
{
    return kernels(conv) * WINOGRAD_PLANES * sizeof(float) > LARGE_WEIGHTS;
}

static size_t chunk_tiles(const struct conv *conv, size_t bytes)
{
    size_t tiles = bytes / (channels_both(conv) * WINOGRAD_PLANES * sizeof(float));
    size_t all = tiles_of(conv, conv->batch_max);
    if (tiles < CHUNK_LEAST)
        tiles = CHUNK_LEAST;
    return tiles < all ? tiles : all;
}

static struct chunks chunks_for_tensor(const struct conv *conv)
{
    bool common = weights_large(conv);
    return (struct chunks){chunk_tiles(conv, common ? COMMON_CHUNK : OWN_CHUNK), common};
}

/* Floats of the planes of `tiles` tiles, of source and target. */
static size_t planes_count(const struct conv *conv, size_t tiles)
{
    return WINOGRAD_PLANES * (plane_stride(tiles * (size_t)conv->shape.channels_in) +
                              plane_stride(tiles * (size_t)conv->shape.channels_out));
}

static size_t winograd_derived_count(const struct conv *conv)
{
    return WINOGRAD_PLANES * plane_stride(kernels(conv));
}

static void derive(struct conv *conv)
{
    const struct winograd_transforms *transforms = winograd_transforms_of(conv->isa);
    size_t count = kernels(conv), stride = plane_stride(count);
#pragma omp parallel for num_threads(conv->threads) schedule(static)
    for (int thread = 0; thread < conv->threads; thread++) {
        size_t begin = conv_share(count, thread, conv->threads);
        transforms->weight(conv_share(count, thread + 1, conv->threads) - begin, conv->weight + begin, count,
                           conv->derived + begin, stride);
    }
    conv->derived_stale = false;
}

static void barrier(const struct planes *planes)
{
    if (planes->parts > 1) {
#pragma omp barrier
    }
}

static void multiply(const struct conv *conv, const struct pass *pass, const struct planes *planes, int plane,
                     size_t row, size_t rows)
{
    int depth = (int)pass->source.channels, channels = (int)pass->target.channels;
    int kernel_plane = pass->turned ? winograd_turned(plane) : plane;
    const float *weight = conv->derived + (size_t)kernel_plane * plane_stride(kernels(conv));
    cblas_sgemm(
        CblasRowMajor, CblasNoTrans, pass->turned ? CblasTrans : CblasNoTrans, (int)rows, channels, depth,
        1.0f, planes->source + (size_t)plane * planes->source_stride + row * pass->source.channels, depth,
        weight, conv->shape.channels_out, 0.0f,
        planes->target + (size_t)plane * planes->target_stride + row * pass->target.channels, channels);
}

/* This thread's share of the chunk's 36 products. */
static void multiply_share(const struct conv *conv, const struct pass *pass, const struct planes *planes,
                           size_t tiles)
{
    size_t pieces = planes->parts > 1 ? (tiles + PRODUCT_ROWS - 1) / PRODUCT_ROWS : 1;
    size_t end = conv_share(WINOGRAD_PLANES * pieces, planes->part + 1, planes->parts);
    for (size_t i = conv_share(WINOGRAD_PLANES * pieces, planes->part, planes->parts); i < end; i++) {
        int piece = (int)(i % pieces);
        size_t row = conv_share(tiles, piece, (int)pieces);
        multiply(conv, pass, planes, (int)(i / pieces), row, conv_share(tiles, piece + 1, (int)pieces) - row);
    }
}

static void run_chunk(const struct conv *conv, const struct pass *pass, const struct planes *planes,
                      size_t begin, size_t end)
{
    const struct winograd_transforms *transforms = winograd_transforms_of(conv->isa);
    size_t tiles = end - begin;
    size_t mine = conv_share(tiles, planes->part, planes->parts);
    size_t mine_end = conv_share(tiles, planes->part + 1, planes->parts);
    transforms->input(&pass->source, pass->source_tensor, begin + mine, begin + mine_end, planes->zeros,
                      planes->source + mine * pass->source.channels, planes->source_stride);
    barrier(planes);
    multiply_share(conv, pass, planes, tiles);
    barrier(planes);
    transforms->output(&pass->target, planes->target + mine * pass->target.channels, planes->target_stride,
                       begin + mine, begin + mine_end, pass->target_tensor);
}

static size_t pieces_of(size_t count, size_t most)
{
    return (count + most - 1) / most;
}

static void run(struct conv *conv, int batch, const struct pass *pass, float *scratch)
{
    if (conv->derived_stale)
        derive(conv);
    struct chunks chunks = chunks_for_tensor(conv);
    size_t tiles = tiles_of(conv, batch);
    memset(scratch, 0, zeros_count(conv) * sizeof *scratch);
#pragma omp parallel num_threads(conv->threads)
    {
        int thread = omp_get_thread_num(), threads = omp_get_num_threads();
        struct planes planes = {.zeros = scratch,
                                .source_stride = plane_stride(chunks.tiles * pass->source.channels),
                                .target_stride = plane_stride(chunks.tiles * pass->target.channels),
                                .part = chunks.common ? thread : 0,
                                .parts = chunks.common ? threads : 1};
        planes.source = scratch + zeros_count(conv);
        if (!chunks.common)
            planes.source += (size_t)thread * planes_count(conv, chunks.tiles);
        planes.target = planes.source + WINOGRAD_PLANES * planes.source_stride;

        size_t begin = chunks.common ? 0 : conv_share(tiles, thread, threads);
        size_t count = (chunks.common ? tiles : conv_share(tiles, thread + 1, threads)) - begin;
        int pieces = (int)pieces_of(count, chunks.tiles);
        for (int i = 0; i < pieces; i++)
            run_chunk(conv, pass, &planes, begin + conv_share(count, i, pieces),
                      begin + conv_share(count, i + 1, pieces));
    }
}

static void winograd_forward(struct conv *conv, int batch, const float *input, float *output, void *scratch)
{
    struct pass pass = {images_in(conv), images_out(conv), input, output, false};
    run(conv, batch, &pass, scratch);
}

static void winograd_backward_data(struct conv *conv, int batch, const float *grad_output, float *grad_input,
                                   void *scratch)
{
    struct pass pass = {images_out(conv), images_in(conv), grad_output, grad_input, true};
    run(conv, batch, &pass, scratch);
}

/* The gradient of the weights: all threads transform a chunk of both tensors, then share out the products.
 * Sums over the chunks stay in the transform domain. */
struct weight_pass {
    const struct conv *conv;
    const float *input, *grad_output;
    float *grad_weight;
    const float *zeros;
    float *input_planes, *output_planes, *sums;
    size_t input_stride, output_stride;
};

static size_t weight_chunk(const struct conv *conv)
{
    return chunk_tiles(conv, COMMON_CHUNK);
}

static void transform_chunk(const struct weight_pass *pass, size_t begin, size_t end, int part, int parts)
{
    const struct winograd_transforms *transforms = winograd_transforms_of(pass->conv->isa);
    struct winograd_images in = images_in(pass->conv), out = images_out(pass->conv);
    size_t mine = conv_share(end - begin, part, parts), mine_end = conv_share(end - begin, part + 1, parts);
    transforms->input(&in, pass->input, begin + mine, begin + mine_end, pass->zeros,
                      pass->input_planes + mine * in.channels, pass->input_stride);
    transforms->gradient(&out, pass->grad_output, begin + mine, begin + mine_end, pass->zeros,
                         pass->output_planes + mine * out.channels, pass->output_stride);
}

/* Plane `plane` of the gradient's rows [row, row + rows): input planes, transposed, times output planes. */
static void multiply_gradient(const struct weight_pass *pass, int plane, size_t row, size_t rows,
                              size_t tiles, float keep, float *sum)
{
    int in = pass->conv->shape.channels_in, out = pass->conv->shape.channels_out;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)rows, out, (int)tiles, 1.0f,
                pass->input_planes + (size_t)plane * pass->input_stride + row, in,
                pass->output_planes + (size_t)plane * pass->output_stride, out, keep, sum, out);
}

/* All tiles are in one chunk: every thread takes input channels, a block after the other, through all planes
 * and back. The sums of a block stay in the cache. */
enum { BLOCK_ROWS = 64 };

static size_t block_stride(const struct conv *conv)
{
    return plane_stride(BLOCK_ROWS * (size_t)conv->shape.channels_out);
}

static void by_rows(const struct weight_pass *pass, size_t tiles, int part, int parts)
{
    const struct conv *conv = pass->conv;
    size_t rows = (size_t)conv->shape.channels_in, channels = (size_t)conv->shape.channels_out;
    size_t stride = block_stride(conv);
    float *sums = pass->sums + (size_t)part * WINOGRAD_PLANES * stride;
    int blocks = (int)pieces_of(rows, BLOCK_ROWS);
    for (int i = part; i < blocks; i += parts) {
        size_t row = conv_share(rows, i, blocks), count = conv_share(rows, i + 1, blocks) - row;
        for (int plane = 0; plane < WINOGRAD_PLANES; plane++)
            multiply_gradient(pass, plane, row, count, tiles, 0.0f, sums + (size_t)plane * stride);
        winograd_transforms_of(conv->isa)->weight_gradient(
            count * channels, sums, stride, pass->grad_weight + row * channels, rows * channels);
    }
}

static bool rows_suffice(const struct conv *conv, int batch)
{
    size_t rows = (size_t)conv->shape.channels_in;
    return weights_large(conv) && tiles_of(conv, batch) <= weight_chunk(conv) &&
           pieces_of(rows, BLOCK_ROWS) >= (size_t)conv->threads;
}

static void by_planes(const struct weight_pass *pass, int batch, int part, int parts)
{
    const struct conv *conv = pass->conv;
    size_t tiles = tiles_of(conv, batch), count = kernels(conv), stride = plane_stride(count);
    int chunks = (int)pieces_of(tiles, weight_chunk(conv));
    for (int i = 0; i < chunks; i++) {
        size_t begin = conv_share(tiles, i, chunks), end = conv_share(tiles, i + 1, chunks);
        transform_chunk(pass, begin, end, part, parts);
#pragma omp barrier
        int last = (int)conv_share(WINOGRAD_PLANES, part + 1, parts);
        for (int plane = (int)conv_share(WINOGRAD_PLANES, part, parts); plane < last; plane++)
            multiply_gradient(pass, plane, 0, (size_t)conv->shape.channels_in, end - begin,
                              i > 0 ? 1.0f : 0.0f, pass->sums + (size_t)plane * stride);
#pragma omp barrier
    }
    size_t mine = conv_share(count, part, parts);
    winograd_transforms_of(conv->isa)->weight_gradient(conv_share(count, part + 1, parts) - mine,
                                                       pass->sums + mine, stride, pass->grad_weight + mine,
                                                       count);
}

static void winograd_backward_weight(struct conv *conv, int batch, const float *input,
                                     const float *grad_output, float *grad_weight, void *scratch)
{
    size_t tiles = weight_chunk(conv);
    float *zeros = scratch, *planes = zeros + zeros_count(conv);
    struct weight_pass pass = {.conv = conv,
                               .input = input,
                               .grad_output = grad_output,
                               .grad_weight = grad_weight,
                               .zeros = zeros,
                               .input_stride = plane_stride(tiles * (size_t)conv->shape.channels_in),
                               .output_stride = plane_stride(tiles * (size_t)conv->shape.channels_out)};
    pass.input_planes = planes;
    pass.output_planes = planes + WINOGRAD_PLANES * pass.input_stride;
    pass.sums = planes + planes_count(conv, tiles);
    memset(zeros, 0, zeros_count(conv) * sizeof *zeros);
    bool rows = rows_suffice(conv, batch);
#pragma omp parallel num_threads(conv->threads)
    {
        int part = omp_get_thread_num(), parts = omp_get_num_threads();
        if (rows) {
            transform_chunk(&pass, 0, tiles_of(conv, batch), part, parts);
#pragma omp barrier
            by_rows(&pass, tiles_of(conv, batch), part, parts);
        } else {
            by_planes(&pass, batch, part, parts);
        }
    }
}

static size_t winograd_scratch_bytes(const struct conv *conv)
{
    struct chunks chunks = chunks_for_tensor(conv);
    size_t threads = (size_t)conv->threads;
    size_t tensor = (chunks.common ? 1 : threads) * planes_count(conv, chunks.tiles);
    size_t rows = threads * WINOGRAD_PLANES * block_stride(conv);
    size_t planes = WINOGRAD_PLANES * plane_stride(kernels(conv));
    /* A smaller batch may go by rows where the largest does not. */
    size_t sums = !rows_suffice(conv, conv->batch_max) && planes > rows ? planes : rows;
    size_t weight = planes_count(conv, weight_chunk(conv)) + sums;
    return (zeros_count(conv) + (tensor > weight ? tensor : weight)) * sizeof(float);
}

const struct conv_methods conv_winograd_methods = {
    .algorithm = CONV_WINOGRAD,
    .derived_count = winograd_derived_count,
    .scratch_bytes = winograd_scratch_bytes,
    .forward = winograd_forward,
    .backward_data = winograd_backward_data,
    .backward_weight = winograd_backward_weight,
};
