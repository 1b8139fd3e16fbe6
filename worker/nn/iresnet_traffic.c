/* Counts which tensors a step reads and writes, pass by pass: to be kept as the passes are. Each is counted
 * once a pass; what is read again while it is in the cache is not. */
#include "worker/nn/iresnet_graph.h"

static double values(int side, int channels)
{
    return (double)side * side * channels;
}

/* The sums over the gradient, of `size` values, that a convolution has written. */
static double sums(int channels, double size)
{
    return iresnet_visits_gradient(channels) ? size : 2 * size;
}

static struct iresnet_traffic block_traffic(const struct basic_block *block, bool recompute)
{
    double in = values(block->side_in, block->channels_in),
           middle = values(block->side_in, block->channels_out);
    double out = values(block->side_out, block->channels_out);
    double branch = block->downsample.plan ? 1.0 : 0.0; /* the downsample branch, where there is one */

    double convolutions = (in + middle) + (middle + out) + branch * (in + out);
    double forward = convolutions + 3 * out; /* both branches in, their sum out */

    /* Behind the second convolution: the sums, while the gradient is written, and the normalisations'
     * gradients. Then the convolutions' weights and data, and the normalisation in front of each. */
    double end = (1 + branch) * out + 3 * (1 + branch) * out;
    double second = 2 * (middle + out) + sums(block->channels_out, middle) + 3 * middle;
    double first = 2 * (in + middle) + sums(block->channels_in, in) + 4 * in;
    double backward = end + second + first + branch * 2 * (in + out);
    backward += recompute ? convolutions + out : 0.0;

    /* If what a convolution's two gradients read were read once for both, and normalised on the way. */
    double least = (1 + branch) * out + (2 * out + 2 * middle) + (2 * middle + 2 * in) + 4 * in;
    least += branch * 2 * (in + out);
    return (struct iresnet_traffic){.moved = forward + backward, .least = forward + least};
}

/* The stem: the convolution, and PReLU, whose output is kept; backward the sums, PReLU, and the weights. The
 * least would measure PReLU's output without writing it, and normalise the gradient as the weights' reads it.
 */
static struct iresnet_traffic stem_traffic(const struct iresnet *net)
{
    double image = values(net->dimensions.input, 3),
           out = values(net->dimensions.input, net->dimensions.widths[0]);
    double again = net->recompute ? image + 2 * out : 0.0;
    return (struct iresnet_traffic){.moved = (image + 3 * out) + (out + 3 * out + image + out) + again,
                                    .least = (image + 2 * out) + (out + 2 * out + image)};
}

struct iresnet_traffic iresnet_traffic(const struct iresnet *net)
{
    struct iresnet_traffic sum = stem_traffic(net);
    for (size_t i = 0; i < net->block_count; i++) {
        struct iresnet_traffic block = block_traffic(&net->blocks[i], net->recompute);
        sum.moved += block.moved;
        sum.least += block.least;
    }
    return (struct iresnet_traffic){.moved = sum.moved * sizeof(float), .least = sum.least * sizeof(float)};
}
