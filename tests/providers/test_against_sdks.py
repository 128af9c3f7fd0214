"""Our signatures against the clouds' own SDKs, both ways: we sign what they sent, they sign what we sent."""

from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr
from support import cloud_sdks
from support.fake_api import FakeApi, Reply, Seen

from gateway.providers import refusals, signing
from gateway.providers.alibaba import AlibabaProvider
from gateway.providers.api import Caller
from gateway.providers.calls import SignedCalls
from gateway.providers.hosts import AllowedHosts
from gateway.providers.huawei import HuaweiProvider
from gateway.providers.key_sources import FixedSource
from gateway.providers.keys import Credentials, Keys
from gateway.providers.outlet import Outlet

KEY, SECRET = "AKexample", "SKexample+/="
SERVER = "47bc79ae-df61-4ade-9197-283a74e5d70e"
HUAWEI_ANSWER = {"remote_console": {"type": "novnc", "protocol": "vnc", "url": "https://a.test/vnc_auto.html?token=x"}}
ALIBABA_ANSWER = {"VncUrl": "wss%3A%2F%2Fa.test%2F%3Fs%3Dx", "RequestId": "473469C7"}
TOKENS = pytest.mark.parametrize("token", [None, "sts/token+with=signs"], ids=["key", "sts"])


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cloud_sdks.quiet_home(monkeypatch, tmp_path)


def signed_headers(seen: Seen) -> Mapping[str, str]:
    """Those that the Authorization header says were signed."""
    names = seen.headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    return {name: seen.headers[name] for name in names.split(";")}


def keys(token: str | None) -> Credentials:
    security_token = SecretStr(token) if token else None
    return Credentials("test", FixedSource(Keys(KEY, SecretStr(SECRET), security_token)))


@TOKENS
async def test_we_sign_what_huaweis_sdk_sent(api: FakeApi, token: str | None) -> None:
    api.answer(Reply(HUAWEI_ANSWER))
    await cloud_sdks.huawei_address(
        api.endpoint, project="p1", server=SERVER, access_key=KEY, secret_key=SECRET, token=token
    )
    (seen,) = api.seen
    assert ("x-security-token" in signed_headers(seen)) == bool(token)
    assert seen.headers["Authorization"] == signing.huawei(
        KEY, SECRET, seen.method, seen.url, signed_headers(seen), seen.body
    )


@TOKENS
async def test_we_sign_what_alibabas_sdk_sent(api: FakeApi, token: str | None) -> None:
    api.answer(Reply(ALIBABA_ANSWER))
    await cloud_sdks.alibaba_address(
        api.endpoint, region="cn-hangzhou", instance="i-bp1", access_key=KEY, secret_key=SECRET, token=token
    )
    (seen,) = api.seen
    assert ("x-acs-security-token" in signed_headers(seen)) == bool(token)
    assert seen.headers["Authorization"] == signing.alibaba(
        KEY, SECRET, seen.method, seen.url, signed_headers(seen), seen.body
    )


@TOKENS
async def test_huaweis_sdk_signs_what_we_sent(
    api: FakeApi, http: aiohttp.ClientSession, outlet: Outlet, token: str | None
) -> None:
    api.answer(Reply(HUAWEI_ANSWER))
    calls = SignedCalls(Caller(http), keys(token), refusals.HUAWEI, refusals.huawei_code)
    allowed = AllowedHosts(["a.test"])
    provider = HuaweiProvider("h", project="p1", api=api.endpoint, calls=calls, allowed=allowed, outlet=outlet)
    await provider.locate(SERVER, session="s", user="u", reference="")
    await cloud_sdks.huawei_address(api.endpoint, project="p1", server=SERVER, access_key=KEY, secret_key=SECRET)
    ours, theirs = api.seen
    assert (ours.method, ours.path, ours.query) == (theirs.method, theirs.path, theirs.query)
    assert ours.document == theirs.document
    assert ours.headers["Authorization"] == cloud_sdks.huawei_authorization(
        KEY,
        SECRET,
        method=ours.method,
        host=ours.headers["Host"],
        path=ours.path,
        headers=signed_headers(ours),
        body=ours.body,
    )
    # what else the SDK signs is its own name
    assert signed_headers(theirs).keys() - {"user-agent"} == signed_headers(ours).keys() - {"x-security-token"}


@TOKENS
async def test_alibabas_sdk_signs_what_we_sent(
    api: FakeApi, http: aiohttp.ClientSession, outlet: Outlet, token: str | None
) -> None:
    api.answer(Reply(ALIBABA_ANSWER))
    calls = SignedCalls(Caller(http), keys(token), refusals.ALIBABA, refusals.alibaba_code)
    allowed = AllowedHosts(["a.test"])
    provider = AlibabaProvider("a", region="cn-hangzhou", api=api.endpoint, calls=calls, allowed=allowed, outlet=outlet)
    await provider.locate("i-bp1", session="s", user="u", reference="")
    await cloud_sdks.alibaba_address(
        api.endpoint, region="cn-hangzhou", instance="i-bp1", access_key=KEY, secret_key=SECRET
    )
    ours, theirs = api.seen
    assert (ours.method, ours.path, ours.query) == (theirs.method, theirs.path, theirs.query)
    assert ours.body == theirs.body == b""
    assert "Content-Type" not in ours.headers  # it would have to be signed
    assert ours.headers["Authorization"] == cloud_sdks.alibaba_authorization(
        KEY, SECRET, method=ours.method, path=ours.path, query=ours.url.query, headers=signed_headers(ours)
    )
    same = ("x-acs-action", "x-acs-version", "x-acs-content-sha256", "host")
    assert [ours.headers[name] for name in same] == [theirs.headers[name] for name in same]
