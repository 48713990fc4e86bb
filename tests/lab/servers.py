"""Who serves what, and at which address.

A *server* is what the rest of the lab sees: a name and its public addresses.
On them sits the relay, which forwards to an *instance*: one real NSD on an
address of its own. Several servers may share an instance; a parent zone and
its child never may, because then no referral would ever be sent.
"""

from dataclasses import dataclass, field

# One NSD each, at 127.54.<position>.1. "empty" has no zones: it refuses all.
INSTANCES = ["root", "lab", "post", "rir", "alpha", "beta", "empty"]


def instance_address(instance):
    return f"127.54.{INSTANCES.index(instance) + 1}.1"


@dataclass(frozen=True)
class Server:
    name: str
    v4: str | None
    v6: str | None
    v6_works: bool
    instance: str | None               # None: nothing behind, never answers
    behaviour: dict = field(default_factory=dict)   # see relay.Behaviour
    glue: bool = True                  # does the parent know its addresses?

    @property
    def addresses(self):
        return [a for a in (self.v4, self.v6) if a]


SERVERS = {}
GROUPS = {}


def server(name, number, instance, v6=None, v4=True, glue=True, **behaviour):
    """number "10.1" means 127.53.10.1 and fd00:53::10:1. v6 is None (no AAAA),
    "works" or "dead" (an AAAA where nobody ever answers)."""
    high, low = number.split(".")
    SERVERS[name] = Server(
        name=name,
        v4=f"127.53.{high}.{low}" if v4 else None,
        v6=f"fd00:53::{high}:{low}" if v6 else None,
        v6_works=v6 == "works",
        instance=instance, behaviour=behaviour, glue=glue)


def group(key, *names):
    """A set of NS names that many domains share, for row(ns=key)."""
    GROUPS[key] = list(names)


# --- root, TLDs, reverse ----------------------------------------------------

server("a.root.",             "1.1",  "root", v6="works")
server("b.root.",             "1.2",  "root", v6="dead")
server("c.root.",             "1.3",  "root")
group("root", "a.root.", "b.root.", "c.root.")

server("ns1.nic.lab.",        "2.1",  "lab",  v6="works")
server("ns2.nic.lab.",        "2.2",  "lab")
group("lab", "ns1.nic.lab.", "ns2.nic.lab.")

server("ns1.nic.post.",       "3.1",  "post", v6="works")
server("ns2.nic.post.",       "3.2",  "post")
group("post", "ns1.nic.post.", "ns2.nic.post.")

server("ns1.rir.lab.",        "4.1",  "rir")
server("ns2.rir.lab.",        "4.2",  "rir")
group("rir", "ns1.rir.lab.", "ns2.rir.lab.")

# --- hosting providers ------------------------------------------------------

server("ns1.alpha.lab.",      "10.1", "alpha", v6="works")
server("ns2.alpha.lab.",      "10.2", "alpha")
group("alpha", "ns1.alpha.lab.", "ns2.alpha.lab.")

server("ns1.beta.post.",      "11.1", "beta", v6="works")
server("ns2.beta.post.",      "11.2", "beta")
group("beta", "ns1.beta.post.", "ns2.beta.post.")

server("ns1.dnsbl.lab.",      "12.1", "alpha")
server("ns2.dnsbl.lab.",      "12.2", "alpha")
group("lists", "ns1.dnsbl.lab.", "ns2.dnsbl.lab.")

server("ns1.glueless.lab.",   "13.1", "beta")

# --- servers that do not answer ---------------------------------------------

server("ns1.refused.lab.",    "20.1", "empty")
server("ns2.refused.lab.",    "20.2", "empty")
server("ns1.servfail.lab.",   "21.1", "empty", rcode="SERVFAIL")
server("ns2.servfail.lab.",   "21.2", "empty", rcode="SERVFAIL")
server("ns1.silent.lab.",     "22.1", None)
server("ns2.silent.lab.",     "22.2", None)
server("ns1.closed.lab.",     "23.1", None, udp="closed", tcp="refused")
server("ns1.selfglue.lab.",   "24.1", "alpha", glue=False)

# --- IPv6 -------------------------------------------------------------------

server("ns1.v6only.lab.",     "30.1", "alpha", v4=False, v6="works")
server("ns1.v6dead.lab.",     "31.1", "alpha", v6="dead")
server("ns2.v6dead.lab.",     "31.2", "alpha", v6="dead")
server("ns1.v6only-dead.lab.", "32.1", "alpha", v4=False, v6="dead")

# --- servers that misbehave: the words are those of relay.Behaviour ---------

server("ns1.drops-tlsa.lab.", "40.1", "alpha", drop_types=["TLSA"])
server("ns1.drops-aaaa.lab.", "40.2", "alpha", drop_types=["AAAA"])
server("ns1.fails-aaaa.lab.", "40.3", "alpha", rewrite="servfail-for-aaaa")
server("ns1.slow-tlsa.lab.",  "41.1", "alpha", slow_types={"TLSA": 6000})
server("ns1.slow.lab.",       "41.2", "alpha", delay_ms=900)
server("ns1.lossy.lab.",      "41.3", "alpha", loss=1 / 3)
server("ns2.lossy.lab.",      "41.4", "alpha", loss=1 / 3)
server("ns1.tcponly.lab.",    "42.1", "alpha", truncate=True)
server("ns1.udponly.lab.",    "42.2", "alpha", tcp="refused")
server("ns1.no-edns.lab.",    "42.3", "alpha", rewrite="no-edns")
server("ns1.sts.lab.",        "43.1", "alpha")     # a test may set rewrite="sts-id-2"

server("ns1.wrong-id.lab.",   "50.1", "alpha", rewrite="wrong-id-first")
server("ns1.wrong-question.lab.", "50.2", "alpha", rewrite="wrong-question-first")
server("ns1.malformed.lab.",  "50.3", "alpha", rewrite="malformed-first")
server("ns1.no-soa.lab.",     "51.1", "alpha", rewrite="no-soa")
server("ns1.ent-denied.lab.", "51.2", "alpha", rewrite="nxdomain-for-nodata")
server("ns1.two-cnames.lab.", "51.3", "alpha", rewrite="two-cnames")
server("ns1.poison.lab.",     "51.4", "alpha", rewrite="poison")
server("ns1.ttl-huge.lab.",   "52.1", "alpha", rewrite="ttl-huge")
server("ns1.ttl-mixed.lab.",  "52.2", "alpha", rewrite="ttl-mixed")
