/* A block of ROWS rows and up to VECTORS vectors of columns is held in registers over the whole depth. */
#include "worker/nn/conv/product.h"
#include "worker/nn/conv/vector.h"

#if defined(__AVX512F__)
enum { ROWS = 6, VECTORS = 4 };
#elif defined(__AVX2__)
enum { ROWS = 6, VECTORS = 2 };
#else
enum { ROWS = 4, VECTORS = 2 };
#endif

/* `rows` and `vectors` are known when compiling. */
INLINE void block(const struct product *product, size_t row, size_t rows, size_t vectors)
{
    vector sum[ROWS][VECTORS], right[VECTORS];
    const float *left = product->left + row * product->left_row, *from = product->right;
    size_t left_row = product->left_row, left_depth = product->left_depth, right_depth = product->right_depth;
    float *result = product->result + row * product->result_row;
    UNROLL
    for (size_t i = 0; i < rows; i++)
        UNROLL
    for (size_t j = 0; j < vectors; j++)
        sum[i][j] = (vector){0};
    if (product->add)
        UNROLL
    for (size_t i = 0; i < rows; i++)
        UNROLL
    for (size_t j = 0; j < vectors; j++)
        __builtin_prefetch(result + i * product->result_row + j * VECTOR_FLOATS, 1);
    for (size_t k = product->depth; k > 0; k--, left += left_depth, from += right_depth) {
        UNROLL
        for (size_t j = 0; j < vectors; j++)
            right[j] = vector_load(from + j * VECTOR_FLOATS, VECTOR_FLOATS);
        UNROLL
        for (size_t i = 0; i < rows; i++)
            UNROLL
        for (size_t j = 0; j < vectors; j++)
            sum[i][j] += left[i * left_row] * right[j];
    }
    UNROLL
    for (size_t i = 0; i < rows; i++) {
        UNROLL
        for (size_t j = 0; j < vectors; j++) {
            float *to = result + i * product->result_row + j * VECTOR_FLOATS;
            if (product->add)
                sum[i][j] += vector_load(to, VECTOR_FLOATS);
            vector_store(to, sum[i][j], VECTOR_FLOATS);
        }
    }
}

INLINE void multiply_vectors(const struct product *product, size_t vectors)
{
    size_t row = 0;
    for (; row + ROWS <= product->rows; row += ROWS)
        block(product, row, ROWS, vectors);
    switch (product->rows - row) {
    case 1:
        block(product, row, 1, vectors);
        break;
    case 2:
        block(product, row, 2, vectors);
        break;
    case 3:
        block(product, row, 3, vectors);
        break;
#if defined(__AVX2__)
    case 4:
        block(product, row, 4, vectors);
        break;
    case 5:
        block(product, row, 5, vectors);
        break;
#endif
    default:
        break;
    }
}

static void multiply(const struct product *product)
{
    switch (product->columns / VECTOR_FLOATS) {
    case 1:
        multiply_vectors(product, 1);
        break;
    case 2:
        multiply_vectors(product, 2);
        break;
#if defined(__AVX512F__)
    case 3:
        multiply_vectors(product, 3);
        break;
    case 4:
        multiply_vectors(product, 4);
        break;
#endif
    default:
        break;
    }
}

#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (indices){__VA_ARGS__})
#endif

typedef float four __attribute__((vector_size(4 * sizeof(float))));
typedef int indices __attribute__((vector_size(4 * sizeof(int))));

INLINE void transpose_four(const four in[4], four out[4])
{
    four low01 = SHUFFLE(in[0], in[1], 0, 4, 1, 5), high01 = SHUFFLE(in[0], in[1], 2, 6, 3, 7);
    four low23 = SHUFFLE(in[2], in[3], 0, 4, 1, 5), high23 = SHUFFLE(in[2], in[3], 2, 6, 3, 7);
    out[0] = SHUFFLE(low01, low23, 0, 1, 4, 5);
    out[1] = SHUFFLE(low01, low23, 2, 3, 6, 7);
    out[2] = SHUFFLE(high01, high23, 0, 1, 4, 5);
    out[3] = SHUFFLE(high01, high23, 2, 3, 6, 7);
}

/* Large weights come from memory, in pieces too short for the processor to foresee: so many rows ahead. */
enum { AHEAD = 32 };

/* Four rows, from `row` on, of the part [rows][width] of the matrix to four columns of the panel. */
static void transpose_rows(const float *part, size_t rows, size_t width, size_t row, size_t columns,
                           float *panel, size_t pitch)
{
    const float *ahead = part + (row + AHEAD < rows ? row + AHEAD : row) * width;
    for (size_t column = 0; column < columns; column += 4) {
        four in[4] = {{0}}, out[4];
        __builtin_prefetch(ahead + 4 * column);
        UNROLL
        for (size_t i = 0; i < 4; i++)
            if (row + i < rows)
                memcpy(&in[i], part + (row + i) * width + column, sizeof in[i]);
        transpose_four(in, out);
        size_t count = columns - column < 4 ? columns - column : 4;
        UNROLL
        for (size_t i = 0; i < 4; i++)
            if (i < count)
                memcpy(panel + (column + i) * pitch, &out[i], sizeof out[i]);
    }
}

static void turn(const float *matrix, size_t stride, size_t rows, size_t columns, size_t width, float *panel)
{
    size_t fours = columns / 4 * 4;
    for (size_t row = 0; row < width; row += 4)
        transpose_rows(matrix, rows, stride, row, fours, panel + row, width);
    for (size_t column = fours; column < columns; column++)
        for (size_t row = 0; row < width; row++)
            panel[column * width + row] = row < rows ? matrix[row * stride + column] : 0.0f;
}

extern const struct product_kernels ISA_TABLE(product_kernels);
const struct product_kernels ISA_TABLE(product_kernels) = {
    .panel = VECTORS * VECTOR_FLOATS,
    .multiply = multiply,
    .turn = turn,
};
