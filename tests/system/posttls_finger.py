"""posttls-finger(1), Postfix's own probe, asking mxbound: what it tried, taken apart.

It reads /etc/resolv.conf, which cannot name a port; so mxbound has to listen on
127.0.0.1 port 53, which is free in the lab, and it runs in a mount namespace
where that file is another. Nor does it run as root (it would become a user that
the lab's namespace does not have), hence one more user namespace.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field

from mxbound import PATIENCE

PROGRAM = shutil.which("posttls-finger", path=os.environ.get("PATH", "") + ":/usr/sbin")

# AD is to be believed (trust-ad), and a server waited for longer than mxbound lets
# anyone wait.
RESOLV_CONF = "nameserver 127.0.0.1\noptions trust-ad timeout:10 attempts:1\n"
MAIN_CF = """\
compatibility_level = 3.6
myhostname = sender.example
inet_protocols = all
smtp_dns_support_level = dnssec
"""
# Holds the namespaces open until its input ends.
HOLDER = """
mount --bind "$1" /etc/resolv.conf && exec unshare --user sh -c 'echo ready; read end'
"""

TRIES = re.compile(r"connect_addr: trying: (\S+)\[(\S+)\] port")
# A cache of its own by TLSA name: what was found at it has just been told.
KEY = re.compile(r"ctable_locate: (install|leave existing) entry key (_\S+)")
SIGNED = re.compile(r"(DNSSEC-signed TLSA record: |warning: )_\d+\._tcp\.\S+ "
                    r".*\d+ \d+ \d+ [0-9A-F]*$")
UNUSABLE = re.compile(r"warning: \S+\]:\d+: unusable TLSA RR: \d+ \d+ \d+ ")
UNSUPPORTED = re.compile(r"warning: _\d+\._tcp\.\S+ .*: \d+ \d+ \d+ [0-9A-F]*$")
NO_TLSA = re.compile(r"Failed to establish session to \S+ via (\S+): TLSA lookup error")
SESSION = re.compile(r"(\w+) TLS connection established to (\S+?)\[")
NOWHERE = re.compile(r"Destination address lookup failed: (.*)")
NO_NAME = re.compile(r"Name service error for name=(\S+) type=\w+: Host not found$")


@dataclass
class Tried:
    name: str
    addresses: list = field(default_factory=list)
    tlsa_base: str = ""        # where secure TLSA were, "" where none
    tlsa_count: int = 0
    tlsa_failed: bool = False  # so not connected to


@dataclass
class Probe:
    outcome: str = ""
    hosts: list = field(default_factory=list)    # of Tried, in that order
    session: str = ""          # Verified, Trusted, Untrusted, Anonymous; "" none
    session_host: str = ""
    tlsa_unusable: int = 0     # of the host with the session
    text: str = ""


def outcome_of(domain, why):
    """Its one sentence in the words of mx_route.h."""
    if "nullMX" in why:
        return "null-mx"
    if "try again" in why:
        return "try-again"
    name = NO_NAME.search(why)
    return "no-such-domain" if name and name[1] == domain else "no-mail-host"


def host_of(probe, name):
    name = name.lower()
    if not any(host.name == name for host in probe.hosts):
        probe.hosts.append(Tried(name))
    return next(host for host in probe.hosts if host.name == name)


def parse(domain, text):
    probe = Probe(text=text)
    found_at = {}       # by TLSA name: how many
    counted = 0
    looked_at = ""      # the last TLSA name
    for line in text.splitlines():
        line = line.removeprefix("posttls-finger: ")
        counted += bool(SIGNED.match(line))
        if found := KEY.match(line):
            looked_at = found[2]
            if found[1] == "install":
                found_at[looked_at], counted = counted, 0
        elif found := TRIES.match(line):
            host = host_of(probe, found[1])
            host.addresses.append(found[2])
            if found_at.get(looked_at):
                host.tlsa_base = looked_at.split(".", 2)[2].lower()
                host.tlsa_count = found_at[looked_at]
            looked_at = ""
        elif found := NO_TLSA.match(line):
            host_of(probe, found[1]).tlsa_failed = True
        elif found := SESSION.match(line):
            probe.session, probe.session_host = found[1], found[2].lower()
        elif found := NOWHERE.match(line):
            probe.outcome = outcome_of(domain, found[1])
        probe.tlsa_unusable += bool(UNUSABLE.match(line) or UNSUPPORTED.match(line))
    if not probe.outcome:
        assert probe.hosts, text
        probe.outcome = "deliver" if any(h.addresses for h in probe.hosts) else "try-again"
    return probe


class PosttlsFinger:
    """folder: for its configuration. why_not: "", or why it cannot run here."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "main.cf").write_text(MAIN_CF)
        (folder / "resolv.conf").write_text(RESOLV_CONF)

    def __enter__(self):
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", HOLDER, "sh", self.folder / "resolv.conf"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ready = self.holder.stdout.readline() == "ready\n"
        self.why_not = "" if ready else self.holder.stderr.read()
        return self

    def __exit__(self, *_):
        self.holder.communicate(timeout=10 * PATIENCE)

    def probe(self, destination):
        """A next hop, as Postfix has it: with MX, or in brackets without."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.holder.pid), "--user", "--mount",
             "--preserve-credentials", PROGRAM, "-v", "-c", "-t", "5", "-l", "dane",
             "-L", "debug", destination],
            capture_output=True, text=True, timeout=100 * PATIENCE,
            env={**os.environ, "MAIL_CONFIG": str(self.folder), "LC_ALL": "C"})
        assert done.returncode == 0 and "panic" not in done.stderr, done.stderr
        return parse(destination.strip("[]"), done.stdout + done.stderr)
