#!/usr/bin/python3
"""All system tests, in several labs at once: run.py [pytest's arguments...]

Most of the time a test waits, for a TTL or for a time-out, so as many labs as
there are processors, and two more, make short work of them. Each lab has its own
namespaces; nobody sees another's servers or ports. MX_LABS=1: one after another.
What needs the machine's accounts has a lab of its own, which has them.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from share import ACCOUNTS, CLAIMS

HERE = Path(__file__).resolve().parent
LAB = HERE.parent / "lab" / "lab"
CANNOT = 77                      # the lab's word for: not on this machine


def start(name, claims, logs, arguments, accounts=False):
    log = open(logs / name, "w")
    command = [LAB, "run", *(["--accounts"] if accounts else []), "--",
               sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=180",
               *arguments, HERE]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                            env={**os.environ, CLAIMS: str(claims),
                                 **({ACCOUNTS: "1"} if accounts else {})})


def report_progress(claims, told):
    """A line for each file that has been finished since."""
    for path in sorted(claims.glob("test_*.py")):
        text = path.read_text() if path.name not in told else ""
        if text:
            told.add(path.name)
            done = json.loads(text)
            failed = f", {done['failed']} failed" if done["failed"] else ""
            print(f"{path.name:26} {done['tests']:5} tests{failed}, {done['seconds']:.0f} s",
                  flush=True)


def wait(labs, claims):
    told = set()
    while any(lab.poll() is None for lab in labs):
        time.sleep(0.2)
        report_progress(claims, told)
    report_progress(claims, told)
    return told


def print_log(path):
    """Without the dots; of a lab where all went well just the last line."""
    lines = [line for line in path.read_text(errors="replace").splitlines()
             if not re.fullmatch(r"[.sxXFE]+ *(\[ *\d+%\])?", line)]
    well = lines and re.match(r"=* ?\d+ passed", lines[-1]) and \
        "failed" not in lines[-1] and "error" not in lines[-1]
    print("\n".join(lines[-1:] if well else lines))


def missing(claims, told):
    """Files that nobody finished."""
    everything = claims / "all"
    names = everything.read_text().split() if everything.exists() else ["every file"]
    return [name for name in names if name not in told]


def main(arguments):
    count = int(os.environ.get("MX_LABS") or os.cpu_count() + 1)
    with tempfile.TemporaryDirectory(prefix="mxbound-tests-") as folder:
        claims, logs = Path(folder) / "claims", Path(folder) / "logs"
        claims.mkdir()
        logs.mkdir()
        labs = [start("accounts", claims, logs, arguments, accounts=True)]
        if count == 1:
            labs[0].wait()
        labs += [start(f"lab{n}", claims, logs, arguments) for n in range(count)]
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: [lab.terminate() for lab in labs])
        try:
            told = wait(labs, claims)
        except KeyboardInterrupt:      # the terminal's Ctrl-C reaches the labs too
            told = wait(labs, claims)
        for path in sorted(logs.iterdir()):
            print_log(path)
        ends = [lab.returncode for lab in labs]
        if not any(ends) and (left := missing(claims, told)):
            print("not run:", *left, file=sys.stderr)
            return 1
        if all(end == CANNOT for end in ends):
            return CANNOT
        return next((end for end in ends if end), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
