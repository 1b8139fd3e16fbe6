/* Winograd's F(4x4,3x3) for kernel 3, stride 1. The tiles of a batch go through in chunks: their transform,
 * 36 products with the transformed weights, and the transform back (Lavin and Gray, arXiv 1509.09308).
 *
 * Either each thread takes chunks of its own, small enough for its cache, or, where the transformed weights
 * are larger than a thread's cache, all threads work on one chunk and share out its products, so that the
 * weights are read once and not by every thread.
 */
#include "worker/nn/conv/conv_plan.h"
#include "worker/nn/conv/conv_winograd_weight.h"
#include "worker/nn/conv/winograd_layout.h"

#include <omp.h>
#include <string.h>

/* Bytes of a chunk's planes: of a thread of its own, and of all together; measured. A chunk has as many tiles
 * at least: the weights are read, and turned for backward data, once a chunk. */
enum { OWN_CHUNK = 768 << 10, COMMON_CHUNK = 12 << 20, CHUNK_TILES = 48 };
/* Floats of the target that a visitor finds in the cache. */
enum { VISIT_FLOATS = 8192 };

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
};

/* A thread's view of the planes of a chunk. */
struct planes {
    const float *zeros;
    float *source, *target, *panel;
    size_t source_stride, target_stride;
    int part, parts; /* this thread's share of the chunk */
    int thread;
};

static struct chunks chunks_for_tensor(const struct conv *conv)
{
    bool common = winograd_weights_large(conv);
    return (struct chunks){winograd_chunk_tiles(conv, common ? COMMON_CHUNK : OWN_CHUNK, CHUNK_TILES),
                           common};
}

static size_t winograd_derived_count(const struct conv *conv)
{
    return WINOGRAD_PLANES * winograd_weight_stride(conv);
}

/* Floats of a thread's buffer for a panel of the turned weights. */
static size_t panel_count(const struct conv *conv)
{
    return product_kernels_of(conv->isa)->panel * (size_t)conv->shape.channels_out;
}

/* Row `row` of the weights, [channels_out], to its places in the panels of all planes. */
static void derive_row(struct conv *conv, size_t row)
{
    size_t panel = product_kernels_of(conv->isa)->panel;
    size_t rows = (size_t)conv->shape.channels_in, columns = (size_t)conv->shape.channels_out;
    for (size_t at = 0; at < columns; at += panel) {
        size_t width = winograd_pitch_out(conv) - at < panel ? winograd_pitch_out(conv) - at : panel;
        size_t used = columns - at < panel ? columns - at : panel;
        winograd_transforms_of(conv->isa)->weight(used, width, conv->weight + row * columns + at,
                                                  rows * columns, conv->derived + at * rows + row * width,
                                                  winograd_weight_stride(conv));
    }
}

static void derive(struct conv *conv)
{
    int rows = conv->shape.channels_in;
#pragma omp parallel for num_threads(conv->threads) schedule(static)
    for (int row = 0; row < rows; row++) {
        derive_row(conv, (size_t)row);
    }
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
    const struct product_kernels *products = product_kernels_of(conv->isa);
    size_t depth = pass->source.channels, rows = (size_t)conv->shape.channels_in;
    size_t pitch = product_pitch(pass->target.channels);
    const float *right = conv->derived + at * depth;
    if (pass->turned) {
        const float *weight = conv->derived + (size_t)winograd_turned(plane) * winograd_weight_stride(conv);
        products->transpose(weight, rows, depth, at, width, planes->panel);
        right = planes->panel;
    } else {
        right += (size_t)plane * winograd_weight_stride(conv);
    }
    struct product product = {.rows = tiles,
                              .columns = width,
                              .depth = depth,
                              .left = planes->source + (size_t)plane * planes->source_stride,
                              .left_row = product_pitch(depth),
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
    size_t panel = product_kernels_of(conv->isa)->panel, pitch = product_pitch(pass->target.channels);
    size_t panels = winograd_pieces(pitch, panel);
    size_t end = conv_share(WINOGRAD_PLANES * panels, planes->part + 1, planes->parts);
    for (size_t i = conv_share(WINOGRAD_PLANES * panels, planes->part, planes->parts); i < end; i++) {
        size_t at = i % panels * panel;
        multiply(conv, pass, planes, (int)(i / panels), tiles, at, pitch - at < panel ? pitch - at : panel);
    }
}

/* The planes from `from` on to tiles begin to end of the target, a few at a time if it has a visitor, who is
 * to find them in the cache. */
static void write_tiles(const struct conv *conv, const struct pass *pass, const struct planes *planes,
                        const float *from, size_t begin, size_t end)
{
    const struct winograd_transforms *transforms = winograd_transforms_of(conv->isa);
    size_t pitch = product_pitch(pass->target.channels), step = end - begin;
    if (pass->visitor) {
        step = VISIT_FLOATS / (WINOGRAD_TILE * WINOGRAD_TILE * pitch) + 1;
    }
    for (size_t tile = begin; tile < end; tile += step, from += step * pitch) {
        size_t next = tile + step < end ? tile + step : end;
        transforms->output(&pass->target, from, planes->target_stride, tile, next, pass->target_tensor);
        if (pass->visitor) {
            winograd_visit(&pass->target, tile, next, planes->thread, pass->visitor);
        }
    }
}

static void run_chunk(const struct conv *conv, const struct pass *pass, const struct planes *planes,
                      size_t begin, size_t end)
{
    const struct winograd_transforms *transforms = winograd_transforms_of(conv->isa);
    size_t tiles = end - begin;
    size_t mine = conv_share(tiles, planes->part, planes->parts);
    size_t mine_end = conv_share(tiles, planes->part + 1, planes->parts);
    transforms->input(&pass->source, pass->input, begin + mine, begin + mine_end, planes->zeros,
                      planes->source + mine * product_pitch(pass->source.channels), planes->source_stride);
    barrier(planes);
    multiply_share(conv, pass, planes, tiles);
    barrier(planes);
    write_tiles(conv, pass, planes, planes->target + mine * product_pitch(pass->target.channels),
                begin + mine, begin + mine_end);
}

static void run(struct conv *conv, int batch, const struct pass *pass, float *scratch)
{
    if (conv->derived_stale) {
        derive(conv);
    }
    struct chunks chunks = chunks_for_tensor(conv);
    size_t tiles = winograd_batch_tiles(conv, batch);
    memset(scratch, 0, winograd_zeros_count(conv) * sizeof *scratch);
#pragma omp parallel num_threads(conv->threads)
    {
        int thread = omp_get_thread_num(), threads = omp_get_num_threads();
        struct planes planes = {
            .zeros = scratch,
            .source_stride = winograd_plane_stride(chunks.tiles * product_pitch(pass->source.channels)),
            .target_stride = winograd_plane_stride(chunks.tiles * product_pitch(pass->target.channels)),
            .part = chunks.common ? thread : 0,
            .parts = chunks.common ? threads : 1,
            .thread = thread};
        planes.panel = scratch + winograd_zeros_count(conv) + (size_t)thread * panel_count(conv);
        planes.source = scratch + winograd_zeros_count(conv) + (size_t)conv->threads * panel_count(conv);
        if (!chunks.common) {
            planes.source += (size_t)thread * winograd_planes_count(conv, chunks.tiles);
        }
        planes.target = planes.source + WINOGRAD_PLANES * planes.source_stride;

        size_t begin = chunks.common ? 0 : conv_share(tiles, thread, threads);
        size_t count = (chunks.common ? tiles : conv_share(tiles, thread + 1, threads)) - begin;
        int pieces = (int)winograd_pieces(count, chunks.tiles);
        for (int i = 0; i < pieces; i++) {
            run_chunk(conv, pass, &planes, begin + conv_share(count, i, pieces),
                      begin + conv_share(count, i + 1, pieces));
        }
    }
}

static void winograd_forward(struct conv *conv, int batch, const struct conv_input *input, float *output,
                             const struct conv_visitor *visitor, void *scratch)
{
    struct pass pass = {.source = winograd_images_in(conv, batch),
                        .target = winograd_images_out(conv, batch),
                        .input = input,
                        .target_tensor = output,
                        .visitor = visitor};
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
                        .turned = true};
    run(conv, batch, &pass, scratch);
}

static size_t winograd_scratch_bytes(const struct conv *conv)
{
    struct chunks chunks = chunks_for_tensor(conv);
    size_t threads = (size_t)conv->threads;
    size_t tensor = threads * panel_count(conv) +
                    (chunks.common ? 1 : threads) * winograd_planes_count(conv, chunks.tiles);
    size_t weight = conv_winograd_weight_scratch(conv);
    tensor += winograd_zeros_count(conv);
    return (tensor > weight ? tensor : weight) * sizeof(float);
}

/* Counted in winograd_transform.isa.c: operations of a one-dimensional transform times how often a tile and
 * channel, or a kernel, takes it. */
enum {
    INPUT_OPERATIONS = 22 * (6 + 6),
    OUTPUT_OPERATIONS = 15 * (6 + 4),
    GRADIENT_OPERATIONS = 16 * (4 + 6),
    WEIGHT_OPERATIONS = 11 * (3 + 6),
    WEIGHT_GRADIENT_OPERATIONS = 14 * (6 + 3)
};

static double winograd_operations(const struct conv *conv, enum conv_pass pass, int batch)
{
    double tiles = (double)winograd_batch_tiles(conv, batch);
    double in = conv->shape.channels_in, out = conv->shape.channels_out;
    double product = 2.0 * WINOGRAD_PLANES * tiles * in * out;
    if (pass == CONV_FORWARD) {
        return product + tiles * (INPUT_OPERATIONS * in + OUTPUT_OPERATIONS * out) +
               WEIGHT_OPERATIONS * in * out;
    }
    if (pass == CONV_BACKWARD_DATA) {
        return product + tiles * (INPUT_OPERATIONS * out + OUTPUT_OPERATIONS * in);
    }
    return product + tiles * (INPUT_OPERATIONS * in + GRADIENT_OPERATIONS * out) +
           WEIGHT_GRADIENT_OPERATIONS * in * out;
}

const struct conv_methods conv_winograd_methods = {
    .algorithm = CONV_WINOGRAD,
    .derived_count = winograd_derived_count,
    .scratch_bytes = winograd_scratch_bytes,
    .operations = winograd_operations,
    .forward = winograd_forward,
    .backward_data = winograd_backward_data,
    .backward_weight = conv_winograd_weight,
};
