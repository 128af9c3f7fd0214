"""Every open session, of all replicas. What the admin API makes of it is in tests/web/test_session_api.py."""

import asyncio

from gateway.sessions.directory import AT_ONCE, unhurried


async def test_a_long_list_leaves_others_their_turn():
    turns = 0

    async def other_work() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other_work())
    assert [value async for value in unhurried(range(10 * AT_ONCE))] == list(range(10 * AT_ONCE))
    task.cancel()
    assert turns >= 9
