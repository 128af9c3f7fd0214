"""Who is looked at in which round: nobody before it is due, and soon whoever asks for it."""

import math

from gateway.sessions.rounds import Rounds


class Clock:
    """Is due every `pause` seconds; keeps when it was looked at."""

    def __init__(self, pause: float) -> None:
        self.pause = pause
        self.looks: list[float] = []

    def tick(self, now: float) -> float:
        self.looks.append(now)
        return now + self.pause


def turn(rounds: Rounds, begin: int, end: int, every: float = 1.0) -> None:
    for number in range(begin, end):
        rounds.turn(number * every, every)


def test_it_is_looked_at_when_it_is_due_and_not_before():
    rounds, clock = Rounds(), Clock(20)
    rounds.soon(clock)
    turn(rounds, 1, 42)
    assert clock.looks == [1, 21, 41]


def test_what_is_due_between_two_rounds_is_looked_at_in_the_later_one():
    rounds, clock = Rounds(), Clock(2.5)
    rounds.soon(clock)
    turn(rounds, 1, 8)
    assert clock.looks == [1, 4, 7]


def test_what_is_due_at_once_waits_for_the_next_round():
    rounds, clock = Rounds(), Clock(-5)
    rounds.soon(clock)
    turn(rounds, 1, 4)
    assert clock.looks == [1, 2, 3]


def test_who_asks_for_a_look_has_it_in_the_next_round_and_once():
    rounds, clock = Rounds(), Clock(20)
    rounds.soon(clock)
    turn(rounds, 1, 5)
    rounds.soon(clock)
    rounds.soon(clock)
    turn(rounds, 5, 26)
    assert clock.looks == [1, 5, 25]


def test_who_is_forgotten_is_never_looked_at():
    rounds, gone, stays = Rounds(), Clock(3), Clock(3)
    for clock in (gone, stays):
        rounds.soon(clock)
    turn(rounds, 1, 3)
    rounds.forget(gone)
    rounds.forget(gone)
    turn(rounds, 3, 9)
    assert (gone.looks, stays.looks) == ([1], [1, 4, 7])


def test_who_is_never_due_is_looked_at_no_more_and_nothing_is_kept_of_it():
    rounds, clock = Rounds(), Clock(math.inf)
    rounds.soon(clock)
    turn(rounds, 1, 5)
    assert clock.looks == [1]
    assert (rounds._rounds, rounds._place) == ({}, {})


def test_rounds_may_be_quick():
    rounds, clock = Rounds(), Clock(1.0)
    rounds.soon(clock)
    turn(rounds, 1, 42, every=0.05)
    assert [round(at / 0.05) for at in clock.looks] in ([1, 21, 41], [1, 22])  # a sum of fractions may be one more
