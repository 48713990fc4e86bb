"""Queries, and what a resolver has to do with each: one table.

test_protocol.py sends every row over UDP and TCP, IPv4 and IPv6. Run as a
program it writes the rows as seeds for the fuzzers, a file each:

    python3 tests/system/query_table.py tests/fuzz/corpus/fuzz_query

Ids say what is looked at: D1 the header, D2 the question, D3 EDNS.
"""

import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from octets import (AA, AD, CD, DO, OPCODE, QR, RA, RD, TC, Z, header, name,
                    opt, option, query, question, rr)

TYPE_A, TYPE_SOA, TYPE_TXT, TYPE_MX, TYPE_HINFO = 1, 6, 16, 15, 13
CH, HS, NONE, ANY = 3, 4, 254, 255


@dataclass(frozen=True)
class Drop:
    """No reply. Over TCP the connection is closed, or only this message is
    passed over."""
    closes_tcp: bool = False


@dataclass(frozen=True)
class Reply:
    """rcode may be a tuple of which one must come. question: must the reply
    have it; None: either. opt: the same. ede: an INFO-CODE that must be
    there, when there is an OPT to hold it. answers: number of RRs."""
    rcode: object = "NOERROR"
    question: bool | None = True
    opt: bool | None = False
    ede: int | None = None
    answers: int | None = 0


@dataclass(frozen=True)
class Row:
    id: str
    why: str
    octets: bytes
    expect: object


ROWS = []


def row(id, why, octets, expect):
    assert id not in (r.id for r in ROWS), id
    ROWS.append(Row(id, why, octets, expect))


ANSWER = Reply(answers=2)                  # healthy.lab MX
ANSWER_OPT = Reply(answers=2, opt=True)
FORMERR = Reply("FORMERR", question=None)
FORMERR_OPT = Reply("FORMERR", question=None, opt=True)
FORMERR_ALONE = Reply("FORMERR", question=False)   # nothing that could be echoed

# --- D1: header -----------------------------------------------------------------

for length in (0, 1, 2, 11):
    row(f"D1.1-{length}-octets", "shorter than a header: not even an ID to reply to",
        query()[:length], Drop(closes_tcp=True))

row("D1.2-response", "a response: replying to it makes a loop", query(flags=QR | RD), Drop())
row("D1.2-response-refused", "an error response is no query either",
    query(flags=QR | RD | RA | 5), Drop())
row("D1.2-response-header", "a response of a header only", header(flags=QR | RD), Drop())
row("D1.2-response-notify", "a response to some other opcode",
    query(flags=QR | 4 << OPCODE), Drop())

for opcode in range(1, 16):
    code = opcode << OPCODE
    row(f"D1.3-opcode-{opcode}", "only QUERY is served (RFC 8906 3.1.4)",
        query(flags=code | RD), Reply("NOTIMP", question=None))
    row(f"D1.3-opcode-{opcode}-header", "the opcode is looked at before the rest",
        header(flags=code), Reply("NOTIMP", question=False))
    row(f"D1.3-opcode-{opcode}-all-flags", "flags change nothing in that",
        query(flags=code | AA | TC | RD | RA | Z | AD | CD | 15), Reply("NOTIMP", question=None))
row("D1.3-opcode-opt", "an OPT is answered with one, whatever the opcode",
    query(flags=2 << OPCODE, additional=[opt()]), Reply("NOTIMP", question=None, opt=True))
row("D1.3-notify", "NOTIFY with the SOA it may carry (RFC 1996 3.7)",
    header(1, 1, flags=4 << OPCODE | AA) + question("healthy.lab", TYPE_SOA)
    + rr("healthy.lab", TYPE_SOA, ttl=60, rdata=name("a") + name("b") + bytes(20)),
    Reply("NOTIMP", question=None))
row("D1.3-update", "UPDATE: a zone section is not a question",
    header(1, flags=5 << OPCODE) + question("healthy.lab", TYPE_SOA),
    Reply("NOTIMP", question=None))
row("D1.3-opcode-garbage", "the rest need not be readable",
    header(9, 9, 9, 9, flags=6 << OPCODE) + b"\xff" * 7, Reply("NOTIMP", question=None))

row("D1.4-no-question", "QDCOUNT 0 asks nothing", header(), FORMERR_ALONE)
row("D1.4-no-question-opt", "the same with an OPT",
    header(ar=1) + opt(), Reply("FORMERR", question=False, opt=True))
row("D1.4-no-question-octets", "QDCOUNT 0 with a question all the same",
    header() + question(), FORMERR_ALONE)

row("D1.5-two-questions", "more than one question has no meaning (RFC 9619)",
    header(2) + question() + question("unsigned.lab"), FORMERR_ALONE)
row("D1.5-same-question-twice", "not even twice the same",
    header(2) + question() + question(), FORMERR_ALONE)
row("D1.5-two-questions-opt", "the OPT behind them is seen",
    header(2, ar=1) + question() + question() + opt(),
    Reply("FORMERR", question=False, opt=True))
row("D1.5-two-promised", "QDCOUNT 2, one there", header(2) + question(), FORMERR_ALONE)
row("D1.5-65535-promised", "QDCOUNT 65535, one there", header(65535) + question(),
    FORMERR_ALONE)

ADDRESS = rr("healthy.lab", TYPE_A, ttl=60, rdata=b"\xc6\x12\0\1")
row("D1.6-answer", "a query has no answer section",
    header(1, 1) + question() + ADDRESS, FORMERR)
row("D1.6-authority", "nor an authority section, but for IXFR",
    header(1, 0, 1) + question() + ADDRESS, FORMERR)
row("D1.6-answer-opt", "the OPT behind it is seen",
    header(1, 1, 0, 1) + question() + ADDRESS + opt(), FORMERR_OPT)

for field, section in ((1, "answer"), (2, "authority"), (3, "additional")):
    for count in (1, 65535):
        counts = [1, 0, 0, 0]
        counts[field] = count
        row(f"D1.7-{section}-{count}-promised", "counts more RRs than are there",
            header(*counts) + question(), FORMERR)
row("D1.7-additional-2-promised", "one OPT there, two counted",
    header(1, ar=2) + question() + opt(), Reply("FORMERR", question=None, opt=None))

for flag, flag_name in ((Z, "z"), (TC, "tc"), (AA, "aa"), (RA, "ra"), (7, "rcode")):
    row(f"D1.8-{flag_name}", "means nothing in a query and is not copied",
        query(flags=RD | flag), ANSWER)
row("D1.8-all", "all of them at once",
    query(flags=RD | Z | TC | AA | RA | 15), ANSWER)

row("D1.9-plain", "the plainest query", query(), ANSWER)
row("D1.9-cd", "CD is copied", query(flags=RD | CD), ANSWER)
row("D1.9-case", "the question comes back in the asker's case", query("hEaLtHy.LaB"), ANSWER)
row("D1.9-insecure-ad", "AD in a query asks; it is not copied",
    query("unsigned.lab", flags=RD | AD), Reply(answers=1))
row("D1.9-id-0", "ID 0 is an ID", query(id=0), ANSWER)
row("D1.9-id-65535", "so is 65535", query(id=65535), ANSWER)
row("D1.9-nxdomain", "NXDOMAIN has no answers", query("nosuch.healthy.lab"), Reply("NXDOMAIN"))
row("D1.9-nodata", "NODATA has none either", query("healthy.lab", TYPE_A), Reply())

row("D1.10-no-recursion", "who does not want recursion wants to look into the cache",
    query(flags=0, additional=[opt()]), Reply("REFUSED", opt=True, ede=20))
row("D1.10-no-recursion-plain", "the same without EDNS", query(flags=0), Reply("REFUSED"))
row("D1.10-no-recursion-cd", "CD is copied there too", query(flags=CD), Reply("REFUSED"))
row("D1.10-no-recursion-new", "a name that is not in the cache",
    query("d198.lab", flags=0, additional=[opt()]), Reply("REFUSED", opt=True, ede=20))

# --- D2: question -----------------------------------------------------------------

TAIL = struct.pack("!HH", TYPE_MX, 1)
L63 = b"\x3f" + b"x" * 63


def malformed(id, why, octets, qd=1):
    row(f"D2.13-{id}", why, header(qd) + octets, FORMERR_ALONE)


malformed("256-octets", "a name has 255 octets at most", L63 * 3 + b"\x3e" + b"x" * 62 + b"\0" + TAIL)
malformed("128-labels", "127 labels of one octet are 255 octets; this is one more",
          b"\x01x" * 128 + b"\0" + TAIL)
malformed("label-64", "a label of 64 octets is no label", b"\x40" + b"x" * 64 + b"\0" + TAIL)
malformed("label-type-01", "extended labels are gone (RFC 6891 5)", b"\x41\x01" + b"\0" + TAIL)
malformed("label-type-10", "never assigned", b"\x80" + b"\0" + TAIL)
malformed("pointer-self", "a pointer to itself", b"\xc0\x0c" + TAIL)
malformed("pointer-header", "a pointer into the header", b"\xc0\x00" + TAIL)
malformed("pointer-forward", "a pointer ahead", b"\xc0\x12" + TAIL + name("healthy.lab"))
malformed("pointer-beyond", "a pointer to nowhere", b"\xff\xff" + TAIL)
malformed("pointer-half", "half a pointer", b"\xc0")
malformed("pointer-back", "a label, then a pointer to it", b"\x01x\xc0\x0c" + TAIL)
malformed("pointer-valid", "a pointer that could be followed: none has reason to be there",
          name("healthy.lab") + TAIL + b"\x01x\xc0\x0c" + TAIL, qd=2)
malformed("no-root", "the name never ends", name("healthy.lab")[:-1])
malformed("no-qname", "a header and nothing", b"")
malformed("label-cut", "the message ends inside a label", b"\x07heal")
malformed("no-type", "no QTYPE", name("healthy.lab"))
malformed("half-type", "half a QTYPE", name("healthy.lab") + b"\0")
malformed("no-class", "no QCLASS", name("healthy.lab") + b"\0\x0f")
malformed("half-class", "half a QCLASS", name("healthy.lab") + b"\0\x0f\0")

row("D2.14-root", "the root is a name", query("", 2), Reply(answers=3))
row("D2.14-255-octets", "255 octets are allowed",
    query(L63 * 3 + b"\x3d" + b"x" * 61 + b"\0"), Reply("NXDOMAIN"))
row("D2.14-127-labels", "and 127 labels", query(b"\x01x" * 127 + b"\0"), Reply("NXDOMAIN"))
row("D2.14-binary", "any octet may be in a label (RFC 2181 11)",
    query(b"\x06\0.\\\xff \x80" + name("odd.lab"), TYPE_TXT), Reply("NXDOMAIN"))

for tail, tail_name in ((b"\0", "zero"), (b"\xff\xff", "two"), (query(), "query")):
    row(f"D2.15-trailing-{tail_name}", "octets after the last RR: somebody else may count them in",
        query(tail=tail), FORMERR)
row("D2.15-trailing-opt", "the same after an OPT",
    query(additional=[opt()], tail=b"\0"), FORMERR_OPT)
row("D2.15-trailing-rr", "an OPT that is not counted", query(tail=opt()),
    Reply("FORMERR", question=None, opt=None))

for qclass, class_name in ((0, "0"), (CH, "ch"), (HS, "hs"), (NONE, "none"), (ANY, "any"),
                           (2, "csnet"), (65280, "65280"), (65535, "65535")):
    row(f"D2.16-class-{class_name}", "only the Internet's class is served",
        query(qclass=qclass), Reply("REFUSED"))
for text in ("version.bind", "id.server", "hostname.bind", "version.server"):
    row(f"D2.16-{text}", "tells strangers nothing about us",
        query(text, TYPE_TXT, CH, additional=[opt()]), Reply("REFUSED", opt=True))

row("D2.17-type65280", "a type nobody knows is resolved like any (RFC 3597)",
    query("type.odd.lab", 65280), Reply(answers=1))
row("D2.17-type666-empty", "even with empty RDATA", query("type.odd.lab", 666), Reply(answers=1))
for qtype in (3, 10, 38, 127, 256, 667, 32768, 65534, 65535):
    row(f"D2.17-type{qtype}-nodata", "and one that is not there is NODATA",
        query(qtype=qtype), Reply())

for qtype, type_name in ((0, "0"), (41, "opt"), (249, "tkey"), (250, "tsig"),
                         (128, "128"), (200, "200"), (248, "248")):
    row(f"D2.18-type-{type_name}", "no type that data can have (RFC 6895 3.1)",
        query(qtype=qtype), FORMERR)

row("D2.19-any", "one HINFO instead of all (RFC 8482)",
    query(qtype=255), Reply(answers=1))
row("D2.19-any-opt", "the same with EDNS",
    query(qtype=255, additional=[opt(flags=DO)]), Reply(answers=1, opt=True))
row("D2.19-any-255-octets", "with the longest name",
    query(L63 * 3 + b"\x3d" + b"y" * 61 + b"\0", 255), Reply(answers=1))

NO_TRANSFER = Reply(("REFUSED", "NOTIMP"), question=None)
for qtype, type_name in ((252, "axfr"), (251, "ixfr"), (253, "mailb"), (254, "maila")):
    row(f"D2.20-{type_name}", "we have no zones to transfer", query(qtype=qtype), NO_TRANSFER)
row("D2.20-ixfr-soa", "with the SOA that IXFR carries (RFC 1995 3)",
    header(1, 0, 1) + question("healthy.lab", 251)
    + rr("healthy.lab", TYPE_SOA, ttl=60, rdata=name("a") + name("b") + bytes(20)), NO_TRANSFER)

# --- D3: EDNS -----------------------------------------------------------------------

row("D3.22-opt", "an OPT is answered with one", query(additional=[opt()]), ANSWER_OPT)
row("D3.22-no-opt", "no OPT without one (RFC 6891 7)", query(), ANSWER)
row("D3.22-refused", "in errors too", query(qclass=CH, additional=[opt()]),
    Reply("REFUSED", opt=True))

for version in (1, 100, 255):
    row(f"D3.23-version-{version}", "versions to come (RFC 6891 6.1.3)",
        query(additional=[opt(version=version)]), Reply("BADVERS", opt=True))
row("D3.23-version-1-option", "with an option",
    query(additional=[opt(option(100, b"xx"), version=1)]), Reply("BADVERS", opt=True))
row("D3.23-version-1-flag", "with a flag nobody knows",
    query(additional=[opt(version=1, flags=0x40)]), Reply("BADVERS", opt=True))
row("D3.23-version-1-do", "with DO", query(additional=[opt(version=1, flags=DO)]),
    Reply("BADVERS", opt=True))
row("D3.23-version-1-rdata", "with an RDATA of another form",
    query(additional=[opt(b"\1", version=1)]), Reply("BADVERS", opt=True))

row("D3.24-two-opts", "one OPT, not two", query(additional=[opt(), opt()]), FORMERR_OPT)
row("D3.24-three-opts", "nor three", query(additional=[opt(), opt(), opt()]), FORMERR_OPT)
row("D3.24-owner", "an OPT's owner is the root", query(additional=[opt(owner="x")]), FORMERR)
row("D3.24-owner-pointer", "written as one octet",
    query(additional=[opt(owner=b"\xc0\x18")]), FORMERR)   # to the question's last octet of QNAME
row("D3.24-in-answer", "an OPT has its place in the additional section",
    header(1, 1) + question() + opt(), FORMERR)
row("D3.24-in-authority", "not in the authority section",
    header(1, 0, 1) + question() + opt(), FORMERR)
row("D3.24-last", "where in it does not matter: last",
    query(additional=[ADDRESS, opt()]), ANSWER_OPT)
row("D3.24-first", "or first", query(additional=[opt(), ADDRESS]), ANSWER_OPT)
row("D3.24-middle", "or between others", query(additional=[ADDRESS, opt(), ADDRESS]), ANSWER_OPT)
row("D3.24-compressed", "others may be compressed",
    query(additional=[rr(b"\xc0\x0c", TYPE_A, rdata=bytes(4)), opt()]), ANSWER_OPT)

row("D3.25-option-long", "an option longer than the RDATA",
    query(additional=[opt(option(100, b"xx", length=3))]), FORMERR)
row("D3.25-option-65535", "much longer",
    query(additional=[opt(option(100, b"", length=65535))]), FORMERR)
for octets in (1, 2, 3):
    row(f"D3.25-option-{octets}-octets", "an option's head has four octets",
        query(additional=[opt(option(100)[:octets])]), FORMERR)
row("D3.25-second-option-cut", "one good option, then half a one",
    query(additional=[opt(option(100, b"x") + b"\0")]), FORMERR)
row("D3.25-rdlength-long", "RDATA longer than the message",
    query(additional=[opt(rdlength=1)]), FORMERR)
row("D3.25-rdlength-65535", "much longer", query(additional=[opt(rdlength=65535)]), FORMERR)
row("D3.25-rdlength-short", "RDATA shorter than its octets",
    query(additional=[opt(option(100, b"xx"), rdlength=0)]), Reply("FORMERR", question=None, opt=None))
for octets in range(1, 11):
    row(f"D3.25-opt-{octets}-octets", "an OPT of eleven octets, cut",
        header(1, ar=1) + question() + opt()[:octets], FORMERR)
row("D3.25-16000-options", "many empty options: as much work as their octets",
    query(additional=[opt(option(65001) * 16000)]), ANSWER_OPT)

row("D3.26-unknown-option", "an option nobody knows is not echoed (RFC 6891 6.1.2)",
    query(additional=[opt(option(65001, b"abc"))]), ANSWER_OPT)
row("D3.26-unknown-flags", "flags nobody knows are zero in the reply",
    query(additional=[opt(flags=0x7fff)]), ANSWER_OPT)
row("D3.26-all-flags", "DO is copied among them (RFC 3225 3)",
    query(additional=[opt(flags=0xffff)]), Reply(answers=3, opt=True))
row("D3.26-extended-rcode", "an extended RCODE in a query means nothing",
    query(additional=[opt(extended=255)]), ANSWER_OPT)

for size in (0, 1, 511, 512, 1232, 4096, 65535):
    row(f"D3.27-size-{size}", "any size may be said", query(additional=[opt(size=size)]), ANSWER_OPT)

row("D3.28-cookie", "a client's cookie is answered with a server's (RFC 7873 5.2.3)",
    query(additional=[opt(option(10, b"12345678"))]), ANSWER_OPT)
row("D3.28-cookie-server", "who has one of some other server gets one of ours (5.2.4)",
    query(additional=[opt(option(10, b"12345678" * 3))]), ANSWER_OPT)
for octets in (9, 15, 16, 32, 33):
    row(f"D3.28-cookie-{octets + 8}", "a server's cookie has 8 to 32 octets",
        query(additional=[opt(option(10, b"12345678" + bytes(octets)))]),
        FORMERR_OPT if octets == 33 else ANSWER_OPT)
for octets in (0, 1, 7, 9, 12, 15, 41, 100, 300):
    row(f"D3.28-cookie-malformed-{octets}", "a cookie has 8 octets, or 16 to 40 (5.2.2)",
        query(additional=[opt(option(10, bytes(octets)))]), FORMERR_OPT)
row("D3.28-cookie-first", "of several the first counts",
    query(additional=[opt(option(10, b"12345678") + option(10, b"x"))]), ANSWER_OPT)
row("D3.28-cookie-first-malformed", "right or wrong",
    query(additional=[opt(option(10, b"x") + option(10, b"12345678"))]), FORMERR_OPT)
row("D3.28-cookie-refused", "in a refusal too",
    query(qclass=CH, additional=[opt(option(10, b"12345678"))]), Reply("REFUSED", opt=True))
row("D3.28-cookie-version-1", "another version's options are not read",
    query(additional=[opt(option(10, b"12345678"), version=1)]), Reply("BADVERS", opt=True))
row("D1.4-cookie-only", "no question, but a cookie: one is told (5.4)",
    header(ar=1) + opt(option(10, b"12345678")), Reply(question=False, opt=True))
row("D1.4-cookie-only-bad", "and whether the one that is there is good",
    header(ar=1) + opt(option(10, b"12345678" * 3)), Reply("BADCOOKIE", question=False, opt=True))
row("D1.4-cookie-only-malformed", "a malformed one is no cookie",
    header(ar=1) + opt(option(10, b"1234567")), Reply("FORMERR", question=False, opt=True))
row("D1.4-cookie-only-answer", "nor with an answer",
    header(an=1, ar=1) + rr("healthy.lab", 1, rdata=bytes(4)) + opt(option(10, b"12345678")),
    Reply("FORMERR", question=False, opt=True))
row("D3.29-keepalive", "keepalive asks how long a connection may be idle (RFC 7828)",
    query(additional=[opt(option(11))]), ANSWER_OPT)
row("D3.29-keepalive-time", "a client that says a time is wrong; over UDP it is not looked at (3.2.1)",
    query(additional=[opt(option(11, b"\0\1"))]),
    Reply(("NOERROR", "FORMERR"), question=None, opt=True, answers=None))
row("D3.30-padding", "padding is taken, not given over cleartext (RFC 7830)",
    query(additional=[opt(option(12, bytes(300)))]), ANSWER_OPT)
row("D3.31-nsid", "we have no name to tell", query(additional=[opt(option(3))]), ANSWER_OPT)
row("D3.31-repeated", "the same options many times (CVE-2026-42944)",
    query(additional=[opt((option(3) + option(10, b"12345678") + option(12, b"\0")) * 300)]),
    ANSWER_OPT)
for code, data, option_name in ((8, b"\0\1\x18\0\xc6\x12\0", "ecs"), (9, b"", "expire"),
                                (13, name("lab"), "chain"), (18, name("report.lab"), "report")):
    row(f"D3.32-{option_name}", "not served: passed over",
        query(additional=[opt(option(code, data))]), ANSWER_OPT)
row("D3.32-ecs-malformed", "and so not looked into",
    query(additional=[opt(option(8, b"\0"))]), ANSWER_OPT)
row("D3-tsig", "no key is shared with anyone",
    query(additional=[rr("key", 250, ANY, rdata=name("hmac-sha256") + bytes(16))]), FORMERR)


def main(folder):
    """Over TCP a message is the same without its length, so this serves for
    both transports. The seeds with long runs add nothing but octets."""
    for r in ROWS:
        if len(r.octets) <= 1024:
            (Path(folder) / r.id).write_bytes(r.octets)


if __name__ == "__main__":
    main(sys.argv[1])
