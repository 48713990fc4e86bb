"""mxboundctl and the control socket, over all mail domains of the lab.

What a route should be is worked out by test_route_library.py; here it is that
people, scripts and other programs get it, whatever happens on the way.
"""

import json
import os
import pty
import re
import resource
import select
import signal
import socket
import stat
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import jsonschema
import pytest

from mxbound import BUILD, PATIENCE, ROOT, SANITIZED, Mxbound, wait_until
from test_route_library import MAIL, expected

CTL = BUILD / "mxboundctl"
SCHEMA = json.loads((ROOT / "docs/route.schema.json").read_text())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
POLICY_SCHEMA = json.loads((ROOT / "docs/policy.schema.json").read_text())
POLICY_VALIDATOR = jsonschema.Draft7Validator(POLICY_SCHEMA, resolver=jsonschema.RefResolver(
    "file:///policy.schema.json", POLICY_SCHEMA, {"file:///route.schema.json": SCHEMA}))
STATUS = {"deliver": 0, "try-again": 2}
DELIVERABLE, PERMANENT, TEMPORARY, USAGE = 0, 1, 2, 64
PLAIN = re.compile(r"[ -~\n]*")
ASKED_S = 100 * PATIENCE
MANY = 1000 if SANITIZED else 3000


@pytest.fixture(scope="module")
def server():
    """IPv6 upstream, since some servers of the lab have nothing else."""
    with Mxbound("ipv6-upstream: yes") as running:
        yield running


def ctl(server, *arguments, stdin="", env=None, **more):
    done = subprocess.run([CTL, "-s", server.control, *arguments], input=stdin, text=True,
                          capture_output=True, timeout=ASKED_S,
                          env={**os.environ, **(env or {})}, **more)
    assert PLAIN.fullmatch(done.stdout) and PLAIN.fullmatch(done.stderr), done
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def objects(text):
    """The JSON objects of lines, each of them as docs/route.schema.json says."""
    found = [json.loads(line) for line in text.splitlines()]
    for one in found:
        VALIDATOR.validate(one)
    return found


class Raw:
    """A connection to the control socket, as any program may have."""

    def __init__(self, server):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(40 * PATIENCE)
        self.s.connect(str(server.control))
        self.lines = self.s.makefile("rb")

    def send(self, *requests):
        for request in requests:
            octets = request if isinstance(request, bytes) else json.dumps(request).encode()
            self.s.sendall(octets + b"\n")

    def receive(self):
        """The next reply, or None where the other end has closed."""
        line = self.lines.readline()
        return json.loads(line) if line else None

    def ask(self, request):
        self.send(request)
        return self.receive()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.s.close()


def route(number, destination="healthy.lab"):
    return {"id": number, "command": "route", "destination": destination}


# ---- routes ----

def test_each_mail_domain(server):
    """All at once, in the order of the input, as JSON. Try again means that:
    what came late is in the cache then."""
    names = [row.name.rstrip(".") for row in MAIL]
    for _ in range(4):
        done = ctl(server, "route", "--json", stdin="\n".join(names))
        found = objects(done.stdout)
        assert [one["destination"] for one in found] == names, done.stderr
        late = [row.name for row, one in zip(MAIL, found)
                if one["outcome"] == "try-again" and expected(row) not in (None, "try-again")]
        if not late:
            break
        time.sleep(2)
    wrong = [(row.name, row.why, one["outcome"], one["reason"])
             for row, one in zip(MAIL, found) if expected(row) not in (None, one["outcome"])]
    assert not wrong, wrong
    for one in found:
        assert one["status"] == STATUS.get(one["outcome"], 1)
        assert one["mta_sts"]["record"] != ""
    assert {one["outcome"] for one in found} >= {"deliver", "try-again", "null-mx", "no-mail-host"}
    assert done.returncode == TEMPORARY and not done.stderr


@pytest.mark.parametrize("domain, status", (
    ("healthy.lab", DELIVERABLE), ("[mx1.healthy.lab]:587", DELIVERABLE),
    ("[192.0.2.1]", DELIVERABLE), ("nosuch.lab", PERMANENT), ("null.alias.lab", PERMANENT),
    ("bogus.alias.lab", TEMPORARY), ("not a domain", USAGE), ("", USAGE),
))
def test_exit_status(server, domain, status):
    for option in ([], ["--json"]):
        assert ctl(server, "route", *option, domain).returncode == status
    assert ctl(server, "route", domain, "healthy.lab").returncode == status


def test_table(server):
    done = ctl(server, "route", "healthy.lab")
    head, *rest = done.stdout.split("\n")
    assert head == "healthy.lab: mail can be delivered"
    assert rest[1:5] == [
        "  PREF  HOST             ADDRESS     VALIDATION  TLS        DANE",
        "    10  mx1.healthy.lab  198.18.0.1  secure      dane-only  1 of 1 TLSA usable",
        "                         2001:2::1   secure",
        "    20  mx2.healthy.lab  198.18.0.2  secure      dane-only  1 of 1 TLSA usable"]
    assert "  MX       secure: validated by DNSSEC" in rest
    assert "  MTA-STS  there is an MTA-STS record, id 20260101T000000" in rest
    assert re.search(r"^  Holds    \d+ (minutes?|seconds?)", done.stdout, re.M)
    assert "To fix" not in done.stdout


@pytest.mark.parametrize("domain, lines", (
    ("mx-cname.lab", ["  mx.mx-cname.lab: the mail host is an alias (RFC 2181 section 10.3 forbids); name in MX the host that the alias leads to"]),
    ("bogus.alias.lab", ["bogus.alias.lab: not known for now; try again later: MX is bogus: DNSSEC validation failed"]),
    ("null.alias.lab", ["null.alias.lab: the domain says that it takes no mail (null MX)"]),
    ("implicit.lab", ["  MX       secure: validated by DNSSEC; there is none, so the domain is its own mail host"]),
))
def test_what_is_said(server, domain, lines):
    said = ctl(server, "route", domain).stdout.splitlines()
    for line in lines:
        assert line in said, "\n".join(said)


def on_terminal(server, *arguments, env):
    """What mxboundctl writes to a terminal."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.clear()
        os.environ.update(env)
        os.execv(CTL, [str(CTL), "-s", str(server.control), *arguments])
    said = b""
    while True:
        ready, _, _ = select.select([fd], [], [], ASKED_S)
        assert ready, said
        try:
            got = os.read(fd, 65536)
        except OSError:     # EIO: the other end is closed
            got = b""
        if not got:
            break
        said += got
    os.close(fd)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status, said.decode().replace("\r\n", "\n")


def test_colours(server):
    """On a terminal, unless NO_COLOR is set or the terminal is dumb; the text
    is the same."""
    plain = ctl(server, "route", "healthy.lab").stdout.split("Holds")[0]
    status, said = on_terminal(server, "route", "healthy.lab", env={"TERM": "xterm"})
    assert status == 0 and "\033[32m" in said
    assert re.sub(r"\033\[\d*m", "", said).split("Holds")[0] == plain
    for env in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\033" not in on_terminal(server, "route", "healthy.lab", env=env)[1]


def test_lines(server):
    """One for each domain; blank lines and comments are passed over, and what
    is malformed is named by its line, while the rest goes on."""
    text = ("healthy.lab\n\n# a comment\n  nosuch.lab \t\r\nfoo bar\n" + "x" * 20000 + "\n"
            "caf\u00e9.lab\n\0\n[mx1.healthy.lab]:25\nmx1.healthy.lab:0\nnosuch.post")
    done = ctl(server, "route", stdin=text)
    assert done.returncode == USAGE
    assert [line.split()[:3] for line in done.stdout.splitlines()] == [
        ["healthy.lab", "deliver", "dane-only"], ["nosuch.lab", "no-such-domain", "-"],
        ["[mx1.healthy.lab]:25", "deliver", "dane-only"], ["nosuch.post", "no-such-domain", "-"]]
    assert re.findall(r"^mxboundctl: line (\d+): ", done.stderr, re.M) == ["5", "6", "7", "8", "10"]

    done = ctl(server, "route", "--json", stdin=text)
    found = objects(done.stdout)
    assert [one.get("line") for one in found] == [None, None, 5, 6, 7, 8, None, 10, None]
    assert all(one["error"]["code"] == "destination" for one in found if "error" in one)
    assert done.returncode == USAGE and not done.stderr


def test_control_characters(server):
    """Neither names in DNS nor input make a terminal do anything: ctl() looks
    at every octet that is written."""
    for name in ("a\033[31mb.lab", "\\027\\091.lab", "\\255\\000.healthy.lab", "a\\.b.wild.lab"):
        ctl(server, "route", name)
        ctl(server, "route", "--json", name)
        ctl(server, "route", stdin=name)


def test_many(server):
    """Some thousand names nobody has asked before, in bounded memory, and no
    client waits meanwhile."""
    count = 1000 if SANITIZED else 2000
    names = [f"m{i}.wild.lab" for i in range(count)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with ThreadPoolExecutor(1) as pool:
        server.ask("healthy.lab", "MX")
        asked = pool.submit(ctl, server, "route", stdin="\n".join(names))
        while not asked.done():
            assert server.ask("healthy.lab", "MX").answer
            time.sleep(0.05)
        done = asked.result()
    assert done.returncode == 0 and not done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == names
    assert all(line.split()[1] == "deliver" for line in done.stdout.splitlines())
    if not SANITIZED:
        grown = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        assert grown <= max(before, 64 * 1024), f"{grown} KiB"


def test_input_that_comes_slowly(server):
    """Each line is answered when it is there, not when the input ends."""
    with subprocess.Popen([CTL, "-s", server.control, "route"], text=True, bufsize=1,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for name in ("healthy.lab", "nosuch.lab"):
            process.stdin.write(name + "\n")
            process.stdin.flush()
            assert select.select([process.stdout], [], [], ASKED_S)[0]
            assert process.stdout.readline().split()[0] == name
        process.stdin.close()
        assert process.wait(ASKED_S) == PERMANENT


def test_progress_on_a_terminal(server):
    """On standard error, where that is one and standard output is not."""
    main, terminal = pty.openpty()
    done = subprocess.run([CTL, "-s", server.control, "route"], input=b"healthy.lab\nnosuch.lab\n",
                          stdout=subprocess.PIPE, stderr=terminal, timeout=ASKED_S)
    os.close(terminal)
    assert b"2 routes: 1 deliverable, 1 permanent, 0 temporary" in os.read(main, 65536)
    os.close(main)
    assert done.stdout.count(b"\n") == 2


@pytest.mark.parametrize("arguments, words", (
    ([], "a command is missing"), (["rout"], 'no command "rout"'), (["--jason", "route"], "--jason"),
    (["route", "-s"], "-s needs a value"), (["-x"], "-x"), (["route", "-\033[2J", "a"], "no option"),
))
def test_wrong_usage(arguments, words):
    done = subprocess.run([CTL, *arguments], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == USAGE and not done.stdout
    assert words in done.stderr and "--help" in done.stderr
    assert done.stderr.count("\n") == 1 and PLAIN.fullmatch(done.stderr)


def test_nothing_to_ask_on_a_terminal(server):
    status, said = on_terminal(server, "route", env={"TERM": "xterm"})
    assert status == USAGE and "name a domain" in said


def test_help_and_version():
    for option, begin in (("--help", "usage: mxboundctl "), ("-V", "mxboundctl 0")):
        done = subprocess.run([CTL, option], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stdout.startswith(begin) and not done.stderr
        assert max(map(len, done.stdout.splitlines())) <= 80


def test_full_disk(server):
    with open("/dev/full", "w") as full:
        done = subprocess.run([CTL, "-s", server.control, "route", "healthy.lab"], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=ASKED_S)
    assert done.returncode == TEMPORARY and "No space left" in done.stderr


# ---- no daemon, or one that goes away ----

def test_not_running(tmp_path):
    for path, words in ((tmp_path / "none.sock", "No such file"), (tmp_path / ("x" * 200), "too long")):
        done = subprocess.run([CTL, "-s", path, "route", "healthy.lab"], capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == TEMPORARY and not done.stdout
        assert words in done.stderr and "-s" in done.stderr and done.stderr.count("\n") == 1


def test_left_over_file(tmp_path):
    path = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
    done = subprocess.run([CTL, "-s", path, "route", "healthy.lab"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == TEMPORARY and "nobody listens there" in done.stderr


class Fake(threading.Thread):
    """Stands for a daemon: does what `talk` does with each connection."""

    def __init__(self, folder, talk):
        super().__init__(daemon=True)
        self.control = folder / "fake.sock"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.control))
        self.listener.listen()
        self.talk = talk
        self.connections = 0
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, connection.makefile("rwb") as lines:
                self.talk(self, lines)

    def gone(self):
        self.control.unlink()
        self.listener.shutdown(socket.SHUT_RDWR)


def reply(lines, request, **result):
    text = json.dumps({"id": request["id"], "result": {
        "destination": request["destination"], "outcome": "deliver", "class": "deliverable",
        "status": 0, "text": "mail can be delivered", **result}})
    lines.write(text.encode() + b"\n")
    lines.flush()


def test_connection_cut(tmp_path):
    """After each reply: the next connection is asked for what is left."""
    def talk(fake, lines):
        reply(lines, json.loads(lines.readline()))

    fake = Fake(tmp_path, talk)
    names = [f"d{i}.lab" for i in range(12)]
    done = ctl(fake, "route", *names)
    assert done.returncode == 0 and not done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == names
    assert fake.connections >= 12


def test_connection_cut_for_good(tmp_path):
    """What is known is printed, and what is not is said."""
    def talk(fake, lines):
        reply(lines, json.loads(lines.readline()))
        fake.gone()

    done = ctl(Fake(tmp_path, talk), "route", "a.lab", "b.lab", "c.lab")
    assert done.returncode == TEMPORARY
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["a.lab"]
    assert "not answered: 2, the first of them b.lab" in done.stderr


@pytest.mark.parametrize("line", (
    b"garbage\n", b"[]\n", b'{"id":77,"result":{}}\n', b'{"id":0}\n', b'{"id":0,"result":7}\n',
    b"\0\xff\n", b"x" * (5 << 20)), ids=("text", "list", "other", "empty", "number", "NUL", "long"))
def test_no_daemon_of_ours(tmp_path, line):
    def talk(fake, lines):
        lines.readline()
        try:
            lines.write(line)
            lines.flush()
        except OSError:
            pass

    done = ctl(Fake(tmp_path, talk), "route", "a.lab")
    assert done.returncode == TEMPORARY and not done.stdout and done.stderr.count("\n") == 1


def test_words_of_a_daemon_are_not_obeyed(tmp_path):
    def talk(fake, lines):
        for line in lines:
            reply(lines, json.loads(line), text="\033[2J\u009b\u202e", reason_text="\t\n",
                  hosts=[{"name": "\033]0;x\a", "usable": True, "addresses": [{"address": "\r"}]}])

    fake = Fake(tmp_path, talk)
    assert r"\x1b[2J" in ctl(fake, "route", "a.lab").stdout
    assert r"\x1b]0;x\x07" in ctl(fake, "route", "a.lab", "b.lab").stdout
    ctl(fake, "route", "--json", "a.lab")


# ---- the protocol ----

def test_replies_have_the_ids_of_requests(server):
    with Raw(server) as raw:
        raw.send(*(route(n, f"p{n % 10}.wild.lab") for n in range(200)), route("last"),
                 {"command": "route", "destination": "healthy.lab"})
        replies = [raw.receive() for _ in range(202)]
    by_id = {r["id"]: r["result"] for r in replies}
    assert set(by_id) == {*range(200), "last", None}
    for n in range(200):
        assert by_id[n]["destination"] == f"p{n % 10}.wild.lab"
        VALIDATOR.validate(by_id[n])


@pytest.mark.parametrize("line, code", (
    (b"garbage", "json"), (b"{", "json"), (b'{"id":1,"id":2}', "json"), (b"\xff\xfe", "json"),
    (b'{"id":1} {}', "json"), (b"[" * 4000, "too-deep"), (b"[1]", "request"), (b"{}", "request"),
    (b'{"command":7}', "request"), (b'{"id":[1],"command":"route"}', "request"),
    (b'{"command":"reboot"}', "command"), (b'{"command":"route"}', "request"),
    (b'{"command":"route","destination":"a b"}', "destination"),
    (b'{"command":"route","destination":"\\u001b[31m"}', "destination"),
    (b'{"command":"route","destination":"a.lab","colour":1}', "request"),
    (b'{"id":"' + b"x" * 65 + b'","command":"route"}', "request"),
    (b'{"command":"route","destination":"' + b"x" * 2000 + b'"}', "destination"),
))
def test_what_is_wrong_is_said_and_the_connection_goes_on(server, line, code):
    with Raw(server) as raw:
        answer = raw.ask(line)
        assert answer["error"]["code"] == code, answer
        assert PLAIN.fullmatch(answer["error"]["text"])
        raw.send(b"", b"  \r")
        assert raw.ask(route(1))["result"]["outcome"] == "deliver"


def test_line_too_long(server):
    with Raw(server) as raw:
        raw.send(route(1))
        assert raw.receive()["id"] == 1
        raw.send(b"x" * 5000)
        assert raw.receive()["error"]["code"] == "too-long"
        assert raw.receive() is None


def test_random_octets(server):
    """Whatever comes, the next connection is served."""
    for seed in range(20):
        octets = os.urandom(3000)
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(server.control))
            try:
                s.sendall(octets)
            except OSError:
                pass
    with Raw(server) as raw:
        assert raw.ask(route(1))["result"]


def test_last_line_without_its_end(server):
    """printf without a newline, into a tool that closes its side."""
    with Raw(server) as raw:
        raw.s.sendall(json.dumps(route(1)).encode())
        raw.s.shutdown(socket.SHUT_WR)
        assert raw.receive()["id"] == 1
        assert raw.receive() is None


def test_many_connections(server):
    """Past the bound the idle make room, and those that wait for a reply do
    not lose it."""
    busy = Raw(server)
    busy.send(route(1, "silent.lab"))
    assert busy.ask(b"[]")["error"]             # so the first was taken too
    others = [Raw(server) for _ in range(100)]
    assert others[-1].ask(route(2))["result"]
    assert sum(other.s.fileno() >= 0 and gone(other) for other in others) >= 100 - 64
    assert busy.receive()["id"] == 1
    for raw in (busy, *others):
        raw.__exit__()


def gone(raw):
    raw.s.setblocking(False)
    try:
        return raw.s.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_connections_that_all_wait(relay):
    """There is no room then, and the new one hears so."""
    with Mxbound() as server:
        relay.set("*", silent=True)
        waiting = [Raw(server) for _ in range(64)]
        for n, raw in enumerate(waiting):
            raw.send(route(n, f"silent{n}.lab"))
            assert raw.ask(b"[]")["error"]      # so the first was taken too
        with Raw(server) as raw:
            answer = raw.receive()
            assert answer["id"] is None and answer["error"]["code"] == "busy"
            assert raw.receive() is None
        relay.reset()
        for n, raw in enumerate(waiting):
            answer = raw.receive()
            assert answer["id"] == n and "result" in answer
            raw.__exit__()


def test_who_reads_nothing(server):
    """Is read no further, and closed; others are served."""
    with Raw(server) as deaf:
        deaf.s.setblocking(False)
        request = json.dumps(route(1)).encode() + b"\n"
        sent, end = 0, time.monotonic() + 5
        with pytest.raises(OSError):
            while True:
                try:
                    sent += deaf.s.send(request * 64)
                except BlockingIOError:
                    if time.monotonic() > end + 60 * PATIENCE:
                        pytest.fail("never closed")
                    with Raw(server) as raw:
                        assert raw.ask(route(2))["result"]
                    time.sleep(0.2)
        assert sent < 4 << 20


def test_cancelled_with_its_connection():
    """Who goes away leaves nothing behind that would keep a front from its
    end."""
    with Mxbound() as server:
        for n in range(20):
            with Raw(server) as raw:
                raw.send(*(route(i, f"gone{n}x{i}.silent.lab") for i in range(64)))
        with Raw(server) as raw:
            assert raw.ask(route(1))["result"]


# ---- the socket ----

def test_mode_and_end(tmp_path):
    """The owner's alone where no account was made for mxbound; and gone with
    it."""
    path = tmp_path / "new folder" / "m.sock"
    with Mxbound(f'control-socket: "{path}"') as server:
        server.control = path
        info = path.stat()
        assert stat.S_ISSOCK(info.st_mode) and stat.S_IMODE(info.st_mode) == 0o600
        assert ctl(server, "route", "healthy.lab").returncode == 0
    assert not path.exists()


def test_left_over_is_replaced_and_a_living_one_is_not(tmp_path):
    first = Mxbound()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(first.control))
    with first:
        assert ctl(first, "route", "healthy.lab").returncode == 0
        second = Mxbound(f"control-socket: {first.control}", expect_ready=False)
        second.start()
        assert second.process.wait(60) == 1
        assert re.search(rf"control-socket: {first.control}: in use by mxbound \(pid "
                         rf"{first.process.pid}\); stop it", second.log()), second.log()
        assert ctl(first, "route", "healthy.lab").returncode == 0


@pytest.mark.parametrize("make, words", (
    (lambda p: p.write_text("mine"), "a file that is no socket"),
    (lambda p: p.mkdir(), "a file that is no socket"),
))
def test_a_file_in_its_place(tmp_path, make, words):
    path = tmp_path / "m.sock"
    make(path)
    server = Mxbound(f"control-socket: {path}", expect_ready=False)
    server.start()
    assert server.process.wait(60) == 1
    assert words in server.log() and "name another" in server.log()
    assert path.exists() and not path.is_socket()


def test_folder_that_is_not_there(tmp_path):
    server = Mxbound(f"control-socket: {tmp_path}/a/b/m.sock", expect_ready=False)
    server.start()
    assert server.process.wait(60) == 1
    assert "No such file or directory" in server.log()


def test_none(tmp_path):
    with Mxbound("control-socket: no") as server:
        assert server.ask("healthy.lab", "MX").answer
        assert not server.control.exists()
        assert ctl(server, "route", "healthy.lab").returncode == TEMPORARY


# ---- when processes change ----

class Stream:
    """mxboundctl at work on names that nobody has asked yet."""

    def __init__(self, server, count, tag):
        self.names = [f"{tag}{i}.wild.lab" for i in range(count)]
        self.process = subprocess.Popen([CTL, "-s", server.control, "route"], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.pool = ThreadPoolExecutor(1)
        self.said = self.pool.submit(self.process.communicate, "\n".join(self.names), ASKED_S)

    def check(self):
        out, err = self.said.result()
        self.pool.shutdown()
        assert self.process.returncode in (0, TEMPORARY), err
        assert [line.split()[0] for line in out.splitlines()] == self.names, err
        assert not err


def test_front_killed():
    with Mxbound() as server:
        stream = Stream(server, MANY, "k")
        with Raw(server) as raw:
            wait_until(lambda: raw.ask(route(1, "k100.wild.lab"))["result"], 10, "at work")
        for _ in range(3):
            front = server.fronts()[0]
            os.kill(front, signal.SIGKILL)
            wait_until(lambda: server.fronts() not in ([], [front]), 10, "another front")
            with Raw(server) as raw:
                assert raw.ask(route(1))["result"]
        stream.check()
        assert ctl(server, "route", "healthy.lab").returncode == 0


def take_over(server, count):
    server.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: server.log().count("taken over by mxbound") == count, 30, "taken over")
    wait_until(lambda: len(server.fronts()) == 1, 30, "the old front ends")


def test_taken_over():
    """By the same socket: nobody is refused, and nothing is left unanswered."""
    with Mxbound() as server:
        inode = server.control.stat().st_ino
        stream = Stream(server, MANY, "t")
        for count in (1, 2):
            take_over(server, count)
            assert ctl(server, "route", "healthy.lab").returncode == 0
        stream.check()
        assert server.control.stat().st_ino == inode
    assert not server.control.exists()


def test_taken_over_with_another_path():
    with Mxbound() as server:
        old, server.control = server.control, server.folder / "other.sock"
        text = server.file.read_text().replace(str(old), str(server.control))
        server.file.write_text(text)
        take_over(server, 1)
        assert ctl(server, "route", "healthy.lab").returncode == 0
        wait_until(lambda: not old.exists(), 10, "the old file is gone")
        server.file.write_text(text.replace(f"control-socket: {server.control}", "control-socket: no"))
        take_over(server, 2)
        wait_until(lambda: not server.control.exists(), 10, "the other too")
        server.file.write_text(text)
        take_over(server, 3)
        assert ctl(server, "route", "healthy.lab").returncode == 0


def test_removed_file_comes_back_with_a_takeover():
    with Mxbound() as server:
        server.control.unlink()
        assert ctl(server, "route", "healthy.lab").returncode == TEMPORARY
        take_over(server, 1)
        assert ctl(server, "route", "healthy.lab").returncode == 0


def test_usual_place():
    """With no -s and no control-socket, as root: below /run."""
    path = "/run/mxbound/control.sock"
    if os.path.exists(path):
        pytest.skip("one is in use")
    with Mxbound("control-socket: auto") as server:
        if "going on without it" in server.log():
            pytest.skip("no /run to write to")
        done = subprocess.run([CTL, "route", "healthy.lab"], capture_output=True, text=True,
                              timeout=ASKED_S)
        assert done.returncode == 0, done.stderr
        # A second one goes on without.
        with Mxbound("control-socket: auto") as second:
            assert "in use by mxbound" in second.log() and "going on without it" in second.log()
            assert second.ask("healthy.lab", "MX").answer
    assert not os.path.exists(path)


def test_manual_page():
    """No warnings of groff, where there is one."""
    done = subprocess.run("command -v groff >/dev/null || exit 77; "
                          f"groff -man -Tutf8 -ww {ROOT}/docs/mxboundctl.1",
                          shell=True, capture_output=True, text=True, timeout=60)
    if done.returncode == 77:
        pytest.skip("no groff")
    assert done.returncode == 0 and not done.stderr, done.stderr
