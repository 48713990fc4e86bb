"""The machine that is measured on, and how it is shared out."""

import datetime
import os
import platform
import shutil
import subprocess


def halves():
    """The processor of the servers and that of the generator."""
    cpus = sorted(os.sched_getaffinity(0))
    return ({cpus[0]}, {cpus[1]}) if len(cpus) > 1 else (set(cpus), set(cpus))


def pin(cpus):
    """This process, and what it starts from now on."""
    os.sched_setaffinity(0, cpus)


def model():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return f"{line.partition(':')[2].strip()}, {os.cpu_count()} CPUs"
    return platform.machine()


def describe():
    return {"machine": model(), "kernel": platform.release(),
            "date": datetime.date.today().isoformat(), "load": round(os.getloadavg()[0], 2)}


def versions(packages):
    """{package: version} of those that are installed, where there is dpkg."""
    if not shutil.which("dpkg-query"):
        return {}
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\n",
                           *packages], capture_output=True, text=True, timeout=20)
    rows = [line.split() for line in done.stdout.splitlines()]
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "installed"}
