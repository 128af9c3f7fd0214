"""The loop's lag is what a timer waits beyond its time."""

import asyncio
import time

import pytest

from gateway.telemetry import loop_lag
from gateway.telemetry.loop_lag import measuring_lag


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_lag, "EVERY", 0.02)


async def test_a_loop_that_stands_still_is_late_by_as_much():
    seen: list[float] = []
    async with measuring_lag(seen.append):
        await asyncio.sleep(0.1)
        time.sleep(0.3)  # what nobody on the loop may do
        await asyncio.sleep(0.1)
    assert max(seen) > 0.25
    assert len(seen) > 3
    assert min(seen) < 0.1


async def test_nothing_is_measured_any_more_after_the_block():
    seen: list[float] = []
    async with measuring_lag(seen.append):
        await asyncio.sleep(0.1)
    count = len(seen)
    await asyncio.sleep(0.1)
    assert len(seen) == count > 0
