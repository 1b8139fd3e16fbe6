#include "worker/nn/iresnet_graph.h"

size_t iresnet_dropout_count(const struct iresnet *net)
{
    size_t side = (size_t)net->dimensions.side_last;
    return side * side * (size_t)net->dimensions.widths[IRESNET_LAYERS - 1];
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
