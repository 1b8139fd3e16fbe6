#!/usr/bin/python3
"""Golden values of the domain head with gradient reversal, by PyTorch in float64. Run in the project's root;
writes tests/oracle/loss/domain.golden."""
import torch

from golden import Golden

DIMENSION, DATASETS, SAMPLES, GLOBAL_BATCH = 6, 3, 5, 8
LAMBDA, WEIGHTS = 0.7, [1.0, 0.25, 3.0]


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x.view_as(x)

    @staticmethod
    def backward(context, grad):
        return -LAMBDA * grad


def main():
    torch.manual_seed(11)
    golden = Golden("tests/oracle/loss/domain.golden", "make_domain.py")
    x = torch.randn(SAMPLES, DIMENSION).double()
    datasets = torch.tensor([2, 0, 1, 1, 2])
    golden.put("shape", [DIMENSION, DATASETS, SAMPLES, GLOBAL_BATCH, LAMBDA])
    golden.put("weights", WEIGHTS)
    golden.put("x", x)
    golden.put("datasets", datasets)
    for number, hidden in enumerate([[], [7], [5, 4]]):
        layers, width = [], DIMENSION
        for h in hidden:
            layers += [torch.nn.Linear(width, h), torch.nn.ReLU()]
            width = h
        net = torch.nn.Sequential(*layers, torch.nn.Linear(width, DATASETS)).double()
        leaf = x.clone().requires_grad_()
        logits = net(Reverse.apply(leaf))
        each = torch.nn.functional.cross_entropy(logits, datasets, reduction="none")
        total = (each * torch.tensor(WEIGHTS).double()[datasets]).sum()
        (total / GLOBAL_BATCH).backward()
        key = f"net{number}"
        golden.put(key + ".hidden", hidden)
        golden.put(key + ".weight", torch.cat([p.detach().reshape(-1) for p in net.parameters()]))
        golden.put(key + ".logits", logits.detach())
        golden.put(key + ".sums", [total.item(), (logits.argmax(1) == datasets).sum().item()])
        golden.put(key + ".gradient", torch.cat([p.grad.reshape(-1) for p in net.parameters()]))
        golden.put(key + ".grad_x", leaf.grad)
    golden.close()


main()
