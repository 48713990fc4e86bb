"""Real mail: Postfix with mxbound as its resolver and its policy server, to
Postfix at the lab's mail hosts.

What becomes of a message is read from the sender's log, its queue and the
receiver's Maildir. A message that can be delivered arrives once; one that
can not yet, stays; and none bounces but where the domain says that it never can.
"""

import os
import signal
from collections import namedtuple

import pytest

from https_policies import policy, reply
from lab.domains import MANY, many
from mxbound import SANITIZED, wait_until
from postfix_instance import why_not
from postfix_world import SENDER, World, exchanges

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
    # MTA-STS.
    Case("enforce.sts-mail.lab", "sent", "2.0.0", "Verified"),
    Case("wrong.sts-mail.lab", "deferred", "4.7.5", "Untrusted", "Server certificate not verified"),
    Case("self.sts-mail.lab", "deferred", "4.7.5", "Untrusted", "Server certificate not verified"),
    Case("elsewhere.sts-mail.lab", "deferred", "4.7.5", "Untrusted",
         "Server certificate not verified"),
    Case("testing.sts-mail.lab", "sent", "2.0.0", "Untrusted"),
    Case("none.sts-mail.lab", "sent", "2.0.0", "Untrusted"),
    Case("dead.sts-mail.lab", "sent", "2.0.0", "Untrusted"),
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
    "mx.enforce.sts-mail.lab.": "pkix",
    "mx.wrong.sts-mail.lab.": "wrong",
    "mx.elsewhere.sts-mail.lab.": "pkix",
}

# What policy hosts say. That of healthy.lab has a policy too, which its
# certificates would not meet: DANE comes first.
POLICIES = {
    "enforce.sts-mail.lab": reply(policy(mx=["mx.enforce.sts-mail.lab"])),
    "wrong.sts-mail.lab": reply(policy(mx=["*.wrong.sts-mail.lab"])),
    "self.sts-mail.lab": reply(policy(mx=["*.self.sts-mail.lab"])),
    # The mail host that MX names is none that the policy names.
    "elsewhere.sts-mail.lab": reply(policy(mx=["mx.example.lab"])),
    "testing.sts-mail.lab": reply(policy("testing", mx=["*.testing.sts-mail.lab"])),
    "none.sts-mail.lab": reply(policy("none", mx=())),
    "dead.sts-mail.lab": reply(policy(mx=["*.dead.sts-mail.lab"])),
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
def world(request):
    failed = request.session.testsfailed
    with World(hosts(), POLICIES) as running:
        yield running
        if request.session.testsfailed > failed:
            print(running.sender.complaints()[-10000:], running.receiver.complaints()[-10000:])


# ---- one message each ----

def one_each(world, sender, name):
    """Of a message to each: what was said of it first, what has arrived, what is
    in the queue."""
    recipients = [f"{name}@{case.domain}" for case in CASES]
    sender.send(recipients)
    found = {to: said[0] for to, said in sender.wait_for_outcomes(recipients).items()}
    world.wait_for_arrival({to for to in recipients if found[to].status == "sent"})
    queued = set()
    wait_until(lambda: queued.update(sender.queued()) or queued >=
               {to for to in recipients if found[to].status == "deferred"}, 20, "the rest waits")
    sender.forget()
    return found, world.arrived(), queued


@pytest.fixture(scope="module")
def outcomes(world):
    return one_each(world, world.sender, "one")


def check(case, recipient, outcomes, tls):
    found, arrived, queued = outcomes
    said = found[recipient]
    assert (said.status, said.dsn, said.tls) == (case.status, case.dsn, tls), said
    assert case.text in said.text, said
    assert arrived[recipient] == (case.status == "sent")
    assert (recipient in queued) == (case.status == "deferred")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.domain)
def test_one_message(outcomes, case):
    check(case, f"one@{case.domain}", outcomes, case.tls)


def test_policies_are_enough(world):
    """Where smtp_tls_security_level is may, so that all DANE there is comes from
    the policies. Below an insecure MX Postfix wants to be told more than that."""
    outcomes = one_each(world, world.start_sender("may"), "may")
    for case in CASES:
        check(case, f"may@{case.domain}", outcomes,
              "Untrusted" if case.tls == "Trusted" else case.tls)


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
    sender = world.sender
    kind_of = {f"m{n}@{domain}": kind for kind in KINDS.values() for domain in kind.domains
               for n in range(EACH)}
    assert len(kind_of) == 1000 and len({to.split("@")[1] for to in kind_of}) == 200
    of = {status: {to for to, kind in kind_of.items() if kind.status == status}
          for status in ("sent", "bounced", "deferred")}
    told_before = len(sender.outcomes().get(SENDER, []))
    sender.send(kind_of)
    for status, recipients in of.items():
        said = sender.wait_for_outcomes(recipients, status, 120)
    world.wait_for_arrival(of["sent"], 120)
    wrong = [f"{to}: {why}: {said[to]}" for to, kind in kind_of.items()
             if (why := expect(kind, said[to]))]
    assert not wrong, "\n".join(wrong)
    arrived = world.arrived()
    assert {to: arrived[to] for to in kind_of if arrived[to]} == dict.fromkeys(of["sent"], 1)
    wait_until(lambda: len(sender.outcomes()[SENDER]) == told_before + len(of["bounced"]), 60,
               "the sender of each message that bounced has been told")
    waiting = dict.fromkeys(of["deferred"], 1)
    wait_until(lambda: {to: n for to, n in sender.queued().items() if to in kind_of} == waiting,
               20, "what was put off is in the queue, once, and nothing else")
    sender.forget()


# ---- what dies meanwhile ----

IMPOSTORS = "tlsa-other.lab", "tlsa-ca-name.lab", "wrong.sts-mail.lab", "self.sts-mail.lab"


def only_waits(sender, these, others):
    queued = sender.queued()
    return all(queued[to] == 1 for to in these) and not any(queued[to] for to in others)


def burst(world, name, meanwhile):
    """Mail to all that can be had while meanwhile() is done, twice: nothing is
    lost, nothing bounces, nothing comes twice. And hosts whose certificates are
    wrong, by DANE or MTA-STS, get nothing even now."""
    recipients = [f"{name}@{domain}" for kind in KINDS.values() if kind.status == "sent"
                  for domain in kind.domains]
    recipients += [f"{name}{n}@enforce.sts-mail.lab" for n in range(5)]
    never = [f"{name}{n}@{domain}" for n in range(5) for domain in IMPOSTORS]

    def arrived():
        found = world.arrived()
        return [found[to] for to in recipients]

    world.sender.send([*never, *recipients])
    for share in (0.2, 0.5):
        wait_until(lambda: sum(arrived()) >= share * len(recipients), 60, "some has arrived")
        meanwhile()
    world.sender.wait_for_outcomes(recipients, "sent", 120)
    said = world.sender.wait_for_outcomes(never, "deferred", 120)
    world.wait_for_arrival(recipients, 120)
    assert set(arrived()) == {1}
    assert {one.status for to in recipients for one in said[to]} <= {"sent", "deferred"}
    assert not set(never) & world.arrived().keys()
    wait_until(lambda: only_waits(world.sender, never, recipients), 60, "these wait, no other")
    world.sender.forget()


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
