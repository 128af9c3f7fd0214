"""What the state promises wherever it is kept; what one replica does, the other sees (state.md)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from gateway.state.state import Ended, Gap, Holder, Lease, News, Spent, State, Taken, ticket_id

ANA = Holder("s-ana", "ana", 100.25)
BEN = Holder("s-ben", 'b"e\\n\u2028é', 200.5)


async def leased(state: State, holder: Holder, *, take: bool = False, console: str = "lab/vm") -> Lease:
    lease = await state.lease(console, holder, take=take)
    assert isinstance(lease, Lease)
    return lease


@asynccontextmanager
async def heard(state: State) -> AsyncIterator[asyncio.Queue[News]]:
    """What news there are from now on; a gap is none."""
    queue: asyncio.Queue[News] = asyncio.Queue()
    listening = asyncio.Event()

    async def listen() -> None:
        async with aclosing(state.news()) as news:
            async for each in news:
                if isinstance(each, Gap):
                    continue
                if each == Ended("listening?", "bastion", 1):
                    listening.set()
                else:
                    queue.put_nowait(each)

    task = asyncio.create_task(listen())
    async with asyncio.timeout(20):
        while not listening.is_set():
            await state.end_session("listening?", 1, "bastion")
            await asyncio.sleep(0.02)
    yield queue
    task.cancel()
    await asyncio.wait([task])


async def next_of(queue: asyncio.Queue[News]) -> News:
    async with asyncio.timeout(20):
        return await queue.get()


async def test_a_ticket_is_redeemed_once_on_any_replica(two):
    assert await two.here.put_ticket("t", "välue", 30)
    assert await two.there.take_ticket("t") == "välue"
    assert await two.here.take_ticket("t") is None
    assert await two.there.take_ticket("never put") is None


async def test_of_fifty_that_redeem_one_ticket_at_once_one_wins(two):
    for number in range(4):
        ticket = f"t{number}"
        await two.here.put_ticket(ticket, "v", 30)
        got = await asyncio.gather(*([two.here, two.there][n % 2].take_ticket(ticket) for n in range(50)))
        assert sorted(value is not None for value in got) == [False] * 49 + [True]


async def test_a_ticket_expires(two):
    await two.here.put_ticket("t", "v", 0.05)
    await asyncio.sleep(0.1)
    assert await two.there.take_ticket("t") is None


async def test_a_ticket_is_found_and_voided_by_its_id(two):
    await two.here.put_ticket("t", "v", 30)
    assert await two.there.ticket_of(ticket_id("t")) == "v"
    assert await two.there.void_ticket(ticket_id("t"))
    assert not await two.here.void_ticket(ticket_id("t"))
    assert await two.here.take_ticket("t") is None


async def test_a_free_console_goes_to_who_asks(two):
    lease = await leased(two.here, ANA)
    assert (lease.console, lease.holder) == ("lab/vm", ANA)
    assert (await leased(two.there, BEN, console="lab/other")).holder == BEN


async def test_who_comes_second_learns_who_was_first(two):
    await leased(two.here, BEN)
    assert await two.there.lease("lab/vm", ANA, take=False) == BEN
    assert await two.there.lease("lab/vm", ANA, take=False) == BEN, "asking changes nothing"


async def test_each_owner_has_a_higher_epoch_also_after_a_release(two):
    leases = [await leased(state, who, take=True) for state in (two.here, two.there) for who in (ANA, BEN, BEN)]
    await two.there.release(leases[-1])
    leases.append(await leased(two.here, ANA))
    epochs = [lease.epoch for lease in leases]
    assert epochs == sorted(set(epochs))


async def test_a_return_has_its_console_since_the_first_time(two):
    await leased(two.here, ANA)
    assert (await leased(two.there, Holder("s-ana", "ana", 900.0))).holder == ANA


async def test_an_older_lease_frees_nothing(two):
    first = await leased(two.here, ANA)
    second = await leased(two.there, ANA)
    await two.here.release(first)
    assert await two.here.lease("lab/vm", BEN, take=False) == ANA
    await two.there.release(second)
    await leased(two.here, BEN)


async def test_of_fifty_that_want_a_free_console_one_gets_it(two):
    wanted = [Holder(f"s{number}", "u", 1.0) for number in range(50)]
    states = [two.here, two.there]
    got = await asyncio.gather(*(states[n % 2].lease("lab/vm", who, take=False) for n, who in enumerate(wanted)))
    (lease,) = [answer for answer in got if isinstance(answer, Lease)]
    assert {answer for answer in got if isinstance(answer, Holder)} == {lease.holder}


async def test_a_beat_finds_who_took_a_console_and_keeps_the_rest(two):
    lost, kept = await leased(two.here, ANA), await leased(two.here, ANA, console="lab/other")
    theirs = await leased(two.there, BEN, take=True)
    beat = await two.here.beat([lost, kept], {})
    assert (beat.lost, beat.ended) == ([(lost, theirs)], {})
    assert (await two.there.beat([theirs], {})).lost == []


async def test_a_beat_finds_that_the_same_session_came_back_elsewhere(two):
    first = await leased(two.here, ANA)
    second = await leased(two.there, ANA)
    assert (await two.here.beat([first], {})).lost == [(first, second)]


async def test_a_beat_sets_a_lease_again_that_was_lost_and_the_next_owner_is_above_it(two):
    lease = await leased(two.here, ANA)
    await two.there.release(lease)  # in place of a flush
    assert (await two.here.beat([lease], {})).lost == []
    assert await two.there.lease("lab/vm", BEN, take=False) == ANA
    assert (await leased(two.there, BEN, take=True)).epoch > lease.epoch


async def test_a_beat_tells_which_sessions_were_ended(two):
    await two.there.end_session("s1", 30, "bastion")
    await two.there.end_session("s9", 30, "bastion")
    assert (await two.here.beat([], {"s0": "{}", "s1": "{}"})).ended == {"s1": "bastion"}


async def test_an_end_is_remembered_for_its_time(two):
    assert await two.here.end_session("s1", 30, "bastion")
    assert await two.here.end_session("s2", 0.05, "bastion")
    assert await two.there.ended("s1")
    await asyncio.sleep(0.1)
    assert not await two.there.ended("s2")
    assert not await two.there.ended("s3")


async def test_an_end_of_a_grant_that_is_over_is_no_fault(two):
    assert await two.here.end_session("s1", 0, "bastion")


async def test_records_of_sessions_are_seen_by_all_replicas(two):
    await two.here.beat([], {"s1": "one", "s2": "two"})
    await two.there.beat([], {"s3": "three"})
    for state in (two.here, two.there):
        assert sorted(await state.sessions()) == ["one", "three", "two"]
        assert await state.session("s2") == "two"
        assert await state.session("s4") is None


async def test_a_beat_without_a_session_keeps_its_record(two):
    await two.here.beat([], {"s1": "one"})
    await two.here.beat([await leased(two.here, ANA)], {})
    assert await two.there.session("s1") == "one"


async def test_a_record_is_rewritten_and_forgotten(two):
    await two.here.beat([], {"s1": "one"})
    await two.here.beat([], {"s1": "new"})
    assert await two.there.sessions() == ["new"]
    await two.here.forget("s1")
    assert await two.there.sessions() == []
    await two.here.forget("s1")


async def test_many_are_forgotten_and_freed_at_once(two):
    leases = [await leased(two.here, ANA, console=f"lab/vm{n}") for n in range(3)]
    await two.here.beat(leases, {"s1": "one", "s2": "two", "s3": "three"})
    await two.here.forget("s1", "s2")
    await two.here.release(*leases[:2])
    assert await two.there.sessions() == ["three"]
    free = [isinstance(await two.there.lease(lease.console, BEN, take=False), Lease) for lease in leases]
    assert free == [True, True, False]


async def test_the_record_of_an_earlier_owner_does_not_replace_that_of_a_later(two):
    """The first replica was suspended while the session came back to the other."""
    first = await leased(two.here, ANA)
    await two.here.beat([first], {"s-ana": "first"})
    second = await leased(two.there, ANA)
    await two.there.beat([second], {"s-ana": "second"})
    assert (await two.here.beat([first], {"s-ana": "first"})).lost == [(first, second)]
    await two.here.beat([], {"s-ana": "first, and without a lease"})
    assert await two.there.session("s-ana") == "second"
    await two.there.beat([second], {"s-ana": "second, newer"})
    assert await two.here.session("s-ana") == "second, newer"


async def test_ends_are_news_everywhere(two):
    async with heard(two.here) as here, heard(two.there) as there:
        await two.there.end_session("s1", 30, "bastion")
        assert [await next_of(here), await next_of(there)] == [Ended("s1", "bastion", 30)] * 2


async def test_a_console_that_follows_another_lease_is_news_and_a_free_one_is_none(two):
    async with heard(two.here) as here:
        await leased(two.there, ANA)
        taken = await leased(two.there, BEN, take=True)
        returned = await leased(two.there, BEN)
        assert [await next_of(here), await next_of(here)] == [Taken(taken), Taken(returned)]


async def test_a_budget_is_one_for_all_replicas(two):
    states = [two.here, two.there]
    spent = await asyncio.gather(*(states[n % 2].spend("alibaba:a:i", 24) for n in range(60)))
    granted = [each for each in spent if each.wait == 0]
    assert sorted(each.left for each in granted) == list(range(24))
    assert all(0 < each.wait <= 60 and each.left == 0 for each in spent if each.wait)
    assert await two.there.spend("alibaba:a:other", 1) == Spent(0, 0)


async def test_the_state_is_up(two):
    assert two.here.up
    assert two.there.up
