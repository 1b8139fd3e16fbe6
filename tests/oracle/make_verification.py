#!/usr/bin/env python3
"""Writes tests/oracle/verification.h: verification scores of made-up embeddings by numpy in float64, with the
formulas of InsightFace's recognition/arcface_torch/eval/verification.py (calculate_roc, calculate_accuracy,
calculate_val, calculate_val_far; KFold without shuffling; scipy's interp1d(kind="slinear") is np.interp).

The embeddings are small integers, which the header holds exactly.

    python3 tests/oracle/make_verification.py > tests/oracle/verification.h
"""
import numpy as np


def k_fold(count, splits):
    sizes = np.full(splits, count // splits)
    sizes[: count % splits] += 1
    ends = np.cumsum(sizes)
    for begin, end in zip(ends - sizes, ends):
        test = np.arange(begin, end)
        yield np.setdiff1d(np.arange(count), test), test


def own_folds(fold):
    for k in np.unique(fold):
        yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)


def calculate_accuracy(threshold, dist, same):
    predicted = np.less(dist, threshold)
    tp = np.sum(np.logical_and(predicted, same))
    tn = np.sum(np.logical_and(np.logical_not(predicted), np.logical_not(same)))
    return float(tp + tn) / dist.size


def calculate_roc(dist, same, splits):
    thresholds = np.arange(0, 4, 0.01)
    accuracy, best = [], []
    for train, test in splits:
        acc_train = [calculate_accuracy(t, dist[train], same[train]) for t in thresholds]
        index = np.argmax(acc_train)
        best.append(thresholds[index])
        accuracy.append(calculate_accuracy(thresholds[index], dist[test], same[test]))
    return np.mean(accuracy), np.std(accuracy), np.mean(best)


def calculate_val_far(threshold, dist, same):
    predicted = np.less(dist, threshold)
    true_accept = np.sum(np.logical_and(predicted, same))
    false_accept = np.sum(np.logical_and(predicted, np.logical_not(same)))
    return true_accept / np.sum(same), false_accept / np.sum(np.logical_not(same))


def calculate_val(dist, same, splits, far_target):
    thresholds = np.arange(0, 4, 0.001)
    val = []
    for train, test in splits:
        far_train = np.array([calculate_val_far(t, dist[train], same[train])[1] for t in thresholds])
        threshold = np.interp(far_target, far_train, thresholds) if np.max(far_train) >= far_target else 0.0
        val.append(calculate_val_far(threshold, dist[test], same[test])[0])
    return np.mean(val)


def auc(dist, same):
    """The chance that a same pair is closer than a different one: every pair of pairs compared."""
    a, b = dist[same][:, None], dist[~same][None, :]
    return np.mean(np.where(a < b, 1.0, np.where(a == b, 0.5, 0.0)))


def make(seed, images, width, pairs, folds):
    """Pairs alternate so that every contiguous fold has both kinds."""
    rng = np.random.default_rng(seed)
    people = images // 4
    centre = rng.integers(-40, 41, (people, width))
    sums = centre[np.arange(images) % people] + rng.integers(-50, 51, (images, width))
    pair, same = [], []
    while len(pair) < pairs:
        a = int(rng.integers(images))
        alike = len(pair) % 2 == 0
        b = (a + people * int(rng.integers(1, 4))) % images if alike else int(rng.integers(images))
        if a != b and (a % people == b % people) == alike:
            pair.append((a, b))
            same.append(alike)
    fold = rng.permutation(np.arange(pairs) % folds) if folds else np.zeros(pairs, int)
    return sums, np.array(pair), np.array(same), fold


def score(sums, pair, same, fold):
    embeddings = sums.astype(np.float64)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    dist = np.sum(np.square(embeddings[pair[:, 0]] - embeddings[pair[:, 1]]), 1)
    splits = list(own_folds(fold) if np.any(fold) else k_fold(len(pair), 10))
    result = list(calculate_roc(dist, same, splits)) + [auc(dist, same)]
    for far in (1e-2, 1e-3, 1e-4):
        enough = np.sum(~same) * far >= 1
        result.append(calculate_val(dist, same, splits, far) if enough else -1.0)
    return result


def array(kind, name, values):
    flat = [str(int(v)) for v in np.asarray(values).ravel()]
    lines = [", ".join(flat[i : i + 22]) for i in range(0, len(flat), 22)]
    return "static const %s %s[] = {\n    %s};\n" % (kind, name, ",\n    ".join(lines))


def main():
    print("/* Written by make_verification.py. */\n/* clang-format off */\n#include <stdint.h>\n")
    cases = [("contiguous", 1, 120, 6, 2403, 0), ("own", 2, 80, 6, 317, 7)]
    for name, seed, images, width, pairs, folds in cases:
        sums, pair, same, fold = make(seed, images, width, pairs, folds)
        result = score(sums, pair, same, fold)
        print("enum { %s_images = %d, %s_embedding = %d, %s_pairs = %d };" % (name, images, name, width, name, pairs))
        print(array("int16_t", name + "_sum", sums), end="")
        print(array("uint32_t", name + "_pair", pair), end="")
        print(array("uint8_t", name + "_same", same), end="")
        print(array("uint8_t", name + "_fold", fold), end="")
        print("/* accuracy, its deviation, threshold, auc, tar at far 1e-2, 1e-3, 1e-4 */")
        print("static const double %s_result[] = {%s};" % (name, ", ".join("%.17g" % v for v in result)))


main()
