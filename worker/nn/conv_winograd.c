/* Winograd's F(4x4,3x3) for kernel 3, stride 1. The tiles of a batch go through in chunks: their transform,
 * 36 products with the transformed weights, and the transform back (Lavin and Gray, arXiv 1509.09308).
 *
 * Either each thread takes chunks of its own, small enough for its cache, or, where the transformed weights
 * are larger than a thread's cache, all threads work on one chunk and share out its products, so that the
 * weights are read once and not by every thread.
 */
#include "worker/nn/conv_plan.h"
#include "worker/nn/winograd_product.h"
#include "worker/nn/winograd_transform.h"

#include <omp.h>
#include <string.h>

/* Bytes of a chunk's planes for a thread of its own, of a common chunk, and of transformed weights that count
 * as large. */
enum { OWN_CHUNK = 1 << 20, COMMON_CHUNK = 24 << 20, LARGE_WEIGHTS = 4 << 20 };
/* A chunk has as many tiles at least: the weights are read, and turned for backward data, once a chunk. */
enum { CHUNK_LEAST = 48 };

struct chunks {
    size_t tiles; /* of a chunk, at most */
    bool common; /* all threads on one chunk */
};

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
    float *source, *target, *panel;
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

static size_t pieces_of(size_t count, size_t most)
{
    return (count + most - 1) / most;
}

static size_t pitch_in(const struct conv *conv)
{
    return winograd_pitch((size_t)conv->shape.channels_in);
}

static size_t pitch_out(const struct conv *conv)
{
    return winograd_pitch((size_t)conv->shape.channels_out);
}

static size_t zeros_count(const struct conv *conv)
{
    return pitch_in(conv) > pitch_out(conv) ? pitch_in(conv) : pitch_out(conv);
}

/* Floats of a plane of the weights, or of their gradient: [channels_in][pitch_out]. */
static size_t weight_plane(const struct conv *conv)
{
    return (size_t)conv->shape.channels_in * pitch_out(conv);
}

static size_t weight_stride(const struct conv *conv)
{
    return plane_stride(weight_plane(conv));
}

static bool weights_large(const struct conv *conv)
{
    return weight_plane(conv) * WINOGRAD_PLANES * sizeof(float) > LARGE_WEIGHTS;
}

static size_t chunk_tiles(const struct conv *conv, size_t bytes)
{
    size_t tiles = bytes / ((pitch_in(conv) + pitch_out(conv)) * WINOGRAD_PLANES * sizeof(float));
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
    return WINOGRAD_PLANES * (plane_stride(tiles * pitch_in(conv)) + plane_stride(tiles * pitch_out(conv)));
}

static size_t winograd_derived_count(const struct conv *conv)
{
    return WINOGRAD_PLANES * weight_stride(conv);
}

/* Floats of a thread's buffer for a panel of the turned weights. */
static size_t panel_count(const struct conv *conv)
{
    return winograd_products_of(conv->isa)->panel * (size_t)conv->shape.channels_out;
}

/* Row `row` of the weights, [channels_out], to its places in the panels of all planes. */
static void derive_row(struct conv *conv, size_t row)
{
    size_t panel = winograd_products_of(conv->isa)->panel;
    size_t rows = (size_t)conv->shape.channels_in, columns = (size_t)conv->shape.channels_out;
    for (size_t at = 0; at < columns; at += panel) {
        size_t width = pitch_out(conv) - at < panel ? pitch_out(conv) - at : panel;
        size_t used = columns - at < panel ? columns - at : panel;
        winograd_transforms_of(conv->isa)->weight(used, width, conv->weight + row * columns + at,
                                                  rows * columns, conv->derived + at * rows + row * width,
                                                  weight_stride(conv));
    }
}

static void derive(struct conv *conv)
{
    int rows = conv->shape.channels_in;
#pragma omp parallel for num_threads(conv->threads) schedule(static)
    for (int row = 0; row < rows; row++)
        derive_row(conv, (size_t)row);
    conv->derived_stale = false;
}

static void barrier(const struct planes *planes)
{
    if (planes->parts > 1) {
#pragma omp barrier
    }
}

/* Columns at, ..., at + width of a plane's product. */
static void multiply(const struct conv *conv, const struct pass *pass, const struct planes *planes, int plane,
                     size_t tiles, size_t at, size_t width)
{
    const struct winograd_products *products = winograd_products_of(conv->isa);
    size_t depth = pass->source.channels, rows = (size_t)conv->shape.channels_in;
    size_t pitch = winograd_pitch(pass->target.channels);
    const float *right = conv->derived + at * depth;
    if (pass->turned) {
        const float *weight = conv->derived + (size_t)winograd_turned(plane) * weight_stride(conv);
        products->transpose(weight, rows, depth, at, width, planes->panel);
        right = planes->panel;
    } else {
        right += (size_t)plane * weight_stride(conv);
    }
    struct winograd_product product = {.rows = tiles,
                                       .columns = width,
                                       .depth = depth,
                                       .left = planes->source + (size_t)plane * planes->source_stride,
                                       .left_row = winograd_pitch(depth),
                                       .left_depth = 1,
                                       .right = right,
                                       .right_depth = width,
                                       .result = planes->target + (size_t)plane * planes->target_stride + at,
                                       .result_row = pitch};
    products->multiply(&product);
}

/* This thread's share of the chunk's 36 products, cut into panels. */
static void multiply_share(const struct conv *conv, const struct pass *pass, const struct planes *planes,
                           size_t tiles)
{
    size_t panel = winograd_products_of(conv->isa)->panel, pitch = winograd_pitch(pass->target.channels);
    size_t panels = pieces_of(pitch, panel);
    size_t end = conv_share(WINOGRAD_PLANES * panels, planes->part + 1, planes->parts);
    for (size_t i = conv_share(WINOGRAD_PLANES * panels, planes->part, planes->parts); i < end; i++) {
        size_t at = i % panels * panel;
        multiply(conv, pass, planes, (int)(i / panels), tiles, at, pitch - at < panel ? pitch - at : panel);
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
                      planes->source + mine * winograd_pitch(pass->source.channels), planes->source_stride);
    barrier(planes);
    multiply_share(conv, pass, planes, tiles);
    barrier(planes);
    transforms->output(&pass->target, planes->target + mine * winograd_pitch(pass->target.channels),
                       planes->target_stride, begin + mine, begin + mine_end, pass->target_tensor);
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
        struct planes planes = {
            .zeros = scratch,
            .source_stride = plane_stride(chunks.tiles * winograd_pitch(pass->source.channels)),
            .target_stride = plane_stride(chunks.tiles * winograd_pitch(pass->target.channels)),
            .part = chunks.common ? thread : 0,
            .parts = chunks.common ? threads : 1};
        planes.panel = scratch + zeros_count(conv) + (size_t)thread * panel_count(conv);
        planes.source = scratch + zeros_count(conv) + (size_t)conv->threads * panel_count(conv);
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
                      pass->input_planes + mine * pitch_in(pass->conv), pass->input_stride);
    transforms->gradient(&out, pass->grad_output, begin + mine, begin + mine_end, pass->zeros,
                         pass->output_planes + mine * pitch_out(pass->conv), pass->output_stride);
}

/* Plane `plane` of the gradient's rows [row, row + rows): input planes, transposed, times output planes. */
static void multiply_gradient(const struct weight_pass *pass, int plane, size_t row, size_t rows,
                              size_t tiles, bool add, float *sum)
{
    const struct winograd_products *products = winograd_products_of(pass->conv->isa);
    size_t pitch = pitch_out(pass->conv), panel = products->panel;
    struct winograd_product product = {.rows = rows,
                                       .depth = tiles,
                                       .left = pass->input_planes + (size_t)plane * pass->input_stride + row,
                                       .left_row = 1,
                                       .left_depth = pitch_in(pass->conv),
                                       .right = pass->output_planes + (size_t)plane * pass->output_stride,
                                       .right_depth = pitch,
                                       .result = sum,
                                       .result_row = pitch,
                                       .add = add};
    for (size_t at = 0; at < pitch; at += panel) {
        product.columns = pitch - at < panel ? pitch - at : panel;
        products->multiply(&product);
        product.right += product.columns;
        product.result += product.columns;
    }
}

/* Rows [begin, end) of the gradient, back from the transform domain. */
static void finish_rows(const struct weight_pass *pass, const float *sums, size_t stride, size_t begin,
                        size_t end)
{
    const struct winograd_transforms *transforms = winograd_transforms_of(pass->conv->isa);
    size_t rows = (size_t)pass->conv->shape.channels_in, channels = (size_t)pass->conv->shape.channels_out;
    for (size_t row = begin; row < end; row++, sums += pitch_out(pass->conv))
        transforms->weight_gradient(channels, sums, stride, pass->grad_weight + row * channels,
                                    rows * channels);
}

/* All tiles are in one chunk: every thread takes input channels, a block after the other, through all planes
 * and back. The sums of a block stay in the cache. */
enum { BLOCK_ROWS = 64 };

static size_t block_stride(const struct conv *conv)
{
    return plane_stride(BLOCK_ROWS * pitch_out(conv));
}

static void by_rows(const struct weight_pass *pass, size_t tiles, int part, int parts)
{
    const struct conv *conv = pass->conv;
    size_t rows = (size_t)conv->shape.channels_in, stride = block_stride(conv);
    float *sums = pass->sums + (size_t)part * WINOGRAD_PLANES * stride;
    int blocks = (int)pieces_of(rows, BLOCK_ROWS);
    for (int i = part; i < blocks; i += parts) {
        size_t row = conv_share(rows, i, blocks), count = conv_share(rows, i + 1, blocks) - row;
        for (int plane = 0; plane < WINOGRAD_PLANES; plane++)
            multiply_gradient(pass, plane, row, count, tiles, false, sums + (size_t)plane * stride);
        finish_rows(pass, sums, stride, row, row + count);
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
    size_t tiles = tiles_of(conv, batch), rows = (size_t)conv->shape.channels_in,
           stride = weight_stride(conv);
    int chunks = (int)pieces_of(tiles, weight_chunk(conv));
    for (int i = 0; i < chunks; i++) {
        size_t begin = conv_share(tiles, i, chunks), end = conv_share(tiles, i + 1, chunks);
        transform_chunk(pass, begin, end, part, parts);
#pragma omp barrier
        int last = (int)conv_share(WINOGRAD_PLANES, part + 1, parts);
        for (int plane = (int)conv_share(WINOGRAD_PLANES, part, parts); plane < last; plane++)
            multiply_gradient(pass, plane, 0, (size_t)conv->shape.channels_in, end - begin, i > 0,
                              pass->sums + (size_t)plane * stride);
#pragma omp barrier
    }
    size_t begin = conv_share(rows, part, parts);
    finish_rows(pass, pass->sums + begin * pitch_out(conv), stride, begin, conv_share(rows, part + 1, parts));
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
                               .input_stride = plane_stride(tiles * pitch_in(conv)),
                               .output_stride = plane_stride(tiles * pitch_out(conv))};
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
    size_t tensor =
        threads * panel_count(conv) + (chunks.common ? 1 : threads) * planes_count(conv, chunks.tiles);
    size_t rows = threads * WINOGRAD_PLANES * block_stride(conv);
    size_t planes = WINOGRAD_PLANES * weight_stride(conv);
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
