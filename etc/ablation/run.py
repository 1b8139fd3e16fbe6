#!/usr/bin/python3
"""Runs experiments: trains every row with every seed, and writes tables and plots.

    run.py [--build DIR] [--output DIR] [--seeds N] [--data-seed N] [--rows NAME,...] [--jobs N] [--workers N]
           [--faces DIR] EXPERIMENT...

An experiment is a file of this folder without its ending (ablation), or a path. What is done already is not done
again: trainings are kept in <output>/trainings, named after all that decides their result, so that experiments share
them; one that was broken off goes on from its checkpoint. Tables and plots go to <output>/<experiment>-<data seed>; the
output is <build>/ablation unless named. Exit codes: 0; 1 where a training failed or diverged; 2 for what has to be put
right first; 75 stopped on request: the same command goes on.
"""
from __future__ import annotations

import argparse
import asyncio
import dataclasses
import fnmatch
import os
import pathlib
import signal
import sys
import time
from typing import Any, Iterator, Sequence

sys.dont_write_bytecode = True
import data
from experiment import OF_SETS, Experiment, Problem, Row, read_experiment
from overlapping import overlapping
from table import Outcome, figure_of, write_all
from training import DIVERGED, STOPPED, Programs, Training, programs_of, resolve, train

HERE = pathlib.Path(__file__).resolve().parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs experiments: trainings, tables, plots.")
    parser.add_argument("--build", default=os.environ.get("DAIL_BUILD", "build"), type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path, help="where everything goes (BUILD/ablation)")
    parser.add_argument("--seeds", default=5, type=int, help="trainings of each row, with run.seed 1, 2, ...")
    parser.add_argument("--data-seed", type=int, help="seed of dail synth, instead of the one in the options' file")
    parser.add_argument("--rows", type=lambda names: names.split(","), default=[], metavar="NAME,...",
                        help="of each experiment these rows alone; in a sweep with all values, or NAME VALUE with one")
    parser.add_argument("--jobs", default=1, type=int, help="trainings side by side, each on cores of its own")
    parser.add_argument("--workers", default=2, type=int, help="workers of each training, one thread each")
    parser.add_argument("--faces", default=pathlib.Path("../shared/faces"), type=pathlib.Path)
    parser.add_argument("experiment", nargs="+")
    chosen = parser.parse_args()
    if min(chosen.seeds, chosen.jobs, chosen.workers) < 1:
        parser.error("--seeds, --jobs and --workers are 1 or more")
    return chosen


def say(text: str) -> None:
    print(text, flush=True)


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def core_sets(jobs: int) -> list[list[int]]:
    """The cores of each job: the allowed ones dealt in runs; with more jobs than cores, jobs share them."""
    cores = sorted(os.sched_getaffinity(0))
    if jobs > len(cores):
        return [[cores[job % len(cores)]] for job in range(jobs)]
    bounds = [job * len(cores) // jobs for job in range(jobs + 1)]
    return [cores[begin:end] for begin, end in zip(bounds, bounds[1:])]


# --- Which trainings ---

def data_of(experiment: Experiment, synth: dict[str, Any], chosen: argparse.Namespace, root: pathlib.Path) -> data.Data:
    if experiment.overlapping:
        return overlapping(chosen.build, root, chosen.faces, experiment.faces)
    if experiment.faces:
        return data.real(chosen.build, root, chosen.faces, experiment.faces, experiment.validation)
    options = {**experiment.synth, **synth}
    if chosen.data_seed is not None:
        options["seed"] = chosen.data_seed
    return data.synthetic(chosen.build / "dail", root, options)


def with_rows(experiment: Experiment, names: Sequence[str]) -> Experiment:
    """The experiment with the rows of these names, or of these series of a sweep, alone; with all if none is named."""
    known = list(dict.fromkeys(name for row in experiment.rows for name in (row.series, row.name)))
    for name in names:
        if name not in known:
            raise Problem(f"{experiment.name}: --rows: {name!r} is none of {', '.join(known)}")
    rows = tuple(row for row in experiment.rows if not names or row.name in names or row.series in names)
    order = tuple(name for name in experiment.order if name in {row.name for row in rows})
    return dataclasses.replace(experiment, rows=rows, order=order if len(order) > 1 else ())


def with_groups(experiment: Experiment, rows: Sequence[Row]) -> list[Row]:
    """The rows, and those in whose trainings their groups are found, in the experiment's order."""
    needed = {row.name for row in rows}
    for row in reversed(experiment.rows):
        if row.name in needed and row.groups:
            needed.add(row.groups)
    return [row for row in experiment.rows if row.name in needed]


def check_sets(experiment: Experiment, made: data.Data) -> None:
    for measure in experiment.measures:
        names = [path.stem for path in made.sets]
        if measure.figure in OF_SETS and not fnmatch.filter(names, measure.sets):
            raise Problem(f"{experiment.name}: measure {measure.name}: {measure.sets} is none of {', '.join(names)}")


def plan(whole: Experiment, experiment: Experiment, chosen: argparse.Namespace, programs: Programs,
         root: pathlib.Path) -> list[Training]:
    """All trainings of the experiment, a part of the whole, seed by seed: who looks on early sees every row."""
    made: dict[str, data.Data] = {}
    needed = with_groups(whole, experiment.rows)
    for row in needed:
        key = data.short_digest(row.synth)
        if key not in made:
            begin = time.monotonic()
            made[key] = data_of(experiment, row.synth, chosen, root / "data")
            check_sets(experiment, made[key])
            say(f"{experiment.name}: data {made[key].manifests[0].parent}, {sum(made[key].images)} images in "
                f"{len(made[key].manifests)} datasets, {time.monotonic() - begin:.0f} s")
    by_row: dict[str, list[Training]] = {}
    for row in needed:
        by_row[row.name] = resolve(programs, root / "trainings", experiment.base, row, range(1, chosen.seeds + 1),
                                   made[data.short_digest(row.synth)], by_row)
    return [training for of_a_seed in zip(*(by_row[row.name] for row in experiment.rows))
            for training in of_a_seed]


# --- Training ---

class Progress:
    """One line a training: what it gave, and when all will be done."""

    def __init__(self, experiment: Experiment, total: int, before: int, jobs: int) -> None:
        self.experiment, self.total, self.before, self.jobs = experiment, total, before, jobs
        self.done, self.begin = 0, time.monotonic()
        say(f"{experiment.name}: {total} trainings, {before} of them done before; {jobs} at a time")

    def tell(self, training: Training, result: dict[str, Any]) -> None:
        self.done += 1
        passed, number = time.monotonic() - self.begin, self.before + self.done
        name = f"[{number}/{self.total}] {training.row.name} seed {training.seed}"
        left = f"{duration(passed)} so far, about {duration(passed / self.done * (self.total - number))} left"
        if result["code"] != 0:
            what = "diverged" if result["code"] == DIVERGED else f"failed with {result['code']}"
            say(f"{name} {what}: {result['failure']} ({training.folder}/training.log); {left}")
            return
        figures = ", ".join(f"{measure.title} {100 * (figure_of(result, measure) or 0):.2f} %"
                            for measure in self.experiment.measures if measure.figure in OF_SETS)
        say(f"{name}: {figures}; {duration(result['seconds'])}; {left}")


async def run_trainings(trainings: Sequence[Training], programs: Programs, jobs: int, progress: Progress) -> dict[str, Any]:
    """The results by the trainings' folders: so many jobs take one training after the other."""
    waiting: Iterator[Training] = iter(trainings)
    results: dict[str, Any] = {}

    async def job(cores: list[int]) -> None:
        for training in waiting:
            if programs.stopping:
                return
            result = await train(programs, training, cores)
            if not programs.stopping:
                results[str(training.folder)] = result
                progress.tell(training, result)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, programs.stop)
    await asyncio.gather(*(job(cores) for cores in core_sets(jobs)))
    return results


def run_experiment(name: str, chosen: argparse.Namespace) -> int:
    begin = time.monotonic()
    path = pathlib.Path(name) if name.endswith(".yaml") else HERE / f"{name}.yaml"
    whole = read_experiment(path)
    experiment = with_rows(whole, chosen.rows)
    programs = programs_of(chosen.build, chosen.workers)
    root = chosen.output or chosen.build / "ablation"
    trainings = plan(whole, experiment, chosen, programs, root)
    results = {str(training.folder): training.result() for training in trainings}
    missing = {str(training.folder): training for training in trainings if not results[str(training.folder)]}
    progress = Progress(experiment, len(results), len(results) - len(missing), chosen.jobs)
    results.update(asyncio.run(run_trainings(list(missing.values()), programs, chosen.jobs, progress)))
    if programs.stopping:
        say(f"{experiment.name}: stopped; the same command goes on")
        return STOPPED
    outcomes: list[Outcome] = [(training, results[str(training.folder)] or {}) for training in trainings]
    seed = chosen.data_seed if chosen.data_seed is not None else experiment.synth.get("seed", 1)
    folder = root / (f"{experiment.name}-{seed}" if not experiment.faces else experiment.name)
    say("\n" + write_all(experiment, outcomes, folder))
    say(f"{experiment.name}: {folder}; {duration(time.monotonic() - begin)}, all its trainings "
        f"{duration(sum(result['seconds'] for result in results.values() if result))}\n")
    return 1 if any(result["code"] != 0 for _, result in outcomes) else 0


def seen_from(root: pathlib.Path, path: str | pathlib.Path) -> pathlib.Path:
    """A path of the user's, for who works in another folder: short where it lies within."""
    whole = pathlib.Path(path).absolute()
    return whole.relative_to(root) if whole.is_relative_to(root) else whole


def main() -> int:
    chosen = arguments()
    root = HERE.parent.parent
    chosen.faces = chosen.faces.absolute()
    chosen.build = seen_from(root, chosen.build)
    chosen.output = seen_from(root, chosen.output) if chosen.output else None
    chosen.experiment = [str(seen_from(root, name)) if name.endswith(".yaml") else name for name in chosen.experiment]
    os.chdir(root)
    code = 0
    try:
        for name in chosen.experiment:
            code = max(code, run_experiment(name, chosen))
            if code == STOPPED:
                break
    except Problem as problem:
        print(f"{pathlib.Path(sys.argv[0]).name}: {problem}", file=sys.stderr)
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
