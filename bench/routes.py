#!/usr/bin/python3
"""How long a mail server waits for the route to a domain nobody asked for.

    make bench-routes
    make bench-routes ARGS="--domains 40 --loss 0.05"
    make bench-routes ARGS="--trace postfix"     what goes upstream, and when

Runs in the lab. METHOD.md says what each figure is.
"""

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from xml.sax.saxutils import escape

import cold
import hits
from asker import Asker, Chain
from cold_routes import EXCHANGERS, ColdRoutes, NETS, addresses, host, tlsa
from hits_servers import cpu_by_program
from lab.control import Control
from machine import describe, halves, pin

BUILD, OUT = hits.BUILD, hits.OUT
DELAY_MS = 30
RATE_S = 50                  # domains a second, to one server after the other
AGAIN_EVERY_S = 0.005        # what is cached takes a millisecond
ALONE = 16                   # asked one at a time, to see that the rate does no harm
QUERIES = 12                 # that a route takes upstream, for the floor
# Past these others had the processors, and milliseconds say little of the servers.
WAITED_MAX = 0.05            # of the time that a route took
FLOOR_MAX = 1.1              # what nine of ten questions take at most, of the delay
SETTLE_S = 0.2               # for what a server asks on its own after the last answer
OURS, DEFAULT, PLAIN = "mxbound", "Unbound", "Unbound, no minimisation"

# What is asked, and to be held: at most that much of the time that it takes
# each of the others.
CHAINS = {"postfix": "MX, then A and AAAA of three hosts one by one, TLSA",
          "first host": "MX, then A, AAAA and TLSA of the first host one by one",
          "at once": "MX, then A and AAAA of three hosts and TLSA at once"}
MOST = {"postfix": {DEFAULT: 0.25, PLAIN: 0.40},
        "first host": {DEFAULT: 0.35, PLAIN: 0.60},
        "at once": {DEFAULT: 0.40, PLAIN: 0.85}}


# ---- asking for one route ----

def questions_of(chain, domain):
    """[[(name, type) asked at the same time], ...] one after another."""
    hosts = range(1, EXCHANGERS + 1 if chain != "first host" else 2)
    after = [(host(domain, i), rrtype) for i in hosts for rrtype in ("A", "AAAA")]
    after.append((tlsa(domain), "TLSA"))
    return [[(domain, "MX")]] + ([after] if chain == "at once" else [[one] for one in after])


def routes_to(chain, numbers):
    return [Chain(questions_of(chain, cold.name(number))) for number in numbers]


def ask(server, routes, every_s):
    """ms of each; None where any answer was not secure."""
    with Asker("127.0.0.1", server.port) as asker:
        asker.run(routes, every_s)
    return [route.ms() if route.secure else None for route in routes]


def ask_floor(every_s):
    """ms that a name server takes through the relay, asked directly."""
    address, _ = addresses(NETS["parent"][0], 1)
    queries = [Chain([[("cold.", "SOA")]]) for _ in range(ALONE)]
    with Asker(address, 53) as asker:
        asker.run(queries, every_s)
    return [one.ms() for one in queries]


# ---- scenarios ----

class Scenario:
    """count domains of its own, the same for every server. again: each is asked a
    second time."""

    def __init__(self, label, chain, count, every_s=1 / RATE_S, loss=0.0, again=False):
        self.label, self.chain, self.count = label, chain, count
        self.every_s, self.loss, self.again = every_s, loss, again
        self.first = 0

    def numbers(self, turn, rounds):
        """Those of this round."""
        per = -(-self.count // rounds)
        return range(self.first + turn * per, self.first + min((turn + 1) * per, self.count))


def scenarios(options):
    found = [Scenario(chain, chain, options.domains, again=chain == "postfix")
             for chain in CHAINS]
    found += [Scenario(f"{chain}, loss", chain, options.domains, loss=options.loss)
              for chain in CHAINS]
    found.append(Scenario("postfix, one at a time", "postfix", ALONE, every_s=None))
    next_free = 1                            # 0 is kept warm
    for one in found:
        one.first, next_free = next_free, next_free + one.count
    return found, next_free


def settled(relay):
    """{type: queries} since forget(), those over TCP as TCP, once nothing more
    is on the way; and forget."""
    time.sleep(SETTLE_S)
    seen = Counter()
    for _, _, rrtype, transport, count in relay.counts():
        seen[rrtype if transport == "udp" else "TCP"] += count
    relay.forget()
    return seen


def measure(relay, server, scenario, numbers):
    """One round. cpu, waited and own are ms for a route: of the server's processors,
    of its waiting for one, and of this program's."""
    routes = routes_to(scenario.chain, numbers)
    again = routes_to(scenario.chain, numbers) if scenario.again else ()
    relay.set("*", loss=scenario.loss)
    relay.forget()
    def so_far():
        return server.cpu_s(), server.waited_s(), time.process_time()

    before = so_far()
    found = {"ms": ask(server, routes, scenario.every_s)}
    for what, was, now in zip(("cpu_ms", "waited_ms", "own_ms"), before, so_far()):
        found[what] = round((now - was) * 1000 / len(routes), 3)
    found["upstream"] = settled(relay)
    if scenario.again:
        found["again"] = {"ms": ask(server, again, AGAIN_EVERY_S),
                          "upstream": sum(settled(relay).values())}
    relay.set("*", loss=0)
    return found


def floor_of():
    """One at a time, and as many as the routes make."""
    return {"alone": ask_floor(None), "at_rate": ask_floor(1 / RATE_S / QUERIES)}


def all_rounds(relay, servers, chosen, options):
    """{server: {scenario: [round, ...]}} and what the relay gave. Another is
    first in each round."""
    runs = {name: {one.label: [] for one in chosen} for name in servers}
    floor = []
    for turn in range(options.rounds):
        floor.append(floor_of())
        names = list(servers)
        names = names[turn % len(names):] + names[:turn % len(names)]
        for one in chosen:
            for name in names:
                numbers = one.numbers(turn, options.rounds)
                if numbers:
                    runs[name][one.label].append(measure(relay, servers[name], one, numbers))
        print(f"routes: round {turn + 1} of {options.rounds}", file=sys.stderr, flush=True)
    return runs, floor


def ask_kept(relay, server):
    """The domain of keep-warm, for the first time: what goes upstream."""
    relay.forget()
    ms, = ask(server, routes_to("postfix", [0]), None)
    return {"ms": ms, "upstream": sum(settled(relay).values())}


# ---- the way of a route, seen at the relay ----

def traced(relay, server, chain, number):
    """{what happened: ms since the first question}, in words without the domain's
    name, so that several can be set beside each other."""
    events, domain = [], cold.name(number)
    route = Chain(questions_of(chain, domain), events)
    relay.watch()
    ask(server, [route], None)
    time.sleep(SETTLE_S)
    seen = [(when, f"{what:8} {rrtype:6} {name}") for when, name, rrtype, what in events]
    # A query reaches the relay at once; all of the delay is on the way back.
    seen += [(when, f"    -> {rrtype:6} {name.rstrip('.')}, to {ns.partition('.')[2]}")
             for when, ns, name, rrtype, _ in relay.watched()]
    times, found = Counter(), {}
    for when, what in sorted(seen):
        words = what.replace(domain, "DOMAIN")
        times[words] += 1
        if times[words] > 1:
            words += f", time {times[words]}"
        found[words] = (when - route.began) * 1000
    return found


def trace(relay, servers, chain):
    for name, server in servers.items():
        found = [traced(relay, server, chain, number) for number in range(1, ALONE + 1)]
        all_ms = {}
        for one in found:
            for words, ms in one.items():
                all_ms.setdefault(words, []).append(ms)
        print(f"{name}, {chain}: ms and round trips of {DELAY_MS} ms, median of {ALONE} domains")
        for ms, words in sorted((statistics.median(ms), words) for words, ms in all_ms.items()):
            rare = f"   ({len(all_ms[words])} of {ALONE})" if len(all_ms[words]) < ALONE else ""
            print(f"{ms:8.1f} {ms / DELAY_MS:6.2f}  {words}{rare}")
        print()


# ---- the results ----

def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def summary(rounds):
    all_ms = [ms for one in rounds for ms in one["ms"]]
    good, seen = [ms for ms in all_ms if ms is not None], sum(
        (Counter(one["upstream"]) for one in rounds), Counter())
    result = {"domains": len(all_ms), "failed": len(all_ms) - len(good),
              "upstream": round(sum(seen.values()) / len(all_ms), 2),
              "upstream_by_type": {t: round(n / len(all_ms), 2) for t, n in seen.most_common()},
              **{what: round(statistics.median(one[what] for one in rounds), 2)
                 for what in ("cpu_ms", "waited_ms", "own_ms")}}
    if good:
        median = statistics.median(good)
        result.update(median_ms=round(median, 1), p90_ms=round(percentile(good, 0.9), 1),
                      mean_ms=round(statistics.mean(good), 1),
                      round_trips=round(median / DELAY_MS, 2))
    again = [one["again"] for one in rounds if "again" in one]
    if again:
        ms = [ms for one in again for ms in one["ms"]]
        good = [one for one in ms if one is not None]
        result["again"] = {"upstream": sum(one["upstream"] for one in again),
                           "failed": len(ms) - len(good),
                           "median_ms": good and round(statistics.median(good), 2)}
    return result


def ratios(servers):
    """{scenario: {peer: ours by its median}}"""
    found = {}
    for label, ours in servers[OURS].items():
        for peer in (DEFAULT, PLAIN):
            theirs = servers.get(peer, {}).get(label, {})
            if "median_ms" in ours and "median_ms" in theirs:
                found.setdefault(label, {})[peer] = round(
                    ours["median_ms"] / theirs["median_ms"], 3)
    return found


def failures(servers):
    """[(server, scenario, failed, of so many)] where nothing was to be lost."""
    return [(name, label, one["failed"], one["domains"]) for name, chosen in servers.items()
            for label, one in chosen.items() if one["failed"] and not label.endswith("loss")]


def disturbed(report):
    """What was not so quiet that it was round trips that were measured, in words."""
    found = []
    for name, chosen in report["servers"].items():
        noisy = [chosen[chain]["waited_ms"] for chain in CHAINS if chosen[chain]["waited_ms"]
                 > WAITED_MAX * chosen[chain].get("median_ms", 0)]
        if noisy:
            found.append(f"{name} waited up to {max(noisy):.1f} ms a route for a processor")
    p90 = report["floor"]["at_rate"]["p90_ms"]
    return found + ([f"the relay took up to {p90:.1f} ms for nine of ten"]
                    if p90 > FLOOR_MAX * DELAY_MS else [])


def floor_summary(floor):
    return {key: {"median_ms": round(statistics.median(ms), 2),
                  "p90_ms": round(percentile(ms, 0.9), 2), "asked": len(ms)}
            for key in ("alone", "at_rate")
            for ms in [[ms for one in floor for ms in one[key] if ms is not None]]}


def table(report):
    floor = report["floor"]
    lines = [f"{report['machine']}, kernel {report['kernel']}, {report['date']}; "
             f"load before {report['load']:.1f}",
             f"routes to {report['domains']} cold signed domains, {RATE_S} a second, "
             f"{DELAY_MS} ms to every name server, TLD known, DO; {report['rounds']} rounds; "
             f"loss: {report['loss']:.1%}",
             "floor, one round trip through the relay: median "
             f"{floor['alone']['median_ms']:.2f} ms, p90 {floor['alone']['p90_ms']:.2f}; "
             f"{RATE_S * QUERIES} a second {floor['at_rate']['median_ms']:.2f}, "
             f"p90 {floor['at_rate']['p90_ms']:.2f}", "",
             f"{'':24}{'':26}{'ms':>7}{'p90':>7}{'round trips':>13}{'ours by it':>12}"
             f"{'upstream':>10}{'failed':>8}{'CPU ms':>8}{'waited':>8}"]
    for label in report["servers"][OURS]:
        for i, (name, chosen) in enumerate(report["servers"].items()):
            r = chosen[label]
            ratio = report["ratios"].get(label, {}).get(name)
            shown = f"{r['median_ms']:>7.1f}{r['p90_ms']:>7.1f}{r['round_trips']:>13.2f}" \
                if "median_ms" in r else f"{'-':>7}{'-':>7}{'-':>13}"
            lines.append(f"{'' if i else label:24}{name:26}{shown}"
                         + (f"{ratio:>12.2f}" if ratio else f"{'':>12}")
                         + f"{r['upstream']:>10.2f}{r['failed']:>8}"
                           f"{r['cpu_ms']:>8.2f}{r['waited_ms']:>8.2f}")
    lines.append("")
    for name, chosen in report["servers"].items():
        again = chosen["postfix"]["again"]
        lines.append(f"{name}: postfix a second time: {again['upstream']} queries upstream, "
                     f"{again['median_ms']} ms, {again['failed']} failed")
    kept = report["keep_warm"]
    lines.append(f"{OURS}: keep-warm, asked the first time: {kept['upstream']} queries upstream, "
                 f"{kept['ms']} ms")
    own = report["servers"][OURS]["postfix"]["own_ms"]
    lines.append(f"this program's own processor time for a route: {own:.2f} ms")
    for label, most in MOST.items():
        for peer, limit in most.items():
            ratio = report["ratios"].get(label, {}).get(peer)
            if ratio is not None:
                held = "held" if ratio <= limit else "missed"
                lines.append(f"{label}: to {peer} {ratio:.3f}, at most {limit:.2f}: {held}")
    lines += [f"{name}, {label}: {failed} of {count} domains were not answered as they should"
              for name, label, failed, count in failures(report["servers"])]
    lines += [f"disturbed: {what}" for what in report["disturbed"]]
    return "\n".join(lines)


def chart(report):
    """A bar for each server and chain; the grid is of round trips."""
    servers = report["servers"]
    most = max(chosen[chain].get("p90_ms", 0) for chosen in servers.values() for chain in CHAINS)
    steps = int(most / DELAY_MS) + 1
    scale, left, row = 520 / (steps * DELAY_MS), 200, 22
    bottom = 70 + len(CHAINS) * (row * len(servers) + 30)
    colours = dict(zip((OURS, DEFAULT, PLAIN), ("#d55e00", "#0072b2", "#56b4e9")))
    parts = [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 780 {bottom + 40}' "
             "font-family='sans-serif' font-size='12'>",
             "<rect width='100%' height='100%' fill='white'/>",
             "<text x='10' y='24' font-size='16'>Cold signed mail routes, in round trips of "
             f"{DELAY_MS} ms</text>",
             f"<text x='10' y='44' fill='#555'>median, line to p90; {escape(report['machine'])}, "
             f"{report['date']}</text>"]
    for step in range(steps + 1):
        x = left + step * DELAY_MS * scale
        parts += [f"<path d='M{x:.1f} 56V{bottom}' stroke='#ddd'/>",
                  f"<text x='{x:.1f}' y='{bottom + 16}' text-anchor='middle' "
                  f"fill='#555'>{step}</text>"]
    y = 70
    for chain, what in CHAINS.items():
        parts.append(f"<text x='{left}' y='{y + 8}' fill='#333'>{escape(what)}</text>")
        y += 14
        for name, chosen in servers.items():
            r = chosen[chain]
            median, p90 = (left + r.get(key, 0) * scale for key in ("median_ms", "p90_ms"))
            parts += [f"<text x='{left - 8}' y='{y + 14}' text-anchor='end'>{escape(name)}</text>",
                      f"<rect x='{left}' y='{y + 2}' width='{median - left:.1f}' height='16' "
                      f"fill='{colours[name]}'/>",
                      f"<path d='M{median:.1f} {y + 10}H{p90:.1f}' stroke='#333'/>",
                      f"<text x='{p90 + 6:.1f}' y='{y + 14}'>{r.get('median_ms', 0):.0f} ms</text>"]
            y += row
        y += 16
    return "\n".join(parts + ["</svg>", ""])


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--domains", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--loss", type=float, default=0.01)
    parser.add_argument("--set", action="append", default=[], metavar="KEY: VALUE",
                        help="a setting of ours, repeatable")
    parser.add_argument("--trace", choices=list(CHAINS), metavar="CHAIN",
                        help=f"what is asked upstream, and when: {', '.join(CHAINS)}")
    return parser.parse_args()


def start_servers(routes, servers_cpu, generator_cpu, options):
    started = {}
    for server in (routes.ours(f"keep-warm: {cold.name(0)}", *options.set),
                   routes.unbound(DEFAULT, "yes"), routes.unbound(PLAIN, "no")):
        if not server.there():
            print(f"{server.name}: left out, no {server.needs}", file=sys.stderr)
            continue
        pin(servers_cpu)
        try:
            server.start(started)
        finally:
            pin(generator_cpu)
        started[server.name] = server
        routes.introduce(server)
    return started


def run(relay, servers, chosen, options):
    runs, floor = all_rounds(relay, servers, chosen, options)
    summaries = {name: {label: summary(rounds) for label, rounds in of_server.items()}
                 for name, of_server in runs.items()}
    report = {**describe(), "domains": options.domains, "rounds": options.rounds,
            "loss": options.loss, "delay_ms": DELAY_MS, "rate_s": RATE_S,
            "floor": floor_summary(floor), "servers": summaries,
            "ratios": ratios(summaries), "keep_warm": ask_kept(relay, servers[OURS]),
            "runs": runs}
    return {**report, "disturbed": disturbed(report)}


def main():
    options = parse()
    servers_cpu, generator_cpu = halves()
    OUT.mkdir(parents=True, exist_ok=True)
    chosen, count = scenarios(options)
    servers = {}
    with Control() as relay, ColdRoutes(BUILD, count, generator_cpu, relay) as routes:
        relay.set("*", delay_ms=DELAY_MS)
        try:
            servers = start_servers(routes, servers_cpu, generator_cpu, options)
            if options.trace:
                return trace(relay, servers, options.trace)
            report = run(relay, servers, chosen, options)
        finally:
            for server in servers.values():
                server.stop()
    (OUT / "routes.json").write_text(json.dumps(report, indent=1) + "\n")
    (OUT / "routes.svg").write_text(chart(report))
    print(table(report))


if __name__ == "__main__":
    main()
