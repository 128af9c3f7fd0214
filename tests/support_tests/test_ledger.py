"""The ledger of a soak: it tells endings that nobody asked for, and those that did not come."""

from typing import Any

import pytest
from support.replicas.ledger import Ledger


def ended(session: str, outcome: str) -> dict[str, Any]:
    return {"act": "session_ended", "time": "now", "session": session, "console": "lab/vm", "outcome": outcome}


def test_endings_that_were_asked_for_are_explained_in_any_order():
    ledger = Ledger()
    ledger.expect("a", "browser_lost", "closed")
    ledger.expect("a", "closed")
    ledger.expect("b", "taken_over")
    acts = [ended("b", "taken_over"), ended("a", "closed"), {"act": "splice"}, ended("a", "browser_lost")]
    assert ledger.unexplained(acts) == []


@pytest.mark.parametrize(
    ("asked", "came", "said"),
    [
        ([], ["closed"], ["now: a at lab/vm ended by closed"]),
        (["closed"], ["upstream_lost"], ["now: a at lab/vm ended by upstream_lost", "a did not end by closed"]),
        (["closed"], ["closed", "closed"], ["now: a at lab/vm ended by closed"]),
        (["closed", "taken_over"], ["closed"], ["a did not end by taken_over"]),
    ],
)
def test_every_other_ending_is_told(asked: list[str], came: list[str], said: list[str]):
    ledger = Ledger()
    for outcome in asked:
        ledger.expect("a", outcome)
    assert ledger.unexplained([ended("a", outcome) for outcome in came]) == said
