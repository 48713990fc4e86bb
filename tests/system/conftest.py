"""What the system tests share: the lab's relay, and servers for a module.

The tests run inside the lab:

    tests/lab/lab run -- /usr/bin/python3 -m pytest -q tests/system/test_tcp.py

or all, in several labs at once: tests/system/run.py
"""

import os

import pytest

import share
from mxbound import Mxbound

if "LAB_CONTROL" in os.environ:
    from lab.control import Control


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes longer than a few seconds")


def pytest_sessionstart(session):
    if "LAB_CONTROL" not in os.environ:
        pytest.exit("these tests need the lab: tests/lab/lab run -- "
                    "/usr/bin/python3 -m pytest -q tests/system", returncode=2)


def pytest_runtestloop(session):
    if share.CLAIMS not in os.environ or session.config.option.collectonly \
            or session.testsfailed:
        return None                    # as pytest does it
    share.run(session)
    return True


@pytest.fixture
def relay():
    """Counts at zero; what a test does to the lab's servers is undone."""
    with Control() as control:
        control.reset()
        control.forget()
        yield control
        control.reset()


@pytest.fixture(scope="module")
def server():
    """mxbound as it comes, for all tests of a module."""
    with Mxbound() as running:
        yield running
