"""When a session ends although nothing is wrong."""

import math

from gateway.config.blocks import SessionLimits
from gateway.errors import DurationOver, GrantEnded, HumanIdle
from gateway.sessions.time_limits import ANNOUNCED, TimeLimits


def limits(*, human_idle: float = 0, duration: float = 43200, grant_left: float = math.inf) -> TimeLimits:
    return TimeLimits(SessionLimits(human_idle=human_idle, duration=duration), grant_left, now=1000)


def test_a_session_lasts_as_long_as_it_may():
    clocks = limits(duration=3600)
    assert clocks.over(4599, 0) is None
    assert isinstance(clocks.over(4600, 0), DurationOver)


def test_a_grant_that_is_over_earlier_ends_it_earlier():
    clocks = limits(duration=3600, grant_left=600)
    assert clocks.over(1599, 0) is None
    assert isinstance(clocks.over(1600, 0), GrantEnded)


def test_the_end_is_announced_once_and_says_how_long_there_is():
    clocks = limits(duration=3600)
    assert clocks.due == 4600 - ANNOUNCED
    assert clocks.announced(4299) is None
    assert clocks.announced(4310) == 290
    assert clocks.announced(4311) is None
    assert clocks.due == 4600


def test_a_short_session_is_told_at_its_beginning():
    assert limits(grant_left=60).announced(1000) == 60
    assert limits(grant_left=-5).announced(1000) == 0


def test_people_hold_off_the_idle_limit():
    clocks = limits(human_idle=60)
    assert clocks.due == 1060
    assert clocks.over(1059, 5) is None
    assert clocks.over(1118, 5) is None
    assert isinstance(clocks.over(1119, 5), HumanIdle)


def test_no_idle_limit_is_none():
    assert limits(human_idle=0, duration=10**9).over(10**8, 0) is None


def test_the_last_input_is_known_once_there_was_one():
    clocks = limits(human_idle=60)
    clocks.over(1010, 0)
    assert clocks.last_input_at is None
    clocks.over(1020, 3)
    clocks.over(1030, 3)
    assert clocks.last_input_at == 1020
