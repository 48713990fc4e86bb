"""One NSD: its configuration and its start. The lab has several, bench/ some more."""

import subprocess

CONFIG = """\
server:
    ip-address: {address}
    username: ""
    zonesdir: "{folder}"
    zonelistfile: "{folder}/zone.list"
    database: ""
    xfrdfile: ""
    xfrdir: "{folder}"
    pidfile: ""
    logfile: "{folder}/log"
    server-count: 1
    tcp-count: 200
    ipv4-edns-size: 1232
    ipv6-edns-size: 1232
    rrl-ratelimit: 0
    hide-version: yes
    minimal-responses: {minimal}
remote-control:
    control-enable: no
"""

ZONE = """\
zone:
    name: "{name}"
    zonefile: "{path}"
"""


def start(folder, address, zones, minimal=True, **how):
    """Makes the folder. address: "ADDR" or "ADDR@PORT"; zones: {name: path of its
    file}; minimal: nothing into an answer that may be asked next; how: for Popen.
    Ready when it answers, which the caller asks for."""
    folder.mkdir(parents=True)
    config = folder / "nsd.conf"
    config.write_text(
        CONFIG.format(address=address, folder=folder, minimal="yes" if minimal else "no")
        + "".join(ZONE.format(name=name, path=path) for name, path in zones.items()))
    with open(folder / "output", "w") as output:
        return subprocess.Popen(["nsd", "-d", "-c", str(config)], stdin=subprocess.DEVNULL,
                                stdout=output, stderr=subprocess.STDOUT, **how)
