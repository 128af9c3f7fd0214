"""The two clouds' providers against a fake API: what they ask, how often, and what they make of each answer."""

import asyncio
import dataclasses
import re
import time
from collections.abc import Callable
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from support.fake_api import FakeApi, Reply

from gateway.errors import (
    BadAddress,
    CloudRefused,
    CloudUnavailable,
    InstanceNotRunning,
    KeyRejected,
    NoSuchInstance,
    RateLimited,
)
from gateway.providers import refusals
from gateway.providers.alibaba import AlibabaProvider
from gateway.providers.api import MAX_ANSWER, Caller
from gateway.providers.calls import SignedCalls
from gateway.providers.hosts import AllowedHosts
from gateway.providers.huawei import HuaweiProvider
from gateway.providers.key_sources import FixedSource
from gateway.providers.keys import Credentials, Keys
from gateway.providers.outlet import Outlet
from gateway.providers.target import Target

SERVER = "47bc79ae-df61-4ade-9197-283a74e5d70e"
PAGE = "https://console.huaweicloud.com/vnc/region.x/vnc_auto.html?token=TOKEN-1&lang=EN&tLength=70"
VNC_URL = "wss%3A%2F%2Fhz01-vncproxy.aliyun.com%2Fwebsockify%2F%3Fs%3DDvh%252FIA%252BYc"


@dataclasses.dataclass
class Cloud:
    """One cloud's provider with the words that its API uses."""

    name: str
    provider: AlibabaProvider | HuaweiProvider
    api: FakeApi
    credentials: Credentials
    good: Callable[[], Any]
    with_url: Callable[[object], Any]
    refuse: Callable[[str], Any]

    async def locate(self) -> Target:
        return await self.provider.locate(SERVER, session="s", user="u", reference="r")


class Rotating:
    """A source that has new keys each time."""

    account = "role"
    margin = 0.0

    def __init__(self) -> None:
        self.asked = 0

    async def fetch(self) -> Keys:
        self.asked += 1
        return Keys(f"AK{self.asked}", SecretStr("SK"), SecretStr(f"STS{self.asked}"))


def build(
    name: str,
    api: FakeApi,
    http: aiohttp.ClientSession,
    outlet: Outlet,
    *,
    credentials: Credentials | None = None,
    timeout: float = 10.0,
    clock: Callable[[], float] = time.time,
) -> Cloud:
    credentials = credentials or Credentials("prod", FixedSource(Keys("AK", SecretStr("SK"))))
    rules, code = {
        "alibaba": (refusals.ALIBABA, refusals.alibaba_code),
        "huawei": (refusals.HUAWEI, refusals.huawei_code),
    }[name]
    calls = SignedCalls(Caller(http), credentials, rules, code, timeout=timeout, clock=clock)
    if name == "alibaba":
        return Cloud(
            name,
            AlibabaProvider(
                "hangzhou",
                region="cn-hangzhou",
                api=api.endpoint,
                calls=calls,
                allowed=AllowedHosts(["aliyun.com"]),
                outlet=outlet,
            ),
            api,
            credentials,
            good=lambda: {"VncUrl": VNC_URL, "RequestId": "REQ-1"},
            with_url=lambda url: {"VncUrl": url, "RequestId": "REQ-1"},
            refuse=lambda code: {"Code": code, "Message": "…", "RequestId": "REQ-9"},
        )
    return Cloud(
        name,
        HuaweiProvider(
            "beijing",
            project="p1",
            api=api.endpoint,
            calls=calls,
            allowed=AllowedHosts(["huaweicloud.com"]),
            outlet=outlet,
        ),
        api,
        credentials,
        good=lambda: {"remote_console": {"type": "novnc", "protocol": "vnc", "url": PAGE}},
        with_url=lambda url: {"remote_console": {"type": "novnc", "protocol": "vnc", "url": url}},
        refuse=lambda code: {"error_code": code, "error_msg": "…", "request_id": "REQ-9"},
    )


@pytest.fixture(params=["alibaba", "huawei"])
def cloud(request: pytest.FixtureRequest, api: FakeApi, http: aiohttp.ClientSession, outlet: Outlet) -> Cloud:
    return build(request.param, api, http, outlet)


@pytest.fixture
def alibaba(api: FakeApi, http: aiohttp.ClientSession, outlet: Outlet) -> Cloud:
    return build("alibaba", api, http, outlet)


@pytest.fixture
def huawei(api: FakeApi, http: aiohttp.ClientSession, outlet: Outlet) -> Cloud:
    return build("huawei", api, http, outlet)


# What is asked, and the target that comes of it


async def test_alibaba_is_asked_as_its_page_says(alibaba: Cloud) -> None:
    alibaba.api.answer(Reply(alibaba.good()))
    target = await alibaba.locate()
    (seen,) = alibaba.api.seen
    assert (seen.method, seen.path, seen.query) == ("POST", "/", f"InstanceId={SERVER}&RegionId=cn-hangzhou")
    assert seen.headers["x-acs-action"] == "DescribeInstanceVncUrl"
    assert seen.headers["x-acs-version"] == "2014-05-26"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", seen.headers["x-acs-date"])
    assert seen.body == b""
    assert target.url is not None
    assert str(target.url) == "wss://hz01-vncproxy.aliyun.com/websockify/?s=Dvh%2FIA%2BYc"
    assert (target.single_use, target.one_session, target.valid_for) == (True, True, 15.0)
    assert (target.request_id, target.account, target.subprotocols) == ("REQ-1", "AK", ("binary",))
    assert target.origin is None
    assert target.tls is not None
    assert 0 <= target.age(time.monotonic()) < 5


async def test_huawei_is_asked_as_its_page_says(huawei: Cloud) -> None:
    huawei.api.answer(Reply(huawei.good(), headers={"X-Request-Id": "REQ-1"}))
    target = await huawei.locate()
    (seen,) = huawei.api.seen
    assert (seen.method, seen.path) == ("POST", f"/v1/p1/cloudservers/{SERVER}/remote_console")
    assert seen.document == {"remote_console": {"protocol": "vnc", "type": "novnc"}}
    assert seen.headers["Content-Type"] == "application/json"
    assert target.url is not None
    assert str(target.url) == "wss://console.huaweicloud.com/vnc/region.x/websockify?token=TOKEN-1"
    assert (target.single_use, target.one_session) == (True, False)
    assert (target.request_id, target.account, target.subprotocols) == ("REQ-1", "AK", ("binary",))


async def test_each_dial_gets_an_address_of_its_own(cloud: Cloud) -> None:
    cloud.api.answer(Reply(cloud.good()))
    await cloud.locate()
    await cloud.locate()
    assert len(cloud.api.seen) == 2
    first, second = (seen.headers for seen in cloud.api.seen)
    assert first.get("x-acs-signature-nonce", "1") != second.get("x-acs-signature-nonce", "2")


async def test_huawei_may_answer_a_websocket_address(huawei: Cloud) -> None:
    huawei.api.answer(Reply(huawei.with_url(" wss://a.huaweicloud.com:8002/x?token=a%2Fb ")))
    target = await huawei.locate()
    assert target.url is not None
    assert (target.port, target.url.raw_path_qs) == (8002, "/x?token=a%2Fb")


@pytest.mark.parametrize("instance", ["i-bp1hzoinajzkh91h", SERVER, "a", "A.b_c-9", "x" * 64])
def test_instances_that_may_exist(cloud: Cloud, instance: str) -> None:
    assert cloud.provider.knows(instance)


@pytest.mark.parametrize("instance", ["", "-a", ".", "..", "a/b", "a b", "a?b", "a\n", "é", "x" * 65, "%2e"])
def test_instances_that_never_reach_the_cloud(cloud: Cloud, instance: str) -> None:
    assert not cloud.provider.knows(instance)


# Answers without an address


@pytest.mark.parametrize(
    "reply",
    [
        Reply({}),
        Reply(b""),
        Reply(b"<html><body>sign in</body></html>", headers={"Content-Type": "text/html"}),
        Reply(b"[]"),
        Reply(b"null"),
        Reply(b"[" * 20_000),
        Reply({"VncUrl": None, "remote_console": None}),
        Reply({"VncUrl": 5, "remote_console": {"url": 5}}),
        Reply({"remote_console": "text"}),
        Reply(b"", status=204),
        Reply(b"", status=302, headers={"Location": "http://127.0.0.1:1/"}),
        Reply(b"<html>", status=403),
        Reply(b"<html>", status=404),
        Reply(b" " * (MAX_ANSWER + 1)),
    ],
    ids=str,
)
async def test_an_answer_without_an_address_is_asked_for_once_more_by_others(cloud: Cloud, reply: Reply) -> None:
    cloud.api.answer(reply)
    with pytest.raises(BadAddress) as caught:
        await cloud.locate()
    assert caught.value.once
    assert caught.value.ending.code == 4502
    assert len(cloud.api.seen) == 1


@pytest.mark.parametrize(
    "url",
    [
        "wss://evil.test/?token=SECRET",
        "https://evil.test/vnc_auto.html?token=SECRET",
        "https://console.huaweicloud.com.evil.test/vnc_auto.html?token=SECRET",
        "https://console.huaweicloud.com@evil.test/vnc_auto.html?token=SECRET",
        "https://console.huaweicloud.com/vnc_auto.html?token=SECRET&host=evil.test",
        "https://console.huaweicloud.com/vnc_auto.html?lang=SECRET",
        "https://169.254.169.254/vnc_auto.html?token=SECRET",
        "wss%3A%2F%2Fevil.test%2F%3Fs%3DSECRET",
        "wss%3A%2F%2F127.0.0.1%2F%3Fs%3DSECRET",
        "wss%3A%2F%2Fa.aliyun.com%5C%40evil.test%2F%3Fs%3DSECRET",
        "wss%253A%252F%252Fa.aliyun.com%252F%253Fs%253DSECRET",
        "wss%3A%2F%2Fa.aliyun.com%2F%3Fs%3DSECRET%0d%0aX%3a%20y",
        "",
        "SECRET",
    ],
)
async def test_an_address_that_fails_validation_is_not_dialled_nor_told(cloud: Cloud, url: str) -> None:
    cloud.api.answer(Reply(cloud.with_url(url), headers={"X-Request-Id": "REQ-1"}))
    with pytest.raises(BadAddress) as caught:
        await cloud.locate()
    assert "SECRET" not in str(caught.value)
    assert caught.value.request_id == "REQ-1"


# Refusals


async def test_a_refusal_ends_as_the_table_says_and_is_not_repeated(cloud: Cloud) -> None:
    code = {"alibaba": "InvalidInstanceId.NotFound", "huawei": "Ecs.0114"}[cloud.name]
    cloud.api.answer(Reply(cloud.refuse(code), status=404))
    with pytest.raises(NoSuchInstance) as caught:
        await cloud.locate()
    assert caught.value.request_id == "REQ-9"
    assert len(cloud.api.seen) == 1


async def test_throttling_carries_the_wait(alibaba: Cloud) -> None:
    alibaba.api.answer(
        Reply(alibaba.refuse("Throttling.User"), status=400, headers={"x-acs-retry-after": "2500"}),
    )
    with pytest.raises(RateLimited) as caught:
        await alibaba.locate()
    assert caught.value.retry_after == 2.5


async def test_wrong_credentials_are_asked_about_once_and_not_again(cloud: Cloud) -> None:
    code = {"alibaba": "SignatureDoesNotMatch", "huawei": "APIGW.0301"}[cloud.name]
    cloud.api.answer(Reply(cloud.refuse(code), status=403, delay=0.01))
    with capture_logs() as logs:
        results = await asyncio.gather(*[cloud.locate() for _ in range(20)], return_exceptions=True)
        with pytest.raises(KeyRejected):
            await cloud.locate()
    assert {type(result) for result in results} == {KeyRejected}
    assert len(cloud.api.seen) == 1
    assert [(line["event"], line["credentials"], line["request_id"]) for line in logs] == [
        ("credentials.rejected", "prod", "REQ-9")
    ]


async def test_an_answer_about_the_instance_proves_the_key(cloud: Cloud) -> None:
    code = {"alibaba": "IncorrectInstanceStatus", "huawei": "conflictingRequest"}[cloud.name]
    body = cloud.refuse(code) if cloud.name == "alibaba" else {code: {"code": 409}}
    cloud.api.answer(Reply(body, status=409, delay=0.05))
    with pytest.raises(InstanceNotRunning):
        await cloud.locate()
    await asyncio.gather(*[cloud.locate() for _ in range(5)], return_exceptions=True)
    assert cloud.api.most_at_once == 5


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
