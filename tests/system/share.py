"""Test files shared out among several pytest at once (see run.py).

Each collects everything; a file is run by whoever makes its claim first. A file
is never cut, since its tests share what its fixtures keep for a module.
"""

import json
import os
import time
from itertools import groupby
from pathlib import Path

CLAIMS = "MX_TEST_CLAIMS"       # folder; not set: all is ours
ACCOUNTS = "MX_TEST_ACCOUNTS"   # set: this lab has accounts, for those that need them
NEED_ACCOUNTS = {"test_postfix.py"}

# These take longest, so they are begun first.
LONG = ["test_supervisor.py", "test_ctl.py", "test_policy.py", "test_fetcher.py", "test_sts.py",
        "test_stale.py", "test_resolver.py", "test_keep_warm.py", "test_lookup.py", "test_tcp.py",
        "test_attackers.py", "test_mail_facts.py", "test_soak.py", "test_load.py"]


def order(name):
    return LONG.index(name) if name in LONG else len(LONG)


def claim(folder, name):
    try:
        os.close(os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True


def run(session):
    """In place of pytest's own loop."""
    folder = Path(os.environ[CLAIMS])
    files = [(name, list(items)) for name, items in
             groupby(session.items, lambda item: item.path.name)]
    for name, items in sorted(files, key=lambda f: order(f[0])):
        if (name in NEED_ACCOUNTS) != (ACCOUNTS in os.environ) or not claim(folder, name):
            continue
        began, failed = time.monotonic(), session.testsfailed
        for i, item in enumerate(items):
            following = items[i + 1] if i + 1 < len(items) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
        (folder / name).write_text(json.dumps(
            {"tests": len(items), "failed": session.testsfailed - failed,
             "seconds": time.monotonic() - began}))
    (folder / "all").write_text("\n".join(name for name, _ in files))
