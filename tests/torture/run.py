"""A tiny training under `dail run`, seen from outside: its processes, its log, its files."""
import filecmp
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

WORKERS = 2
EVERY = 7  # steps between two checkpoints
STEPS = 130

# Everything that draws random numbers or carries state from step to step; class rows of several owners.
CONFIG = """\
run: {{name: torture, seed: 7, dir: {dir}}}
data:
  lanes: 4
  datasets: [{data}/tiny0.yaml, {data}/tiny1.yaml, {data}/tiny2.yaml]
  augment: {{shift: 2}}
model: {{arch: iresnet10, input: 32, embedding: 32, width: 0.125, dropout: 0.2}}
loss: {{crossing_dropout: 0.1}}
domain: {{hidden: [16], start: 0.2}}
classifier: {{rows_min: 5}}
batch: {{lane: 8}}
schedule: {{epochs: 10}}
checkpoint: {{every_steps: {every}}}
runtime: {{threads: 1, liveness_seconds: 3}}
log: {{every: 1}}
"""


class Hang(Exception):
    """Something took longer than its bound."""


def processes():
    """{pid: parent} of everything that runs."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="latin-1") as stat:
                    state, parent = stat.read().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state != "Z":
                found[int(entry)] = int(parent)
    return found


def read_proc(pid, name):
    try:
        return pathlib.Path(f"/proc/{pid}/{name}").read_bytes().split(b"\0")
    except OSError:
        return []


def kill(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class Run:
    def __init__(self, build, work):
        self.dail = pathlib.Path(build).resolve() / "dail"
        self.disk = work / "disk"  # a small file system of its own, where we may mount one
        self.dir = self.disk / "run"
        self.data = work / "data"
        self.config = work / "config.yaml"
        self.output = work / "out"
        self.deadline = float("inf")
        self.supervisor = None
        self.config.write_text(CONFIG.format(dir=self.dir, data=self.data, every=EVERY))

    # --- Its processes ---

    def begin(self, seconds):
        """A new run, which has so many seconds."""
        shutil.rmtree(self.dir, ignore_errors=True)
        self.output.write_text("")
        self.deadline = time.time() + seconds
        self.records, self.offset, self.rest = [], 0, b""
        self.supervise()

    def supervise(self):
        with open(self.output, "ab") as output:
            self.supervisor = subprocess.Popen(
                [self.dail, "run", "-n", str(WORKERS), self.config], stdout=output, stderr=output,
                stdin=subprocess.DEVNULL, start_new_session=True,
                env=dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1"))

    def mpirun(self):
        for pid, parent in processes().items():
            words = read_proc(pid, "cmdline") if parent == self.supervisor.pid else []
            if b"mpirun" in words[:1] and b"--version" not in words:
                return pid
        return None

    def ranks(self):
        """{rank: pid}; 0 is the coordinator."""
        found = {}
        mpirun = self.mpirun()
        for pid, parent in processes().items():
            if parent == mpirun:
                for variable in read_proc(pid, "environ"):
                    if variable.startswith(b"OMPI_COMM_WORLD_RANK="):
                        found[int(variable.partition(b"=")[2])] = pid
        return found

    def left_over(self):
        """Processes of the run, wherever they hang."""
        config = os.fsencode(self.config)
        return [pid for pid in processes() if config in read_proc(pid, "cmdline")]

    def ended(self):
        return self.supervisor.poll() is not None

    def stop_all(self):
        for pid in self.left_over():
            kill(pid, signal.SIGKILL)
        if self.supervisor:
            self.supervisor.wait()

    def wait(self, what, condition, pause=0.01):
        """Until the condition holds; its value. None if the run ends before."""
        while True:
            over = self.ended()
            value = condition()
            if value or over:
                return value or None
            if time.time() > self.deadline:
                raise Hang(f"still waiting for {what}")
            time.sleep(pause)

    def wait_end(self):
        """The exit code of `dail run`."""
        self.wait("the end", self.ended, 0.02)
        return self.supervisor.returncode

    # --- Its log ---

    def log(self):
        """All records up to now."""
        try:
            with open(self.dir / "status.jsonl", "rb") as log:
                log.seek(self.offset)
                new = log.read()
        except FileNotFoundError:
            return self.records
        self.offset += len(new)
        *lines, self.rest = (self.rest + new).split(b"\n")
        for line in lines:
            try:
                self.records.append(json.loads(line))
            except ValueError:
                pass  # cut off by a full disk
        return self.records

    def of_kind(self, kind):
        return [record for record in self.log() if record["kind"] == kind]

    def step(self):
        """The last step trained."""
        return next((record["step"] for record in reversed(self.log()) if record["kind"] == "step"), 0)

    def wait_step(self, step):
        return self.wait(f"step {step}", lambda: self.step() >= step)

    def wait_restart(self, starts):
        """Until the run has started for more than `starts` times and trained a step since: (the step it went on from,
        steps that were trained in vain, time of that first step). None if it ended before."""
        def restarted():
            before = since = 0
            start = None
            for record in self.log():
                if record["kind"] == "start":
                    since += 1
                    if since == starts + 1:
                        start = record
                elif record["kind"] == "step":
                    if start:
                        return start["step"], max(0, before - start["step"]), record["t"]
                    before = record["step"]
            return None
        return self.wait("a restart", restarted)

    def said(self):
        return self.output.read_text(errors="replace")

    # --- Its files ---

    def checkpoints(self):
        return sorted((self.dir / "checkpoints").glob("step-?????????"))

    def safe_step(self, damaged=0):
        """The step that no fault may throw the run back behind: that of its newest checkpoint, but for the damaged."""
        steps = [0] * (damaged + 1) + [int(path.name[5:]) for path in self.checkpoints() if (path / "COMMIT").exists()]
        return steps[-1 - damaged]

    def writing_checkpoint(self):
        return any((self.dir / "checkpoints").glob("*.tmp*"))


# What a step's record says of the training itself; the rest are times.
FIGURES = ("epoch", "loss", "loss_cls", "loss_dom", "accuracy", "domain_accuracy", "lambda", "lr", "grad_norm")


class Result:
    """What a run leaves behind: its last checkpoint, and what each step came to."""

    def __init__(self, run, keep_as):
        shutil.rmtree(keep_as, ignore_errors=True)
        self.folder = keep_as
        last = run.checkpoints()[-1:]
        if last:
            shutil.copytree(last[0], keep_as)
        self.name = last[0].name if last else "no checkpoint"
        self.steps = {}
        self.repeats_differ = []  # steps that were trained twice and came out otherwise
        for record in run.of_kind("step"):
            figures = [record[name] for name in FIGURES]
            if self.steps.setdefault(record["step"], figures) != figures:
                self.repeats_differ.append(record["step"])

    def differences(self, whole, gaps_allowed):
        """Against the uninterrupted run's, as sentences. `gaps_allowed`: the log may lack steps that a full disk did
        not take."""
        if self.name != whole.name:
            return [f"it ends with {self.name}, not {whole.name}"]
        found = [f"step {step} came out otherwise when trained again" for step in self.repeats_differ]
        names = sorted(path.name for path in whole.folder.iterdir())
        if names != sorted(path.name for path in self.folder.iterdir()):
            found.append("the last checkpoint has other files")
        _, differ, missing = filecmp.cmpfiles(whole.folder, self.folder, names, shallow=False)
        found += [f"{name} differs" for name in differ + missing]
        for step, figures in whole.steps.items():
            if step not in self.steps:
                found += [] if gaps_allowed else [f"step {step} is not in the log"]
            elif self.steps[step] != figures:
                found.append(f"the figures of step {step} differ")
        return found
