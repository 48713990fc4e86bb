"""The parts of `make bench`: what is run, and what of it goes into the table.

A part is a row of PARTS: a command, how long it may take, and a function that
makes rows from what it printed or wrote. Targets stand here, and nowhere else
but in the programs that print them when they run alone.
"""

import json
import sys
from dataclasses import dataclass, field

import hits
import latency
import misses
import policies
import routes
import under_attack

LOOKUP_MAX_NS = 150
LOCK_MAX_PERCENT = 5
HOT_SET_MIN_PERCENT = 99
RSS_MAX_TO_CAP = 1.25
ENTRY_MAX_OCTETS = 96
MEMORY_MAX_TO_UNBOUND = 0.5
LOAD_MAX_S = 2
MILLION = 1000000


@dataclass
class Row:
    """One line of the table. held: True, False, or None where nothing is to be
    held. ratio: ours by the peer's; where that is not the point, None."""
    figure: str
    ours: float
    unit: str = ""
    peer: str = ""               # the floor or the peer, with its figure
    ratio: float | None = None
    target: str = ""
    held: bool | None = None


@dataclass
class Part:
    name: str
    why: str
    seconds: int                 # most that it may take
    command: list                # {bench} is build/bench
    rows: object                 # function(results, all results by part) -> rows
    result: str = ""             # file in build/bench, "" for what it prints
    in_lab: bool = False
    needs: tuple = ()            # programs of build/bench without which it is not run
    lines: bool = False          # prints one JSON object a line
    missing: object = field(default=lambda results: [])   # peers not there


def at_most(value, limit):
    return value <= limit


def script(name, *options):
    return ["/usr/bin/python3", f"bench/{name}", *options]


# ---- the hit path ----

def hits_rows(results, _):
    rows = []
    for mode in hits.MODES:
        ours = results["servers"]["mxbound"][mode]
        for key, peer, most in (("to_floor", "UDP echo", hits.FLOOR_MAX),
                                ("to_unbound", "Unbound", hits.UNBOUND_MAX)):
            if ours[key] is None:
                continue
            theirs = results["servers"][peer][mode]["cpu_us"]
            rows.append(Row(f"CPU of a cached UDP answer, {mode}", ours["cpu_us"], "us",
                            f"{peer} {theirs:.2f}", ours[key], f"<= {most:.2f} x {peer}",
                            at_most(ours[key], most)))
    return rows


def hits_missing(results):
    import hits_servers
    return [kind.name for kind in hits_servers.ALL if kind.name not in results["servers"]]


def instruction_rows(results, _):
    return [Row(f"instructions in user space, {what}", count, "", target=""
                if not what.startswith("batch 64") else f"<= {hits.INSTRUCTIONS_MAX}",
                held=at_most(count, hits.INSTRUCTIONS_MAX)
                if what.startswith("batch 64") else None)
            for what, count in results.items()]


def instructions_missing(results):
    return [] if results else ["valgrind"]


# ---- the cache ----

def lookup_rows(results, everything):
    rows = []
    for one in results["lookups"]:
        hot = one["among"].startswith("hot")
        rows.append(Row(f"lookup with copy, {one['among']}, {one['octets']} octets",
                        one["get_aged_ns"], "ns", f"memcpy {one['memcpy_ns']:.1f}",
                        one["to_memcpy"], f"<= {LOOKUP_MAX_NS} ns" if hot else "",
                        at_most(one["get_aged_ns"], LOOKUP_MAX_NS) if hot else None))
    return rows + lock_rows(results, everything)


def lock_rows(results, everything):
    """The lock by the whole of a hit, as hits.py has it in the same run. More threads
    than processors wait for a processor, not for a lock: stated, not held."""
    hit_us = everything.get("hits", {}).get("servers", {}).get("mxbound", {}) \
        .get("plain", {}).get("cpu_us")
    rows = []
    for one in results["threads"]:
        ns = results["lock_unlock_ns"] + one["lock_wait_ns"]
        figure = f"shard lock, {one['threads']} threads that only look up, " \
                 f"{one['lock_wait_ns']:.1f} ns of it waiting"
        if not hit_us:
            rows.append(Row(figure, ns, "ns"))
            continue
        percent = ns / hit_us / 10
        judged = one["threads"] <= everything["cpus"]
        rows.append(Row(figure, ns, "ns", f"a hit {hit_us:.2f} us", round(percent / 100, 4),
                        f"<= {LOCK_MAX_PERCENT} % of a hit" if judged else "",
                        at_most(percent, LOCK_MAX_PERCENT) if judged else None))
    return rows


def memory_rows(results, _):
    small, large = results
    return [Row("RSS at most, ten times as much as fits in "
                f"{large['cache_mib']} MiB", large["rss_highest_mib"], "MiB",
                f"cap {large['cache_mib']}", large["rss_highest_to_cap"],
                f"<= {RSS_MAX_TO_CAP} x cap, beyond {large['rss_base_mib']:.1f} MiB "
                "before it", at_most(large["rss_highest_to_cap"], RSS_MAX_TO_CAP)),
            Row("octets an entry beyond key and wire",
                small["octets_each_beyond_key_and_wire"], "", "",
                None, f"<= {ENTRY_MAX_OCTETS}",
                at_most(small["octets_each_beyond_key_and_wire"], ENTRY_MAX_OCTETS))]


def peer_memory_rows(results, everything):
    """Three ways to take "ours": the cache, the process it lives in, and all
    processes with the resolver's own caches."""
    of = {one["what"]: one for one in results}
    if "unbound" not in of:
        return []
    unbound = of["unbound"]["grown_mib"]["unbound"]
    rows, cache = [], everything.get("memory")
    if cache:
        rows.append(memory_row("the cache", cache[0]["rss_mib"], unbound, False))
    if "mxbound" in of:
        grown = of["mxbound"]["grown_mib"]
        rows.append(memory_row("the front", grown["mxbound-front"], unbound, True))
        rows.append(memory_row("all processes", sum(grown.values()), unbound, False))
    return rows


def memory_row(what, ours, unbound, judged):
    ratio = ours / unbound
    return Row(f"a million answers, {what}", ours, "MiB", f"Unbound {unbound:.0f}", ratio,
               f"<= {MEMORY_MAX_TO_UNBOUND} x Unbound" if judged else "",
               at_most(ratio, MEMORY_MAX_TO_UNBOUND) if judged else None)


def peer_memory_missing(results):
    answered = {one["what"]: one["kept_share"] for one in results}
    return [what for what in ("unbound", "mxbound") if answered.get(what, 0) < 0.999]


def trace_rows(results, _):
    """Held where the domains' answers, 19.6 MiB, are 70 % of the cache."""
    share = {(one["trace"], one["cache_mib"], one["policy"]):
             100 * one["kept_hits"] / one["kept_questions"] for one in results}
    rows = []
    for (trace, mib, policy), ours in sorted(share.items()):
        if policy != "S3-FIFO":
            continue
        peers = ", ".join(f"{other} {share[trace, mib, other]:.2f}" for other in ("LRU", "FIFO"))
        judged = (trace, mib) == ("mail", 28)
        rows.append(Row(f"hits of the {trace} trace in {mib} MiB", ours, "%", peers, None,
                        f">= {HOT_SET_MIN_PERCENT} %" if judged else "",
                        ours >= HOT_SET_MIN_PERCENT if judged else None))
    return rows


def snapshot_rows(results, _):
    load_s = results["load_ms"] / 1000
    p99 = {one["what"]: one["p99_ns"] for one in results["hits"]}
    rows = [Row(f"load of {results['answers']} entries", load_s, "s", "", None,
                f"< {LOAD_MAX_S} s", load_s < LOAD_MAX_S)]
    return rows + [Row(f"p99 of a lookup beside: {what}", ns, "ns", f"quiet {p99['quiet']:.0f}",
                       ns / p99["quiet"]) for what, ns in p99.items() if what != "quiet"]


# ---- cold names ----

def latency_rows(results, _):
    ours, ratios = results["servers"]["mxbound"], results["ratios"]
    unbound = results["servers"].get("Unbound")
    rows = [Row("hit latency p99 beside cold names", ours["misses"]["us"]["p99"], "us",
                f"quiet {ours['quiet']['us']['p99']:.0f}", ratios["to_own_quiet"],
                f"<= {latency.QUIET_MAX} x quiet",
                at_most(ratios["to_own_quiet"], latency.QUIET_MAX))]
    for p in ("p50", "p99", "p99.9"):
        for mode in latency.MODES if unbound else ():
            mine, theirs = ours[mode]["us"][p], unbound[mode]["us"][p]
            judged = p == "p99" and mode == "misses"
            what = "beside cold names" if mode == "misses" else "quiet"
            rows.append(Row(f"hit latency {p} {what}", mine, "us", f"Unbound {theirs:.0f}",
                            mine / theirs, "<= 1/3 x Unbound" if judged else "",
                            at_most(mine / theirs, latency.UNBOUND_MAX) if judged else None))
    for name, modes in results["servers"].items():
        rows.append(Row(f"cold names answered beside them, {name}",
                        modes["misses"]["misses_s"], "/s", f"asked {latency.MISSES_S}"))
    return rows


def latency_missing(results):
    return [] if "Unbound" in results["servers"] else ["Unbound"]


def under_attack_rows(results, _):
    rows = []
    for attack, ratio in results["ratios"]["mxbound"].items():
        p99 = results["servers"]["mxbound"][attack]["us"]["p99"]
        theirs = results["servers"].get("Unbound", {}).get(attack)
        rows.append(Row(f"hit latency p99 beside attack {attack}", p99, "us",
                        f"Unbound {theirs['us']['p99']:.0f}" if theirs else "", ratio,
                        f"<= {under_attack.RATIO_MAX} x quiet",
                        at_most(ratio, under_attack.RATIO_MAX)))
    return rows


def misses_rows(results, _):
    ours, unbound = (results["servers"].get(name) for name in ("mxbound", "Unbound"))
    cost, computed = results["verify_cost"], results["with_openssl"]
    rows = []
    if unbound:
        found = results["ratios"]["mxbound"]
        rows.append(Row("cold signed names a second", ours["names_s"], "/s",
                        f"Unbound {unbound['names_s']}", found,
                        f">= {misses.UNBOUND_MIN} x Unbound", found >= misses.UNBOUND_MIN))
        rows.append(Row("CPU for one of them", ours["total_us"], "us",
                        f"Unbound {unbound['total_us']:.0f}",
                        ours["total_us"] / unbound["total_us"]))
        apart = results["servers"]["mxbound, front apart"]
        rows.append(Row("the same, front on the other processor", apart["names_s"], "/s",
                        f"Unbound {unbound['names_s']}",
                        results["ratios"]["mxbound, front apart"]))
        rows.append(Row("the same, computed for libunbound with OpenSSL",
                        computed["names_s"], "/s", f"Unbound {unbound['names_s']}",
                        computed["ratio"]))
    rows.append(Row("one P-256 signature checked by nettle", cost["nettle_us"], "us",
                    f"OpenSSL {cost['openssl_us']:.0f}", cost["nettle_us"] / cost["openssl_us"]))
    return rows


def misses_missing(results):
    missing = [] if "Unbound" in results["servers"] else ["Unbound"]
    missing += [] if results["profile"] else ["perf"]
    return missing + [f"a processor of its own for {name}, busy {results['servers'][name]['busy']}"
                      for name in misses.disturbed(results["servers"])]


# ---- mail routes ----

def peers_of(results, scenario, key, unit=""):
    """What the others have, in words."""
    return ", ".join(f"{name} {results['servers'][name][scenario][key]:.4g}{unit}"
                     for name in (routes.DEFAULT, routes.PLAIN) if name in results["servers"])


def route_rows_of(results, chain):
    ours = results["servers"][routes.OURS][chain]
    figure, rows = f"cold route, {chain}", []
    for peer, most in routes.MOST[chain].items():
        if peer in results["servers"]:
            theirs, ratio = results["servers"][peer][chain], results["ratios"][chain][peer]
            rows.append(Row(figure, ours["median_ms"], "ms", f"{peer} {theirs['median_ms']:.1f}",
                            ratio, f"<= {most:.2f} x {peer}", at_most(ratio, most)))
    for note, key in ((", p90, ms", "p90_ms"), (", in round trips", "round_trips"),
                      (", questions upstream", "upstream")):
        rows.append(Row(figure + note, ours[key], "", peers_of(results, chain, key)))
    lossy = f"{chain}, loss"
    rows.append(Row(f"{figure}, {results['loss']:.0%} lost",
                    results["servers"][routes.OURS][lossy]["median_ms"], "ms",
                    peers_of(results, lossy, "median_ms"),
                    results["ratios"][lossy].get(routes.DEFAULT)))
    return rows


def routes_rows(results, _):
    rows = [row for chain in routes.CHAINS for row in route_rows_of(results, chain)]
    again, kept = results["servers"][routes.OURS]["postfix"]["again"], results["keep_warm"]
    rows += [Row(f"{what}, questions upstream", count, "", "", None, "0", count == 0 and good)
             for what, count, good in (
                 ("cold route, postfix, a second time", again["upstream"], not again["failed"]),
                 ("route of a keep-warm domain, the first time", kept["upstream"],
                  kept["ms"] is not None))]
    floor = results["floor"]["at_rate"]
    return rows + [Row("one round trip to a name server", floor["median_ms"], "ms",
                       f"asked for {results['delay_ms']}")]


def routes_missing(results):
    missing = [name for name in (routes.DEFAULT, routes.PLAIN)
               if name not in results["servers"]]
    missing += [f"secure answers of {name} for {failed} of {count} domains ({scenario})"
                for name, scenario, failed, count in routes.failures(results["servers"])]
    return missing + [f"a quiet machine: {what}" for what in results["disturbed"]]


# ---- policies for Postfix ----

def policies_rows(results, _):
    """Each case beside the peer where that can answer it, else beside the floor."""
    rows = []
    for case, ours in results["servers"][policies.OURS].items():
        peer = policies.PEER if case in results["servers"].get(policies.PEER, {}) \
            else policies.FLOOR
        theirs = results["servers"][peer][case]
        ratio = ours["to_peer" if peer == policies.PEER else "to_floor"]
        rows.append(Row(f"policies a second, {case}", ours["rate_s"], "/s",
                        f"{peer} {theirs['rate_s']:.0f}", ratio))
        rows += [Row(f"a policy, {case}, {words}", ours[key], "us", f"{peer} {theirs[key]:.0f}",
                     ours[key] / theirs[key])
                 for words, key in (("p50", "p50_us"), ("p99", "p99_us"), ("CPU", "cpu_us"))]
    return rows


def policies_missing(results):
    missing = [] if policies.PEER in results["servers"] else [policies.PEER]
    return missing + [f"right replies of {name}: {one['wrong']} were wrong ({case})"
                      for name, cases in results["servers"].items()
                      for case, one in cases.items() if one["wrong"]]


# The order matters: lookup's lock is measured by the hit of hits, and memory of
# the peers stands beside that of the cache.
PARTS = [
    Part("hits", "an answer from the cache", 260,
         script("hits.py", "--no-instructions", "--seconds", "1.2"),
         hits_rows, "hits.json", in_lab=True, needs=("udp_echo",), missing=hits_missing),
    Part("instructions", "what that takes in user space", 120,
         script("hits.py", "--only-instructions"), instruction_rows,
         needs=("hits_instructions",), missing=instructions_missing),
    Part("lookup", "the cache alone, and its lock", 90,
         ["{bench}/cache_lookup", "-j", "100000", "8"], lookup_rows, needs=("cache_lookup",)),
    Part("memory", "what the cache takes", 40, ["{bench}/cache_memory"], memory_rows,
         needs=("cache_memory",), lines=True),
    Part("memory-peers", "beside what Unbound takes", 240, script("cache_memory_peers.py"),
         peer_memory_rows, lines=True, missing=peer_memory_missing),
    Part("traces", "what is kept, and what goes", 150,
         ["{bench}/cache_traces", "-o", "{bench}"], trace_rows, "cache_traces.json",
         needs=("cache_traces", "cache_replay_s3fifo", "cache_replay_lru", "cache_replay_fifo")),
    Part("snapshot", "a million entries from disk", 60,
         ["{bench}/cache_snapshot", str(MILLION), "{bench}/cache_snapshot.json", "{bench}"],
         snapshot_rows, "cache_snapshot.json", needs=("cache_snapshot",)),
    Part("latency", "hits beside misses", 240, script("latency.py"), latency_rows,
         "latency.json", in_lab=True, needs=("open_loop", "cold_zones"),
         missing=latency_missing),
    Part("under-attack", "hits beside name servers that attack", 240,
         script("under_attack.py"), under_attack_rows, "under_attack.json", in_lab=True,
         needs=("open_loop",), missing=latency_missing),
    Part("misses", "cold signed names", 180, script("misses.py"), misses_rows,
         "misses.json", in_lab=True, needs=("cold_zones", "verify_cost"),
         missing=misses_missing),
    Part("routes", "cold mail routes, 30 ms away", 240, script("routes.py"), routes_rows,
         "routes.json", in_lab=True, needs=("cold_zones",), missing=routes_missing),
    Part("policies", "policies for Postfix", 120, script("policies.py", "--rounds", "3"),
         policies_rows, "policies.json", in_lab=True,
         needs=("policies_load", "netstring_echo"), missing=policies_missing),
]


def by_name(name):
    return next((part for part in PARTS if part.name == name), None)


def read(part, printed, folder):
    """What the part found. Its series and single runs stay in its own file."""
    text = (folder / part.result).read_text() if part.result else printed
    if part.lines:
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    found = json.loads(text if part.result else
                       [line for line in text.splitlines() if line.startswith("{")][-1])
    if isinstance(found, dict):
        found.pop("runs", None)
    else:
        for one in found:
            one.pop("series", None)
    return found


if __name__ == "__main__":
    sys.exit("parts.py is for bench.py")
