#!/usr/bin/env -S python3 -B
"""The fault campaign: in each round a tiny training meets faults, is supervised by `dail run` to its end, and must end
with the bits of the run that met none.

  make torture ROUNDS=60 SEED=1

The faults, the ranks they hit and the steps between them are drawn from the seed; where in a step they find the run is
up to the machine. Ends with 0 if every round survived.
"""
import argparse
import collections
import fnmatch
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback

from faults import Wrong
from hosts import Hosts
from kinds import KINDS
from run import STEPS, WORKERS, Hang, Result, Run

DISK_MIB = 48
# Seconds for a training without faults, on a slow and busy machine: to tell a hang.
TRAINING = 240
# The run is worth a fault as long as so many steps are left; what was not injected is in another training of its round.
ROOM = 25
TRAININGS = 5
LAST = "SIGTERM at the end"
FULL = "disk full"
HOST = "one host of three lost"


class Campaign:
    def __init__(self, arguments, work):
        self.arguments = arguments
        self.work = work
        self.draw = random.Random(arguments.seed)  # of the hands; each fault draws by itself, to be had again
        self.kinds = {kind.name: kind for kind in KINDS
                      if any(fnmatch.fnmatch(kind.name, pattern) for pattern in arguments.kinds)}
        self.deck = []
        self.tally = {name: [] for name in self.kinds}  # of each kind: its outcomes
        self.survived = self.hangs = self.different = self.left_over = 0
        self.failures = []

    def prepare(self):
        self.run = Run(self.arguments.build, self.work)
        self.run.patience = self.arguments.patience
        self.run.disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "dail-torture", self.run.disk]
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            print(f"torture: left out: {FULL}: {mounted.stderr.strip()}")
            self.kinds.pop(FULL, None)
        if HOST in self.kinds:
            self.run.hosts = Hosts(self.work)
            try:
                self.run.hosts.up()
            except (OSError, subprocess.CalledProcessError) as error:
                print(f"torture: left out: {HOST}: {error}")
                del self.kinds[HOST]
        self.run.make_data()
        self.run.allow(TRAINING)
        self.run.begin()
        code = self.run.wait_end()
        self.whole = {WORKERS: Result(self.run, self.work / "whole")}  # by who ends them: the trainings without faults
        if code != 0 or len(self.whole[WORKERS].figures["step"]) != STEPS:
            raise SystemExit(f"torture: the uninterrupted run ended with {code}:\n{self.run.said()[-2000:]}")

    def clean_up(self):
        if hasattr(self, "run"):
            self.run.stop_all()
            if self.run.hosts:
                self.run.hosts.down()
        subprocess.run(["umount", "-l", self.work / "disk"], capture_output=True, check=False)

    def deal(self):
        """One to three kinds of faults: all of them come once before one comes again."""
        hand = []
        for _ in range(self.draw.choice((1, 1, 2, 2, 3))):
            if not self.deck:
                self.deck = sorted(self.kinds)
                self.draw.shuffle(self.deck)
            alone = self.kinds[self.deck[-1]].alone
            if not (alone and hand):
                hand.append(self.deck.pop())
            if alone:
                break
        return sorted(hand, key=lambda name: name == LAST)

    def inject(self, name, draw):
        """One fault; says what it did. None: the run was nearly over, or was before the harm was done."""
        kind = self.kinds[name]
        self.run.allow(TRAINING)
        at = 0 if kind.alone else self.run.step() + draw.randint(1, 10)
        if at > STEPS - ROOM or not self.run.wait_step(at):
            return None
        self.run.allow(kind.bound)
        outcome = kind.inject(self.run, draw)
        self.run.orders.withdraw()
        if not outcome:
            return None
        if outcome.what not in kind.allowed:
            raise Wrong(f"{name}: it {outcome.what}; allowed: {', '.join(kind.allowed)}")
        self.tally[name].append(outcome)
        lost = f", {outcome.lost} steps lost" if outcome.lost else ""
        return f"{name} at step {at}: {outcome.what}{lost}, {outcome.seconds:.1f} s"

    def train(self, left, said, source):
        """A training that meets what is left of a hand, as far as it comes. Says what is wrong with how it ended."""
        self.run.allow(TRAINING)
        hand = list(left)
        if not self.kinds[left[0]].alone:
            self.run.begin()
        while left and (injected := self.inject(left[0], random.Random(f"{source} {len(said)}"))):
            said.append(injected)
            left.pop(0)
        self.run.allow(TRAINING)
        code = self.run.wait_end()
        return f"it ended with {code}" if code != 0 else self.judge(hand)

    def round(self, number):
        hand, said = self.deal(), []
        left = list(hand)
        began = time.time()
        problem = None
        try:
            for training in range(TRAININGS):
                problem = self.train(left, said, f"{self.arguments.seed} {number} {training}")
                if problem or not left:
                    break
            if not problem and left:
                problem = f"not injected in {TRAININGS} trainings: {', '.join(left)}"
        except Hang as hang:
            self.hangs += 1
            problem = f"a hang in {left[0] if left else 'the end'}: {hang}"
        except Wrong as wrong:
            problem = f"{left[0]}: {wrong}"
        except Exception:
            problem = f"{left[0] if left else 'the end'}: {traceback.format_exc()}"
        self.run.orders.withdraw()
        self.run.stop_all()
        verdict = "survived" if problem is None else f"FAILED: {problem}"
        print(f"round {number}: {'; '.join(said) or hand[0]}: {verdict} ({time.time() - began:.1f} s)", flush=True)
        if problem is None:
            self.survived += 1
        else:
            self.keep(number, problem)

    def reference(self, workers):
        """The training without faults that so many workers ended."""
        if workers not in self.whole:
            self.run.allow(2 * TRAINING)
            codes = (self.run.begin_on_other_workers(workers), self.run.wait_end())
            if codes != (75, 0):
                raise Wrong(f"without faults it ended with {codes[0]} and {codes[1]}")
            self.whole[workers] = Result(self.run, self.work / f"whole-{workers}")
        return self.whole[workers]

    def judge(self, hand):
        remains = self.run.left_over()
        if remains:
            self.left_over += len(remains)
            return f"{len(remains)} processes are left over"
        found = Result(self.run, self.work / "found")
        differences = found.differences(self.reference(self.run.workers_then), FULL in hand)
        if differences:
            self.different += 1
            return ", ".join(differences[:5]) + (f" and {len(differences) - 5} more" if len(differences) > 5 else "")
        return None

    def keep(self, number, problem):
        """What a failed round leaves behind is kept where --keep says."""
        self.failures.append(number)
        print("\n".join("# " + line for line in self.run.said().splitlines()[-30:] if not line.startswith("step ")))
        if self.arguments.keep:
            folder = pathlib.Path(self.arguments.keep) / f"round-{number}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            shutil.copytree(self.run.dir, folder / "run", dirs_exist_ok=True)
            shutil.copy(self.run.output, folder / "out")
            (folder / "problem").write_text(problem + "\n")

    def table(self):
        print(f"\n{'kind':32}{'injected':>9}{'steps lost':>12}{'seconds to go on':>18}{'bound':>8}  what came")
        print(f"{'':44}{'at most':>9}{'median':>10}{'max':>8}")
        for name, outcomes in self.tally.items():
            self.row(name, outcomes, self.kinds[name].bound * self.arguments.patience if name in self.kinds else 0)
        rounds = self.arguments.rounds
        print(f"\nrounds survived: {self.survived} of {rounds}, seed {self.arguments.seed}"
              f"\nrounds with bits that differ: {self.different or 'none'}"
              f"\nhangs: {self.hangs or 'none'}"
              f"\nprocesses left over: {self.left_over or 'none'}")
        if self.failures:
            print(f"failed: round {', '.join(map(str, self.failures))}")

    @staticmethod
    def row(name, outcomes, bound):
        if not outcomes:
            print(f"{name:32}{0:9}")
            return
        lost = max(outcome.lost for outcome in outcomes)
        seconds = [outcome.seconds for outcome in outcomes]
        came = collections.Counter(outcome.what for outcome in outcomes)
        print(f"{name:32}{len(outcomes):9}{lost:12}{statistics.median(seconds):10.1f}{max(seconds):8.1f}{bound:8.0f}  "
              + ", ".join(f"{what}: {times}" for what, times in sorted(came.items())))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="where dail and daild are (default: build)")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", default=["*"], help="patterns of the kinds to inject (default: all)")
    parser.add_argument("--patience", type=float, default=1, help="what all bounds are multiplied by (default: 1)")
    parser.add_argument("--keep", help="a folder for what failed rounds leave behind")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of the clean-up
    with tempfile.TemporaryDirectory(prefix="dail-torture.") as folder:
        campaign = Campaign(arguments, pathlib.Path(folder))
        try:
            campaign.prepare()
            try:
                for number in range(1, arguments.rounds + 1):
                    campaign.round(number)
            finally:
                campaign.table()  # also of a campaign that is broken off
        finally:
            campaign.clean_up()
    return 0 if campaign.survived == arguments.rounds else 1


if __name__ == "__main__":
    sys.exit(main())
