"""Ask Unbound, in the lab, every question of the table, and compare.

Run as   python3 -m lab.check [ZONE...]   inside the lab; "lab check" does it.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from . import check_relay
from .domains import ROWS
from .unbound import Unbound

WAIT_S = 30                    # for an answer that will come
DEAD_S = 10                    # where none will; Unbound takes minutes to say so
AT_ONCE = 64


def ask(unbound, expect, flags=0):
    """One answer, over UDP first and TCP where it was cut."""
    query = dns.message.make_query(expect.owner, expect.type, want_dnssec=True, flags=flags)
    query.flags |= dns.flags.RD
    reply, _ = dns.query.udp_with_fallback(query, unbound.address, port=unbound.port,
                                           timeout=DEAD_S if expect.state == "dead" else WAIT_S)
    return reply


def rrs_of_type(reply, rrtype):
    return sum(len(s) for s in reply.answer if s.rdtype == dns.rdatatype.from_text(rrtype))


def cd_answers(unbound, expect):
    try:
        return ask(unbound, expect, flags=dns.flags.CD).rcode() != dns.rcode.SERVFAIL
    except dns.exception.Timeout:
        return False


def observed(unbound, expect):
    """The answer in the words of the table: (result, state, count). No answer
    in DEAD_S, where none is expected, is as good as SERVFAIL."""
    try:
        reply = ask(unbound, expect)
    except dns.exception.Timeout:
        return "SERVFAIL" if expect.state == "dead" else "TIMEOUT", "dead", 0
    rcode = dns.rcode.to_text(reply.rcode())
    count = rrs_of_type(reply, expect.type)
    result = "NODATA" if rcode == "NOERROR" and not count else rcode
    if rcode == "SERVFAIL":
        state = "bogus" if cd_answers(unbound, expect) else "dead"
    else:
        state = "secure" if reply.flags & dns.flags.AD else "insecure"
    return result, state, count


def compare(unbound, row, expect):
    """None, or what differs."""
    result, state, count = observed(unbound, expect)
    agrees = (result, state) == (expect.result, expect.state) and \
        expect.count in (None, count)
    if agrees:
        return None
    return f"{expect.owner} {expect.type}: expected {expect.result} {expect.state} " \
           f"{'' if expect.count is None else expect.count}, got {result} {state} {count}"


def main(zones):
    asked = [(r, e) for r in ROWS for e in r.expects if not zones or r.name.rstrip(".") in zones]
    began = time.monotonic()
    with Unbound() as unbound, ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(lambda re: compare(unbound, *re), asked))
    wrong = check_relay.main() if not zones else 0
    for (_, expect), difference in zip(asked, results):
        if difference and expect.unbound:
            print(f"known  {difference}\n       ({expect.unbound})")
        elif difference:
            wrong += 1
            print(f"WRONG  {difference}")
    print(f"{len(asked)} questions, {wrong} wrong, {time.monotonic() - began:.1f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
