"""Queries made octet by octet, right and wrong ones."""

import struct

QR, AA, TC, RD = 0x8000, 0x0400, 0x0200, 0x0100
RA, Z, AD, CD = 0x0080, 0x0040, 0x0020, 0x0010
OPCODE = 11                    # position of the lowest bit
DO = 0x8000

QUERY_ID = 0x4d58


def name(text=""):
    """Uncompressed; no escapes."""
    labels = [label.encode() for label in text.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(qname="healthy.lab", qtype=15, qclass=1):
    if isinstance(qname, str):
        qname = name(qname)
    return qname + struct.pack("!HH", qtype, qclass)


def header(qd=0, an=0, ns=0, ar=0, flags=RD, id=QUERY_ID):
    return struct.pack("!HHHHHH", id, flags, qd, an, ns, ar)


def rr(owner="", rtype=1, rclass=1, ttl=0, rdata=b"", rdlength=None):
    if isinstance(owner, str):
        owner = name(owner)
    if rdlength is None:
        rdlength = len(rdata)
    return owner + struct.pack("!HHIH", rtype, rclass, ttl, rdlength) + rdata


def opt(options=b"", version=0, flags=0, size=1232, extended=0, owner="", rdlength=None):
    return rr(owner, 41, size, extended << 24 | version << 16 | flags, options, rdlength)


def option(code, data=b"", length=None):
    return struct.pack("!HH", code, len(data) if length is None else length) + data


def query(qname="healthy.lab", qtype=15, qclass=1, flags=RD, additional=(),
          tail=b"", id=QUERY_ID):
    """A query with one question and the RRs of the additional section."""
    return header(1, ar=len(additional), flags=flags, id=id) + \
        question(qname, qtype, qclass) + b"".join(additional) + tail


def framed(message):
    return struct.pack("!H", len(message)) + message
