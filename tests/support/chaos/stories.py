"""Stories that mostly wait, told side by side: each is a task of its own, and each test waits for its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any


class Stories:
    """Running stories by name."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def begin(self, name: str, story: Coroutine[Any, Any, Any]) -> None:
        self._tasks[name] = asyncio.create_task(story, name=name)

    async def end(self, name: str) -> Any:
        """What the story came to; raises what it raised."""
        return await asyncio.shield(self._tasks[name])

    async def stop(self) -> None:
        """End those that nobody waited for."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


@contextlib.asynccontextmanager
async def stories() -> AsyncIterator[Stories]:
    """A place for stories; none outlives the block."""
    telling = Stories()
    try:
        yield telling
    finally:
        await telling.stop()
