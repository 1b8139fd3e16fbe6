/* Winograd's F(4x4,3x3) and F(7x7,3x3) for kernel 3, stride 1. The tiles of a batch go through in chunks: their
 * transform, 36 or 81 products with the transformed weights, and the transform back (Lavin and Gray, arXiv
 * 1509.09308).
 *
 * Nobody keeps transformed weights, which are four or nine times as large: they are made in blocks of some rows
 * and columns. Either each thread takes chunks of its own, small enough for its cache, and all blocks are made
 * before; or, where the weights are larger than a thread's cache, all threads work on one chunk, and make block
 * after block for it, which stays in the cache while they share out its products.
 */
#include "worker/nn/conv/conv_plan.h"
#include "worker/nn/conv/conv_winograd_weight.h"
#include "worker/nn/conv/winograd_layout.h"

#include <omp.h>
#include <string.h>

/* Bytes of a chunk's planes: of a thread of its own, and of all together; measured. A chunk has as many tiles
 * at least: the weights are read, or made, once a chunk. */
enum { OWN_CHUNK = 768 << 10, COMMON_CHUNK = 6 << 20, OWN_TILES = 16, COMMON_TILES = 32 };
/* A block of weights has as many rows at most, and columns for each thread that works on it. The sums over more
 * rows are added block by block, which halves the error of F(7x7). */
enum { BLOCK_ROWS = 64, BLOCK_COLUMNS = 64 };
enum { TAPS = 9 };
/* Floats of the target that a visitor finds in the cache. */
enum { VISIT_FLOATS = 8192 };

/* How a pass cuts its weights, [source channels][target pitch]. */
struct blocks {
    size_t rows, columns; /* of all */
    size_t rows_most, columns_most; /* of a block */
    size_t down, across; /* blocks */
    size_t stride; /* between a block's planes */
};

/* A piece of the weights' planes: its columns in panels (product.h). */
struct block {
    size_t row, rows, column, columns;
};

struct chunks {
    size_t tiles; /* of a chunk, at most */
    bool common; /* all threads on one chunk */
};

/* What a pass that produces a tensor works on. */
struct pass {
    struct winograd_images source, target;
    const struct conv_input *input;
    float *target_tensor;
    const struct conv_visitor *visitor; /* of the target; may be NULL */
    bool turned; /* the kernel turned and its channels swapped: backward data */
    struct blocks blocks;
};

/* A thread's view of a pass's buffers. */
struct buffers {
    const float *zeros;
    float *taps; /* its own */
    float *weights; /* all blocks, or one */
    float *source, *target; /* planes of a chunk */
    size_t source_stride, target_stride;
    int part, parts; /* this thread's share of the chunk */
    int thread;
};

static const struct winograd_transforms *transforms_of(const struct conv *conv)
{
    return winograd_transforms_of(conv->isa, conv->methods->tile);
}

static size_t panel_of(const struct conv *conv)
{
    return product_kernels_of(conv->isa)->panel;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static struct chunks chunks_for_tensor(const struct conv *conv)
{
    bool common = winograd_weights_large(conv);
    return (struct chunks){common ? winograd_chunk_tiles(conv, COMMON_CHUNK, COMMON_TILES)
                                  : winograd_chunk_tiles(conv, OWN_CHUNK, OWN_TILES),
                           common};
}

static struct blocks blocks_of(const struct conv *conv, int source_channels, int target_channels)
{
    size_t threads = winograd_weights_large(conv) ? (size_t)conv->threads : 1;
    struct blocks blocks = {.rows = (size_t)source_channels,
                            .columns = product_pitch((size_t)target_channels)};
    blocks.down = winograd_pieces(blocks.rows, BLOCK_ROWS);
    blocks.rows_most = winograd_pieces(blocks.rows, blocks.down);
    blocks.columns_most = least(blocks.columns, BLOCK_COLUMNS * threads);
    blocks.across = winograd_pieces(blocks.columns, blocks.columns_most);
    blocks.stride = winograd_plane_stride(blocks.rows_most * blocks.columns_most);
    return blocks;
}

static size_t blocks_count(const struct blocks *blocks)
{
    return blocks->down * blocks->across;
}

static struct block block_at(const struct blocks *blocks, size_t index)
{
    size_t down = index % blocks->down, column = index / blocks->down * blocks->columns_most;
    struct block block = {.row = conv_share(blocks->rows, (int)down, (int)blocks->down),
                          .column = column,
                          .columns = least(blocks->columns - column, blocks->columns_most)};
    block.rows = conv_share(blocks->rows, (int)down + 1, (int)blocks->down) - block.row;
    return block;
}

static size_t block_floats(const struct conv *conv, const struct blocks *blocks)
{
    return winograd_planes(conv) * blocks->stride;
}

/* Floats of a pass's weights: all blocks, or the one that is worked on. */
static size_t weights_floats(const struct conv *conv, const struct blocks *blocks)
{
    return block_floats(conv, blocks) * (winograd_weights_large(conv) ? 1 : blocks_count(blocks));
}

/* Floats of a thread's buffer for turned taps. */
static size_t taps_floats(const struct conv *conv)
{
    return TAPS * BLOCK_ROWS * panel_of(conv);
}

/* The taps [9][rows][width] of the turned kernel: rows `row` on of output channels, columns `column` on of input
 * channels, of which there are `used`. */
static void turn_taps(const struct conv *conv, size_t row, size_t rows, size_t column, size_t used,
                      size_t width, float *taps)
{
    size_t pitch = (size_t)conv->shape.channels_out, tap_size = (size_t)conv->shape.channels_in * pitch;
    for (size_t tap = 0; tap < TAPS; tap++) {
        product_kernels_of(conv->isa)->turn(conv->weight + tap * tap_size + column * pitch + row, pitch, used,
                                            rows, width, taps + (TAPS - 1 - tap) * rows * width);
    }
}

/* Rows begin to end of a panel of the block, of `width` columns from `column` of the block on. */
static void make_panel(const struct conv *conv, const struct pass *pass, const struct block *block,
                       size_t begin, size_t end, size_t column, size_t width, float *taps, float *weights)
{
    size_t first = block->column + column, channels = pass->target.channels;
    size_t used = first < channels ? least(width, channels - first) : 0;
    const float *from = conv->weight + (block->row + begin) * channels + first;
    size_t from_row = channels, from_tap = pass->source.channels * channels;
    if (pass->turned) {
        turn_taps(conv, block->row + begin, end - begin, first, used, width, taps);
        from = taps;
        from_row = width;
        from_tap = (end - begin) * width;
    }
    float *to = weights + column * block->rows + begin * width;
    for (size_t row = begin; row < end; row++, from += from_row, to += width) {
        transforms_of(conv)->weight(used, width, from, from_tap, to, pass->blocks.stride);
    }
}

/* Share `part` of `parts` of the block's transformed weights. */
static void make_weights(const struct conv *conv, const struct pass *pass, const struct block *block,
                         int part, int parts, float *taps, float *weights)
{
    size_t panel = panel_of(conv);
    size_t begin = conv_share(block->rows, part, parts), end = conv_share(block->rows, part + 1, parts);
    for (size_t at = 0; at < block->columns && begin < end; at += panel) {
        make_panel(conv, pass, block, begin, end, at, least(panel, block->columns - at), taps, weights);
    }
}

static void barrier(const struct buffers *buffers)
{
    if (buffers->parts > 1) {
#pragma omp barrier
    }
}

/* This thread's share of the chunk's products with a block, cut into panels. */
static void multiply_share(const struct conv *conv, const struct pass *pass, const struct buffers *buffers,
                           const struct block *block, const float *weights, size_t tiles)
{
    size_t panel = panel_of(conv), panels = winograd_pieces(block->columns, panel);
    size_t products = winograd_planes(conv) * panels;
    size_t end = conv_share(products, buffers->part + 1, buffers->parts);
    struct product product = {.rows = tiles,
                              .depth = block->rows,
                              .left_row = product_pitch(pass->source.channels),
                              .left_depth = 1,
                              .result_row = pass->blocks.columns,
                              .add = block->row > 0};
    for (size_t i = conv_share(products, buffers->part, buffers->parts); i < end; i++) {
        size_t plane = i / panels, at = i % panels * panel;
        product.columns = least(panel, block->columns - at);
        product.left = buffers->source + plane * buffers->source_stride + block->row;
        product.right = weights + plane * pass->blocks.stride + at * block->rows;
        product.right_depth = product.columns;
        product.result = buffers->target + plane * buffers->target_stride + block->column + at;
        product_kernels_of(conv->isa)->multiply(&product);
    }
}

/* All products of a chunk. */
static void multiply_chunk(const struct conv *conv, const struct pass *pass, const struct buffers *buffers,
                           size_t tiles)
{
    bool common = winograd_weights_large(conv);
    float *weights = buffers->weights;
    for (size_t i = 0; i < blocks_count(&pass->blocks); i++) {
        struct block block = block_at(&pass->blocks, i);
        if (common) {
            make_weights(conv, pass, &block, buffers->part, buffers->parts, buffers->taps, weights);
            barrier(buffers);
        }
        multiply_share(conv, pass, buffers, &block, weights, tiles);
        barrier(buffers);
        weights += common ? 0 : block_floats(conv, &pass->blocks);
    }
}

/* The planes from `from` on to tiles begin to end of the target, a few at a time if it has a visitor, who is
 * to find them in the cache. */
static void write_tiles(const struct conv *conv, const struct pass *pass, const struct buffers *buffers,
                        const float *from, size_t begin, size_t end)
{
    size_t pitch = product_pitch(pass->target.channels), step = end - begin;
    size_t pixels = (size_t)(conv->methods->tile * conv->methods->tile);
    if (pass->visitor) {
        step = VISIT_FLOATS / (pixels * pitch) + 1;
    }
    for (size_t tile = begin; tile < end; tile += step, from += step * pitch) {
        size_t next = least(tile + step, end);
        transforms_of(conv)->output(&pass->target, from, buffers->target_stride, tile, next,
                                    pass->target_tensor);
        if (pass->visitor) {
            winograd_visit(&pass->target, tile, next, buffers->thread, pass->visitor);
        }
    }
}

static void run_chunk(const struct conv *conv, const struct pass *pass, const struct buffers *buffers,
                      size_t begin, size_t end)
{
    size_t tiles = end - begin;
    size_t mine = conv_share(tiles, buffers->part, buffers->parts);
    size_t mine_end = conv_share(tiles, buffers->part + 1, buffers->parts);
    transforms_of(conv)->input(&pass->source, pass->input, begin + mine, begin + mine_end, buffers->zeros,
                               buffers->source + mine * product_pitch(pass->source.channels),
                               buffers->source_stride);
    barrier(buffers);
    multiply_chunk(conv, pass, buffers, tiles);
    write_tiles(conv, pass, buffers, buffers->target + mine * product_pitch(pass->target.channels),
                begin + mine, begin + mine_end);
}

/* All blocks, by all threads. */
static void make_all_weights(const struct conv *conv, const struct pass *pass, const struct buffers *buffers,
                             int threads)
{
    float *weights = buffers->weights;
    for (size_t i = 0; i < blocks_count(&pass->blocks); i++) {
        struct block block = block_at(&pass->blocks, i);
        make_weights(conv, pass, &block, buffers->thread, threads, buffers->taps, weights);
        weights += block_floats(conv, &pass->blocks);
    }
#pragma omp barrier
}

/* The thread's view of the scratch: zeros, every thread's taps, the weights, and planes of each thread or of
 * all together. */
static struct buffers buffers_in(const struct conv *conv, const struct pass *pass,
                                 const struct chunks *chunks, float *scratch, int thread, int threads)
{
    struct buffers buffers = {
        .zeros = scratch,
        .source_stride = winograd_plane_stride(chunks->tiles * product_pitch(pass->source.channels)),
        .target_stride = winograd_plane_stride(chunks->tiles * product_pitch(pass->target.channels)),
        .part = chunks->common ? thread : 0,
        .parts = chunks->common ? threads : 1,
        .thread = thread};
    float *taps = scratch + winograd_zeros_floats(conv);
    buffers.taps = taps + (size_t)thread * taps_floats(conv);
    buffers.weights = taps + (size_t)conv->threads * taps_floats(conv);
    buffers.source = buffers.weights + weights_floats(conv, &pass->blocks);
    if (!chunks->common) {
        buffers.source += (size_t)thread * winograd_planes_floats(conv, chunks->tiles);
    }
    buffers.target = buffers.source + winograd_planes(conv) * buffers.source_stride;
    return buffers;
}

static void run(const struct conv *conv, int batch, const struct pass *pass, float *scratch)
{
    struct chunks chunks = chunks_for_tensor(conv);
    size_t tiles = winograd_batch_tiles(conv, batch);
    memset(scratch, 0, winograd_zeros_floats(conv) * sizeof *scratch);
#pragma omp parallel num_threads(conv->threads)
    {
        int thread = omp_get_thread_num(), threads = omp_get_num_threads();
        struct buffers buffers = buffers_in(conv, pass, &chunks, scratch, thread, threads);
        if (!chunks.common) {
            make_all_weights(conv, pass, &buffers, threads);
        }
        size_t begin = chunks.common ? 0 : conv_share(tiles, thread, threads);
        size_t count = (chunks.common ? tiles : conv_share(tiles, thread + 1, threads)) - begin;
        int pieces = (int)winograd_pieces(count, chunks.tiles);
        for (int i = 0; i < pieces; i++) {
            run_chunk(conv, pass, &buffers, begin + conv_share(count, i, pieces),
                      begin + conv_share(count, i + 1, pieces));
        }
    }
}

static struct blocks blocks_forward(const struct conv *conv)
{
    return blocks_of(conv, conv->shape.channels_in, conv->shape.channels_out);
}

static struct blocks blocks_backward(const struct conv *conv)
{
    return blocks_of(conv, conv->shape.channels_out, conv->shape.channels_in);
}

static void winograd_forward(struct conv *conv, int batch, const struct conv_input *input, float *output,
                             const struct conv_visitor *visitor, void *scratch)
{
    struct pass pass = {.source = winograd_images_in(conv, batch),
                        .target = winograd_images_out(conv, batch),
                        .input = input,
                        .target_tensor = output,
                        .visitor = visitor,
                        .blocks = blocks_forward(conv)};
    run(conv, batch, &pass, scratch);
}

static void winograd_backward_data(struct conv *conv, int batch, const float *grad_output, float *grad_input,
                                   const struct conv_visitor *visitor, void *scratch)
{
    struct conv_input input = {.values = grad_output};
    struct pass pass = {.source = winograd_images_out(conv, batch),
                        .target = winograd_images_in(conv, batch),
                        .input = &input,
                        .target_tensor = grad_input,
                        .visitor = visitor,
                        .turned = true,
                        .blocks = blocks_backward(conv)};
    run(conv, batch, &pass, scratch);
}

static size_t winograd_scratch_bytes(const struct conv *conv)
{
    struct chunks chunks = chunks_for_tensor(conv);
    struct blocks forward = blocks_forward(conv), backward = blocks_backward(conv);
    size_t threads = (size_t)conv->threads;
    size_t weights = weights_floats(conv, &forward), turned = weights_floats(conv, &backward);
    size_t tensor = winograd_zeros_floats(conv) + threads * taps_floats(conv) +
                    (weights > turned ? weights : turned) +
                    (chunks.common ? 1 : threads) * winograd_planes_floats(conv, chunks.tiles);
    size_t weight = conv_winograd_weight_scratch(conv);
    return (tensor > weight ? tensor : weight) * sizeof(float);
}

static double winograd_operations(const struct conv *conv, enum conv_pass pass, int batch)
{
    struct winograd_operations each = winograd_operations_of(conv->methods->tile);
    double tiles = (double)winograd_batch_tiles(conv, batch);
    double in = conv->shape.channels_in, out = conv->shape.channels_out;
    double product = 2.0 * (double)winograd_planes(conv) * tiles * in * out;
    if (pass == CONV_FORWARD) {
        return product + tiles * (each.input * in + each.output * out) + each.weight * in * out;
    }
    if (pass == CONV_BACKWARD_DATA) {
        return product + tiles * (each.input * out + each.output * in) + each.weight * in * out;
    }
    return product + tiles * (each.input * in + each.gradient * out) + each.weight_gradient * in * out;
}

#define METHODS(side)                                                                                        \
    {                                                                                                        \
        .algorithm = CONV_WINOGRAD_##side, .tile = side, .scratch_bytes = winograd_scratch_bytes,            \
        .operations = winograd_operations, .forward = winograd_forward,                                      \
        .backward_data = winograd_backward_data, .backward_weight = conv_winograd_weight                     \
    }

const struct conv_methods conv_winograd_4_methods = METHODS(4), conv_winograd_7_methods = METHODS(7);
