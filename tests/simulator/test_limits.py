"""Clocks and counts of the simulated clouds, with times of our own."""

import pytest

from gateway.simulator.clouds.instances import Instance
from gateway.simulator.clouds.limits import Addresses, Budget, IdleClock, IdleCounts, Times
from gateway.simulator.desktop.desktop import Desktop


def test_times_shrink_together():
    assert Times().scaled(100) == Times(0.15, 6, 3, 0.6, 3, 216)


def test_a_budget_slides():
    budget = Budget(2, window=60)
    assert [budget.spend("a", now) for now in (0, 10, 20)] == [0, 0, 40]
    assert budget.spend("b", 20) == 0
    assert budget.spend("a", 60) == 0
    assert budget.spend("a", 61) == 9


def test_an_address_is_taken_once_and_in_time():
    machine = Instance("i", "p", Desktop("i"))
    addresses = Addresses(15)
    for token in ("a", "b"):
        addresses.issue(token, machine, now=0)
    assert addresses.take("a", now=14) is machine
    assert addresses.take("a", now=14) == "used"
    assert addresses.take("b", now=15) == "expired"
    assert addresses.take("c", now=0) == "unknown"


def test_addresses_that_nobody_takes_are_forgotten():
    machine = Instance("i", "p", Desktop("i"))
    addresses = Addresses(15)
    for number in range(1000):
        addresses.issue(str(number), machine, now=number)
    assert addresses.waiting <= 31  # an expired one is known as such for as long again


@pytest.mark.parametrize(
    ("counts", "deadlines"),
    [(IdleCounts.ANY, [310, 320, 330]), (IdleCounts.RFB, [300, 320, 330]), (IdleCounts.INPUT, [300, 300, 330])],
)
def test_the_idle_clock_starts_anew_with_what_counts(counts, deadlines):
    clock = IdleClock(counts, 300, now=0)
    seen = []
    for now, messages, inputs in ((10, 0, 0), (20, 1, 0), (30, 2, 1)):
        clock.heard(now, messages=messages, inputs=inputs)
        seen.append(clock.deadline)
    assert seen == deadlines
