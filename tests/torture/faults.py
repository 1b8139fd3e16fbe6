"""The faults: each takes a run that trains, does its harm, and sees the run go on. It returns the moment of the harm,
the steps that were trained in vain, and the moment at which training went on; None if the run was over before."""
import os
import shutil
import signal
import time

from run import EVERY, kill

# The run is worth a fault as long as so many steps are left.
ROOM = 45


class Wrong(Exception):
    """The run did not take a fault as it should."""


def go_on(run, moment, starts, safe):
    restart = run.wait_restart(starts)
    if not restart:
        return None
    step, lost, again = restart
    if step < safe:
        raise Wrong(f"it went on from step {step}, though there was a checkpoint of step {safe}")
    return moment, lost, again


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


def kill_worker(run, draw):
    return strike(run, draw, (1, 2), signal.SIGKILL)


def kill_coordinator(run, draw):
    return strike(run, draw, (0,), signal.SIGKILL)


def stop_worker(run, draw):
    return strike(run, draw, (1, 2), signal.SIGSTOP)


def stop_coordinator(run, draw):
    return strike(run, draw, (0,), signal.SIGSTOP)


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
        run.supervise()
        return go_on(run, moment, starts, safe)
    made = run.wait("a checkpoint", lambda: [record for record in run.of_kind("checkpoint") if record["t"] > moment])
    return made and (moment, 0, made[0]["t"])


def images_in(shard):
    """Offsets of the images' headers."""
    content = shard.read_bytes()
    offsets, at = [], content.find(b"JFIF")
    while at >= 0:
        offsets.append(at)
        at = content.find(b"JFIF", at + 1)
    return offsets


def drop_shard_bytes(run, draw):
    """Bytes of a shard that change or go while it is trained on: the run ends with 3 and names it. Then they are back."""
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
    run.supervise()
    return go_on(run, moment, starts, safe)


FAULTS = {
    "SIGKILL to a worker": kill_worker,
    "SIGKILL to the coordinator": kill_coordinator,
    "SIGKILL inside a checkpoint": kill_in_checkpoint,
    "SIGKILL, again at the restart": kill_at_start,
    "SIGSTOP to a worker": stop_worker,
    "SIGSTOP to the coordinator": stop_coordinator,
    "newest checkpoint corrupted": corrupt_checkpoint,
    "newest checkpoint truncated": truncate_checkpoint,
    "newest checkpoint removed": remove_checkpoint,
    "disk full": fill_disk,
    "shard loses bytes": drop_shard_bytes,
}
