/* The gradient of the weights is summed over all tiles in the transform domain and transformed back once:
 * sums[plane] += (input planes)^T (planes of the output's gradient).
 *
 * Small weights: each thread sums over tiles of its own, and the sums are added in the threads' order. Large
 * weights: there is one sum, all threads transform a chunk of tiles, and then share out the products, by
 * planes, or, where one chunk is all there is, by rows: then a block of rows goes through all planes and back
 * while it is in the cache.
 */
#include "worker/nn/conv/conv_winograd_weight.h"

#include "worker/nn/conv/winograd_layout.h"

#include <omp.h>
#include <string.h>

/* Bytes of a chunk's planes: of a thread of its own, and of all together; measured. A chunk has as many tiles
 * at least: the sums are read and written once a chunk. */
enum { OWN_CHUNK = 512 << 10, COMMON_CHUNK = 12 << 20, OWN_TILES = 24, COMMON_TILES = 48 };
/* Rows of a block when going by rows. */
enum { BLOCK_ROWS = 24 };

/* What a thread sees of the pass. */
struct view {
    const struct conv *conv;
    struct winograd_images in, out;
    const struct conv_input *input;
    const float *grad_output;
    float *grad_weight;
    const float *zeros;
    float *input_planes, *output_planes, *sums;
    size_t input_stride, output_stride;
    int part, parts; /* its share of a chunk */
};

static size_t chunk_tiles(const struct conv *conv)
{
    return winograd_weights_large(conv) ? winograd_chunk_tiles(conv, COMMON_CHUNK, COMMON_TILES)
                                        : winograd_chunk_tiles(conv, OWN_CHUNK, OWN_TILES);
}

static size_t sums_count(const struct conv *conv)
{
    return winograd_planes(conv) * winograd_weight_stride(conv);
}

static size_t block_stride(const struct conv *conv)
{
    return winograd_plane_stride(BLOCK_ROWS * winograd_pitch_out(conv));
}

static void barrier(const struct view *view)
{
    if (view->parts > 1) {
#pragma omp barrier
    }
}

static void transform_chunk(const struct view *view, size_t begin, size_t end)
{
    const struct winograd_transforms *transforms =
        winograd_transforms_of(view->conv->isa, view->conv->methods->tile);
    size_t first = conv_share(end - begin, view->part, view->parts);
    size_t last = conv_share(end - begin, view->part + 1, view->parts);
    transforms->input(&view->in, view->input, begin + first, begin + last, view->zeros,
                      view->input_planes + first * winograd_pitch_in(view->conv), view->input_stride);
    transforms->gradient(&view->out, view->grad_output, begin + first, begin + last, view->zeros,
                         view->output_planes + first * winograd_pitch_out(view->conv), view->output_stride);
}

/* Rows [row, row + rows) of a plane's sum. */
static void multiply(const struct view *view, size_t plane, size_t row, size_t rows, size_t tiles, bool add,
                     float *sum)
{
    const struct product_kernels *products = product_kernels_of(view->conv->isa);
    size_t pitch = winograd_pitch_out(view->conv), panel = products->panel;
    struct product product = {.rows = rows,
                              .depth = tiles,
                              .left = view->input_planes + plane * view->input_stride + row,
                              .left_row = 1,
                              .left_depth = winograd_pitch_in(view->conv),
                              .right = view->output_planes + plane * view->output_stride,
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

/* Rows [begin, end) of the gradient, back from the transform domain; `sums` begins with row `begin`. */
static void finish(const struct view *view, const float *sums, size_t stride, size_t begin, size_t end)
{
    const struct winograd_transforms *transforms =
        winograd_transforms_of(view->conv->isa, view->conv->methods->tile);
    size_t rows = (size_t)view->conv->shape.channels_in, channels = (size_t)view->conv->shape.channels_out;
    for (size_t row = begin; row < end; row++, sums += winograd_pitch_out(view->conv)) {
        transforms->weight_gradient(channels, sums, stride, view->grad_weight + row * channels,
                                    rows * channels);
    }
}

/* The sums over tiles begin to end, chunk by chunk; the threads that share chunks share the planes. */
static void accumulate(const struct view *view, size_t begin, size_t end)
{
    const struct conv *conv = view->conv;
    size_t count = end - begin;
    int chunks = (int)winograd_pieces(count, chunk_tiles(conv));
    if (chunks == 0) {
        memset(view->sums, 0, sums_count(conv) * sizeof *view->sums);
    }
    for (int i = 0; i < chunks; i++) {
        size_t at = conv_share(count, i, chunks), tiles = conv_share(count, i + 1, chunks) - at;
        transform_chunk(view, begin + at, begin + at + tiles);
        barrier(view);
        size_t last = conv_share(winograd_planes(conv), view->part + 1, view->parts);
        for (size_t plane = conv_share(winograd_planes(conv), view->part, view->parts); plane < last;
             plane++) {
            multiply(view, plane, 0, (size_t)conv->shape.channels_in, tiles, i > 0,
                     view->sums + plane * winograd_weight_stride(conv));
        }
        barrier(view);
    }
}

/* Adds the sums of threads 1, 2, ... to thread 0's, in `row` to `row + rows` of all planes. */
static void add_threads(const struct conv *conv, float *sums, size_t row, size_t rows, int threads)
{
    size_t pitch = winograd_pitch_out(conv);
    for (int thread = 1; thread < threads; thread++) {
        for (size_t plane = 0; plane < winograd_planes(conv); plane++) {
            float *to = sums + plane * winograd_weight_stride(conv) + row * pitch;
            const float *from = to + (size_t)thread * sums_count(conv);
            for (size_t i = 0; i < rows * pitch; i++) {
                to[i] += from[i];
            }
        }
    }
}

/* view: the whole scratch, as thread 0 has it. */
static void by_tiles(struct view view, int batch, int thread, int threads)
{
    const struct conv *conv = view.conv;
    size_t tiles = winograd_batch_tiles(conv, batch), rows = (size_t)conv->shape.channels_in;
    float *sums = view.sums;
    size_t begin = conv_share(rows, thread, threads), end = conv_share(rows, thread + 1, threads);
    view.part = 0;
    view.parts = 1;
    view.input_planes += (size_t)thread * winograd_planes_floats(conv, chunk_tiles(conv));
    view.output_planes += (size_t)thread * winograd_planes_floats(conv, chunk_tiles(conv));
    view.sums += (size_t)thread * sums_count(conv);
    accumulate(&view, conv_share(tiles, thread, threads), conv_share(tiles, thread + 1, threads));
#pragma omp barrier
    add_threads(conv, sums, begin, end - begin, threads);
    finish(&view, sums + begin * winograd_pitch_out(conv), winograd_weight_stride(conv), begin, end);
}

static void by_planes(const struct view *view, int batch)
{
    size_t rows = (size_t)view->conv->shape.channels_in;
    accumulate(view, 0, winograd_batch_tiles(view->conv, batch));
    size_t begin = conv_share(rows, view->part, view->parts),
           end = conv_share(rows, view->part + 1, view->parts);
    finish(view, view->sums + begin * winograd_pitch_out(view->conv), winograd_weight_stride(view->conv),
           begin, end);
}

static void by_rows(const struct view *view, int batch)
{
    const struct conv *conv = view->conv;
    size_t tiles = winograd_batch_tiles(conv, batch), rows = (size_t)conv->shape.channels_in;
    size_t stride = block_stride(conv);
    float *sums = view->sums + (size_t)view->part * winograd_planes(conv) * stride;
    int blocks = (int)winograd_pieces(rows, BLOCK_ROWS);
    transform_chunk(view, 0, tiles);
    barrier(view);
    for (int i = view->part; i < blocks; i += view->parts) {
        size_t row = conv_share(rows, i, blocks), count = conv_share(rows, i + 1, blocks) - row;
        for (size_t plane = 0; plane < winograd_planes(conv); plane++) {
            multiply(view, plane, row, count, tiles, false, sums + plane * stride);
        }
        finish(view, sums, stride, row, row + count);
    }
}

/* All tiles in one chunk, and a block of rows for every thread at least. */
static bool rows_suffice(const struct conv *conv, int batch)
{
    return winograd_batch_tiles(conv, batch) <= chunk_tiles(conv) &&
           winograd_pieces((size_t)conv->shape.channels_in, BLOCK_ROWS) >= (size_t)conv->threads;
}

void conv_winograd_weight(struct conv *conv, int batch, const struct conv_input *input,
                          const float *grad_output, float *grad_weight, void *scratch)
{
    size_t tiles = chunk_tiles(conv);
    size_t teams = winograd_weights_large(conv) ? 1 : (size_t)conv->threads;
    float *zeros = scratch, *planes = zeros + winograd_zeros_floats(conv);
    struct view whole = {.conv = conv,
                         .in = winograd_images_in(conv, batch),
                         .out = winograd_images_out(conv, batch),
                         .input = input,
                         .grad_output = grad_output,
                         .grad_weight = grad_weight,
                         .zeros = zeros,
                         .input_stride = winograd_plane_stride(tiles * winograd_pitch_in(conv)),
                         .output_stride = winograd_plane_stride(tiles * winograd_pitch_out(conv))};
    whole.input_planes = planes;
    whole.output_planes = planes + winograd_planes(conv) * whole.input_stride;
    whole.sums = planes + teams * winograd_planes_floats(conv, tiles);
    memset(zeros, 0, winograd_zeros_floats(conv) * sizeof *zeros);
#pragma omp parallel num_threads(conv->threads)
    {
        struct view view = whole;
        view.part = omp_get_thread_num();
        view.parts = omp_get_num_threads();
        if (!winograd_weights_large(conv)) {
            by_tiles(view, batch, view.part, view.parts);
        } else if (rows_suffice(conv, batch)) {
            by_rows(&view, batch);
        } else {
            by_planes(&view, batch);
        }
    }
}

size_t conv_winograd_weight_scratch(const struct conv *conv)
{
    size_t threads = (size_t)conv->threads, planes = winograd_planes_floats(conv, chunk_tiles(conv));
    if (!winograd_weights_large(conv)) {
        return winograd_zeros_floats(conv) + threads * (planes + sums_count(conv));
    }
    /* A smaller batch may go by rows where the largest does not. */
    size_t sums = threads * winograd_planes(conv) * block_stride(conv);
    if (!rows_suffice(conv, conv->batch_max) && sums_count(conv) > sums) {
        sums = sums_count(conv);
    }
    return winograd_zeros_floats(conv) + planes + sums;
}
