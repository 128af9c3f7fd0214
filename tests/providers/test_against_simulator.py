"""Our providers and both SDKs against the simulated clouds, which check signatures with code of their own."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs
from support import cloud_sdks

from gateway import endings
from gateway.config.settings import Settings
from gateway.errors import (
    BadAddress,
    CloudError,
    CloudRefused,
    CloudUnavailable,
    InstanceNotReady,
    InstanceNotRunning,
    KeyRejected,
    NoSuchInstance,
    RateLimited,
)
from gateway.providers import address
from gateway.providers.build import build
from gateway.providers.provider import Provider
from gateway.providers.target import Target
from gateway.simulator.clouds import alibaba, huawei, metadata
from gateway.simulator.clouds.cloud import Cloud
from gateway.simulator.clouds.faults import ApiFault
from gateway.simulator.clouds.keyring import AccessKey
from gateway.simulator.simulator import Simulator

Credential = Mapping[str, Any]
CLOUDS = pytest.mark.parametrize("kind", ["alibaba", "huawei"])
RUNNING = {"alibaba": alibaba.RUNNING, "huawei": huawei.RUNNING}
STOPPED = {"alibaba": alibaba.STOPPED, "huawei": huawei.STOPPED}
UNKNOWN = {"alibaba": "i-bp1unknown", "huawei": "00000000-0000-4000-8000-000000000000"}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


def cloud_of(simulator: Simulator, kind: str) -> Cloud:
    return simulator.alibaba if kind == "alibaba" else simulator.huawei


def static(key: AccessKey, **other: str) -> Credential:
    return {"source": "static", "access_key": key.access, "secret_key": key.secret, **other}


def provider(
    simulator: Simulator, http: aiohttp.ClientSession, kind: str, credential: Credential | None = None, **given: Any
) -> Provider:
    place = (
        {"region": "cn-hangzhou"} if kind == "alibaba" else {"region": "ap-southeast-1", "project_id": huawei.PROJECT}
    )
    settings = Settings.model_validate(
        {
            "access": {"mode": "open"},
            "credentials": {"key": credential or static(cloud_of(simulator, kind).keyring.main)},
            "providers": {
                "x": {
                    "type": kind,
                    "credentials": "key",
                    "endpoint": simulator.endpoint,
                    "allowed_hosts": ["127.0.0.1"],
                    **place,
                    **given,
                }
            },
        }
    )
    return build(settings, http, {}).providers["x"]


async def locate(provider: Provider, instance: str) -> Target:
    return await provider.locate(instance, session="s", user="u", reference="r")


async def first_bytes(target: Target) -> bytes:
    """Dial with a foreign client, byte for byte."""
    assert target.url is not None
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(target.url, protocols=target.subprotocols) as upstream,
    ):
        return await upstream.receive_bytes(timeout=5)


@CLOUDS
async def test_an_address_opens_the_console_once(simulator: Simulator, http: aiohttp.ClientSession, kind: str) -> None:
    target = await locate(provider(simulator, http, kind), RUNNING[kind])
    assert (target.scheme, target.host, target.port) == ("ws", "127.0.0.1", simulator.port)
    assert target.request_id
    assert await first_bytes(target) == b"RFB 003.008\n"
    with pytest.raises((aiohttp.ClientError, TypeError)):  # 101 and a drop, or no 101
        await first_bytes(target)


@pytest.mark.parametrize("form", list(huawei.Form))
async def test_every_form_of_huaweis_page(simulator: Simulator, http: aiohttp.ClientSession, form: huawei.Form) -> None:
    simulator.huawei.form = form
    target = await locate(provider(simulator, http, "huawei"), huawei.RUNNING)
    assert target.url is not None
    assert target.url.raw_path == form.websocket
    assert await first_bytes(target) == b"RFB 003.008\n"


@pytest.fixture
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cloud_sdks.quiet_home(monkeypatch, tmp_path)


@pytest.mark.usefixtures("_home")
@pytest.mark.parametrize("temporary", [False, True], ids=["key", "sts"])
async def test_alibabas_sdk_gets_an_address_as_we_do(
    simulator: Simulator, http: aiohttp.ClientSession, *, temporary: bool
) -> None:
    keyring = simulator.alibaba.keyring
    key = keyring.temporary(simulator.alibaba.now(), 3600) if temporary else keyring.main
    theirs = await cloud_sdks.alibaba_address(
        simulator.endpoint,
        region="cn-hangzhou",
        instance=alibaba.RUNNING,
        access_key=key.access,
        secret_key=key.secret,
        token=key.token,
    )
    credential = {**static(key), "source": "sts", "security_token": key.token} if temporary else static(key)
    ours = await locate(provider(simulator, http, "alibaba", credential), alibaba.RUNNING)
    decoded = address.from_encoded(theirs)
    assert ours.url is not None
    assert decoded.url is not None
    assert (decoded.url.scheme, decoded.url.authority, decoded.url.raw_path) == (
        ours.url.scheme,
        ours.url.authority,
        ours.url.raw_path,
    )
    assert (simulator.alibaba.calls, simulator.alibaba.errors.total()) == (2, 0)


@pytest.mark.usefixtures("_home")
@pytest.mark.parametrize("temporary", [False, True], ids=["key", "sts"])
async def test_huaweis_sdk_gets_an_address_as_we_do(
    simulator: Simulator, http: aiohttp.ClientSession, *, temporary: bool
) -> None:
    keyring = simulator.huawei.keyring
    key = keyring.temporary(simulator.huawei.now(), 3600) if temporary else keyring.main
    theirs = await cloud_sdks.huawei_address(
        simulator.endpoint,
        project=huawei.PROJECT,
        server=huawei.RUNNING,
        access_key=key.access,
        secret_key=key.secret,
        token=key.token,
    )
    credential = {**static(key), "source": "sts", "security_token": key.token} if temporary else static(key)
    ours = await locate(provider(simulator, http, "huawei", credential), huawei.RUNNING)
    page = address.from_page(theirs, in_directory=True)
    assert ours.url is not None
    assert page.url is not None
    assert (page.url.scheme, page.url.authority, page.url.raw_path) == (
        ours.url.scheme,
        ours.url.authority,
        ours.url.raw_path,
    )
    assert (simulator.huawei.calls, simulator.huawei.errors.total()) == (2, 0)


@CLOUDS
async def test_machines_that_cannot_be_opened(simulator: Simulator, http: aiohttp.ClientSession, kind: str) -> None:
    asked = provider(simulator, http, kind)
    with pytest.raises(NoSuchInstance):
        await locate(asked, UNKNOWN[kind])
    with pytest.raises(InstanceNotRunning):
        await locate(asked, STOPPED[kind])
    if kind == "alibaba":
        with pytest.raises(InstanceNotReady):
            await locate(asked, alibaba.STARTING)
        elsewhere = provider(simulator, http, kind, region="cn-shanghai")
        with pytest.raises(NoSuchInstance):
            await locate(elsewhere, alibaba.RUNNING)


@CLOUDS
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (ApiFault.DROPPED, CloudUnavailable),
        (ApiFault.HTML, BadAddress),
        (ApiFault.EMPTY, BadAddress),
        (ApiFault.FOREIGN, BadAddress),
        (ApiFault.REDIRECT, BadAddress),
        (ApiFault.UNAVAILABLE, CloudUnavailable),
        (ApiFault.INTERNAL, CloudUnavailable),
        (ApiFault.THROTTLED, RateLimited),
        (ApiFault.FORBIDDEN, CloudRefused),
    ],
)
async def test_an_api_that_goes_wrong(
    simulator: Simulator, http: aiohttp.ClientSession, kind: str, fault: ApiFault, error: type[CloudError]
) -> None:
    cloud = cloud_of(simulator, kind)
    cloud.fault = fault
    with pytest.raises(CloudError) as caught:
        await locate(provider(simulator, http, kind), RUNNING[kind])
    assert type(caught.value) is error
    assert cloud.calls == 1
    if kind == "alibaba" and fault is ApiFault.THROTTLED:
        assert caught.value.retry_after == 1.0


@CLOUDS
@pytest.mark.parametrize("wrong", ["access_key", "secret_key"])
async def test_wrong_credentials_are_asked_about_once_and_lock_no_key(
    simulator: Simulator, http: aiohttp.ClientSession, kind: str, wrong: str
) -> None:
    cloud = cloud_of(simulator, kind)
    key = cloud.keyring.main
    asked = provider(simulator, http, kind, {**static(key), wrong: "wrong"})
    with capture_logs() as logs:
        results = await asyncio.gather(*[locate(asked, RUNNING[kind]) for _ in range(20)], return_exceptions=True)
    assert {type(result) for result in results} == {KeyRejected}
    assert all(isinstance(result, CloudError) and result.ending is endings.CLOUD_REFUSED for result in results)
    assert cloud.calls == 1
    assert [line["event"] for line in logs] == ["credentials.rejected"]
    assert key.access not in str(logs)
    await locate(provider(simulator, http, kind, static(key)), RUNNING[kind])


@CLOUDS
@pytest.mark.parametrize("ahead", [3600.0, -3600.0])
async def test_a_clock_that_is_off_costs_one_call_in_all(
    simulator: Simulator, http: aiohttp.ClientSession, kind: str, ahead: float
) -> None:
    cloud = cloud_of(simulator, kind)
    cloud.clock_ahead = ahead
    asked = provider(simulator, http, kind)
    for _ in range(3):
        await locate(asked, RUNNING[kind])
    assert cloud.calls == 4


@CLOUDS
async def test_keys_from_the_metadata_service_are_fetched_once_for_all(
    simulator: Simulator, http: aiohttp.ClientSession, kind: str
) -> None:
    credential = {"source": "ecs_metadata", "endpoint": simulator.endpoint, "role": metadata.ROLE}
    asked = provider(simulator, http, kind, credential)
    targets = await asyncio.gather(*[locate(asked, RUNNING[kind]) for _ in range(20)])
    assert {target.account for target in targets} == {"key"}
    assert len({str(target.url) for target in targets}) == 20
    assert simulator.metadata.issued == 1


@CLOUDS
async def test_a_temporary_key_that_has_ended_is_replaced(
    simulator: Simulator, http: aiohttp.ClientSession, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.providers.keys._PAUSE", 0.0)
    credential = {"source": "ecs_metadata", "endpoint": simulator.endpoint, "role": metadata.ROLE}
    asked = provider(simulator, http, kind, credential)
    await locate(asked, RUNNING[kind])
    cloud = cloud_of(simulator, kind)
    # the cloud ends the key early: its life is over by the cloud's clock, not by ours
    for access, key in list(cloud.keyring._keys.items()):
        if key.token is not None:
            cloud.keyring._keys[access] = AccessKey(key.access, key.secret, key.token, 0.0)
    await locate(asked, RUNNING[kind])
    assert simulator.metadata.issued == 2
    assert cloud.errors.total() == 1


async def test_alibabas_budget_is_told_with_its_wait(simulator: Simulator, http: aiohttp.ClientSession) -> None:
    asked = provider(simulator, http, "alibaba")
    for _ in range(30):
        await locate(asked, alibaba.RUNNING)
    with pytest.raises(RateLimited) as caught:
        await locate(asked, alibaba.RUNNING)
    assert caught.value.retry_after is not None
    assert 50 < caught.value.retry_after <= 60


@CLOUDS
async def test_a_silent_api_is_given_up_in_time(
    simulator: Simulator, http: aiohttp.ClientSession, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = provider(simulator, http, kind)
    monkeypatch.setattr(asked._calls, "_timeout", 0.2)  # type: ignore[attr-defined] -- 10 s in truth
    cloud_of(simulator, kind).fault = ApiFault.SILENT
    with pytest.raises(CloudUnavailable, match=r"0\.2 s"):
        await locate(asked, RUNNING[kind])
