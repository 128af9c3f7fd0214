"""One demo and one Chromium for all tests here."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from support.components import needs
from support.demo import Demo
from support.demo import demo as run_demo


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here runs in the browser's loop."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            if "browser" in getattr(item, "fixturenames", ()):
                item.add_marker(needs("chromium", "playwright"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    async with run_demo("--port", 0, logs=tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[object]:
    from support.page import chromium  # playwright may be missing: then these tests are skipped by name

    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def desk(browser) -> AsyncIterator[object]:
    from support.page import DESK, profile

    async with profile(browser, **DESK) as context:
        yield context


@pytest_asyncio.fixture(loop_scope="session")
async def page(desk) -> AsyncIterator[object]:
    """A tab of a profile that others had before: what the page has kept of their choices is gone."""
    from support.page import tab

    async with tab(desk) as opened:
        await opened.add_init_script("if (!window.name) { localStorage.clear(); window.name = 'begun'; }")
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def phone(browser) -> AsyncIterator[object]:
    from support.page import PHONE, profile, tab

    async with profile(browser, **PHONE) as context, tab(context) as opened:
        yield opened
