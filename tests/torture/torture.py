#!/usr/bin/env -S python3 -B
"""The fault campaign: in each round a tiny training meets faults, is supervised by `dail run` to its end, and must end
with the bits of the run that met none.

  make torture ROUNDS=60 SEED=1

The faults, the ranks they hit and the steps between them are drawn from the seed; where in a step they find the run is
up to the machine. Ends with 0 if every round survived.
"""
import argparse
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

from faults import FAULTS, ROOM, Wrong
from run import STEPS, Hang, Result, Run

DISK_MIB = 48


class Campaign:
    def __init__(self, arguments, work):
        self.arguments = arguments
        self.work = work
        self.draw = random.Random(arguments.seed)  # of the hands; each fault draws by itself, so that all can be had again
        self.kinds = dict(FAULTS)
        self.deck = []
        self.tally = {name: [] for name in FAULTS}  # of each fault: (steps lost, seconds to recover)
        self.survived = self.hangs = self.different = self.left_over = 0
        self.failures = []

    def prepare(self):
        (self.work / "disk").mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "dail-torture", self.work / "disk"],
                                 capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            print(f"torture: left out: disk full: {mounted.stderr.strip()}")
            del self.kinds["disk full"]
        self.run = Run(self.arguments.build, self.work)
        subprocess.run([self.run.dail, "synth", "-o", self.work / "data", "--datasets", "3", "--identities", "12",
                        "--images", "12", "--size", "32", "--pairs", "40", "--name", "tiny", "--shard-images", "80"],
                       check=True, capture_output=True)
        self.run.begin(self.arguments.limit)
        code = self.run.wait_end()
        self.whole = Result(self.run, self.work / "whole")
        if code != 0 or len(self.whole.steps) != STEPS:
            raise SystemExit(f"torture: the uninterrupted run ended with {code} after {len(self.whole.steps)} steps:\n"
                             + self.run.said()[-2000:])

    def clean_up(self):
        if hasattr(self, "run"):
            self.run.stop_all()
        subprocess.run(["umount", "-l", self.work / "disk"], capture_output=True, check=False)

    def deal(self):
        """One to three kinds of faults: all of them come once before one comes again."""
        hand = []
        for _ in range(self.draw.choice((1, 1, 2, 2, 3))):
            if not self.deck:
                self.deck = sorted(self.kinds)
                self.draw.shuffle(self.deck)
            hand.append(self.deck.pop())
        return hand

    def inject(self, name, draw):
        """One fault; says what it did."""
        fault = self.kinds[name]
        at = self.run.step() + draw.randint(1, 20)
        outcome = at <= STEPS - ROOM and self.run.wait_step(at) and fault(self.run, draw)
        if not outcome:
            self.deck.insert(0, name)
            return f"{name}: put off, the run is nearly over"
        moment, lost, again = outcome
        self.tally[name].append((lost, again - moment))
        return f"{name} at step {at}: {lost} steps lost, {again - moment:.1f} s"

    def round(self, number):
        hand, said = self.deal(), []
        began = time.time()
        problem = None
        try:
            self.run.begin(self.arguments.limit)
            for place, name in enumerate(hand):
                said.append(self.inject(name, random.Random(f"{self.arguments.seed} {number} {place}")))
            code = self.run.wait_end()
            if code != 0:
                problem = f"it ended with {code}"
        except Hang as hang:
            self.hangs += 1
            problem = f"a hang: {hang}"
        except Wrong as wrong:
            problem = str(wrong)
        except Exception:
            problem = traceback.format_exc()
        if problem is None:
            problem = self.judge(hand)
        self.run.stop_all()
        verdict = "survived" if problem is None else f"FAILED: {problem}"
        print(f"round {number}: {'; '.join(said) or hand[0]}: {verdict} ({time.time() - began:.1f} s)", flush=True)
        if problem is None:
            self.survived += 1
        else:
            self.keep(number, problem)

    def judge(self, hand):
        remains = self.run.left_over()
        if remains:
            self.left_over += len(remains)
            return f"{len(remains)} processes are left over"
        differences = Result(self.run, self.work / "found").differences(self.whole, "disk full" in hand)
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
        print(f"\n{'fault':32}{'injected':>9}{'steps lost at most':>20}{'seconds to recover':>20}")
        print(f"{'':61}{'median':>12}{'max':>8}")
        every = []
        for name, hits in self.tally.items():
            every += hits
            self.row(name, hits)
        self.row("all", every)
        rounds = self.arguments.rounds
        print(f"\nrounds survived: {self.survived} of {rounds}, seed {self.arguments.seed}"
              f"\nrounds with bits that differ: {self.different or 'none'}"
              f"\nhangs: {self.hangs or 'none'}"
              f"\nprocesses left over: {self.left_over or 'none'}")
        if self.failures:
            print(f"failed: round {', '.join(map(str, self.failures))}")

    @staticmethod
    def row(name, hits):
        if hits:
            lost = max(hit[0] for hit in hits)
            seconds = [hit[1] for hit in hits]
            print(f"{name:32}{len(hits):9}{lost:20}{statistics.median(seconds):12.1f}{max(seconds):8.1f}")
        else:
            print(f"{name:32}{0:9}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="where dail and daild are (default: build)")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=180, help="seconds that a round may take (default: 180)")
    parser.add_argument("--keep", help="a folder for what failed rounds leave behind")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of the clean-up
    with tempfile.TemporaryDirectory(prefix="dail-torture.") as folder:
        campaign = Campaign(arguments, pathlib.Path(folder))
        try:
            campaign.prepare()
            for number in range(1, arguments.rounds + 1):
                campaign.round(number)
            campaign.table()
        finally:
            campaign.clean_up()
    return 0 if campaign.survived == arguments.rounds else 1


if __name__ == "__main__":
    sys.exit(main())
