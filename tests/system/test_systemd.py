"""What an init system hears from mxbound and hands to it, by the protocols of
sd_notify(3) and sd_listen_fds(3): real sockets, and nothing of systemd's."""

import signal
import socket
import time
from pathlib import Path

import pytest

from test_supervisor import Bed, wait_until


class Init:
    """The listening end of NOTIFY_SOCKET."""

    def __init__(self, folder, abstract=False):
        name = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind("\0" + name if abstract else name)
        self.socket.settimeout(20)
        self.variables = {"NOTIFY_SOCKET": "@" + name if abstract else name}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()

    def hear(self):
        """(sender's pid, {word: value}) of the next message."""
        text, control, _, _ = self.socket.recvmsg(4096, 256)
        pid = int.from_bytes(control[0][2][:4], "little")
        return pid, dict(line.split("=", 1) for line in text.decode().split("\n"))

    def hear_until(self, word):
        """Words of all messages up to the one with that word."""
        heard = []
        while word not in heard:
            heard += self.hear()[1]
        return heard


def start(bed, variables=None, wrap=(), **how):
    return bed.start(wrap=["env", *(f"{k}={v}" for k, v in (variables or {}).items()), *wrap],
                     **how)


@pytest.fixture
def bed():
    with Bed() as one:
        yield one


@pytest.fixture(params=["path", "abstract"])
def init(request, tmp_path):
    with Init(tmp_path, request.param == "abstract") as one:
        yield one


def test_ready_and_stopping(bed, init):
    start(bed, init.variables)
    pid, words = init.hear()
    assert pid == bed.process.pid and words["READY"] == "1"
    assert bed.front()                      # ready means that it answers
    bed.stop()
    assert init.hear()[1]["STOPPING"] == "1"
    init.socket.settimeout(0)
    with pytest.raises(BlockingIOError):
        init.hear()


def test_not_ready_if_it_does_not_start(bed, init):
    bed.mode("resolver", "crash")
    start(bed, init.variables, ready=False)
    assert bed.end() == 1
    init.socket.settimeout(0)
    words = init.hear()[1]
    assert "STOPPING" in words and "READY" not in words


def test_signs_of_life(bed, init):
    """As long as the loop goes round; a supervisor that is stopped sends none."""
    start(bed, {**init.variables, "WATCHDOG_USEC": "200000"})
    init.hear_until("READY")
    for _ in range(3):
        pid, words = init.hear()
        assert pid == bed.process.pid and words == {"WATCHDOG": "1"}
    bed.signal(signal.SIGSTOP)
    stat = Path(f"/proc/{bed.process.pid}/stat")
    wait_until(lambda: stat.read_text().rsplit(")", 1)[1].split()[0] == "T", "stopped")
    init.socket.settimeout(0)
    with pytest.raises(BlockingIOError):
        while True:
            init.hear()
    init.socket.settimeout(20)
    bed.signal(signal.SIGCONT)
    assert init.hear()[1] == {"WATCHDOG": "1"}
    bed.signal(signal.SIGUSR2)              # and the next program image goes on with it
    init.hear_until("RELOADING")
    init.hear_until("READY")
    assert "WATCHDOG" in init.hear_until("WATCHDOG")


@pytest.mark.parametrize("variables", [{"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"},
                                       {"WATCHDOG_USEC": "no"}, {"WATCHDOG_USEC": "-1"},
                                       {"WATCHDOG_USEC": "99999999999999999999"}])
def test_no_signs_of_life_for_others(bed, tmp_path, variables):
    with Init(tmp_path) as init:
        start(bed, {**init.variables, **variables})
        bed.signal(signal.SIGUSR2)
        assert "WATCHDOG" not in init.hear_until("RELOADING") + init.hear_until("READY")


def test_reload(bed, tmp_path):
    """RELOADING, then READY, whatever became of it; of one process all the time."""
    with Init(tmp_path) as init:
        start(bed, init.variables)
        init.hear_until("READY")
        for text in (None, "nonsense: 1\n"):
            if text:
                bed.conf.write_text(text)
            before = time.monotonic_ns() // 1000
            bed.signal(signal.SIGUSR2)
            pid, words = init.hear()
            assert pid == bed.process.pid and words["RELOADING"] == "1"
            assert before <= int(words["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
            pid, words = init.hear()
            assert pid == bed.process.pid and words["READY"] == "1"
        bed.says("not taken over")
        assert bed.front()


@pytest.mark.parametrize("name", ["", "relative", "/no/such/socket", "@", "/" + "x" * 200])
def test_nobody_listens(bed, name):
    start(bed, {"NOTIFY_SOCKET": name})
    assert bed.front()
    bed.stop()
