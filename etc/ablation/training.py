"""One training and what is measured of it, kept as JSON beside the run so that it is done once."""
from __future__ import annotations

import asyncio
import dataclasses
import fcntl
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import time
from typing import Any, Optional, Sequence

import yaml

from data import Data, short_digest
from experiment import GROUPS_OF_TRUTH, Problem, Row

DOMAIN_RECORDS = 20  # step records at the end whose mean is the domain classifier's accuracy
DIVERGED, STOPPED = 4, 75  # exit codes of daild
RULER = re.compile(r"^-{20,}$")  # around mpirun's own words


@dataclasses.dataclass(frozen=True)
class Training:
    """A row with one seed, resolved: everything that decides its result."""
    row: Row
    seed: int
    settings: dict[str, Any]
    data: Data
    trained_on: tuple[int, ...]  # images of each dataset
    folder: pathlib.Path
    groups_of: Optional["Training"]  # in whose network the groups are found

    @property
    def groups_file(self) -> pathlib.Path:
        """The groups found in this training's network, once another asks for them."""
        return self.folder / "groups.tsv"

    @property
    def result_file(self) -> pathlib.Path:
        return self.folder / "result.json"

    def result(self) -> Optional[dict[str, Any]]:
        if not self.result_file.exists():
            return None
        return json.loads(self.result_file.read_text(encoding="utf-8"))


@dataclasses.dataclass
class Programs:
    """What trainings are run with, and the processes under way."""
    build: pathlib.Path
    workers: int
    version: str
    children: set[asyncio.subprocess.Process] = dataclasses.field(default_factory=set)
    stopping: bool = False

    def stop(self) -> None:
        """A training is asked for a checkpoint and the end; everything at the second time is killed."""
        for child in self.children:
            if child.returncode is None:
                child.send_signal(signal.SIGKILL if self.stopping else signal.SIGUSR1)
        self.stopping = True


def programs_of(build: pathlib.Path, workers: int) -> Programs:
    try:
        version = subprocess.run([str(build / "daild"), "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise Problem(f"{build}/daild does not run: {error}") from error
    return Programs(build, workers, version.strip())


# --- What is trained ---

def resolved(programs: Programs, base: pathlib.Path, overrides: dict[str, Any]) -> dict[str, Any]:
    """The whole configuration, by daild itself: what is wrong in it is told before anything is trained."""
    sets = [word for key, value in overrides.items() for word in ("--set", f"{key}={json.dumps(value)}")]
    done = subprocess.run([str(programs.build / "daild"), "--print-config", str(base), *sets], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        raise Problem(done.stderr.strip())
    return yaml.safe_load(done.stdout)


def resolve(programs: Programs, root: pathlib.Path, base: pathlib.Path, row: Row, seeds: Sequence[int],
            data: Data, before: dict[str, list[Training]]) -> list[Training]:
    """The trainings of a row, after those of the rows `before`. With fewer datasets than there are it has more epochs in proportion, so that all rows
    take the same number of steps."""
    chosen = row.datasets if row.datasets is not None else tuple(range(len(data.manifests)))
    if not chosen or max(chosen) >= len(data.manifests) or min(chosen) < 0:
        raise Problem(f"row {row.name}: datasets {list(chosen)} are not among the {len(data.manifests)} there are")
    overrides = {"data.datasets": [str(data.manifests[number]) for number in chosen], "runtime.threads": 1,
                 **row.settings}
    if row.groups == GROUPS_OF_TRUTH:
        overrides["identity.file"] = str(data.truth)
    settings = resolved(programs, base, overrides)
    longer = sum(data.images) / sum(data.images[number] for number in chosen)
    for key in ("epochs", "warmup_epochs"):
        settings["schedule"][key] = round(settings["schedule"][key] * longer, 6)
    if settings["data"]["lanes"] == "auto" or settings["data"]["lanes"] % programs.workers != 0:
        raise Problem(f"{base}: data.lanes is {settings['data']['lanes']}: not a number that {programs.workers} workers "
                      "divide")
    trainings = []
    for index, seed in enumerate(seeds):
        groups_of = before[row.groups][index] if row.groups in before else None
        identity = {**settings["identity"], **({"file": str(groups_of.groups_file)} if groups_of else {})}
        neutral = {**settings, "run": {"seed": seed}, "data": {**settings["data"], "datasets": list(chosen)}}
        if row.groups:
            neutral["identity"] = {**identity, "file": groups_of.folder.name if groups_of else row.groups}
        folder = root / short_digest([neutral, data.digest, programs.workers, programs.version])
        run = {"name": f"{row.name} seed {seed}", "dir": str(folder / "run"), "seed": seed}
        trainings.append(Training(row, seed, {**settings, "run": run, "identity": identity}, data,
                                  tuple(data.images[number] for number in chosen), folder, groups_of))
    return trainings


# --- What is measured ---

def last_line(log: pathlib.Path) -> str:
    """The last line of a log that is not mpirun's own."""
    last, ruled = "it said nothing", False
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if RULER.match(line):
            ruled = not ruled
        elif line.strip() and not ruled:
            last = line.strip()
    return last


def step_records(run: pathlib.Path) -> list[dict[str, Any]]:
    """The step records of a run; of a step that was done twice, since the run was broken off, the later one."""
    steps = {}
    with open(run / "status.jsonl", encoding="utf-8") as log:
        for line in log:
            try:
                record = json.loads(line)
            except ValueError:
                continue  # cut off by a crash
            if record["kind"] == "step":
                steps[record["step"]] = record
    return [steps[number] for number in sorted(steps)]


def from_log(run: pathlib.Path, datasets: int) -> dict[str, Any]:
    """What the status log tells. A domain classifier of one dataset tells nothing."""
    records = step_records(run)
    seconds = [sum(record["seconds"][part] for part in ("data", "compute", "exchange")) for record in records]
    domain = statistics.fmean(record["domain_accuracy"] for record in records[-DOMAIN_RECORDS:])
    return {
        "steps": records[-1]["step"],
        "loss": statistics.fmean(record["loss_cls"] for record in records[-DOMAIN_RECORDS:]),
        "domain_accuracy": domain if datasets > 1 else None,
        "seconds_per_step": statistics.median(seconds),
        "classifier_seconds": statistics.median(record["seconds"]["classifier"] for record in records),
        "bytes_per_step": statistics.fmean(record["bytes"] for record in records),
    }


def from_eval(text: str) -> dict[str, Any]:
    """What `dail eval --json` tells of each set."""
    return {each["set"]: {"accuracy": each["accuracy"], "tar": each["tar"].get("1e-2"), "auc": each["auc"]}
            for each in json.loads(text)["sets"]}


def from_overlap(text: str) -> dict[str, Any]:
    """What `dail overlap --truth` tells of the centres of the same person, or where classes share rows, of those."""
    found = re.search(r"trained as one person: (\d+) pairs, .*: precision ([0-9.]+), recall ([0-9.]+)", text)
    if found:
        return {"group_pairs": int(found[1]), "group_precision": float(found[2]), "group_recall": float(found[3])}
    found = re.search(r"mean cosine of class centres: (\S+) .* known pairs, (\S+) of", text)
    if not found:
        raise Problem(f"dail overlap does not tell the cosines: {text.strip()}")
    return {"centre_cosine": float(found[1]), "others_cosine": float(found[2])}


# --- The running ---

def pinned(cores: Sequence[int], parting_signal: str, command: list[str]) -> list[str]:
    """On these cores alone; with the driver's death comes a signal."""
    return ["setpriv", "--pdeathsig", parting_signal, "taskset", "-c", ",".join(map(str, cores)), *command]


def environment() -> dict[str, str]:
    """Open MPI wants to be asked twice before it runs as root, as containers do."""
    allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"} if os.geteuid() == 0 else {}
    return {**os.environ, **allowed}


async def call(programs: Programs, command: list[str], output: Any, keep: Sequence[int] = ()) -> tuple[int, str]:
    """Runs a command in a session of its own, so that a Ctrl-C reaches it through `Programs.stop` alone."""
    child = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=subprocess.STDOUT,
                                                 stdin=subprocess.DEVNULL, env=environment(), pass_fds=keep,
                                                 start_new_session=True)
    programs.children.add(child)
    said, _ = await child.communicate()
    programs.children.discard(child)
    return child.returncode or 0, said.decode(errors="replace") if said else ""


async def measure(programs: Programs, training: Training, cores: Sequence[int]) -> dict[str, Any]:
    """Verifies the network of a training that is done, and compares its class centres."""
    dail, run, threads = str(programs.build / "dail"), str(training.folder / "run"), ["--threads", str(len(cores))]
    code, said = await call(programs, pinned(cores, "TERM", [dail, "eval", "--json", *threads, run,
                                                             *map(str, training.data.sets)]), subprocess.PIPE)
    if code != 0:
        raise Problem(f"dail eval failed with {code}: {(said.strip().splitlines() or [''])[-1]}")
    result = {"sets": from_eval(said), **from_log(training.folder / "run", len(training.trained_on))}
    if len(training.trained_on) > 1 and len(training.data.truth.read_text(encoding="utf-8").splitlines()) > 1:
        code, said = await call(programs, pinned(cores, "TERM", [
            dail, "overlap", *threads, "--truth", str(training.data.truth), "-o",
            str(training.folder / "overlap.tsv"), run]), subprocess.PIPE)
        if code != 0:
            raise Problem(f"dail overlap failed with {code}: {(said.strip().splitlines() or [''])[-1]}")
        result.update(from_overlap(said))
    return result


async def lock(training: Training) -> Any:
    """The training's lock file, once no other process holds it. mpirun inherits it, so that one which outlives its
    driver still does."""
    file = open(training.folder / "lock", "w", encoding="utf-8")  # pylint: disable=consider-using-with
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            await asyncio.sleep(0.5)


async def find_groups(programs: Programs, training: Training, cores: Sequence[int]) -> None:
    """Trains what the groups are found in, unless that is done, and finds them."""
    result = await train(programs, training, cores)
    if result["code"] == STOPPED or programs.stopping:
        return
    if result["code"] != 0:
        raise Problem(f"the training that it takes groups of has failed: {training.folder}/training.log")
    code, said = await call(programs, pinned(cores, "TERM", [
        str(programs.build / "dail"), "overlap", "--embed", "--threads", str(len(cores)), "--groups", str(training.groups_file),
        "-o", str(training.folder / "found.tsv"), str(training.folder / "run")]), subprocess.PIPE)
    if code != 0:
        raise Problem(f"dail overlap failed with {code}: {(said.strip().splitlines() or [''])[-1]}")


async def train(programs: Programs, training: Training, cores: Sequence[int]) -> dict[str, Any]:
    """Trains, from where it was broken off, and measures. The result is kept if it is done or has diverged: anything
    else may go better the next time."""
    training.folder.mkdir(parents=True, exist_ok=True)
    with await lock(training) as held:
        finished = training.result()
        if finished:
            return finished
        begin = time.monotonic()
        config, log = training.folder / "config.yaml", training.folder / "training.log"
        try:
            if training.groups_of and not training.groups_of.groups_file.exists():
                await find_groups(programs, training.groups_of, cores)
        except Problem as problem:
            return {"code": 1, "failure": str(problem), "seconds": 0.0}
        config.write_text(yaml.safe_dump(training.settings, sort_keys=False), encoding="utf-8")
        with open(log, "w", encoding="utf-8") as output:
            code, _ = await call(programs, pinned(cores, "USR1", [
                "mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(1 + programs.workers),
                str(programs.build / "daild"), str(config)]), output, [held.fileno()])
        result: dict[str, Any] = {"code": code, "failure": last_line(log) if code != 0 else ""}
        if code == 0:
            try:
                result.update(await measure(programs, training, cores))
            except Problem as problem:
                result.update(code=1, failure=str(problem))
        result["seconds"] = round(time.monotonic() - begin, 1)
        if result["code"] in (0, DIVERGED):
            fresh = training.result_file.with_suffix(".new")
            fresh.write_text(json.dumps(result, indent=1), encoding="utf-8")
            fresh.rename(training.result_file)
        return result
