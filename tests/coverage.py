#!/usr/bin/python3
"""Which lines the tests reach, by folder: coverage.py BUILD

BUILD is made with COVERAGE=1, and its fuzzers' corpora have been replayed. The
unit tests run, then the system tests of SYSTEM in the lab, and gcov says what
was reached. BUILD/uncovered.txt has the other lines. Processes that are killed
count nothing, and the sandbox is off: it lets nobody write files. Exit status 1
where a folder of LEAST has less.
"""

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Share of lines that the tests have to reach.
LEAST = {"cache": 0.9, "src/wire": 0.9, "src/mail": 0.9, "src/front": 0.9, "src/policy": 0.9}

SYSTEM = ("lookup", "tcp", "protocol", "stale", "snapshot", "keep_warm", "ahead", "liar", "names",
          "special_names", "sizes", "policy", "sts", "ctl", "processes", "faults", "resolver",
          "fetcher", "cli")
TEST_S = 300
SYSTEM_S = 540


def run_unit(build):
    failed = []
    for program in sorted((build / "tests").iterdir()):
        if program.is_file() and os.access(program, os.X_OK):
            done = subprocess.run([program], timeout=TEST_S, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, cwd=ROOT)
            failed += [program.name] * (done.returncode != 0)
    return failed


def run_system(build):
    files = [str(ROOT / f"tests/system/test_{name}.py") for name in SYSTEM]
    done = subprocess.run(
        [ROOT / "tests/lab/lab", "run", "--", sys.executable, "-m", "pytest", "-q",
         "-p", "no:cacheprovider", "--timeout=180", *files], timeout=SYSTEM_S, cwd=ROOT,
        env={**os.environ, "MX_BUILD": str(build), "MX_SANDBOX": "no"},
        stdin=subprocess.DEVNULL, stdout=open(build / "system.log", "w"), stderr=subprocess.STDOUT)
    return ["the system tests"] * (done.returncode != 0)


def reached(build):
    """{file: {line: times}}, all objects together."""
    lines = defaultdict(lambda: defaultdict(int))
    # What no test entered has no counts, and is read from the notes alone.
    notes = [p for p in build.glob("obj/**/*.gcno")
             if p.relative_to(build / "obj").parts[0] in ("cache", "src")]
    for note in notes:
        out = subprocess.run(["gcov", "--json-format", "--stdout", note], capture_output=True,
                             cwd=ROOT, timeout=60).stdout
        for file in json.loads(out)["files"] if out else ():
            name = os.path.relpath(ROOT / file["file"], ROOT)
            if name.startswith(("cache/", "src/")):
                for line in file["lines"]:
                    lines[name][line["line_number"]] += line["count"]
    return lines


def by_folder(lines):
    """{folder: (reached, all)}; src/policy/fetcher is a folder of its own."""
    sums = defaultdict(lambda: [0, 0])
    for name, counts in lines.items():
        one = sums[os.path.dirname(name)]
        one[0] += sum(n > 0 for n in counts.values())
        one[1] += len(counts)
    return dict(sums)


def write_uncovered(path, lines):
    with open(path, "w") as out:
        for name in sorted(lines):
            text = (ROOT / name).read_text().splitlines()
            for number, times in sorted(lines[name].items()):
                if not times:
                    print(f"{name}:{number}: {text[number - 1].strip()}", file=out)


def main(build):
    failed = run_unit(build)
    try:
        failed += run_system(build)
    except subprocess.TimeoutExpired:
        failed.append(f"system tests not done in {SYSTEM_S} s")
    lines = reached(build)
    write_uncovered(build / "uncovered.txt", lines)
    missed = False
    for folder, (count, every) in sorted(by_folder(lines).items()):
        least = LEAST.get(folder)
        missed |= least is not None and count < least * every
        print(f"{folder:22}{count:>7} of {every:>6} lines  {count / every:>7.1%}"
              + (f"   at least {least:.0%}" if least else ""))
    print(f"others: {build.relative_to(ROOT)}/uncovered.txt")
    for one in failed:
        print(f"failed: {one}", file=sys.stderr)
    return 1 if missed or failed else 0


if __name__ == "__main__":
    sys.exit(main((ROOT / sys.argv[1]).resolve()))
