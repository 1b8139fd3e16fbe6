"""dail tail on a terminal: what it leaves there, however it ends.

usage: tail_terminal.py DAIL RUN WHAT

WHAT: "q" types q, "end" waits for the run's end, SIGINT, SIGTERM, SIGHUP or SIGQUIT sends that, SIGTSTP stops the
process and lets it go on before q is typed. Prints what is wrong, and nothing where all is as it was before: the
modes of the terminal, the main screen, the cursor.
"""
import os
import pty
import select
import signal
import sys
import termios
import time

dail, run, what = sys.argv[1:4]
LEAVES = b"\x1b[?25h\x1b[?1049l"
SHOWS = b"\x1b[?1049h\x1b[?25l"


def terminal_of(size):
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, size) if hasattr(termios, "tcsetwinsize") else set_size(slave, size)
    return master, slave


def set_size(slave, size):
    import fcntl
    import struct
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[0], size[1], 0, 0))


def start(slave):
    pid = os.fork()
    if pid == 0:
        os.setsid()
        import fcntl
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for number in (0, 1, 2):
            os.dup2(slave, number)
        os.execve(dail, [dail, "tail", "--interval", "0.2", run], dict(os.environ, LC_ALL="C"))
    return pid


class Tail:
    def __init__(self):
        self.master, self.slave = terminal_of((10, 80))
        self.before = termios.tcgetattr(self.slave)
        self.pid = start(self.slave)
        self.said = b""

    def read_until(self, words, seconds=30):
        end = time.time() + seconds
        while words not in self.said and time.time() < end:
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.said += os.read(self.master, 65536)
                except OSError:
                    break
        if words not in self.said:
            os.kill(self.pid, signal.SIGKILL)
            sys.exit(f"{words!r} is not in {self.said!r}")

    def stop_and_go_on(self):
        os.kill(self.pid, signal.SIGTSTP)
        if not os.WIFSTOPPED(os.waitpid(self.pid, os.WUNTRACED)[1]):
            sys.exit("SIGTSTP does not stop it")
        self.read_until(LEAVES)
        if termios.tcgetattr(self.slave) != self.before:
            sys.exit("stopped, it holds the terminal's modes")
        self.said = b""
        os.kill(self.pid, signal.SIGCONT)
        self.read_until(SHOWS)


tail = Tail()
tail.read_until(b"\nstep " if what != "end" else LEAVES)
if what != "end":
    if termios.tcgetattr(tail.slave)[3] & (termios.ICANON | termios.ECHO):
        sys.exit("the terminal waits for Enter, or shows what is typed")
    frame = tail.said[tail.said.index(b"\x1b[H"):]
    for line in (b"running", b"epoch ", b"step "):
        if line not in frame:
            sys.exit(f"no line of {line!r} in {frame!r}")
    if frame.split(b"\x1b[J")[0].count(b"\n") > 9:
        sys.exit(f"more than ten rows: {frame!r}")
if what == "SIGTSTP":
    tail.stop_and_go_on()
if what in ("q", "SIGTSTP"):
    os.write(tail.master, b"xq")
elif what != "end":
    os.kill(tail.pid, getattr(signal, what))
tail.read_until(LEAVES)
status = None
for _ in range(300):
    pid, found = os.waitpid(tail.pid, os.WNOHANG)
    if pid:
        status = found
        break
    if select.select([tail.master], [], [], 0.1)[0]:
        tail.said += os.read(tail.master, 65536)
if status is None:
    os.kill(tail.pid, signal.SIGKILL)
    sys.exit("it does not end")
if not os.WIFEXITED(status) or os.WEXITSTATUS(status) != 0:
    sys.exit(f"it ended with {status}: {tail.said!r}")
if termios.tcgetattr(tail.slave) != tail.before:
    sys.exit("it leaves other modes behind")
if tail.said.rfind(SHOWS) > tail.said.rfind(LEAVES):
    sys.exit("it leaves the other screen, or no cursor")
