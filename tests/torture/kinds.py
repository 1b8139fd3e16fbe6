"""The table of the kinds of faults."""
import signal
from typing import Callable, NamedTuple

import faults
import hosts
import slow
import starts


class Kind(NamedTuple):
    name: str
    inject: Callable  # what it does: of a run and a source of random numbers; an Outcome, or None: it was no injection
    allowed: tuple  # what the run may do about it
    bound: float  # seconds it may take, until training goes on: on a slow and busy machine, to tell a hang
    alone: bool = False  # it begins a training of its own, so it is all that its round meets


RESTARTS = ("restarts",)
ON = ("trains on",)
STOPS = ("ends with 75",)
REFUSED = ("refused with 2",)

KINDS = [
    Kind("SIGKILL to a worker", faults.signal_to(signal.SIGKILL, 1, 2), RESTARTS, 120),
    Kind("SIGKILL to the coordinator", faults.signal_to(signal.SIGKILL, 0), RESTARTS, 120),
    Kind("SIGKILL to mpirun", faults.kill_mpirun, RESTARTS, 120),
    Kind("SIGKILL inside a checkpoint", faults.kill_in_checkpoint, RESTARTS, 120),
    Kind("SIGKILL, again at the restart", faults.kill_at_start, RESTARTS, 180),
    Kind("SIGSTOP to a worker", faults.signal_to(signal.SIGSTOP, 1, 2), RESTARTS, 180),
    Kind("SIGSTOP to the coordinator", faults.signal_to(signal.SIGSTOP, 0), RESTARTS, 180),
    Kind("SIGSTOP to dail run", faults.stop_supervisor, ON, 120),
    Kind("SIGTERM at the start", starts.hold_at_restart("read", "*/tiny1.yaml"), STOPS + RESTARTS, 180),
    Kind("SIGTERM in a restore", starts.hold_at_restart("read", starts.COMMITTED), STOPS, 180),
    Kind("SIGTERM in a step", starts.hold("read", starts.SHARDS), STOPS, 120),
    Kind("SIGTERM in a checkpoint", starts.hold("fsync", starts.UNCOMMITTED), STOPS, 120),
    Kind("SIGTERM in a verification", starts.ask_in_verification, STOPS, 120),
    Kind("SIGTERM at the end", starts.ask_at_end, ("ends with 0", "ends with 75"), 120),
    Kind("second start at once", starts.second_at_once, REFUSED, 120),
    Kind("second start later", starts.second_later, REFUSED, 120),
    Kind("second start, first stopped", starts.second_after_stop, ("taken over",), 240),
    Kind("other data", starts.change_data, ("refused with 3",), 120),
    Kind("another number of workers", starts.change_workers, RESTARTS, 240, alone=True),
    Kind("one host of three lost", hosts.lose_host, RESTARTS, 240, alone=True),
    Kind("newest checkpoint corrupted", faults.corrupt_checkpoint, RESTARTS, 120),
    Kind("newest checkpoint truncated", faults.truncate_checkpoint, RESTARTS, 120),
    Kind("newest checkpoint removed", faults.remove_checkpoint, RESTARTS, 120),
    Kind("disk full", faults.fill_disk, ("trains on", "ends with 6"), 180),
    Kind("shard loses bytes", faults.drop_shard_bytes, ("ends with 3",), 120),
    Kind("slow reads", slow.slow("read", starts.SHARDS, 0.1, 20), ON, 120),
    Kind("slow fsyncs", slow.slow("fsync", starts.UNCOMMITTED, 0.3, 8), ON, 120),
    Kind("slow renames", slow.slow("rename", starts.UNCOMMITTED, 0.5, 3), ON, 120),
    Kind("hung read", slow.hang("read", starts.SHARDS, (1, 2), "tiny"), RESTARTS, 240),
    Kind("hung fsync", slow.hang("fsync", starts.UNCOMMITTED, (0, 1, 2), "/step-"), RESTARTS, 240),
    Kind("hung rename", slow.hang("rename", starts.UNCOMMITTED, (0,), "/step-"), RESTARTS, 240),
    Kind("slow restore", slow.at_restart(0.03, 100), RESTARTS, 240),
    Kind("UDP cut, SIGSTOP to a rank", slow.cut_udp, RESTARTS, 240),
    Kind("logs moved", slow.move_logs, ON, 120),
]
