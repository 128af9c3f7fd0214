"""A worker that hangs is told from one that could not speak."""

import asyncio
import signal

import pytest

from gateway.app import worker
from gateway.app import workers as gateway_workers
from gateway.app.worker import SILENCE, Worker
from gateway.app.workers import Workers


@pytest.fixture
def mute(monkeypatch: pytest.MonkeyPatch) -> Worker:
    """One that says nothing."""

    async def start(_: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec("sleep", "1000")

    monkeypatch.setattr(worker, "STARTING", 0)
    made = Worker(0, [], {})
    monkeypatch.setattr(made, "_start", start)
    return made


async def test_a_worker_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch, mute: Worker):
    for module in (worker, gateway_workers):
        monkeypatch.setattr(module, "SILENCE", 0.2)
    watching = asyncio.create_task(Workers([mute])._watch())
    async with asyncio.timeout(30):
        assert await mute.live(lambda: None) == -signal.SIGKILL
    watching.cancel()


async def test_who_stood_still_with_its_workers_kills_none_of_them(monkeypatch: pytest.MonkeyPatch, mute: Worker):
    """As in a container that is paused, or a virtual machine that is moved."""
    loop = asyncio.get_running_loop()
    living = asyncio.create_task(mute.live(lambda: None))
    watching = asyncio.create_task(Workers([mute])._watch())
    await asyncio.sleep(0.05)
    clock, gone_by = loop.time, 2 * SILENCE
    with monkeypatch.context() as patched:
        patched.setattr(loop, "time", lambda: clock() + gone_by)
        assert mute.hangs()
        await asyncio.sleep(0.05)  # in which the watch has its turn
        assert not mute.hangs()
        mute.send(signal.SIGTERM)
        assert await living == -signal.SIGTERM
        watching.cancel()
