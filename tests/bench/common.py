"""What the rows of `make bench` share: pinned processes, turns, medians, and the row itself."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(ROOT, "tests", "bench")


def find_python():
    """The Python that has PyTorch: the system's own, with Debian's package, or the first of the path, with pip's."""
    system = "/usr/bin/python3"
    probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"
    for python in (system, shutil.which("python3")):
        if python and os.path.exists(python) and subprocess.run([python, "-c", probe], check=False).returncode == 0:
            return python
    return system


PYTHON = find_python()


class Unavailable(Exception):
    """A row cannot be measured here; the text says why."""


class Setting:
    """What is measured, and how long. `quick` runs every row on small sizes, to see that all of it works."""

    def __init__(self, build, work, rounds, quick):
        self.build, self.work, self.rounds, self.quick = build, work, rounds, quick
        self.arch, self.blocks = ("iresnet18", (2, 2, 2, 2)) if quick else ("iresnet50", (3, 4, 14, 3))
        self.input, self.batch, self.classes = (48, 4, 1000) if quick else (112, 16, 10000)
        self.cores = sorted(os.sched_getaffinity(0))

    def threads(self):
        return [count for count in (1, 2) if count <= len(self.cores)]

    def program(self, name):
        return os.path.join(self.build, name)


class Row:
    """A figure beside what it must be and should be."""

    def __init__(self, what, value=None, must=None, aim=None, unit="x", lower=False, spread=None, note=""):
        self.what, self.value, self.must, self.aim, self.unit = what, value, must, aim, unit
        self.lower, self.spread, self.note = lower, spread, note

    def verdict(self):
        if self.value is None:
            return "not measured"
        if self.must is None:
            return ""
        def reached(bound):
            return self.value <= bound if self.lower else self.value >= bound
        return "reached aim" if reached(self.aim) else "reached must" if reached(self.must) else "missed"

    def format(self, value):
        if value is None:
            return ""
        return {"x": "%.2fx", "%": "%.2f%%", "": "%.2g", "MB": "%.0f MB"}[self.unit] % value

    def as_dict(self):
        return {"what": self.what, "value": self.value, "must": self.must, "aim": self.aim, "unit": self.unit,
                "spread": self.spread, "verdict": self.verdict(), "note": self.note}


def count_of(threads):
    return "%d thread%s" % (threads, "s" if threads > 1 else "")


def say(text):
    print(text, flush=True)


def median(values):
    return statistics.median(values)


def ratios(above, below):
    """Median of the ratios of turns taken one after the other, with the least and the most."""
    each = [a / b for a, b in zip(above, below)]
    return median(each), (min(each), max(each))


def pinned(cores):
    return ["taskset", "-c", ",".join(str(core) for core in cores)]


def environment(threads, **more):
    """Each side's own threads, asleep while the other has its turn."""
    result = dict(os.environ, OMP_NUM_THREADS=str(threads), OMP_WAIT_POLICY="passive",
                  OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    result.update(more)
    return result


def run_json(command, cores, threads):
    """The JSON object that a command prints."""
    done = subprocess.run(pinned(cores) + command, env=environment(threads), stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise Unavailable("%s ended with %d" % (" ".join(command), done.returncode))
    return json.loads(done.stdout)


class Server:
    """A process that answers a line with a number, so that two of them can take turns without starting anew."""

    def __init__(self, command, cores, threads, **more):
        self.command = command
        self.process = subprocess.Popen(pinned(cores) + command, env=environment(threads, **more), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self.process.stdout.readline()
        if not answer:
            code = self.process.wait()
            raise Unavailable("no PyTorch: etc/install-deps.sh --oracle" if code == 77 else
                              "%s ended with %d" % (" ".join(self.command), code))
        return float(answer)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def records(run, kind):
    """The records of one kind in a run's status log."""
    found = []
    try:
        with open(os.path.join(run, "status.jsonl")) as log:
            for line in log:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue  # half a line: it is still being written
                if record["kind"] == kind:
                    found.append(record)
    except FileNotFoundError:
        pass
    return found


def wait_for(process, seconds):
    """Waits for a process; kills it when it takes too long."""
    end = time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() > end:
            process.kill()
            process.wait()
            raise Unavailable("a run took more than %d s" % seconds)
        time.sleep(0.2)
        yield


def warn(text):
    print("bench: " + text, file=sys.stderr, flush=True)
