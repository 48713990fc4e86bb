"""What the real processes are left with, as the kernel tells it.

What a role's sandbox allows and forbids is in tests/unit/test_sandbox_roles.c,
what becoming an account leaves in test_base_privilege.c. That nothing is
missing which they need, all other system tests show: they run with it.
"""

import os
import re
import signal
from pathlib import Path

import pytest

from mxbound import SANITIZED, Mxbound, free_port, wait_until

pytestmark = pytest.mark.skipif(os.environ.get("MX_SANDBOX") == "no",
                                reason="MX_SANDBOX=no")

SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def status(pid):
    """Of each thread."""
    return [dict(re.findall(r"(\w+):\t(.*)", path.read_text()))
            for path in Path(f"/proc/{pid}/task").glob("*/status")]


def sockets(pid):
    """Inodes of what it has open."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found |= set(re.findall(r"socket:\[(\d+)\]", os.readlink(link)))
        except FileNotFoundError:
            pass
    return found


def tcp_sockets(state):
    lines = (Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text())
    return {words[9] for words in map(str.split, lines.splitlines()) if words[3] == state}


@pytest.fixture(scope="module")
def all_of_it(tmp_path_factory):
    """With everything that opens a file or a socket."""
    folder = tmp_path_factory.mktemp("state")
    with Mxbound(f"state-dir: {folder}", f"policy-listen: 127.0.0.1@{free_port()}",
                 "workers: 2", "resolvers: 2") as server:
        for name in ("healthy.lab.", "unsigned.lab.", "bogus.lab."):
            server.ask(name, "MX", do=True)
            server.ask(name, "MX", tcp=True)
        yield server


def test_children_have_nothing_left(all_of_it):
    children = all_of_it.fronts() + all_of_it.resolvers()
    assert len(children) == 3
    for pid in children:
        for thread in status(pid):
            assert {int(thread[name], 16) for name in SETS} == {0}, thread
            assert thread["NoNewPrivs"] == "1", thread
            assert thread["Seccomp"] == "2", thread
            # Its own, within the supervisor's.
            assert thread.get("Seccomp_filters", "2") == "2", thread


def test_supervisor_is_filtered(all_of_it):
    (thread,) = status(all_of_it.process.pid)
    assert thread["NoNewPrivs"] == "1"
    assert thread["Seccomp"] == "2"


def test_resolvers_listen_to_nobody(all_of_it):
    listening = tcp_sockets("0A")
    assert sockets(all_of_it.fronts()[0]) & listening
    for pid in all_of_it.resolvers():
        assert not sockets(pid) & listening


def test_front_has_files_in_one_folder(all_of_it):
    """Made, read and written with the sandbox on; then it takes over."""
    file = Path(re.search(r"state-dir: (.*)", all_of_it.file.read_text())[1]) / \
        "cache.snapshot"
    os.kill(all_of_it.process.pid, signal.SIGUSR1)
    wait_until(file.exists, 10, "a snapshot")
    old = all_of_it.fronts()
    os.kill(all_of_it.process.pid, signal.SIGUSR2)
    wait_until(lambda: "the last process of the other version is gone" in all_of_it.log(),
               20, "taken over")
    assert all_of_it.fronts() != old
    assert re.search(r"snapshot: [1-9]\d* answers from", all_of_it.log())
    # Filters add up; what is started has them all.
    for pid in [all_of_it.process.pid] + all_of_it.fronts() + all_of_it.resolvers():
        assert all(thread["Seccomp"] == "2" for thread in status(pid))


@pytest.mark.skipif(SANITIZED, reason="the same program")
def test_sandbox_off():
    with Mxbound("sandbox: no") as server:
        server.ask("healthy.lab.", "MX")
        assert "sandbox: no" in server.log()
        for pid in [server.process.pid] + server.fronts() + server.resolvers():
            for thread in status(pid):
                assert thread["Seccomp"] == "0"
                assert thread["NoNewPrivs"] == "1"
