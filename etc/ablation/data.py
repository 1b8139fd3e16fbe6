"""The data of an experiment: made once for each set of options, kept, and known by its content."""
from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
from typing import Any, Iterator, Optional

import yaml

from experiment import Problem

REAL_TRUTH = "overlaps.tsv"


@dataclasses.dataclass(frozen=True)
class Data:
    """Datasets and verification sets that lie ready."""
    manifests: tuple[pathlib.Path, ...]
    images: tuple[int, ...]  # of each dataset
    sets: tuple[pathlib.Path, ...]
    truth: pathlib.Path  # who is in two datasets
    digest: str  # of everything in these files


def run_quietly(command: list[str], what: str, environment: Optional[dict[str, str]] = None) -> None:
    """Runs a command to its end; what it says is shown only if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          env={**os.environ, **(environment or {})})
    if done.returncode != 0:
        raise Problem(f"{what} failed with {done.returncode}: {(done.stdout.strip().splitlines() or ['silently'])[-1]}")


@contextlib.contextmanager
def locked(path: pathlib.Path) -> Iterator[None]:
    """One process at a time: others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def digest_of_files(paths: list[pathlib.Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def short_digest(value: Any) -> str:
    """A name for a value that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def content(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in (".h5", ".yaml", ".tsv", ".txt"))


def described(manifests: list[pathlib.Path], sets: list[pathlib.Path], truth: pathlib.Path,
              files: list[pathlib.Path]) -> Data:
    images = [yaml.safe_load(path.read_text(encoding="utf-8"))["images"] for path in manifests]
    return Data(tuple(manifests), tuple(images), tuple(sets), truth, digest_of_files(files))


def synthetic(dail: pathlib.Path, root: pathlib.Path, options: dict[str, Any]) -> Data:
    """Data of `dail synth`, in a folder named after its options, made anew if the program has changed since; only
    data that then differs takes the place of what is there."""
    folder = root / ("synth-" + short_digest(options))
    fresh, marker = folder.with_name(folder.name + ".new"), folder / "complete"
    program = digest_of_files([dail])
    with locked(folder.with_name(folder.name + ".lock")):
        if not marker.exists() or marker.read_text(encoding="utf-8") != program:
            shutil.rmtree(fresh, ignore_errors=True)
            flags = [word for name, value in options.items() for word in ("--" + name, str(value))]
            run_quietly([str(dail), "synth", "-o", str(fresh), *flags], f"dail synth {' '.join(flags)}")
            if marker.exists() and digest_of_files(content(folder)) == digest_of_files(content(fresh)):
                shutil.rmtree(fresh)
            else:
                shutil.rmtree(folder, ignore_errors=True)
                fresh.rename(folder)
            marker.write_text(program, encoding="utf-8")
    name = str(options.get("name", "synth"))
    manifests = [folder / f"{name}{number}.yaml" for number in range(int(options.get("datasets", 3)))]
    if not all(path.exists() for path in manifests):
        raise Problem(f"{folder}: dail synth has not made {manifests[-1].name}")
    sets = [path for path in content(folder) if path.stem.endswith(("-within", "-cross", "-all"))]
    return described(manifests, sets, folder / "overlap.tsv", content(folder))


def real(build: pathlib.Path, root: pathlib.Path, faces: pathlib.Path, size: int, validation: tuple[str, ...]) -> Data:
    """The real faces, as etc/faces.sh packs them."""
    folder = root / f"faces-{size}"
    with locked(folder.with_name(folder.name + ".lock")):
        run_quietly(["etc/faces.sh", str(faces), str(size)], "packing the faces",
                    {"DAIL_DATA": str(folder), "DAIL_BUILD": str(build)})
    manifests = sorted(folder.glob("*.yaml"), key=lambda path: yaml.safe_load(path.read_text())["dataset_id"])
    sets = [folder / f"{name}.h5" for name in validation]
    if not all(path.exists() for path in sets):
        raise Problem(f"{folder}: not all of {', '.join(validation)} are there")
    return described(manifests, sets, faces / REAL_TRUTH, content(folder))
