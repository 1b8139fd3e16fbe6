#!/usr/bin/env python3
"""What the programs tell of a model's judgement, by numpy from the published definitions.

    judgement.py verification EMBEDDINGS.h5 SET.h5 EVAL.json   figures of `dail eval --json` of SET, whose images were embedded
                                                               into EMBEDDINGS.h5 by `dail embed --flip`
"""
import json
import os
import sys

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
import philox  # noqa: E402

BOOTSTRAP = 15  # the purpose of its draws in proto/random.h
TOLERANCE = 1e-9


def near(what, found, expected):
    found = np.array(found, float)
    assert np.shape(found) == np.shape(expected), (what, found, expected)
    assert np.allclose(found, expected, rtol=0, atol=TOLERANCE), (what, found, expected)


# --- Bootstrap ---


def below(stream, bound):
    """Lemire's: uniform in 0..bound-1."""
    while True:
        product = stream.word() * bound
        if product & philox.MASK >= 2**32 % bound:
            return product >> 32


def draw_people(seed, draw, people):
    stream = philox.Stream(seed, BOOTSTRAP, draw, 0)
    return np.bincount([below(stream, people) for _ in range(people)], minlength=people)


def components(items, links):
    """The component of each item, by the lowest item in it."""
    root = np.arange(items)
    while True:
        before = root.copy()
        for a, b in links:
            root[a] = root[b] = min(root[a], root[b])
        if np.array_equal(root, before):
            return root


def number(roots):
    """Numbers of people in the order in which pairs name them: roots [n, 2]."""
    names = list(dict.fromkeys(roots.ravel().tolist()))
    return np.vectorize(names.index)(roots), len(names)


def pair_weights(people, times):
    a, b = times[people[:, 0]], times[people[:, 1]]
    return np.where(people[:, 0] == people[:, 1], a, a * b)


# --- Verification ---


def splits(fold):
    if np.all(fold == fold[0]):
        fold = np.concatenate([np.full(len(part), k) for k, part in enumerate(np.array_split(np.arange(len(fold)), 10))])
    return [fold == k for k in np.unique(fold)]


def curve(distance, same, weight):
    """Points of the ROC curve, (0, 0) first: ties are one point."""
    levels, place = np.unique(distance, return_inverse=True)
    far = np.cumsum(np.bincount(place, weight * ~same, len(levels))) / weight[~same].sum()
    tar = np.cumsum(np.bincount(place, weight * same, len(levels))) / weight[same].sum()
    return np.append(0, far), np.append(0, tar)


def equal_error(far, tar):
    """Where the polygon through the points crosses far = 1 - tar."""
    gap = far - (1 - tar)
    i = np.flatnonzero(gap >= 0)[0]
    part = -gap[i - 1] / (gap[i] - gap[i - 1])
    return far[i - 1] + part * (far[i] - far[i - 1])


def verify(distance, same, fold, weight):
    # A grid's value is its index times the step, as C has it.
    grid, fine = np.arange(400) * 0.01, np.arange(4000) * 0.001
    accuracy, thresholds = [], []
    right = [weight * ((distance < t) == same) for t in grid]
    for test in splits(fold):
        if weight[test].sum() > 0:
            best = int(np.argmax([r[~test].sum() for r in right]))
            thresholds.append(grid[best])
            accuracy.append(right[best][test].sum() / weight[test].sum())
    far, tar = curve(distance, same, weight)
    result = {"accuracy": np.mean(accuracy), "accuracy_std": np.std(accuracy), "threshold": np.mean(thresholds),
              "auc": np.trapz(tar, far), "eer": equal_error(far, tar), "tar": {}}
    for name, rate in (("1e-2", 1e-2), ("1e-3", 1e-3), ("1e-4", 1e-4)):
        if np.sum(~same) * rate >= 1:
            rates = []
            for test in splits(fold):
                train, others = ~test & ~same, np.sum(weight[~test & ~same])
                order = np.argsort(distance[train])
                sums = np.append(0, np.cumsum(weight[train][order]))
                fars = sums[np.searchsorted(distance[train][order], fine)] / max(others, 1)
                limit = np.interp(rate, fars, fine) if fars.max() >= rate else 0
                if weight[test & same].sum() > 0:
                    rates.append(weight[test & same & (distance < limit)].sum() / weight[test & same].sum())
            result["tar"][name] = np.mean(rates)
    return result


def verification(embeddings, path, told):
    with h5py.File(embeddings) as file:
        rows = file["embedding"][...].astype(float)
        pair, same, fold = file["pair"][...], file["same"][...] != 0, file["fold"][...]
    with h5py.File(path) as file:
        end, data = file["offset"][...], file["image"][...].tobytes()
        images = [data[a:b] for a, b in zip(end, end[1:])]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    distance = np.sum((rows[pair[:, 0]] - rows[pair[:, 1]]) ** 2, 1)
    found = json.load(open(told))["sets"][0]
    expected = verify(distance, same, fold, np.ones(len(pair), int))
    for name, value in expected.items():
        for far in value if name == "tar" else [None]:
            near((name, far), found["tar"][far] if far else found[name], value[far] if far else value)
    assert set(found["tar"]) == set(expected["tar"]), found
    first = {}
    links = [(i, first.setdefault(image, i)) for i, image in enumerate(images)]
    people, count = number(components(len(images), links + [tuple(p) for p in pair[same]])[pair])
    interval, settings = found["interval"], json.load(open(told))["bootstrap"]
    assert interval["people"] == count, (interval, count)
    draws = []
    for draw in range(settings["draws"]):
        weight = pair_weights(people, draw_people(settings["seed"], draw, count))
        if weight[same].sum() > 0 and weight[~same].sum() > 0:
            draws.append(verify(distance, same, fold, weight))
    for name in ("accuracy", "accuracy_std", "threshold", "auc", "eer"):
        near(name, interval[name], np.percentile([d[name] for d in draws], [2.5, 97.5]))
    for far in expected["tar"]:
        near(far, interval["tar"][far], np.percentile([d["tar"][far] for d in draws], [2.5, 97.5]))


if __name__ == "__main__":
    {"verification": verification}[sys.argv[1]](*sys.argv[2:])
