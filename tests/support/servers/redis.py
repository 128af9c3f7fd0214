"""A Redis (or Valkey) of a test's own: started, stopped, started again on the same port."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from redis.asyncio import Redis

from support.components import program
from support.programs import LOOPBACK, Program, accepts, free_port, running


@dataclass(slots=True)
class RedisServer:
    """A server on `port`, which `options` of its configuration are given to; it keeps nothing over a restart."""

    logs: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    _running: AsyncExitStack | None = None
    program: Program | None = None

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Start it, or again."""
        self._running = AsyncExitStack()
        argv = [program("redis"), "--port", str(self.port), "--bind", LOOPBACK, "--save", "", *self.options]
        argv += ["--dir", str(self.logs)]
        self.program = await self._running.enter_async_context(
            running(f"redis-{self.port}", argv, logs=self.logs, ready=lambda: accepts(self.port))
        )

    async def stop(self) -> None:
        """Stop it; whatever it knew is gone."""
        if self._running is not None:
            await self._running.aclose()
            self._running = None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Redis]:
        """A client with all rights, to look with."""
        async with Redis(host=LOOPBACK, port=self.port, decode_responses=True) as client:
            yield client


@asynccontextmanager
async def redis_server(logs: Path, *options: str) -> AsyncIterator[RedisServer]:
    """A server that runs for the length of the block, unless it is stopped before."""
    server = RedisServer(logs, options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
