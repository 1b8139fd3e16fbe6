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
EVERY = 5  # steps between two checkpoints
EVAL = 20  # and between two verifications
STEPS = 81
LIVENESS = 3  # seconds
OTHER_DATASET = "tiny1"  # of which there is another with other people
SWITCH = 40  # the last step before another number of workers takes over, where one does

# Everything that draws random numbers or carries state from step to step; class rows of several owners.
CONFIG = """\
run: {{name: torture, seed: 7, dir: {dir}}}
data:
  lanes: 4
  datasets: [{data}/tiny0.yaml, {data}/tiny1.yaml, {data}/tiny2.yaml]
  augment: {{shift: 2}}
validation: [{data}/tiny-cross.h5, {data}/tiny-all.h5]
model: {{arch: iresnet10, input: 32, embedding: 32, width: 0.125, dropout: 0.2}}
loss: {{crossing_dropout: 0.1}}
domain: {{hidden: [16], start: 0.2}}
classifier: {{rows_min: 5}}
batch: {{lane: 4}}
schedule: {{epochs: 3}}
checkpoint: {{every_steps: {every}}}
eval: {{every_steps: {eval}}}
runtime: {{threads: 1, liveness_seconds: {liveness}}}
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


class Orders:
    """What the ranks are to meet now, by the library that is preloaded into them (tests/system/fault.c)."""

    def __init__(self, path):
        self.path = path
        self.met_path = pathlib.Path(f"{path}.met")
        self.withdraw()

    def give(self, kind, pattern, seconds, rank="*", lose_datagrams=False):
        """Calls of that kind on such files take so much longer, until this is withdrawn."""
        self.met_path.unlink(missing_ok=True)
        new = pathlib.Path(f"{self.path}.new")
        new.write_text(f"{kind} {rank} {pattern} {seconds}\n" + "sendto * * 0\n" * lose_datagrams)
        new.replace(self.path)

    def withdraw(self):
        self.path.unlink(missing_ok=True)

    def met(self, kind=""):
        """How many calls, or those of a kind, have met what was ordered last."""
        try:
            return sum(line.startswith(kind) for line in self.met_path.read_text().splitlines())
        except FileNotFoundError:
            return 0


class Run:
    def __init__(self, build, work):
        build = pathlib.Path(build).resolve()
        self.dail = build / "dail"
        self.library = build / "tests/system/fault.so"
        self.orders = Orders(work / "orders")
        self.work = work
        self.disk = work / "disk"  # a small file system of its own, where we may mount one
        self.dir = self.disk / "run"
        self.data = work / "data"
        self.other_data = work / "other"  # OTHER_DATASET, with other people
        self.config = work / "config.yaml"
        self.output = work / "out"
        self.second_output = work / "second"  # of who comes second to the folder
        self.hosts = None
        self.log_file = None
        self.workers_then = WORKERS  # who end the run
        self.patience = 1
        self.allow(float("inf"))
        self.supervisor = None
        self.config.write_text(CONFIG.format(dir=self.dir, data=self.data, every=EVERY, eval=EVAL,
                                             liveness=LIVENESS))

    def make_data(self):
        options = "--datasets 3 --identities 12 --images 12 --size 32 --pairs 40 --name tiny --shard-images 80"
        drawn, faces = self.work / "drawn", self.work / "faces"
        for words in (("synth", "-o", self.data, *options.split(), "--seed", "7"),
                      ("synth", "-o", drawn, *options.split(), "--seed", "8"),
                      ("unpack", drawn / f"{OTHER_DATASET}.yaml", "-o", faces)):
            subprocess.run([self.dail, *words], check=True, capture_output=True)
        for person in faces.iterdir():
            person.rename(faces / f"another {person.name}")
        subprocess.run([self.dail, "pack", faces, "-o", self.other_data, "-n", OTHER_DATASET, "--id", OTHER_DATASET[-1],
                        "--size", "32"], check=True, capture_output=True)

    def allow(self, seconds):
        """From now on everything that is waited for has so many seconds in all."""
        self.deadline = time.time() + seconds * self.patience

    # --- Its processes ---

    def begin(self, **how):
        """A new run; `how` is that of launch."""
        shutil.rmtree(self.dir, ignore_errors=True)
        self.output.write_text("")
        self.records, self.rest, self.seq = [], b"", -1
        self.workers_then = WORKERS
        if self.log_file:
            self.log_file.close()
            self.log_file = None
        self.supervise(**how)

    def launch(self, output, workers=WORKERS, settings=(), restarts=10, hosts=None):
        """`dail run`, whose words are added to a file; on this machine, or on the first of hosts."""
        variables = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                     "DAIL_FAULT_ORDERS": str(self.orders.path)}
        if "ASAN_OPTIONS" in os.environ:
            variables["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
        command = [self.dail, "run", "-n", str(workers), "--restarts", str(restarts), self.config]
        command += [word for setting in settings for word in ("--set", setting)]
        if hosts:
            command[2:2] = ["--hostfile", hosts.file]
            command = hosts.on_first([*(f"{name}={value}" for name, value in variables.items()), *command])
        else:
            command += ["--", "-x", f"LD_PRELOAD={self.library}", "-x", "DAIL_FAULT_ORDERS"]
        with open(output, "ab") as words:
            return subprocess.Popen(command, stdout=words, stderr=words, stdin=subprocess.DEVNULL,
                                    env=dict(os.environ, **variables), start_new_session=True)

    def supervise(self, **how):
        self.supervisor = self.launch(self.output, **how)

    def begin_on_other_workers(self, workers):
        """A run of WORKERS up to the step SWITCH, which then goes on with another number of them."""
        self.begin(settings=(f"debug.stop_after_step={SWITCH}",), restarts=0)
        code = self.wait_end()
        self.workers_then = workers
        self.supervise(workers=workers)
        return code

    def start_second(self, settings=()):
        """Another `dail run` in the same folder."""
        self.second_output.write_text("")
        return self.launch(self.second_output, settings=settings)

    def swap_outputs(self):
        """The second is the run from now on."""
        self.output, self.second_output = self.second_output, self.output

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

    def all(self):
        """`dail run`, mpirun and the ranks."""
        return [pid for pid in (self.supervisor.pid, self.mpirun(), *self.ranks().values()) if pid]

    def stop_all(self):
        for pid in self.left_over():
            kill(pid, signal.SIGKILL)
        if self.supervisor:
            self.supervisor.wait()

    def pause(self, what, seconds):
        if time.time() > self.deadline:
            raise Hang(f"still waiting for {what}")
        time.sleep(seconds)

    def wait(self, what, condition, seconds=0.01):
        """Until the condition holds; its value. None if the run ends before."""
        over = False
        while not (value := condition()):
            if over:
                return None
            over = self.ended()
            self.pause(what, seconds)
        return value

    def wait_whatever(self, what, condition, seconds=0.02):
        """Until the condition holds, also of a run that has ended; its value."""
        while not (value := condition()):
            self.pause(what, seconds)
        return value

    def wait_end(self):
        """The exit code of `dail run`."""
        self.wait_whatever("the end", self.ended)
        return self.supervisor.returncode

    def wait_end_of(self, process, what):
        """The exit code of another process."""
        self.wait_whatever(what, lambda: process.poll() is not None)
        return process.returncode

    # --- Its log ---

    def log(self):
        """All records up to now, whatever became of the file that they were written to."""
        path = self.dir / "status.jsonl"
        while True:
            if self.log_file is None:
                try:
                    self.log_file = open(path, "rb")
                except FileNotFoundError:
                    return self.records
            try:
                moved = not os.path.samestat(path.stat(), os.fstat(self.log_file.fileno()))
            except FileNotFoundError:
                moved = False
            self.take(self.log_file.read())
            if not moved:
                return self.records
            self.log_file.close()
            self.log_file, self.rest = None, b""

    def take(self, new):
        *lines, self.rest = (self.rest + new).split(b"\n")
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue  # cut off by a full disk
            if record["seq"] > self.seq:  # a new file begins with copies of what was before
                self.seq = record["seq"]
                self.records.append(record)

    def of_kind(self, kind):
        return [record for record in self.log() if record["kind"] == kind]

    def last(self, kind):
        return next((record for record in reversed(self.log()) if record["kind"] == kind), None)

    def last_t(self, kind):
        """When the last record of a kind was written."""
        last = self.last(kind)
        return last["t"] if last else 0

    def step(self):
        """The last step trained."""
        last = self.last("step")
        return last["step"] if last else 0

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

    def second_said(self):
        return self.second_output.read_text(errors="replace")

    # --- Its files ---

    def checkpoints(self):
        return sorted((self.dir / "checkpoints").glob("step-?????????"))

    def safe_step(self, damaged=0):
        """The step that no fault may throw the run back behind: that of its newest checkpoint, but for the damaged."""
        steps = [0] * (damaged + 1) + [int(path.name[5:]) for path in self.checkpoints() if (path / "COMMIT").exists()]
        return steps[-1 - damaged]

    def writing_checkpoint(self):
        return any((self.dir / "checkpoints").glob("*.tmp*"))


# What a record says of the training itself; the rest are times.
FIGURES = {"step": ("epoch", "loss", "loss_cls", "loss_dom", "accuracy", "domain_accuracy", "lambda", "lr",
                    "grad_norm"),
           "eval": ("set", "pairs", "accuracy", "accuracy_std", "threshold", "auc")}


class Result:
    """What a run leaves behind: its last checkpoint, and what each step came to."""

    def __init__(self, run, keep_as):
        shutil.rmtree(keep_as, ignore_errors=True)
        self.folder = keep_as
        last = run.checkpoints()[-1:]
        if last:
            shutil.copytree(last[0], keep_as)
        self.name = last[0].name if last else "no checkpoint"
        self.figures = {kind: {} for kind in FIGURES}  # of each step, and set
        self.repeats_differ = []  # steps that were trained or verified twice and came out otherwise
        for record in run.log():
            if record["kind"] in FIGURES:
                figures = [record[name] for name in FIGURES[record["kind"]]]
                which = f"{record['step']} {record.get('set', '')}".strip()
                if self.figures[record["kind"]].setdefault(which, figures) != figures:
                    self.repeats_differ.append(f"{record['kind']} {which}")

    def differences(self, whole, gaps_allowed):
        """Against the uninterrupted run's, as sentences. `gaps_allowed`: the log may lack what a full disk did not
        take."""
        if self.name != whole.name:
            return [f"it ends with {self.name}, not {whole.name}"]
        found = [f"{what} came out otherwise when it came again" for what in self.repeats_differ]
        names = sorted(path.name for path in whole.folder.iterdir())
        if names != sorted(path.name for path in self.folder.iterdir()):
            found.append("the last checkpoint has other files")
        _, differ, missing = filecmp.cmpfiles(whole.folder, self.folder, names, shallow=False)
        found += [f"{name} differs" for name in differ + missing]
        for kind, records in whole.figures.items():
            for which, figures in records.items():
                own = self.figures[kind].get(which)
                if own is None and not gaps_allowed:
                    found.append(f"{kind} {which} is not in the log")
                elif own not in (None, figures):
                    found.append(f"the figures of {kind} {which} differ")
        return found
