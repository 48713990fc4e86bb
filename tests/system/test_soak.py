"""A short soak (tests/soak), and that what it would complain of is seen."""

import random
import subprocess
import sys
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from mxbound import BUILD, ROOT, SANITIZED

SOAK = ROOT / "tests/soak"
sys.path.append(str(SOAK))

import answers    # noqa: E402
import processes  # noqa: E402

MX = answers.Question("healthy.lab.", "MX", "NOERROR", "secure", 2, False)
SPOILT = answers.Question("bogus.lab.", "MX", "SERVFAIL", "bogus", None, True)
MX_RRS = dns.rrset.from_text("healthy.lab.", 60, "IN", "MX", "10 mx1.healthy.lab.",
                             "20 mx2.healthy.lab.")


def reply(question, rcode=dns.rcode.NOERROR, ad=True, rrs=()):
    query = dns.message.make_query(question.owner, question.type)
    answer = dns.message.make_response(query)
    answer.set_rcode(rcode)
    answer.flags |= dns.flags.AD if ad else 0
    answer.answer = list(rrs)
    return answer.to_wire()


@pytest.mark.parametrize("question, octets, cd, what", (
    (MX, reply(MX, rrs=[MX_RRS]), False, answers.RIGHT),
    (MX, reply(MX, ad=False, rrs=[MX_RRS]), False, answers.WRONG),
    (MX, reply(MX, rrs=[dns.rrset.from_rdata("healthy.lab.", 60, MX_RRS[0])]), False,
     answers.WRONG),
    (MX, reply(MX), False, answers.WRONG),
    (MX, reply(MX, dns.rcode.NXDOMAIN), False, answers.WRONG),
    (MX, reply(SPOILT, rrs=[MX_RRS]), False, answers.WRONG),
    (MX, reply(MX, dns.rcode.SERVFAIL, ad=False), False, answers.FAILED),
    (MX, b"\0" * 11, False, answers.WRONG),
    (MX, None, False, answers.LOST),
    (SPOILT, reply(SPOILT, dns.rcode.SERVFAIL, ad=False), False, answers.RIGHT),
    (SPOILT, reply(SPOILT, ad=False), False, answers.WRONG),
    (SPOILT, reply(SPOILT, dns.rcode.SERVFAIL, ad=False), True, answers.FAILED),
))
def test_verdict(question, octets, cd, what):
    assert answers.verdict(question, octets, cd)[0] == what


def samples(kib_per_min, noise=200):
    chance = random.Random(1)
    return [processes.Sample(t, 10000 + kib_per_min * t / 60 + chance.uniform(-noise, noise), 9, 1)
            for t in range(600)]


@pytest.mark.parametrize("kib_per_min", (0, 100, -100))
def test_slope(kib_per_min):
    found = processes.growth(samples(kib_per_min))
    assert abs(found.kib_per_min - kib_per_min) < 3 * found.error_kib_per_min
    assert 0 < found.error_kib_per_min < 20


@pytest.mark.skipif(SANITIZED or Path(BUILD).name == "clang", reason="one build is enough")
def test_a_short_soak(tmp_path):
    plot = tmp_path / "soak.svg"
    done = subprocess.run([sys.executable, SOAK / "soak.py", "--time", "12", "--plot", plot],
                          capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "wrong answers" in done.stdout and plot.read_text().startswith("<svg")
