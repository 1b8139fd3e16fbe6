/* The draw of Partial FC (An et al.: "Killing Two Birds with One Stone: Efficient and Robust Training of Face
 * Recognition CNNs by Partial FC", CVPR 2022): which of a dataset's classes stand in a step's denominators beside those
 * of its samples. The same whatever the partition of the classes over workers.
 *
 * The classes of a dataset are cut in blocks of CLASS_DRAW_BLOCK. With one u in [0, 1) for the step and the dataset, a
 * block that ends at class e and begins at b has floor(rate e + u) - floor(rate b + u) of them, drawn without
 * replacement from its own stream (Floyd's algorithm). So each class is drawn with probability `rate`, their number is
 * rate times the dataset's classes to within one, a draw costs in proportion to what is drawn, and an owner looks only at
 * the blocks that meet its rows.
 */
#ifndef DAIL_WORKER_LOSS_CLASS_DRAW_H
#define DAIL_WORKER_LOSS_CLASS_DRAW_H

#include <stdint.h>

#define CLASS_DRAW_BLOCK 1024u
#define CLASS_DRAW_WORDS (CLASS_DRAW_BLOCK / 64)

/* The draw of one step from one dataset. */
struct class_draw {
    uint64_t seed, step;
    uint32_t dataset; /* index in config order */
    uint32_t classes;
    double rate; /* in (0, 1) */
    double offset; /* u */
};

struct class_draw class_draw_begin(uint64_t seed, uint64_t step, uint32_t dataset, uint32_t classes,
                                   double rate);

/* Sets bit i of `bits`, counted from the lowest of the first word, where class block * CLASS_DRAW_BLOCK + i is drawn, and
 * clears the others. */
void class_draw_block(const struct class_draw *draw, uint32_t block, uint64_t bits[CLASS_DRAW_WORDS]);

/* At most so many of `rows` neighbouring classes are drawn. */
uint64_t class_draw_most(double rate, uint64_t rows);

#endif
