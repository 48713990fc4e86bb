#!/usr/bin/python3
"""Stands for mxbound-resolver, and lies: test_liar.py. What is right is
TXT "right NAME" of any name; "wrong" stands in all that must reach nobody.

Names that begin with "honest" get the truth. MX_SEED makes the lies the same
again."""

import array
import os
import random
import socket
import struct
import time
from select import select

CONTROL = 3
CHANNEL, GO, READY, HEARTBEAT = 4, 5, 7, 8        # mx_handover.h
ANSWER, FAILED, REFUSED = 0, 1, 2                 # mx_channel.h
INSECURE, BOGUS, SECURE = 1, 2, 3                 # mx_answer.h
TXT, CNAME, IN, CH = 16, 5, 1, 3

rng = random.Random(int(os.environ.get("MX_SEED", "1")))
in_flight = []


def name_text(qname):
    labels = []
    while qname and qname[0]:
        labels.append(qname[1:1 + qname[0]].decode("latin-1"))
        qname = qname[1 + qname[0]:]
    return ".".join(labels)


def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def rr(owner, rdtype, rdata, rdclass=IN, ttl=300):
    return owner + struct.pack("!HHIH", rdtype, rdclass, ttl, len(rdata)) + rdata


def txt(text):
    return bytes([len(text)]) + text.encode()


def packet(question, answers=(), authority=(), additional=(), flags=0x8180, qdcount=1):
    qname, qtype, qclass = question
    return struct.pack("!HHHHHH", 0, flags, qdcount, len(answers), len(authority),
                       len(additional)) + \
        (qname + struct.pack("!HH", qtype, qclass)) * qdcount + \
        b"".join((*answers, *authority, *additional))


def right(q):
    return packet(q[1:], [rr(q[1], TXT, txt("right " + name_text(q[1])))])


def wrong(q, owner=None, **more):
    return packet(q[1:], [rr(owner or q[1], TXT, txt("wrong"), **more)])


def message(q, octets, status=ANSWER, state=SECURE, why=b"", why_len=None):
    body = struct.pack("!IBBH", q[0], status, state,
                       len(why) if why_len is None else why_len) + why + octets
    return struct.pack("!I", len(body)) + body


# ---- lies: each gives the datagrams that are sent ----

def the_truth(q):
    return [message(q, right(q))]


def noise(q):
    return [message(q, rng.randbytes(rng.randrange(1, 600)))]


def noise_for_a_datagram(q):
    return [rng.randbytes(rng.randrange(1, 2000))]


def flipped(q):
    octets = bytearray(right(q))
    for _ in range(rng.randrange(1, 8)):
        octets[rng.randrange(len(octets))] ^= 1 << rng.randrange(8)
    return [message(q, bytes(octets))]


def head_flipped(q):
    octets = bytearray(message(q, wrong(q)))
    octets[rng.randrange(12)] ^= 1 << rng.randrange(8)
    # The head that is still right would make it an answer.
    octets[-5:] = b"right"
    return [bytes(octets)]


def cut(q):
    whole = right(q)
    return [message(q, whole[:rng.randrange(len(whole))])]


def cut_datagram(q):
    whole = message(q, wrong(q))
    return [whole[:rng.randrange(1, len(whole))]]


def with_a_tail(q):
    return [message(q, right(q) + rng.randbytes(rng.randrange(1, 50)))]


def of_another_name(q):
    other = (q[0], name("other.example"), q[2], q[3])
    return [message(q, wrong(other))]


def of_another_type(q):
    return [message(q, wrong((q[0], q[1], 99, q[3])))]


def of_another_class(q):
    return [message(q, wrong((q[0], q[1], q[2], CH)))]


def another_owner(q):
    return [message(q, wrong(q, owner=name("victim.example")))]


def class_within(q):
    return [message(q, wrong(q, rdclass=CH))]


def no_question(q):
    return [message(q, packet(q[1:], [rr(q[1], TXT, txt("wrong"))], qdcount=0))]


def two_questions(q):
    return [message(q, packet(q[1:], [rr(q[1], TXT, txt("wrong"))], qdcount=2))]


def is_a_query(q):
    return [message(q, packet(q[1:], [rr(q[1], TXT, txt("wrong"))], flags=0x0100))]


def to_another(q):
    """Its name, its answer, under the number of another question."""
    other = rng.choice(in_flight) if in_flight else q
    return [message((other[0], *q[1:]), wrong(q) if other[0] != q[0] else right(q))]


def to_nobody(q):
    return [message(((q[0] + 0x5000000) & 0xffffffff, *q[1:]), wrong(q))]


def twice(q):
    return [message(q, right(q)), message(q, wrong(q))]


def several_at_once(q):
    return [message(q, right(q)) + message(q, wrong(q)) + rng.randbytes(3)]


def bogus(q):
    return [message(q, wrong(q), state=BOGUS, why=b"signature expired")]


def no_such_status(q):
    return [message(q, wrong(q), status=rng.randrange(3, 256))]


def no_such_state(q):
    return [message(q, wrong(q), state=rng.choice((0, *range(4, 256))))]


def failed_with_packet(q):
    return [message(q, wrong(q), status=rng.choice((FAILED, REFUSED)))]


def why_past_its_end(q):
    return [message(q, wrong(q), why=b"x", why_len=60000)]


def long_why(q):
    return [message(q, wrong(q), why=b"\x1b[31m" * 2000, state=BOGUS)]


def loop(q):
    return [message(q, packet(q[1:], [rr(b"\xc0" + bytes([len(q[1]) + 16]), TXT, txt("wrong"))]))]


def aliases(q):
    there = name("victim.example")
    return [message(q, packet(q[1:], [rr(q[1], CNAME, q[1]), rr(q[1], TXT, txt("wrong"))])),
            message(q, packet(q[1:], [rr(q[1], CNAME, there), rr(name("c"), TXT, txt("wrong"))]))]


def poison(q):
    victim = name("victim.example")
    extra = [rr(victim, TXT, txt("wrong")), rr(victim, 2, name("wrong.example"))]
    return [message(q, packet(q[1:], [rr(q[1], TXT, txt("right " + name_text(q[1])))],
                              extra, extra))]


def huge(q):
    many = [rr(b"\xc0\x0c", TXT, txt("wrong"), rdclass=CH)] * 3000
    return [message(q, packet(q[1:], many)[:65535])]


def nothing(q):
    return []


LIES = [the_truth, noise, noise_for_a_datagram, flipped, head_flipped, cut, cut_datagram,
        with_a_tail, of_another_name, of_another_type, of_another_class, another_owner,
        class_within, no_question, two_questions, is_a_query, to_another, to_nobody, twice,
        several_at_once, bogus, no_such_status, no_such_state, failed_with_packet,
        why_past_its_end, long_why, loop, aliases, poison, huge, nothing]


# ---- the process ----

def answer(channel, octets):
    number, qtype, qclass = struct.unpack_from("!IHH", octets)
    q = (number, octets[8:], qtype, qclass)
    honest = octets[8:15] == b"\6honest"
    lie = the_truth if honest else rng.choice(LIES)
    # The front's self-test, and what policies ask: not known.
    lies = lie(q) if qtype == TXT else [message(q, b"", status=FAILED, state=INSECURE)]
    for datagram in lies:
        try:
            channel.send(datagram)
        except BlockingIOError:
            pass
    in_flight.append(q)
    del in_flight[:-50]


def receive(control):
    octets, ancillary, _, _ = control.recvmsg(64, socket.CMSG_SPACE(4))
    fds = array.array("i")
    for _, _, data in ancillary:
        fds.frombytes(data[:4])
    return (*struct.unpack("III", octets), fds[0] if fds else -1) if octets else None


def main():
    control = socket.socket(fileno=CONTROL)
    channels, ready, beat = [], False, 0.0
    while True:
        readable, _, _ = select([control, *channels], [], [], 0.05)
        if control in readable:
            m = receive(control)
            if m is None:
                return
            if m[0] == CHANNEL:
                channels.append(socket.socket(fileno=m[3]))
                channels[-1].setblocking(False)
            elif m[0] == GO:
                ready = True
                control.send(struct.pack("III", READY, 0, 0))
        for channel in [c for c in readable if c is not control]:
            try:
                octets = channel.recv(1000)
            except BlockingIOError:
                continue
            if octets:
                answer(channel, octets)
            else:
                channels.remove(channel)
        if ready and time.monotonic() - beat > 0.1:
            beat = time.monotonic()
            control.send(struct.pack("III", HEARTBEAT, 0, 0))


main()
