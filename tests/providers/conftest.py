"""What the tests of providers share: a fake API, the HTTP session, an outlet without settings."""

import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.cloud_providers import Cloud, build
from support.fake_api import FakeApi, Reply

from gateway.providers.api import open_session
from gateway.providers.outlet import Outlet, trust


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi(Reply()) as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as session:
        yield session


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    return trust()


@pytest.fixture
def outlet(tls: ssl.SSLContext) -> Outlet:
    return Outlet(tls=tls)


@pytest.fixture(params=["alibaba", "huawei"])
def cloud(request: pytest.FixtureRequest, api: FakeApi, http: aiohttp.ClientSession, outlet: Outlet) -> Cloud:
    return build(request.param, api, http, outlet)


@pytest.fixture
def alibaba(api: FakeApi, http: aiohttp.ClientSession, outlet: Outlet) -> Cloud:
    return build("alibaba", api, http, outlet)


@pytest.fixture
def huawei(api: FakeApi, http: aiohttp.ClientSession, outlet: Outlet) -> Cloud:
    return build("huawei", api, http, outlet)
