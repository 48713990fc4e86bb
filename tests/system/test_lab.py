"""Every row of the lab's table: what it says is what mxbound answers, from
the name servers and then from the cache. Each expectation is a test."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from lab.domains import ROWS
from mxbound import PATIENCE, Mxbound, ede, rrs

AT_ONCE = 32
BOGUS_EDE = {6, 7, 8, 9, 10, 12}
CASES = [(row, expect) for row in ROWS for expect in row.expects]


@dataclass
class Asked:
    reply: dns.message.Message
    again: dns.message.Message      # the same question later: from the cache
    with_cd: dns.message.Message
    seconds: float


# Where some servers or packets get lost or every answer is late, an answer may
# take longer than a client waits. Then the work goes on, and it asks again. So
# it does for a bogus one, which libunbound asks several servers for.
LOSSY = {"v6dead.lab.", "half-dead.lab.", "half-lame.lab.", "lossy.lab.", "slow.lab."}
LATE_S = 20
NO_ANSWER_EDE = 22


def ask(server, row, expect):
    begin = time.monotonic()
    reply = server.ask(expect.owner, expect.type, do=True)
    seconds = time.monotonic() - begin
    while (row.name in LOSSY or expect.state == "bogus" and NO_ANSWER_EDE in ede(reply)) and \
            reply.rcode() == dns.rcode.SERVFAIL and time.monotonic() < begin + LATE_S:
        time.sleep(0.5)
        reply = server.ask(expect.owner, expect.type, do=True)
    again = server.ask(expect.owner, expect.type, do=True)
    with_cd = server.ask(expect.owner, expect.type, do=True, cd=True)
    return Asked(reply, again, with_cd, seconds)


@pytest.fixture(scope="module")
def answers():
    """All questions of the table, many at a time: some take seconds."""
    with Mxbound("ipv6-upstream: yes") as server, ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda case: ask(server, *case), CASES)
        return {expect: asked for (_, expect), asked in zip(CASES, found)}


def of_type(reply, rrtype):
    return [rr for s in reply.answer if s.rdtype == dns.rdatatype.from_text(rrtype) for rr in s]


def ttls(reply):
    return {(s.name, s.rdtype, s.covers): s.ttl for s in reply.answer + reply.authority}


def check(expect, reply):
    assert dns.rcode.to_text(reply.rcode()) == expect.rcode
    assert bool(reply.flags & dns.flags.AD) == (expect.state == "secure")
    found = of_type(reply, expect.type)
    if expect.result == "NOERROR":
        assert found
        assert expect.count in (None, len(found))
    else:
        assert not found
    if expect.result == "SERVFAIL":
        assert not reply.answer and not reply.authority
        assert set(ede(reply)) & BOGUS_EDE if expect.state == "bogus" else ede(reply)


def check_negative(row, reply):
    """RFC 2308 5: an SOA with the lesser of its TTL and its MINIMUM."""
    soas = [s for s in reply.authority if s.rdtype == dns.rdatatype.SOA]
    if row.name == "no-soa.lab.":
        return
    assert len(soas) == 1
    assert soas[0].ttl <= soas[0][0].minimum


def params():
    for row, expect in CASES:
        marks = [pytest.mark.xfail(reason=expect.unbound)] if expect.unbound else []
        if row.generated:
            continue
        yield pytest.param(row, expect, id=f"{expect.owner}-{expect.type}-{expect.result}",
                           marks=marks)


@pytest.mark.parametrize("row, expect", params())
def test_row(answers, row, expect):
    asked = answers[expect]
    check(expect, asked.reply)
    check(expect, asked.again)
    if expect.result in ("NODATA", "NXDOMAIN"):
        check_negative(row, asked.reply)
    if expect.result != "SERVFAIL":
        assert rrs(asked.again.answer) == rrs(asked.reply.answer)
        assert rrs(asked.again.authority) == rrs(asked.reply.authority)
        first = ttls(asked.reply)
        if "ttl" not in row.kind:            # those have come from upstream again
            assert all(ttl <= first[key] for key, ttl in ttls(asked.again).items())
        assert asked.with_cd.rcode() == asked.reply.rcode()
        assert rrs(asked.with_cd.answer) == rrs(asked.reply.answer)
    elif expect.state == "bogus":
        assert asked.with_cd.rcode() != dns.rcode.SERVFAIL
        assert not asked.with_cd.flags & dns.flags.AD


def test_generated_rows(answers):
    """Those of a series, all at once."""
    for row, expect in CASES:
        if row.generated:
            check(expect, answers[expect].reply)
            check(expect, answers[expect].again)


def test_nobody_waits_long(answers):
    """glibc gives up after 5 s: whatever happens, an answer is there before."""
    slowest = max(answers.items(), key=lambda item: item[1].seconds)
    assert slowest[1].seconds < 4.9 * PATIENCE, slowest[0]
