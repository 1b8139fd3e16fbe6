#!/usr/bin/python3
"""Makes tests/oracle/nn/iresnet*.golden: InsightFace's iresnet in PyTorch float64, for tests/unit/nn_iresnet_test.c.

The network is written after recognition/arcface_torch/backbones/iresnet.py; weights, image, dropout mask and
the embedding's gradient come from a formula that the test repeats. Run from the repository's root.

A file, little-endian: f64 loss; f32 embedding [batch, D] in training mode, and in inference mode; then for
every entry of the state_dict, num_batches_tracked left out: name (64 bytes), u32 rank, u32 shape[4] (zeros
behind the rank), f32 values: of a trained parameter its gradient, of running_mean and running_var the
micro-batch's mean and unbiased variance, of the constant features.weight itself.
"""
import copy
import struct

import numpy
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, inplanes, planes, stride, downsample):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inplanes, eps=1e-05)
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes, eps=1e-05)
        self.prelu = nn.PReLU(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes, eps=1e-05)
        self.downsample = downsample

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x)))))
        return self.bn3(out) + identity


class IResNet(nn.Module):
    def __init__(self, blocks, widths, side, embedding):
        super().__init__()
        self.inplanes = widths[0]
        self.conv1 = nn.Conv2d(3, widths[0], 3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0], eps=1e-05)
        self.prelu = nn.PReLU(widths[0])
        self.layer1 = self.layer(widths[0], blocks[0])
        self.layer2 = self.layer(widths[1], blocks[1])
        self.layer3 = self.layer(widths[2], blocks[2])
        self.layer4 = self.layer(widths[3], blocks[3])
        self.bn2 = nn.BatchNorm2d(widths[3], eps=1e-05)
        self.fc = nn.Linear(widths[3] * (side // 16) ** 2, embedding)
        self.features = nn.BatchNorm1d(embedding, eps=1e-05)
        nn.init.constant_(self.features.weight, 1.0)
        self.features.weight.requires_grad = False

    def layer(self, planes, count):
        downsample = nn.Sequential(nn.Conv2d(self.inplanes, planes, 1, stride=2, bias=False),
                                   nn.BatchNorm2d(planes, eps=1e-05))
        layers = [Block(self.inplanes, planes, 2, downsample)]
        layers += [Block(planes, planes, 1, None) for _ in range(1, count)]
        self.inplanes = planes
        return nn.Sequential(*layers)

    def forward(self, x, mask=None):
        x = self.prelu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = torch.flatten(self.bn2(x), 1)
        if mask is not None:
            x = x * mask
        return self.features(self.fc(x))


def draw(index, count):
    """Uniform in [0, 1), 24 bits, exact in float32."""
    state = (index * 2654435761 + 12345) % 2**64
    values = numpy.empty(count)
    for i in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values[i] = (state >> 40) / 2**24
    return values


def fill(name, shape, index):
    u = draw(index, int(numpy.prod(shape))).reshape(shape)
    if name == "features.weight":
        return numpy.ones(shape)
    if name.endswith("prelu.weight"):
        return 0.125 + 0.25 * u
    if name.endswith("running_var"):
        return 0.5 + u
    if len(shape) == 1 and name.endswith(".weight"):
        return 0.5 + u
    if len(shape) == 2:
        return 0.125 * (2 * u - 1)
    if len(shape) == 4:
        return 0.25 * (2 * u - 1)
    return 0.5 * (2 * u - 1)


def names(model):
    return [name for name in model.state_dict() if not name.endswith("num_batches_tracked")]


def make(path, blocks, widths, side, embedding, batch, dropout):
    model = IResNet(blocks, widths, side, embedding).double()
    state = model.state_dict()
    for index, name in enumerate(names(model)):
        state[name].copy_(torch.from_numpy(fill(name, tuple(state[name].shape), index)))
    image = torch.from_numpy(2 * draw(1000, batch * side * side * 3) - 1).reshape(batch, side, side, 3)
    image = image.permute(0, 3, 1, 2).contiguous()
    weights = torch.from_numpy(2 * draw(1001, batch * embedding) - 1).reshape(batch, embedding)
    mask = None
    if dropout:
        count = model.fc.in_features
        kept = float(numpy.float32(1.0 / 0.6))
        mask = torch.from_numpy(numpy.where(draw(1002, batch * count) < 0.4, 0.0, kept)).reshape(batch, count)

    with torch.no_grad():
        inferred = copy.deepcopy(model).eval()(image)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.momentum = 1.0
    model.train()
    output = model(image, mask)
    loss = (output * weights).sum()
    loss.backward()

    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    with open(path, "wb") as file:
        file.write(struct.pack("<d", loss.item()))
        for tensor in (output, inferred):
            file.write(tensor.detach().numpy().astype("<f4").tobytes())
        for name in names(model):
            value = gradients.get(name)
            value = model.state_dict()[name] if value is None else value
            shape = list(value.shape)
            file.write(struct.pack("<64sI4I", name.encode(), len(shape), *(shape + [0] * (4 - len(shape)))))
            file.write(value.numpy().astype("<f4").tobytes())


if __name__ == "__main__":
    make("tests/oracle/nn/iresnet10.golden", [1, 1, 1, 1], [8, 16, 32, 64], 32, 16, 4, False)
    make("tests/oracle/nn/iresnet18.golden", [2, 2, 2, 2], [8, 8, 16, 32], 32, 16, 6, True)
