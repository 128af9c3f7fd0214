"""What becomes of a target."""

import pytest

from benchmarks.figures import Results
from benchmarks.rows import ROWS, Target
from benchmarks.verdicts import TIMES, verdict

AT_MOST = Target("cost", 1.5, 1.0, peer="nginx-256k")
AT_LEAST = Target("fairness", 0.5, 0.8, least=True)


@pytest.mark.parametrize(("cost", "state"), [(0.9, "aim"), (1.0, "aim"), (1.4, "good"), (1.51, "missed")])
def test_a_cost_may_be_at_most_its_limit(cost: float, state: str) -> None:
    results = Results({"gateway": [{"cost": cost}], "nginx-256k": [{"cost": 1.0}]})
    assert verdict(ROWS["input"], AT_MOST, results).state == state


@pytest.mark.parametrize(("fairness", "state"), [(0.9, "aim"), (0.6, "good"), (0.4, "missed")])
def test_fairness_must_be_at_least_its_limit(fairness: float, state: str) -> None:
    assert verdict(ROWS["mixed"], AT_LEAST, Results({"gateway": [{"fairness": fairness}]})).state == state


def test_what_was_not_measured_is_no_success() -> None:
    assert verdict(ROWS["input"], AT_MOST, Results({"gateway": [{"cost": 0.1}]})).state == "not measured"


def test_a_verdict_says_what_was_measured_and_what_had_to_be() -> None:
    results = Results({"gateway": [{"cost": 3.0}], "nginx-256k": [{"cost": 1.0}]})
    assert str(verdict(ROWS["input"], AT_MOST, results)) == (
        f"cost 3.00 {TIMES} nginx-256k: MISSED (must be ≤ 1.5 {TIMES} nginx-256k, aim 1)"
    )


def test_a_limit_without_a_peer_has_the_rows_unit() -> None:
    assert verdict(ROWS["connect"], Target("cost", 3.3, 1.7), Results()).limit == "≤ 3.3 ms / session, aim 1.7"
