#!/usr/bin/python3
"""mxbound for as long as you like under all that a bad day brings, and what
came of it: wrong answers, lost queries, stuck waiters, memory, descriptors.

    make soak TIME=3600            build/soak.svg, a table; exit status 1 if a bound is not held

Runs in the lab. Two daemons are asked by the same kinds of clients
(clients.py), which know the right answers (answers.py); disturb.py says what
is done to which. processes.py watches what they take.
"""

import argparse
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system"), str(HERE.parent)]

import clients  # noqa: E402
import plot  # noqa: E402
from answers import FAILED, LOST, RIGHT, WRONG, Tally  # noqa: E402
from disturb import DisturbKept, DisturbShaken  # noqa: E402
from https_policies import PolicyHosts  # noqa: E402
from mxbound import CLASSES, wait_until  # noqa: E402
from processes import Watch, growth, totals  # noqa: E402
from test_policy import Server  # noqa: E402

# Bounds. Growth is that of the resident memory after the warm-up, from the
# first sample to the last, less twice its standard error; four times as much
# in a run of less than WARM_S, which ends before the caches are full.
GROWTH_KIB = {"supervisor": 256, "front": 2048, "resolver": 4096, "fetcher": 2048}
WARM_S = 180
# More of all processes of a role, after both daemons are left alone; resolvers
# still ask servers that never answer.
DESCRIPTORS = {"supervisor": 0, "front": 4, "resolver": 32, "fetcher": 4}
THREADS = 0
FAILED_SHARE = {"kept": 0.01, "shaken": 0.05}
AGAIN_SHARE = 0.001              # of kept's answers, beside what the kernel had no room for
QUIET_SHARE = 0.001              # of kept's answers, DISTURBED_S after what was done last
DISTURBED_S = 8
SHOWN = 20
STUCK_S = 9                      # a front that drains waits no longer than ten

QUESTION_S = 10
OPTIONS = f"""\
cache-size: 4m
workers: 2
resolvers: 2
question-lifetime: {QUESTION_S}s
failure-ttl-max: 1s
in-flight-client-max: 4096
tcp-idle-timeout: 2s
tcp-message-timeout: 3s
keep-warm: healthy.lab
keep-warm: ttl-key.lab
mta-sts-private: yes
resolver-option: "msg-cache-size: 1m"
resolver-option: "rrset-cache-size: 2m"
resolver-option: "key-cache-size: 1m"
resolver-option: "neg-cache-size: 1m"
resolver-option: "tcp-reuse-timeout: 500"
"""


def new_server(folder, name, hosts):
    return Server(*OPTIONS.splitlines(), f"mta-sts-ca-file: {hosts.ca_file}",
                  f"snapshot-file: {folder}/{name}.snapshot",
                  f"mta-sts-file: {folder}/{name}.sts")


def warm(server):
    """Everything once, so that what is opened at first use is open."""
    for name in ("healthy.lab.", "unsigned.lab.", "bigtxt.lab."):
        for tcp in (False, True):
            server.ask(name, "MX", tcp=tcp)
    with server.client() as client:
        client.ask("enforce.sts.lab")


def settled(server, before=None):
    """Descriptors and threads, once they are what they were before, or else
    after as long as a question and its sockets may live."""
    end = time.monotonic() + 3 * QUESTION_S
    while True:
        now = totals(server)
        if before is None or time.monotonic() > end or \
                all(now[role][0] <= had + DESCRIPTORS[role] and now[role][1] <= threads + THREADS
                    for role, (had, threads) in before.items()):
            return now
        time.sleep(0.2)


def dropped(port):
    """Datagrams to it for which its sockets had no room."""
    return sum(int(words[12]) for file in ("udp", "udp6")
               for words in map(str.split, open(f"/proc/net/{file}").readlines()[1:])
               if int(words[1].rpartition(":")[2], 16) == port)


class Progress:
    """One line that is written anew, on a terminal."""

    def __init__(self, tally, seconds):
        self.tally, self.seconds, self.began = tally, seconds, time.monotonic()

    def show(self):
        if sys.stderr.isatty():
            print(f"\r{time.monotonic() - self.began:6.0f} of {self.seconds} s, "
                  f"{self.tally.answers()} answers, {self.tally.of(WRONG)} wrong, "
                  f"{self.tally.of(LOST)} lost, {self.tally.of(FAILED)} failed",
                  end="", file=sys.stderr, flush=True)

    def end(self):
        if sys.stderr.isatty():
            print(file=sys.stderr)


def fits_in(server, seconds):
    """A new version takes over: the old front leaves when nobody waits for it
    any more. Seconds that it took, or None past the bound."""
    old, began = server.fronts(), time.monotonic()
    server.process.send_signal(signal.SIGUSR2)
    while time.monotonic() - began < seconds + 20:
        here = server.fronts()
        if len(here) == 1 and here != old:
            return time.monotonic() - began
        if here == old:
            began_drain = time.monotonic()
        elif time.monotonic() - began_drain > seconds:
            return None
        time.sleep(0.05)
    return None


class Soak:
    def __init__(self, options, folder, hosts):
        self.options = options
        self.servers = {name: new_server(folder, name, hosts) for name in ("kept", "shaken")}
        self.tally, self.over = Tally(), threading.Event()
        self.rows = []               # (what, found, bound, held)

    def run(self):
        for server in self.servers.values():
            server.start()
            warm(server)
        self.before = {name: settled(server) for name, server in self.servers.items()}
        self.watch = Watch(self.servers, self.tally, self.over)
        every = {"kept": 15 if self.options.time > 60 else 4,
                 "shaken": 5 if self.options.time > 60 else 2}
        self.disturbers = [
            kind(name, self.servers[name], self.over, every[name])
            for kind, name in ((DisturbKept, "kept"), (DisturbShaken, "shaken"))]
        self.clients = [
            kind(name, server, self.tally, self.over, f"{self.options.seed} {name} {i}")
            for name, server in self.servers.items() for i, kind in enumerate(clients.ALL)]
        self.threads = [self.watch, *self.disturbers, *self.clients]
        self.began = time.monotonic()
        for thread in self.threads:
            thread.start()
        self.wait()
        self.ended = time.monotonic()
        self.dropped = dropped(self.servers["kept"].port)
        self.over.set()
        for thread in self.threads:
            thread.join(60)
        for disturber in self.disturbers:
            if disturber.error:      # then there is no daemon to judge
                raise disturber.error
        self.after = self.leave_alone()

    def wait(self):
        progress = Progress(self.tally, self.options.time)
        while time.monotonic() - self.began < self.options.time:
            time.sleep(0.5)
            progress.show()
        progress.end()

    def leave_alone(self):
        wait_until(lambda: all(s.resolvers() and s.fronts() for s in self.servers.values()),
                   10, "all processes are there")
        return {name: settled(server, self.before[name])
                for name, server in self.servers.items()}

    # -- what came of it --

    def row(self, what, found, bound, held):
        self.rows.append((what, str(found), str(bound), held))

    def judge(self):
        self.judge_answers()
        for series, samples in sorted(self.watch.series.items()):
            if series[0] == "kept":
                self.judge_memory(series[1], series[2], samples)
        self.judge_descriptors()
        for name, server in self.servers.items():
            took = fits_in(server, STUCK_S)
            self.row(f"{name}: waiters stuck", "none" if took is not None else "some", "none",
                     took is not None)
        for name, server in self.servers.items():
            self.judge_end(name, server)
        for thread in self.threads:
            error = getattr(thread, "error", None)
            if error or thread.is_alive():
                self.row(f"{type(thread).__name__} of the soak", repr(error or "hangs"), "none", False)

    def judge_answers(self):
        tally = self.tally
        self.row("answers", tally.answers(), "some", tally.of(RIGHT) > 0)
        self.row("wrong answers", tally.of(WRONG), 0, tally.of(WRONG) == 0)
        self.row("lost queries", tally.of(LOST), 0, tally.of(LOST) == 0)
        for name, most in FAILED_SHARE.items():
            share = tally.of(FAILED, name) / max(1, tally.of(RIGHT, name))
            self.row(f"{name}: SERVFAIL where there is an answer",
                     f"{tally.of(FAILED, name)} ({share:.3%})", f"{most:.1%}", share <= most)
        done = [t for t, _ in self.disturbers[0].done]
        quiet = [text for t, name, text in tally.failed
                 if name == "kept" and not any(0 <= t - d < DISTURBED_S for d in done)]
        share = len(quiet) / max(1, tally.of(RIGHT, "kept"))
        self.row(f"kept: of these, {DISTURBED_S} s after the last disturbance",
                 f"{len(quiet)} ({share:.3%})", f"{QUIET_SHARE:.1%}", share <= QUIET_SHARE)
        self.shown = [f"{n} x {text}" for text, n in tally.shown.most_common(SHOWN)] + \
            [f"failed, quiet: {text}" for text in quiet[:SHOWN]]
        most = self.dropped + int(tally.of(RIGHT, "kept") * AGAIN_SHARE)
        self.row("kept: asked again", tally.retries["kept"], most, tally.retries["kept"] <= most)
        self.row("shaken: asked again", tally.retries["shaken"], "any", True)

    def judge_memory(self, role, pid, samples):
        """Of those that have been there throughout; others have no time to leak."""
        warm_up = self.options.time / 3
        part = [s for s in samples if s.time >= self.began + warm_up and s.time <= self.ended]
        if samples[0].time > self.began + 5 or samples[-1].time < self.ended - 5:
            return
        slope = growth(part)
        least = (slope.kib_per_min - 2 * slope.error_kib_per_min) * slope.minutes
        most = GROWTH_KIB[role] * (1 if self.options.time >= WARM_S else 4)
        what = f"kept: {role} {pid}, {part[0].rss_kib} to {part[-1].rss_kib} KiB" if part else role
        self.row(what, f"{slope.kib_per_min:+.0f} +- {2 * slope.error_kib_per_min:.0f} KiB/min",
                 f"{most} KiB in {slope.minutes:.1f} min", least <= most)

    def judge_descriptors(self):
        for name in self.servers:
            for role, (had, threads_had) in self.before[name].items():
                has, threads = self.after[name][role]
                self.row(f"{name}: {role}, descriptors", f"{had}, then {has}",
                         f"+{DESCRIPTORS[role]}", has <= had + DESCRIPTORS[role])
                self.row(f"{name}: {role}, threads", f"{threads_had}, then {threads}",
                         f"+{THREADS}", threads <= threads_had + THREADS)

    def judge_end(self, name, server):
        """It ends well, and each front that could say what it counted adds up."""
        try:
            server.stop()
            ended = "well"
        except AssertionError as e:
            ended = str(e)[:200]
        self.row(f"{name}: ends", ended, "well", ended == "well")
        counted = [{k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", line)}
                   for line in re.findall(r"counters:(.*)", server.log())]
        off = sum(c["queries"] != sum(c[k] for k in CLASSES) for c in counted)
        self.row(f"{name}: fronts whose counters do not add up", f"{off} of {len(counted)}", 0,
                 off == 0 and len(counted) > 0)

    def report(self):
        wide = max(len(row[0]) for row in self.rows)
        for what, found, bound, held in self.rows:
            print(f"{what:{wide}}  {found:>24}  {bound:>22}  {'held' if held else 'NOT HELD'}")
        for text in self.shown:
            print(text)

    def draw(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(plot.svg(
            f"mxbound: {self.options.time} s, {self.tally.answers()} answers", self.began,
            self.ended - self.began, self.watch.series, self.watch.answers,
            [t for t, _, _ in self.tally.failed],
            [one for d in self.disturbers for one in d.done]))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--time", type=int, default=600, help="seconds")
    parser.add_argument("--seed", default=str(random.randrange(10 ** 9)))
    parser.add_argument("--plot", type=Path, help="SVG to write")
    parser.add_argument("--logs", type=Path, help="folder for the daemons' logs")
    return parser.parse_args()


def finish(soak, folder):
    """Nothing is left running; what the daemons said is kept."""
    for name, server in soak.servers.items():
        if server.process:
            server.process.kill()
            server.process.wait()
        if folder and server.log_file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.log").write_text(server.log())


def main():
    options = parse()
    print(f"seed {options.seed}, {options.time} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="mxbound-soak-") as folder, \
            PolicyHosts(Path(folder)) as hosts:
        soak = Soak(options, folder, hosts)
        try:
            soak.run()
            soak.judge()
        finally:
            finish(soak, options.logs)
        soak.report()
        if options.plot:
            soak.draw(options.plot)
    return 0 if all(held for *_, held in soak.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
