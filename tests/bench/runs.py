"""Runs of daild: whole trainings on synthetic faces, a core for each worker, between them TCP over the loopback."""
import os
import subprocess
import time

from common import Unavailable, environment, pinned, records, say, wait_for

RUN_SECONDS = 900


def make_data(setting):
    """Two small datasets; their manifests."""
    directory = os.path.join(setting.work, "data")
    manifests = [os.path.join(directory, "bench%d.yaml" % k) for k in (0, 1)]
    if not os.path.exists(manifests[1]):
        say("  making 480 synthetic faces")
        subprocess.run([setting.program("dail"), "synth", "-o", directory, "--name", "bench", "--datasets", "2",
                        "--identities", "20", "--images", "12", "--size", str(setting.input), "--pairs", "0"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return manifests


def settings_of(setting, directory, workers, batch, steps, more):
    values = {"run.dir": directory, "data.lanes": workers, "batch.lane": batch, "model.arch": setting.arch,
              "model.input": setting.input, "schedule.epochs": 1000, "schedule.warmup_epochs": 1000,
              "runtime.threads": 1, "log.every": 1, "eval.at_end": "false", "checkpoint.every_minutes": 0,
              "checkpoint.resume": "never", "debug.stop_after_step": steps}
    values.update(more)
    return [part for key, value in values.items() for part in ("--set", "%s=%s" % (key, value))]


class Coordinator:
    """The processor time of rank 0 between two looks."""

    def __init__(self, path):
        self.path, self.first, self.last = path, None, None

    def look(self):
        try:
            with open(self.path) as file:
                pid = int(file.read())
            with open("/proc/%d/stat" % pid) as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except (OSError, ValueError, IndexError):
            return
        now = (time.monotonic(), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
        self.first, self.last = self.first or now, now

    def share(self):
        if not self.first or self.last[0] <= self.first[0]:
            return None
        return (self.last[1] - self.first[1]) / (self.last[0] - self.first[0])


class Run:
    """One run from beginning to end: its step records, and the coordinator's share of a core while it trained."""

    def __init__(self, setting, name, workers, batch, steps, **more):
        directory = os.path.join(setting.work, name)
        config = os.path.join(setting.work, name + ".yaml")
        with open(config, "w") as file:
            file.write("data: {datasets: [%s]}\n" % ", ".join(make_data(setting)))
        daild = [setting.program("daild"), config] + settings_of(
            setting, directory, workers, batch, steps, {key.replace("__", "."): value for key, value in more.items()})
        pid = os.path.join(setting.work, name + ".pid")
        command = ["mpirun", "--oversubscribe", "--mca", "btl", "self,tcp", "--mca", "btl_tcp_if_include", "lo",
                   "-n", "1", "sh", "-c", "echo $$ >\"$0\"; exec \"$@\"", pid] + daild
        for worker in range(workers):
            command += [":", "-n", "1"] + pinned([setting.cores[worker % len(setting.cores)]]) + daild
        coordinator = Coordinator(pid)
        with open(directory + ".log", "w") as log:
            process = subprocess.Popen(command, env=environment(1), stdout=log, stderr=subprocess.STDOUT)
            try:
                for _ in wait_for(process, RUN_SECONDS):
                    if records(directory, "step"):
                        coordinator.look()
            finally:
                process.terminate()
        self.steps = records(directory, "step")
        if len(self.steps) < steps:
            with open(directory + ".log") as log:
                tail = log.read()[-1500:]
            raise Unavailable("a run of %d workers came to step %d of %d:\n%s" % (workers, len(self.steps), steps, tail))
        self.checkpoints = records(directory, "checkpoint")
        self.coordinator = coordinator.share()
        self.batch = batch * workers

    def settled(self):
        """The steps after the first, which touches memory."""
        return self.steps[1:]

    def seconds(self):
        return [self.batch / record["images_per_second"] for record in self.settled()]

    def part(self, name):
        return [record["seconds"][name] for record in self.settled()]
