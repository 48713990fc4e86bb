"""LAB_DIR: sockets, logs and hints of one running lab, in the folder for
temporary files. Each holds a lock as long as its lab lives, so that one left
by a lab that was killed outright is seen for what it is, and removed.
"""

import fcntl
import shutil
import tempfile
from pathlib import Path

PREFIX = "mxbound-lab-"
held = []                      # open for as long as this process lives


def is_left_over(folder):
    """Somebody's lab without its lock file is one that is just beginning."""
    try:
        with open(folder / "lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False


def make():
    for folder in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        if is_left_over(folder):
            shutil.rmtree(folder, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = open(folder / "lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    held.append(lock)
    return folder
