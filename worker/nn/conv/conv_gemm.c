/* Convolution as matrix products. Every pass but that of the weights is a sum over a rectangle of source
 * pixels for each pixel of a grid of targets:
 *   forward: the grid is the output, the rectangle the kernel's;
 *   backward data, stride 1: the grid is the input's gradient, the rectangle the kernel turned round;
 *   backward data, stride 2: four grids, one for each parity of row and column, whose pixels are reached by
 *   1, 2, 2 and 4 of the nine taps: nothing is multiplied by zero and nothing scattered.
 * The rectangles of a block of pixels are gathered into a matrix that is multiplied with the weights.
 *
 * Work is shared out in bands: the rows of the target that belong to one row of the grids, one row, or the
 * two of both parities.
 */
#include "worker/nn/conv/conv_plan.h"
#include "worker/nn/conv/gemm.h"

#include <string.h>

/* The taps along one axis: target position i of its grid sums over the source positions
 * i * step + first, ..., `count` of them, and kernel[t] is the kernel's row (or column) of the t-th. */
struct axis {
    int grid, target_step, target_first, target_size;
    int step, first, count, source_size;
    int kernel[3];
};

struct sum {
    struct axis row, column;
    int source_channels, target_channels;
    const float *weight; /* [row.count][column.count][source_channels][target_channels] */
};

static struct axis axis_forward(const struct conv_shape *shape, int in, int out)
{
    return (struct axis){.grid = out,
                         .target_step = 1,
                         .target_size = out,
                         .step = shape->stride,
                         .first = -(shape->kernel / 2),
                         .count = shape->kernel,
                         .source_size = in,
                         .kernel = {0, 1, 2}};
}

/* The positions of the input's gradient that are `parity` modulo the stride. */
static struct axis axis_backward(const struct conv_shape *shape, int in, int out, int parity)
{
    struct axis axis = {.grid = (in - parity + shape->stride - 1) / shape->stride,
                        .target_step = shape->stride,
                        .target_first = parity,
                        .target_size = in,
                        .step = 1,
                        .source_size = out};
    int padding = shape->kernel / 2;
    for (int tap = shape->kernel - 1; tap >= 0; tap--) {
        int scaled = parity + padding - tap;
        if (scaled % shape->stride != 0) {
            continue;
        }
        if (axis.count == 0) {
            axis.first = scaled / shape->stride;
        }
        axis.kernel[axis.count++] = tap;
    }
    return axis;
}

static size_t sum_depth(const struct sum *sum)
{
    return (size_t)sum->row.count * (size_t)sum->column.count * (size_t)sum->source_channels;
}

/* True if a target's rectangle is just the source pixel of the same index. */
static bool sum_is_plain(const struct sum *sum)
{
    return sum->row.count == 1 && sum->column.count == 1 && sum->row.step == 1 && sum->column.step == 1 &&
           sum->row.first == 0 && sum->column.first == 0 && sum->row.grid == sum->row.source_size &&
           sum->column.grid == sum->column.source_size;
}

static struct sum sum_forward(const struct conv *conv)
{
    const struct conv_shape *shape = &conv->shape;
    return (struct sum){.row = axis_forward(shape, shape->height, conv->height_out),
                        .column = axis_forward(shape, shape->width, conv->width_out),
                        .source_channels = shape->channels_in,
                        .target_channels = shape->channels_out,
                        .weight = conv->weight};
}

/* The sums of the backward data pass: stride * stride of them; their weights lie one behind the other, once they
 * are derived. */
static int sums_backward(const struct conv *conv, struct sum sums[4])
{
    const struct conv_shape *shape = &conv->shape;
    int stride = shape->stride;
    size_t begin = 0;
    for (int i = 0; i < stride * stride; i++) {
        sums[i] = (struct sum){.row = axis_backward(shape, shape->height, conv->height_out, i / stride),
                               .column = axis_backward(shape, shape->width, conv->width_out, i % stride),
                               .source_channels = shape->channels_out,
                               .target_channels = shape->channels_in,
                               .weight = conv->derived ? conv->derived + begin : NULL};
        begin += sum_depth(&sums[i]) * (size_t)sums[i].target_channels;
    }
    return stride * stride;
}

/* Pixels of a block: the gathered matrix should stay in the second-level cache, yet have enough rows to be
 * worth copying the weights together. */
enum { BLOCK_FLOATS = 96 * 1024, BLOCK_PIXELS_LEAST = 384 };

static size_t block_pixels(size_t depth)
{
    size_t pixels = BLOCK_FLOATS / (depth > 0 ? depth : 1);
    return pixels > BLOCK_PIXELS_LEAST ? pixels : BLOCK_PIXELS_LEAST;
}

/* The source pixels of a row, which begins with pixel `row` of the source, from x on, of which some may lie
 * outside: zero. */
static void gather_row(const struct conv *conv, const struct sum *sum, const struct conv_input *source,
                       size_t row, int x, float *out)
{
    size_t channels = (size_t)sum->source_channels;
    int count = sum->column.count, width = sum->column.source_size;
    if (x >= 0 && x + count <= width) {
        conv_read(conv, source, row + (size_t)x, channels, (size_t)count, out);
        return;
    }
    for (int t = 0; t < count; t++, out += channels) {
        if (x + t >= 0 && x + t < width) {
            conv_read(conv, source, row + (size_t)(x + t), channels, 1, out);
        } else {
            memset(out, 0, channels * sizeof *out);
        }
    }
}

/* Pixels begin to end of the grids of all images, counted through, to rows of sum_depth floats. */
static void gather(const struct conv *conv, const struct sum *sum, const struct conv_input *source,
                   size_t begin, size_t end, float *out)
{
    size_t grid_width = (size_t)sum->column.grid, grid = (size_t)sum->row.grid * grid_width;
    size_t line = (size_t)sum->column.source_size;
    size_t piece = (size_t)sum->column.count * (size_t)sum->source_channels;
    size_t image = begin / grid;
    int i = (int)(begin % grid / grid_width), j = (int)(begin % grid_width);
    for (size_t pixel = begin; pixel < end; pixel++) {
        size_t from = image * (size_t)sum->row.source_size * line;
        int y = i * sum->row.step + sum->row.first, x = j * sum->column.step + sum->column.first;
        for (int t = 0; t < sum->row.count; t++, out += piece) {
            if (y + t >= 0 && y + t < sum->row.source_size) {
                gather_row(conv, sum, source, from + (size_t)(y + t) * line, x, out);
            } else {
                memset(out, 0, piece * sizeof *out);
            }
        }
        if (++j < sum->column.grid) {
            continue;
        }
        j = 0;
        if (++i < sum->row.grid) {
            continue;
        }
        i = 0;
        image++;
    }
}

/* Rows of target_channels floats to their places in the target; from == NULL: zeros. */
static void spread(const struct sum *sum, const float *from, size_t begin, size_t end, float *target)
{
    size_t channels = (size_t)sum->target_channels;
    size_t grid_width = (size_t)sum->column.grid, grid = (size_t)sum->row.grid * grid_width;
    for (size_t pixel = begin; pixel < end; pixel++) {
        size_t image = pixel / grid, i = pixel % grid / grid_width, j = pixel % grid_width;
        size_t y = image * (size_t)sum->row.target_size + i * (size_t)sum->row.target_step +
                   (size_t)sum->row.target_first;
        size_t x = j * (size_t)sum->column.target_step + (size_t)sum->column.target_first;
        float *to = target + (y * (size_t)sum->column.target_size + x) * channels;
        if (from) {
            memcpy(to, from + (pixel - begin) * channels, channels * sizeof *to);
        } else {
            memset(to, 0, channels * sizeof *to);
        }
    }
}

/* The matrix of pixels begin to end: the source itself, or gathered to the buffer. */
static const float *matrix_of(const struct conv *conv, const struct sum *sum, const struct conv_input *source,
                              size_t begin, size_t end, float *buffer)
{
    if (sum_is_plain(sum) && !source->normalise) {
        return source->values + begin * sum_depth(sum);
    }
    gather(conv, sum, source, begin, end, buffer);
    return buffer;
}

/* Bands of an image, and so of every grid at most so many rows. */
static size_t bands_of(const struct sum *first)
{
    return (size_t)first->row.grid;
}

/* The rows that lie before band `band`, counted through all images, where an image has `rows` of them and a
 * band `step`. */
static size_t rows_before(size_t band, size_t bands, size_t rows, size_t step)
{
    size_t before = band % bands * step;
    return band / bands * rows + (before < rows ? before : rows);
}

/* Bands of a block. */
static size_t block_bands(const struct sum sums[], int count)
{
    size_t pixels = 0;
    for (int i = 0; i < count; i++) {
        size_t own = block_pixels(sum_depth(&sums[i]));
        pixels = i == 0 || own < pixels ? own : pixels;
    }
    size_t width = (size_t)sums[0].column.grid;
    return (pixels + width - 1) / width;
}

/* Floats of a matrix of so many rows of a grid. */
static size_t matrix_floats(const struct sum *sum, size_t rows)
{
    return conv_padded(rows * (size_t)sum->column.grid * sum_depth(sum));
}

/* Floats of the buffer that run_block needs: a matrix, and a product to spread. */
static size_t run_buffer(const struct sum sums[], int count)
{
    size_t rows = block_bands(sums, count), matrix = 0, product = 0;
    for (int i = 0; i < count; i++) {
        size_t own = matrix_floats(&sums[i], rows);
        matrix = own > matrix ? own : matrix;
        own = conv_padded(rows * (size_t)sums[i].column.grid * (size_t)sums[i].target_channels);
        product = own > product ? own : product;
    }
    return matrix + product + gemm_buffer_count();
}

/* Pixels begin to end of a grid. */
static void run_block(const struct conv *conv, const struct sum *sum, const struct conv_input *source,
                      size_t begin, size_t end, float *target, float *buffer)
{
    size_t depth = sum_depth(sum), channels = (size_t)sum->target_channels;
    if (depth == 0 || begin == end) {
        spread(sum, NULL, begin, end, target);
        return;
    }
    float *own = buffer;
    buffer += gemm_buffer_count();
    const float *matrix = matrix_of(conv, sum, source, begin, end, buffer);
    bool direct = sum->row.target_step == 1;
    float *product = direct ? target + begin * channels : buffer + conv_padded((end - begin) * depth);
    struct gemm gemm = {.rows = end - begin,
                        .columns = channels,
                        .depth = depth,
                        .left = {matrix, depth, 1},
                        .right = {sum->weight, channels, 1},
                        .result = product,
                        .result_row = channels};
    gemm_run(conv->isa, &gemm, own);
    if (!direct) {
        spread(sum, product, begin, end, target);
    }
}

/* Bands begin to end of all grids, and the visitor's look at what they gave. */
static void run_bands(const struct conv *conv, const struct sum sums[], int count,
                      const struct conv_input *source, size_t begin, size_t end, float *target,
                      const struct conv_visitor *visitor, float *buffer, int thread)
{
    size_t bands = bands_of(&sums[0]);
    for (int i = 0; i < count; i++) {
        size_t rows = (size_t)sums[i].row.grid, width = (size_t)sums[i].column.grid;
        run_block(conv, &sums[i], source, rows_before(begin, bands, rows, 1) * width,
                  rows_before(end, bands, rows, 1) * width, target, buffer);
    }
    if (!visitor) {
        return;
    }
    const struct axis *row = &sums[0].row;
    size_t rows = (size_t)row->target_size, step = (size_t)row->target_step;
    size_t width = (size_t)sums[0].column.target_size, first = rows_before(begin, bands, rows, step) * width;
    visitor->written(visitor->context, thread, first, rows_before(end, bands, rows, step) * width - first);
}

/* All bands of the batch in blocks, every thread its share. */
static void run(const struct conv *conv, const struct sum sums[], int count, int batch,
                const struct conv_input *source, float *target, const struct conv_visitor *visitor,
                float *scratch)
{
    size_t bands = (size_t)batch * bands_of(&sums[0]);
    size_t block = block_bands(sums, count), buffer = run_buffer(sums, count);
#pragma omp parallel for num_threads(conv->threads) schedule(static)
    for (int thread = 0; thread < conv->threads; thread++) {
        size_t end = conv_share(bands, thread + 1, conv->threads);
        for (size_t at = conv_share(bands, thread, conv->threads); at < end; at += block) {
            run_bands(conv, sums, count, source, at, at + block < end ? at + block : end, target, visitor,
                      scratch + (size_t)thread * buffer, thread);
        }
    }
}

static size_t gemm_derived_count(const struct conv *conv)
{
    return conv_weight_count(conv);
}

/* Weights for the backward data pass: for each sum its taps, transposed to [channels_out][channels_in]. */
static void transpose_tap(const struct conv *conv, int tap, float *out)
{
    enum { SIDE = 16 };
    size_t in = (size_t)conv->shape.channels_in, outs = (size_t)conv->shape.channels_out;
    const float *weight = conv->weight + (size_t)tap * in * outs;
    for (size_t i0 = 0; i0 < in; i0 += SIDE) {
        for (size_t o = 0; o < outs; o++) {
            for (size_t i = i0; i < in && i < i0 + SIDE; i++) {
                out[o * in + i] = weight[i * outs + o];
            }
        }
    }
}

static void derive(struct conv *conv)
{
    struct sum sums[4];
    int tap_of[9], count = 0, kernel = conv->shape.kernel;
    int sum_count = sums_backward(conv, sums);
    for (int s = 0; s < sum_count; s++) {
        for (int i = 0; i < sums[s].row.count; i++) {
            for (int j = 0; j < sums[s].column.count; j++) {
                tap_of[count++] = sums[s].row.kernel[i] * kernel + sums[s].column.kernel[j];
            }
        }
    }
    size_t tap_size = (size_t)conv->shape.channels_in * (size_t)conv->shape.channels_out;
#pragma omp parallel for num_threads(conv->threads) schedule(static)
    for (int i = 0; i < count; i++) {
        transpose_tap(conv, tap_of[i], conv->derived + (size_t)i * tap_size);
    }
    conv->derived_stale = false;
}

static void gemm_forward(struct conv *conv, int batch, const struct conv_input *input, float *output,
                         const struct conv_visitor *visitor, void *scratch)
{
    struct sum sum = sum_forward(conv);
    run(conv, &sum, 1, batch, input, output, visitor, scratch);
}

static void gemm_backward_data(struct conv *conv, int batch, const float *grad_output, float *grad_input,
                               const struct conv_visitor *visitor, void *scratch)
{
    if (conv->derived_stale) {
        derive(conv);
    }
    struct sum sums[4];
    struct conv_input source = {.values = grad_output};
    int count = sums_backward(conv, sums);
    run(conv, sums, count, batch, &source, grad_input, visitor, scratch);
}

/* The gathered pixels, transposed, times the output's gradient. Thread 0 adds straight to the caller's
 * gradient, the others to sums of their own, which are then added in the threads' order. */
static void accumulate(const struct conv *conv, const struct sum *sum, const struct conv_input *input,
                       const float *grad_output, size_t begin, size_t end, float *total, float *buffer)
{
    size_t depth = sum_depth(sum), channels = (size_t)sum->target_channels, block = block_pixels(depth);
    for (size_t at = begin; at < end; at += block) {
        size_t pixels = at + block < end ? block : end - at;
        const float *matrix = matrix_of(conv, sum, input, at, at + pixels, buffer + gemm_buffer_count());
        struct gemm gemm = {.rows = depth,
                            .columns = channels,
                            .depth = pixels,
                            .left = {matrix, 1, depth},
                            .right = {grad_output + at * channels, channels, 1},
                            .result = total,
                            .result_row = channels,
                            .add = true};
        gemm_run(conv->isa, &gemm, buffer);
    }
}

static size_t weight_buffer(const struct sum *sum)
{
    return conv_padded(block_pixels(sum_depth(sum)) * sum_depth(sum)) + gemm_buffer_count();
}

static void gemm_backward_weight(struct conv *conv, int batch, const struct conv_input *input,
                                 const float *grad_output, float *grad_weight, void *scratch)
{
    struct sum sum = sum_forward(conv);
    size_t pixels = (size_t)batch * (size_t)sum.row.grid * (size_t)sum.column.grid;
    size_t buffer = weight_buffer(&sum), count = conv_weight_count(conv);
    float *buffers = scratch, *totals = buffers + (size_t)conv->threads * buffer;
    int threads = conv->threads;
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int thread = 0; thread < threads; thread++) {
            float *total = thread == 0 ? grad_weight : totals + (size_t)(thread - 1) * conv_padded(count);
            if (thread > 0) {
                memset(total, 0, count * sizeof *total);
            }
            accumulate(conv, &sum, input, grad_output, conv_share(pixels, thread, threads),
                       conv_share(pixels, thread + 1, threads), total, buffers + (size_t)thread * buffer);
        }
#pragma omp for schedule(static)
        for (int part = 0; part < threads; part++) {
            size_t end = conv_share(count, part + 1, threads);
            for (int thread = 1; thread < threads; thread++) {
                const float *total = totals + (size_t)(thread - 1) * conv_padded(count);
                for (size_t i = conv_share(count, part, threads); i < end; i++) {
                    grad_weight[i] += total[i];
                }
            }
        }
    }
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t gemm_scratch_bytes(const struct conv *conv)
{
    struct sum forward = sum_forward(conv), backward[4];
    int count = sums_backward(conv, backward);
    size_t threads = (size_t)conv->threads, totals = (threads - 1) * conv_padded(conv_weight_count(conv));
    size_t tensor = larger(run_buffer(&forward, 1), run_buffer(backward, count));
    return larger(threads * tensor, threads * weight_buffer(&forward) + totals) * sizeof(float);
}

const struct conv_methods conv_gemm_methods = {
    .algorithm = CONV_GEMM,
    .derived_count = gemm_derived_count,
    .scratch_bytes = gemm_scratch_bytes,
    .forward = gemm_forward,
    .backward_data = gemm_backward_data,
    .backward_weight = gemm_backward_weight,
};
