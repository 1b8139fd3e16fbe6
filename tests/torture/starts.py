"""Faults of starts and stops: requests to stop in every phase, second starts in the folder of a run, other data. As in
faults.py."""
import shutil
import signal
import time

from faults import Outcome, Wrong, go_on, start_again, strike
from run import EVAL, OTHER_DATASET, STEPS, SWITCH, kill

OTHER_WORKERS = (1, 4)
SHARDS = "*/tiny?-?????.h5"  # for the library's orders
COMMITTED = "*/checkpoints/step-?????????/*.h5"
UNCOMMITTED = "*/checkpoints/step-?????????.*"

# --- Requests to stop ---


def request(run, draw, safe):
    """SIGTERM or SIGUSR1 to `dail run` or to a rank: it ends with 75, and is started again by hand; by itself where the rank
    did not hear signals yet and died. `safe()`: the step that it must go on from. Outcome and moment."""
    ranks = run.ranks()
    if len(ranks) < 3:
        return None, 0
    victim = draw.choice((run.supervisor.pid, *(ranks[rank] for rank in sorted(ranks))))
    moment, at_least, mpirun = time.time(), safe(), run.mpirun()
    kill(victim, draw.choice((signal.SIGTERM, signal.SIGUSR1)))
    run.orders.withdraw()
    run.wait_whatever("a run that was asked to stop to end, or to start again",
                      lambda: run.ended() or run.mpirun() not in (None, mpirun))
    if victim != run.supervisor.pid and not run.ended():
        return go_on(run, moment, len(run.of_kind("start")), at_least), moment
    code = run.wait_end()
    if code != 75:
        raise Wrong(f"asked to stop it ended with {code}")
    return start_again(run, moment, len(run.of_kind("start")), safe(), "ends with 75"), moment


def ask(run, draw, safe):
    """A request while a rank is held up in the call that was ordered."""
    if not run.wait("the call that is held up", run.orders.met, 0.002):
        return None
    time.sleep(draw.choice((0, 0.1)))
    return request(run, draw, safe)[0]


def hold(kind, pattern):
    """A fault: a request to stop while a rank is held up in such a call."""
    def ask_there(run, draw):
        run.orders.give(kind, pattern, 10)
        return ask(run, draw, run.step)
    return ask_there


def hold_at_restart(kind, pattern):
    """The same in the start that follows the death of all ranks."""
    def ask_there(run, draw):
        found = run.ranks()
        if len(found) < 3 or not run.wait("a checkpoint", run.safe_step):
            return None
        for pid in found.values():
            kill(pid, signal.SIGKILL)
        safe = run.safe_step()
        run.orders.give(kind, pattern, 10)
        return ask(run, draw, lambda: safe)
    return ask_there


def ask_in_verification(run, draw):
    """A request between the record of a step that is verified and that of its verification."""
    def verified():
        last = run.last("eval")
        return last["step"] if last else 0

    def verifying():
        return run.step() % EVAL == 0 and run.step() > verified() and run.step()

    while step := run.wait("a verification", verifying, 0.001):
        outcome, moment = request(run, draw, run.step)
        if not any(record["step"] == step and record["t"] < moment for record in run.of_kind("eval")):
            return outcome
    return None


def ask_at_end(run, draw):
    """A request to stop when the last step is trained, and its checkpoint under way: the run is done all the same."""
    run.orders.give("fsync", f"*/step-{STEPS:09}.*", 10)
    if not run.wait("the last checkpoint", run.orders.met, 0.002) or len(ranks := run.ranks()) < 3:
        return None
    moment = time.time()
    kill(draw.choice((run.supervisor.pid, *ranks.values())), draw.choice((signal.SIGTERM, signal.SIGUSR1)))
    run.orders.withdraw()
    code = run.wait_end()
    if code == 75:
        run.supervise()
    elif code != 0:
        raise Wrong(f"asked to stop at its end it ended with {code}")
    return Outcome(f"ends with {code}", 0, time.time() - moment)


# --- Second starts ---


def stop(run):
    """Ends the run with a checkpoint; false if it was over before."""
    kill(run.supervisor.pid, signal.SIGTERM)
    code = run.wait_end()
    if code not in (0, 75):
        raise Wrong(f"a request to stop ended it with {code}")
    return code == 75


def refused(run, second):
    """A second `dail run` has ended: it must have been refused, by the name of the owner."""
    if second.returncode != 2 or "in use by another: host" not in (said := run.second_said()):
        raise Wrong(f"a second start ended with {second.returncode}, and said: {said[-300:]}")


def second_at_once(run, draw):
    """Two starts in the folder of a run that was stopped: one trains, the other is refused."""
    starts = len(run.of_kind("start"))
    if not stop(run):
        return None
    safe, moment = run.step(), time.time()
    run.supervise()
    time.sleep(draw.choice((0, 0, 0.05, 0.3)))
    second = run.start_second()
    both = (run.supervisor, second)
    over = run.wait_whatever("one of two starts to be refused", lambda: [one for one in both if one.poll() is not None])
    if over[0] is run.supervisor:  # then the other is the run
        run.swap_outputs()
        run.supervisor, second = second, run.supervisor
    refused(run, second)
    return go_on(run, moment, starts, safe, "refused with 2")


def second_later(run, draw):
    """A second start while the first trains, which goes on."""
    starts, moment = len(run.of_kind("start")), time.time()
    run.orders.give("read", SHARDS, 0.3)  # or it is over too soon
    second = run.start_second(("optimizer.lr=0.5",) if draw.random() < 0.5 else ())
    run.wait_whatever("a second start to be refused", lambda: second.poll() is not None)
    run.orders.withdraw()
    refused(run, second)
    before = run.step()
    if len(run.of_kind("start")) > starts:
        raise Wrong("the first run was started again because of the second")
    run.wait_step(min(before + 2, STEPS))
    return Outcome("refused with 2", 0, time.time() - moment)


def second_after_stop(run, _draw):
    """The owner stands still, all of it: a second start is refused while that may be slowness, and takes the folder
    over later. The owner goes on then, and must leave the folder to the second."""
    starts, first, stopped = len(run.of_kind("start")), run.supervisor, run.all()
    if len(stopped) < 5:
        return None
    safe, moment = run.safe_step(), time.time()
    for pid in stopped:
        kill(pid, signal.SIGSTOP)
    try:
        while True:
            second = run.start_second()
            run.wait_whatever("a second start to take the folder over",
                              lambda: second.poll() is not None or len(run.of_kind("start")) > starts)
            if second.poll() is None:
                break
            refused(run, second)
            time.sleep(1)
    finally:
        for pid in stopped:
            kill(pid, signal.SIGCONT)
    run.supervisor = second
    outcome = go_on(run, moment, starts, safe, "taken over")
    code = run.wait_end_of(first, "the first owner to end")
    if code == 0 and not run.ended() or code not in (0, 2, 5):
        raise Wrong(f"the owner that lost the folder ended with {code}")
    run.swap_outputs()
    return outcome


# --- Other data ---


def change_data(run, _draw):
    """Other people behind the same numbers, between two starts: refused. Then the old ones are back."""
    starts = len(run.of_kind("start"))
    if not stop(run):
        return None
    safe, moment = run.step(), time.time()
    kept = run.work / "kept"
    kept.mkdir()
    try:
        for path in sorted(run.data.glob(f"{OTHER_DATASET}[.-]*")):
            path.rename(kept / path.name)
        for path in run.other_data.iterdir():
            shutil.copy(path, run.data)
        run.supervise()
        code = run.wait_end()
    finally:
        for path in run.other_data.iterdir():
            (run.data / path.name).unlink(missing_ok=True)
        for path in kept.iterdir():
            path.rename(run.data / path.name)
        kept.rmdir()
    if code != 3 or "other people behind the same numbers" not in run.said():
        raise Wrong(f"{OTHER_DATASET} has other people, and the run ended with {code}")
    return start_again(run, moment, starts, safe, "refused with 3")


# --- Other workers ---


def change_workers(run, draw):
    """The run goes on with another number of workers, one of whom is killed then."""
    workers = draw.choice(OTHER_WORKERS)
    if (code := run.begin_on_other_workers(workers)) != 75:
        raise Wrong(f"a run that is to stop at a step ended with {code}")
    run.wait_step(SWITCH + draw.randint(1, 20))
    outcome = strike(run, draw, range(1, workers + 1), signal.SIGKILL)
    if outcome and len(run.last("start")["workers"]) != workers:
        raise Wrong(f"it went on with {len(run.last('start')['workers'])} workers, not {workers}")
    return outcome
