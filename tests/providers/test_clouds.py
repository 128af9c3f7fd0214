"""The two clouds' providers against a fake API: what they ask, and what they make of each answer."""

import asyncio
import re
import time

import pytest
from structlog.testing import capture_logs
from support.cloud_providers import SERVER, Cloud
from support.fake_api import Reply

from gateway.errors import (
    BadAddress,
    InstanceNotRunning,
    KeyRejected,
    NoSuchInstance,
    RateLimited,
)
from gateway.providers.api import MAX_ANSWER
from gateway.providers.provider import INSTANCE

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


async def test_an_address_is_as_old_as_the_question(cloud: Cloud) -> None:
    """Whatever the answer waited for, here or on its way, is time in which the cloud may have counted."""
    cloud.api.answer(Reply(cloud.good(), delay=0.2))
    target = await cloud.locate()
    assert 0.2 <= target.age(time.monotonic()) < 5


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
def test_instances_that_may_exist(instance: str) -> None:
    assert INSTANCE.fullmatch(instance)


@pytest.mark.parametrize("instance", ["", "-a", ".", "..", "a/b", "a b", "a?b", "a\n", "é", "x" * 65, "%2e"])
def test_instances_that_never_reach_the_cloud(instance: str) -> None:
    assert not INSTANCE.fullmatch(instance)


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
    assert [(line["event"], line["account"], line["request_id"]) for line in logs] == [
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
