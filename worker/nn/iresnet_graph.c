#include "worker/nn/iresnet_graph.h"

size_t iresnet_dropout_count(const struct iresnet *net)
{
    size_t side = (size_t)net->dimensions.side_last;
    return side * side * (size_t)net->dimensions.widths[IRESNET_LAYERS - 1];
}

struct linear iresnet_linear(const struct iresnet *net)
{
    return (struct linear){.isa = net->isa,
                           .threads = net->threads,
                           .in = (int)iresnet_dropout_count(net),
                           .out = net->dimensions.embedding,
                           .buffer = net->scratch};
}

bool iresnet_visits_gradient(int channels)
{
    return channels >= 128;
}

void iresnet_pause(const struct iresnet_hooks *hooks)
{
    if (hooks && hooks->between) {
        hooks->between(hooks->context);
    }
}
