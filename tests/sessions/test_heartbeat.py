"""What replicas tell each other: two of them on one state, in one loop (state.md)."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from structlog.testing import capture_logs
from support.beating import ANA, BEN, Open, Replica, Shared, replicas
from support.programs import eventually

from gateway.access.grants import Grant
from gateway.errors import EndedByAdmin, Replaced, TakenOver
from gateway.sessions import heartbeat
from gateway.sessions.leases import Leases
from gateway.sessions.records import SessionRecord
from gateway.state.state import Beat, Holder, Lease, StateAway


@pytest.mark.parametrize("deaf", [False, True], ids=["by news", "by the next beat"])
async def test_a_console_taken_on_another_replica_is_given_up_here(deaf: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(heartbeat, "BEAT", 0.05 if deaf else 60)
    state = Shared()
    state.deaf = deaf
    async with replicas(state) as (one, two), one.holding(ANA) as (session, _), two.holding(BEN) as (other, lease):
        await eventually(lambda: session.ended is not None)
        assert isinstance(session.ended, TakenOver)
        assert session.ended.told == {"user": "ben", "since": lease.holder.since}
        assert session.ended.by == "ben"
        assert other.ended is None


async def test_a_return_to_another_replica_is_told_to_nobody():
    async with (
        replicas(Shared()) as (one, two),
        one.holding(ANA) as (session, _),
        two.holding(ANA, returns=True) as (back, _),
    ):
        await eventually(lambda: session.ended is not None)
        assert isinstance(session.ended, Replaced)
        assert back.ended is None


@pytest.mark.parametrize("deaf", [False, True], ids=["by news", "by the next beat"])
async def test_a_session_ended_on_another_replica_ends_here(deaf: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(heartbeat, "BEAT", 0.05 if deaf else 60)
    state = Shared()
    state.deaf = deaf
    async with replicas(state) as (one, two), one.holding(ANA) as (session, _):
        untouched = two.sessions.began(Open(BEN))
        await eventually(lambda: len(state._sessions) == 2)
        await state.end_session("s-ana", 60, "bastion")
        await eventually(lambda: session.ended is not None)
        assert isinstance(session.ended, EndedByAdmin)
        assert session.ended.by == "bastion"
        assert untouched.ended is None


async def test_sessions_are_told_of_when_they_begin_and_forgotten_when_they_are_over():
    state = Shared()
    async with replicas(state) as (one, _):
        async with one.holding(ANA):
            await eventually(lambda: "s-ana" in state._sessions)
            record = SessionRecord.from_json(str(await state.session("s-ana")))
            assert record is not None
            assert (record.grant, record.replica, record.state) == (ANA, "here", "open")
        await eventually(lambda: not state._sessions)


async def test_another_state_is_told_before_the_next_beat(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(heartbeat, "LOOK", 0.02)
    monkeypatch.setattr(heartbeat, "BEAT", 60)
    state = Shared()
    async with replicas(state) as (one, _), one.holding(ANA) as (session, _):
        await eventually(lambda: "s-ana" in state._sessions)
        beats = len(state.beats)
        await asyncio.sleep(0.1)
        assert len(state.beats) == beats, "nothing is told where nothing is new"
        session.state = "reconnecting"
        await eventually(lambda: '"reconnecting"' in state._sessions["s-ana"][1])


async def test_what_was_told_before_a_session_had_its_console_is_told_again(monkeypatch: pytest.MonkeyPatch):
    """The record of an earlier owner, on a replica that was suspended, stands above one without a lease."""
    monkeypatch.setattr(heartbeat, "LOOK", 0.02)
    monkeypatch.setattr(heartbeat, "BEAT", 60)
    state = Shared()
    async with replicas(state) as (one, _):
        state._sessions["s-ana"] = 1, "old"
        session = one.sessions.began(Open(ANA))
        await eventually(lambda: state.beats[-1][1] == ["s-ana"])
        assert await state.session("s-ana") == "old"
        next(state._epochs)
        async with one.leases.holding(ANA, session.end, takes=True, returns=True):
            await eventually(lambda: state._sessions["s-ana"][1] != "old")


async def test_all_that_is_over_is_forgotten_at_once():
    state = Shared()
    async with replicas(state) as (one, _):
        ids = {f"s{number}" for number in range(20)}
        sessions = [one.sessions.began(Open(Grant(id_, id_, "ana", 2_000_000_000))) for id_ in ids]
        await eventually(lambda: state._sessions.keys() == ids)
        for session in sessions:
            one.sessions.over(session)
        await eventually(lambda: not state._sessions)
        assert [set(each) for each in state.forgotten] == [ids]


async def test_who_lost_a_console_does_not_wait_for_a_look_around(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(heartbeat, "BEAT", 0.05)
    state = Shared()
    state.deaf = True
    state.looking.clear()
    one = Replica(state)
    async with one.holding(ANA) as (session, _), Replica(state).holding(BEN), one.heartbeat.beating():
        await eventually(lambda: session.ended is not None)


async def test_a_beat_that_fails_where_the_state_is_there_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(heartbeat, "AGAIN", 0.01)

    class Refusing(Shared):
        async def beat(self, leases: Sequence[Lease], sessions: Mapping[str, str]) -> Beat:
            raise StateAway("somebody else's key")

    with capture_logs() as logs:
        async with Replica(Refusing()).heartbeat.beating():
            await eventually(lambda: bool(logs))
    assert (logs[0]["event"], logs[0]["cause"]) == ("heartbeat.failed", "somebody else's key")


async def test_what_is_over_at_the_end_of_the_process_is_forgotten():
    state = Shared()
    replica = Replica(state)
    async with replica.heartbeat.beating():
        session = replica.sessions.began(Open(ANA))
        await eventually(lambda: "s-ana" in state._sessions)
        replica.sessions.open.remove(session)
    assert not state._sessions


async def test_what_could_not_be_told_is_told_when_the_state_is_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(heartbeat, "AGAIN", 0.05)
    state = Shared()
    async with replicas(state) as (one, _):
        gone = one.sessions.began(Open(BEN))
        await eventually(lambda: "s-ben" in state._sessions)
        async with one.holding(ANA) as (session, lease):
            state.up = False
            one.sessions.over(gone)
            later = one.sessions.began(Open(Grant("s-eve", "lab/other", "eve", 2_000_000_000)))
            state._leases.clear()
            await asyncio.sleep(0.2)
            assert session.ended is None
            assert later.ended is None
            state.up = True
            await eventually(lambda: set(state._sessions) == {"s-ana", "s-eve"})
            assert state._leases == {"lab/vm": lease}, "asserted again"


async def test_a_lease_that_is_over_while_a_beat_renews_it_stays_free():
    state = Shared()
    replica = Replica(state)
    async with replica.heartbeat.beating():
        await eventually(lambda: len(state.beats) >= 1)
        async with replica.holding(ANA) as (_, lease):
            await eventually(lambda: "s-ana" in state._sessions)
            state.held_up.clear()
            replica.heartbeat._due = 0.0
            replica.sessions.changed.set()
            await eventually(lambda: state.beats[-1][0] == [lease])
        assert not state._leases
        state.held_up.set()
        await eventually(lambda: not state._sessions)
        assert not state._leases


async def test_a_bug_in_a_beat_is_not_the_last_beat(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(heartbeat, "AGAIN", 0.01)
    state = Shared()
    broken = Open(ANA)
    monkeypatch.setattr(broken, "record", lambda replica: 1 / 0)
    async with replicas(state) as (one, _):
        one.sessions.began(broken)
        await asyncio.sleep(0.05)
        one.sessions.over(broken)
        one.sessions.began(Open(BEN))
        await eventually(lambda: set(state._sessions) == {"s-ben"})


async def test_a_lease_is_confirmed_until_somebody_else_has_the_console():
    state = Shared()
    one, two = Leases(state), Leases(state)
    async with one.holding(ANA, lambda _: None, takes=True, returns=False) as lease:
        await one.confirm(lease)
        async with two.holding(BEN, lambda _: None, takes=True, returns=False) as theirs:
            with pytest.raises(TakenOver):
                await one.confirm(lease)
            await two.confirm(theirs)
            state.up = False
            await one.confirm(lease)  # nobody can say


class Late(Shared):
    """A state whose answers to ana are on their way until `late` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.late = asyncio.Event()

    async def lease(self, console: str, wanted: Holder, *, take: bool) -> Lease | Holder:
        lease = await super().lease(console, wanted, take=take)
        if wanted.user == "ana":
            await self.late.wait()
        return lease


async def test_who_leaves_while_a_lease_is_on_its_way_leaves_none():
    state = Late()

    async def ana() -> None:
        async with Leases(state).holding(ANA, lambda _: None, takes=True, returns=False):
            raise AssertionError("the tab was closed")

    asking = asyncio.create_task(ana())
    await eventually(lambda: bool(state._leases))
    asking.cancel()
    await asyncio.sleep(0)
    state.late.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not state._leases


async def test_answers_about_one_console_may_overtake_each_other():
    """Whoever was asked for last has it, also where its answer came first."""
    state = Late()
    leases = Leases(state)

    async def ana() -> None:
        async with leases.holding(ANA, lambda _: None, takes=True, returns=False):
            raise AssertionError("the console is ben's")

    first = asyncio.create_task(ana())
    await eventually(lambda: bool(state._leases))
    ben = Open(BEN)
    async with leases.holding(BEN, ben.end, takes=True, returns=False) as lease:
        state.late.set()
        with pytest.raises(TakenOver):
            await first
        assert ben.ended is None
        assert leases.held == [lease]
