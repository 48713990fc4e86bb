"""The relay does what it is told: each behaviour, seen from a client."""

import time

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode

from .control import Control
from .servers import SERVERS, instance_address

SERVER = SERVERS["ns1.alpha.lab."]
SHORT_S = 0.3                  # long enough for loopback, to see nothing come


def ask(rrtype="MX", address=SERVER.v4, over=dns.query.udp, wait_s=5):
    """(reply or None, seconds)"""
    query = dns.message.make_query("healthy.lab.", rrtype)
    began = time.monotonic()
    try:
        reply = over(query, address, timeout=wait_s)
    except (dns.exception.Timeout, OSError, EOFError):
        reply = None
    return reply, time.monotonic() - began


def silent(**how):
    return ask(wait_s=SHORT_S, **how)[0] is None


def check_faithful(relay):
    relay.forget()
    assert ask()[0].answer and ask(over=dns.query.tcp)[0].answer
    assert ask(address=SERVER.v6)[0].answer
    assert relay.count(SERVER.name, "healthy.lab.", "MX", "udp") == 2
    assert relay.count(name="healthy.lab.", transport="tcp") == 1


def check_delay(relay):
    relay.set(SERVER.name, delay_ms=80)
    assert 0.08 <= ask()[1] < 0.16
    assert 0.16 <= ask(over=dns.query.tcp)[1] < 0.3      # handshake, then question


def check_slow_type(relay):
    relay.set(SERVER.name, slow_types={"TXT": 150})
    assert ask("TXT")[1] >= 0.15 > ask("MX")[1]


def check_loss(relay):
    relay.set(SERVER.name, loss=1)
    relay.forget()
    assert silent()
    assert relay.count(name="healthy.lab.") == 1         # seen, then lost
    assert ask(over=dns.query.tcp)[0].answer


def check_silent(relay):
    relay.set(SERVER.name, silent=True)
    assert silent() and silent(over=dns.query.tcp)


def check_ipv6(relay):
    relay.set("*", ipv6="silent")
    assert silent(address=SERVER.v6) and silent(address=SERVER.v6, over=dns.query.tcp)
    assert ask()[0].answer


def check_drop(relay):
    relay.set(SERVER.name, drop_types=["TLSA"])
    assert silent(rrtype="TLSA") and ask("MX")[0].answer


def check_transports(relay):
    relay.set(SERVER.name, tcp="refused")
    assert ask(over=dns.query.tcp)[0] is None and ask()[0].answer
    relay.set(SERVER.name, tcp="works", udp="silent")
    assert silent() and ask(over=dns.query.tcp)[0].answer
    relay.set(SERVER.name, udp="works", truncate=True)
    assert ask()[0].flags & dns.flags.TC and ask(over=dns.query.tcp)[0].answer


def check_rcode(relay):
    relay.set(SERVER.name, rcode="REFUSED")
    for over in (dns.query.udp, dns.query.tcp):
        assert ask(over=over)[0].rcode() == dns.rcode.REFUSED


def check_watch(relay):
    before = time.monotonic()
    relay.watch()
    assert ask()[0].answer and ask("TXT")[0]
    (first, *what), (second, *_) = relay.watched()
    assert before < first < second < time.monotonic()
    assert what == [SERVER.name, "healthy.lab.", "MX", "udp"]
    assert ask()[0].answer and not relay.watched()       # no longer


def check_add(relay):
    relay.add("ns1.added.lab.", "127.53.99.1", None, instance_address(SERVER.instance))
    relay.set("ns1.added.lab.", delay_ms=80)
    reply, seconds = ask(address="127.53.99.1")
    assert reply.answer and seconds >= 0.08
    assert ask(address="127.53.99.1", over=dns.query.tcp)[0].answer
    assert relay.count("ns1.added.lab.", "healthy.lab.") == 2
    try:
        relay.add(SERVER.name, "127.53.99.2", None, "127.54.1.1")
    except ValueError:
        return
    raise AssertionError("a second one of that name")


def check_nonsense(relay):
    for wrong in ({"tcp": "perhaps"}, {"rewrite": "nicely"}, {"no_such_setting": 1}):
        try:
            relay.set(SERVER.name, **wrong)
        except ValueError:
            continue
        raise AssertionError(f"accepted {wrong}")


CHECKS = [check for name, check in sorted(globals().items()) if name.startswith("check_")]


def main():
    """Returns the number of checks that failed."""
    failed = 0
    with Control() as relay:
        for check in CHECKS:
            relay.reset()
            try:
                check(relay)
            except AssertionError as error:
                failed += 1
                print(f"WRONG  relay: {check.__name__} {error}")
        relay.reset()
    print(f"{len(CHECKS)} checks of the relay, {failed} wrong")
    return failed
