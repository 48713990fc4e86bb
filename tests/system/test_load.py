"""200,000 mixed queries by dnsperf: none lost, none wrong, memory flat.

"None wrong" is looked at twice: the RCODEs that dnsperf counted are those the
table of the lab says, and after the load a sample is compared with Unbound.
"""

import os
import re
import subprocess
import time
from pathlib import Path

import differential
from lab import questions
from lab.unbound import Unbound
from mxbound import Mxbound, SANITIZED

TOTAL = 200_000 if not SANITIZED else 40_000
# What a second load of the same may add: buffers of sockets, arenas of
# threads. A leak of ten octets a query would be twice that.
SLACK_KIB = 1024 if not SANITIZED else 64 * 1024


def dnsperf(server, path, count, mode):
    lines = sum(1 for _ in open(path))
    done = subprocess.run(
        ["dnsperf", "-f", "inet", "-s", "127.0.0.1", "-p", str(server.port),
         "-m", mode, "-d", path, "-n", str(max(1, count // lines)),
         # Its own buffers of 32 KiB would drop some of 200 large replies.
         "-c", "8", "-q", "200", "-b", "512", "-t", "8", "-e", "-D"],
        capture_output=True, text=True, timeout=240)
    out = done.stdout
    sent = int(re.search(r"Queries sent:\s+(\d+)", out)[1])
    lost = int(re.search(r"Queries lost:\s+(\d+)", out)[1])
    codes = {name: int(n) for name, n in
             re.findall(r"([A-Z]+) (\d+) \([\d.]+%\)",
                        re.search(r"Response codes:(.*)", out)[1])}
    return sent, lost, codes


def resident_kib(pids):
    return sum(int(re.search(r"VmRSS:\s+(\d+)",
                             Path(f"/proc/{p}/status").read_text())[1])
               for p in pids)


def descriptors(pids):
    return sum(len(os.listdir(f"/proc/{p}/fd")) for p in pids)


def test_load(tmp_path):
    """Everything in the lab that can be answered, over UDP and TCP."""
    asked = tmp_path / "queries"
    # A chain of aliases near libunbound's limit fails while it is cold and
    # succeeds when a part of it is known: no question with one answer.
    pairs = [(owner, rdtype) for _, owner, rdtype in questions.quick()
             if not owner.startswith("far")]
    asked.write_text("".join(f"{name} {rdtype}\n" for name, rdtype in pairs))
    with Mxbound("cache-size: 64m") as server, Unbound(port=5300) as unbound:
        warm, lost, first = dnsperf(server, asked, len(pairs), "udp")
        assert lost == 0, first
        pids = server.fronts() + server.resolvers()
        results = [dnsperf(server, asked, TOTAL // 2, "udp")]
        before = resident_kib(pids), descriptors(pids)
        results += [dnsperf(server, asked, TOTAL // 4, "tcp"),
                    dnsperf(server, asked, TOTAL // 2, "udp")]
        after = resident_kib(pids), descriptors(pids)
        # A resolver that still asks servers that do not answer gives up in time.
        patience = time.monotonic() + 70
        while after[1] > before[1] + 8 and time.monotonic() < patience:
            time.sleep(0.2)
            after = after[0], descriptors(pids)
        assert pids == server.fronts() + server.resolvers(), server.log()
        total = sum(sent for sent, _, _ in results)
        print(f"{total} queries; resident {before[0]} then {after[0]} KiB; "
              f"{results[-1][2]}")
        assert total >= TOTAL
        assert [lost for _, lost, _ in results] == [0, 0, 0]
        # The same questions give the same RCODEs, whenever they are asked.
        for sent, _, codes in results:
            assert {c: n * warm for c, n in codes.items()} == \
                {c: n * sent for c, n in first.items()}
        assert after[0] - before[0] < SLACK_KIB
        assert after[1] <= before[1] + 8
        report = []
        differential.SAMPLE = differential.SAMPLE or 60
        assert differential.run((server.port, unbound.port),
                                report.append) == 0, "\n".join(report)
