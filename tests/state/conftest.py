"""What replicas share, as two of them see it: in memory, and in a Redis with the rights that docs/state.md gives."""

import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.components import needs
from support.servers.redis import RedisServer, redis_server

from gateway.config.state import address
from gateway.state.memory import MemoryState
from gateway.state.redis import connected
from gateway.state.state import State

DOCUMENTED = Path(__file__).parents[2] / "docs" / "state.md"


@dataclass(frozen=True, slots=True)
class Two:
    """The state as two replicas see it; in memory both are one."""

    here: State
    there: State


@pytest.fixture(scope="module")
def user() -> str:
    """The documented user for gateways, as Redis reads it."""
    (line,) = re.findall(r"^user .*$", DOCUMENTED.read_text(), re.MULTILINE)
    return str(line)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(tmp_path_factory: pytest.TempPathFactory, user: str) -> AsyncIterator[RedisServer]:
    """A Redis whose user for gateways is the documented one."""
    acl = tmp_path_factory.mktemp("redis") / "users.acl"
    acl.write_text(f"{user}\nuser default on nopass ~* &* +@all\n")
    async with redis_server(acl.parent, "--aclfile", str(acl)) as server:
        yield server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A Redis of the test's own, to be stopped and started."""
    async with redis_server(tmp_path) as started:
        yield started


@pytest.fixture(params=["memory", pytest.param("redis", marks=needs("redis"))])
def kept_in(request: pytest.FixtureRequest) -> RedisServer | None:
    """Where the state is: None for memory."""
    return request.getfixturevalue("guarded") if request.param == "redis" else None


@pytest.fixture
async def two(kept_in: RedisServer | None) -> AsyncIterator[Two]:
    """Two replicas of a gateway that nobody has used yet."""
    if kept_in is None:
        state = MemoryState(time.monotonic, "here")
        yield Two(state, state)
        return
    url = kept_in.url.replace("//", "//vnc-gateway:secret@")
    # What the documented user may touch begins with this; the rest is the test's own.
    prefix = f"vg:{secrets.token_hex(4)}:"
    async with AsyncExitStack() as stack:
        here, there = [
            await stack.enter_async_context(connected(address(url), prefix, name)) for name in ("here", "there")
        ]
        yield Two(here, there)
