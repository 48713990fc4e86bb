"""The cache survives what the processes do not: the real programs, stopped,
killed, replaced, and with a file that is damaged, foreign or cannot be had."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import dns.flags
import dns.rcode
import pytest

from lab.domains import ROWS
from mxbound import PATIENCE, Mxbound, ede, rrs, wait_until
from test_lookup import ZONE, in_own
from test_processes import REPLACED_S, alive

SIGNED = [row.name for row in ROWS if row.generated and row.signed
          and row.name.endswith(".lab.")][20:24]
# What is kept: positive, NXDOMAIN and NODATA, secure and not.
QUESTIONS = [*((name, "MX") for name in SIGNED), ("healthy.lab.", "MX"),
             ("unsigned.lab.", "MX"), ("nothing-here.healthy.lab.", "A"),
             ("healthy.lab.", "HINFO"), ("nothing-here.unsigned.lab.", "A")]
LOADED = re.compile(r"snapshot: (\d+) answers from (\S+) in \d+ ms(.*)")
WRITTEN = re.compile(r"snapshot: (\d+) answers, (\d+) octets, to (\S+) in")
SOON_S = 10 * PATIENCE


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def kept(folder, *options):
    return Mxbound(f"snapshot-file: {folder}/cache.snapshot", *options)


def file_of(folder):
    return folder / "cache.snapshot"


def again(server, *options):
    """Started anew, with a log of its own."""
    server.stop()
    server.log_file.write_text("")
    if options:
        server.write(options)
    return server.start()


def loaded(server, seconds=SOON_S):
    """How many answers were loaded, once that is over; and what was dropped."""
    found = wait_until(lambda: LOADED.findall(server.log()), seconds, "loaded")
    return int(found[-1][0]), found[-1][2]


def says(server, text):
    wait_until(lambda: text in server.log(), SOON_S, text)


def ask_all(server):
    return {q: server.ask(*q, do=True) for q in QUESTIONS}


def ttl(reply):
    return min(r.ttl for r in reply.answer + reply.authority)


def asked_upstream(relay):
    return {(name, rrtype) for _, name, rrtype, _, _ in relay.counts()
            if (name, rrtype) in QUESTIONS}


def check_same(before, after, asked_anew=False):
    """The same data, with TTLs that fall; of what was asked anew they begin anew."""
    for question, old in before.items():
        new = after[question]
        assert new.rcode() == old.rcode(), question
        assert rrs(new.answer) == rrs(old.answer), question
        assert rrs(new.authority) == rrs(old.authority), question
        assert new.flags & dns.flags.AD == old.flags & dns.flags.AD, question
        assert not ede(new)
        if (old.answer or old.authority) and not asked_anew:
            assert ttl(new) <= ttl(old), question


def leftovers(folder):
    return [p.name for p in folder.iterdir() if p.name.endswith(".tmp")]


# --- what survives ----------------------------------------------------------------

def test_stop_and_start(folder, relay):
    """The same answers, with AD and DNSSEC RRs, and nobody is asked again."""
    with kept(folder) as server:
        before = ask_all(server)
        assert any(r.flags & dns.flags.AD for r in before.values())
        assert not all(r.flags & dns.flags.AD for r in before.values())
        server.stop()
        assert WRITTEN.search(server.log())
        assert file_of(folder).stat().st_mode & 0o777 == 0o600
        assert not leftovers(folder)
        relay.forget()
        again(server)
        count, dropped = loaded(server)
        assert count >= len(QUESTIONS) and not dropped
        check_same(before, ask_all(server))
        assert not asked_upstream(relay)
        counters = server.stop()
    if counters:
        assert counters["hits"] == len(QUESTIONS) and counters["misses"] == 0


def test_ttls_go_on_falling(folder):
    """Also while nobody is there to count."""
    authority, server = in_own(
        lambda name, rrtype, asked: [f"{name} 300 MX 10 mx.{ZONE}"] if rrtype == "MX" else [],
        f"snapshot-file: {folder}/cache.snapshot")
    with authority, server:
        assert ttl(server.ask(f"falls.{ZONE}")) == 300
        wait_until(lambda: ttl(server.ask(f"falls.{ZONE}")) < 300, SOON_S, "older")
        low = ttl(server.ask(f"falls.{ZONE}"))
        again(server)
        loaded(server)
        assert ttl(server.ask(f"falls.{ZONE}")) <= low
        wait_until(lambda: ttl(server.ask(f"falls.{ZONE}")) < low, SOON_S, "older yet")
        assert authority.count(f"falls.{ZONE}") == 1


def test_bogus_stays_bogus(folder):
    """With its reason; and CD=1 has the data still."""
    with kept(folder, "bogus-ttl-max: 300s") as server:
        name = next(row.name for row in ROWS if row.name.startswith("bogus"))
        before = server.ask(name, "MX")
        assert before.rcode() == dns.rcode.SERVFAIL
        with_cd = server.ask(name, "MX", cd=True)
        again(server)
        loaded(server)
        after = server.ask(name, "MX")
        assert after.rcode() == dns.rcode.SERVFAIL and ede(after) == ede(before)
        assert rrs(server.ask(name, "MX", cd=True).answer) == rrs(with_cd.answer)
        counters = server.stop()
    if counters:
        assert counters["misses"] == 0


def test_on_command_and_front_killed(folder, relay):
    """SIGUSR1 writes; a front that is killed is replaced by one that knows all
    that was written."""
    with kept(folder) as server:
        before = ask_all(server)
        assert not file_of(folder).exists()
        server.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: WRITTEN.search(server.log()), SOON_S, "written")
        count, octets, path = WRITTEN.search(server.log()).groups()
        assert int(count) >= len(QUESTIONS)
        assert path == str(file_of(folder)) and int(octets) == file_of(folder).stat().st_size
        (old,) = server.fronts()
        relay.forget()
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: server.fronts() not in ([], [old]), REPLACED_S, "replaced")
        assert loaded(server)[0] == int(count)
        check_same(before, ask_all(server))
        assert not asked_upstream(relay)


def test_every_few_minutes(folder):
    with kept(folder, "snapshot-interval: 1s", "log-level: info") as server:
        server.ask("healthy.lab.", "MX")
        wait_until(lambda: WRITTEN.search(server.log()) and
                   int(WRITTEN.findall(server.log())[-1][0]) > 0, SOON_S, "written")
        assert not leftovers(folder) or server.fronts()


def test_takeover_is_warm(folder, relay):
    """SIGUSR2: what the old version knows the new one knows, to the last
    question; and the old one does not write once more when it has finished."""
    with kept(folder) as server:
        before = ask_all(server)
        (old,) = server.fronts()
        relay.forget()
        server.process.send_signal(signal.SIGUSR2)
        says(server, "taken over by")
        assert loaded(server)[0] >= len(QUESTIONS)
        check_same(before, ask_all(server))
        assert not asked_upstream(relay)
        wait_until(lambda: not alive(old), 20 * PATIENCE, "the old front is gone")
        assert len(WRITTEN.findall(server.log())) == 1
        assert not leftovers(folder)


def test_takeover_although_it_cannot_be_written(folder):
    with Mxbound(f"snapshot-file: {folder}/no/such/file") as server:
        server.process.send_signal(signal.SIGUSR2)
        says(server, "taken over by")
        assert server.ask("healthy.lab.", "MX").rcode() == dns.rcode.NOERROR


# --- files that are no good -------------------------------------------------------

def test_damaged_here_and_there(folder):
    """Costs what was there and nothing else, and no answer is wrong."""
    with kept(folder, "mail-prefetch: no") as server:
        before = ask_all(server)
        server.stop()
        octets = bytearray(file_of(folder).read_bytes())
        for at in range(300, len(octets), 2000):
            octets[at] ^= 0x10
        file_of(folder).write_bytes(octets[:-5])
        again(server)
        count, dropped = loaded(server)
        assert 0 < count < len(QUESTIONS) + 20 and "damaged" in dropped
        check_same(before, ask_all(server), asked_anew=True)


@pytest.mark.parametrize("text", [b"", b"key: value\n", b"\0" * 5000, b"mxb.snap" + b"\1" * 500])
def test_no_snapshot_at_all(folder, text):
    file_of(folder).write_bytes(text)
    with kept(folder) as server:
        says(server, "is not used: it is ")
        assert server.ask("healthy.lab.", "MX").rcode() == dns.rcode.NOERROR
        server.stop()
        assert WRITTEN.search(server.log())


def test_fifo(folder):
    os.mkfifo(file_of(folder), 0o600)
    with kept(folder) as server:
        says(server, "is not used")
        assert server.ask("healthy.lab.", "MX").rcode() == dns.rcode.NOERROR


def test_others_may_write_it(folder):
    with kept(folder) as server:
        server.ask("healthy.lab.", "MX")
        server.stop()
        file_of(folder).chmod(0o666)
        again(server)
        says(server, "others may write it; chown it, or remove it")
        assert server.ask("healthy.lab.", "MX").rcode() == dns.rcode.NOERROR


def anchors_with_a_comment(folder):
    other = folder / "anchors"
    other.write_text(Path(os.environ["LAB_TRUST_ANCHOR"]).read_text() + "; another\n")
    return f"trust-anchor-file: {other}"


@pytest.mark.parametrize("change", [
    anchors_with_a_comment,
    lambda folder: "forward-zone: elsewhere.example. 192.0.2.1",
    lambda folder: "stub-zone: elsewhere.example. 192.0.2.1",
    lambda folder: 'resolver-option: "domain-insecure: healthy.lab"',
])
def test_made_under_other_settings(folder, change, relay):
    """What was true there need not be true here."""
    with kept(folder) as server:
        server.ask("healthy.lab.", "MX")
        relay.forget()
        again(server, f"snapshot-file: {file_of(folder)}", change(folder))
        says(server, "was made with other trust anchors")
        assert server.ask("healthy.lab.", "MX").rcode() == dns.rcode.NOERROR
        assert relay.count(name="healthy.lab.", type="MX")


def test_other_settings_that_do_not_matter(folder):
    """A smaller cache, too."""
    with kept(folder) as server:
        server.ask("healthy.lab.", "MX")
        again(server, f"snapshot-file: {file_of(folder)}", "cache-size: 1m", "workers: 1")
        assert loaded(server)[0] >= 1


def test_left_by_the_dead(folder):
    """Half-written files go; what only looks a little like one stays."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    for name in (f"cache.snapshot.{dead.pid}.tmp", "cache.snapshot.x.tmp", "other.1.tmp"):
        (folder / name).write_text("half")
    with kept(folder) as server:
        server.ask("healthy.lab.", "MX")
        server.stop()
        assert sorted(leftovers(folder)) == ["cache.snapshot.x.tmp", "other.1.tmp"]


# --- files that cannot be had -----------------------------------------------------

def test_disk_full(folder):
    """The old file stays, one line says why, and nothing is left half-written."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", disk],
                   check=True, timeout=10)
    try:
        with kept(disk) as server:
            server.ask("healthy.lab.", "MX")
            server.process.send_signal(signal.SIGUSR1)
            wait_until(lambda: WRITTEN.search(server.log()), SOON_S, "written")
            before = file_of(disk).read_bytes()
            with open(disk / "fill", "wb", buffering=0) as fill:
                try:
                    while True:
                        fill.write(b"x" * 4096)
                except OSError:
                    pass
            server.process.send_signal(signal.SIGUSR1)
            says(server, "No space left on device; make room there")
            assert file_of(disk).read_bytes() == before
            assert not leftovers(disk)
            assert server.ask("healthy.lab.", "MX").rcode() == dns.rcode.NOERROR
            server.stop()
            assert file_of(disk).read_bytes() == before and not leftovers(disk)
            (disk / "fill").unlink()
            again(server)
            assert loaded(server)[0] >= 1
    finally:
        subprocess.run(["umount", disk], check=True, timeout=10)


@pytest.mark.parametrize("path, line", [
    ("no/such/folder/file", "No such file or directory; make its folder"),
    ("a-file/file", "Not a directory; make its folder"),
    ("a-folder", "Is a directory"),
])
def test_cannot_be_written(folder, path, line):
    (folder / "a-file").write_text("")
    (folder / "a-folder").mkdir()
    with Mxbound(f"snapshot-file: {folder / path}") as server:
        assert server.ask("healthy.lab.", "MX").rcode() == dns.rcode.NOERROR
        server.process.send_signal(signal.SIGUSR1)
        says(server, line)
        assert str(folder / path) in server.log()


def test_read_only_disk(folder):
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", disk],
                   check=True, timeout=10)
    try:
        with kept(disk) as server:
            server.process.send_signal(signal.SIGUSR1)
            says(server, "Read-only file system; let the account")
    finally:
        subprocess.run(["umount", disk], check=True, timeout=10)


# --- where it is ------------------------------------------------------------------

def test_in_the_state_folder(folder):
    with Mxbound(f"state-dir: {folder}") as server:
        server.ask("healthy.lab.", "MX")
        server.stop()
        assert file_of(folder).exists()


def test_none(folder):
    with Mxbound(f"state-dir: {folder}", "snapshot-file: none") as server:
        server.process.send_signal(signal.SIGUSR1)
        says(server, "SIGUSR1: there is no snapshot to write")
        server.stop()
        assert not file_of(folder).exists() and "answers, " not in server.log()


def test_relative_to_where_it_was_started(folder):
    shutil.rmtree(folder / "none", ignore_errors=True)
    before = os.getcwd()
    os.chdir(folder)
    try:
        with Mxbound("snapshot-file: here") as server:
            server.ask("healthy.lab.", "MX")
            server.stop()
            assert (folder / "here").exists()
    finally:
        os.chdir(before)
