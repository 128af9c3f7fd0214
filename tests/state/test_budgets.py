"""Budgets as far as one process knows them."""

from gateway.state import budgets
from gateway.state.budgets import Budgets
from gateway.state.state import Spent


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_budget_holds_in_every_moving_minute():
    clock = Clock()
    budgets = Budgets(clock)
    granted: list[float] = []
    for _ in range(3000):
        if budgets.take("b", 24).wait == 0:
            granted.append(clock.now)
        clock.now += 0.1
    assert len(granted) == 5 * 24
    for begin in granted:
        assert sum(begin <= at < begin + 60 for at in granted) <= 24


def test_a_spent_budget_says_how_long_to_wait():
    clock = Clock()
    budgets = Budgets(clock)
    assert budgets.take("b", 2) == Spent(0, 1)
    assert budgets.take("b", 2) == Spent(0, 0)
    clock.now += 20
    assert budgets.take("b", 2) == Spent(40, 0)
    clock.now += 40
    assert budgets.take("b", 2) == Spent(0, 1)
    assert budgets.take("other", 1) == Spent(0, 0)


def test_a_share_that_has_become_smaller_waits_until_enough_is_forgotten():
    clock = Clock()
    budgets = Budgets(clock)
    for _ in range(4):
        budgets.take("b", 4)
        clock.now += 10
    assert budgets.take("b", 2) == Spent(60 - 20, 0)  # the third of four has to go, which is 20 s old


def test_what_was_taken_is_known_by_name_and_age():
    clock = Clock()
    budgets = Budgets(clock)
    budgets.note("b", "one")
    clock.now += 30
    budgets.take("b", 5, "two")
    assert budgets.ages("b") == [("one", 30), ("two", 0)]
    assert list(budgets) == ["b"]
    clock.now += 30
    assert budgets.ages("b") == [("two", 30)]
    clock.now += 30
    assert list(budgets) == []


def test_budgets_that_nobody_uses_are_forgotten(monkeypatch):
    monkeypatch.setattr(budgets, "SWEEP_AT", 10)
    clock = Clock()
    mine = Budgets(clock)
    for number in range(10):
        mine.take(str(number), 5)
    clock.now += 61
    mine.take("new", 5)
    assert len(mine._taken) == 1
