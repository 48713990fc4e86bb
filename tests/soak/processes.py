"""What processes take, second by second, and whether it grows.

Resident memory in KiB, descriptors, threads. `growth` fits a line to what comes
after the warm-up, over means of BLOCKS parts, so that what neighbouring samples
have in common does not pass for certainty.
"""

import os
import re
import threading
import time
from collections import namedtuple
from pathlib import Path

Sample = namedtuple("Sample", "time rss_kib descriptors threads")
Growth = namedtuple("Growth", "kib_per_min error_kib_per_min minutes")

BLOCKS = 10


def sample_of(pid, now):
    """None: it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return Sample(now, int(re.search(r"VmRSS:\s+(\d+)", status)[1]),
                      len(os.listdir(f"/proc/{pid}/fd")),
                      int(re.search(r"Threads:\s+(\d+)", status)[1]))
    except (OSError, TypeError):
        return None


def gone(pid):
    """No thread of it is left; only then its sockets are closed. One that
    nobody has waited for yet is gone too."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        return tasks in ([], [str(pid)]) and \
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def roles(server):
    """{role: pids} of a running daemon."""
    return {"supervisor": [server.process.pid], "front": server.fronts(),
            "resolver": server.resolvers(), "fetcher": server.fetchers()}


def totals(server):
    """{role: (descriptors, threads)}, those of all its processes together."""
    found = {}
    for role, pids in roles(server).items():
        samples = [s for pid in pids if (s := sample_of(pid, 0))]
        found[role] = (sum(s.descriptors for s in samples), sum(s.threads for s in samples))
    return found


class Watch(threading.Thread):
    """series: {(daemon, role, pid): [Sample]} of every process there was."""

    def __init__(self, servers, tally, over, every_s=1):
        super().__init__(daemon=True)
        self.servers, self.tally, self.over, self.every_s = servers, tally, over, every_s
        self.series = {}
        self.answers = []            # (time, answers so far)

    def run(self):
        while not self.over.wait(self.every_s):
            self.look()

    def look(self):
        now = time.monotonic()
        self.answers.append((now, self.tally.answers()))
        for name, server in self.servers.items():
            try:
                found = roles(server)
            except OSError:
                continue             # just being started again
            for role, pids in found.items():
                for pid in pids:
                    if one := sample_of(pid, now):
                        self.series.setdefault((name, role, pid), []).append(one)


def growth(samples):
    """Slope of the resident memory, and its standard error."""
    size = max(1, len(samples) // BLOCKS)
    parts = [samples[i:i + size] for i in range(0, len(samples) - size + 1, size)]
    x = [sum(s.time for s in part) / len(part) / 60 for part in parts]
    y = [sum(s.rss_kib for s in part) / len(part) for part in parts]
    if len(x) < 3:
        return Growth(0.0, float("inf"), 0.0)
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((a - mean_x) ** 2 for a in x)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / spread
    rest = sum((b - mean_y - slope * (a - mean_x)) ** 2 for a, b in zip(x, y))
    error = (rest / (len(x) - 2) / spread) ** 0.5
    return Growth(slope, error, (samples[-1].time - samples[0].time) / 60)
