"""One Chromium for all tests of the page; a stub of the gateway and a tab for each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from support.components import needs
from support.gateway_stub import STATIC, GatewayStub

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything that takes a tab needs the browser, and runs in the browser's loop."""
    for item in items:
        if item.path.parent == HERE and "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(needs("chromium", "playwright"))
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[object]:
    from support.page import chromium  # playwright may be missing: then these tests are skipped by name

    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def stub() -> AsyncIterator[GatewayStub]:
    assert (STATIC / "console.html").exists(), "the page was not built: install the package (pip install -e .)"
    async with GatewayStub().running() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def desk(browser) -> AsyncIterator[object]:
    """One profile for many tests: each has a stub on a port of its own, so they share no storage."""
    from support.page import DESK, profile

    async with profile(browser, **DESK) as context:
        yield context


@pytest_asyncio.fixture(loop_scope="session")
async def page(desk) -> AsyncIterator[object]:
    from support.page import tab

    async with tab(desk) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def timed(browser) -> AsyncIterator[object]:
    """A tab whose time the test can let pass."""
    from support.page import DESK, profile, tab

    async with profile(browser, **DESK) as context, tab(context) as opened:
        await opened.clock.install()
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def phone(browser) -> AsyncIterator[object]:
    from support.page import PHONE, profile, tab

    async with profile(browser, **PHONE) as context, tab(context) as opened:
        yield opened
