"""The load generator: load/*.c, compiled when it is needed, one process for each measurement."""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks import process as process_tree

SOURCE = Path(__file__).parent / "load"
INSTALL = "sudo apt-get install -y gcc libc6-dev libssl-dev"

PATIENCE = 90.0
"""Seconds for any one step of the load."""

OPENING = 600.0
"""The same for opening all sessions: 5,000 with TLS and a picture each take more than a minute of CPU."""


class LoadError(RuntimeError):
    """The load could not be built, or a relay lost or changed bytes; the text says what."""


@dataclass(frozen=True, slots=True)
class Count:
    """What the load counted since the last mark. Delays are in microseconds, `cpu` is the load's own."""

    seconds: float
    cpu: float
    bytes: int
    trips: int
    opened: int
    lost: int
    p50_us: float
    p99_us: float
    max_us: float
    fairness: float


@cache
def built(directory: Path) -> Path:
    """Compile the load into `directory`. Raises LoadError with what to install."""
    return compiled(sorted(SOURCE.glob("*.c")), directory / "load", "-lssl", "-lcrypto")


def compiled(sources: Sequence[Path], program: Path, *libraries: str) -> Path:
    """Compile C sources into `program`."""
    command: list[str | Path] = [
        "cc",
        "-O2",
        "-std=c11",
        "-D_GNU_SOURCE",
        "-Wall",
        "-Wextra",
        "-o",
        program,
        *sources,
        *libraries,
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise LoadError(f"the load needs a C compiler: {INSTALL}") from None
    except subprocess.CalledProcessError as error:
        raise LoadError(f"the load does not compile ({INSTALL}):\n{error.stderr}") from error
    return program


class Load:
    """A running load. Use `running`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def opened(self) -> Count:
        """Wait until every session has its picture."""
        return await self._event("open", OPENING)

    async def go(self) -> None:
        """Let the sessions begin."""
        await self._command("go")

    async def mark(self) -> Count:
        """Count anew from here; returns what was counted until now."""
        await self._command("mark")
        return await self._event("marked")

    async def stop(self) -> Count:
        """End the work: what was counted until now. `drained` has to follow."""
        await self._command("stop")
        return await self._event("stopped")

    async def drained(self) -> None:
        """Wait until every byte that was sent has arrived; raises LoadError if one did not, or a session was lost."""
        count = await self._event("drained")
        if count.lost:
            raise LoadError(f"the relay ended {count.lost} sessions")

    async def cut(self) -> Count:
        """Drop all servers' connections; returns when every session has a new picture, with the delays."""
        await self._command("cut")
        return await self._event("spliced")

    async def _command(self, name: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(name.encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError:
            raise LoadError(await self._last_words()) from None

    async def _event(self, name: str, patience: float = PATIENCE) -> Count:
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), patience)
        except TimeoutError:
            raise LoadError(f"the load waited {patience:g} s for {name!r}") from None
        if not line:
            raise LoadError(await self._last_words())
        fields = json.loads(line)
        if fields.pop("event") != name:
            raise LoadError(f"the load said {line!r} instead of {name!r}")
        return Count(**fields)

    async def _last_words(self) -> str:
        assert self._process.stderr is not None
        return (await self._process.stderr.read()).decode(errors="replace").strip() or "the load ended"


@contextlib.asynccontextmanager
async def running(program: Path, arguments: Sequence[str | Path | int]) -> AsyncIterator[Load]:
    """Run one load until the block is left."""
    process = await asyncio.create_subprocess_exec(
        program,
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    process_tree.pin(process.pid, process_tree.LOAD_CORES)
    try:
        yield Load(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
