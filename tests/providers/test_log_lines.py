"""What operators read of credentials in the log itself: which of them, and nothing that is in them."""

import io
import json
import logging
import time
from collections.abc import Iterator
from email.utils import formatdate

import aiohttp
import pytest
import structlog
from support.cloud_providers import Cloud, build
from support.fake_api import FakeApi, Reply

from gateway.errors import CloudUnavailable, KeyRejected
from gateway.providers.keys import Credentials, Keys
from gateway.providers.outlet import Outlet
from gateway.telemetry import logs


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet = {name: logging.getLogger(name).level for name in logs.QUIET}
    text = io.StringIO()
    logs.configure("info", "json", text)
    yield text
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, number in quiet.items():
        logging.getLogger(name).setLevel(number)
    structlog.reset_defaults()


def told(out: io.StringIO) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    return [(line["event"], line.get("account")) for line in lines]


class Away:
    account = "role"
    margin = 0.0

    async def fetch(self) -> Keys:
        raise CloudUnavailable("metadata is away")


async def test_a_rejected_key_is_told_by_the_name_of_its_credentials(cloud: Cloud, out: io.StringIO) -> None:
    code = {"alibaba": "SignatureDoesNotMatch", "huawei": "APIGW.0301"}[cloud.name]
    cloud.api.answer(Reply(cloud.refuse(code), status=403))
    with pytest.raises(KeyRejected):
        await cloud.locate()
    assert told(out) == [("credentials.rejected", "prod")]


async def test_a_source_that_gives_no_keys_is_told_by_the_name_of_its_credentials(out: io.StringIO) -> None:
    with pytest.raises(CloudUnavailable):
        async with Credentials("prod", Away()).use():
            pass
    assert told(out) == [("credentials.not_refreshed", "prod")]


async def test_a_clock_that_is_off_is_told_by_the_name_of_the_credentials(
    api: FakeApi, http: aiohttp.ClientSession, outlet: Outlet, out: io.StringIO
) -> None:
    behind = float(int(time.time())) - 3600
    alibaba = build("alibaba", api, http, outlet, clock=lambda: behind)
    date = {"Date": formatdate(behind + 3600, usegmt=True)}
    api.answer(Reply(alibaba.refuse("InvalidTimeStamp.Expired"), status=400, headers=date), Reply(alibaba.good()))
    await alibaba.locate()
    assert told(out) == [("provider.clock_skewed", "prod")]
