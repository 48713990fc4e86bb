"""What is done to the daemons meanwhile, one thing after another.

`kept` is left its front, its supervisor, its fetcher and its first resolver, so
that their memory can be watched throughout. In `shaken` everything is killed
and replaced, itself included.
"""

import os
import signal
import threading
import time

from mxbound import wait_until
from processes import gone, roles


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass                     # it has just been replaced


class Disturber(threading.Thread):
    def __init__(self, name, server, over, every_s):
        super().__init__(daemon=True)
        self.daemon_name, self.server, self.over, self.every_s = name, server, over, every_s
        self.done = []               # (time, what)
        self.error = None
        self.first_resolver = server.resolvers()[0]

    def run(self):
        steps = self.STEPS
        try:
            for i in range(10 ** 9):
                if self.over.wait(self.every_s):
                    return
                step = steps[i % len(steps)]
                self.done.append((time.monotonic(), f"{self.daemon_name}: {step.__doc__}"))
                step(self)
        except Exception as e:       # what cannot be disturbed fails the soak
            self.error = e

    def others(self):
        return [pid for pid in self.server.resolvers() if pid != self.first_resolver]

    # -- steps --

    def snapshot(self):
        """snapshot"""
        send([self.server.process.pid], signal.SIGUSR1)

    def kill_other_resolver(self):
        """second resolver killed"""
        send(self.others(), signal.SIGKILL)

    def stop_other_resolver(self):
        """second resolver stopped, until it is replaced"""
        send(self.others(), signal.SIGSTOP)

    def kill_front(self):
        """front killed"""
        send(self.server.fronts(), signal.SIGKILL)

    def kill_resolvers(self):
        """all resolvers killed"""
        send(self.server.resolvers(), signal.SIGKILL)

    def kill_fetcher(self):
        """fetcher killed"""
        send(self.server.fetchers(), signal.SIGKILL)

    def take_over(self):
        """taken over by a new version"""
        send([self.server.process.pid], signal.SIGUSR2)

    def kill_all(self):
        """supervisor killed, started again"""
        children = sum(roles(self.server).values(), [])
        self.server.process.kill()
        self.server.process.wait()
        wait_until(lambda: all(gone(pid) for pid in children), 10, "its processes end with it")
        self.server.start()


class DisturbKept(Disturber):
    STEPS = (Disturber.snapshot, Disturber.kill_other_resolver, Disturber.snapshot,
             Disturber.stop_other_resolver)


class DisturbShaken(Disturber):
    # What loses queries is far enough apart for who asks again.
    STEPS = (Disturber.kill_front, Disturber.take_over, Disturber.kill_resolvers,
             Disturber.kill_fetcher, Disturber.kill_all, Disturber.snapshot, Disturber.take_over)
