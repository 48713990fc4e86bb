"""What a misbehaving server does to the answer NSD gave.

Each is a function (query, reply) -> packets to send, all octets; over TCP only
the last of them is sent. To add one, write it here: the decorator names it.
"""

import struct

import dns.message
import dns.rrset

REWRITES = {}
CNAME, AAAA = b"\x00\x05", b"\x00\x1c"
QR, AA, TC = 0x8000, 0x0400, 0x0200


def rewrite(name):
    def register(function):
        REWRITES[name] = function
        return function
    return register


def question_end(message):
    """Where the question section ends. The name has no compression: it is a
    query's. IndexError when the message is short."""
    at = 12
    while message[at]:
        at += message[at] + 1
    if at + 5 > len(message):
        raise IndexError
    return at + 5


def empty_answer(query, rcode=0, flags=0):
    """Header and question only, as an answer to query."""
    asked = struct.unpack_from(">H", query, 2)[0]
    head = struct.pack(">HHHHH", QR | (asked & 0x7900) | flags | rcode, 1, 0, 0, 0)
    return query[:2] + head + query[12:question_end(query)]


def answer_rrs(message):
    """(start, where TYPE is, end) of every RR in the answer section."""
    at = question_end(message)
    for _ in range(struct.unpack_from(">H", message, 6)[0]):
        start = at
        while message[at] and message[at] < 0xC0:
            at += message[at] + 1
        fixed = at + (2 if message[at] else 1)
        at = fixed + 10 + struct.unpack_from(">H", message, fixed + 8)[0]
        yield start, fixed, at


def parsed(function):
    """For rewrites that change a message rather than octets."""
    def wrapper(query, reply):
        message = dns.message.from_wire(reply)
        function(message)
        return [message.to_wire(max_size=65535)]
    return wrapper


def is_negative(message):
    return bool(message.flags & AA) and not message.answer


# --- spoofers: somebody else's packets come first -----------------------------

@rewrite("wrong-id-first")
def wrong_id_first(query, reply):
    forged = bytes([reply[0] ^ 0x55, reply[1]]) + reply[2:]
    return [forged, forged[:7], reply]


@rewrite("wrong-question-first")
def wrong_question_first(query, reply):
    """The right ID, but the answer to a question nobody asked."""
    other = reply[:2] + struct.pack(">HHHHH", QR | AA, 1, 0, 0, 0) + \
        b"\x05wrong\x03lab\x00" + reply[question_end(query) - 4:question_end(query)]
    return [other, reply]


@rewrite("malformed-first")
def malformed_first(query, reply):
    """The right ID and question, then RRs that are not there (TuDoor)."""
    cut = bytearray(reply[:question_end(query)])
    cut[6:12] = b"\x00\x09\x00\x00\x00\x00"
    return [bytes(cut), reply]


# --- servers with mistakes ------------------------------------------------------

@rewrite("no-edns")
def no_edns(query, reply):
    """A server from before 1999: FORMERR to any query with an OPT."""
    has_opt = query[10:12] != b"\x00\x00"
    return [empty_answer(query, rcode=1) if has_opt else reply]


@rewrite("no-soa")
@parsed
def no_soa(message):
    """Negative answers without SOA: not to be cached (RFC 2308 5)."""
    if is_negative(message):
        message.authority = []


@rewrite("nxdomain-for-nodata")
@parsed
def nxdomain_for_nodata(message):
    """Denies names that exist above others (empty non-terminals)."""
    if is_negative(message):
        message.set_rcode(3)


@rewrite("servfail-for-aaaa")
def servfail_for_aaaa(query, reply):
    end = question_end(query)
    return [empty_answer(query, rcode=2) if query[end - 4:end - 2] == AAAA else reply]


@rewrite("two-cnames")
def two_cnames(query, reply):
    """The CNAME twice, the second to a target whose name begins with an x:
    no zone may have that (RFC 2181 10.1), some servers do."""
    for start, fixed, end in answer_rrs(reply):
        if reply[fixed:fixed + 2] == CNAME:
            twin = bytearray(reply[start:end])
            twin[fixed - start + 11] = ord("x")
            counts = struct.pack(">HHHH", 1, 2, 0, 0)
            return [reply[:4] + counts + reply[12:end] + twin]
    return [reply]


@rewrite("poison")
@parsed
def poison(message):
    """Slips in RRs about others, in sections nobody asked for."""
    message.authority.append(dns.rrset.from_text("victim.lab.", 3600, "IN", "NS", "ns.evil.post."))
    message.additional.append(dns.rrset.from_text("mx.victim.lab.", 3600, "IN", "A", "198.18.66.66"))


@rewrite("sts-id-2")
def sts_id_2(query, reply):
    """The policies of sts.lab have changed (RFC 8461 3.1)."""
    return [reply.replace(b"v=STSv1; id=1", b"v=STSv1; id=2")]


# --- TTLs that no zone file can have --------------------------------------------

def with_ttls(reply, ttl_of):
    """ttl_of(n) is the TTL of the n-th RR of the answer."""
    changed = bytearray(reply)
    for n, (_, fixed, _) in enumerate(answer_rrs(reply)):
        struct.pack_into(">I", changed, fixed + 4, ttl_of(n))
    return bytes(changed)


@rewrite("ttl-huge")
def ttl_huge(query, reply):
    return [with_ttls(reply, lambda n: 1 << 31)]


@rewrite("ttl-mixed")
def ttl_mixed(query, reply):
    return [with_ttls(reply, lambda n: 7 if n else 3600)]
