"""What the chaos tests share: one loop for all of them, so that slow stories go on behind the quick tests."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from support.chaos.stories import Stories
from support.chaos.waits import waits
from support.components import missing


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stories]:
    """Begin with the first chaos test, if test_patience is among those that will run."""
    awaited = any(item.path.name == "test_patience.py" for item in request.session.items)
    if not awaited or missing(["qemu", "node", "npm"]):
        yield Stories()
        return
    async with waits(tmp_path_factory.mktemp("patience")) as telling:
        yield telling
