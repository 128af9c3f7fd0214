"""Liveness decides from byte counts and the time alone (rfb.md §7, "Liveness")."""

import pytest

from gateway.relay.liveness import STALLED_AFTER, Liveness, Verdict


class Peer:
    """A leg's counters, and the clock that looks at them."""

    def __init__(self, *, judged: bool = True) -> None:
        self.liveness = Liveness(ping_every=20, timeout=20, now=0.0, judged=judged)
        self.received = self.sent = self.unsent = self.in_flight = 0
        self.reading = True

    def at(self, now: float) -> Verdict:
        verdict = self.liveness.check(
            now,
            received=self.received,
            sent=self.sent,
            unsent=self.unsent,
            reading=self.reading,
            in_flight=self.in_flight,
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


def test_a_ping_behind_what_is_on_its_way_waits_for_it():
    peer = Peer()
    peer.sent, peer.in_flight = 1000, 1000
    assert peer.at(20) is Verdict.PING
    for now in range(21, 60):
        peer.in_flight = 1002 - 20 * (now - 20)
        assert peer.at(now) in (Verdict.ALIVE, Verdict.PING)
    peer.in_flight = 0
    assert peer.at(60) is Verdict.PING
    assert peer.at(79) is Verdict.ALIVE
    assert peer.at(80) is Verdict.SILENT


def test_a_line_on_which_nothing_arrives_is_silent():
    peer = Peer()
    peer.sent, peer.in_flight = 1000, 1000
    assert peer.at(20) is Verdict.PING
    peer.in_flight = 1002
    assert peer.at(39) is Verdict.ALIVE
    assert peer.at(40) is Verdict.SILENT


def test_that_the_ping_itself_arrived_is_no_sign_of_life():
    peer = Peer()
    assert peer.at(20) is Verdict.PING
    peer.in_flight = 2
    assert peer.at(30) is Verdict.ALIVE
    peer.in_flight = 0
    assert peer.at(31) is Verdict.ALIVE
    assert peer.at(40) is Verdict.SILENT


def test_the_kernel_is_asked_only_while_something_waits():
    peer = Peer()
    assert not peer.liveness.needs_kernel(peer.received)
    assert peer.at(20) is Verdict.PING
    assert peer.liveness.needs_kernel(peer.received)
    peer.received += 1
    assert not peer.liveness.needs_kernel(peer.received)
    peer.at(21)
    assert not peer.liveness.needs_kernel(peer.received)


def test_a_quiet_peer_need_not_be_looked_at_before_its_next_ping():
    peer = Peer()
    assert peer.at(1) is Verdict.ALIVE
    assert peer.liveness.due == 20
    assert peer.at(20) is Verdict.PING
    assert peer.liveness.due == 0  # until it answers
    peer.received += 1
    assert peer.at(21) is Verdict.ALIVE
    assert peer.liveness.due == 40
    peer.unsent = 1
    assert peer.at(22) is Verdict.ALIVE
    assert peer.liveness.due == 0  # until it takes what waits


def test_a_peer_that_is_not_judged_is_looked_at_for_its_pings_only():
    peer = Peer(judged=False)
    assert peer.at(20) is Verdict.PING
    assert peer.at(21) is Verdict.ALIVE
    assert peer.liveness.due == 40
