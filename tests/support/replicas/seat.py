"""One console and whoever is at it: people come and go, are cut off, thrown out and come back, all of it on purpose.

Whatever a seat does to a session it has written into the ledger, so that no other ending is left unexplained.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import aiohttp

from support.programs import eventually
from support.raw_browser import Closed
from support.replicas.ledger import Ledger
from support.replicas.machines import Machines
from support.replicas.visit import Doors, Visit

PATIENCE = 60.0  # seconds for anything that has to happen, on a machine under load

UNHEARD = Closed(None, None)

Act = Callable[["Seat", Visit], Awaitable[Visit]]


class Seat:
    """The seat at the machine of that `number`. `pause`: seconds between two acts, on average.

    The first act is the number's, so that a few seats do everything there is; later ones are the dice's. `slow`: bytes
    a second that its browsers take; 0: all there are.
    """

    def __init__(self, number: int, around: Machines, doors: Doors, ledger: Ledger, *, pause: float, slow: int) -> None:
        self._number = number
        self._machine = around.each[number]
        self._around = around
        self._doors = doors
        self._ledger = ledger
        self._pause = pause
        self._slow = slow
        self._users = 0
        self._visits: list[Visit] = []

    async def run(self, until: float) -> None:
        """Be busy until then (seconds of the monotonic clock), and leave."""
        acts, weights = zip(*ACTS.items(), strict=True)
        act, visit = acts[self._number % len(acts)], None
        while time.monotonic() < until:
            try:
                visit = visit or await self._come()
                await visit.stay(min(self._doors.dice.expovariate(1 / self._pause), until - time.monotonic()))
                assert not visit.over, "ended, and nobody had asked for that"
                visit = await act(self, visit)
                self._ledger.done[act.__name__] += 1
            except (AssertionError, OSError, aiohttp.ClientError) as fault:
                visit = await self._failed(f"{act.__name__}: {fault!r}")
            (act,) = self._doors.dice.choices(acts, weights)
        try:
            if visit is not None:
                await leave(self, visit)
        except (AssertionError, OSError) as fault:
            await self._failed(f"at the end: {fault!r}")

    async def _failed(self, what: str) -> None:
        """Note it, and begin again a little later."""
        who = ", ".join(sorted({visit.session for visit in self._visits})) or "nobody"
        self._ledger.faults.append(f"{who} at {self._machine.console}, {what}")
        for visit in self._visits:
            await visit.drop()
        self._visits.clear()
        await asyncio.sleep(self._pause)

    async def _come(self) -> Visit:
        """Somebody new."""
        self._users += 1
        token = await self._doors.ticket(self._machine.console, f"user-{self._users}")
        return await self._open(token)

    async def _open(self, token: str, *, take: bool = True) -> Visit:
        self._ledger.done["openings"] += 1
        visit = await Visit.open(self._doors, self._machine.console, token, take=take, slow=self._slow)
        self._visits = [*(each for each in self._visits if not each.over), visit]
        return visit

    def _ended(self, visit: Visit, closed: Closed, wanted: Closed) -> None:
        """It was ended as it was to be. Who reads slowly may miss the last word."""
        self._ledger.expect(visit.session, str(wanted.reason))
        assert closed == wanted or (visit.slow and closed == UNHEARD), f"{closed}, not {wanted}"


# What may happen at a seat. Each leaves somebody there.


async def cut(seat: Seat, visit: Visit) -> Visit:
    """The machine's connection is reset; another one takes its place, and nobody notices."""
    name = seat._machine.instance.id
    before = seat._around.dials.of(name)
    assert seat._machine.cut() >= 1, "nobody is connected to the machine"

    def back() -> bool:
        return visit.over or (seat._around.dials.of(name) > before and bool(seat._machine.desktop.viewers))

    await eventually(back, within=2 * PATIENCE, what="another connection to the machine")
    return visit


async def leave(seat: Seat, visit: Visit) -> Visit:
    """The user is done. After a while somebody else comes."""
    seat._ended(visit, await visit.leave(), Closed(1000, "closed"))
    return visit


async def leave_and_come(seat: Seat, visit: Visit) -> Visit:
    await leave(seat, visit)
    await asyncio.sleep(seat._doors.dice.random() * seat._pause)
    return await seat._come()


async def drop_and_return(seat: Seat, visit: Visit) -> Visit:
    """The network is gone, and back."""
    await visit.drop()
    seat._ledger.expect(visit.session, "browser_lost")
    await eventually(lambda: not seat._machine.desktop.viewers, within=PATIENCE, what="its machine to be left")
    return await seat._open(visit.resume, take=False)


async def reload(seat: Seat, visit: Visit) -> Visit:
    """The same grant comes on another connection, while the first still lives."""
    visit.hurry()
    back = await seat._open(visit.resume, take=False)
    seat._ended(visit, await visit.ended(), Closed(1000, "closed"))
    return back


async def glance(seat: Seat, visit: Visit) -> Visit:
    """The same grant comes on another connection, leaves before the machine is seen, and comes again."""
    visit.hurry()
    short = await Visit.dial(seat._doors, visit.console, visit.resume, take=False)
    seat._ended(visit, await visit.ended(), Closed(1000, "closed"))
    await short.drop()
    # What comes first: its own end, that of the next, or ten seconds in which it has not said a word.
    seat._ledger.expect(short.session, "browser_lost", "closed", "protocol_error")
    return await seat._open(visit.resume, take=False)


async def take_over(seat: Seat, visit: Visit) -> Visit:
    """Somebody else takes the console. Who had it comes back by itself in vain, and sometimes takes it back."""
    visit.hurry()
    other = await seat._come()
    taken = Closed(4409, "taken_over")
    seat._ended(visit, await visit.ended(), taken)
    again = await Visit.dial(seat._doors, visit.console, visit.resume, take=False)
    seat._ended(again, await again.ended(), taken)
    if seat._doors.dice.random() < 0.5:
        return other
    other.hurry()
    back = await seat._open(visit.resume)
    seat._ended(other, await other.ended(), taken)
    return back


async def end_by_admin(seat: Seat, visit: Visit) -> Visit:
    """An operator ends the session, on any replica; nobody returns to it."""

    async def told() -> bool:  # other replicas learn of a session within a moment
        return await seat._doors.end(visit.session) == 204

    visit.hurry()
    await eventually(told, within=PATIENCE, what="the session to be known")
    seat._ended(visit, await visit.ended(), Closed(4410, "ended_by_admin"))
    assert await seat._doors.grant(visit.console, visit.resume) is None, "it can't be returned to"
    seat._ledger.refusals += 1
    return await seat._come()


async def babble(seat: Seat, visit: Visit) -> Visit:
    """The browser sends what it may not send."""
    seat._ended(visit, await visit.babble(), Closed(1002, "protocol_error"))
    return await seat._come()


ACTS: dict[Act, int] = {
    cut: 8,
    leave_and_come: 3,
    drop_and_return: 3,
    reload: 3,
    glance: 1,
    take_over: 3,
    end_by_admin: 1,
    babble: 1,
}
"""How often each happens, beside the others."""
