"""A Postfix of its own: master(8) with all it keeps below one folder.

It works as the accounts that Debian's package makes, so the test must be root
with more accounts than root: see whether that is so with why_not().
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mxbound import PATIENCE, wait_until

SBIN = Path("/usr/sbin")
MASTER = Path("/usr/lib/postfix/sbin/master")

# Whose folder of the queue is whose: as "postfix set-permissions" does it.
OWN = "active bounce corrupt defer deferred flush hold incoming private saved trace".split()
DROP = {"maildrop": 0o730, "public": 0o710}

MAIN = """\
compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
maillog_file = {log}
maillog_file_prefixes = {folder}
alias_maps =
alias_database =
local_recipient_maps =
mydestination =
mynetworks = 127.0.0.0/8, [::1]/128, 198.18.0.0/15, [2001:2::]/48
smtpd_peername_lookup = no
smtpd_client_event_limit_exceptions = static:all
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
in_flow_delay = 0
fast_flush_domains =
"""
SERVICES = """\
cleanup  unix  n - n - 0 cleanup
qmgr     unix  n - n 300 1 qmgr
tlsmgr   unix  - - n 1000? 1 tlsmgr
rewrite  unix  - - n - - trivial-rewrite
bounce   unix  - - n - 0 bounce
defer    unix  - - n - 0 bounce
trace    unix  - - n - 0 bounce
smtp     unix  - - n - - smtp
showq    unix  n - n - - showq
error    unix  - - n - - error
retry    unix  - - n - - error
discard  unix  - - n - - discard
virtual  unix  - n n - - virtual
scache   unix  - - n - 1 scache
postlog  unix-dgram n - n - 1 postlogd
"""
# Binds another /etc/resolv.conf over that of the machine, for whom it starts.
WITH_RESOLV_CONF = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'

LINE = re.compile(r" postfix/(\w+)\[(\d+)\]: (.*)$")
STATUS = re.compile(r"(\w+): to=<([^>]*)>, (?:orig_to=<[^>]*>, )?relay=([^\[,]+).*?, "
                    r"dsn=([\d.]+), status=(\w+) \((.*)\)$")
SESSION = re.compile(r"(\w+) TLS connection established to ([^\[]+)\[")


@dataclass
class Status:
    """What the log says of an attempt to deliver to a recipient. tls: of the
    session with that relay: Verified, Trusted, Untrusted, Anonymous, or ""."""
    queue_id: str
    recipient: str
    relay: str
    dsn: str
    status: str
    text: str
    tls: str


def why_not():
    """"", or why there can be no Postfix here."""
    if not MASTER.exists():
        return "no Postfix (package postfix)"
    if Path("/proc/self/uid_map").read_text().split()[2] == "1":
        return "Postfix needs its accounts: lab run --accounts, as root"
    return ""


class Postfix:
    """main: lines for main.cf; services: for master.cf. resolv_conf: a file,
    or None where it asks nobody."""

    def __init__(self, name, main, services, resolv_conf=None):
        self.holder = tempfile.TemporaryDirectory(prefix=f"mxbound-postfix-{name}-")
        self.folder = Path(self.holder.name)
        self.config, self.queue, self.data = (self.folder / d for d in ("config", "queue", "data"))
        self.log_file = self.folder / "log"
        self.resolv_conf = resolv_conf
        self.read = 0                   # of the log: octets
        self.statuses = {}              # by recipient: all, in their order
        self.sessions = {}              # by process: (verdict, relay) of its last TLS
        self.master = None
        self._make_folders()
        (self.config / "main.cf").write_text(MAIN.format(
            queue=self.queue, data=self.data, log=self.log_file, folder=self.folder) + main)
        (self.config / "master.cf").write_text(SERVICES + services)

    def _make_folders(self):
        self.folder.chmod(0o755)
        self.config.mkdir()
        self.queue.mkdir()
        (self.queue / "pid").mkdir()
        self.data.mkdir(0o700)
        shutil.chown(self.data, "postfix", "postfix")
        for name in OWN:
            (self.queue / name).mkdir(0o700)
            shutil.chown(self.queue / name, "postfix")
        for name, mode in DROP.items():
            (self.queue / name).mkdir()
            shutil.chown(self.queue / name, "postfix", "postdrop")
            (self.queue / name).chmod(mode)

    # -- life --

    def start(self):
        command = [MASTER, "-c", self.config, "-s"]
        if self.resolv_conf:
            command = ["unshare", "--mount", "sh", "-c", WITH_RESOLV_CONF, self.resolv_conf,
                       *command]
        self.output = open(self.folder / "output", "wb")
        self.master = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.output,
                                       stderr=self.output, start_new_session=True,
                                       env={**os.environ, "MAIL_CONFIG": str(self.config)})
        wait_until(lambda: "daemon started" in self.log() or self.master.poll() is not None,
                   20, "Postfix is there")
        assert self.master.poll() is None, self.log() + (self.folder / "output").read_text()
        return self

    def stop(self):
        self.master.send_signal(signal.SIGTERM)
        try:
            self.master.wait(20 * PATIENCE)
        finally:
            self.output.close()
        log = self.log()
        assert "panic:" not in log and "fatal:" not in log, self.complaints()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is not None:
            print(self.log()[-20000:])
        self.stop()

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def complaints(self):
        return "\n".join(line for line in self.log().splitlines()
                         if re.search(r"warning:|fatal:|panic:", line))

    # -- what has become of mail --

    def outcomes(self):
        """{recipient: [Status]}, all that the log has said until now."""
        with open(self.log_file, "rb") as file:
            file.seek(self.read)
            text = file.read()
        text = text[:text.rfind(b"\n") + 1]
        self.read += len(text)
        for line in text.decode(errors="replace").splitlines():
            if found := LINE.search(line):
                self._read_line(found[2], found[3])
        return self.statuses

    def _read_line(self, pid, text):
        if session := SESSION.match(text):
            self.sessions[pid] = session[1], session[2]
        elif found := STATUS.match(text):
            verdict, relay = self.sessions.pop(pid, ("", ""))
            status = Status(*found.groups(), verdict if relay == found[3] else "")
            self.statuses.setdefault(status.recipient, []).append(status)

    def tool(self, name, *arguments):
        done = subprocess.run([SBIN / name, "-c", self.config, *arguments], timeout=60 * PATIENCE,
                              capture_output=True, text=True)
        assert done.returncode == 0, done
        return done.stdout

    def queued(self):
        """Counter of recipients: in how many messages of the queue they are. A
        message that is moved while postqueue(1) looks may be told twice, or not."""
        return Counter(to for _, to in {(one["queue_id"], to["address"])
                       for one in map(json.loads, self.tool("postqueue", "-j").splitlines())
                       for to in one["recipients"]})
