"""Medians, spreads and ratios of rounds."""

import pytest

from benchmarks.figures import Middle, Results, Sample, middle
from benchmarks.measure import growth


def test_the_middle_of_rounds_is_their_median_and_half_the_distance_of_the_quartiles() -> None:
    assert middle([5, 1, 2, 4, 3]) == Middle(3, 1)


def test_one_round_has_no_spread() -> None:
    assert middle([7.5]) == Middle(7.5, 0)


def test_no_round_has_no_middle() -> None:
    assert middle([]) is None


def test_a_ratio_is_taken_within_a_round_so_that_what_disturbs_both_cancels_out() -> None:
    results = Results({"gateway": [{"cost": 2.0}, {"cost": 20.0}], "nginx-256k": [{"cost": 1.0}, {"cost": 10.0}]})
    assert results.ratio("gateway", "nginx-256k", "cost") == Middle(2, 0)


def test_an_added_delay_is_what_is_beyond_the_direct_connections() -> None:
    results = Results({"gateway": [{"p99": 3.0}], "nginx-256k": [{"p99": 2.0}], "direct": [{"p99": 1.0}]})
    assert results.added("gateway", "p99") == Middle(2, 0)
    assert results.added_ratio("gateway", "nginx-256k", "p99") == Middle(2, 0)


def test_what_a_subject_did_not_measure_has_no_figure() -> None:
    results = Results({"gateway": [{"cost": 2.0}]})
    assert results.middle("gateway", "p99") is None
    assert results.ratio("gateway", "nginx-256k", "cost") is None


def test_growth_is_none_where_memory_only_warms_up() -> None:
    samples = [Sample(at=60.0 * number, memory=min(number, 4), cost=0) for number in range(1, 21)]
    assert growth(samples) == 0


def test_growth_is_told_in_kilobytes_a_minute() -> None:
    samples = [Sample(at=60.0 * number, memory=10 + number, cost=0) for number in range(1, 21)]
    assert growth(samples) == pytest.approx(1024)
