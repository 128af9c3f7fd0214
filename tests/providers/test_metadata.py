"""Keys from the metadata services of both clouds."""

from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from support.fake_api import FakeApi, Reply

from gateway.errors import CloudUnavailable
from gateway.providers.api import MAX_ANSWER, Caller
from gateway.providers.keys import Keys
from gateway.providers.metadata import AlibabaMetadata, HuaweiMetadata

END = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()
HUAWEI = {
    "credential": {
        "access": "AK",
        "secret": "SK",
        "securitytoken": "STS",
        "expires_at": "2026-01-02T03:04:05.000000Z",
    }
}
ALIBABA = {
    "Code": "Success",
    "AccessKeyId": "AK",
    "AccessKeySecret": "SK",
    "SecurityToken": "STS",
    "Expiration": "2026-01-02T03:04:05Z",
}


def parts(keys: Keys) -> tuple[str, str, str, float | None]:
    return keys.access_key, keys.secret_key.get_secret_value(), keys.token, keys.expires_at


async def test_huawei_in_two_calls(api: FakeApi, http: aiohttp.ClientSession) -> None:
    api.answer(Reply(b"t0ken"), Reply(HUAWEI))
    source = HuaweiMetadata("prod", Caller(http), api.endpoint)
    assert parts(await source.fetch()) == ("AK", "SK", "STS", END)
    token, key = api.seen
    assert (token.method, token.path) == ("PUT", "/meta-data/latest/api/token")
    assert token.headers["X-Metadata-Token-Ttl-Seconds"] == "21600"
    assert (key.method, key.path, key.headers["X-Metadata-Token"]) == ("GET", "/openstack/latest/securitykey", "t0ken")


@pytest.mark.parametrize("status", [404, 405, 503])
async def test_a_huawei_service_without_tokens(api: FakeApi, http: aiohttp.ClientSession, status: int) -> None:
    api.answer(Reply(b"no", status=status), Reply(HUAWEI))
    assert (await HuaweiMetadata("prod", Caller(http), api.endpoint).fetch()).access_key == "AK"
    assert "X-Metadata-Token" not in api.seen[1].headers


async def test_alibaba_in_two_calls(api: FakeApi, http: aiohttp.ClientSession) -> None:
    api.answer(Reply(b"t0ken"), Reply(ALIBABA))
    source = AlibabaMetadata("prod", Caller(http), "VncRole", api.endpoint)
    assert parts(await source.fetch()) == ("AK", "SK", "STS", END)
    token, key = api.seen
    assert (token.method, token.path) == ("PUT", "/latest/api/token")
    assert token.headers["X-aliyun-ecs-metadata-token-ttl-seconds"] == "21600"
    assert (key.method, key.path) == ("GET", "/latest/meta-data/ram/security-credentials/VncRole")
    assert key.headers["X-aliyun-ecs-metadata-token"] == "t0ken"


async def test_alibabas_role_is_asked_for_where_none_is_named(api: FakeApi, http: aiohttp.ClientSession) -> None:
    api.answer(Reply(b"t0ken"), Reply(b"VncRole\n"), Reply(ALIBABA))
    await AlibabaMetadata("prod", Caller(http), None, api.endpoint).fetch()
    assert [seen.path for seen in api.seen[1:]] == [
        "/latest/meta-data/ram/security-credentials/",
        "/latest/meta-data/ram/security-credentials/VncRole",
    ]


def test_the_services_own_addresses_and_the_sdks_margins() -> None:
    assert HuaweiMetadata.margin == 40 * 60
    assert AlibabaMetadata.margin == 15 * 60


BAD: list[tuple[Any, int]] = [
    (b"<html>", 200),
    ({}, 200),
    ({"Code": "Failed"}, 200),
    ({"credential": []}, 200),
    ({"credential": {**HUAWEI["credential"], "secret": ""}}, 200),
    ({"credential": {**HUAWEI["credential"], "secret": 5}}, 200),
    ({"credential": {**HUAWEI["credential"], "access": "A\nK"}}, 200),
    ({"credential": {**HUAWEI["credential"], "expires_at": "soon"}}, 200),
    ({**ALIBABA, "SecurityToken": None}, 200),
    ({**ALIBABA, "Expiration": "never"}, 200),
    (b"x" * (MAX_ANSWER + 1), 200),
    (b"", 404),
    (b"", 500),
]


@pytest.mark.parametrize(("body", "status"), BAD, ids=range(len(BAD)))
@pytest.mark.parametrize("cloud", ["huawei", "alibaba"])
async def test_what_is_no_credential_is_unavailable_and_not_shown(
    api: FakeApi, http: aiohttp.ClientSession, cloud: str, body: object, status: int
) -> None:
    api.answer(Reply(b"t0ken"), Reply(body, status=status))
    caller = Caller(http)
    source = (
        HuaweiMetadata("prod", caller, api.endpoint)
        if cloud == "huawei"
        else AlibabaMetadata("prod", caller, "VncRole", api.endpoint)
    )
    with pytest.raises(CloudUnavailable) as caught:
        await source.fetch()
    assert "SK" not in str(caught.value)


@pytest.mark.parametrize("reply", [Reply(b"", status=403), Reply(b"a\r\nb"), Reply(b"x" * (MAX_ANSWER + 1))])
async def test_a_token_that_is_none(api: FakeApi, http: aiohttp.ClientSession, reply: Reply) -> None:
    api.answer(reply)
    with pytest.raises(CloudUnavailable):
        await HuaweiMetadata("prod", Caller(http), api.endpoint).fetch()


@pytest.mark.parametrize("body", [b"", b"../../other\n"])
async def test_a_role_that_is_none(api: FakeApi, http: aiohttp.ClientSession, body: bytes) -> None:
    api.answer(Reply(b"t0ken"), Reply(body))
    with pytest.raises(CloudUnavailable):
        await AlibabaMetadata("prod", Caller(http), None, api.endpoint).fetch()
