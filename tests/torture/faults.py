"""Faults of processes, checkpoints, disks and data. Each takes a run that trains, does its harm, and sees the run go
on. It returns an Outcome, or None if the run was over before it could do its harm: then it is no injection."""
import os
import shutil
import signal
import time
from typing import NamedTuple

from run import EVERY, LIVENESS, STEPS, kill


class Wrong(Exception):
    """The run did not take a fault as it should."""


class Outcome(NamedTuple):
    what: str  # what the run did about it, one of what the table of kinds allows
    lost: int = 0  # steps that were trained in vain
    seconds: float = 0  # until training went on


def go_on(run, moment, starts, safe, what="restarts"):
    restart = run.wait_restart(starts)
    if not restart:
        return None
    step, lost, again = restart
    if step < safe:
        raise Wrong(f"it went on from step {step}, though there was a checkpoint of step {safe}")
    return Outcome(what, lost, again - moment)


def start_again(run, moment, starts, safe, what):
    """Of a run that has ended."""
    run.supervise()
    return go_on(run, moment, starts, safe, what)


def strike(run, draw, ranks, number):
    """A signal to one of the ranks, at any moment of a step."""
    time.sleep(draw.uniform(0, 0.05))
    starts = len(run.of_kind("start"))
    found = run.ranks()
    victims = [found[rank] for rank in ranks if rank in found]
    if not victims:
        return None
    safe, moment = run.safe_step(), time.time()
    kill(draw.choice(victims), number)
    return go_on(run, moment, starts, safe)


def signal_to(number, *ranks):
    """A fault: that signal to one of these."""
    return lambda run, draw: strike(run, draw, ranks, number)


def kill_mpirun(run, draw):
    time.sleep(draw.uniform(0, 0.05))
    starts, mpirun = len(run.of_kind("start")), run.mpirun()
    if not mpirun:
        return None
    safe, moment = run.safe_step(), time.time()
    kill(mpirun, signal.SIGKILL)
    return go_on(run, moment, starts, safe)


def stop_supervisor(run, draw):
    """`dail run` stands still for longer than a rank may; the run has to go on without it meanwhile."""
    starts = len(run.of_kind("start"))
    before = run.step()
    os.kill(run.supervisor.pid, signal.SIGSTOP)
    try:
        moment = time.time()
        run.wait_whatever("steps without a supervisor", lambda: run.step() >= min(before + 5, STEPS))
        time.sleep(draw.uniform(1, 2) * LIVENESS)
    finally:
        os.kill(run.supervisor.pid, signal.SIGCONT)
    if len(run.of_kind("start")) > starts:
        raise Wrong("it was started again while its supervisor stood still")
    return Outcome("trains on", 0, time.time() - moment)


def kill_in_checkpoint(run, draw):
    """Any rank, as soon as a checkpoint is seen half-written."""
    starts, found = len(run.of_kind("start")), run.ranks()
    if len(found) < 3 or not run.wait("a checkpoint", run.writing_checkpoint, 0.0005):
        return None
    time.sleep(draw.choice((0, 0.001, 0.004)))
    safe, moment = run.safe_step(), time.time()
    kill(found[draw.randrange(3)], signal.SIGKILL)
    return go_on(run, moment, starts, safe)


def kill_at_start(run, draw):
    """A rank, and another while the run is being started again."""
    starts, found = len(run.of_kind("start")), run.ranks()
    if len(found) < 3:
        return None
    safe, moment = run.safe_step(), time.time()
    old = set(found.values())
    kill(found[draw.randrange(3)], signal.SIGKILL)
    new = run.wait("new ranks", lambda: [pid for pid in run.ranks().values() if pid not in old])
    time.sleep(draw.uniform(0, 0.5))
    if new:
        kill(draw.choice(new), signal.SIGKILL)
    return go_on(run, moment, starts, safe)


# --- Checkpoints ---

def with_damage(run, draw, damage):
    """Between the death of a rank and the restart, which is held up meanwhile, damages the newest checkpoint."""
    run.wait_step(3 * EVERY)
    starts, found = len(run.of_kind("start")), run.ranks()
    if len(found) < 3:
        return None
    os.kill(run.supervisor.pid, signal.SIGSTOP)
    try:
        moment = time.time()
        kill(found[draw.randrange(3)], signal.SIGKILL)
        end = time.time() + 30
        while run.ranks() and time.time() < end:
            time.sleep(0.02)
        safe, checkpoints = run.safe_step(damaged=1), run.checkpoints()
        if checkpoints:
            damage(checkpoints[-1], draw)
    finally:
        os.kill(run.supervisor.pid, signal.SIGCONT)
    return go_on(run, moment, starts, safe)


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([255 - byte]))


def any_file(folder, draw):
    return draw.choice(sorted(folder.iterdir()))


def corrupt(folder, draw):
    path = any_file(folder, draw)
    flip(path, draw.randrange(path.stat().st_size))


def truncate(folder, draw):
    path = any_file(folder, draw)
    os.truncate(path, draw.randrange(path.stat().st_size))


def remove(folder, draw):
    what = draw.choice(("COMMIT", "part", "all"))
    if what == "all":
        shutil.rmtree(folder)
    else:
        (folder / what if what == "COMMIT" else any_file(folder, draw)).unlink()


def corrupt_checkpoint(run, draw):
    return with_damage(run, draw, corrupt)


def truncate_checkpoint(run, draw):
    return with_damage(run, draw, truncate)


def remove_checkpoint(run, draw):
    return with_damage(run, draw, remove)


# --- Disk and data ---

def fill_disk(run, draw):
    """Until a checkpoint has failed for want of room, or the run ended for it; then there is room again, and it counts
    how long the next checkpoint takes to come."""
    filler = run.disk / "filler"
    starts, known = len(run.of_kind("start")), len(run.said())
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            pass
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            pass
    run.wait("a write that fails", lambda: "no space left" in run.said()[known:])
    time.sleep(draw.uniform(0, 1))
    safe, moment = run.safe_step(), time.time()
    filler.unlink()
    if run.ended():
        if run.supervisor.returncode != 6:
            raise Wrong(f"a full disk ended the run with {run.supervisor.returncode}, not 6")
        return start_again(run, moment, starts, safe, "ends with 6")
    made = run.wait("a checkpoint", lambda: [record for record in run.of_kind("checkpoint") if record["t"] > moment])
    return made and Outcome("trains on", 0, made[0]["t"] - moment)


def images_in(shard):
    """Offsets of the images' headers."""
    content = shard.read_bytes()
    offsets, at = [], content.find(b"JFIF")
    while at >= 0:
        offsets.append(at)
        at = content.find(b"JFIF", at + 1)
    return offsets


def drop_shard_bytes(run, draw):
    """Bytes of a shard that change or go while it is trained on: the run ends with 3 and names it. Then they are
    back."""
    shard = draw.choice(sorted(run.data.glob("tiny?-?????.h5")))
    starts, whole, images = len(run.of_kind("start")), shard.read_bytes(), images_in(shard)
    safe, moment = run.safe_step(), time.time()
    if draw.random() < 0.5:
        flip(shard, draw.choice(images[:-1]) + 300)
    else:
        os.truncate(shard, draw.randrange(images[len(images) // 2]))
    code = run.wait_end()
    shard.write_bytes(whole)
    if code != 3 or shard.name not in run.said():
        raise Wrong(f"{shard.name} lost bytes and the run ended with {code}"
                         f"{'' if shard.name in run.said() else ' without naming it'}")
    return start_again(run, moment, starts, safe, "ends with 3")
