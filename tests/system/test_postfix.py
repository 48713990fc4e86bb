"""Real mail: Postfix with mxbound as its resolver and its policy server, to
Postfix at the lab's mail hosts.

What becomes of a message is read from the sender's log, its queue and the
receiver's Maildir. A message that can be delivered arrives once; one that
can not yet, stays; and none bounces but where the domain says that it never can.
"""

import os
import signal
from collections import Counter, namedtuple

import pytest

from lab.domains import MANY, many
from mxbound import SANITIZED, wait_until
from postfix_instance import why_not
from postfix_world import World, exchanges

WHY_NOT = why_not() or ("about mail, not about memory" if SANITIZED else "")
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

EACH = 5                        # messages to a domain in the large run

# tls: the sender's verdict on the session; text: part of what the log says.
Case = namedtuple("Case", "domain status dsn tls text", defaults=("",))
CASES = [
    # DANE: the key, a CA, and what else RFC 7672 has.
    Case("healthy.lab", "sent", "2.0.0", "Verified"),
    Case("implicit.lab", "sent", "2.0.0", "Verified"),
    Case("mx-cname.lab", "sent", "2.0.0", "Verified"),
    Case("tlsa-own.lab", "sent", "2.0.0", "Verified"),
    Case("tlsa-some.lab", "sent", "2.0.0", "Verified"),
    Case("tlsa-ca.lab", "sent", "2.0.0", "Verified"),
    Case("tlsa-ca-name.lab", "deferred", "4.7.5", "Untrusted", "Server certificate not verified"),
    Case("tlsa-other.lab", "deferred", "4.7.5", "Untrusted", "Server certificate not verified"),
    Case("tlsa-unusable.lab", "sent", "2.0.0", "Untrusted"),
    # Its host does not offer TLS: somebody may have taken it away.
    Case("tlsa-final.lab", "deferred", "4.7.4", "", "TLS is required, but was not offered"),
    # An insecure MX names the host.
    Case("tlsa-elsewhere.lab", "sent", "2.0.0", "Trusted"),
    # TLSA of one host fail: the other takes the mail.
    Case("tlsa-spoilt-one.lab", "sent", "2.0.0", "Verified"),
    Case("bogus-tlsa.lab", "deferred", "4.7.5", "", "client TLS configuration problem"),
    # Two of three hosts are dead.
    Case("three.lab", "sent", "2.0.0", "Verified"),
    # Without DANE.
    Case("aaaaonly.lab", "sent", "2.0.0", "Untrusted"),
    Case("implicit-unsigned.lab", "sent", "2.0.0", "Untrusted"),
    Case("unsigned.lab", "sent", "2.0.0", ""),
    # No mail, for good.
    Case("nullmx.lab", "bounced", "5.1.0", "", "does not accept mail (nullMX)"),
    Case("nosuch.lab", "bounced", "5.4.4", "", "Host not found"),
    Case("nothing.lab", "bounced", "5.4.4", "", "no data record"),
    Case("mx-nothing.lab", "bounced", "5.4.4", "", "Host not found"),
    # Not now.
    Case("bogus.lab", "deferred", "4.4.3", "", "Host not found, try again"),
    Case("bogus-nodata.lab", "deferred", "4.4.3", "", "Host not found, try again"),
    Case("bogus-address.lab", "deferred", "4.4.3", "", "Host not found, try again"),
    Case("expired.lab", "deferred", "4.4.3", "", "Host not found, try again"),
    Case("refused.lab", "deferred", "4.4.3", "", "Host not found, try again"),
    Case("silent.lab", "deferred", "4.4.3", "", "Host not found, try again"),
]

# Hosts that are not as all others: dead, without TLS, or with another
# certificate than one of the lab's key.
DEAD = {"mx1.three.lab.", "mx2.three.lab."}
CERTIFICATES = {
    "mx.unsigned.lab.": None,
    "mx.tlsa-final.lab.": None,
    "mx.tlsa-other.lab.": "other",
    "mx.tlsa-ca.lab.": "ta",
    "mx.tlsa-ca-name.lab.": "ta-wrong",
}


# ---- domains by the dozen ----

class Kind(namedtuple("Kind", "domains status dsn tls texts")):
    """Domains for which the same is expected; of what the log may say, one."""


MANY_SIGNED = [many(i) for i in range(0, MANY, 2)]
MANY_UNSIGNED = [many(i) for i in range(1, MANY, 2)]
KINDS = {
    "dane": Kind(MANY_SIGNED[:70], "sent", "2.0.0", "Verified", ()),
    "other-key": Kind(MANY_SIGNED[70:85], "deferred", "4.7.5", "Untrusted",
                      ("Server certificate not verified",)),
    "no-tls": Kind(MANY_SIGNED[85:90], "deferred", "4.7.4", "",
                   ("TLS is required, but was not offered",)),
    "no-dane": Kind(MANY_UNSIGNED[:45], "sent", "2.0.0", "Untrusted", ()),
    "clear": Kind(MANY_UNSIGNED[45:50], "sent", "2.0.0", "", ()),
    "provider": Kind([f"g{i:03}.{'lab' if i % 2 else 'post'}" for i in range(20)],
                     "sent", "2.0.0", "Verified", ()),
    "insecure-address": Kind([f"o{i:03}.lab" for i in range(10)], "sent", "2.0.0", "Untrusted", ()),
    "no-domain": Kind([f"no-such-{i}.lab" for i in range(12)], "bounced", "5.4.4", "",
                      ("Host not found",)),
    "null-mx": Kind(["nullmx.lab", "null.alias.lab"], "bounced", "5.1.0", "", ("nullMX",)),
    "bogus": Kind(["bogus.lab", "bogus-nodata.lab", "bogus-key.lab", "stripped.lab", "expired.lab",
                   "future.lab", "ds-nokey.lab", "ds-leftover.lab", "bogus-address.lab",
                   "bogus-child.lab"], "deferred", "4.4.3", "", ("Host not found, try again",)),
    "dead": Kind(["refused.lab", "servfail.lab", "closed.lab", "ns-noaddress.lab",
                  "v6only-dead.lab", "cycle-a.lab"], "deferred", "4.4.3", "",
                 ("Host not found, try again",)),
}


def hosts():
    """{mail host: certificate} of all that is there."""
    domains = [case.domain for case in CASES if case.tls or case.status == "sent"]
    domains += ["tlsa-final.lab", *KINDS["dane"].domains, *KINDS["no-dane"].domains,
                *KINDS["provider"].domains, *KINDS["insecure-address"].domains]
    found = {host: CERTIFICATES.get(host, "lab") for d in domains for host in exchanges(d)}
    for kind, certificate in (("other-key", "other"), ("no-tls", None), ("clear", None)):
        found.update({host: certificate for d in KINDS[kind].domains for host in exchanges(d)})
    return {host: kind for host, kind in found.items() if host not in DEAD}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mail")
    for above in (folder, folder.parent, folder.parent.parent):
        above.chmod(0o755)
    with World(folder, hosts()) as running:
        yield running


# ---- one message each ----

@pytest.fixture(scope="module")
def outcomes(world):
    recipients = [f"one@{case.domain}" for case in CASES]
    world.send(recipients)
    found = {to: said[0] for to, said in world.wait_for_outcomes(recipients).items()}
    world.wait_for_arrival(to for to in recipients if found[to].status == "sent")
    arrived = world.arrived()
    queued = world.sender.queued()
    world.sender.tool("postsuper", "-d", "ALL", "deferred")
    return found, arrived, queued


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.domain)
def test_one_message(outcomes, case):
    found, arrived, queued = outcomes
    recipient = f"one@{case.domain}"
    said = found[recipient]
    assert (said.status, said.dsn, said.tls) == (case.status, case.dsn, case.tls), said
    assert case.text in said.text, said
    assert arrived[recipient] == (case.status == "sent")
    assert (recipient in queued) == (case.status == "deferred")


# ---- a thousand messages ----

def expect(kind, said):
    """Of all that was said of a message, what is wrong, or ""."""
    last = said[-1]
    if (last.status, last.dsn, last.tls) == (kind.status, kind.dsn, kind.tls) and \
            (not kind.texts or any(text in last.text for text in kind.texts)):
        return ""
    # A host that has just been seen to fail is not tried for each message.
    if kind.status == last.status == "deferred" and "delivery temporarily suspended" in last.text:
        return "" if any(text in last.text for text in kind.texts) else "suspended"
    return "otherwise"


def test_a_thousand_messages(world):
    """Each arrives once, waits or bounces, as its domain wants it."""
    kind_of = {f"m{n}@{domain}": kind for kind in KINDS.values() for domain in kind.domains
               for n in range(EACH)}
    assert len(kind_of) == 1000
    world.send(kind_of)
    recipients = {status: {to for to, kind in kind_of.items() if kind.status == status}
                  for status in ("sent", "bounced", "deferred")}
    world.wait_for_outcomes(kind_of, 120)
    world.wait_for_arrival(recipients["sent"], 120)
    said = world.sender.outcomes()
    wrong = [f"{to}: {why}: {said[to]}" for to, kind in kind_of.items()
             if (why := expect(kind, said[to]))]
    assert not wrong, "\n".join(wrong)
    arrived = world.arrived()
    assert {to: arrived[to] for to in kind_of if arrived[to]} == dict.fromkeys(recipients["sent"], 1)
    queued = Counter(to for to in world.sender.queued() if to in kind_of)
    assert queued == dict.fromkeys(recipients["deferred"], 1)
    world.sender.tool("postsuper", "-d", "ALL", "deferred")


# ---- what dies meanwhile ----

def burst(world, name, meanwhile):
    """Mail to all that can be had while meanwhile(n) is done, when n of it have
    arrived: nothing is lost, nothing bounces, nothing comes twice."""
    domains = [d for kind in KINDS.values() if kind.status == "sent" for d in kind.domains]
    recipients = [f"{name}@{domain}" for domain in domains]

    def count():
        arrived = world.arrived()
        return sum(arrived[to] for to in recipients)

    world.send(recipients)
    for share in (0.2, 0.5):
        wait_until(lambda: count() >= share * len(recipients), 60, "some mail has arrived")
        meanwhile()
    world.wait_for_arrival(recipients, 120)
    said, arrived = world.sender.outcomes(), world.arrived()
    assert all(arrived[to] == 1 for to in recipients)
    wait_until(lambda: said[recipients[-1]] and not set(recipients) & set(world.sender.queued()),
               60, "nothing is left in the queue")
    world.sender.outcomes()
    assert not [one for to in recipients for one in said[to] if one.status == "bounced"]
    assert all(said[to][-1].status == "sent" for to in recipients)


def test_front_killed(world):
    """The front, which answers for DNS and for policies, dies twice."""
    def kill():
        [front] = world.server.fronts()
        os.kill(front, signal.SIGKILL)
        wait_until(lambda: world.server.fronts() not in ([], [front]), 10, "another front")
    burst(world, "killed", kill)


def test_taken_over(world):
    """Another mxbound takes over, as at an upgrade."""
    def take_over():
        [front] = world.server.fronts()
        world.server.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: front not in world.server.fronts(), 30, "the old front is gone")
    burst(world, "taken-over", take_over)


def test_restarted(world):
    """There is no mxbound for a while: no DNS either, and mail waits."""
    def restart():
        world.server.stop()
        world.server.start()
    burst(world, "restarted", restart)
