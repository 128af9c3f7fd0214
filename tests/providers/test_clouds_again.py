"""The two clouds' providers against a fake API: what is asked again with something changed, and what is given up."""

import asyncio
import time
from email.utils import formatdate
from types import SimpleNamespace

import aiohttp
import pytest
from structlog.testing import capture_logs
from support.cloud_providers import Cloud, Rotating, build
from support.fake_api import FakeApi, Reply

from gateway.errors import (
    CloudRefused,
    CloudUnavailable,
    KeyRejected,
)
from gateway.providers.keys import Credentials
from gateway.providers.outlet import Outlet

# Once more, with something changed


@pytest.mark.parametrize("name", ["alibaba", "huawei"])
async def test_an_expired_token_is_renewed_and_tried_once_more(
    name: str, api: FakeApi, http: aiohttp.ClientSession, outlet: Outlet
) -> None:
    source = Rotating()
    ticks = iter(range(0, 1000, 60))
    credentials = Credentials("prod", source, monotonic=lambda: next(ticks))
    cloud = build(name, api, http, outlet, credentials=credentials)
    code = {"alibaba": "InvalidSecurityToken.Expired", "huawei": "APIGW.0307"}[name]
    api.answer(Reply(cloud.refuse(code), status=401), Reply(cloud.good()))
    target = await cloud.locate()
    assert target.account == "role"
    assert len(api.seen) == source.asked == 2
    tokens = [seen.headers.get("x-acs-security-token") or seen.headers.get("X-Security-Token") for seen in api.seen]
    assert tokens == ["STS1", "STS2"]
    api.answer(Reply(cloud.refuse(code), status=401))
    with pytest.raises(CloudRefused) as caught:
        await cloud.locate()
    assert not caught.value.retryable
    assert len(api.seen) == 4


async def test_an_expired_token_that_cannot_be_renewed_is_not_tried_again(cloud: Cloud) -> None:
    code = {"alibaba": "InvalidSecurityToken.Expired", "huawei": "APIGW.0307"}[cloud.name]
    cloud.api.answer(Reply(cloud.refuse(code), status=401))
    with pytest.raises(CloudRefused):
        await cloud.locate()
    assert len(cloud.api.seen) == 1


async def test_a_used_nonce_gets_another_once(alibaba: Cloud) -> None:
    alibaba.api.answer(Reply(alibaba.refuse("SignatureNonceUsed"), status=400), Reply(alibaba.good()))
    await alibaba.locate()
    first, second = (seen.headers["x-acs-signature-nonce"] for seen in alibaba.api.seen)
    assert first != second
    alibaba.api.answer(Reply(alibaba.refuse("SignatureNonceUsed"), status=400))
    with pytest.raises(CloudRefused):
        await alibaba.locate()
    assert len(alibaba.api.seen) == 4


async def test_a_clock_that_is_off_follows_the_clouds(
    api: FakeApi, http: aiohttp.ClientSession, outlet: Outlet
) -> None:
    behind = float(int(time.time())) - 3600
    alibaba = build("alibaba", api, http, outlet, clock=lambda: behind)
    date = {"Date": formatdate(behind + 3600, usegmt=True)}
    api.answer(Reply(alibaba.refuse("InvalidTimeStamp.Expired"), status=400, headers=date), Reply(alibaba.good()))
    with capture_logs() as logs:
        await alibaba.locate()
        await alibaba.locate()
    assert len(api.seen) == 3  # the second address needed no lesson
    first, second, third = (seen.headers["x-acs-date"] for seen in api.seen)
    assert first < second == third
    assert [(line["event"], line["seconds"]) for line in logs] == [("provider.clock_skewed", 3600)]


async def test_an_address_is_as_old_as_the_last_question(alibaba: Cloud) -> None:
    refused = Reply(alibaba.refuse("SignatureNonceUsed"), status=400, delay=0.3)
    alibaba.api.answer(refused, Reply(alibaba.good()))
    begun = time.monotonic()
    target = await alibaba.locate()
    assert target.fetched_at - begun >= 0.3


async def test_a_key_is_not_blamed_for_a_clock_that_is_far_off(
    api: FakeApi, http: aiohttp.ClientSession, outlet: Outlet
) -> None:
    """Huawei has one code for a wrong key and a wrong date."""
    behind = float(int(time.time())) - 3600
    huawei = build("huawei", api, http, outlet, clock=lambda: behind)
    date = {"Date": formatdate(behind + 3600, usegmt=True)}
    refused = Reply(huawei.refuse("APIGW.0301"), status=401, headers=date)
    api.answer(refused, Reply(huawei.good()))
    await huawei.locate()
    first, second = (seen.headers["X-Sdk-Date"] for seen in api.seen)
    assert first < second
    api.answer(refused)
    for _ in range(3):
        with pytest.raises(KeyRejected):
            await huawei.locate()
    assert len(api.seen) == 3  # with the clock corrected it is the key, and once is enough


async def test_a_clock_that_is_put_right_later_does_not_cost_the_key(
    api: FakeApi, http: aiohttp.ClientSession, outlet: Outlet
) -> None:
    true = float(int(time.time()))
    clock = SimpleNamespace(now=true - 3600)
    huawei = build("huawei", api, http, outlet, clock=lambda: clock.now)
    refused = Reply(huawei.refuse("APIGW.0301"), status=401, headers={"Date": formatdate(true, usegmt=True)})
    api.answer(refused, Reply(huawei.good()))
    await huawei.locate()
    clock.now = true  # what we add to it is wrong from now on
    api.answer(refused, Reply(huawei.good()))
    await huawei.locate()
    sent = [seen.headers["X-Sdk-Date"] for seen in api.seen]
    assert len(sent) == 4
    assert sent[1] == sent[3] < sent[2]


async def test_a_clock_complaint_without_a_date_is_final(alibaba: Cloud) -> None:
    alibaba.api.answer(
        Reply(alibaba.refuse("InvalidTimeStamp.Expired"), status=400, headers={"Date": "yesterday"}),
    )
    with pytest.raises(CloudRefused):
        await alibaba.locate()
    assert len(alibaba.api.seen) == 1


# Time and transport


@pytest.mark.parametrize("name", ["alibaba", "huawei"])
async def test_a_slow_api_is_given_up(name: str, api: FakeApi, http: aiohttp.ClientSession, outlet: Outlet) -> None:
    cloud = build(name, api, http, outlet, timeout=0.1)
    api.answer(Reply(cloud.good(), delay=30))
    started = time.monotonic()
    with pytest.raises(CloudUnavailable, match=r"0\.1 s") as caught:
        await cloud.locate()
    assert time.monotonic() - started < 5
    assert caught.value.retryable
    assert caught.value.ending.code == 4502


@pytest.mark.parametrize("name", ["alibaba", "huawei"])
async def test_an_api_that_is_down(name: str, http: aiohttp.ClientSession, outlet: Outlet) -> None:
    down = SimpleNamespace(endpoint="http://127.0.0.1:9")
    cloud = build(name, down, http, outlet)  # type: ignore[arg-type] -- only its endpoint is used
    with pytest.raises(CloudUnavailable, match=r"127\.0\.0\.1") as caught:
        await cloud.locate()
    assert caught.value.retryable


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_an_api_that_fails(cloud: Cloud, status: int) -> None:
    cloud.api.answer(Reply(b"<html>bad gateway", status=status, headers={"Retry-After": "3"}))
    with pytest.raises(CloudUnavailable) as caught:
        await cloud.locate()
    assert caught.value.retry_after == 3.0


async def test_a_caller_that_goes_away_is_let_go(cloud: Cloud) -> None:
    cloud.api.answer(Reply(cloud.good(), delay=30))
    caller = asyncio.create_task(cloud.locate())
    async with asyncio.timeout(5):
        while not cloud.api.seen:
            await asyncio.sleep(0.001)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    cloud.api.answer(Reply(cloud.good()))
    async with asyncio.timeout(5):
        await cloud.locate()  # the key's lock is free again
