"""make demo: what it prints into a pipe, on a terminal, and after Ctrl-C."""

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mxbound import PATIENCE, wait_until

PROGRAM = Path(__file__).resolve().parents[1] / "demo.py"
sys.path.insert(0, str(PROGRAM.parent))

import demo                     # noqa: E402 (the path comes first)

QUESTIONS = demo.chosen()
STATES = {"secure": "secure", "insecure": "insecure", "bogus": "refused", "dead": "no answer"}
ENDS_S = 30 * PATIENCE

# What a reader must find in the column "answered".
ANSWERED = {
    "healthy.lab MX": "2 MX: mx1, mx2",
    "five.lab MX": "5 MX: mx1, mx2, mx3, mx4, mx5",
    "implicit.lab MX": "NODATA",
    "nullmx.lab MX": "1 MX: . (null MX)",
    "secure.alias.lab MX": "-> healthy.lab, 2 MX: mx1, mx2",
    "gone.mx-nothing.lab A": "NXDOMAIN",
    "mx100.lab MX": "100 MX: mx0, mx1, ",
    "bigtxt.lab TXT": "2 TXT: 5011 octets",
    "1.66.18.198.dnsbl.lab A": "2 A: 127.0.0.2, 127.0.0.4",
    "bogus.lab MX": "SERVFAIL: DNSSEC Bogus",
    "expired.lab MX": "SERVFAIL: Signature Expired",
    "stripped.lab MX": "SERVFAIL: RRSIGs Missing",
    "refused.lab MX": "SERVFAIL: No Reachable Authority",
    "silent.lab MX": "SERVFAIL: No Reachable Authority",
}


@pytest.fixture(scope="module")
def printed():
    done = subprocess.run([PROGRAM], capture_output=True, text=True, timeout=ENDS_S,
                          stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def test_every_answer_is_right(printed):
    assert f"All {len(QUESTIONS)} answers are what they must be." in printed
    assert "WRONG" not in printed


def test_a_pipe_gets_plain_lines_of_100_columns(printed):
    assert printed.isascii() and "\033" not in printed and "\r" not in printed
    assert max(map(len, printed.splitlines())) <= 100


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.text.replace(" ", "-"))
def test_row(printed, question):
    lines = printed.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"  {question.text} "))
    assert ANSWERED.get(question.text, "") in lines[at]
    time = r" +\d+(\.\d+)? ms"
    assert re.search(rf" {STATES[question.expect.state]}{time}{time}$", lines[at]), lines[at]
    assert lines[at + 1] == f"    {question.row.why}"


def test_every_example_is_asked():
    assert set(ANSWERED) <= {question.text for question in QUESTIONS}


class Terminal:
    """The demo with a terminal of its own; what it has written so far."""

    def __init__(self, **environment):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.execve(PROGRAM, [PROGRAM], {**os.environ, "TERM": "xterm", **environment})
        self.pid, self.status = pid, None
        os.set_blocking(self.fd, False)
        self.octets = b""

    def text(self):
        try:
            while octets := os.read(self.fd, 65536):
                self.octets += octets
        except OSError:                    # nothing yet, or nothing any more
            pass
        return self.octets.decode()

    def ended(self):
        self.text()
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.ended():
            os.killpg(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.mark.parametrize("environment, coloured", [
    ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
    ids=["colour", "no-color", "dumb"])
def test_ctrl_c_on_a_terminal(environment, coloured):
    with Terminal(**environment) as terminal:
        wait_until(lambda: "healthy.lab MX" in terminal.text() or terminal.ended(), ENDS_S,
                   "first row")
        os.write(terminal.fd, b"\x03")
        wait_until(terminal.ended, ENDS_S, "end after Ctrl-C")
        assert terminal.status == 130, terminal.text()
        assert ("\033[32msecure" in terminal.text()) == coloured
        assert "Traceback" not in terminal.text() and "answers are" not in terminal.text()
    everything = subprocess.run(["ps", "-e", "-o", "pgid=,args="], capture_output=True, text=True)
    assert not [line for line in everything.stdout.splitlines()
                if line.split()[0] == str(terminal.pid)]
