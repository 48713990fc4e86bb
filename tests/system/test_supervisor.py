"""The supervisor, with children that fail in every way (tests/system/fakes).

Every test runs mxbound in a folder of its own, where the fakes lie beside it.
The fake front answers "ID TEXT" with "ID PID TEXT", over UDP and TCP.
"""

import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from mxbound import free_port

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("MX_BUILD", "build")
SANITIZED = "address" in str(BUILD) or "thread" in str(BUILD)
OTHERS = "192.0.2.0/24 allow"         # listening for others wants a rule
SLOW_RUN = 3 if SANITIZED else 1     # as MX_SLOWDOWN_RUN
SLOW_START = 10 if SANITIZED else 1  # as MX_SLOWDOWN_START

# What the project promises is a second. Waits allow more, so that a busy
# machine fails no test; see restart_times() for what it takes.
PATIENCE_S = 10
WORDS = {"stop": "was stopped", "spin": "was spinning", "segv": "died of SIGSEGV",
         "exit 3": "exited with status 3"}


def wait_until(condition, what, seconds=PATIENCE_S):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            pytest.fail(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.005)


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def children_of(pid):
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(child) for child in text.split()]


class Bed:
    """A folder with mxbound and the fakes, and mxbound running in it."""

    def __init__(self, **options):
        self.above = Path(tempfile.mkdtemp(prefix="mx-supervisor-"))
        self.above.chmod(0o755)
        self.folder = self.above / "build"
        self.folder.mkdir(0o755)
        self.folder.chmod(0o755)
        for source in (BUILD / "mxbound", *(BUILD / "tests/fakes").iterdir()):
            shutil.copy(source, self.folder)
        self.port = free_port()
        self.options = {"listen": [f"127.0.0.1@{self.port}"], "workers": 2,
                        "resolvers": 2, "log-level": "info", "control-socket": "no"}
        self.options.update(options)
        self.write()
        self.process = None
        self.serial = 0

    def write(self, **options):
        self.options.update({k.replace("_", "-"): v for k, v in options.items()})
        lines = []
        for key, value in self.options.items():
            for one in value if isinstance(value, list) else [value]:
                lines.append(f"{key}: {one}\n")
        self.conf = self.folder / "mxbound.conf"
        self.conf.write_text("".join(lines))

    def mode(self, role, mode):
        (self.folder / f"{role}.mode").write_text(mode)

    def replace(self, name, text, mode=0o755):
        """As a package manager does: another file under the same name."""
        new = self.folder / (name + ".new")
        new.write_bytes(text if isinstance(text, bytes) else text.encode())
        new.chmod(mode)
        new.rename(self.folder / name)

    # -- life --

    def start(self, wrap=(), ready=True, program=None):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*wrap, program or self.folder / "mxbound", "-c", self.conf],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, start_new_session=True)
        if ready:
            wait_until(lambda: self.front() or self.process.poll() is not None,
                       lambda: "first answer\n" + self.log(), PATIENCE_S * SLOW_START)
            assert self.process.poll() is None, self.log()
            wait_until(self.resolvers_ready, "resolvers ready")
        return self

    def resolvers_ready(self):
        return len(re.findall(r"mxbound-resolver \d+ is ready", self.log())) \
            >= self.options["resolvers"]

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print(self.log())
        left = []
        if self.process:
            if self.process.poll() is None:
                children = children_of(self.process.pid)
                self.process.kill()
                self.process.wait()
                left = children
        for pid in left:
            wait_until(lambda: not is_running(pid), f"end of {pid}")
        log = self.log()
        shutil.rmtree(self.above)
        assert "Sanitizer" not in log and "runtime error" not in log, log
        assert "left open" not in log, log

    def log(self):
        try:
            return (self.folder / "log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def says(self, text, seconds=PATIENCE_S, count=1):
        wait_until(lambda: self.log().count(text) >= count,
                   lambda: f"{text!r} in\n{self.log()}", seconds)

    def end(self, seconds=PATIENCE_S):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail("did not end:\n" + self.log())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.end() == 0, self.log()

    def signal(self, number):
        self.process.send_signal(number)

    # -- questions --

    def ask(self, text, seconds=0.3, port=None, address="127.0.0.1"):
        """[PID, words...] of the answer to one datagram, or None."""
        self.serial += 1
        query = f"q{self.serial}"
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as udp:
            udp.settimeout(seconds)
            try:
                # Not connected: the fake answers from whatever address.
                udp.sendto(f"{query} {text}".encode(), (address, port or self.port))
                got, pid, *rest = udp.recv(2048).decode().split()
            except TimeoutError:
                return None
        assert got == query
        return [int(pid), *rest]

    def front(self):
        answer = self.ask("hello")
        return answer and answer[0]

    def resolver(self, number, text="hello"):
        """[PID, words...] of what a resolver says through the front."""
        answer = self.ask(f"ask {number} {text}", 1)
        if not answer or answer[1:3] == ["no", "answer"]:
            return None
        return [int(answer[1]), *answer[2:]]

    def fetcher(self, text="hello"):
        """The same of the fetcher."""
        answer = self.ask(f"fetch {text}", 1)
        if not answer or answer[1:3] == ["no", "answer"]:
            return None
        return [int(answer[1]), *answer[2:]]

    def other_than(self, ask, pid):
        def answer():
            got = ask()
            got = got[0] if isinstance(got, list) else got
            return got if got and got != pid else None
        return wait_until(answer, lambda: f"another process than {pid}\n{self.log()}")

    def counts(self):
        words = self.ask("counts", 1)[1:]
        return {k: int(v) for k, v in zip(words[::2], words[1::2])}


@pytest.fixture
def bed():
    with Bed() as one:
        yield one


# ---- starting ----

def test_everything_is_handed_over(bed):
    bed.write(listen=[f"127.0.0.1@{bed.port}", f"127.0.0.2@{bed.port}"], workers=3,
              resolvers=2)
    bed.start()
    assert bed.counts() == {"workers": 3, "resolvers": 2, "udp": 6, "tcp": 6,
                            "channels": 6, "control": 0}
    assert bed.resolver(0)[0] != bed.resolver(1)[0]
    assert len(children_of(bed.process.pid)) == 3


def test_hundreds_of_sockets_and_pairs(bed):
    listen = [f"127.0.0.{i}@{bed.port}" for i in range(1, 9)]
    bed.write(listen=listen, workers=16, resolvers=8)
    bed.start()
    assert bed.counts() == {"workers": 16, "resolvers": 8, "udp": 128, "tcp": 128,
                            "channels": 128, "control": 0}


def test_control_socket_is_handed_over(bed):
    """With pairs for the thread that serves it; to each front anew."""
    path = bed.folder / "control.sock"
    bed.write(control_socket=path, workers=3, resolvers=2)
    bed.start()
    for _ in range(2):
        counts = bed.counts()
        assert counts["channels"] == 8 and counts["control"] == 1
        front = bed.front()
        os.kill(front, signal.SIGKILL)
        bed.other_than(bed.front, front)
    assert path.is_socket()
    bed.stop()
    assert not path.exists()


def test_wildcard_and_address_of_one_port(bed):
    bed.write(listen=[f"0.0.0.0@{bed.port}", f"127.0.0.1@{bed.port}"],
              access_control=OTHERS)
    bed.start()
    assert bed.counts()["udp"] == 4


@pytest.mark.parametrize("role", ["front", "resolver"])
def test_gives_up_when_a_child_never_starts(bed, role):
    bed.mode(role, "crash")
    bed.start(ready=False)
    assert bed.end() == 1
    assert re.search(rf"mxbound-{role}.* failed 5 times at its start; giving up", bed.log())


def test_program_missing(bed):
    (bed.folder / "mxbound-resolver").unlink()
    bed.start(ready=False)
    assert bed.end() == 1
    assert "cannot find mxbound-resolver beside" in bed.log()


# ---- addresses that cannot be had ----

@pytest.mark.parametrize("kind", ["UDP", "TCP"])
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1"])
def test_port_in_use_names_the_holder(bed, kind, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if kind == "UDP" else
                       socket.SOCK_STREAM) as holder:
        # One who shares it, too.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((address, bed.port))
        if kind == "TCP":
            holder.listen()
        wanted = "::1" if ":" in address else "127.0.0.1"
        bed.write(listen=[f"{wanted}@{bed.port}"])
        bed.start(ready=False)
        assert bed.end() == 1
    log = bed.log()
    assert f"{wanted}@{bed.port}: already in use ({kind}) by" in log
    assert f"(pid {os.getpid()})" in log
    assert "Sanitizer" not in log


def test_second_instance(bed):
    bed.start()
    before = bed.front()
    again = subprocess.run([bed.folder / "mxbound", "-c", bed.conf], timeout=10,
                           capture_output=True, text=True)
    assert again.returncode == 1
    assert re.search(r"already in use \((UDP|TCP)\) by mxbound", again.stderr)
    assert bed.front() == before


def test_address_of_another_machine(bed):
    bed.write(listen=[f"192.0.2.1@{bed.port}"], access_control=OTHERS)
    bed.start(ready=False)
    assert bed.end() == 1
    assert "this machine does not have that address" in bed.log()


NEW_NETWORK = ["unshare", "-rn", "sh", "-c",
               'ip link set lo up; eval "$1"; shift; exec "$@"', "sh"]


def needs_namespaces():
    done = subprocess.run([*NEW_NETWORK, ":", "true"], capture_output=True)
    if done.returncode != 0:
        pytest.skip("no user namespaces here")


def test_low_port_without_the_right(bed):
    needs_namespaces()
    bed.write(listen=["127.0.0.1@53"])
    # Root in a user namespace has no rights over the network outside it.
    bed.start(wrap=["unshare", "-r"], ready=False)
    assert bed.end() == 1
    if "already in use" in bed.log():
        pytest.skip("port 53 is in use here")
    assert "not allowed to use port 53" in bed.log()
    assert "setcap cap_net_bind_service+ep " in bed.log()


def test_without_ipv6_the_default_serves_ipv4(bed):
    needs_namespaces()
    bed.write(listen=[])
    bed.start(wrap=[*NEW_NETWORK, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1"],
              ready=False)
    bed.says("mxbound-front is ready")
    assert "no IPv6 on this machine: not listening on ::1@5335" in bed.log()
    bed.stop()


def test_without_ipv6_a_written_address_is_an_error(bed):
    needs_namespaces()
    bed.write(listen=["127.0.0.1@5335", "::1@5336"])
    bed.start(wrap=[*NEW_NETWORK, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1"],
              ready=False)
    assert bed.end() == 1
    assert "listen: ::1@5336: this machine does not have that address" in bed.log()


# ---- deaths ----

@pytest.mark.parametrize("word", WORDS)
def test_front_that_fails_is_replaced(bed, word):
    bed.start()
    before = bed.front()
    bed.ask(word, 0.01)
    # Asked at once, while there is no front: it waits in the socket.
    answer = bed.ask("patience", PATIENCE_S)
    assert answer and answer[0] != before, bed.log()
    assert WORDS[word] in bed.log()
    wait_until(lambda: bed.resolver(0) and bed.resolver(1), "channels to the new front")


@pytest.mark.parametrize("word", WORDS)
def test_resolver_that_fails_is_replaced(bed, word):
    bed.start()
    front, before, other = bed.front(), bed.resolver(0)[0], bed.resolver(1)[0]
    bed.ask(f"ask 0 {word}", 1)
    bed.other_than(lambda: bed.resolver(0), before)
    assert WORDS[word] in bed.log()
    assert (bed.front(), bed.resolver(1)[0]) == (front, other)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_killed_from_outside(bed, number):
    bed.start()
    front, resolver = bed.front(), bed.resolver(0)[0]
    os.kill(front, number)
    bed.other_than(bed.front, front)
    os.kill(resolver, number)
    bed.other_than(lambda: bed.resolver(0), resolver)


@pytest.mark.slow
@pytest.mark.parametrize("word", ["hang", "quiet"])
def test_silence_is_a_death(bed, word):
    bed.start()
    before = bed.resolver(1)[0]
    bed.ask(f"ask 1 {word}", 1)
    bed.other_than(lambda: bed.resolver(1), before)
    assert "gave no sign of life" in bed.log()


def test_signals_to_all_processes_end_no_child(bed):
    bed.start()
    before = bed.front()
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGTSTP, signal.SIGCONT):
        os.killpg(bed.process.pid, number)
    bed.says("SIGHUP: ignored; SIGUSR2")
    assert bed.front() == before


@pytest.mark.slow
def test_supervisor_that_was_stopped_kills_nobody(bed):
    bed.start()
    before = bed.front(), bed.resolver(0)[0]
    bed.signal(signal.SIGSTOP)
    time.sleep(5.5)  # longer than silence is borne
    bed.signal(signal.SIGCONT)
    bed.says("SIGHUP", 0.1, 0)
    bed.signal(signal.SIGHUP)  # it is in its loop again when it says so
    bed.says("SIGHUP")
    assert (bed.front(), bed.resolver(0)[0]) == before
    assert "and was killed" not in bed.log()


@pytest.mark.slow
def test_busy_machine_kills_nobody(bed):
    """Others want the processors, and children wait for theirs."""
    bed.start()
    before = bed.front(), bed.resolver(0)[0]
    others = [subprocess.Popen(["sh", "-c", "while :; do :; done"])
              for _ in range(6 * os.cpu_count())]
    try:
        time.sleep(3)
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert (bed.front(), bed.resolver(0)[0]) == before


def test_back_off(bed):
    bed.start()
    pid = bed.resolver(0)[0]
    for _ in range(4):
        os.kill(pid, signal.SIGKILL)
        pid = bed.other_than(lambda: bed.resolver(0), pid)
    waits = re.findall(r"starting another(?: in (\d+) ms)?", bed.log())
    assert waits == ["", "100", "200", "400"]


@pytest.mark.slow
def test_keeps_trying_later(bed):
    bed.start()
    before = bed.front()
    bed.mode("front", "crash")
    os.kill(before, signal.SIGKILL)
    bed.says("died of SIGABRT", count=6)
    bed.mode("front", "ok")
    bed.other_than(bed.front, before)


def test_no_descriptor_is_lost(bed):
    bed.start()

    def descriptors():
        return len(os.listdir(f"/proc/{bed.process.pid}/fd"))

    def steady():
        first = descriptors()
        time.sleep(0.05)
        return first if descriptors() == first else None

    before = wait_until(steady, "steady")
    for _ in range(3):
        front, resolver = bed.front(), bed.resolver(0)[0]
        os.kill(front, signal.SIGKILL)
        os.kill(resolver, signal.SIGKILL)
        bed.other_than(bed.front, front)
        bed.other_than(lambda: bed.resolver(0), resolver)
    for count in range(2):
        take_over(bed)
    wait_until(lambda: descriptors() == before, f"{before} descriptors again")


def test_ipv6_verdict_is_passed_on(bed):
    bed.start()
    first = bed.resolver(0)[0]
    assert bed.resolver(0, "told")[1] == "-1"
    bed.resolver(0, "ipv6 0")
    os.kill(first, signal.SIGKILL)
    bed.other_than(lambda: bed.resolver(0), first)
    assert bed.resolver(0, "told")[1] == "0"
    take_over(bed)
    assert bed.resolver(1, "told")[1] == "0"


# ---- the fetcher, which there need not be ----

@pytest.fixture
def fetching():
    """With a fetcher: somebody may ask for policies."""
    with Bed() as one:
        one.write(policy_listen=one.folder / "policy.sock")
        yield one


def test_fetcher_is_there_if_it_is_wanted(fetching):
    bed = fetching
    bed.start()
    wait_until(bed.fetcher, "the fetcher answers")
    assert len(children_of(bed.process.pid)) == 4
    bed.write(mta_sts="no")
    take_over(bed)
    assert len(children_of(bed.process.pid)) == 3 and not bed.fetcher()
    bed.write(mta_sts="yes")
    take_over(bed)
    wait_until(bed.fetcher, "the fetcher answers again")
    bed.stop()


@pytest.mark.parametrize("word", ["exit 3", "stop", "spin", "segv"])
def test_fetcher_that_fails_is_replaced(fetching, word):
    bed = fetching
    bed.start()
    front, resolver = bed.front(), bed.resolver(0)
    before = wait_until(bed.fetcher, "the fetcher answers")[0]
    bed.fetcher(word)
    bed.other_than(bed.fetcher, before)
    assert WORDS[word] in bed.log()
    assert bed.front() == front and bed.resolver(0) == resolver


def test_new_front_is_given_the_fetcher(fetching):
    bed = fetching
    bed.start()
    before = wait_until(bed.fetcher, "the fetcher answers")
    front = bed.front()
    os.kill(front, signal.SIGKILL)
    bed.other_than(bed.front, front)
    wait_until(lambda: bed.fetcher() == before, "the same fetcher answers")


@pytest.mark.parametrize("how", ["crash", "missing"])
def test_service_goes_on_without_a_fetcher(fetching, how):
    bed = fetching
    if how == "missing":
        (bed.folder / "mxbound-fetcher").unlink()
    bed.mode("fetcher", how)
    bed.start()
    bed.says({"crash": "mxbound-fetcher failed 5 times at its start; no MTA-STS policies",
              "missing": "going on without MTA-STS"}[how], PATIENCE_S * SLOW_START)
    take_over(bed)
    assert bed.front() and bed.resolver(0)
    bed.stop()


def test_fetcher_that_does_not_start_stops_no_takeover(fetching):
    bed = fetching
    bed.start()
    bed.mode("fetcher", "mute")
    with Load(bed):
        take_over(bed)
    bed.mode("fetcher", "ok")
    take_over(bed)
    wait_until(bed.fetcher, "the fetcher answers")


# ---- the end ----

@pytest.mark.parametrize("how", ["term", "ctrl-c"])
def test_clean_end(bed, how):
    bed.start()
    children = children_of(bed.process.pid)
    started = time.monotonic()
    if how == "term":
        bed.signal(signal.SIGTERM)
    else:
        os.killpg(bed.process.pid, signal.SIGINT)
    assert bed.end() == 0
    assert time.monotonic() - started < 1.5 * SLOW_START
    assert not any(is_running(pid) for pid in children)
    assert bed.log().count("stopped by SIG") == 1
    assert "starting another" not in bed.log()


def test_children_deaf_to_sigterm(bed):
    bed.start()
    bed.ask("deaf")
    children = children_of(bed.process.pid)
    bed.signal(signal.SIGTERM)
    assert bed.end() == 0
    assert not any(is_running(pid) for pid in children)


def test_front_that_saves_is_given_time(bed):
    """Longer than others, once it says that it writes its snapshot; but not
    when somebody insists."""
    bed.start()
    bed.ask("deaf")
    (front, *_) = bed.ask("saving")
    bed.signal(signal.SIGTERM)
    wait_until(lambda: children_of(bed.process.pid) == [front], "resolvers ended")
    with pytest.raises(subprocess.TimeoutExpired):
        bed.process.wait(4)              # MX_STOP_MAX_MS is 2 s
    assert is_running(front)
    bed.signal(signal.SIGTERM)
    assert bed.end() == 0
    assert not is_running(front)


def test_terminal_that_goes_away(bed):
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            os.execv(bed.folder / "mxbound", ["mxbound", "-c", str(bed.conf)])
        finally:
            os._exit(127)
    try:
        children = wait_until(lambda: bed.front() and children_of(pid), "answer")
        os.close(terminal)
        status = wait_until(lambda: [s for p, s in [os.waitpid(pid, os.WNOHANG)] if p],
                            "end")
        assert os.waitstatus_to_exitcode(status[0]) == 0
    finally:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    wait_until(lambda: not any(is_running(child) for child in children), "children gone")


def test_second_ctrl_c_is_at_once(bed):
    bed.start()
    bed.ask("deaf")
    started = time.monotonic()
    os.killpg(bed.process.pid, signal.SIGINT)
    wait_until(lambda: len(children_of(bed.process.pid)) == 1, "resolvers ended")
    os.killpg(bed.process.pid, signal.SIGINT)
    assert bed.end() == 0
    assert time.monotonic() - started < 1.5 * SLOW_START


def test_end_while_starting(bed):
    bed.mode("front", "mute")
    bed.start(ready=False)
    wait_until(lambda: len(children_of(bed.process.pid)) == 3, "children")
    bed.stop()


def test_supervisor_killed(bed):
    bed.start()
    children = children_of(bed.process.pid)
    assert len(children) == 3
    bed.process.kill()
    bed.process.wait()
    wait_until(lambda: not any(is_running(pid) for pid in children), "children gone")


# ---- taking over ----

def take_over(bed):
    """SIGUSR2, until the old children are gone; the new front's pid."""
    before = children_of(bed.process.pid)
    count = bed.log().count("taken over by mxbound")
    bed.signal(signal.SIGUSR2)
    bed.says("taken over by mxbound", PATIENCE_S * SLOW_START, count + 1)
    wait_until(lambda: not any(is_running(pid) for pid in before), "old children gone")
    bed.says("the last process of the other version is gone", count=count + 1)
    return bed.front()


def test_snapshot_before_a_takeover(bed):
    bed.write(snapshot_file=bed.folder / "snapshot")
    bed.start()
    bed.signal(signal.SIGUSR1)
    bed.says("asked for a snapshot")
    take_over(bed)
    log = bed.log()
    assert log.count("asked for a snapshot") == 2
    assert log.rindex("asked for a snapshot") < log.index("taken over by mxbound")


def test_no_snapshot_without_a_file(bed):
    bed.start()
    bed.signal(signal.SIGUSR1)
    bed.says("SIGUSR1: there is no snapshot to write; set snapshot-file or state-dir")
    take_over(bed)
    assert "asked for a snapshot" not in bed.log()


@pytest.mark.skipif(SANITIZED, reason="15 s of waiting show a sanitizer nothing new")
def test_takeover_does_not_wait_for_ever(bed):
    bed.write(snapshot_file=bed.folder / "snapshot")
    bed.start()
    bed.ask("slow")
    bed.signal(signal.SIGUSR2)
    bed.says("the snapshot is not written within 15 s", 15 + PATIENCE_S)
    bed.says("taken over by mxbound", PATIENCE_S * SLOW_START)


def test_front_dies_while_a_takeover_waits(bed):
    bed.write(snapshot_file=bed.folder / "snapshot")
    bed.start()
    (front, *_) = bed.ask("slow")
    bed.signal(signal.SIGUSR2)
    bed.says("asked for a snapshot")
    os.kill(front, signal.SIGKILL)
    bed.says("taken over by mxbound", PATIENCE_S * SLOW_START)


class Load:
    """Clients that ask all the time; what was not answered stays in failed."""

    def __init__(self, bed, threads=3):
        self.bed, self.going = bed, True
        self.failed, self.answered, self.pids = [], 0, set()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(kind, i))
                        for i in range(threads) for kind in (self.udp, self.tcp)]

    def udp(self, query):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(5)
            udp.connect(("127.0.0.1", self.bed.port))
            udp.send(query)
            return udp.recv(2048)

    def tcp(self, query):
        with socket.create_connection(("127.0.0.1", self.bed.port), 5) as tcp:
            tcp.sendall(query)
            return tcp.recv(2048)

    def run(self, kind, number):
        serial = 0
        while self.going:
            serial += 1
            query = f"{kind.__name__}{number}.{serial}"
            try:
                answer = kind(f"{query} load".encode()).decode().split()
                good = answer[0] == query
            except (OSError, IndexError) as error:
                answer, good = error, False
            with self.lock:
                if good:
                    self.answered += 1
                    self.pids.add(int(answer[1]))
                else:
                    self.failed.append((query, answer))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_until(lambda: self.answered > 200, "load")
        return self

    def __exit__(self, *_):
        count = self.answered
        wait_until(lambda: self.answered > count + 200 or self.failed, "load")
        self.going = False
        for thread in self.threads:
            thread.join()
        assert not self.failed, self.bed.log()


def test_takeover_under_load(bed):
    bed.start()
    pid, fronts = bed.process.pid, [bed.front()]
    with Load(bed) as load:
        for _ in range(3):
            fronts.append(take_over(bed))
    assert len(set(fronts)) == 4 and set(fronts) <= load.pids
    assert bed.process.pid == pid and bed.process.poll() is None
    assert len(children_of(pid)) == 3
    bed.stop()


def test_front_killed_under_load_of_connections(bed):
    """What waits in the sockets is served by the next front."""
    bed.start()
    before = bed.front()
    os.kill(before, signal.SIGSTOP)
    queries = []
    for i in range(50):
        tcp = socket.create_connection(("127.0.0.1", bed.port), 5)
        tcp.sendall(f"c{i} x".encode())
        queries.append(tcp)
    for i, tcp in enumerate(queries):
        try:
            answer = tcp.recv(2048).decode().split()
        except ConnectionResetError:
            answer = []  # the old front had accepted it already
        if answer:
            assert answer[0] == f"c{i}"
        tcp.close()
    bed.other_than(bed.front, before)


def test_takeover_to_a_new_binary(bed):
    bed.start()
    for name in ("mxbound", "mxbound-front", "mxbound-resolver"):
        bed.replace(name, (bed.folder / name).read_bytes())
    with Load(bed):
        take_over(bed)
    assert os.readlink(f"/proc/{bed.process.pid}/exe") == str(bed.folder / "mxbound")


BROKEN = {
    "garbage": (b"\x7fELFnot really", "failed with status 127"),
    "missing library": ("#!/nonexistent/loader\n", "failed with status 127"),
    "refuses": ("#!/bin/sh\necho I refuse >&2\nexit 3\n", "failed with status 3"),
    "crashes": ("#!/bin/sh\nkill -SEGV $$\n", "died of SIGSEGV"),
    "hangs": ("#!/bin/sh\nexec sleep 1000\n", "did not end within"),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", BROKEN)
def test_takeover_by_a_broken_binary(bed, how):
    bed.start()
    before = bed.front()
    content, reason = BROKEN[how]
    bed.replace("mxbound", content)
    with Load(bed):
        bed.signal(signal.SIGUSR2)
        bed.says("going on as before", 8 * SLOW_START)
    assert reason in bed.log()
    if how == "refuses":
        assert "new version says: I refuse" in bed.log()
    assert bed.front() == before
    os.kill(before, signal.SIGKILL)
    bed.other_than(bed.front, before)


def test_takeover_by_nothing(bed):
    bed.start()
    before = bed.front()
    (bed.folder / "mxbound").unlink()
    bed.signal(signal.SIGUSR2)
    bed.says("not taken over: cannot run")
    assert bed.front() == before


def test_takeover_with_bad_configuration(bed):
    bed.start()
    before = bed.front()
    bed.write(workers="many")
    bed.signal(signal.SIGUSR2)
    bed.says("going on as before", PATIENCE_S * SLOW_START)
    assert "mxbound.conf:2" in bed.log()
    assert bed.front() == before
    bed.write(workers=2)
    assert take_over(bed) != before


def test_configuration_breaks_after_the_check(bed):
    """The program is replaced already: it goes on with the former one."""
    bed.start()
    before = bed.front()
    (bed.folder / "mxbound").rename(bed.folder / "mxbound.real")
    bed.replace("mxbound", f"""#!/bin/sh
case "$*" in *--check-config*) exit 0;; esac
echo 'workers: many' >> {bed.conf}
exec {bed.folder}/mxbound.real "$@"
""")
    bed.conf.chmod(0o666)
    with Load(bed):
        take_over(bed)
    assert "going on with the former settings" in bed.log()
    assert bed.front() != before
    assert bed.counts()["workers"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("role", ["front", "resolver"])
@pytest.mark.parametrize("mode", ["crash", "mute"])
def test_new_children_do_not_get_ready(bed, role, mode):
    if mode == "mute" and SANITIZED:
        pytest.skip("it is given 100 s")
    bed.start()
    before, resolvers = bed.front(), [bed.resolver(0), bed.resolver(1)]
    bed.mode(role, mode)
    bed.signal(signal.SIGUSR2)
    bed.says("going on with the old ones", 15)
    wait_until(lambda: len(children_of(bed.process.pid)) == 3, "new children gone")
    wait_until(lambda: bed.front() == before, "the old front answers")
    assert [bed.resolver(0), bed.resolver(1)] == resolvers
    bed.mode(role, "ok")
    os.kill(before, signal.SIGKILL)
    after = bed.other_than(bed.front, before)
    assert take_over(bed) != after


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_other_number_of_workers(bed, workers):
    bed.write(workers=2)
    bed.start()
    with Load(bed):
        bed.write(workers=workers, resolvers=1)
        take_over(bed)
    # Never fewer sockets: each may have queries queued.
    assert bed.counts() == {"workers": workers, "resolvers": 1, "channels": workers, "control": 0,
                            "udp": max(workers, 2), "tcp": max(workers, 2)}
    with Load(bed):
        bed.write(workers=3, resolvers=2)
        take_over(bed)
    assert bed.counts()["udp"] == max(workers, 3)


def test_failed_takeover_with_more_workers_loses_no_query(bed):
    """The added sockets get a share of the queries at once; when the new front
    fails, they are the old one's to serve."""
    bed.start()
    bed.mode("front", "crash")
    bed.write(workers=4)
    with Load(bed):
        bed.signal(signal.SIGUSR2)
        bed.says("going on with the old ones", 15 * SLOW_START)
        bed.mode("front", "ok")
        wait_until(lambda: bed.counts()["udp"] == 4, "added sockets served")
    assert bed.counts()["workers"] == 2


def test_other_addresses(bed):
    second = free_port()
    bed.start()
    bed.write(listen=[f"127.0.0.1@{bed.port}", f"127.0.0.1@{second}",
                      f"0.0.0.0@{bed.port}"], access_control=OTHERS)
    with Load(bed):
        take_over(bed)
    assert bed.ask("hello", port=second)
    assert bed.ask("hello", address="127.0.0.2")
    bed.write(listen=[f"127.0.0.1@{bed.port}"])
    with Load(bed):
        take_over(bed)
    assert not bed.ask("hello", port=second)
    assert not bed.ask("hello", address="127.0.0.2")


def test_new_address_in_use(bed):
    bed.start()
    before = bed.front()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", free_port()))
        bed.write(listen=[f"127.0.0.1@{bed.port}",
                          f"127.0.0.1@{holder.getsockname()[1]}"])
        with Load(bed):
            bed.signal(signal.SIGUSR2)
            bed.says("not taken over; going on with the old processes")
    assert bed.front() == before
    os.kill(before, signal.SIGKILL)
    after = bed.other_than(bed.front, before)
    assert take_over(bed) != after


@pytest.mark.parametrize("victim", ["front", "resolver"])
def test_old_child_dies_during_takeover(bed, victim):
    bed.start()
    old = children_of(bed.process.pid)
    pid = bed.front() if victim == "front" else bed.resolver(0)[0]
    bed.mode("front", "late")
    bed.signal(signal.SIGUSR2)
    wait_until(lambda: len(children_of(bed.process.pid)) == 6, "new children")
    os.kill(pid, signal.SIGKILL)
    answer = bed.ask("patience", PATIENCE_S * SLOW_START)
    assert answer, bed.log()
    bed.says("taken over by mxbound", PATIENCE_S * SLOW_START)
    bed.says("the last process of the other version is gone")
    assert not set(old) & set(children_of(bed.process.pid))
    assert bed.front()


def test_supervisor_killed_during_takeover(bed):
    bed.start()
    bed.mode("front", "late")
    bed.signal(signal.SIGUSR2)
    children = wait_until(lambda: len(children_of(bed.process.pid)) == 6 and
                          children_of(bed.process.pid), "new children")
    bed.process.kill()
    bed.process.wait()
    wait_until(lambda: not any(is_running(pid) for pid in children), "children gone")


def test_end_during_takeover(bed):
    bed.start()
    bed.mode("front", "late")
    bed.signal(signal.SIGUSR2)
    children = wait_until(lambda: len(children_of(bed.process.pid)) == 6 and
                          children_of(bed.process.pid), "new children")
    bed.stop()
    assert not any(is_running(pid) for pid in children)


def test_old_front_finishes_what_it_has(bed):
    bed.start()
    before = bed.front()
    with socket.create_connection(("127.0.0.1", bed.port), 5) as tcp:
        tcp.sendall(b"first x")
        assert tcp.recv(100).decode().split()[1] == str(before)
        bed.signal(signal.SIGUSR2)
        bed.says("taken over by mxbound", PATIENCE_S * SLOW_START)
        tcp.sendall(b"second x")
        assert tcp.recv(100).decode().split()[:2] == ["second", str(before)]
        assert bed.front() != before
        # Another waits until this one is over.
        bed.signal(signal.SIGUSR2)
        bed.says("SIGUSR2: noted")
    bed.says("the last process of the other version is gone", count=2)
    bed.says("taken over by mxbound", count=2)


@pytest.mark.parametrize("value", ["7", "-1", "99999999999", "x", "", "0"])
def test_environment_that_is_none_of_ours(bed, value):
    bed.start(wrap=["env", f"MXBOUND_TAKEOVER={value}"])
    assert "cannot take over what MXBOUND_TAKEOVER names" in bed.log()
    for pid in children_of(bed.process.pid):
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"MXBOUND_TAKEOVER" not in environment


# ---- accounts ----

def uid_map_is_whole():
    return Path("/proc/self/uid_map").read_text().split()[2] == "4294967295"


as_root = pytest.mark.skipif(os.geteuid() != 0 or not uid_map_is_whole(),
                             reason="only root can become somebody else")


def uids(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return set(re.search(r"Uid:\s+(.*)", status)[1].split())


@as_root
def test_becomes_nobody(bed):
    bed.start()
    for pid in [bed.process.pid, *children_of(bed.process.pid)]:
        assert "0" not in uids(pid)
    status = Path(f"/proc/{bed.process.pid}/status").read_text()
    assert re.search(r"CapPrm:\s+0000000000000400\n", status)
    for pid in children_of(bed.process.pid):
        status = Path(f"/proc/{pid}/status").read_text()
        assert re.search(r"CapPrm:\s+0000000000000000\n", status)
        assert re.search(r"CapAmb:\s+0000000000000000\n", status)
        assert re.search(r"NoNewPrivs:\s+1\n", status)
    children = children_of(bed.process.pid)
    bed.process.kill()
    bed.process.wait()
    wait_until(lambda: not any(is_running(pid) for pid in children), "children gone")


@as_root
def test_folder_closed_to_the_account(bed):
    """As a build below /root: restart works, and so does taking over, as long
    as the configuration can be read."""
    bed.above.chmod(0o700)
    bed.start()
    pid = bed.front()
    os.kill(pid, signal.SIGKILL)
    bed.other_than(bed.front, pid)
    bed.signal(signal.SIGUSR2)
    bed.says("going on as before", PATIENCE_S * SLOW_START)
    assert "new version says: mxbound: error:" in bed.log()
    assert bed.front()


@as_root
def test_takeover_in_a_closed_folder(bed):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as outside:
        outside.write(bed.conf.read_text())
        outside.flush()
        os.chmod(outside.name, 0o644)
        bed.conf = Path(outside.name)
        bed.above.chmod(0o700)
        bed.start()
        with Load(bed):
            take_over(bed)
            take_over(bed)


@as_root
def test_program_closed_to_the_account(bed):
    bed.start()
    bed.folder.chmod(0o700)
    bed.signal(signal.SIGUSR2)
    bed.says("Permission denied for the account this works as (restart it instead)")
    assert bed.front()


@as_root
def test_named_account(bed):
    bed.write(user="daemon")
    bed.start()
    assert uids(bed.process.pid) == uids(bed.front()) == {"1"}


@as_root
def test_stays_root_when_told(bed):
    bed.write(user="root")
    bed.start()
    assert uids(bed.process.pid) == uids(bed.front()) == {"0"}


@as_root
def test_account_that_does_not_exist(bed):
    bed.write(user="no-such-account")
    bed.start(ready=False)
    assert bed.end() in (1, 2)
    assert "no-such-account" in bed.log()


@as_root
def test_new_low_port_after_root_is_gone(bed):
    """Asked of the log only: it is in a network of its own."""
    bed.write(listen=["127.0.0.1@53"])
    bed.start(wrap=["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"],
              ready=False)
    bed.says("mxbound-front is ready")
    wait_until(bed.resolvers_ready, "resolvers")
    assert "0" not in uids(bed.process.pid)
    bed.write(listen=["127.0.0.1@53", "127.0.0.2@53"], workers=4)
    take_over(bed)
    assert "0" not in uids(bed.process.pid)


def test_user_namespace_without_accounts(bed):
    needs_namespaces()
    bed.start(wrap=["unshare", "-r"])
    assert "staying root" in bed.log()


def test_named_account_in_a_user_namespace(bed):
    needs_namespaces()
    bed.write(user="daemon")
    bed.start(wrap=["unshare", "-r"], ready=False)
    assert bed.end() == 1
    assert 'cannot become "daemon"' in bed.log()
