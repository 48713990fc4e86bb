"""A sample of tests/system/differential.py; `make differential` asks it all."""

import differential
from lab.unbound import Unbound


def test_a_sample_agrees_with_unbound(server, monkeypatch):
    if not differential.SAMPLE:
        monkeypatch.setattr(differential, "SAMPLE", 100)
    report = []
    with Unbound(port=5300) as unbound:
        wrong = differential.run((server.port, unbound.port), report.append)
    print("\n".join(report))
    assert wrong == 0, "\n".join(report)


def test_every_reason_names_an_rfc():
    for rule in differential.DIFFERENCES:
        assert "RFC" in rule.__doc__
