"""Liveness decides from byte counts and the time alone (rfb.md §7, "Liveness")."""

import pytest

from gateway.relay.liveness import STALLED_AFTER, Liveness, Verdict


class Peer:
    """A leg's counters, and the clock that looks at them."""

    def __init__(self, *, judged: bool = True) -> None:
        self.liveness = Liveness(ping_every=20, timeout=20, now=0.0, judged=judged)
        self.received = self.sent = self.unsent = 0
        self.reading = True

    def at(self, now: float) -> Verdict:
        verdict = self.liveness.check(
            now, received=self.received, sent=self.sent, unsent=self.unsent, reading=self.reading
        )
        self.sent += 2 if verdict is Verdict.PING else 0  # which the kernel takes at once
        return verdict


def test_a_quiet_peer_is_pinged_and_then_called_silent():
    peer = Peer()
    assert peer.at(19) is Verdict.ALIVE
    assert peer.at(20) is Verdict.PING
    assert peer.at(39) is Verdict.ALIVE
    assert peer.at(40) is Verdict.SILENT


def test_any_byte_received_is_life():
    peer = Peer()
    assert peer.at(20) is Verdict.PING
    peer.received += 1
    assert peer.at(39) is Verdict.ALIVE
    assert peer.at(40) is Verdict.PING
    assert peer.at(59) is Verdict.ALIVE


def test_pings_go_on_at_their_pace_whatever_the_peer_sends():
    peer = Peer()
    pings = 0
    for now in range(1, 101):
        peer.received += 10
        pings += peer.at(now) is Verdict.PING
    assert pings == 5


def test_a_peer_that_is_not_judged_is_pinged_but_never_silent():
    peer = Peer(judged=False)
    verdicts = {peer.at(now) for now in range(0, 500, 5)}
    assert verdicts == {Verdict.ALIVE, Verdict.PING}


def test_silence_proves_nothing_while_we_do_not_read():
    peer = Peer()
    assert peer.at(20) is Verdict.PING
    peer.reading = False
    assert peer.at(45) is not Verdict.SILENT
    peer.reading = True
    assert peer.at(46) is not Verdict.SILENT


def test_a_queue_that_drains_slowly_is_life():
    peer = Peer()
    peer.sent = peer.unsent = 1_000_000
    for now in range(1, 1000):
        peer.unsent -= 1
        assert peer.at(now) is Verdict.ALIVE


@pytest.mark.parametrize("talks", [False, True])
def test_a_peer_that_takes_nothing_is_stalled_even_if_it_talks(talks: bool):
    peer = Peer()
    assert peer.at(50) is Verdict.PING
    peer.sent = peer.unsent = 1000
    for now in range(51, 50 + int(STALLED_AFTER)):
        peer.received += talks
        assert peer.at(now) is Verdict.ALIVE
    assert peer.at(50 + STALLED_AFTER) is Verdict.STALLED


def test_the_stall_clock_starts_when_something_waits():
    peer = Peer()
    peer.at(1000)
    peer.sent = peer.unsent = 5
    assert peer.at(1001) is Verdict.ALIVE
