"""The clouds cut who is idle for 300 s: with keepalive it never comes to that, without it does, and is mended."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.chaos.clouds import Cloud, clouds
from support.chaos.novnc import TIGHT, Engine, engine
from support.chaos.stories import Stories, stories
from support.chaos.trial import CUTS
from support.components import needs
from support.gateway import Gateway, gateway
from support.programs import eventually

from gateway.simulator.clouds.limits import IdleCounts, Times

pytestmark = [needs("node", "npm"), pytest.mark.asyncio(loop_scope="session")]

SCALE = 1 if CUTS else 150  # a long run lasts 20 minutes at real speed, an ordinary one 8 seconds
IDLE = 300 / SCALE
AFTER = 45 / SCALE  # keepalive.upstream_after, scaled alike
LIFE = 4.0 * IDLE
SLACK = 300  # seconds beside the 20 minutes, for the time limit of a test

ON = f'keepalive = {{ upstream_after = {AFTER}, method = "auto" }}'
OFF = 'keepalive = { method = "off" }'


@dataclass(frozen=True, slots=True)
class Life:
    """What an idle session came to. `sent` are client messages that reached a machine as keys or pointer."""

    dials: int
    idle_cuts: int
    events: int
    updates: int
    ended: str | None


async def live(cloud: Cloud, running: Gateway, novnc: Engine) -> Life:
    """Open a console on a still picture and leave it alone."""
    (machine,) = cloud.behind.scenes.values()
    await machine.freeze()
    client = await novnc.open(await running.address(cloud.console), TIGHT)
    await client.draws(1, since=0)
    await cloud.cutter.quiet(min(1.0, AFTER))
    (instance,) = [one for one in cloud.service.instances.values() if cloud.console.endswith(one.id)]
    events, before = instance.desktop.events, await client.drawn()
    seen = len(events.keys) + len(events.pointers)
    await asyncio.sleep(LIFE)
    counts, dials, drawn = cloud.service.proxy.counts, cloud.cutter.dials, await client.drawn()
    await eventually(lambda: len(dials) > counts.idle_cuts, what="the dial after a cut of this very moment")
    return Life(
        dials=len(dials),
        idle_cuts=counts.idle_cuts,
        events=len(events.keys) + len(events.pointers) - seen,
        updates=drawn - before,
        ended=client.ended,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def told(module_artifacts: Path) -> AsyncIterator[Stories]:
    times = Times(minute=0.001, idle=IDLE)
    async with contextlib.AsyncExitStack() as stack:
        novnc = await stack.enter_async_context(engine(module_artifacts))
        telling = await stack.enter_async_context(stories())
        for counts in (IdleCounts.RFB, IdleCounts.INPUT):
            both = await stack.enter_async_context(clouds(times, counts, ali=ON, hua=OFF))
            logs = module_artifacts / counts
            running = await stack.enter_async_context(gateway(both.direct, logs=logs, more=both.configuration))
            for name, cloud in both.each.items():
                telling.begin(f"{name}-{counts}", live(cloud, running, novnc))
        yield telling


@pytest.mark.timeout(LIFE + SLACK)
async def test_an_idle_session_outlives_the_limit_many_times(told: Stories) -> None:
    """Any message counts: one that changes nothing is sent in time. No event in the machine, no picture extra."""
    life = await told.end("alibaba-rfb")
    assert life == Life(dials=1, idle_cuts=0, events=0, updates=0, ended=None)


@pytest.mark.timeout(LIFE + SLACK)
@pytest.mark.parametrize("counts", list(IdleCounts)[:2])
async def test_without_keepalive_it_is_cut_at_the_limit_and_lives_on(told: Stories, counts: IdleCounts) -> None:
    life = await told.end(f"huawei-{counts}")
    assert life.ended is None
    assert 3 <= life.idle_cuts <= 4
    assert life.dials == life.idle_cuts + 1
    assert life.events == 0


@pytest.mark.timeout(LIFE + SLACK)
async def test_where_only_input_counts_that_is_learned_from_two_cuts(told: Stories) -> None:
    """The second rung lets go of a key that nobody holds: real servers give no event for that, this one counts it."""
    life = await told.end("alibaba-input")
    assert life.ended is None
    assert 1 <= life.idle_cuts <= 2, "one may be another session's on the same host"
    assert life.dials == life.idle_cuts + 1
    assert life.events > 0
