"""The lab's own world: user, network, mount and pid namespaces.

Outside, enter() starts this program again under unshare(1) and passes signals
on. Inside, that program is the first process: when it ends, however it ends,
the kernel ends everything it started.
"""

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path

SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}
GRACE_S = 5                    # for the command to end after a signal
CANNOT = 77                    # what test runners take for "skipped"
SBIN = ":/usr/sbin:/sbin"      # where Debian has nsd and ip
SI_KERNEL = 0x80               # sent by the terminal: all its processes have it
PR_SET_PDEATHSIG = 1

HELP = """\
lab: cannot make a user and network namespace here: {why}
     In a container, allow it to (CAP_SYS_ADMIN, or a seccomp profile that lets
     unshare through); elsewhere see sysctl kernel.unprivileged_userns_clone
     and kernel.apparmor_restrict_unprivileged_userns.
"""

UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
ROOT_ALONE = [*UNSHARE, "--map-root-user"]


def die_with_parent():
    """In the child, before exec: our end, even by SIGKILL, is unshare's end."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS | {signal.SIGCHLD})


def available(command):
    """None, or why a lab cannot run here."""
    try:
        done = subprocess.run([*command, "true"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.strip()


def own_ids(which):
    """uid_map or gid_map of a namespace that has all ids that we have."""
    words = Path("/proc/self", which).read_text().split()
    return "".join(f"{first} {first} {count}\n" for first, count in zip(words[::3], words[2::3]))


@contextmanager
def with_accounts():
    """The command that runs another in new namespaces with all accounts of the
    machine. Only root can have these; else it is root alone."""
    holder = None
    try:
        holder = subprocess.Popen(["unshare", "--user", "sh", "-c", "echo; read end"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL)
        holder.stdout.readline()
        for which in ("uid_map", "gid_map"):
            Path(f"/proc/{holder.pid}", which).write_text(own_ids(which))
        command = ["nsenter", f"--user=/proc/{holder.pid}/ns/user", *UNSHARE]
        if available(command):
            command = ROOT_ALONE
    except OSError:
        command = ROOT_ALONE
    try:
        yield command
    finally:
        if holder:
            holder.communicate()


def enter(command, accounts=False):
    """Run command in new namespaces; returns its exit status, 128+N after a
    signal N. It gets a descriptor, LAB_SIGNALS, from which it reads the
    number, as one octet, of every signal sent to us alone."""
    with with_accounts() if accounts else nullcontext(ROOT_ALONE) as unshare:
        why = available(unshare)
        if why:
            sys.stderr.write(HELP.format(why=why))
            return CANNOT
        return enter_by(unshare, command)


def enter_by(unshare, command):
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS | {signal.SIGCHLD})
    reading, writing = os.pipe()
    child = subprocess.Popen([*unshare, *command], pass_fds=[reading],
                             env={**os.environ, "LAB_SIGNALS": str(reading)},
                             preexec_fn=die_with_parent)
    os.close(reading)
    try:
        return wait(child, writing)
    finally:
        if child.returncode is None:
            child.kill()
            child.wait()


def wait(child, writing):
    """Pass signals on until the child ends. The second one kills."""
    ending = None
    while True:
        if ending is None:
            got = signal.sigwaitinfo(SIGNALS | {signal.SIGCHLD})
        else:
            got = signal.sigtimedwait(SIGNALS | {signal.SIGCHLD}, GRACE_S)
        if got is not None and got.si_signo == signal.SIGCHLD:
            if child.poll() is not None:
                code = child.returncode
                return 128 - code if code < 0 else code
            continue
        if got is not None and got.si_code == SI_KERNEL:
            continue
        if ending is not None:
            child.kill()
            child.wait()
            return 128 + ending
        ending = got.si_signo
        os.write(writing, bytes([ending]))


# The mail host's own: one address that is not loopback's, or getaddrinfo() with
# AI_ADDRCONFIG, as dnsperf uses it, takes the host for one without IPv4.
HOST_ADDRESS = "198.18.255.53"


def bring_up(addresses6):
    """Inside: loopback with the host's address and the servers' IPv6 ones."""
    commands = ["link set lo up", f"address add {HOST_ADDRESS}/32 dev lo"]
    commands += [f"address add {a}/128 dev lo nodad" for a in addresses6]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands) + "\n",
                   text=True, check=True, timeout=10)
