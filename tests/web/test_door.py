"""How many may wait at the door, and how often one source may come."""

import pytest

from gateway.web.door import BURST, MAX_SOURCES, RATE, Door

SOURCE = "203.0.113.7"


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def allowed(door: Door, source: str, times: int) -> int:
    return sum(not door.too_often(source) for _ in range(times))


def test_the_connection_that_has_been_quiet_longest_leaves_first():
    dropped: list[str] = []
    door = Door(Clock(), most=3, dropped=dropped.append)
    gone: list[str] = []
    first, _second, third = (door.enter(lambda name=name: gone.append(name)) for name in ("first", "second", "third"))
    first.moved()
    door.enter(lambda: None)
    assert gone == ["second"]
    assert dropped == ["crowded"]
    third.leave()
    third.leave()
    third.moved()
    assert len(door.places) == 2
    door.enter(lambda: None)
    assert gone == ["second"]


def test_a_source_has_a_burst_and_then_a_rate():
    clock = Clock()
    door = Door(clock)
    assert allowed(door, SOURCE, int(BURST) + 500) == BURST
    clock.time += 2
    assert allowed(door, SOURCE, 500) == pytest.approx(2 * RATE, abs=1)
    clock.time += BURST / RATE
    assert allowed(door, SOURCE, int(BURST) + 500) == pytest.approx(BURST, abs=1)


def test_sources_do_not_pay_for_each_other_but_an_ipv6_network_is_one():
    door = Door(Clock())
    allowed(door, SOURCE, 2000)
    assert not door.too_often("203.0.113.8")
    spread = sum(not door.too_often(f"2001:db8:0:1::{number:x}") for number in range(2000))
    assert spread == BURST
    assert not door.too_often("2001:db8:0:2::1")


@pytest.mark.parametrize("source", ["127.0.0.1", "::1"])
def test_who_speaks_for_many_is_not_counted(source: str):
    assert allowed(Door(Clock()), source, 5000) == 5000


def test_sources_beyond_count_are_forgotten():
    clock = Clock()
    door = Door(clock)
    for number in range(MAX_SOURCES * 2):
        clock.time += 0.01
        door.too_often(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        assert len(door._due) <= MAX_SOURCES
