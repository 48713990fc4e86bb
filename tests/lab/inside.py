"""The first process of the lab's namespaces: starts all, runs the command.

Run as   python3 -m lab.inside BEHAVIOUR COMMAND...   by cli.py, under unshare.
It is the parent of every orphan, and so the only one here that calls wait().
"""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from . import namespace, ready, serve, sign
from .servers import SERVERS

FAILED = 70                    # the lab could not start, or a part of it ended


def write_hints(path):
    """Root hints and trust anchor, in zone file format."""
    with open(path / "root.hints", "w") as hints:
        for server in SERVERS.values():
            if server.instance == "root":
                hints.write(f". 3600000 NS {server.name}\n")
                for a in server.addresses:
                    hints.write(f"{server.name} 3600000 {'AAAA' if ':' in a else 'A'} {a}\n")
    (path / "trust-anchor").write_text(sign.trust_anchor())


def environment(lab_dir):
    return {**os.environ,
            "LAB_DIR": str(lab_dir),
            "LAB_ROOT_HINTS": str(lab_dir / "root.hints"),
            "LAB_TRUST_ANCHOR": str(lab_dir / "trust-anchor"),
            "LAB_CONTROL": str(lab_dir / "control.sock")}


def start_relay(lab_dir, common):
    return subprocess.Popen(
        [sys.executable, "-m", "lab.relay", str(lab_dir / "control.sock"), common],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=open(lab_dir / "relay.log", "w"), start_new_session=True)


def explain(name, lab_dir):
    log = lab_dir / "relay.log" if name == "relay" else \
        lab_dir / "nsd" / name.split()[-1] / "log"
    text = log.read_text()[-2000:] if log.exists() else ""
    print(f"lab: {name} has ended.\n{text}", file=sys.stderr)


def supervise(command, parts, lab_dir, signals):
    """Wait for the command, reaping; returns its exit status. Signals from
    outside become the command's."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    names = {process.pid: name for name, process in parts.items()}
    poll = select.poll()
    poll.register(woken, select.POLLIN)
    poll.register(signals, select.POLLIN)
    while True:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return FAILED
            if pid == 0:
                break
            if pid == command.pid:
                code = os.waitstatus_to_exitcode(status)
                return 128 - code if code < 0 else code
            if pid in names:
                explain(names[pid], lab_dir)
                return FAILED
        for descriptor, _ in poll.poll():
            octets = os.read(descriptor, 64)
            if descriptor == signals:
                if not octets:
                    return FAILED            # nobody is left outside
                os.kill(command.pid, octets[0])


def main(lab_dir, common, command):
    signals = int(os.environ.pop("LAB_SIGNALS"))
    os.set_inheritable(signals, False)
    for number in namespace.SIGNALS:
        signal.signal(number, lambda *_: None)     # Ctrl-C is for the command
    signal.signal(signal.SIGCHLD, lambda *_: None)
    os.environ["PATH"] += namespace.SBIN
    namespace.bring_up([s.v6 for s in SERVERS.values() if s.v6 and common["ipv6"] != "none"])
    write_hints(lab_dir)
    zone_files = json.loads((lab_dir / "zones.json").read_text())
    parts = serve.start_all(lab_dir, zone_files)
    parts["relay"] = start_relay(lab_dir, json.dumps(common))
    if not ready.wait(parts, lab_dir / "control.sock"):
        for name, process in parts.items():
            if process.poll() is not None:
                explain(name, lab_dir)
        return FAILED
    try:
        child = subprocess.Popen(command, env=environment(lab_dir))
    except OSError as error:
        print(f"lab: {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    return supervise(child, parts, lab_dir, signals)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]))
