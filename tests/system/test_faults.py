"""A process in which one thing fails, at its start or later: it copes, or is
replaced, and mail goes on; the supervisor copes, or ends and says why.

What a worker of the front, and a resolver's channels, do when any allocation
or call fails is in tests/unit/test_policy_memory.c, test_policy_calls.c and
test_resolver_calls.c: there every one is tried, here a sample, in the real
processes.
"""

import errno
import os
import re
import subprocess
from pathlib import Path

import dns.rcode
import pytest

from mxbound import END_S, SANITIZED, Mxbound, wait_until

HERE = Path(__file__).resolve().parent

pytestmark = pytest.mark.skipif(
    SANITIZED, reason="sanitizers do not go together with a preloaded library")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("fault") / "fault.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", path,
                    HERE / "fault.c", "-ldl"], check=True, timeout=60)
    return path


class Faulty:
    """mxbound, of whose first process called program one call fails."""

    def __init__(self, library, folder, program, call, at, count, error):
        self.once = folder / "once"
        self.environment = {
            "LD_PRELOAD": str(library),
            "MX_FAULT": f"{program} {call} {at} {count} {error} {self.once}"}
        self.server = Mxbound(f"state-dir: {folder}", "resolvers: 1", "workers: 2",
                              expect_ready=False)

    def __enter__(self):
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            self.server.start()
        finally:
            os.environ.clear()
            os.environ.update(before)
        return self

    def __exit__(self, kind, value, trace):
        if self.server.process and not self.server.ended():
            self.server.process.kill()
            self.server.process.wait()
        if kind is not None:
            print(self.server.log()[-5000:])

    def wait(self):
        """True: it serves. False: it has ended."""
        wait_until(lambda: "ready on" in self.server.log() or self.server.ended(),
                   20, "ready, or an end")
        return not self.server.ended()


# Each once; and one after another, until what tries again has given up.
FRONT = [("memory", at, 1, errno.ENOMEM)
         for at in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 120, 144, 170, 200, 233, 270, 300,
                    377, 450)]
FRONT += [("memory", at, 100000, errno.ENOMEM) for at in (1, 50, 150, 250)]
FRONT += [("recvmsg", at, 3, error) for at in (1, 4) for error in (errno.EINTR, errno.ENOBUFS)]
FRONT += [("epoll_create1", at, 1, errno.EMFILE) for at in (1, 2)]
FRONT += [("pipe2", 2, 1, errno.EMFILE), ("epoll_wait", 5, 3, errno.EINTR),
          ("pthread_create", 1, 1, errno.EAGAIN), ("pthread_create", 2, 1, errno.EAGAIN),
          ("sendmsg", 1, 3, errno.EAGAIN), ("sendmsg", 2, 3, errno.ENOBUFS)]

RESOLVER = [("memory", at, 1, errno.ENOMEM) for at in (1, 10, 100, 300, 600, 1000, 2000)]
RESOLVER += [("memfd_create", 1, 1, errno.EMFILE), ("memfd_create", 3, 1, errno.ENOMEM),
             ("poll", 1, 3, errno.EINTR), ("epoll_create1", 1, 1, errno.EMFILE),
             ("socket", 1, 20, errno.EMFILE), ("bind", 1, 20, errno.EADDRINUSE),
             ("connect", 1, 20, errno.ENETUNREACH), ("sendmsg", 3, 3, errno.ENOBUFS)]


def is_answered(server):
    """Right, if at all: a reply may be lost, as with UDP anywhere."""
    try:
        reply = server.ask("healthy.lab.", "MX", do=True, timeout=2)
    except AssertionError as error:
        if "no reply" not in str(error):
            raise
        return False
    assert reply.rcode() in (dns.rcode.NOERROR, dns.rcode.SERVFAIL)
    assert len(reply.answer) == (2 if reply.rcode() == dns.rcode.NOERROR else 0)
    return reply.rcode() == dns.rcode.NOERROR


def serves(faulty):
    """It gets ready, and answers, whatever happened at first."""
    server = faulty.server
    assert faulty.wait(), server.log()
    # Resolvers may be a moment behind, or be started for the second time.
    wait_until(lambda: is_answered(server), 20, "an answer")
    assert faulty.once.exists(), "another process than was meant"
    server.stop()
    log = server.log()
    assert not re.search(r"mxbound(-front)? \(pid \d+\) died of", log), log


@pytest.mark.parametrize("call,at,count,error", FRONT)
def test_front(library, tmp_path, call, at, count, error):
    with Faulty(library, tmp_path, "mxbound-front", call, at, count, error) as faulty:
        serves(faulty)


@pytest.mark.parametrize("call,at,count,error", RESOLVER)
def test_resolver(library, tmp_path, call, at, count, error):
    with Faulty(library, tmp_path, "mxbound-resolver", call, at, count, error) as faulty:
        serves(faulty)


# What is tried again: the fault is no reason to end.
SUPERVISOR = [("fork", 1, 1, errno.EAGAIN), ("fork", 2, 2, errno.ENOMEM),
              ("socketpair", 1, 1, errno.EMFILE), ("socketpair", 3, 1, errno.ENFILE),
              ("sendmsg", 1, 3, errno.EAGAIN), ("sendmsg", 3, 3, errno.ENOBUFS),
              ("sendmsg", 5, 1, errno.ETOOMANYREFS), ("recvmsg", 1, 3, errno.EINTR),
              ("poll", 1, 5, errno.EINTR), ("poll", 2, 5, errno.ENOMEM),
              ("execv", 1, 1, errno.ENOMEM)]


@pytest.mark.parametrize("call,at,count,error", SUPERVISOR)
def test_supervisor_goes_on(library, tmp_path, call, at, count, error):
    with Faulty(library, tmp_path, "mxbound", call, at, count, error) as faulty:
        serves(faulty)


# What it cannot do without: it ends, and says so.
@pytest.mark.parametrize("call,at,count,error", [
    *[("memory", at, 1, errno.ENOMEM) for at in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 200)],
    *[("memory", at, 100000, errno.ENOMEM) for at in (1, 30, 100)],
    ("memfd_create", 1, 1, errno.EMFILE), ("signalfd", 1, 1, errno.EMFILE),
    ("listen", 1, 1, errno.EADDRINUSE), ("socket", 1, 50, errno.EMFILE)])
def test_supervisor_ends_or_serves(library, tmp_path, call, at, count, error):
    with Faulty(library, tmp_path, "mxbound", call, at, count, error) as faulty:
        if faulty.wait():
            serves(faulty)
            return
        status = faulty.server.process.wait(END_S)
        assert status in (1, 2), faulty.server.log()
        assert "error:" in faulty.server.log()
