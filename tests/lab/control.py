"""Tests' handle on the relay: change how servers behave, count what they saw.

    with Control() as relay:                  # of the lab we run in
        relay.set("ns1.alpha.lab.", delay_ms=30)
        relay.forget()
        ...
        assert relay.count(name="d000.lab.", type="MX") == 1
        relay.reset()

Behaviours are the fields of relay.Behaviour; server "*" means every one.
"""

import json
import os
import socket
import struct

WAIT_S = 10


class Control:
    def __init__(self, path=None):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(WAIT_S)
        self.sock.connect(path or os.environ["LAB_CONTROL"])
        self.file = self.sock.makefile("rw")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def pid(self):
        """The relay's process, for who measures and says where it is to run."""
        ids = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return struct.unpack("3i", ids)[0]

    def ask(self, do, **arguments):
        self.file.write(json.dumps({"do": do, **arguments}) + "\n")
        self.file.flush()
        answer = json.loads(self.file.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer

    def set(self, server, **behaviour):
        """Change some settings of a server, leave its others."""
        self.ask("set", server=server, **behaviour)

    def get(self, server):
        return self.ask("get", server=server)

    def reset(self, server="*"):
        """Back to how it was when the lab started."""
        self.ask("reset", server=server)

    def counts(self):
        """[(server, name, type, "udp"|"tcp", number)] of all queries that
        arrived since forget(), those that were then lost included. Names are
        absolute and in lower case."""
        return [tuple(c) for c in self.ask("counts")["counts"]]

    def count(self, server=None, name=None, type=None, transport=None):
        """Queries seen; what is not given is not looked at."""
        wanted = (server, name, type, transport)
        return sum(n for *key, n in self.counts()
                   if all(w is None or w == k for w, k in zip(wanted, key)))

    def forget(self):
        """All counts to zero."""
        self.ask("forget")

    def add(self, server, v4, v6, behind):
        """One more server, at these addresses, which must be there (v6 may be
        None); it forwards to the address behind. It stays until the lab ends."""
        self.ask("add", server=server, v4=v4, v6=v6, behind=behind)

    def watch(self):
        """From now on remember each query and its time."""
        self.ask("watch")

    def watched(self):
        """[(time, server, name, type, transport)] since watch(), in the order of
        arrival, and watch no more. The time is that of time.monotonic()."""
        return [tuple(w) for w in self.ask("watched")["watched"]]
