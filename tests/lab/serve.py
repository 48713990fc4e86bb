"""The NSD processes: one for each instance in servers.py."""

import subprocess

from .servers import INSTANCES, instance_address
from .domains import ROWS
from .zones import instances_of

# These put into an answer what may be asked next, the others do not.
CHATTY = {"root", "lab", "alpha"}

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


def write_config(instance, folder, zone_files):
    text = CONFIG.format(address=instance_address(instance), folder=folder,
                         minimal="no" if instance in CHATTY else "yes")
    for row in ROWS:
        if instance in instances_of(row):
            text += ZONE.format(name=row.name, path=zone_files[row.name])
    path = folder / "nsd.conf"
    path.write_text(text)
    return path


def start_all(lab_dir, zone_files):
    """Start every instance; returns {name: Popen}. They are ready when their
    servers answer, which the caller asks for (ready.py)."""
    started = {}
    for instance in INSTANCES:
        folder = lab_dir / "nsd" / instance
        folder.mkdir(parents=True)
        config = write_config(instance, folder, zone_files)
        started[f"nsd {instance}"] = subprocess.Popen(
            ["nsd", "-d", "-c", str(config)], stdin=subprocess.DEVNULL,
            stdout=open(folder / "output", "w"), stderr=subprocess.STDOUT,
            start_new_session=True)
    return started
