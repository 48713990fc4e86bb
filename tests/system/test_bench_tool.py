"""mxbound-bench, against servers that do as a test wants.

Nothing here depends on how fast anything is: that percentiles are right is
shown with a made-up clock (tests/unit/test_bench_engine.c), and against a server
that delays what it is asked by `make check-bench-tool`. Whether a busy machine
makes a run one that is not to be trusted (status 3) is left open.
"""

import html.parser
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import threading

import dns.flags
import dns.message
import pytest

from authority import Authority, reply_to
from mxbound import BUILD, PATIENCE, ROOT, SANITIZED, free_port, wait_until
from octets import framed

BENCH = BUILD / "mxbound-bench"
MEASURED = (0, 3)                # 3: on a machine as busy as this
NO_ANSWER, FAILED, USAGE, INTERRUPTED = 1, 2, 64, 130
PLAIN = re.compile(r"[ -~\n]*")
RUN_S = 60 * PATIENCE
# For answers that must not be lost, however busy the machine is.
TIMEOUT_MS = 4000 if SANITIZED else 2000


def bench(*arguments, **more):
    done = subprocess.run([BENCH, *map(str, arguments)], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=RUN_S, **more)
    assert PLAIN.fullmatch(done.stdout) and PLAIN.fullmatch(done.stderr), done
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done


def measure(folder, *arguments):
    """The JSON of a run, with what must add up in every one."""
    path = folder / "result.json"
    done = bench("-j", path, *arguments)
    assert done.returncode in MEASURED, done
    result = json.loads(path.read_text())
    assert result["trusted"] == (done.returncode == 0) == (not result["distrust"])
    for server in result["servers"]:
        check_sums(server)
    return result


def check_sums(server):
    counts, count = server["counts"], server["all"]["count"]
    assert counts["answered"] + counts["lost"] == count
    assert counts["sent"] == count + counts["left"]
    classes = [server[c]["count"] for c in ("cold", "warm", "expired", "again") if c in server]
    assert sum(classes) == count
    for rows in ("types", "rcodes"):
        assert sum(row["count"] for row in server[rows].values()) == count
    assert sum(n for _, n in server["all"].get("histogram_ns", [])) == count


# ---- a server of many kinds: the first label says what it does ----

def cut(query):
    reply = dns.message.make_response(query, recursion_available=True)
    reply.flags |= dns.flags.TC
    return reply


def answer(query, transport):
    name = query.question[0].name.to_text()
    right = reply_to(query, f"{name} 60 A 192.0.2.1")
    kind = name.split(".")[0]
    if kind == "silent":
        return None
    if kind == "tc" and transport == "udp":
        return cut(query)
    if kind == "servfail":
        return reply_to(query, rcode=2)
    if kind == "nxdomain":
        return reply_to(query, rcode=3)
    if kind == "otherid":
        right.id ^= 1
    if kind == "garbage":
        return b"\xff" * 40
    if kind == "short":
        return right.to_wire()[:7]
    if kind == "query":
        return query
    if kind == "malformed":
        return right.to_wire()[:-3]
    return right


@pytest.fixture(scope="module")
def kinds():
    with Authority(answer) as running:
        yield running


@pytest.fixture
def at(kinds):
    kinds.asked.clear()
    return f"127.0.0.1@{kinds.port}"


def names(folder, *lines):
    path = folder / "names.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_every_kind(at, tmp_path):
    """Each thing that may come back is counted as what it is; nothing that is
    no answer is taken for one."""
    kinds = ("good", "silent", "tc", "servfail", "nxdomain", "otherid", "garbage", "short",
             "query", "malformed")
    path = names(tmp_path, *(f"{kind}.example A" for kind in kinds))
    server = measure(tmp_path, "-n", path, "-p", 3, "-t", TIMEOUT_MS, "-r", 50, at)["servers"][0]
    counts = server["counts"]
    assert counts["sent"] == 30
    assert counts["lost"] == 3 * 5                # silent and four that are no answer
    assert counts["strange"] == 3 * 4
    assert counts["truncated"] == 3 and counts["connections"] >= 1
    assert counts["malformed"] == 3
    ends = {end: row["count"] for end, row in server["rcodes"].items()}
    assert ends == {"NOERROR": 9, "SERVFAIL": 3, "NXDOMAIN": 3, "no answer": 15}
    assert server["all"]["max_ms"] >= TIMEOUT_MS
    assert server["rcodes"]["no answer"]["min_ms"] == TIMEOUT_MS
    assert server["cold"]["count"] >= len(kinds)


def test_classes(at, tmp_path):
    """Within their TTL names are warm the second time, and failures are not. A
    name asked again before its first answer is there is cold: how many are is
    the machine's affair."""
    path = names(tmp_path, "a.example A", "b.example A", "servfail.example A")
    server = measure(tmp_path, "-n", path, "-p", 4, "-r", 20, at)["servers"][0]
    count = {c: server.get(c, {"count": 0})["count"] for c in ("cold", "warm", "again")}
    assert count["cold"] >= 3 and count["warm"] <= 6 and count["again"] <= 3
    assert "expired" not in server


def test_servers_are_asked_the_same(kinds, at, tmp_path):
    """Each the same names as often, over its own transport."""
    path = names(tmp_path, *(f"n{i}.example A" for i in range(20)))
    result = measure(tmp_path, "-n", path, "-r", 200, f"one={at}", f"two={at}/tcp")
    assert [s["name"] for s in result["servers"]] == ["one", "two"]
    asked = [entry for entry in kinds.asked if entry[0] != "."]
    for transport in ("udp", "tcp"):
        once = [name for name, _, how in asked if how == transport]
        assert sorted(once) == sorted(f"n{i}.example." for i in range(20) for _ in "12")


def test_closing_after_each_answer(tmp_path):
    """What a connection leaves behind is asked again on the next."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                size = stream.read(2)
                if len(size) == 2:
                    query = dns.message.from_wire(stream.read(int.from_bytes(size, "big")))
                    connection.sendall(framed(answer(query, "tcp").to_wire()))

    threading.Thread(target=serve, daemon=True).start()
    path = names(tmp_path, *(f"n{i}.example A" for i in range(5)))
    server = measure(tmp_path, "-n", path, "-r", 10, "-t", 10000, "--sockets", 1,
                     f"127.0.0.1@{listener.getsockname()[1]}/tcp")["servers"][0]
    listener.close()
    assert server["counts"]["connections"] >= 5
    assert server["counts"]["answered"] >= 5      # others may have met the end twice


def test_chains_of_the_lab(server, tmp_path):
    """Of a real resolver and real zones: outcomes by domain, over both
    transports the same, and TLSA asked for where the zone is signed."""
    path = tmp_path / "domains"
    path.write_text("# some of all kinds\nhealthy.lab\nnull-mx.lab\nnosuch.lab\nd000.lab\n")
    address = f"127.0.0.1@{server.port}"
    result = measure(tmp_path, "-d", path, "-r", 10, "-t", 40000, address,
                     f"{address}/tcp")
    for one in result["servers"]:
        assert one["routes"] == {"routed": 4, "takes no mail": 4, "failed": 0}
        assert one["types"]["MX"]["count"] == 8
        assert one["types"]["DMARC TXT"]["count"] == 8
        assert one["types"]["TLSA"]["count"] >= 2
        assert one["route_cold"]["count"] >= 4
        assert sum(one[r]["count"] for r in ("route_cold", "route_warm") if r in one) == 8
        assert one["chain"]["count"] == 8
        assert one["counts"]["secure"] > 0
    first, second = (one["types"] for one in result["servers"])
    assert {t: row["count"] for t, row in first.items()} == \
        {t: row["count"] for t, row in second.items()}


def test_postfix_log(kinds, at, tmp_path):
    line = "Nov 24 10:00:00 mail postfix/smtp[1]: {}: to=<a@{}>, relay={}, status=sent\n"
    log = tmp_path / "mail.log"
    log.write_text(line.format("A1", "one.example", "mx.one.example[192.0.2.1]:25") * 2 +
                   line.format("A2", "one.example", "none") +
                   line.format("A3", "filter.example", "127.0.0.1[127.0.0.1]:10024") +
                   "x" * 20000 + "\n" + "\0\xff\n" +
                   line.format("A4", "two.example", "none"))
    result = measure(tmp_path, "-l", log, "-p", 1, "-r", 50, at)
    assert result["plan"]["units"] == 3
    mx = [name for name, kind, _ in kinds.asked if kind == "MX"]
    assert sorted(mx) == ["one.example.", "one.example.", "two.example."]


# ---- the report ----

class Page(html.parser.HTMLParser):
    """Elements must nest; whatever could fetch something is kept."""
    VOID = {"meta", "line", "polyline"}

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.links, self.text = [], set(), [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        for name, value in attributes:
            if name in ("src", "href", "action", "data", "srcset", "poster") \
                    or name.startswith("on") or "url(" in (value or ""):
                self.links.append((tag, name, value))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_html(at, tmp_path):
    hostile = "<script>alert('1')</script>&\"x.example"
    path = names(tmp_path, *(f"n{i}.example A" for i in range(30)), f"{hostile} A",
                 "silent.example MX")
    report = tmp_path / "report.html"
    measure(tmp_path, "-n", path, "-o", report, "-r", 500, "-t", 500,
            f"<b>'&\"={at}", f"other={at}/tcp")
    text = report.read_text()
    page = Page(text)
    assert not page.links
    assert not page.tags & {"script", "img", "iframe", "object", "embed", "link", "base", "form",
                            "a", "image", "use", "b", "audio", "video"}
    assert not re.search(r"https?:|//|@import|url\(", text)
    assert "default-src 'none'" in text
    assert "<b>'&\"" in page.text
    assert "silent.example." in page.text
    assert {"svg", "polyline", "table"} <= page.tags
    assert "prefers-color-scheme:dark" in text
    assert "NaN" not in text and "nan" not in text and "inf" not in text.replace("info", "")


def test_hostile_names_are_escaped(tmp_path):
    """The slowest question is one whose name is markup."""
    def slow(query, transport):
        return None if "script" in query.question[0].name.to_text() else answer(query, transport)

    report = tmp_path / "report.html"
    with Authority(slow) as authority:
        path = names(tmp_path, "<script>x</script>.example A", "good.example A")
        done = bench("-n", path, "-o", report, "-t", 300, f"127.0.0.1@{authority.port}")
    assert done.returncode in MEASURED
    page = Page(report.read_text())
    assert "<script>x</script>.example." in page.text and "script" not in page.tags
    assert "<script>x</script>.example. A" in done.stdout


def test_json_to_standard_output(at, tmp_path):
    done = bench("-j", "-", "-n", names(tmp_path, "a.example A"), at)
    assert done.returncode in MEASURED
    assert json.loads(done.stdout)["program"] == "mxbound-bench"


# ---- terminals ----

def on_terminal(*arguments, env):
    """Exit status and what was said, with standard output and error on one."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.clear()
        os.environ.update(env)
        os.execv(BENCH, [str(BENCH), *map(str, arguments)])
    said = b""
    while True:
        ready, _, _ = select.select([fd], [], [], RUN_S)
        assert ready, said
        try:
            got = os.read(fd, 65536)
        except OSError:     # EIO: the other end is closed
            got = b""
        if not got:
            break
        said += got
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode()


def test_terminal(at, tmp_path):
    """Progress and colours there, and nowhere else."""
    arguments = ("-n", names(tmp_path, "a.example A"), "-r", 10, "-p", 10, at)
    env = {"TERM": "xterm", "UBSAN_OPTIONS": os.environ.get("UBSAN_OPTIONS", "")}
    status, said = on_terminal(*arguments, env=env)
    assert status in MEASURED
    assert "\r\033[K" in said and "s left" in said and "\033[1m" in said
    status, said = on_terminal("-q", *arguments, env={**env, "NO_COLOR": "1"})
    assert status in MEASURED and "\033" not in said
    done = bench(*arguments)                     # PLAIN: no escapes at all
    assert done.returncode in MEASURED and not done.stderr
    for words in ("Not to be trusted", "DO NOT TRUST"):
        assert (words in done.stdout) == (done.returncode != 0)


def test_a_host_that_is_the_limit(kinds, at, tmp_path):
    """Stopped for longer than anything takes, the generator is late, and says
    so everywhere."""
    path, report = tmp_path / "r.json", tmp_path / "r.html"
    process = subprocess.Popen(
        [BENCH, "-n", names(tmp_path, "a.example A"), "-r", "20", "-p", "20", "-j", path, "-o",
         report, at], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: kinds.count("a.example.") > 2, 20, "begun")
    process.send_signal(signal.SIGSTOP)
    # It is stopped, and has been for a while: two questions are overdue.
    select.select([], [], [], 0.3)
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=RUN_S)
    assert process.returncode == 3, err
    assert "questions went out late" in out
    result = json.loads(path.read_text())
    assert not result["trusted"] and "went out late" in result["distrust"][0]
    assert "Do not trust" in Page(report.read_text()).text


# ---- what goes wrong ----

def test_interrupted(kinds, at, tmp_path):
    """In the middle: what there is, is told, in every report."""
    path, report = tmp_path / "r.json", tmp_path / "r.html"
    process = subprocess.Popen(
        [BENCH, "-n", names(tmp_path, "a.example A", "silent.example A"), "-r", "50", "-p", "1000",
         "-j", path, "-o", report, at], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(kinds.asked) > 20, 20, "asked some questions")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=RUN_S)
    assert process.returncode == INTERRUPTED, err
    assert "interrupted" in out and "all questions" in out
    result = json.loads(path.read_text())
    server = result["servers"][0]
    assert result["interrupted"] and server["counts"]["left"] > 0
    check_sums(server)
    assert "interrupted" in Page(report.read_text()).text


def test_dies_in_the_middle(tmp_path):
    """The other server's figures are not hurt, and what is lost is counted."""
    path = names(tmp_path, "a.example A")
    with Authority(answer) as good, Authority(answer) as dies:
        dead = []

        def die():
            wait_until(lambda: dies.count("a.example.") > 10 or dead, 20, "asked")
            dies.handler = lambda *_: None

        thread = threading.Thread(target=die)
        thread.start()
        result = measure(tmp_path, "-n", path, "-r", 100, "-p", 100, "-t", TIMEOUT_MS,
                         f"good=127.0.0.1@{good.port}", f"dies=127.0.0.1@{dies.port}")
        dead.append(True)
        thread.join()
    first, second = result["servers"]
    assert first["counts"]["lost"] == 0 and first["counts"]["answered"] == 100
    assert second["counts"]["lost"] > 0 and second["counts"]["answered"] > 0
    assert second["all"]["max_ms"] == TIMEOUT_MS


@pytest.mark.parametrize("transport", ("", "/tcp"))
def test_nobody_listens(transport):
    port = free_port()
    done = bench(f"127.0.0.1@{port}{transport}")
    assert done.returncode == NO_ANSWER and not done.stdout
    assert f"nothing listens on port {port}" in done.stderr


def test_nobody_answers(at, tmp_path):
    """Whichever of several it is, it is named; a report that was there stays."""
    report = tmp_path / "old.html"
    report.write_text("old")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        done = bench("-o", report, at, f"deaf=127.0.0.1@{port}")
    assert done.returncode == NO_ANSWER
    assert done.stderr.startswith("mxbound-bench: deaf: no answer")
    assert f"dig @127.0.0.1 -p {port} . NS" in done.stderr
    assert report.read_text() == "old"


@pytest.mark.parametrize("arguments, words", (
    (["example.com"], "not an address"), (["-x"], "-x"), (["-r"], "-r needs a value"),
    (["-r", "0", "::1"], "from 1 to 1000000"), (["--rate=1e3", "::1"], "from 1 to 1000000"),
    (["-n", "a", "-d", "b", "::1"], "at a time"), (["-j", "-", "-o", "-", "::1"], "one of"),
    (["127.0.0.1"] * 9, "at most 8"), (["\033[2J=::1"], "plain characters"),
    (["--dnsbl", "a..b", "::1"], "is not a zone"), (["127.0.0.1:53"], "after @"),
))
def test_wrong_usage(arguments, words):
    done = bench(*arguments)
    assert done.returncode == USAGE
    assert words in done.stderr and not done.stdout


@pytest.mark.parametrize("option, text, words", (
    ("-n", "a.example A\nb.example\n", "line 2: no NAME TYPE"),
    ("-n", "\033[2J\n", "line 1"), ("-n", "", "no questions"),
    ("-d", "a..b\n", "line 1"), ("-d", "# none\n", "no domains"),
    ("-l", "nothing\n", "no deliveries"),
))
def test_wrong_files(at, tmp_path, option, text, words):
    path = tmp_path / "file"
    path.write_text(text)
    done = bench(option, path, at)
    assert done.returncode == FAILED and words in done.stderr and not done.stdout


def test_files_that_are_not_to_be_had(at, tmp_path):
    missing = tmp_path / "no" / "file"
    for option in ("-n", "-d", "-l", "-j", "-o"):
        done = bench(option, missing, at)
        assert done.returncode == FAILED and "No such file" in done.stderr


def test_full_disk(at, tmp_path):
    path = names(tmp_path, "a.example A")
    done = bench("-n", path, "-j", "/dev/full", at)
    assert done.returncode == FAILED and "/dev/full: cannot be written" in done.stderr


# ---- what is written about it ----

def test_help_and_manual_page():
    """The manual page has the options of the program (make docs)."""
    said = bench("--help").stdout
    assert max(map(len, said.splitlines())) <= 80
    page = (ROOT / "docs/mxbound-bench.1").read_text()
    inside = page.split('.\\" options: begin\n')[1].split('.\\" options: end')[0]
    assert inside == bench("--options-man").stdout
    for option in re.findall(r"--[a-z-]+", inside.replace("\\", "")):
        assert option in said
    assert bench("--version").stdout.startswith("mxbound-bench ")
    domains = bench("--list-domains").stdout.split()
    assert len(domains) == len(set(domains)) == 50
    assert "50 large mail domains" in said
