"""Name servers that attack the resolver asking them, and what to watch it with.

Everything is below att., a stub zone at PARENT, and the attack's name is the
label before: `x1.nxns.att.` is answered by attack_nxns(). What an attack needs
beside, such as the zone of its victim, has a name that begins with its own and
a dash (`nxns-victim.att.`), so that whatever is sent upstream on its behalf can
be told from the packet, wherever it goes.

    with Attacker() as attacker, Wire() as wire, Mxbound(*options(...)) as server:

A handler gets the query and where it came (class Asked), and returns what is
sent back: a message, octets, or a list of these; None is silence. Addresses are
of 127.66.0.0/16, port 53, which the lab leaves free. EVIL is the server that
zones below att. are delegated to, SILENT reads and never answers, and at OURS
a test may have mxbound listen.
"""

import collections
import ctypes
import functools
import itertools
import os
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass

import dns.dnssec
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from authority import reply_to, soa
from mxbound import read_message
from octets import framed

PARENT, EVIL, FORWARDER = "127.66.0.1", "127.66.0.2", "127.66.0.3"
HONEST, SILENT, OURS = "127.66.0.4", "127.66.0.9", "127.66.0.5"
TRUE, FORGED = "192.0.2.1", "203.0.113.66"
UDP_MAX = 1232
NS_MANY, NS_NXNS, NS_FAN = 1500, 100, 10
KEYS, SIGNATURES = 60, 100  # of one tag
NSEC3_MOST = 50            # iterations that are computed
HOT_NAMES = 50
WAIT_S = 20


@dataclass
class Asked:
    query: dns.message.Message
    labels: list           # of the name, lower case, from the left, without att.
    name: str
    rrtype: str
    at: str                # address it was sent to
    tcp: bool


# ---- messages ----

def rrset(line):
    owner, ttl, rrtype, rdata = line.split(None, 3)
    return dns.rrset.from_text(owner, int(ttl), "IN", rrtype, rdata)


def answer(asked, *lines, **more):
    return reply_to(asked.query, *lines, **more)


def address(asked, value=TRUE, ttl=60):
    """The address, whatever the name; of other types there is nothing."""
    if asked.rrtype == "A":
        return answer(asked, f"{asked.name} {ttl} A {value}")
    return answer(asked, authority=[soa("att.")])


def nothing(asked, rcode=0, zone="att."):
    return answer(asked, authority=[soa(zone)], rcode=rcode)


def referral(asked, zone, servers, glue=(), ttl=3600):
    reply = reply_to(asked.query)
    reply.flags &= ~dns.flags.AA
    reply.authority.append(dns.rrset.from_text(zone, ttl, "IN", "NS", *servers))
    reply.additional += [rrset(line) for line in glue]
    return reply


def to_evil(asked, zone, to=EVIL):
    """A referral as it should be."""
    return referral(asked, zone, [f"ns.{zone}"], [f"ns.{zone} 3600 A {to}"])


# ---- attacks that want work done ----

def attack_nxns(asked):
    """A referral to 100 servers in somebody else's zone, no addresses."""
    if asked.labels[-1] == "nxns-victim":
        return nothing(asked)
    if not asked.tcp:
        return truncated(asked)
    zone = ".".join(asked.labels[-2:]) + ".att."
    return referral(asked, zone, [f"{asked.labels[-2]}-{i}.nxns-victim.att."
                                  for i in range(NS_NXNS)])


@functools.lru_cache
def nr_octets(name):
    """After the ID. To make them takes longer than a resolver waits."""
    zone = name.partition(".")[2]
    query = dns.message.make_query(name, "A")
    asked = Asked(query, [], name, "A", PARENT, True)
    return referral(asked, zone, [f"n{i}.nr-hole.att." for i in range(NS_MANY)]).to_wire()[2:]


def attack_nr(asked):
    """NRDelegation: a referral to 1500 servers whose own zone is dead."""
    if asked.labels[-1] == "nr-hole":
        return to_evil(asked, "nr-hole.att.", SILENT)
    if not asked.tcp:
        return truncated(asked)
    return asked.query.id.to_bytes(2, "big") + nr_octets(asked.name)


def attack_chain(asked):
    """An alias of an alias of an alias, without end."""
    number = int(asked.labels[0])
    return answer(asked, f"{asked.name} 60 CNAME {number + 1}.chain.att.")


def attack_camp(asked):
    """Every zone's servers have names in ten zones more, without end."""
    zone = asked.labels[-2]
    return referral(asked, f"{zone}.camp.att.",
                    [f"ns.{zone}-{i}.camp.att." for i in range(NS_FAN)])


def attack_maze(asked):
    """Aliases, each in a zone with ten servers, of which one has an address."""
    if asked.labels[-1] == "maze-nobody":
        return nothing(asked, rcode=3)
    hop, _, run = asked.labels[-2].partition("-")
    zone = f"{hop}-{run}.maze.att."
    if asked.at == PARENT:
        return referral(asked, zone, [f"ns.{zone}"] + [
            f"{hop}-{run}-{i}.maze-nobody.att." for i in range(NS_FAN)],
            [f"ns.{zone} 3600 A {EVIL}"])
    return answer(asked, f"{asked.name} 60 CNAME www.{int(hop) + 1}-{run}.maze.att.")


def attack_tsuname(asked):
    """Two zones, each served by a name in the other."""
    zone = asked.labels[-2]
    other = {"one": "two", "two": "one"}[zone]
    return referral(asked, f"{zone}.tsuname.att.", [f"ns.{other}.tsuname.att."])


def attack_silent(asked):
    return to_evil(asked, "silent.att.", SILENT) if asked.at == PARENT else None


def attack_trickle(asked):
    """Over TCP only, and there an octet every 200 ms."""
    if asked.at == PARENT:
        return to_evil(asked, "trickle.att.")
    return Trickle(answer(asked, f'{asked.name} 60 TXT "{"x" * 200}"').to_wire()) \
        if asked.tcp else truncated(asked)


def attack_tcp(asked):
    """An honest server that wants TCP."""
    return address(asked) if asked.tcp else truncated(asked)


def truncated(asked):
    reply = dns.message.make_response(asked.query)
    reply.flags |= dns.flags.TC | dns.flags.AA
    return reply


# ---- keys and signatures ----

P25519 = 2 ** 255 - 19
D25519 = -121665 * pow(121666, P25519 - 2, P25519) % P25519


def on_curve(octets):
    """Whether they are an Ed25519 key, for which verifying takes its time."""
    y = int.from_bytes(octets, "little") & (1 << 255) - 1
    square = (y * y - 1) * pow(D25519 * y * y + 1, P25519 - 2, P25519) % P25519
    return y < P25519 and pow(square, (P25519 - 1) // 2, P25519) == 1


class Signer:
    def __init__(self, zone):
        from cryptography.hazmat.primitives.asymmetric import ed25519
        self.zone = dns.name.from_text(zone)
        self.private = ed25519.Ed25519PrivateKey.generate()
        self.key = dns.dnssec.make_dnskey(self.private.public_key(), "ED25519",
                                          flags=257)
        self.tag = dns.dnssec.key_id(self.key)

    def anchor(self):
        ds = dns.dnssec.make_ds(self.zone, self.key, "SHA256")
        return f"{self.zone} 3600 IN DS {ds}\n"

    def sign(self, signed):
        return dns.dnssec.sign(signed, self.private, self.zone, self.key,
                               lifetime=86400)

    def add(self, section, signed):
        section += [signed, dns.rrset.from_rdata(signed.name, signed.ttl, self.sign(signed))]

    def twins(self, count):
        """Keys of the same tag. The last two octets are a number of their own
        in the tag's sum (RFC 4034, appendix B), so any sum can be reached."""
        found = []
        while len(found) < count:
            head = os.urandom(30)
            bare = self.key.replace(key=head + b"\0\0")
            for carry in (0, 1):
                last = (self.tag - dns.dnssec.key_id(bare) - carry) & 0xFFFF
                twin = self.key.replace(key=head + last.to_bytes(2, "big"))
                if dns.dnssec.key_id(twin) == self.tag and on_curve(twin.key):
                    found.append(twin)
                    break
        return found


class KeyTrap:
    """Many keys of one tag, and answers with many signatures of that tag, none
    of which is any key's: every one may be tried with every other."""

    def __init__(self):
        self.signer = Signer("keytrap.att.")
        self.keys = dns.rrset.from_rdata(self.signer.zone, 3600, self.signer.key,
                                         *self.signer.twins(KEYS))

    def __call__(self, asked):
        reply = reply_to(asked.query)
        if not asked.tcp:
            return truncated(asked)
        if asked.rrtype == "DNSKEY" and len(asked.labels) == 1:
            self.signer.add(reply.answer, self.keys)
            return reply
        signed = rrset(f"{asked.name} 60 A {FORGED}")
        real = self.signer.sign(signed)
        forged = dns.rrset.from_rdata(signed.name, 60, *(
            real.replace(signature=os.urandom(31) + b"\0" + os.urandom(31) + b"\0")
            for _ in range(SIGNATURES)))
        reply.answer += [signed, forged]
        return reply


class Nsec3:
    """Absence proven by hashes of hashes of hashes: what would have to be
    computed for each label of a long name and each of many parameters. The
    signatures are right, the proof is none."""

    def __init__(self, zone, iterations, different=10):
        self.signer = Signer(zone)
        self.proofs = []
        for i in range(different):
            owner = "".join("0123456789abcdefghijklmnopqrstuv"[b & 31] for b in os.urandom(32))
            salt = os.urandom(60).hex()
            signed = rrset(f"{owner}.{zone} 60 NSEC3 1 0 {iterations} {salt} {owner[::-1]} A RRSIG")
            self.signer.add(self.proofs, signed)
        self.soa = []
        self.signer.add(self.soa, rrset(soa(zone)))
        self.keys = []
        self.signer.add(self.keys, dns.rrset.from_rdata(self.signer.zone, 3600, self.signer.key))

    def __call__(self, asked):
        reply = reply_to(asked.query)
        if asked.rrtype == "DNSKEY" and len(asked.labels) == 1:
            reply.answer += self.keys
            return reply
        reply.set_rcode(dns.rcode.NXDOMAIN)
        reply.authority += self.soa + self.proofs
        return reply


# ---- attacks that want lies believed ----

def spoil(octets, at, value):
    return octets[:at] + value + octets[at + len(value):]


def garbage(asked):
    """What may come before the right answer, with its ID: kind to octets."""
    real = address(asked).to_wire()
    forged = address(asked, FORGED).to_wire()
    question = real[:real.index(b"\0", 12) + 5]
    return {
        "header": real[:12],
        "short": real[:7],
        "counts": spoil(question, 6, b"\xff\xff\xff\xff\xff\xff"),
        "query": spoil(forged, 2, bytes([forged[2] & 0x7f])),
        "opcode": spoil(forged, 2, bytes([forged[2] | 0x28])),
        "rdlength": forged[:-30] + b"\xff" * 30,
        "loop": question + b"\xc0" + bytes([len(question)]) + forged[len(question) + 2:],
        "noquestion": spoil(forged[:12], 4, b"\0\0") + forged[len(question):],
    }


GARBAGE = ("header", "short", "counts", "query", "opcode", "rdlength", "loop", "noquestion")


def attack_garbage(asked):
    """Of two servers one has garbage come before each of its answers, of the
    kind that the name's first label says. The zone garbage-only.att. has no
    other server."""
    if asked.at == EVIL:
        return [garbage(asked)[asked.labels[0]], address(asked)]
    if asked.at == HONEST:
        return address(asked)
    zone = ".".join(asked.labels[-2:]) + ".att."
    servers = {"evil": EVIL} if asked.labels[-1] == "garbage-only" else \
        {"evil": EVIL, "honest": HONEST}
    return referral(asked, zone, [f"{s}.{zone}" for s in servers],
                    [f"{s}.{zone} 3600 A {to}" for s, to in servers.items()])


def attack_ids(asked):
    """Forged answers with other IDs, then the right one."""
    forged, real = address(asked, FORGED).to_wire(), address(asked).to_wire()
    own = int.from_bytes(real[:2], "big")
    return [spoil(forged, 0, (own + i & 0xFFFF).to_bytes(2, "big")) for i in range(1, 200)] + [real]


def attack_unsolicited(asked):
    """The truth about itself; and about victim.att., of which it is no server."""
    if asked.at == PARENT:
        return to_evil(asked, "unsolicited.att.")
    reply = answer(asked, f"{asked.name} 60 MX 10 mx.victim.att.")
    reply.authority += [rrset("victim.att. 3600 NS ns.unsolicited.att."),
                        rrset("unsolicited.att. 3600 NS mx.victim.att.")]
    reply.additional += [rrset(f"mx.victim.att. 3600 A {FORGED}"),
                         rrset(f"ns.unsolicited.att. 3600 A {EVIL}")]
    return reply


def attack_other(asked):
    """The right ID, and the answer to a question nobody asked."""
    lie = reply_to(dns.message.make_query("other-victim.att.", "A"),
                   f"other-victim.att. 3600 A {FORGED}")
    lie.id = asked.query.id
    return lie if asked.labels[-1] == "other" else address(asked)


def attack_liar(asked):
    """Denies its own names with the SOA of the zone above, and that one's too."""
    if asked.at == PARENT:
        return to_evil(asked, "liar.att.")
    return nothing(asked, rcode=3)


def attack_zero(asked):
    """Servers at no address."""
    return referral(asked, f"{asked.labels[-2]}.zero.att.", ["a.zero-ns.att.", "b.zero-ns.att."],
                    ["a.zero-ns.att. 3600 A 0.0.0.0", "b.zero-ns.att. 3600 AAAA ::"]) \
        if asked.labels[-1] == "zero" else \
        answer(asked, f"{asked.name} 3600 A 0.0.0.0") if asked.rrtype == "A" else \
        answer(asked, f"{asked.name} 3600 AAAA ::")


def attack_big(asked):
    """As long as a message may be, over TCP; over UDP cut, or too long."""
    strings = " ".join(f'"{"x" * 250}"' for _ in range(16))
    if asked.tcp:
        reply = reply_to(asked.query)
        reply.answer.append(dns.rrset.from_text(
            asked.name, 60, "IN", "TXT", *(f'"{i}" {strings}' for i in range(16))))
        return reply.to_wire(max_size=65535)
    if asked.labels[0] == "uncut":
        return answer(asked, f'{asked.name} 60 TXT {strings}').to_wire(max_size=65535)
    if asked.labels[0] == "half":           # an RR, and the middle of the next
        octets = answer(asked, f"{asked.name} 60 TXT {strings}").to_wire(max_size=65535)[:600]
        return spoil(octets, 2, bytes([octets[2] | 2]))
    return truncated(asked)


def attack_cut(asked):
    """TC over TCP as well."""
    return truncated(asked)


class Ghost:
    """A zone that its parent may deny. Its server says in every answer that the
    zone lasts for a day, with another name server each time."""

    def __init__(self):
        self.removed = False
        self.number = itertools.count()

    def __call__(self, asked):
        zone = "ghost.att."
        if asked.at == PARENT:
            if self.removed:
                return answer(asked, authority=[soa("att.", 1, 1)], rcode=3)
            return referral(asked, zone, [f"ns.{zone}"], [f"ns.{zone} 1 A {EVIL}"], 1)
        if asked.rrtype == "NS":
            return answer(asked, f"{zone} 2 NS ns.{zone}")
        reply, server = address(asked, ttl=1), f"ns{next(self.number)}.{zone}"
        reply.authority = [rrset(f"{zone} 86400 NS {server}")]
        reply.additional = [rrset(f"{server} 86400 A {EVIL}")]
        return reply


def attack_maginot(asked):
    """A forwarder for its zone, which would like to be lab.'s server too."""
    reply = address(asked)
    reply.flags |= dns.flags.RA
    reply.authority += [rrset("lab. 86400 NS ns.maginot-fwd.att."),
                        rrset("att. 86400 NS ns.maginot-fwd.att.")]
    reply.additional.append(rrset(f"ns.maginot-fwd.att. 86400 A {FORWARDER}"))
    return reply


def attack_loop(asked):
    """A zone whose server is the resolver that asks."""
    return to_evil(asked, f"{asked.labels[-2]}.loop.att.", OURS)


# ---- the servers ----

class Trickle:
    """Octets that are sent one by one."""

    def __init__(self, octets):
        self.octets = octets


class Attacker:
    """All of the above at their addresses, in one thread, and one for each TCP
    connection."""

    def __init__(self):
        self.keytrap, self.ghost = KeyTrap(), Ghost()
        self.nsec3 = [Nsec3("nsec3-many.att.", NSEC3_MOST),
                      Nsec3("nsec3-too-many.att.", NSEC3_MOST + 1)]
        self.handlers = {name.removeprefix("attack_"): function
                         for name, function in globals().items() if name.startswith("attack_")}
        self.handlers.update({"keytrap": self.keytrap, "ghost": self.ghost,
                              "hot": address, "victim": address,
                              "nsec3-many": self.nsec3[0], "nsec3-too-many": self.nsec3[1]})
        self.udp = {}
        self.tcp = {}
        self.asked = collections.Counter()     # (first label, attack, address)
        self.ended, self.end = socket.socketpair()
        self.closed = False

    def __enter__(self):
        for host in (PARENT, EVIL, FORWARDER, HONEST, SILENT):
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            udp.setblocking(False)
            udp.bind((host, 53))
            self.udp[udp] = host
            tcp = socket.create_server((host, 53), backlog=512)
            self.tcp[tcp] = host
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.closed = True
        self.end.close()
        self.thread.join(WAIT_S)
        for s in (*self.udp, *self.tcp, self.ended):
            s.close()

    def anchors(self):
        """For trust-anchor-file, beside the lab's."""
        return "".join(z.signer.anchor() for z in (self.keytrap, *self.nsec3))

    def count(self, attack, label=None, at=None):
        return sum(n for (first, name, host), n in list(self.asked.items())
                   if name == attack and label in (None, first) and at in (None, host))

    def serve(self):
        watched = [*self.udp, *self.tcp, self.ended]
        while True:
            ready = select.select(watched, [], [])[0]
            if self.ended in ready:
                return
            for s in ready:
                if s in self.udp:
                    self.read(s, self.udp[s])
                else:
                    threading.Thread(target=self.serve_connection, daemon=True,
                                     args=(s.accept()[0], self.tcp[s])).start()

    def read(self, udp, host):
        for _ in range(64):
            try:
                octets, peer = udp.recvfrom(65535)
            except BlockingIOError:
                return
            if host == SILENT:
                self.note(octets, host)
                continue
            for reply in self.replies(octets, host, False):
                try:
                    udp.sendto(reply, peer)
                except OSError:
                    pass                   # it has gone

    def note(self, octets, host):
        labels = labels_of(octets)
        self.asked[labels[0] if labels else "", attack_of(labels), host] += 1
        return labels

    def replies(self, octets, host, tcp):
        labels = self.note(octets, host)
        if labels[-2:] == ["ent", "att"]:
            return [quick_answer(octets)]
        query = dns.message.from_wire(octets)
        question = query.question[0]
        asked = Asked(query, labels[:-1], question.name.to_text().lower(),
                      dns.rdatatype.to_text(question.rdtype), host, tcp)
        if labels == ["att"]:
            reply = nothing(asked)
        else:
            reply = self.reply(asked, labels[-2])
        return [r if isinstance(r, Trickle) else self.to_wire(r, asked, tcp)
                for r in (reply if isinstance(reply, list) else [reply]) if r is not None]

    def reply(self, asked, attack):
        handler = self.handlers.get(attack) or self.handlers[attack.split("-")[0]]
        try:
            return handler(asked)
        except (LookupError, ValueError):      # of fewer labels than it looks at
            return nothing(asked)

    @staticmethod
    def to_wire(reply, asked, tcp):
        if isinstance(reply, bytes):
            return reply
        octets = reply.to_wire(max_size=65535)
        return octets if tcp or len(octets) <= UDP_MAX else truncated(asked).to_wire()

    def serve_connection(self, connection, host):
        with connection:
            connection.settimeout(WAIT_S)
            try:
                while octets := read_message(connection):
                    for reply in self.replies(octets, host, True) if host != SILENT else ():
                        self.send_tcp(connection, reply)
            except (OSError, dns.exception.DNSException):
                pass                       # it has gone

    def send_tcp(self, connection, reply):
        if not isinstance(reply, Trickle):
            connection.sendall(framed(reply))
            return
        octets = framed(reply.octets)
        for i in range(len(octets)):
            if self.closed:
                return
            connection.sendall(octets[i:i + 1])
            time.sleep(0.2)


def labels_of(octets):
    """Of the question, in lower case; [] if that is no question."""
    labels, at = [], 12
    try:
        while octets[at]:
            labels.append(octets[at + 1:at + 1 + octets[at]].decode("ascii", "replace").lower())
            at += octets[at] + 1
    except IndexError:
        return []
    return labels


def attack_of(labels):
    """What a question is asked for: att.'s own names are nobody's."""
    if len(labels) < 2 or labels[-1] != "att":
        return labels[-1] if labels else ""
    return labels[-2].split("-")[0]


def quick_answer(octets):
    """An address, without reading much: tens of thousands are asked for."""
    end = octets.index(b"\0", 12) + 5
    return octets[:2] + b"\x84\x00\0\1\0\1\0\0\0\0" + octets[12:end] + \
        b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(TRUE)


# ---- what goes over the wire ----

class Packet:
    __slots__ = ("attack", "source_port", "id", "tcp", "to")

    def __init__(self, attack, source_port, ident, tcp, to):
        self.attack, self.source_port, self.id, self.tcp, self.to = \
            attack, source_port, ident, tcp, to


def to_port_53(accept_syn_only):
    """A classic BPF program: IPv4 packets to that port; of TCP those that open
    a connection."""
    program = [(0xB1, 0, 0, 0),                    # ldxb 4*([0]&0xf)
               (0x48, 0, 0, 2),                    # ldh [x + 2]
               (0x15, 0, 1 if not accept_syn_only else 3, 53)]
    if accept_syn_only:
        program += [(0x50, 0, 0, 13),              # ldb [x + 13]: flags
                    (0x15, 0, 1, 0x02)]
    program += [(0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0)]
    return b"".join(struct.pack("HBBI", *one) for one in program)


class Wire:
    """Every UDP query and every TCP connection to port 53, whether anybody is
    there or not; those that the lab's relay passes on left out."""

    SO_ATTACH_FILTER = 26

    def __init__(self):
        self.lock = threading.Lock()
        self.packets = []
        self.counts, self.last = collections.Counter(), {}
        self.keep = False                  # packets, beside counts

    def __enter__(self):
        self.sockets = {self.raw(socket.IPPROTO_UDP): False,
                        self.raw(socket.IPPROTO_TCP): True}
        self.ended, self.end = socket.socketpair()
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.end.close()
        self.thread.join(WAIT_S)
        for s in (*self.sockets, self.ended):
            s.close()

    def raw(self, protocol):
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
        code = to_port_53(protocol == socket.IPPROTO_TCP)
        buffer = ctypes.create_string_buffer(code)
        s.setsockopt(socket.SOL_SOCKET, self.SO_ATTACH_FILTER,
                     struct.pack("HL", len(code) // 8, ctypes.addressof(buffer)))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        s.setblocking(False)
        return s

    def listen(self):
        while True:
            ready = select.select([*self.sockets, self.ended], [], [])[0]
            if self.ended in ready:
                return
            for s in ready:
                self.read(s, self.sockets[s])

    def read(self, s, tcp):
        for _ in range(256):
            try:
                packet = s.recv(2048)
            except BlockingIOError:
                return
            to, body = packet[16:20], packet[(packet[0] & 15) * 4:]
            if to[:2] == b"\x7f\x36":          # the lab's NSDs, behind the relay
                continue
            labels = [] if tcp else labels_of(body[8:])
            attack = "tcp" if tcp else attack_of(labels)
            with self.lock:
                self.counts[attack, socket.inet_ntoa(to)] += 1
                self.last[attack] = time.monotonic()
                if self.keep and not tcp:
                    self.packets.append(Packet(attack, int.from_bytes(body[:2], "big"),
                                               int.from_bytes(body[8:10], "big"), tcp,
                                               socket.inet_ntoa(to)))

    def count(self, attack, to=None):
        with self.lock:
            return sum(n for (name, host), n in self.counts.items()
                       if name == attack and to in (None, host))

    def quiet_s(self, attack):
        with self.lock:
            return time.monotonic() - self.last.get(attack, 0)


# ---- clients ----

def ask_many(port, names, rrtype="A", wait_s=6, pace=200):
    """All at once over one socket, as often as they stand there: {name: reply},
    the last if there are more."""
    replies, awaited = {}, {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        s.connect(("127.0.0.1", port))
        for number, name in enumerate(names):
            query = dns.message.make_query(name, rrtype, payload=1232)
            query.id = number & 0xFFFF
            awaited[query.id] = name
            s.send(query.to_wire())
            if number % pace == pace - 1:
                time.sleep(0.01)
        end = time.monotonic() + wait_s
        while awaited and (left := end - time.monotonic()) > 0:
            if not select.select([s], [], [], left)[0]:
                break
            reply = dns.message.from_wire(s.recv(65535), raise_on_truncation=False)
            if reply.id in awaited:
                replies[awaited.pop(reply.id)] = reply
    return replies


def hot_names():
    return [f"h{i}.hot.att." for i in range(HOT_NAMES)]


class Hits:
    """A client that asks for cached names all the time, one after another, and
    counts what it gets. lost and wrong are to stay 0."""

    def __init__(self, port):
        self.queries = [dns.message.make_query(name, "A").to_wire() for name in hot_names()]
        self.port, self.going = port, True
        self.asked = self.right = 0
        self.wrong = []

    def __enter__(self):
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.going = False
        self.thread.join(WAIT_S)

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("127.0.0.1", self.port))
            s.settimeout(WAIT_S)
            for number, query in zip(itertools.count(), itertools.cycle(self.queries)):
                if not self.going:
                    return
                self.one(s, (number & 0xFFFF).to_bytes(2, "big"), query)
                time.sleep(0.002)

    def one(self, s, ident, query):
        self.asked += 1
        s.send(ident + query[2:])
        try:
            reply = s.recv(4096)
        except OSError as error:
            self.wrong.append(repr(error))
            return
        if reply[:2] == ident and reply[3] & 15 == 0 and \
                socket.inet_aton(TRUE) in reply:
            self.right += 1
        else:
            self.wrong.append(reply.hex())


def options(attacker, folder, *more):
    """mxbound's configuration: att. asked at PARENT, unsigned but for the two
    zones that are traps; and words of silence that are soon over."""
    anchors = folder / "anchors"
    with open(os.environ["LAB_TRUST_ANCHOR"]) as lab:
        anchors.write_text(lab.read() + attacker.anchors())
    return (f"stub-zone: att. {PARENT}@53",
            f"forward-zone: maginot-fwd.att. {FORWARDER}@53",
            'resolver-option: "domain-insecure: att."',
            'resolver-option: "infra-cache-max-rtt: 1000"',
            f"trust-anchor-file: {anchors}", "resolvers: 1", "workers: 2", *more)
