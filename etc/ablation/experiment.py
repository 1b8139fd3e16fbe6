"""What an experiment is: which trainings it compares and which figures its table has, read from YAML.

What all experiments share is base.yaml beside the experiment's file, which has these keys:

    title:     what the table is about
    set:       {key of daild's configuration: value}: what all rows of this experiment share above that
    data:      {synth: file of options for `dail synth`, set: {option: value}}
               or {faces: pixels a side, validation: [names]}: what `make faces` packs
               or {faces: pixels a side, overlapping: true}: what overlapping.py packs
    rows:      a list of {name, set: {key of daild's configuration: value}, synth: {option: value},
               datasets: [those trained on, counted from 0; all],
               groups: whose classes share a row, as one person: truth, those by the data's own list; or a row's name
               before, those that `dail overlap --groups` finds in its training with the same seed}
    sweep:     {label, key, values, even}: every row once for each value of a key of the configuration, or of
               synth.<option>; even: the plot has the values at equal distances
    measures:  the figures, [{name, title, figure, sets}], where not the standard ones
    order:     names of rows, which should be in this order by the first measure of `plot`
    plot:      names of the measures that are drawn
"""
from __future__ import annotations

import dataclasses
import difflib
import pathlib
import shlex
from typing import Any, Optional

import yaml


class Problem(Exception):
    """Something the user has to put right."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """How a figure of a training is shown: multiplied, with so many decimals, with an interval or without."""
    factor: float
    decimals: int
    unit: str
    interval: bool = True


FIGURES = {
    "accuracy": Figure(100, 2, "%"),
    "tar": Figure(100, 2, "%"),
    "domain_accuracy": Figure(100, 1, "%"),
    "centre_cosine": Figure(1, 3, ""),
    "group_pairs": Figure(1, 0, ""),
    "group_precision": Figure(1, 2, ""),
    "group_recall": Figure(1, 2, ""),
    "seconds_per_step": Figure(1000, 1, "ms", interval=False),
    "classifier_seconds": Figure(1000, 2, "ms", interval=False),
    "bytes_per_step": Figure(1e-6, 2, "MB", interval=False),
}
OF_SETS = ("accuracy", "tar")  # of the verification sets that a measure names; their mean
GROUPS_OF_TRUTH = "truth"


@dataclasses.dataclass(frozen=True)
class Measure:
    """A column of the table."""
    name: str
    title: str
    figure: str
    sets: str = ""

    def shown_as(self) -> Figure:
        return FIGURES[self.figure]


OF_VERIFICATION = (
    Measure("within", "within a domain", "accuracy", "*-within"),
    Measure("across", "across domains", "accuracy", "*-cross"),
    Measure("all", "all", "accuracy", "*-all"),
    Measure("tar", "across, TAR at FAR 1e-2", "tar", "*-cross"),
)
OF_TRAINING = (
    Measure("domain", "domain classifier", "domain_accuracy"),
    Measure("cosine", "same person's centres", "centre_cosine"),
    Measure("pairs", "pairs as one person", "group_pairs"),
    Measure("precision", "precision", "group_precision"),
    Measure("recall", "recall", "group_recall"),
    Measure("seconds", "ms a step", "seconds_per_step"),
    Measure("classifier", "of it the classifier", "classifier_seconds"),
    Measure("bytes", "MB exchanged a step", "bytes_per_step"),
)


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table: what is trained, on what data."""
    name: str
    series: str
    x: Optional[float]
    settings: dict[str, Any]
    synth: dict[str, Any]
    datasets: Optional[tuple[int, ...]]
    groups: str  # empty, GROUPS_OF_TRUTH, or the name of a row


@dataclasses.dataclass(frozen=True)
class Sweep:
    label: str
    key: str
    values: tuple[float, ...]
    even: bool


@dataclasses.dataclass(frozen=True)
class Experiment:
    name: str
    title: str
    base: pathlib.Path
    synth: dict[str, Any]  # options of `dail synth`, all rows'; empty: real faces
    faces: int  # pixels a side; 0: synthetic
    validation: tuple[str, ...]  # sets of the real faces
    overlapping: bool  # real faces of people who are in several datasets
    rows: tuple[Row, ...]
    sweep: Optional[Sweep]
    measures: tuple[Measure, ...]
    order: tuple[str, ...]
    plot: tuple[Measure, ...]


def mapping(found: Any, where: str) -> dict[str, Any]:
    """The mapping itself, whatever keys it has."""
    if not isinstance(found, dict):
        raise Problem(f"{where}: a mapping is expected, not {found!r}")
    return found


def take(found: Any, where: str, *keys: str) -> dict[str, Any]:
    """The mapping itself, in which only these keys may occur."""
    for key in mapping(found, where):
        if key not in keys:
            near = difflib.get_close_matches(str(key), keys, 1)
            raise Problem(f"{where}: there is no {key!r}; " +
                          (f"{near[0]!r} perhaps?" if near else f"it may have {', '.join(keys)}"))
    return found


def need(found: dict[str, Any], where: str, key: str) -> Any:
    if key not in found:
        raise Problem(f"{where}: {key!r} is missing")
    return found[key]


def read_synth(path: pathlib.Path) -> dict[str, Any]:
    """Options of `dail synth` as a mapping; # begins a comment."""
    try:
        words = shlex.split(path.read_text(encoding="utf-8"), comments=True)
    except OSError as error:
        raise Problem(f"{path}: {error.strerror}; options of `dail synth` are expected there") from error
    except ValueError as error:
        raise Problem(f"{path}: {error}") from error
    names, values = words[::2], words[1::2]
    if len(names) != len(values) or not all(name.startswith("--") for name in names):
        raise Problem(f"{path}: options are expected as --name value")
    return {name[2:]: yaml.safe_load(value) for name, value in zip(names, values)}


def read_rows(found: Any, where: str, shared: dict[str, Any]) -> list[Row]:
    if not isinstance(found, list) or not found:
        raise Problem(f"{where}: a list of rows is expected under 'rows'")
    rows = []
    for each in found:
        take(each, f"{where}: a row", "name", "set", "synth", "datasets", "groups")
        name = str(need(each, f"{where}: a row", "name"))
        groups = str(each.get("groups") or "")
        if groups not in ("", GROUPS_OF_TRUTH, *(row.name for row in rows)):
            raise Problem(f"{where}: row {name}: groups is {groups!r}; it may be {GROUPS_OF_TRUTH!r} or a row before it")
        datasets = each.get("datasets")
        rows.append(Row(name, name, None, {**shared, **mapping(each.get("set") or {}, f"{where}: row {name}: set")},
                        mapping(each.get("synth") or {}, f"{where}: row {name}: synth"),
                        tuple(datasets) if datasets is not None else None, groups))
    if len({row.name for row in rows}) < len(rows):
        raise Problem(f"{where}: two rows have one name")
    return rows


def read_sweep(found: Any, where: str) -> Optional[Sweep]:
    if found is None:
        return None
    where += ": sweep"
    take(found, where, "label", "key", "values", "even")
    key = str(need(found, where, "key"))
    return Sweep(found.get("label", key), key, tuple(need(found, where, "values")), bool(found.get("even")))


def spread(rows: list[Row], sweep: Optional[Sweep]) -> list[Row]:
    """Every row once for each value of the sweep."""
    if not sweep:
        return rows
    result = []
    for row in rows:
        for value in sweep.values:
            settings, synth = dict(row.settings), dict(row.synth)
            if sweep.key.startswith("synth."):
                synth[sweep.key[len("synth."):]] = value
            else:
                settings[sweep.key] = value
            groups = row.groups if row.groups in ("", GROUPS_OF_TRUTH) else f"{row.groups} {value:g}"
            result.append(dataclasses.replace(row, name=f"{row.series} {value:g}", x=float(value),
                                              settings=settings, synth=synth, groups=groups))
    return result


def read_measures(found: Any, where: str) -> tuple[Measure, ...]:
    if found is None:
        return OF_VERIFICATION + OF_TRAINING
    measures = []
    for each in found:
        take(each, f"{where}: a measure", "name", "title", "figure", "sets")
        name = need(each, f"{where}: a measure", "name")
        figure = each.get("figure", "accuracy")
        if figure not in OF_SETS:
            raise Problem(f"{where}: measure {name!r} has figure {figure!r}; it may be {' or '.join(OF_SETS)}")
        measures.append(Measure(name, each.get("title", name), figure, need(each, where, "sets")))
    return tuple(measures) + OF_TRAINING


def named(names: Any, known: dict[str, Any], where: str) -> tuple[Any, ...]:
    for name in names:
        if name not in known:
            raise Problem(f"{where}: {name!r} is none of {', '.join(known)}")
    return tuple(known[name] for name in names)


def read_experiment(path: pathlib.Path) -> Experiment:
    """Reads an experiment's file; the files that it names lie beside it."""
    where = str(path)
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        there = sorted(each.stem for each in path.parent.glob("*.yaml") if "rows:" in each.read_text(encoding="utf-8"))
        raise Problem(f"{where}: {error.strerror}; there are {', '.join(there)}") from error
    except yaml.YAMLError as error:
        raise Problem(f"{where}: {error}") from error
    take(found, where, "title", "set", "data", "rows", "sweep", "measures", "order", "plot")
    data = take(need(found, where, "data"), f"{where}: data", "synth", "set", "faces", "validation", "overlapping")
    if ("synth" in data) == ("faces" in data):
        raise Problem(f"{where}: data is either 'synth' or 'faces'")
    changed = mapping(data.get("set") or {}, f"{where}: data: set")
    synth = {**read_synth(path.parent / data["synth"]), **changed} if "synth" in data else {}
    rows = read_rows(need(found, where, "rows"), where, mapping(found.get("set") or {}, f"{where}: set"))
    sweep = read_sweep(found.get("sweep"), where)
    measures = read_measures(found.get("measures"), where)
    by_name = {measure.name: measure for measure in measures}
    plot = named(found.get("plot") or [measures[0].name], by_name, f"{where}: plot")
    order = tuple(row.name for row in named(found.get("order") or [], {row.name: row for row in rows}, f"{where}: order"))
    if sweep and order:
        raise Problem(f"{where}: a sweep has no 'order'")
    return Experiment(path.stem, str(need(found, where, "title")), path.parent / "base.yaml", synth,
                      int(data.get("faces", 0)), tuple(data.get("validation") or ()), bool(data.get("overlapping")),
                      tuple(spread(rows, sweep)), sweep, measures, order, plot)
