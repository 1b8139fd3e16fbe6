#!/usr/bin/env python3
"""InsightFace's iresnet in PyTorch, written from its state_dict's names, for comparing what the programs write.

    iresnet.py images FOLDER N SIDE OUT.npy       N random images of people p0, p1, p2 as PPM; their pixels in order
    iresnet.py embed STATE IMAGES.npy OUT.npy     embeddings by the state_dict STATE: .safetensors, or HDF5
    iresnet.py onnx STATE SIDE OUT.onnx           STATE as InsightFace's torch2onnx.py exports it, by PyTorch's exporter
    iresnet.py file EMBEDDINGS.h5 OUT.npy         what dail embed wrote
    iresnet.py same A.npy B.npy TOLERANCE         the largest difference over the largest value is below it
    iresnet.py equal STATE STATE                  the same names, shapes and bits
"""
import json
import os
import struct
import sys

import h5py
import numpy as np
import torch
from torch import nn

# Of the arrays in the safetensors format that a state_dict has.
TYPES = {"F32": np.float32, "I64": np.int64}


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    state, end = {}, 0
    for name, entry in header.items():
        begin, end_of = entry["data_offsets"]
        assert begin == end, "%s begins at %d, the one before ends at %d" % (name, begin, end)
        end = end_of
        values = np.frombuffer(data[8 + length + begin : 8 + length + end], TYPES[entry["dtype"]])
        state[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    assert 8 + length + end == len(data), "bytes after the last array"
    return state


def read_hdf5(path):
    with h5py.File(path, "r") as file:
        group = next((file[name] for name in ("backbone", "before/backbone") if name in file), file)
        return {name: torch.from_numpy(group[name][...]) for name in group}


def read_state(path):
    return read_safetensors(path) if path.endswith(".safetensors") else read_hdf5(path)


class Block(nn.Module):
    def __init__(self, channels_in, channels_out, first):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.prelu = nn.PReLU(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 2 if first else 1, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels_out)
        self.downsample = None
        if first:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, 2, bias=False), nn.BatchNorm2d(channels_out)
            )

    def forward(self, x):
        y = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return y + (self.downsample(x) if self.downsample is not None else x)


class IResNet(nn.Module):
    """Of the blocks, widths and size that a state_dict tells."""

    def __init__(self, state):
        super().__init__()
        channels = state["conv1.weight"].shape[0]
        self.conv1 = nn.Conv2d(3, channels, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.prelu = nn.PReLU(channels)
        for number in range(1, 5):
            count = len([name for name in state if name.startswith("layer%d." % number) and ".conv1." in name])
            width = state["layer%d.0.conv1.weight" % number].shape[0]
            blocks = [Block(channels if i == 0 else width, width, i == 0) for i in range(count)]
            setattr(self, "layer%d" % number, nn.Sequential(*blocks))
            channels = width
        embedding, inputs = state["fc.weight"].shape
        self.bn2 = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(0.0)
        self.fc = nn.Linear(inputs, embedding)
        self.features = nn.BatchNorm1d(embedding)

    def forward(self, x):
        x = self.prelu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.features(self.fc(self.dropout(torch.flatten(self.bn2(x), 1))))


def make_images(folder, count, side, out):
    pixels = np.random.default_rng(int(count)).integers(0, 256, (int(count), int(side), int(side), 3), np.uint8)
    for i, image in enumerate(pixels):
        person = os.path.join(folder, "p%d" % (3 * i // int(count)))
        os.makedirs(person, exist_ok=True)
        with open(os.path.join(person, "%04d.ppm" % i), "wb") as file:
            file.write(b"P6\n%s %s\n255\n" % (side.encode(), side.encode()) + image.tobytes())
    np.save(out, pixels)


def embed(path, images, out):
    state = read_state(path)
    net = IResNet(state)
    net.load_state_dict(state, strict=True)
    net.eval()
    x = torch.from_numpy(np.load(images).astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2)
    with torch.no_grad():
        np.save(out, net(x).numpy())


def export_onnx(path, side, out):
    state = read_state(path)
    net = IResNet(state)
    net.load_state_dict(state, strict=True)
    net.eval()
    torch.onnx.export(
        net, torch.zeros(1, 3, int(side), int(side)), out, keep_initializers_as_inputs=False, opset_version=11,
        do_constant_folding=True,
    )


def same(a, b, tolerance):
    a, b = np.load(a), np.load(b)
    assert a.shape == b.shape, "shapes %s and %s" % (a.shape, b.shape)
    worst = np.abs(a - b).max() / np.abs(b).max()
    print("%s values, worst %.2e, allowed %s" % (a.shape, worst, tolerance))
    return worst <= float(tolerance)


def equal(a, b):
    a, b = read_state(a), read_state(b)
    # Traces leave out what never changes.
    for state in (a, b):
        state.setdefault("features.weight", torch.ones_like(state["features.bias"]))
    names = [name for name in sorted(set(a) | set(b)) if not name.endswith("num_batches_tracked")]
    other = [name for name in names if name not in a or name not in b or not torch.equal(a[name], b[name])]
    print("%d arrays, %d differ: %s" % (len(names), len(other), other[:5]))
    return not other


def main(command, *arguments):
    torch.set_num_threads(1)
    if command == "images":
        make_images(*arguments)
    elif command == "embed":
        embed(*arguments)
    elif command == "onnx":
        export_onnx(*arguments)
    elif command == "file":
        with h5py.File(arguments[0], "r") as file:
            np.save(arguments[1], file["embedding"][...])
    else:
        return 0 if {"same": same, "equal": equal}[command](*arguments) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
