#!/usr/bin/env python3
"""What the programs tell of a model's judgement, by numpy from the published definitions.

    judgement.py make FOLDER SEED                              random galleries, probes and distractors as dail embed writes them
    judgement.py search GALLERY PROBES SEARCH.json [DISTRACTORS...]
                                                               figures of `dail search --json`
    judgement.py make-ijb FOLDER SEED [FACES]                  a set in IJB-C's layout: with embeddings, or of the images
                                                               in FACES/<person>/
    judgement.py ijb FOLDER EMBEDDINGS.h5 EVAL.json WEIGHT     figures of `dail eval --ijb --json`
    judgement.py groups EVAL.json                              fairness figures from the sets' own
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


def write_embeddings(path, rows, labels=None, names=None, texts=None):
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

        put("name", texts or [str(i) for i in range(len(rows))])
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


# --- Groups ---


def groups(told):
    """What RFW's papers report of the groups' accuracies; intervals hold the figures."""
    model = json.load(open(told))
    accuracy = np.array([s["accuracy"] for s in model["sets"]])
    found = model["groups"]
    near("mean", found["mean"], accuracy.mean())
    near("std", found["std"], np.std(accuracy, ddof=1))
    near("ratio", found["skewed_error_ratio"], (1 - accuracy).max() / (1 - accuracy).min())
    for low, high in found["interval"].values():
        assert 0 <= low <= high, found
    low, high = found["interval"]["mean"]
    assert low <= found["mean"] <= high, found


# --- Templates ---

POINTS = [38.2946, 51.6963, 73.5318, 51.5014, 56.0252, 71.7366, 41.5493, 92.3655, 70.7299, 92.2041]


def make_ijb(folder, seed, faces=None):
    """Templates of one to nine images of one to five media, numbered with holes; a media may be in two templates."""
    rng = np.random.default_rng(int(seed))
    os.makedirs(folder + "/meta")
    os.makedirs(folder + "/loose_crop")
    people, width, scale = 12, 16, 32 / 112
    centre = rng.normal(size=(people, width))
    files = [sorted(os.path.join(faces, p, f) for f in os.listdir(os.path.join(faces, p))) for p in sorted(os.listdir(faces))] if faces else None
    lines, points, rows, owner = [], [], [], {}
    for template in range(48):
        number = 3 * template + 7
        owner[number] = template % people
        for _ in range(rng.integers(1, 10)):
            name = "%d.jpg" % (len(lines) + 1)
            lines.append("%s %d %d" % (name, number, 100 * (template // 2) + rng.integers(0, 5)))
            jitter = np.array(POINTS) * scale + rng.normal(size=10) * 0.3
            points.append("%s %s %.6f" % (name, " ".join("%.3f" % x for x in jitter), rng.uniform(0.1, 1)))
            rows.append((centre[owner[number]] + 1.5 * rng.normal(size=width)) * rng.uniform(0.2, 3))
            if faces:
                images = files[owner[number]]
                with open(images[rng.integers(len(images))], "rb") as source, open(folder + "/loose_crop/" + name, "wb") as to:
                    to.write(source.read())
    order = rng.permutation(len(points))
    pairs = [(a, b) for a in owner for b in owner if a < b]
    for name, text in (("face_tid_mid", lines), ("name_5pts_score", [points[i] for i in order]),
                       ("template_pair_label", ["%d %d %d" % (a, b, owner[a] == owner[b]) for a, b in pairs])):
        with open(folder + "/meta/made_%s.txt" % name, "w") as file:
            file.write("\n".join(text) + "\n")
    if not faces:
        order = rng.permutation(len(rows))
        write_embeddings(folder + "/embeddings.h5", np.array(rows)[order], texts=["loose_crop/%d.jpg" % (i + 1) for i in order])


def operate(score, same, weight):
    far, tar = curve(-score, same, weight)
    result = {"auc": np.trapz(tar, far), "eer": equal_error(far, tar), "tar": {}}
    for power in range(1, 7):
        rate = 10.0**-power
        if np.sum(~same) * rate * (1 + TIE) >= 1:
            result["tar"]["1e-%d" % power] = tar[far <= rate * (1 + TIE)].max()
    return result


def ijb(folder, embeddings, told, weighted):
    def table(name):
        return [line.split() for line in open(folder + "/meta/made_%s.txt" % name)]

    with h5py.File(embeddings) as file:
        values = file["embedding"][...].astype(float)
        end, text = file["name_offset"][...], file["name"][...].tobytes()
        row = {text[a:b].decode().split("/")[-1]: i for i, (a, b) in enumerate(zip(end, end[1:]))}
    score = {line[0]: float(np.float32(line[11])) for line in table("name_5pts_score")}
    media = {}
    for name, template, source in table("face_tid_mid"):
        vector = values[row[name]]
        if "norm" not in weighted:
            vector = vector / np.linalg.norm(vector)
        if "score" in weighted:
            vector = vector * score[name]
        media.setdefault(int(template), {}).setdefault(source, []).append(vector)
    numbers = sorted(media)
    templates = np.array([np.sum([np.mean(v, 0) for v in media[t].values()], 0) for t in numbers])
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    pairs = np.array(table("template_pair_label"), int)
    pair, same = np.searchsorted(numbers, pairs[:, :2]), pairs[:, 2] == 1
    scores = np.sum(templates[pair[:, 0]] * templates[pair[:, 1]], 1)
    found, expected = json.load(open(told)), operate(scores, same, np.ones(len(pair)))
    assert (found["templates"], found["pairs"], found["images"]) == (len(numbers), len(pair), len(table("face_tid_mid")))
    people, count = number(components(len(numbers), [tuple(p) for p in pair[same]])[pair])
    assert found["interval"]["people"] == count == 12, (found, count)
    settings, draws = found["bootstrap"], []
    for draw in range(settings["draws"]):
        weight = pair_weights(people, draw_people(settings["seed"], draw, count)).astype(float)
        if weight[same].sum() > 0 and weight[~same].sum() > 0:
            draws.append(operate(scores, same, weight))
    for name in ("auc", "eer"):
        near(name, found[name], expected[name])
        near(name, found["interval"][name], np.percentile([d[name] for d in draws], [2.5, 97.5]))
    assert set(found["tar"]) == set(expected["tar"]) and len(found["tar"]) == 3, found
    for far in expected["tar"]:
        near(far, found["tar"][far], expected["tar"][far])
        near(far, found["interval"]["tar"][far], np.percentile([d["tar"][far] for d in draws], [2.5, 97.5]))


if __name__ == "__main__":
    {"make": make, "make-ijb": make_ijb, "groups": groups, "ijb": ijb, "search": search, "verification": verification}[sys.argv[1]](*sys.argv[2:])
