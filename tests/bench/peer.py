#!/usr/bin/python3
"""PyTorch's side of `make bench`, in its best configuration: channels_last, its own threads, warmed up.

    peer.py step float32|bfloat16 BLOCKS INPUT BATCH CLASSES     one training step a line "step"
    peer.py conv BATCH         forward and backward of a convolution a line "conv SIDE IN OUT STRIDE DATA"

Answers each line with seconds; "memory" with the most bytes this process ever had. The network is InsightFace's
iresnet from its definition, the loss a softmax over cosines times 64, the optimizer SGD with momentum, weight decay
and clipping: what a step of ours does with one dataset. Exit code 77 without PyTorch.
"""
import os
import sys
import time

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError:
    sys.exit(77)

WIDTHS = (64, 128, 256, 512)
EMBEDDING = 512


class Block(nn.Module):
    def __init__(self, channels_in, channels_out, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.prelu = nn.PReLU(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels_out)
        self.downsample = None
        if stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False),
                                            nn.BatchNorm2d(channels_out))

    def forward(self, x):
        y = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return y + (self.downsample(x) if self.downsample else x)


def iresnet(blocks, side):
    layers = [nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.PReLU(WIDTHS[0])]
    channels = WIDTHS[0]
    for count, width in zip(blocks, WIDTHS):
        for index in range(count):
            layers.append(Block(channels, width, 2 if index == 0 else 1))
            channels = width
        side //= 2
    features = nn.BatchNorm1d(EMBEDDING)
    features.weight.requires_grad = False
    layers += [nn.BatchNorm2d(channels), nn.Flatten(), nn.Linear(channels * side * side, EMBEDDING), features]
    return nn.Sequential(*layers)


class Trainer:
    def __init__(self, kind, blocks, side, batch, classes):
        self.bfloat16 = kind == "bfloat16"
        self.net = iresnet(blocks, side).to(memory_format=torch.channels_last).train()
        self.rows = nn.Parameter(torch.randn(classes, EMBEDDING) * 0.01)
        self.head = nn.Sequential(nn.Linear(EMBEDDING, 512), nn.ReLU(), nn.Linear(512, 1))
        trained = [p for p in self.net.parameters() if p.requires_grad] + list(self.head.parameters())
        self.clipped = trained
        self.optimizer = torch.optim.SGD(trained + [self.rows], lr=0.1, momentum=0.9, weight_decay=5e-4)
        self.image = torch.rand(batch, 3, side, side).mul_(2).sub_(1).to(memory_format=torch.channels_last)
        self.label = torch.randint(0, classes, (batch,))
        self.domain = torch.zeros(batch, dtype=torch.long)

    def step(self):
        begin = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bfloat16):
            embedding = self.net(self.image)
        embedding = embedding.float()
        cosine = functional.normalize(embedding) @ functional.normalize(self.rows).T
        loss = functional.cross_entropy(64 * cosine, self.label)
        loss = loss + functional.cross_entropy(self.head(embedding.detach()), self.domain)
        loss.backward()
        nn.utils.clip_grad_norm_(self.clipped, 5)
        self.optimizer.step()
        return time.perf_counter() - begin


class Convolutions:
    """Each shape with its tensors, made when it is first asked for."""

    def __init__(self, batch):
        self.batch, self.made = batch, {}

    def make(self, side, channels_in, channels_out, stride, data):
        image = torch.randn(self.batch, channels_in, side, side).to(memory_format=torch.channels_last)
        weight = torch.randn(channels_out, channels_in, 3, 3).to(memory_format=torch.channels_last)
        image.requires_grad, weight.requires_grad = bool(data), True
        with torch.no_grad():
            output = functional.conv2d(image, weight, stride=stride, padding=1)
        return image, weight, torch.randn_like(output)

    def run(self, *shape):
        if shape not in self.made:
            self.made[shape] = self.make(*shape)
            self.run(*shape)
        image, weight, gradient = self.made[shape]
        image.grad = weight.grad = None
        begin = time.perf_counter()
        functional.conv2d(image, weight, stride=shape[3], padding=1).backward(gradient)
        return time.perf_counter() - begin


def peak_bytes():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def main():
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if sys.argv[1] == "step":
        kind, blocks, side, batch, classes = sys.argv[2:7]
        trainer = Trainer(kind, [int(n) for n in blocks.split(",")], int(side), int(batch), int(classes))
    else:
        convolutions = Convolutions(int(sys.argv[2]))
    for line in sys.stdin:
        words = line.split()
        if words[0] == "step":
            answer = trainer.step()
        elif words[0] == "conv":
            answer = convolutions.run(*[int(word) for word in words[1:]])
        else:
            answer = peak_bytes()
        print(answer, flush=True)


main()
