"""Keys and signatures by ldns, kept under build/lab so they are made once.

Keys stay for good. A zone is signed again when its text or the way of signing
changes, or after REFRESH_DAYS. Files are named after a hash of what went in,
and written whole and then renamed: a lab that is running keeps its own.
"""

import base64
import fcntl
import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from .domains import ROWS
from .table import absolute
from .zones import check_table, children, servers_in, zone_text

CACHE = Path(__file__).resolve().parents[2] / "build" / "lab"
DAY = 86400
REFRESH_DAYS = 3
FORMAT = 1            # raise it when this file signs differently
LOCK_WAIT_S = 120


def file_name(zone):
    """Without '/', and without '%', which NSD would expand."""
    return quote(zone.rstrip("."), safe="").replace("%", "=") or "root"


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise SystemExit(f"lab: {' '.join(command)}\n{done.stderr or done.stdout}")
    return done.stdout


class Progress:
    """One line that counts up, on a terminal only."""

    def __init__(self, what, total):
        self.what, self.total, self.done = what, total, 0
        self.tty = sys.stderr.isatty()

    def step(self):
        self.done += 1
        if self.tty:
            end = "\n" if self.done == self.total else ""
            print(f"\rlab: {self.what} {self.done}/{self.total}", end=end,
                  file=sys.stderr, flush=True)


def in_parallel(what, function, items):
    if not items:
        return
    progress = Progress(what, len(items))
    with ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool:
        for _ in pool.map(function, items):
            progress.step()


# --- keys -------------------------------------------------------------------

def key_base(zone, number=0):
    """Path of a key without .key, .private, .ds. Number 0 signs the zone."""
    return CACHE / "keys" / (file_name(zone) + (f"+{number}" if number else ""))


def make_key(row_and_number):
    row, number = row_and_number
    base = key_base(row.name, number)
    kind = ["-b", "2048"] if row.algorithm.startswith("RSA") else []
    kind += [] if number else ["-k"]
    new = base.parent / "new"
    (new / f"K{row.name}").parent.mkdir(parents=True, exist_ok=True)   # names with a '/'
    made = run("ldns-keygen", "-a", row.algorithm, *kind, row.name, cwd=new).strip()
    for suffix in (".ds", ".private", ".key"):
        source = new / (made + suffix)
        if source.exists():
            source.rename(f"{base}{suffix}")


def make_keys():
    wanted = [(r, n) for r in ROWS if r.signed and r.zone is not None
              for n in range(1 + r.extra_keys)]
    missing = [(r, n) for r, n in wanted if not Path(f"{key_base(r.name, n)}.key").exists()]
    in_parallel("keys", make_key, missing)


def read_ds(zone):
    """RDATA of the DS that names the zone's key."""
    text = Path(f"{key_base(zone)}.ds").read_text()
    return text.split("DS", 1)[1].split(";")[0].strip()


# --- signatures --------------------------------------------------------------

def spoil_signature(line):
    """One bit of an RRSIG's signature turned."""
    head, _, signature = line.partition(";")[0].rstrip().rpartition(" ")
    octets = bytearray(base64.b64decode(signature))
    octets[10] ^= 1
    return f"{head} {base64.b64encode(octets).decode()}"


def spoil(text, row):
    """Make wrong, or leave out, the signatures the row names; "*" any owner."""

    bad = {(o if o == "*" else absolute(o, row.name), t)
           for o, t in map(str.split, row.spoil)}
    gone = {(o if o == "*" else absolute(o, row.name), t)
            for o, t in map(str.split, row.strip)}
    used = set()
    lines = []
    for line in text.splitlines():
        fields = line.split(None, 5)
        if len(fields) > 4 and fields[3] == "RRSIG":
            keys = {(fields[0], fields[4]), ("*", fields[4])}
            used |= keys & (bad | gone)
            if keys & gone:
                continue
            if keys & bad:
                line = spoil_signature(line)
        lines.append(line)
    assert used == bad | gone, f"{row.name} has no signatures {bad | gone - used}"
    return "\n".join(lines) + "\n"


def sign_command(row, source, target, now):
    first, last = row.validity_days
    command = ["ldns-signzone", "-o", row.name, "-f", str(target),
               "-i", str(now + first * DAY), "-e", str(now + last * DAY)]
    if row.sign in ("nsec3", "optout"):
        command += ["-n"] + (["-p"] if row.sign == "optout" else [])
    command += row.sign_options
    return command + [str(source), str(key_base(row.name))]


def sign_zone(row, text, target):
    """Write the zone of row, signed where it is to be, to target."""
    source = target.with_suffix(".unsigned")
    new = target.with_suffix(".new")
    source.write_text(text)
    if row.signed:
        run(*sign_command(row, source, new, int(time.time())), cwd=CACHE)
        if row.spoil or row.strip:
            new.write_text(spoil(new.read_text(), row))
    else:
        new.write_text(text)
    source.unlink()
    new.rename(target)


def full_text(row, *tree):
    text = zone_text(row, *tree)
    for n in range(1, row.extra_keys + 1):
        text += Path(f"{key_base(row.name, n)}.key").read_text()
    return text


def target_of(row, text):
    how = repr((FORMAT, row.sign, row.sign_options, row.validity_days,
                row.spoil, row.strip))
    key = ds_text = read_ds(row.name) if row.signed else ""
    stamp = hashlib.sha256((text + how + key + ds_text).encode()).hexdigest()[:16]
    return CACHE / "zones" / f"{file_name(row.name)}.{stamp}"


def is_fresh(path, now):
    try:
        age = now - path.stat().st_mtime
    except FileNotFoundError:
        return False
    return 0 <= age + 60 and age < REFRESH_DAYS * DAY


def prune(keep, now):
    """Forget what no table of the last days made."""
    for path in (CACHE / "zones").iterdir():
        if path not in keep and now - path.stat().st_mtime > 2 * REFRESH_DAYS * DAY:
            path.unlink(missing_ok=True)


def lock():
    """The cache is made by one lab at a time. Returns the open lock file."""
    CACHE.mkdir(parents=True, exist_ok=True)
    held = open(CACHE / "lock", "w")
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return held
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise SystemExit("lab: another lab has been signing for too long")
            time.sleep(0.1)


def all_zones():
    """Make what is missing. Returns {zone: path of its zone file}."""
    check_table()
    with lock():
        (CACHE / "zones").mkdir(exist_ok=True)
        make_keys()
        below, inside = children(), servers_in()
        served = [r for r in ROWS if r.zone is not None]
        ds_of = {r.name: read_ds(r.name) for r in served if r.signed}
        texts = {r.name: full_text(r, below, inside, ds_of) for r in served}
        targets = {r.name: target_of(r, texts[r.name]) for r in served}
        now = time.time()
        stale = [r for r in served if not is_fresh(targets[r.name], now)]
        in_parallel("zones signed", lambda r: sign_zone(r, texts[r.name], targets[r.name]),
                    stale)
        prune(set(targets.values()), now)
    return targets


def trust_anchor():
    """The root's DS in zone file format."""
    return f". 3600 IN DS {read_ds('.')}\n"
