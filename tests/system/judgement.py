#!/usr/bin/env python3
"""What the programs tell of a model's judgement, by numpy from the published definitions.

    judgement.py make FOLDER SEED                              random galleries, probes and distractors as dail embed writes them
    judgement.py search GALLERY PROBES SEARCH.json [DISTRACTORS...]
                                                               figures of `dail search --json`
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


# --- Search ---

TIE = 1e-9
RANKS = 100


def write_embeddings(path, rows, labels=None, names=None):
    """As `dail embed` does, with images named by their numbers."""
    with h5py.File(path, "w") as file:
        for name, text in (("dail_format", "embeddings"), ("checkpoint", "none"), ("arch", "none"), ("source", path)):
            file.attrs[name] = np.bytes_(text)
        for name, value in (("version", 1), ("step", 0), ("input", 112), ("normalized", 0), ("mirrored", 1)):
            file.attrs[name] = np.uint64(value)
        file["embedding"] = rows.astype(np.float32)

        def put(name, texts):
            file[name] = np.frombuffer("".join(texts).encode(), np.uint8)
            file[name + "_offset"] = np.cumsum([0] + [len(t.encode()) for t in texts]).astype(np.uint64)

        put("name", [str(i) for i in range(len(rows))])
        if labels is not None:
            file["label"] = labels.astype(np.uint32)
        if names:
            put("identity", names)


def make(folder, seed):
    """40 people, of whom 25 are in the gallery; pictures that are there twice, and rows of nothing."""
    rng = np.random.default_rng(int(seed))
    width, names = 24, ["person %d" % i for i in range(40)]
    centre = rng.normal(size=(40, width))

    def draw(people, spread=1.6):
        return centre[people] * rng.uniform(0.5, 2, (len(people), 1)) + spread * rng.normal(size=(len(people), width))

    gallery = rng.integers(0, 25, 150)
    rows = draw(gallery)
    rows[7] = rows[3]
    rows[11] = 0
    order = rng.permutation(25)
    write_embeddings(folder + "/gallery.h5", rows, np.argsort(order)[gallery], [names[i] for i in order])
    people = rng.integers(0, 40, 333)
    probes = draw(people)
    probes[5] = rows[9]
    write_embeddings(folder + "/probes.h5", probes, people, names)
    write_embeddings(folder + "/numbers.h5", probes, people)
    others = rng.normal(size=(2500, width))
    others[17] = rows[2]  # as near to everybody as somebody in the gallery
    write_embeddings(folder + "/others.h5", others)
    write_embeddings(folder + "/wide.h5", rng.normal(size=(5, width + 1)), np.arange(5))
    others[2222, 3] = np.nan
    write_embeddings(folder + "/broken.h5", others)


def read_embeddings(path):
    with h5py.File(path) as file:
        rows = file["embedding"][...].astype(float)
        label = file["label"][...] if "label" in file else np.full(len(rows), -1)
        if "identity" in file:
            end, text = file["identity_offset"][...], file["identity"][...].tobytes()
            names = [text[a:b].decode() for a, b in zip(end, end[1:])]
            label = np.array([names[i] for i in label])
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1), label


def identify(before, score, trial_weight, strangers, stranger_weight, ranks, candidates):
    result = {"rank": {str(k): trial_weight[before < k].sum() / trial_weight.sum() for k in ranks}, "fnir": {}, "threshold": {}}
    for name, fpir in (("1e-3", 1e-3), ("1e-2", 1e-2), ("1e-1", 1e-1)):
        if len(strangers) * fpir * (1 + TIE) >= 1 and stranger_weight.sum() > 0:
            share = [stranger_weight[strangers > v].sum() / stranger_weight.sum() for v in strangers]
            limit = min(v for v, s in zip(strangers, share) if s <= fpir * (1 + TIE))
            found = (score > limit) & (before < candidates)
            result["fnir"][name] = 1 - trial_weight[found].sum() / trial_weight.sum()
            result["threshold"][name] = limit
    return result


def search(gallery_path, probes_path, told, *distractor_paths):
    found = json.load(open(told))
    gallery, gallery_person = read_embeddings(gallery_path)
    probes, person = read_embeddings(probes_path)
    others = np.concatenate([read_embeddings(p)[0] for p in distractor_paths] + [np.zeros((0, probes.shape[1]))])
    each, own = found["mates"] == "each", gallery_path == probes_path
    before, score, trial_person, strangers, stranger_person = [], [], [], [], []
    for i, probe in enumerate(probes):
        mates = gallery_person == person[i]
        competing = np.append([] if each else gallery[~mates] @ probe, others @ probe)
        if own:
            mates[i] = False
        if mates.any():
            for mate in gallery[mates] @ probe if each else [np.max(gallery[mates] @ probe)]:
                before.append(np.sum(competing >= mate - TIE))
                score.append(mate)
                trial_person.append(person[i])
        else:
            strangers.append(competing.max())
            stranger_person.append(person[i])
    before, score, strangers = np.array(before), np.array(score), np.array(strangers)
    names = list(dict.fromkeys(person.tolist()))
    trial_person = np.array([names.index(p) for p in trial_person])
    stranger_person = np.array([names.index(p) for p in stranger_person], int)
    assert (found["trials"], found["probes"]["people"]) == (len(before), len(names)), found
    assert found["probes"]["mated"] == len(person) - len(strangers) and found["distractors"] == len(others)
    near("cmc", found["cmc"], [np.mean(before <= k) for k in range(RANKS)])
    ranks = [int(k) for k in found["rank"]]

    def figures(times):
        return identify(before, score, times[trial_person], strangers, times[stranger_person], ranks, found["candidates"])

    expected = figures(np.ones(len(names), int))
    for kind in ("rank", "fnir", "threshold"):
        assert set(found[kind]) == set(expected[kind]), (kind, found[kind], expected[kind])
        for name, value in expected[kind].items():
            near((kind, name), found[kind][name], value)
    settings = found["bootstrap"]
    draws = [figures(draw_people(settings["seed"], d, len(names))) for d in range(settings["draws"])]
    assert found["interval"]["people"] == len(names)
    for kind in ("rank", "fnir"):
        for name in expected[kind]:
            values = [d[kind][name] for d in draws if name in d[kind]]
            near((kind, name), found["interval"][kind][name], np.percentile(values, [2.5, 97.5]))


if __name__ == "__main__":
    {"make": make, "search": search, "verification": verification}[sys.argv[1]](*sys.argv[2:])
