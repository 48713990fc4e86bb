"""The servers of hits.py: each answers DNS on 127.0.0.1, with one thread.

They resolve in the lab, from its root hints and its trust anchor, and validate,
but for the echo, which knows nothing, and dnsdist, which asks the Unbound of
the same run. None is Debian's service: each runs from a folder of its own.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path += [str(ROOT / "tests"), str(ROOT / "tests/system")]

from lab.unbound import Unbound                      # noqa: E402
from mxbound import Mxbound, free_port               # noqa: E402

END_S = 5

RECURSOR = """\
local-address=127.0.0.1
local-port={port}
threads=1
daemon=no
disable-syslog=yes
hint-file={hints}
lua-config-file={folder}/recursor.lua
socket-dir={folder}
dont-query=
dnssec=validate
security-poll-suffix=
"""
RECURSOR_LUA = """\
clearTA('.')
addTA('.', "{ds}")
"""
DNSDIST = """\
setSecurityPollSuffix('')
setLocal('127.0.0.1:{port}')
newServer('127.0.0.1:{backend}')
getServer(0):setUp()
getPool(''):setCache(newPacketCache(100000))
"""
KRESD = """\
net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})
cache.open(100 * MB, 'lmdb://{folder}/cache')
modules.load('hints')
hints.root_file('{hints}')
trust_anchors.remove('.')
trust_anchors.add([[{anchor}]])
"""


def processes(pid):
    """pid and all that it started, however far down."""
    found = [pid]
    for one in found:
        for path in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(child) for child in path.read_text().split()]
    return found


def schedstat(pid):
    """[(ns on a processor, ns ready but waiting for one) of each thread] so far."""
    return [tuple(map(int, path.read_text().split()[:2]))
            for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]


def cpu_by_program(pid):
    """{program: seconds of processor time so far} of pid and all that it started.
    From schedstat, whose unit is the nanosecond; stat's is a hundredth."""
    used = {}
    for one in processes(pid):
        program = Path(f"/proc/{one}/comm").read_text().strip()
        ns = sum(ran for ran, _ in schedstat(one))
        used[program] = used.get(program, 0) + ns / 1e9
    return used


class Server:
    """needs: the program without which it is left out."""
    name = needs = None
    port = process = None

    def __init__(self, build):
        self.build = build
        self.port = free_port()

    def there(self):
        return shutil.which(self.needs) is not None

    def launch(self, command, folder=None):
        log = open(folder / "log", "w") if folder else subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log)

    def start(self, others):
        """others: the servers already started, by name."""
        raise NotImplementedError

    def folder(self):
        return Path(tempfile.mkdtemp(prefix=f"{self.needs}-", dir=os.environ["LAB_DIR"]))

    def stop(self):
        if not self.process:
            return
        self.process.terminate()
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def cpu_s(self):
        """User and system time of all its processes, so far."""
        return sum(cpu_by_program(self.process.pid).values())

    def waited_s(self):
        """How long its threads waited for a processor, so far."""
        return sum(waited for pid in processes(self.process.pid)
                   for _, waited in schedstat(pid)) / 1e9


class Echo(Server):
    name = "UDP echo"
    resolves = False

    def there(self):
        return True

    def start(self, others):
        self.launch([self.build / "bench/udp_echo", str(self.port)])


class Ours(Server):
    """more: lines of configuration beside the lab's."""
    name = "mxbound"
    resolves = True
    more = ()

    def there(self):
        return True

    def start(self, others):
        self.server = Mxbound("workers: 1", "resolvers: 1", "control-socket: no",
                              *self.more, build=self.build)
        self.server.start()
        self.port, self.process = self.server.port, self.server.process

    def stop(self):
        self.server.stop()


class UnboundDaemon(Server):
    """more: lines of its server: clause, or after it, beside the lab's."""
    name, needs = "Unbound", "unbound"
    resolves = True
    more = ()

    def start(self, others):
        self.server = Unbound(port=self.port, threads=1, extra="\n".join(self.more))
        self.server.start()
        self.process = self.server.process

    def stop(self):
        self.server.stop()


class Recursor(Server):
    name, needs = "PowerDNS Recursor", "pdns_recursor"
    resolves = True

    def start(self, others):
        folder = self.folder()
        ds = Path(os.environ["LAB_TRUST_ANCHOR"]).read_text().partition("DS")[2]
        (folder / "recursor.conf").write_text(RECURSOR.format(
            port=self.port, folder=folder, hints=os.environ["LAB_ROOT_HINTS"]))
        (folder / "recursor.lua").write_text(RECURSOR_LUA.format(ds=ds.strip()))
        self.launch(["pdns_recursor", f"--config-dir={folder}"], folder)


class Dnsdist(Server):
    name, needs = "dnsdist", "dnsdist"
    resolves = True

    def start(self, others):
        folder = self.folder()
        (folder / "dnsdist.conf").write_text(DNSDIST.format(
            port=self.port, backend=others["Unbound"].port))
        self.launch(["dnsdist", "--supervised", "--disable-syslog",
                     "-C", str(folder / "dnsdist.conf")], folder)


class Kresd(Server):
    name, needs = "Knot Resolver", "kresd"
    resolves = True

    def start(self, others):
        folder = self.folder()
        (folder / "kresd.conf").write_text(KRESD.format(
            port=self.port, folder=folder, hints=os.environ["LAB_ROOT_HINTS"],
            anchor=Path(os.environ["LAB_TRUST_ANCHOR"]).read_text().strip()))
        self.launch(["kresd", "-n", "-c", str(folder / "kresd.conf"), str(folder)], folder)


ALL = [Echo, Ours, UnboundDaemon, Recursor, Dnsdist, Kresd]
