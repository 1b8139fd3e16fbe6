#!/usr/bin/python3
"""Golden losses and gradients of the dataset-aware margin softmax, by PyTorch in float64, and the draws of
crossing dropout. Run in the project's root; writes tests/oracle/loss/classifier.golden."""
import math

import torch

from golden import Golden
from philox import Stream

CLASSES = [5, 7, 4]
WEIGHTS = [1.0, 0.5, 2.0]
DIMENSION, SAMPLES, GLOBAL_BATCH = 8, 9, 12
SEED, STEP, CROSSING = 0x123456789ABC, 41, 9
MARGINS = {
    "softmax": (1.0, 0.0, 0.0),
    "sphereface": (1.35, 0.0, 0.0),
    "arcface": (1.0, 0.5, 0.0),
    "cosface": (1.0, 0.0, 0.35),
    "cm": (0.9, 0.4, 0.15),
    "far": (2.5, 0.7, 0.1),
}
CASES = [
    ("softmax", 64, "all", 0), ("sphereface", 16, "dataset", 0), ("arcface", 64, "all", 0),
    ("arcface", 64, "dataset", 0), ("arcface", 64, "dataset", 0.3), ("cosface", 30, "dataset", 0.3),
    ("cm", 64, "dataset", 0), ("far", 8, "all", 0), ("far", 8, "dataset", 0.5),
]
# The same with identity groups: (dataset, label) of those that are one person.
GROUPS = [[(0, 1), (1, 4), (2, 3)], [(0, 3), (1, 6)], [(1, 2), (2, 1)]]
GROUP_CASES = [("arcface", 64, "all", 0), ("arcface", 64, "dataset", 0), ("arcface", 64, "dataset", 0.3),
               ("cm", 16, "dataset", 1)]
U64 = 2**64 - 1


def mix(value):
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & U64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & U64
    return value ^ (value >> 31)


def crossing_draws(seed, step, sample, probability, classes):
    """Every drawn class below `classes`: the walk of crossing.h over all blocks."""
    drawn = []
    for block in range((classes + 1023) // 1024):
        stream = Stream(seed, CROSSING, step, mix(sample ^ mix(block + 1)))
        position = 0
        while position < 1024:
            if probability == 1:
                skip = 0.0
                stream.uniform()
            else:
                skip = math.floor(math.log(1 - stream.uniform()) / math.log1p(-probability))
            position += skip
            if position < 1024:
                drawn.append(block * 1024 + int(position))
            position += 1
    return [c for c in drawn if c < classes]


def psi(cosine, margin):
    m1, m2, m3 = margin
    angle = m1 * torch.acos(cosine.clamp(-1 + 1e-7, 1 - 1e-7)) + m2
    n = torch.floor(angle / math.pi).detach()
    return torch.where(n % 2 == 0, 1.0, -1.0) * torch.cos(angle) - 2 * n - m3


FIRST = [sum(CLASSES[:k]) for k in range(len(CLASSES))]


def homes(groups):
    """The class whose row each class shares, and the datasets of each home's group."""
    home = list(range(sum(CLASSES)))
    for group in groups:
        members = [FIRST[k] + label for k, label in group]
        for member in members:
            home[member] = min(members)
    dataset_of = sum([[k] * c for k, c in enumerate(CLASSES)], [])
    datasets = {h: {dataset_of[c] for c in range(len(home)) if home[c] == h} for h in set(home)}
    return home, datasets


def run(golden, key, x, w, datasets, labels, ids, case, groups):
    name, scale, scope, probability = case
    x = x.clone().requires_grad_()
    w = w.clone().requires_grad_()
    home, group_datasets = homes(groups)
    cosine = torch.nn.functional.normalize(x) @ torch.nn.functional.normalize(w).T
    total, correct, draws = 0.0, 0, []
    for i in range(SAMPLES):
        target = home[FIRST[datasets[i]] + labels[i]]
        rivals = [j for j in group_datasets if j != target and
                  (scope == "all" or datasets[i] in group_datasets[j])]
        if probability:
            drawn = [j for j in crossing_draws(SEED, STEP, ids[i], probability, len(home))
                     if home[j] == j and datasets[i] not in group_datasets[j]]
            draws += [[i, j] for j in drawn]
            rivals = sorted(rivals + drawn)
        logits = torch.cat([scale * psi(cosine[i, target], MARGINS[name]).reshape(1), scale * cosine[i, rivals]])
        total = total + WEIGHTS[datasets[i]] * (torch.logsumexp(logits, 0) - logits[0])
        correct += int(all(cosine[i, target] > cosine[i, j] for j in rivals))
    (total / GLOBAL_BATCH).backward()
    golden.put(key + ".setting", list(MARGINS[name]) + [scale, scope == "all", probability])
    golden.put(key + ".sums", [total.item(), correct])
    golden.put(key + ".draws", [v for d in draws for v in d])
    golden.put(key + ".grad_x", x.grad)
    golden.put(key + ".grad_w", w.grad)


def main():
    torch.manual_seed(5)
    golden = Golden("tests/oracle/loss/classifier.golden", "make_classifier.py")
    x = torch.randn(SAMPLES, DIMENSION) * torch.rand(SAMPLES, 1) * 5
    w = torch.randn(sum(CLASSES), DIMENSION) * 0.3
    datasets, labels = [0, 2, 1, 1, 0, 2, 1, 0, 2], [3, 0, 6, 6, 1, 3, 2, 4, 1]
    ids = [k << 40 | (1000 + 7 * i) for i, k in enumerate(datasets)]
    x[1] = 2 * w[12 + 0] + 0.02 * torch.randn(DIMENSION)  # a sample that is won
    x[4] = -3 * w[0 + 1] + 0.3 * torch.randn(DIMENSION)  # and one beyond pi
    x, w = x.float().double(), w.float().double()
    golden.put("shape", [DIMENSION, SAMPLES, GLOBAL_BATCH, SEED, STEP, len(CLASSES)])
    golden.put("classes", CLASSES)
    golden.put("weights", WEIGHTS)
    golden.put("x", [f"{v:.9g}" for v in x.reshape(-1).tolist()])
    golden.put("w", [f"{v:.9g}" for v in w.reshape(-1).tolist()])
    golden.put("datasets", datasets)
    golden.put("labels", labels)
    golden.put("ids", ids)
    golden.put("cases", [len(CASES)])
    for number, case in enumerate(CASES):
        run(golden, f"case{number}", x, w, datasets, labels, ids, case, [])
    golden.put("groups", homes(GROUPS)[0])
    golden.put("group_cases", [len(GROUP_CASES)])
    for number, case in enumerate(GROUP_CASES):
        run(golden, f"group{number}", x, w, datasets, labels, ids, case, GROUPS)
    for number, (sample, probability, classes) in enumerate(
            [(7, 0.001, 9000), (3 << 40 | 99, 0.02, 2500), (1 << 40, 0.5, 60), (0, 1.0, 1100)]):
        drawn = crossing_draws(SEED, 7, sample, probability, classes)
        golden.put(f"walk{number}", [sample, probability, classes] + drawn)
    golden.close()


main()
