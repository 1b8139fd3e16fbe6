#!/usr/bin/python3
"""Holds every gradient of a whole network against PyTorch in float64.

    gradient.py [--limit E] [--worst N] [--dtype float64|float32] BLOCKS INPUT WIDTH BATCH FILE

FILE is gradient_dump's; BLOCKS as in 3,4,14,3. Errors are relative to each parameter's own gradient: of the L2 norm,
and of the greatest value. A gradient that is zero in exact arithmetic (a bias ahead of a batch normalisation) is held
against a hundredth of the whole gradient's norm.

PReLU's slope changes at zero, where rounding decides which of two gradients passes. The reference takes the side
that the network under test took, after checking that wherever it differs the input is zero to rounding.

Exit code: 0 if the whole gradient's and the median parameter's L2 error are within the limit and every parameter's
within ten times that (the biases behind a convolution are small sums of what cancels), 1 if not, 77 without PyTorch.
"""
import argparse
import struct
import sys

try:
    import numpy
    import torch
except ImportError as missing:
    print("gradient.py: skipped: %s" % missing, file=sys.stderr)
    sys.exit(77)

sys.dont_write_bytecode = True
from make_iresnet import IResNet

EMBEDDING = 512
# Standard deviations from zero within which a PReLU's input may be of either sign.
NEAR = 1e-4


class Sides(torch.nn.Module):
    """A PReLU whose sides are given."""

    def __init__(self, prelu, positive, report):
        super().__init__()
        self.weight, self.positive, self.report = prelu.weight, positive, report

    def forward(self, x):
        with torch.no_grad():
            other = (x > 0) != self.positive
            self.report["flipped"] += int(other.sum())
            self.report["inputs"] += x.numel()
            if other.any():
                self.report["farthest"] = max(self.report["farthest"], (x[other].abs().max() / x.std()).item())
        return torch.where(self.positive, x, self.weight.view(1, -1, 1, 1) * x)


def read(path, model, batch, side, dtype):
    """Sets the model's parameters; returns their gradients by name, image, gradient and value of the embedding, sides."""
    gradients = {}
    parameters = dict(model.named_parameters())
    with open(path, "rb") as file:
        def floats(*shape):
            return numpy.fromfile(file, "<f4", int(numpy.prod(shape))).reshape(shape)

        count, = struct.unpack("<I", file.read(4))
        for _ in range(count):
            name, rank, *shape = struct.unpack("<64sI4I", file.read(84))
            name, shape = name.split(b"\0")[0].decode(), shape[:rank]
            parameters[name].data = torch.from_numpy(floats(*shape)).to(dtype)
            gradients[name] = floats(*shape).astype("f8")
        trained = {name for name, parameter in parameters.items() if parameter.requires_grad}
        assert trained == set(gradients), trained.symmetric_difference(gradients)
        image = torch.from_numpy(floats(batch, side, side, 3)).permute(0, 3, 1, 2).to(dtype)
        grad_embedding = torch.from_numpy(floats(batch, EMBEDDING)).to(dtype)
        embedding = floats(batch, EMBEDDING).astype("f8")

        def sides(height, channels):
            values = numpy.fromfile(file, "u1", batch * height * height * channels)
            values = values.reshape(batch, height, height, channels).transpose(0, 3, 1, 2)
            return torch.from_numpy(values.astype(bool))

        report = {"flipped": 0, "inputs": 0, "farthest": 0.0}
        model.prelu = Sides(model.prelu, sides(side, model.conv1.out_channels), report)
        for layer in (model.layer1, model.layer2, model.layer3, model.layer4):
            for block in layer:
                block.prelu = Sides(block.prelu, sides(side, block.conv1.out_channels), report)
                side //= block.conv2.stride[0]
        assert not file.read(1), "more in the file than the network has"
    return gradients, image, grad_embedding, embedding, report


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=float, default=1e-4)
    parser.add_argument("--worst", type=int, default=5)
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("blocks")
    parser.add_argument("input", type=int)
    parser.add_argument("width", type=float)
    parser.add_argument("batch", type=int)
    parser.add_argument("file")
    arguments = parser.parse_args()
    dtype = getattr(torch, arguments.dtype)
    widths = [max(8, int(width * arguments.width / 8 + 0.5) * 8) for width in (64, 128, 256, 512)]
    model = IResNet([int(n) for n in arguments.blocks.split(",")], widths, arguments.input, EMBEDDING).to(dtype)
    expected_of, image, grad_embedding, embedding, sides = read(arguments.file, model, arguments.batch,
                                                                arguments.input, dtype)
    model.train()
    output = model(image)
    (output * grad_embedding).sum().backward()

    print("embedding: %.2g" % (numpy.linalg.norm(output.detach().double().numpy() - embedding)
                               / numpy.linalg.norm(embedding)))
    print("PReLU: %(flipped)d of %(inputs)d inputs on the other side, at most %(farthest).2g deviations from zero" % sides)
    reference = {name: parameter.grad.double().numpy() for name, parameter in model.named_parameters()
                 if parameter.requires_grad}
    whole = numpy.sqrt(sum((gradient ** 2).sum() for gradient in reference.values()))
    difference = numpy.sqrt(sum(((reference[name] - expected_of[name]) ** 2).sum() for name in reference))
    table = []
    for name, gradient in reference.items():
        error, own = gradient - expected_of[name], numpy.linalg.norm(gradient)
        zero = own < 1e-9 * whole
        table.append((numpy.linalg.norm(error) / (whole / 100 if zero else own),
                      float("nan") if zero else numpy.abs(error).max() / numpy.abs(gradient).max(), name))
    table.sort(reverse=True)
    median = table[len(table) // 2][0]
    print("whole gradient: %.2g; parameters: %d, median %.2g" % (difference / whole, len(table), median))
    for error, greatest, name in table[:arguments.worst]:
        print("%-32s L2 %.2g, greatest %.2g" % (name, error, greatest))
    limit = arguments.limit
    good = max(difference / whole, median) <= limit and table[0][0] <= 10 * limit and sides["farthest"] <= NEAR
    return 0 if good else 1


sys.exit(main())
