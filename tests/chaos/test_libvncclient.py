"""A viewer made of libvncclient, the library in Remmina and others: it does not notice either."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from support.adapter import adapter
from support.chaos.cutter import Cutter, cutter
from support.chaos.novnc import HEXTILE, TIGHT, ZRLE, Engine, Wish, engine
from support.chaos.plan import Plan
from support.chaos.scenes import POINTER, Behind, desk
from support.chaos.trial import RECONNECT, SEED, Trial, cuts, rarely
from support.components import needs, program
from support.gateway import Gateway, gateway
from support.programs import LOOPBACK, eventually, running
from support.rfb_client.pixels import Colours

pytestmark = [
    needs("libvncclient", "cc", "xvnc", "xterm", "node", "npm"),
    pytest.mark.asyncio(loop_scope="session"),
]

SOURCE = Path(__file__).parents[1] / "support" / "chaos" / "libvncclient" / "looker.c"


class Looker:
    """The process: see looker.c for what it understands."""

    def __init__(self, process: asyncio.subprocess.Process, directory: Path) -> None:
        self._process = process
        self._file = directory / "framebuffer"

    @property
    def ended(self) -> str | None:
        return None if self._process.returncode is None else f"libvncclient gave up: {self._process.returncode}"

    async def picture(self) -> Colours:
        width, height = map(int, (await self._ask(f"picture {self._file}"))[1:])
        pixels = np.fromfile(self._file, np.uint8).reshape(height, width, 4)
        return pixels[..., :3].copy()

    async def drawn(self) -> int:
        return int((await self._ask("drawn"))[1])

    async def draws(self, count: int, *, since: int, within: float = 10.0) -> None:
        async def enough() -> bool:
            return await self.drawn() >= since + count

        await eventually(enough, within=within, what=f"{count} updates")

    async def refine(self) -> None:
        """It never asks for JPEG."""

    async def _ask(self, what: str) -> list[str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(what.encode() + b"\n")
        answer = await asyncio.wait_for(self._process.stdout.readline(), 20)
        assert answer, "libvncclient gave up"
        return answer.decode().split()


@dataclass(frozen=True, slots=True)
class House:
    looker: Path
    behind: Behind
    cutter: Cutter
    gateway: Gateway
    engine: Engine

    async def run(self, wish: Wish, encodings: str, plan: Plan, artifacts: Path) -> None:
        trial = Trial(self.engine, self.gateway, "vm", self.cutter, self.behind, artifacts)
        plan = await trial.begin(wish, plan)
        async with adapter(lambda: self.gateway.address("vm")) as port, self._looker(port, encodings, artifacts) as one:
            await trial.endure(one, wish, plan)

    @contextlib.asynccontextmanager
    async def _looker(self, port: int, encodings: str, artifacts: Path) -> AsyncIterator[Looker]:
        pipe = asyncio.subprocess.PIPE
        argv = [self.looker, LOOPBACK, str(port), encodings, *map(str, POINTER)]
        with (artifacts / "looker.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=log)
        try:
            yield Looker(process, artifacts)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    logs = module_artifacts
    looker = logs / "looker"
    compile_it = [program("cc"), "-O2", "-o", looker, SOURCE, "-lvncclient"]
    async with running("cc", compile_it, logs=logs) as compiler:
        assert await compiler.wait_exit(60) == 0, compiler.output()
    async with (
        desk(logs=logs, size=(480, 360)) as one,
        desk(logs=logs, size=(400, 300), seed=2) as other,
        cutter(one.address, other.address, seed=SEED) as cuts_it,
        engine(logs) as novnc,
        gateway({"vm": cuts_it.address}, logs=logs, more=RECONNECT) as running_gateway,
    ):
        yield House(looker, Behind({one.address: one, other.address: other}), cuts_it, running_gateway, novnc)


@pytest.mark.parametrize(
    ("wish", "encodings"),
    [
        pytest.param(TIGHT, "tight copyrect", id="tight"),
        pytest.param(ZRLE, "zrle copyrect", id="zrle"),
        *rarely(pytest.param(HEXTILE, "hextile", id="hextile")),
    ],
)
async def test_libvncclient_does_not_notice(house: House, artifacts: Path, wish: Wish, encodings: str) -> None:
    await house.run(wish, encodings, Plan(cuts(4)), artifacts)
