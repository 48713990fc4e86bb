#!/usr/bin/python3
"""What clients feel: latency of cached answers, quiet and beside cold names.

    make bench-latency ARGS="--rounds 9"

Runs in the lab. METHOD.md says what each figure is.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import hits
from cold import Cold
from machine import describe, halves, pin
from pooled import PERCENTILES, Pool, plot

BUILD, OUT = hits.BUILD, hits.OUT
OPEN_LOOP = BUILD / "bench/open_loop"
HITS_S = 1000
MISSES_S = 1200
AROUND_S = 0.3              # the misses begin earlier, and end later, than the hits
AWAKE_US = 100              # before each hit is due, so that our timers count less
# To be held: our p99 beside misses, by Unbound's and by our own quiet one.
UNBOUND_MAX, QUIET_MAX = 1 / 3, 3
MODES = ("quiet", "misses")


def command(server, questions, *options):
    return [str(word) for word in (OPEN_LOOP, "-D", *options, "127.0.0.1", server.port, questions)]


def start(words):
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def finish(process, timeout):
    try:
        out, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    if process.returncode != 0:
        raise SystemExit("latency: open_loop failed")
    return json.loads(out)


def cold_per_round(options):
    return int(MISSES_S * (options.seconds + 2 * AROUND_S))


def ask_cold(server, cold, number, options):
    """Begin to ask the names of that round, at their rate."""
    count = cold_per_round(options)
    return start(command(server, cold.questions, "-r", MISSES_S, "-1",
                         "-k", number * count, "-n", count,
                         "-l", options.seconds + 2 * AROUND_S))


def measure(server, mode, number, questions, cold, options):
    """One round: what open_loop says of the hits, and of the misses if any."""
    cpu, beside = server.cpu_s(), None
    if mode == "misses":
        beside = ask_cold(server, cold, number, options)
        time.sleep(AROUND_S)
    found = finish(start(command(server, questions, "-r", HITS_S, "-l", options.seconds,
                                 "-b", AWAKE_US, "-H")), options.seconds + 20)
    if beside:
        found["beside"] = finish(beside, 20)
    found["server_cpu_s"] = round(server.cpu_s() - cpu, 3)
    return found


def rounds_of(servers, questions, cold, options):
    """{server: {mode: [round, ...]}}. Whoever is first in one round is last in
    the next, so that neither has the warmer name servers."""
    runs = {name: {mode: [] for mode in MODES} for name in servers}
    for number in range(options.rounds):
        order = list(servers.items())[::-1 if number % 2 else 1]
        for mode in MODES:
            for name, server in order:
                runs[name][mode].append(
                    measure(server, mode, number, questions, cold, options))
        print(f"latency: round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    return runs


# ---- the results ----

def pooled(rounds, key):
    pool = Pool()
    for one in rounds:
        pool.add(one[key])
    return pool


def summary(rounds):
    pool = pooled(rounds, "latency_ns")
    sent = sum(one["sent"] for one in rounds)
    result = {"us": pool.us(), "mean_us": round(statistics.mean(
                  one["latency_us"]["mean"] for one in rounds), 1),
              "from_sending_us": pooled(rounds, "from_sending_ns").us(),
              "late": sum(one["late"] for one in rounds) / sent,
              "sent": sent, "answered": pool.count,
              "p99_us_of_rounds": [one["latency_us"]["p99"] for one in rounds]}
    beside = [one["beside"] for one in rounds if "beside" in one]
    if beside:
        result["misses_s"] = round(statistics.median(one["answers_s"] for one in beside))
        result["misses_p50_us"] = round(statistics.median(
            one["latency_us"]["p50"] for one in beside))
        for key in ("sent", "answered", "secure"):
            result[f"misses_{key}"] = sum(one[key] for one in beside)
    return result


def ratios(servers):
    ours = servers["mxbound"]
    beside = ours["misses"]["us"]["p99"]
    found = {"to_own_quiet": round(beside / ours["quiet"]["us"]["p99"], 3)}
    if "Unbound" in servers:
        found["to_unbound"] = round(beside / servers["Unbound"]["misses"]["us"]["p99"], 3)
    return found


def table(report):
    columns = [f"p{p:g}" for p in PERCENTILES]
    lines = [f"{report['machine']}, kernel {report['kernel']}, {report['date']}; "
             f"load before {report['load']:.1f}",
             f"latency in us of cached answers, DO, {HITS_S}/s from {report['questions']} names; "
             f"misses: {MISSES_S}/s cold signed names; {report['rounds']} rounds of "
             f"{report['seconds']} s, pooled", "",
             f"{'':10}{'':8}" + "".join(f"{c:>9}" for c in columns)
             + f"{'lost':>7}{'sent late':>11}{'misses/s':>10}{'secure':>8}{'their p50':>11}"]
    for name, modes in report["servers"].items():
        for mode, r in modes.items():
            line = f"{name:10}{mode:8}" + "".join(f"{r['us'][c]:>9.0f}" for c in columns) \
                + f"{r['sent'] - r['answered']:>7}{r['late']:>11.2%}"
            if "misses_s" in r:
                line += f"{r['misses_s']:>10}{r['misses_secure'] / r['misses_sent']:>8.1%}" \
                        f"{r['misses_p50_us']:>11}"
            lines.append(line)
    lines.append("")
    for key, what, most in (("to_unbound", "Unbound's", UNBOUND_MAX),
                            ("to_own_quiet", "our quiet one", QUIET_MAX)):
        ratio = report["ratios"].get(key)
        if ratio:
            held = "held" if ratio <= most else "missed"
            lines.append(f"mxbound: p99 with misses to {what} {ratio:.2f}, "
                         f"at most {most:.2f}: {held}")
    return "\n".join(lines)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.5)
    return parser.parse_args()


def start_servers(cold, servers_cpu, generator_cpu, questions):
    started = {}
    for make in (cold.ours, cold.unbound):
        server = make()
        if not server.there():
            print(f"{server.name}: left out, no {server.needs}", file=sys.stderr)
            continue
        pin(servers_cpu)
        server.start(started)
        pin(generator_cpu)
        started[server.name] = server
        cold.introduce(server)
        if not hits.warm(server, questions):
            raise SystemExit(f"latency: {server.name} does not get warm")
    return started


def main():
    options = parse()
    report = {**describe(), "rounds": options.rounds, "seconds": options.seconds,
              "questions": 2 * hits.DOMAINS}
    servers_cpu, generator_cpu = halves()
    questions = hits.write_questions()
    OUT.mkdir(parents=True, exist_ok=True)
    started = {}
    with Cold(BUILD, options.rounds * cold_per_round(options), generator_cpu) as cold:
        try:
            started = start_servers(cold, servers_cpu, generator_cpu, questions)
            runs = rounds_of(started, questions, cold, options)
        finally:
            for server in started.values():
                server.stop()
    report["servers"] = {name: {mode: summary(rounds) for mode, rounds in modes.items()}
                         for name, modes in runs.items()}
    report["ratios"] = ratios(report["servers"])
    report["runs"] = runs
    (OUT / "latency.json").write_text(json.dumps(report) + "\n")
    pools = {f"{name}, {mode}": pooled(rounds, "latency_ns")
             for name, modes in runs.items() for mode, rounds in modes.items()}
    (OUT / "latency.svg").write_text(plot(
        f"Cached answers, {HITS_S}/s, quiet and beside {MISSES_S} cold signed names a second",
        f"{report['machine']}, {report['date']}", pools))
    print(table(report))


if __name__ == "__main__":
    main()
