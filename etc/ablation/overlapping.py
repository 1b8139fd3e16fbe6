"""Real faces of people who are in several datasets: CFP's frontal and its profile images as two, LFW, PinsFace and
celeb17. Verified on people of CFP's folds 9 and 10, and of LFW's, of whom nobody is in training."""
from __future__ import annotations

import csv
import pathlib
import shutil
from typing import Iterator

from data import REAL_TRUTH, Data, content, described, digest_of_files, locked, run_quietly, short_digest
from experiment import Problem

FOLDS = {str(fold) for fold in range(1, 9)}  # whose people are trained on
DATASETS = ("cfp-frontal", "cfp-profile", "lfw", "pins", "celeb17")
CFP_PAIRS, CFP_HELD_OUT, LFW_HELD_OUT = "cfp-fp.tsv", "cfp-held-out", "lfw-unseen"
IMAGES = (".jpg", ".jpeg", ".png", ".pgm")


def table(path: pathlib.Path) -> list[dict[str, str]]:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t"))
    except OSError as error:
        raise Problem(f"{path}: {error.strerror}; --faces names the folder of the real faces") from error


def same_people(faces: pathlib.Path) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Who is known to be in two of the folders, as (folder, name)."""
    return [((row["dataset_a"], row["identity_a"]), (row["dataset_b"], row["identity_b"]))
            for row in table(faces / REAL_TRUTH)]


def closure(start: set[tuple[str, str]], same: list[tuple[tuple[str, str], tuple[str, str]]]) -> set[tuple[str, str]]:
    """These and everybody who is one of them, by however many steps."""
    found = set(start)
    while True:
        more = {other for pair in same for this, other in (pair, pair[::-1]) if this in found} - found
        if not more:
            return found
        found |= more


def verified(faces: pathlib.Path, pairs: list[dict[str, str]]) -> set[tuple[str, str]]:
    """Who is in the verification sets."""
    named = [row[side] for row in pairs + table(faces / f"{LFW_HELD_OUT}.tsv") for side in ("a", "b")]
    return {(path.split("/")[0], path.split("/")[1]) for path in named}


def images_of(folder: pathlib.Path, begin: str = "") -> list[pathlib.Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGES and path.name.startswith(begin))


def people_of(faces: pathlib.Path, dataset: str, left_out: set[tuple[str, str]]) -> Iterator[tuple[str, list[pathlib.Path]]]:
    """The identities of a dataset and their images."""
    source, _, kind = dataset.partition("-")
    fold = {row["identity"]: row["fold"] for row in table(faces / "lfw-folds.tsv")}
    for folder in sorted(path for path in (faces / source).iterdir() if path.is_dir()):
        images = images_of(folder, kind)
        if (source, folder.name) not in left_out and (source != "lfw" or fold.get(folder.name) in FOLDS) and len(images) > 1:
            yield folder.name, images


def write_truth(folder: pathlib.Path, same: list[tuple[tuple[str, str], tuple[str, str]]],
                people: dict[str, set[str]]) -> None:
    """Who of those trained on is in two datasets."""
    rows: set[tuple[str, str, str, str]] = set()
    for name in sorted(people["cfp-frontal"] & people["cfp-profile"]):
        rows.add(("cfp-frontal", name, "cfp-profile", name))
    for pair in same:
        for first in (dataset for dataset in DATASETS if dataset.partition("-")[0] == pair[0][0]):
            for second in (dataset for dataset in DATASETS if dataset.partition("-")[0] == pair[1][0]):
                if pair[0][1] in people[first] and pair[1][1] in people[second] and first != second:
                    rows.add((first, pair[0][1], second, pair[1][1]))
    lines = ["dataset_a\tidentity_a\tdataset_b\tidentity_b", *("\t".join(row) for row in sorted(rows))]
    (folder / REAL_TRUTH).write_text("\n".join(lines) + "\n", encoding="utf-8")


def pack(dail: pathlib.Path, folder: pathlib.Path, faces: pathlib.Path, size: int) -> None:
    same, held_out = same_people(faces), folder / f"{CFP_HELD_OUT}.pairs"
    pairs = [row for row in table(faces / CFP_PAIRS) if row["fold"] not in FOLDS]
    left_out = closure(verified(faces, pairs), same)
    people: dict[str, set[str]] = {}
    for dataset in DATASETS:
        listed, found = folder / f"{dataset}.list", dict(people_of(faces, dataset, left_out))
        people[dataset] = set(found)
        listed.write_text("".join(f"{path.relative_to(faces)}\t{name}\n" for name, images in found.items() for path in images),
                          encoding="utf-8")
        run_quietly([str(dail), "pack", "--list", str(listed), "--images", str(faces), "-o", str(folder), "-n", dataset,
                     "-s", str(size)], f"packing {dataset}")
    write_truth(folder, same, people)
    held_out.write_text("\n".join("\t".join(row) for row in
                                  [("fold", "a", "b", "same"), *(tuple(row.values()) for row in pairs)]) + "\n", encoding="utf-8")
    for name, path in ((CFP_HELD_OUT, held_out), (LFW_HELD_OUT, faces / f"{LFW_HELD_OUT}.tsv")):
        run_quietly([str(dail), "pack", "--pairs", str(path), "--images", str(faces), "-o", str(folder / f"{name}.h5"),
                     "-s", str(size)], f"packing {name}")


def overlapping(build: pathlib.Path, root: pathlib.Path, faces: pathlib.Path, size: int) -> Data:
    """Packs them, unless this program has done so with these tables."""
    dail, folder = build / "dail", root / f"overlapping-{size}"
    tables = [faces / name for name in (REAL_TRUTH, CFP_PAIRS, "lfw-folds.tsv", f"{LFW_HELD_OUT}.tsv")]
    for path in tables:
        table(path)
    made_by, marker = short_digest([digest_of_files([dail]), digest_of_files(tables)]), folder / "complete"
    with locked(folder.with_name(folder.name + ".lock")):
        if not marker.exists() or marker.read_text(encoding="utf-8") != made_by:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            pack(dail, folder, faces, size)
            marker.write_text(made_by, encoding="utf-8")
    return described([folder / f"{name}.yaml" for name in DATASETS],
                     [folder / f"{name}.h5" for name in (CFP_HELD_OUT, LFW_HELD_OUT)], folder / REAL_TRUTH, content(folder))
