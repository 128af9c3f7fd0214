"""Budgets, windows, silence. The stories run in the background of all these tests; each test here waits for one."""

import pytest
from support.chaos.stories import Stories
from support.chaos.waits import MINUTE, SILENCE, WINDOW
from support.components import needs

pytestmark = [needs("qemu", "node", "npm"), pytest.mark.asyncio(loop_scope="session")]

PER_MINUTE = 24  # the default of reconnect.per_minute
ARRIVAL = 5.0  # seconds by which two dials may be nearer at their end than they were at their beginning
BUSY = 10.0  # seconds that may be lost on a machine that has other things to do
NOTICED = 2 * SILENCE + BUSY  # a ping or a probe, and its answer that does not come


async def test_the_browser_is_told_when_the_window_is_over(told: Stories) -> None:
    took, ended = await told.end("away")
    assert ended == "closed with 4502 upstream_lost"
    assert took <= WINDOW + BUSY


async def test_an_upstream_that_is_back_within_the_window_is_found(told: Stories) -> None:
    await told.end("back")


async def test_a_silent_websocket_is_noticed_by_its_pings(told: Stories) -> None:
    assert await told.end("ws") <= NOTICED


async def test_a_silent_websocket_is_noticed_while_the_browser_reads_slowly(told: Stories) -> None:
    assert await told.end("slow") <= NOTICED


async def test_a_websocket_that_falls_silent_before_its_first_ping_is_noticed(told: Stories) -> None:
    assert await told.end("early") <= NOTICED


async def test_a_pong_with_more_in_it_than_was_pinged_is_a_pong(told: Stories) -> None:
    """QEMU answers a ping with the ping's payload and all else that it has read by then."""
    dials, ended = await told.end("lumps")
    assert ended is None
    assert dials == 1


async def test_silent_tcp_is_noticed_by_the_kernel(told: Stories) -> None:
    assert await told.end("tcp") <= NOTICED


async def test_an_upstream_that_dies_every_second_costs_no_more_than_the_budget(told: Stories) -> None:
    dials, ended = await told.end("dying")
    assert ended is None
    assert len(dials) > PER_MINUTE / 2, "it has hardly tried"
    assert max(sum(begin <= dial < begin + MINUTE - ARRIVAL for dial in dials) for begin in dials) <= PER_MINUTE
