"""The network's 3x3 convolutions, forward and both backward passes, beside oneDNN's direct ones (by way of PyTorch),
shape by shape in turns, each shape weighted by how often the network has it."""
import os

from common import HERE, PYTHON, Row, Server, Unavailable, count_of, median, ratios, say

WIDTHS = (64, 128, 256, 512)


def shapes_of(blocks, side):
    """(side, channels in, channels out, stride, gradient to data): how often."""
    counts = {(side, 3, WIDTHS[0], 1, 0): 1}

    def add(*shape):
        counts[shape] = counts.get(shape, 0) + 1

    channels = WIDTHS[0]
    for count, width in zip(blocks, WIDTHS):
        for index in range(count):
            stride = 2 if index == 0 else 1
            add(side, channels, width, 1, 1)
            add(side, width, width, stride, 1)
            side, channels = side // stride, width
    return counts


def whole(server, counts, reports):
    """Seconds of all convolutions of a micro-batch."""
    total = 0
    for shape, count in counts.items():
        seconds = server.ask("conv %d %d %d %d %d" % shape)
        reports.setdefault(shape, []).append(seconds)
        total += count * seconds
    return total


def describe(setting, counts, ours, theirs):
    say("  ms an image, one of each: ours, oneDNN's")
    for shape, count in counts.items():
        say("  %3d x %3d@%-3d to %3d, stride %d: %7.2f %7.2f" % (
            count, shape[1], shape[0], shape[2], shape[3], 1e3 * median(ours[shape]) / setting.batch,
            1e3 * median(theirs[shape]) / setting.batch))


def measure_threads(setting, threads):
    counts = shapes_of(setting.blocks, setting.input)
    row = Row("3x3 convolutions over oneDNN direct, %s" % count_of(threads), must=2.0, aim=2.4)
    cores = setting.cores[:threads]
    ours, theirs, our_shapes, their_shapes = [], [], {}, {}
    with Server([setting.program("tests/bench/conv_server"), str(setting.batch), str(threads)], cores, threads) as mine, \
            Server([PYTHON, os.path.join(HERE, "peer.py"), "conv", str(setting.batch)], cores, threads) as other:
        try:
            for _ in range(setting.rounds + 2):
                ours.append(whole(mine, counts, our_shapes))
                theirs.append(whole(other, counts, their_shapes))
        except Unavailable as error:
            row.note = str(error)
            return row
    describe(setting, counts, our_shapes, their_shapes)
    row.value, row.spread = ratios(theirs, ours)
    row.note = "%.0f and %.0f ms an image" % (1e3 * median(ours) / setting.batch, 1e3 * median(theirs) / setting.batch)
    return row


def measure(setting):
    return [measure_threads(setting, threads) for threads in setting.threads()]
