"""The rule of `contended` (product.md, "How things end")."""

import pytest

from gateway.errors import Contended, TakenOver, UpstreamLost
from gateway.sessions.fight import Fight

CLOSED = UpstreamLost("closed", closed=True)
RESET = UpstreamLost("reset")


def test_five_quick_closes_in_a_row_are_a_fight():
    fight = Fight()
    for _ in range(4):
        fight.lost(CLOSED, one_session=True, lived=2.9, cut_off=False)
    with pytest.raises(Contended):
        fight.lost(CLOSED, one_session=True, lived=2.9, cut_off=False)


@pytest.mark.parametrize(
    ("error", "one_session", "lived"), [(RESET, True, 0.1), (CLOSED, False, 0.1), (CLOSED, True, 3.0)]
)
def test_what_is_no_fight_resets_the_count(error: UpstreamLost, one_session: bool, lived: float):
    fight = Fight()
    for _ in range(10):
        for _ in range(4):
            fight.lost(CLOSED, one_session=True, lived=0.1, cut_off=False)
        fight.lost(error, one_session=one_session, lived=lived, cut_off=False)


def test_a_replica_without_the_state_takes_the_other_party_for_one_of_its_own():
    fight = Fight()
    for _ in range(4):
        fight.lost(CLOSED, one_session=True, lived=0.1, cut_off=True)
    with pytest.raises(TakenOver) as lost:
        fight.lost(CLOSED, one_session=True, lived=0.1, cut_off=True)
    assert lost.value.told == {}, "nobody can be asked who it is"


def test_the_party_without_the_state_gives_way_to_one_that_came_later():
    old, new = Fight(), Fight()
    old.lost(CLOSED, one_session=True, lived=900, cut_off=True)
    for _ in range(3):
        new.lost(CLOSED, one_session=True, lived=0.1, cut_off=False)
        old.lost(CLOSED, one_session=True, lived=0.1, cut_off=True)
    new.lost(CLOSED, one_session=True, lived=0.1, cut_off=False)
    with pytest.raises(TakenOver):
        old.lost(CLOSED, one_session=True, lived=0.1, cut_off=True)
