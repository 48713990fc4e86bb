"""mxboundctl about the daemon itself: status, stats, lookup, flush, dump, load; and
what the shells complete."""

import json
import os
import re
import subprocess

import pytest

from lab.control import Control
from mxbound import ROOT, Mxbound, wait_until
from test_ctl import CTL, Raw, ctl

DATA, NONE, FAILED, USAGE = 0, 1, 2, 64


@pytest.fixture(scope="module")
def server():
    """Nothing is asked ahead, so that each question upstream is a test's own."""
    with Mxbound("mail-prefetch: no") as running:
        wait_until(lambda: "self-test" in running.log(), 10, "self-test")
        yield running


def result(server, *arguments):
    """What a command says as JSON."""
    return json.loads(ctl(server, *arguments, "--json").stdout)


def stats(server):
    """The text, as numbers."""
    lines = ctl(server, "stats").stdout.splitlines()
    return {name: int(value) for name, value in map(str.split, lines)}


# ---- status and stats ----

def test_status(server):
    for _ in range(3):
        server.ask("healthy.lab", "MX")
    server.ask("bogus.alias.lab", "MX")
    said = result(server, "status")
    assert said["ready"] is True and said["self_test"] == "secure"
    assert all(one == {"up": True, "restarts": 0} for one in said["resolvers"])
    assert 0 < said["cache"]["octets"] < said["cache"]["octets_max"]
    assert said["cache"]["entries"] > 0 and 0 < said["hit_ratio"]["start"] < 1
    assert said["hit_ratio"]["minute"] == said["hit_ratio"]["five_minutes"]
    classes = {one["class"]: one for one in said["latency"]}
    assert list(classes) == ["hit", "stale", "joined", "miss", "failed"]
    assert classes["hit"]["count"] >= 2 and classes["miss"]["count"] >= 1
    for one in said["latency"]:
        assert one["p50_us"] <= one["p90_us"] <= one["p99_us"] <= one["p999_us"]
    worst = {(one["name"], one["type"]): one for one in said["worst"]}
    assert worst["bogus.alias.lab.", "MX"]["failures"] >= 1
    assert worst["bogus.alias.lab.", "MX"]["ede"] in range(6, 13)


def test_status_for_people(server):
    done = ctl(server, "status")
    assert done.returncode == 0
    assert re.match(r"mxbound [\d.]+, up for .*: serving\n  Since +\d{4}-\d\d-\d\dT", done.stdout)
    for words in ("Self-test  secure: DNSSEC works", "Resolvers", "Hit ratio", "Since start"):
        assert words in done.stdout


def test_counted_are_what_was_asked(server):
    before = stats(server)
    server.ask("d001.lab", "MX")
    server.ask("d001.lab", "MX", tcp=True)
    server.ask("d001.lab", "NS")
    server.ask("localhost", "A")
    after = stats(server)

    def grown(name):
        return after.get(name, 0) - before.get(name, 0)

    assert grown("queries") == 4 and grown("queries_tcp") == 1
    assert grown("hits") == 1 and grown("misses") == 2 and grown("local") == 1
    assert grown("latency_hit_MX_count") == 1 and grown("latency_miss_MX_count") == 1
    assert grown("latency_miss_other_count") == 1
    assert grown("upstream_answers") == grown("upstream_secure") + grown("upstream_insecure") == 2


def test_slots_add_up(server):
    for one in result(server, "stats")["latency"]:
        assert sum(count for _, count in one["slots_us"]) == one["count"]
        assert [end for end, _ in one["slots_us"]] == sorted(end for end, _ in one["slots_us"])
        assert one["total_s"] <= sum(end * n for end, n in one["slots_us"]) / 1e6 + 1e-9


# ---- lookup ----

@pytest.mark.parametrize("name, rdtype, status, words", (
    ("healthy.lab", "MX", DATA, ["NOERROR, secure", " IN MX 10 mx1.healthy.lab."]),
    ("_25._tcp.mx1.healthy.lab", "tlsa", DATA, [" IN TLSA 3 1 1 "]),
    ("healthy.lab", "LOC", NONE, ["NOERROR, secure", "; healthy.lab."]),
    ("nosuch.lab", "A", NONE, ["NXDOMAIN, secure"]),
    ("bogus.alias.lab", "MX", FAILED, ["SERVFAIL, bogus", "; EDE ", "no client hears this"]),
    ("localhost", "A", DATA, ["localhost. ", " IN A 127.0.0.1"]),
))
def test_lookup(server, name, rdtype, status, words):
    done = ctl(server, "lookup", name, rdtype)
    assert done.returncode == status, done
    for one in words:
        assert one in done.stdout
    assert result(server, "lookup", name, rdtype)["status"] == status


def test_lookup_says_where_from(server):
    ctl(server, "flush", "d005.lab")
    first, second = (result(server, "lookup", "d005.lab", "MX") for _ in range(2))
    assert (first["from_cache"], second["from_cache"]) == (False, True)
    assert first["answer"] and sorted(first["answer"])[0].split()[3] == \
        sorted(second["answer"])[0].split()[3]
    assert 0 < second["ttl_s"] <= first["ttl_s"]


@pytest.mark.parametrize("arguments", (
    ["lookup"], ["lookup", "a..b"], ["lookup", "a", "ANY"], ["lookup", "a", "NOTYPE"],
    ["lookup", "a", "MX", "more"], ["flush"], ["flush", "--zone", "a b"], ["status", "x"],
    ["status", "--zone"], ["load", "--json"], ["help", "nothing"],
))
def test_wrong_usage(server, arguments):
    done = ctl(server, *arguments)
    assert done.returncode == USAGE and not done.stdout and done.stderr.startswith("mxboundctl: ")


# ---- flush ----

def test_flush_reaches_libunbound(server):
    """What is asked after it is asked of the name servers, not answered from
    another cache; what is asked without it is not."""
    with Control() as relay:
        server.ask("d008.lab", "MX")
        relay.forget()
        server.ask("d008.lab", "MX")
        assert relay.count(name="d008.lab.", type="MX") == 0
        said = result(server, "flush", "d008.lab")
        assert said["flushed"] >= 1 and said["resolvers_left"] == 0
        assert said["resolvers_forgot"] == 1
        server.ask("d008.lab", "MX")
        assert relay.count(name="d008.lab.", type="MX") >= 1


def test_flush_one_type_or_a_zone(server):
    def hits(name, rdtype):
        return result(server, "lookup", name, rdtype)["from_cache"]

    names = [("d004.lab", "MX"), ("d004.lab", "NS"), ("nosuch.d004.lab", "A")]
    for one in names:
        hits(*one)
    assert all(hits(*one) for one in names)
    assert ctl(server, "flush", "d004.lab", "MX").returncode == 0
    assert [hits(*one) for one in names] == [False, True, True]
    done = ctl(server, "flush", "--zone", "D004.lab.")
    assert done.returncode == 0 and "d004.lab. and all below it: " in done.stdout
    assert [hits(*one) for one in names] == [False, False, False]


def test_flush_of_what_is_not_there(server):
    said = result(server, "flush", "never.asked.lab")
    assert said["flushed"] == 0 and said["resolvers_left"] == 0


# ---- dump and load ----

def test_dump_and_load(server):
    """What one host has another has after it, since it has asked by itself."""
    for number in range(20):
        server.ask(f"d{number:03}.lab", "MX")
    server.ask("nosuch.lab", "A")
    server.ask("bogus.alias.lab", "MX")
    dump = ctl(server, "dump").stdout
    lines = [line.split() for line in dump.splitlines()]
    assert all(len(line) == 7 for line in lines), dump
    kept = {(line[0], line[3]): line for line in lines}
    assert kept["d000.lab.", "MX"][4:6] == ["positive", "secure"]
    assert kept["bogus.alias.lab.", "MX"][5] == "bogus"
    assert kept["nosuch.lab.", "*"][4:6] == ["nxdomain", "secure"]
    assert len(lines) == len(kept) == result(server, "status")["cache"]["entries"]
    with Mxbound("mail-prefetch: no") as other:
        done = ctl(other, "load", stdin=dump + "# more\nd021.lab MX\n")
        assert done.returncode == 0, done.stderr
        assert re.match(rf"{len(lines) + 1} looked up, \d+ of them without an answer, 0 lines not taken",
                        done.stdout)
        assert json.loads(ctl(other, "lookup", "d007.lab", "MX", "--json").stdout)["from_cache"]
        assert json.loads(ctl(other, "lookup", "d021.lab", "MX", "--json").stdout)["from_cache"]
        done = ctl(other, "load", stdin="rubbish\na..b MX\nd000.lab MX\n")
        assert done.returncode == USAGE and "line 1 " in done.stderr
        assert done.stdout.endswith("2 lines not taken\n")


def test_dump_in_pages(server):
    """As any program may ask: each page says where the next begins."""
    with Raw(server) as raw:
        place, seen, pages = 0, [], 0
        while place is not None:
            page = raw.ask({"command": "dump", "from": place})["result"]
            seen += [tuple(entry[:3:2]) for entry in page["entries"]]
            assert len(page["entries"]) <= 512
            place, pages = page["next"], pages + 1
        assert pages > 1 and len(seen) == len(set(seen)) > 0


# ---- what goes wrong ----

def test_a_resolver_that_dies_is_counted(server):
    before = sum(one["restarts"] for one in result(server, "status")["resolvers"])
    os.kill(server.resolvers()[0], 9)
    wait_until(lambda: sum(one["restarts"] for one in result(server, "status")["resolvers"])
               == before + 1, 10, "counted")
    assert all(one["up"] for one in result(server, "status")["resolvers"])


def test_no_daemon(tmp_path):
    for command in (["status"], ["stats"], ["lookup", "a"], ["flush", "a"], ["dump"], ["load"]):
        done = subprocess.run([CTL, "-s", tmp_path / "none", *command], text=True, input="",
                              capture_output=True, timeout=20)
        assert done.returncode == FAILED and "is mxbound running?" in done.stderr


# ---- completion ----

def test_completion_is_what_the_program_says():
    for shell, file in (("bash", "mxboundctl.bash"), ("zsh", "_mxboundctl")):
        said = subprocess.run([CTL, "--completion", shell], text=True, capture_output=True,
                              check=True).stdout
        assert said == (ROOT / "dist/completion" / file).read_text(), "make docs"


@pytest.mark.parametrize("words, want", (
    (["st"], {"status", "stats"}), (["lookup", "a.lab", "ml"], set()),
    (["lookup", "a.lab", "tl"], {"TLSA"}), (["flush", "--z"], {"--zone"}), (["status", "x"], set()),
))
def test_bash_completes(words, want):
    script = (f"source {ROOT}/dist/completion/mxboundctl.bash\n"
              f"COMP_WORDS=(mxboundctl {' '.join(words)}) COMP_CWORD={len(words)}\n"
              "_mxboundctl\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n")
    done = subprocess.run(["bash", "-c", script], text=True, capture_output=True, check=True)
    assert set(done.stdout.split()) == want, done


def test_help_names_all(server):
    text = ctl(server, "--help").stdout
    page = (ROOT / "docs/mxboundctl.1").read_text()
    for command in "status stats route policy lookup flush dump load".split():
        assert re.search(rf"^  {command} ", text, re.M) and f"\n.SS {command}\n" in page
        assert ctl(server, "help", command).stdout.startswith(f"usage: mxboundctl {command}")
