"""One gateway for all soaks, so that what one of them leaves behind is seen by the next."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from support.soak_house import House, running_house


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with running_house(tmp_path_factory.mktemp("soak")) as running:
        yield running
