#!/usr/bin/python3
"""What clients feel of name servers that attack: latency of cached answers,
quiet and beside each attack of tests/system/attacks.py.

    make bench-programs && make bench ARGS=under-attack

Runs in the lab. METHOD.md says what each figure is.
"""

import argparse
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests" / "system"),
                str(Path(__file__).resolve().parents[1] / "tests")]

import attacks  # noqa: E402
import hits  # noqa: E402
import hits_servers  # noqa: E402
from machine import describe, halves, pin  # noqa: E402
from pooled import Pool  # noqa: E402

BUILD, OUT = hits.BUILD, hits.OUT
OPEN_LOOP = BUILD / "bench/open_loop"
HITS_S = 1000
AWAKE_US = 100
QUIET = "quiet"
# Attack: questions a second, and the nth question; no two are for one name.
ATTACKS = {
    "nxns": (50, "x.z{}.nxns.att."),
    "nr": (10, "x.z{}.nr.att."),
    "chain": (100, "{}00.chain.att."),
    "camp": (30, "x.z{}.camp.att."),
    "maze": (20, "www.1-z{}.maze.att."),
    "silent": (1000, "x{}.silent.att."),
    "keytrap": (20, "x{}.keytrap.att."),
    "nsec3": (20, "x{}." + "a." * 60 + "nsec3-many.att."),
}
RATIO_MAX = 3                # to be held: p99 beside an attack by that without


def att_options(folder):
    """For Unbound what attacks.options() is for mxbound."""
    return ('    domain-insecure: "att."', f'    trust-anchor-file: "{folder}/traps"',
            f'stub-zone:\n    name: "att."\n    stub-addr: {attacks.PARENT}')


def servers_of(attacker, folder):
    ours, unbound = hits_servers.Ours(BUILD), hits_servers.UnboundDaemon(BUILD)
    ours.more = tuple(line for line in attacks.options(attacker, folder)
                      if not line.startswith(("workers", "resolvers")))
    (folder / "traps").write_text(attacker.anchors())
    unbound.more = att_options(folder)
    return [server for server in (ours, unbound) if server.there()]


def gives_way(thread):
    """To open_loop, which has the same processor: else its clock is late."""
    os.setpriority(os.PRIO_PROCESS, thread.native_id, 15)


class Attack:
    """Asks the server, from a thread, and does not care for its replies."""

    def __init__(self, name, port, number):
        self.rate, self.text = ATTACKS[name]
        self.port, self.number, self.going = port, number, True
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        gives_way(self.thread)
        return self

    def __exit__(self, *exc):
        self.going = False
        self.thread.join()

    def run(self):
        start = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("127.0.0.1", self.port))
            for i in itertools.count():
                time.sleep(max(0, start + i / self.rate - time.monotonic()))
                if not self.going:
                    return
                name = self.text.format(self.number * 100000 + i)
                s.send(attacks.dns.message.make_query(name, "A", payload=1232).to_wire())


def hits_of(server, questions, seconds):
    done = subprocess.run(
        [str(word) for word in (OPEN_LOOP, "-r", HITS_S, "-l", seconds, "-b", AWAKE_US, "-H",
                                "127.0.0.1", server.port, questions)],
        capture_output=True, text=True, timeout=seconds + 20, check=True)
    return json.loads(done.stdout)


def measure(server, mode, number, questions, seconds):
    if mode == QUIET:
        return hits_of(server, questions, seconds)
    with Attack(mode, server.port, number):
        time.sleep(0.3)
        return hits_of(server, questions, seconds)


def rounds_of(servers, questions, options):
    runs = {server.name: {mode: [] for mode in (QUIET, *ATTACKS)} for server in servers}
    names = list(ATTACKS)
    for number in range(options.rounds):
        # What an attack leaves to do, it does not always leave to the same one.
        first = number * 3 % len(names)
        for mode in (QUIET, *names[first:], *names[:first]):
            for server in servers[::-1 if number % 2 else 1]:
                runs[server.name][mode].append(
                    measure(server, mode, number, questions, options.seconds))
        print(f"under-attack: round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    return runs


def summary(rounds):
    pool = Pool()
    for one in rounds:
        pool.add(one["latency_ns"])
    return {"us": pool.us(), "sent": sum(one["sent"] for one in rounds), "answered": pool.count}


def ratios(modes):
    return {mode: round(modes[mode]["us"]["p99"] / modes[QUIET]["us"]["p99"], 2)
            for mode in ATTACKS}


def table(report):
    lines = [f"{report['machine']}, kernel {report['kernel']}, {report['date']}; "
             f"load before {report['load']:.1f}",
             f"{HITS_S} cached answers/s; {report['rounds']} rounds of {report['seconds']} s", "",
             f"{'':10}{'':10}{'asked/s':>9}{'p50 us':>9}{'p99 us':>9}{'/ quiet':>9}{'lost':>6}"]
    for name, modes in report["servers"].items():
        for mode, one in modes.items():
            ratio = report["ratios"][name].get(mode)
            rate = ATTACKS[mode][0] if mode in ATTACKS else 0
            lines.append(f"{name:10}{mode:10}{rate:>9}{one['us']['p50']:>9.1f}"
                         f"{one['us']['p99']:>9.1f}"
                         + (f"{ratio:>9.2f}" if ratio else f"{'-':>9}")
                         + f"{one['sent'] - one['answered']:>6}")
    worst = max(report["ratios"]["mxbound"].values())
    held = "held" if worst <= RATIO_MAX else "missed"
    lines.append(f"mxbound: p99 beside an attack at most {worst:.2f} of that without, "
                 f"at most {RATIO_MAX}: {held}")
    return "\n".join(lines)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    return parser.parse_args()


def main():
    options = parse()
    report = {**describe(), "rounds": options.rounds, "seconds": options.seconds}
    servers_cpu, generator_cpu = halves()
    OUT.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="under-attack-", dir=os.environ["LAB_DIR"]))
    questions = folder / "questions"
    questions.write_text("".join(f"{name} A\n" for name in attacks.hot_names()))
    pin(generator_cpu)
    started = []
    with attacks.Attacker() as attacker:
        gives_way(attacker.thread)
        try:
            for server in servers_of(attacker, folder):
                pin(servers_cpu)
                server.start({})
                pin(generator_cpu)
                started.append(server)
                if len(attacks.ask_many(server.port, attacks.hot_names())) != attacks.HOT_NAMES:
                    raise SystemExit(f"under-attack: {server.name} does not get warm")
            runs = rounds_of(started, questions, options)
        finally:
            for server in started:
                server.stop()
    report["servers"] = {name: {mode: summary(rounds) for mode, rounds in modes.items()}
                         for name, modes in runs.items()}
    report["ratios"] = {name: ratios(modes) for name, modes in report["servers"].items()}
    (OUT / "under_attack.json").write_text(json.dumps(report) + "\n")
    print(table(report))


if __name__ == "__main__":
    main()
