"""How much a session passes a second, over the last minute."""

import pytest

from gateway.sessions.rates import Rates


def test_what_passed_evenly_has_its_rate():
    rates = Rates(now=1000)
    for second in range(1, 301):
        rates.moved(1000 + second, (100 * (second - 1), 2 * (second - 1)))
    assert rates.per_second(1300, (30_000, 600)) == pytest.approx([100, 2], rel=0.02)


def test_a_young_session_is_measured_over_its_own_life():
    rates = Rates(now=1002)
    rates.moved(1003, (0,))
    rates.moved(1012, (500,))
    assert rates.per_second(1012, (1000,)) == [100.0]
    assert Rates(now=1000).per_second(1000, (0,)) == [0.0]


def test_what_passed_longer_than_a_minute_ago_counts_no_more():
    rates = Rates(now=1000)
    rates.moved(1001, (0,))
    assert rates.per_second(1001, (6000,)) == [6000.0]
    assert rates.per_second(1030, (6000,)) == [200.0]
    assert rates.per_second(1061, (6000,)) == [0.0]


def test_a_burst_after_a_rest_counts_for_the_whole_minute():
    rates = Rates(now=0)
    rates.moved(1, (0,))
    rates.moved(5000, (50,))
    assert rates.per_second(5004, (5950,)) == [pytest.approx(5900 / 59, abs=0.05)]


def test_an_hour_of_traffic_leaves_no_more_than_a_minute_of_traces():
    rates = Rates(now=0)
    for second in range(3600):
        rates.moved(second, (second,))
    assert len(rates._before) == 12
