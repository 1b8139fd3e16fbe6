"""Faults of slow and hung file systems, of the network, and of logs that are moved. As in faults.py."""
import signal
import time

from faults import Outcome, Wrong, go_on
from run import STEPS, kill
from starts import COMMITTED, SHARDS, UNCOMMITTED


def slow(kind, pattern, seconds, calls):
    """A fault: so many calls take so much longer, for which nobody is to blame: training goes on."""
    def slow_down(run, _draw):
        starts, moment = len(run.of_kind("start")), time.time()
        run.orders.give(kind, pattern, seconds)
        met = run.wait(f"{calls} slow calls of {kind}", lambda: run.orders.met() >= calls)
        run.orders.withdraw()
        before = run.step()
        if not met:
            return None
        if not run.wait_step(min(before + 1, STEPS)) or len(run.of_kind("start")) > starts:
            raise Wrong(f"slow calls of {kind} ended it")
        return Outcome("trains on", 0, time.time() - moment)
    return slow_down


def hang(kind, pattern, ranks, name):
    """A fault: such a call of one rank does not come back. That is said, with a file of that name, and then noticed as
    a rank's death is."""
    def hang_there(run, draw):
        starts, safe, known = len(run.of_kind("start")), run.safe_step(), len(run.said())
        run.orders.give(kind, pattern, 3600, draw.choice(ranks))
        if not run.wait(f"a {kind} that hangs", run.orders.met):
            return None
        moment = time.time()
        run.wait_whatever(f"a {kind} that hangs to be noticed", lambda: run.last_t("fault") > moment or
                          len(run.of_kind("start")) > starts)
        run.orders.withdraw()
        outcome = go_on(run, moment, starts, safe)
        if not any(name in line for line in run.said()[known:].splitlines() if "still" in line):
            raise Wrong(f"a {kind} hung, and nothing said at which file")
        return outcome
    return hang_there


def at_restart(seconds, calls):
    """A fault: reading the checkpoint takes long after the death of a rank: the run goes on from it all the same."""
    def restore(run, draw):
        found, starts = run.ranks(), len(run.of_kind("start"))
        if len(found) < 3 or not run.wait("a checkpoint", run.safe_step):
            return None
        safe, moment = run.safe_step(), time.time()
        run.orders.give("read", COMMITTED, seconds)
        kill(found[draw.randrange(3)], signal.SIGKILL)
        outcome = go_on(run, moment, starts, safe)
        met = run.orders.met()
        run.orders.withdraw()
        if met < calls:
            raise Wrong(f"of {calls} slow reads of a checkpoint {met} came")
        return outcome
    return restore


def cut_udp(run, draw):
    """No datagram arrives any more, and a rank falls silent: noticed over MPI alone."""
    found, starts = run.ranks(), len(run.of_kind("start"))
    if len(found) < 3:
        return None
    run.orders.give("read", SHARDS, 0.2, lose_datagrams=True)  # or it is over too soon
    if not run.wait("datagrams that are lost", lambda: run.orders.met("sendto") >= 6):
        return None
    safe, moment = run.safe_step(), time.time()
    kill(found[draw.randrange(3)], signal.SIGSTOP)
    outcome = go_on(run, moment, starts, safe)
    run.orders.withdraw()
    return outcome


def move_logs(run, draw):
    """Both logs, as logrotate would: what follows is in new ones."""
    names = draw.choice((("daild.log",), ("status.jsonl",), ("daild.log", "status.jsonl")))
    starts, moment = len(run.of_kind("start")), time.time()
    for name in names:
        (run.dir / name).rename(run.dir / f"{name}.{len(list(run.dir.glob(f'{name}*')))}")
    for name in names:
        run.wait(f"a new {name}", lambda name=name: (run.dir / name).exists())
    before = run.step()
    if not run.wait_step(min(before + 2, STEPS)) or len(run.of_kind("start")) > starts:
        raise Wrong("moved logs ended it")
    return Outcome("trains on", 0, time.time() - moment)
