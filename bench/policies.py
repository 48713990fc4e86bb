#!/usr/bin/python3
"""TLS policies for Postfix, from the cache: how many a second, and how long one takes.

    make bench-policies
    make bench-policies ARGS="--rounds 9 --seconds 2"

Runs in the lab. METHOD.md says what each figure is.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import hits
import hits_servers
from hits_servers import Mxbound, Unbound, free_port
from machine import describe, halves, pin
from https_policies import PolicyHosts, policy, reply
from lab.domains import many
from mxbound import wait_until

BUILD, OUT = hits.BUILD, hits.OUT
CONNECTIONS = (1, 64)
WARM_TRIES = 8
FLOOR, OURS, PEER = "TCP echo", "mxbound", "postfix-mta-sts-resolver"

STS = [f"{name}.sts-mail.lab" for name in ("enforce", "wrong", "self", "elsewhere")]
# What is asked for, and the word that every reply begins with.
QUESTIONS = {
    "no policy": ([many(i) for i in range(1, 200, 2)], "NOTFOUND"),
    "MTA-STS": (STS, "OK"),
    "DANE": ([many(i) for i in range(0, 200, 2)], "OK"),
}
# The peer knows nothing of DANE, and the floor says the same to everything.
KNOWN = {PEER: ("no policy", "MTA-STS")}

RESOLV_CONF = "nameserver 127.0.0.1\n"
WITH_RESOLV_CONF = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
# As Debian has it, but for port and place.
PEER_CONFIG = """\
host: 127.0.0.1
port: {port}
cache:
  type: sqlite
  options:
    filename: "{folder}/cache.db"
"""


# ---- the servers ----

class Floor(hits_servers.Server):
    name, map_name = FLOOR, "QUERY"

    def there(self):
        return True

    def start(self, hosts):
        self.launch([BUILD / "bench/netstring_echo", str(self.port)])


class Ours(hits_servers.Server):
    name, map_name = OURS, "QUERY"

    def there(self):
        return True

    def start(self, hosts):
        self.server = Mxbound(
            "workers: 1", "resolvers: 1", "control-socket: no",
            f"policy-listen: 127.0.0.1@{self.port}", "mta-sts-private: yes",
            f"mta-sts-ca-file: {hosts.ca_file}", build=BUILD)
        self.server.start()
        self.process = self.server.process

    def stop(self):
        self.server.stop()


class Peer(hits_servers.Server):
    """Beside an Unbound, which it asks as it would in a mail host: by
    /etc/resolv.conf. What Unbound uses of the processor is counted too."""
    name, needs, map_name = PEER, "mta-sts-daemon", "postfix"

    def there(self):
        return bool(shutil.which(self.needs) and shutil.which("unbound"))

    def start(self, hosts):
        self.resolver = Unbound(port=53)
        self.resolver.start()
        folder = self.folder()
        (folder / "resolv.conf").write_text(RESOLV_CONF)
        (folder / "config.yml").write_text(PEER_CONFIG.format(port=self.port, folder=folder))
        os.environ["SSL_CERT_FILE"] = str(hosts.ca_file)
        self.launch(["unshare", "--mount", "sh", "-c", WITH_RESOLV_CONF, folder / "resolv.conf",
                     "mta-sts-daemon", "-c", folder / "config.yml"], folder)

    def cpu_s(self):
        return super().cpu_s() + sum(hits_servers.cpu_by_program(
            self.resolver.process.pid).values())

    def stop(self):
        super().stop()
        self.resolver.stop()


# ---- asking ----

def load(server, questions, connections, seconds):
    done = subprocess.run(
        [BUILD / "bench/policies_load", str(server.port), server.map_name, str(connections),
         str(seconds), questions], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise SystemExit(f"policies: {server.name}: {done.stderr}")
    return json.loads(done.stdout)


def listens(server):
    with open("/proc/net/tcp") as table:
        return any(line.split()[1].endswith(f":{server.port:04X}") and line.split()[3] == "0A"
                   for line in table.readlines()[1:])


def warm(server, files):
    """Ask until every reply is the right one; or say why not."""
    wait_until(lambda: listens(server), 10, f"{server.name} listens")
    for what in asked_of(server.name):
        word = QUESTIONS[what][1]
        for _ in range(WARM_TRIES):
            replies = load(server, files[what], 1, 0.5)["replies"]
            if replies.keys() == {word} or server.name == FLOOR:
                break
        else:
            print(f"{server.name}: left out, says {replies} where {word} is right ({what})",
                  file=sys.stderr)
            return False
    return True


def asked_of(name):
    return KNOWN.get(name, tuple(QUESTIONS))


def measure(server, what, files, connections, seconds):
    cpu = server.cpu_s()
    found = load(server, files[what], connections, seconds)
    cpu = server.cpu_s() - cpu
    wrong = sum(found["replies"].values()) - found["replies"].get(QUESTIONS[what][1], 0)
    return {"rate_s": found["answers"] / found["seconds"], "p50_us": found["p50_us"],
            "p99_us": found["p99_us"], "cpu_us": cpu / found["answers"] * 1e6,
            "wrong": 0 if server.name == FLOOR else wrong}


# ---- the results ----

def key_of(what, connections):
    return f"{what}, {connections} connection{'s' if connections > 1 else ''}"


def summarize(rounds):
    """Medians; ratios to the others are made within a round."""
    result = {}
    for name, cases in rounds.items():
        result[name] = {}
        for key, runs in cases.items():
            one = {k: round(statistics.median(run[k] for run in runs), 2)
                   for k in ("rate_s", "p50_us", "p99_us", "cpu_us")}
            one["wrong"] = sum(run["wrong"] for run in runs)
            for label, other in (("to_floor", FLOOR), ("to_peer", PEER)):
                theirs = rounds.get(other, {}).get(key)
                one[label] = theirs and round(statistics.median(
                    a["rate_s"] / b["rate_s"] for a, b in zip(runs, theirs)), 3)
            result[name][key] = one
    return result


def cell(ratio):
    return f"{ratio:.3g}" if ratio else "-"


def table(report):
    lines = [f"{report['machine']}, kernel {report['kernel']}, {report['date']}; "
             f"load before {report['load']:.1f}",
             f"policies over socketmap, answers cached; {report['rounds']} rounds of "
             f"{report['seconds']} s each, interleaved; one request on the way per connection", "",
             f"{'':26}{'':28}{'policies/s':>11}{'p50 us':>9}{'p99 us':>9}{'CPU us':>9}"
             f"{'/ echo':>8}{'/ peer':>8}{'wrong':>7}"]
    for key in report["servers"][OURS]:
        for name, cases in report["servers"].items():
            if r := cases.get(key):
                lines.append(f"{key:26}{name:28}{r['rate_s']:>11.0f}{r['p50_us']:>9.0f}"
                             f"{r['p99_us']:>9.0f}{r['cpu_us']:>9.1f}{cell(r['to_floor']):>8}"
                             f"{cell(r['to_peer']):>8}{r['wrong']:>7}")
    return "\n".join(lines)


def start_all(hosts, files, servers_cpu, generator_cpu):
    started = {}
    for kind in (Floor, Ours, Peer):
        server = kind(BUILD)
        if not server.there():
            print(f"{server.name}: left out, no {server.needs} (make bench-deps)",
                  file=sys.stderr)
            continue
        server.port = free_port()
        pin(servers_cpu)
        server.start(hosts)
        pin(generator_cpu)
        if warm(server, files):
            started[server.name] = server
        else:
            server.stop()
    return started


def run(servers, files, options):
    rounds = {name: {key_of(what, n): [] for what in asked_of(name) for n in CONNECTIONS}
              for name in servers}
    for _ in range(options.rounds):
        for what in QUESTIONS:
            for connections in CONNECTIONS:
                for name, server in servers.items():
                    if what in asked_of(name):
                        rounds[name][key_of(what, connections)].append(
                            measure(server, what, files, connections, options.seconds))
    return rounds


def write_questions(folder):
    files = {}
    for i, (what, (domains, _)) in enumerate(QUESTIONS.items()):
        files[what] = folder / f"questions{i}"
        files[what].write_text("".join(f"{domain}\n" for domain in domains))
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    options = parser.parse_args()
    report = {**describe(), "rounds": options.rounds, "seconds": options.seconds}
    folder = Path(tempfile.mkdtemp(prefix="policies-", dir=os.environ["LAB_DIR"]))
    files, servers = write_questions(folder), {}
    with PolicyHosts(folder, more=STS) as hosts:
        for domain in STS:
            hosts.serve(domain, reply(policy(mx=[f"*.{domain}"])))
        try:
            servers = start_all(hosts, files, *halves())
            rounds = run(servers, files, options)
        finally:
            for server in reversed(servers.values()):
                server.stop()
    report.update(servers=summarize(rounds), runs=rounds)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "policies.json").write_text(json.dumps(report, indent=1) + "\n")
    print(table(report))


if __name__ == "__main__":
    main()
