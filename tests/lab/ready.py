"""Is the lab answering? Asked as a resolver would ask, server by server."""

import sys
import time

import dns.exception
import dns.message
import dns.query

from .servers import instance_address
from .domains import ROWS
from .zones import instances_of

DEADLINE_S = 20


def questions():
    """For each instance the first of its zones, at the instance itself."""
    seen = {}
    for row in ROWS:
        for instance in instances_of(row):
            seen.setdefault(instance, row.name)
    return seen


def answers(zone, address):
    try:
        reply = dns.query.udp(dns.message.make_query(zone, "SOA"), address, timeout=0.2)
        return bool(reply.answer)
    except (OSError, dns.exception.DNSException):
        return False


def wait(parts, control_path):
    """True once every NSD answers and the relay is on its addresses."""
    deadline = time.monotonic() + DEADLINE_S
    waiting = questions()
    while time.monotonic() < deadline:
        waiting = {i: z for i, z in waiting.items() if not answers(z, instance_address(i))}
        if not waiting and control_path.exists():
            return True
        if any(p.poll() is not None for p in parts.values()):
            return False
        time.sleep(0.02)
    print(f"lab: no answer from {', '.join(waiting) or 'the relay'}"
          f" in {DEADLINE_S} s", file=sys.stderr)
    return False
