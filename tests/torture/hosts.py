"""Three hosts on this machine, as tests/system/hosts.t makes them: network namespaces with processes, names and
interfaces of their own, on one switch; and the fault of losing one of them."""
import os
import pathlib
import subprocess
import time

from faults import Wrong, go_on

SHELL = pathlib.Path(__file__).resolve().parent.parent / "system/host_shell.pl"


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Hosts:
    def __init__(self, work):
        self.net = f"dailt{os.getpid()}"
        self.numbers = (1, 2, 3)
        self.shells = {}
        self.file = work / "hosts"
        self.file.write_text("".join(f"{self.address(number)} slots=1\n" for number in self.numbers))

    def address(self, number):
        return f"10.77.0.{number}"

    def name(self, number):
        return f"{self.net}-{number}"

    def up(self):
        """Raises where namespaces cannot be made."""
        ip("netns", "add", f"{self.net}-switch")
        ip("-n", f"{self.net}-switch", "link", "add", "br0", "type", "bridge")
        ip("-n", f"{self.net}-switch", "link", "set", "br0", "up")
        for number in self.numbers:
            name = self.name(number)
            ip("netns", "add", name)
            ip("-n", f"{self.net}-switch", "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0",
               "netns", name)
            ip("-n", f"{self.net}-switch", "link", "set", f"port{number}", "master", "br0", "up")
            ip("-n", name, "address", "add", f"{self.address(number)}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
            self.power_on(number)

    def down(self):
        for number in self.numbers:
            self.power_off(number)
        for number in (*self.numbers, "switch"):
            subprocess.run(["ip", "netns", "delete", self.name(number)], capture_output=True, check=False)

    def power_on(self, number):
        self.shells[number] = subprocess.Popen(
            ["ip", "netns", "exec", self.name(number), "unshare", "--uts", "--pid", "--fork", "--kill-child",
             "--mount-proc", "sh", "-c", 'hostname "$1" && exec perl "$2" serve "$3"', "sh", f"node{number}", SHELL,
             self.address(number)], stdin=subprocess.DEVNULL)
        while subprocess.run(self.command(number, ["true"]), capture_output=True, check=False).returncode != 0:
            if self.shells[number].poll() is not None:
                raise OSError(f"host {number} cannot be started")
            time.sleep(0.05)

    def power_off(self, number):
        """The first process of a host takes all others of it along."""
        if number in self.shells:
            self.shells[number].kill()
            self.shells.pop(number).wait()

    def plug(self, number, state):
        ip("-n", f"{self.net}-switch", "link", "set", f"port{number}", state)

    def command(self, number, words):
        """What runs these words on a host."""
        return ["ip", "netns", "exec", self.name(number), "perl", SHELL, self.address(number), *words]

    def on_first(self, words):
        """The same on the first host, where mpirun finds the others."""
        only = f"{self.address(0)}/24"
        return self.command(1, ["cd", os.getcwd(), "&&", "exec", "env", f"OMPI_MCA_plm_rsh_agent={SHELL}",
                                "OMPI_MCA_btl=self,tcp", f"OMPI_MCA_btl_tcp_if_include={only}",
                                f"OMPI_MCA_oob_tcp_if_include={only}", *map(str, words)])

    def pids(self, number):
        listed = subprocess.run(["ip", "netns", "pids", self.name(number)], capture_output=True, text=True, check=True)
        return {int(pid) for pid in listed.stdout.split()}


def lose_host(run, draw):
    """One host of three, which has a worker, is cut off or loses its power: the run goes on with the host that was
    idle, so with as many workers as before."""
    hosts = run.hosts
    victim = 2
    run.begin(hosts=hosts)
    run.wait_step(draw.randint(6, 30))
    starts = len(run.of_kind("start"))
    before = run.left_over()
    there = [pid for pid in hosts.pids(victim) if pid in before]
    if run.ended() or not there:
        return None
    safe, moment = run.safe_step(), time.time()
    if cut := draw.random() < 0.5:
        hosts.plug(victim, "down")
    else:
        hosts.power_off(victim)
    try:
        outcome = go_on(run, moment, starts, safe)
        if cut:
            run.wait_whatever("the ranks of a host that is cut off to end",
                              lambda: not hosts.pids(victim) & set(run.left_over()))
        if "10.77.0.2 does not answer and is left out" not in run.said():
            raise Wrong("a host was lost, and dail run does not say so")
    finally:
        hosts.power_off(victim)
        hosts.plug(victim, "up")
        hosts.power_on(victim)
    return outcome
