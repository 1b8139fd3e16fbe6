#include "worker/nn/conv/gemm.h"

#include "worker/nn/conv/product.h"

#include <string.h>

/* A block of the right factor, [DEPTH][COLUMNS], and the group of rows of the left one that meets it stay in the
 * second-level cache together. */
enum { DEPTH = 256, COLUMNS = 256, GROUP = 96 };
/* Fewer rows are not worth a copy of the right factor. */
enum { ROWS_COPY = 48 };
/* Rows of a product whose columns do not fill their vectors; as many floats as a panel has columns at most. */
enum { RAGGED_ROWS = 24, PANEL_MOST = 64 };

size_t gemm_buffer_count(void)
{
    return (size_t)DEPTH * COLUMNS;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The panel's columns, with what fills the last vector up. */
static size_t panel_width(const struct product_kernels *kernels, size_t columns, size_t at)
{
    return least(product_pitch(columns) - at, kernels->panel);
}

static void copy_panel(const struct product_kernels *kernels, const struct gemm_matrix *right, size_t depth,
                       size_t columns, size_t width, float *panel)
{
    if (right->column != 1) {
        kernels->turn(right->values, right->column, columns, depth, width, panel);
        return;
    }
    for (size_t k = 0; k < depth; k++, panel += width) {
        memcpy(panel, right->values + k * right->row, columns * sizeof *panel);
        memset(panel + columns, 0, (width - columns) * sizeof *panel);
    }
}

/* The columns that there are of a product whose panel has more. */
static void multiply_ragged(const struct product_kernels *kernels, const struct product *whole,
                            size_t columns)
{
    float tile[RAGGED_ROWS * PANEL_MOST];
    struct product part = *whole;
    part.result = tile;
    part.result_row = whole->columns;
    part.add = false;
    for (size_t row = 0; row < whole->rows; row += RAGGED_ROWS) {
        part.rows = least(whole->rows - row, RAGGED_ROWS);
        part.left = whole->left + row * whole->left_row;
        kernels->multiply(&part);
        for (size_t i = 0; i < part.rows; i++) {
            float *to = whole->result + (row + i) * whole->result_row;
            const float *from = tile + i * part.result_row;
            for (size_t j = 0; j < columns; j++) {
                to[j] = whole->add ? to[j] + from[j] : from[j];
            }
        }
    }
}

/* A block of the right factor, its columns [first, end) and `depth` rows from `right` on. */
struct block {
    const struct product_kernels *kernels;
    struct gemm_matrix right;
    size_t depth, columns;
    bool copied; /* all panels lie in the buffer */
    float *buffer;
};

static struct gemm_matrix matrix_from(const struct gemm_matrix *matrix, size_t i, size_t j)
{
    struct gemm_matrix part = *matrix;
    part.values += i * matrix->row + j * matrix->column;
    return part;
}

static bool is_ragged(const struct block *block, size_t at, size_t width)
{
    return at + width > block->columns;
}

static void copy_right(const struct block *block)
{
    size_t width;
    for (size_t at = 0; at < block->columns; at += width) {
        width = panel_width(block->kernels, block->columns, at);
        if (block->copied || is_ragged(block, at, width)) {
            struct gemm_matrix panel = matrix_from(&block->right, 0, at);
            copy_panel(block->kernels, &panel, block->depth, least(width, block->columns - at), width,
                       block->buffer + at * block->depth);
        }
    }
}

/* A group of rows; `product` has all but what depends on the panel. */
static void multiply_group(const struct block *block, struct product product)
{
    float *result = product.result;
    size_t width;
    for (size_t at = 0; at < block->columns; at += width) {
        width = panel_width(block->kernels, block->columns, at);
        bool ragged = is_ragged(block, at, width), copied = block->copied || ragged;
        product.columns = width;
        product.right = copied ? block->buffer + at * block->depth : block->right.values + at;
        product.right_depth = copied ? width : block->right.row;
        product.result = result + at;
        if (ragged) {
            multiply_ragged(block->kernels, &product, block->columns - at);
        } else {
            block->kernels->multiply(&product);
        }
    }
}

static void multiply_block(const struct gemm *gemm, const struct block *block, size_t k, size_t column)
{
    copy_right(block);
    for (size_t row = 0; row < gemm->rows; row += GROUP) {
        struct gemm_matrix left = matrix_from(&gemm->left, row, k);
        struct product product = {.rows = least(gemm->rows - row, GROUP),
                                  .depth = block->depth,
                                  .left = left.values,
                                  .left_row = left.row,
                                  .left_depth = left.column,
                                  .result = gemm->result + row * gemm->result_row + column,
                                  .result_row = gemm->result_row,
                                  .add = gemm->add || k > 0};
        multiply_group(block, product);
    }
}

void gemm_run(enum isa isa, const struct gemm *gemm, float *buffer)
{
    struct block block = {.kernels = product_kernels_of(isa), .buffer = buffer};
    size_t slices = (gemm->depth + DEPTH - 1) / DEPTH;
    block.copied =
        gemm->right.column != 1 || (gemm->rows >= ROWS_COPY && gemm->columns > block.kernels->panel);
    for (size_t column = 0; column < gemm->columns; column += COLUMNS) {
        block.columns = least(gemm->columns - column, COLUMNS);
        for (size_t i = 0; i < slices; i++) {
            size_t k = gemm->depth * i / slices;
            block.depth = gemm->depth * (i + 1) / slices - k;
            block.right = matrix_from(&gemm->right, k, column);
            multiply_block(gemm, &block, k, column);
        }
    }
}
