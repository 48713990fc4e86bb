#!/usr/bin/python3
"""Every fuzz target for a while, as many at once as there are processors, and
one table: run.py SECONDS TARGET...

Each starts from its corpus in tests/fuzz/corpus; what is new goes to
build/fuzz/corpus, the input of a crash and the log to build/fuzz. Exit status 1
where one crashed, leaked or took too long over an input.
"""

import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build/fuzz"
MAX_LEN = 66000
INPUT_S = 5


def number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def crashes(target):
    return {p.name for kind in ("crash", "leak", "timeout", "oom")
            for p in OUT.glob(f"{target}-{kind}-*")}


def fuzz(target, seconds):
    """(target, executions, of them a second, edges covered, inputs kept, crashes)."""
    kept = OUT / "corpus" / target
    kept.mkdir(parents=True, exist_ok=True)
    before = crashes(target)
    log = OUT / f"{target}.log"
    with open(log, "w") as out:
        status = subprocess.call(
            [OUT / target, f"-max_total_time={seconds}", f"-max_len={MAX_LEN}",
             f"-timeout={INPUT_S}", "-print_final_stats=1", f"-artifact_prefix={OUT}/{target}-",
             kept, ROOT / "tests/fuzz/corpus" / target], stdout=out, stderr=out, cwd=ROOT)
    text = log.read_text(errors="replace")
    failed = len(crashes(target) - before) or int(status != 0)
    return (target, number(r"stat::number_of_executed_units:\s*(\d+)", text),
            number(r"stat::average_exec_per_sec:\s*(\d+)", text), number(r"\bcov: (\d+)", text),
            number(r"\bcorp: (\d+)", text), failed)


def progress(done, total, began, over):
    while not over.wait(1):
        print(f"\r{time.monotonic() - began:6.0f} s, {len(done)} of {total} targets done",
              end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def main(seconds, targets):
    done, over = [], threading.Event()

    def one(target):
        done.append(fuzz(target, seconds))
        return done[-1]

    if sys.stderr.isatty():
        threading.Thread(target=progress, daemon=True,
                         args=(done, len(targets), time.monotonic(), over)).start()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        rows = list(pool.map(one, targets))
    over.set()
    print(f"{'target':26}{'execs':>12}{'a second':>10}{'edges':>8}{'inputs':>8}{'crashes':>9}")
    for target, *figures in rows:
        print(f"{target:26}{figures[0]:>12}{figures[1]:>10}{figures[2]:>8}{figures[3]:>8}"
              f"{figures[4]:>9}" + (f"   {OUT.relative_to(ROOT)}/{target}.log" * bool(figures[4])))
    # One that executed nothing tested nothing.
    return 1 if any(row[-1] or not row[1] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
