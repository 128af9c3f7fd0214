"""The watch of a soak: it sees a leak, and no leak where there is none."""

import asyncio
import sys
from pathlib import Path

import pytest
from support.programs import running
from support.soak import watched

LEAKS = "import time\nkept = []\nwhile True: kept.append(b'x' * {size}); time.sleep(0.01)"


@pytest.mark.parametrize(("size", "least", "most"), [(20_000, 0.3, 5.0), (0, -0.1, 0.1)])
async def test_growth_is_what_a_program_keeps(artifacts: Path, size: int, least: float, most: float):
    argv = [sys.executable, "-c", LEAKS.format(size=size)]
    async with running("leak", argv, logs=artifacts) as program:
        await asyncio.sleep(0.3)  # the interpreter's own start
        async with watched(program) as trace:
            await asyncio.sleep(1.2)
    assert least < trace.growth < most
