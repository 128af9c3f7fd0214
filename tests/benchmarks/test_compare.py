"""Is it worse than it was? The comparison on made-up results; with real ones in test_harness."""

from typing import Any

from benchmarks.compare import worse
from benchmarks.verdicts import TIMES


def results(median: float, spread: float = 0.02, **more: Any) -> dict[str, Any]:
    ratios = {"nginx-256k": {"median": median, "spread": spread}}
    return {"rows": {"input": {"ratios": ratios, "failures": {}, **more}}}


def test_the_same_is_not_worse() -> None:
    assert worse(results(1.5), results(1.5)) == []


def test_better_is_not_worse() -> None:
    assert worse(results(1.5), results(0.5)) == []


def test_a_slow_down_is_named_with_its_row_and_size() -> None:
    assert worse(results(1.5), results(2.25)) == [f"input: 2.25 {TIMES} nginx-256k, was 1.50 (+50%)"]


def test_spreads_are_granted() -> None:
    assert worse(results(1.5), results(2.25, spread=0.5)) == []


def test_a_gateway_that_fails_is_worse_than_any() -> None:
    now = results(1.5, failures={"gateway": "load: session 3: byte 7 of 9 is 00, and 01 was sent"})
    assert worse({"rows": {}}, now) == ["input: the gateway fails: load: session 3: byte 7 of 9 is 00, and 01 was sent"]


def test_a_peer_that_fails_is_not_the_gateways_fault() -> None:
    assert worse(results(1.5), results(1.5, failures={"nginx-256k": "not installed"})) == []


def test_a_new_row_has_nothing_to_be_compared_with() -> None:
    assert worse({"rows": {}}, results(9)) == []
