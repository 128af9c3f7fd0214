"""Learning which hosts cut for want of input (rfb.md §7, the ladder)."""

from gateway.sessions import idle_limits
from gateway.sessions.idle_limits import IdleLimits


def test_two_cuts_after_about_the_same_time_are_a_limit():
    limits = IdleLimits()
    assert not limits.cut("a", 300.0, now=1000, asked=True)
    assert not limits.needs_input("a")
    assert limits.cut("a", 301.5, now=1301, asked=True)
    assert limits.needs_input("a")
    assert not limits.needs_input("b")


def test_one_cut_is_no_limit_however_short_it_took():
    limits = IdleLimits()
    assert not limits.cut("a", 1.0, now=1000, asked=True)
    assert limits.cut("a", 1.1, now=1002, asked=True)


def test_cuts_after_different_times_are_none():
    limits = IdleLimits()
    for number, idle in enumerate((60, 120, 300, 200, 90)):
        assert not limits.cut("a", idle, now=1000 * number, asked=True)
    assert not limits.needs_input("a")


def test_a_restart_that_cuts_many_at_once_is_one_observation():
    limits = IdleLimits()
    for _ in range(5):
        assert not limits.cut("a", 200.0, now=1000, asked=True)
    assert not limits.needs_input("a")


def test_what_cuts_sessions_without_keepalive_may_be_content_with_its_first_rung():
    limits = IdleLimits()
    assert not limits.cut("a", 300.0, now=1000, asked=False)
    assert limits.cut("a", 300.0, now=1300, asked=False), "a limit, and counted as one"
    assert not limits.needs_input("a")
    assert not limits.cut("a", 300.0, now=1600, asked=True)
    assert limits.cut("a", 300.0, now=1900, asked=True)
    assert limits.needs_input("a")


def test_hosts_are_bounded(monkeypatch):
    monkeypatch.setattr(idle_limits, "MAX_HOSTS", 3)
    limits = IdleLimits()
    for number in range(50):
        limits.cut(str(number), 300, now=0, asked=True)
    assert len(limits._seen) <= 4
