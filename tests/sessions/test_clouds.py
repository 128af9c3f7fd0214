"""What goes wrong at a cloud, as the browser hears of it: real gateway, simulated clouds (clouds.md §6, product.md)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.inprocess import Site, ending, rfb_handshake, site
from support.programs import free_port

from gateway.endings import (
    CLOUD_REFUSED,
    INSTANCE_NOT_RUNNING,
    NO_SUCH_INSTANCE,
    NOT_UNDERSTOOD,
    RATE_LIMITED,
    UPSTREAM_AUTH,
    UPSTREAM_LOST,
    Ending,
)
from gateway.providers import alibaba as alibaba_provider
from gateway.providers.api import Caller
from gateway.providers.calls import SignedCalls
from gateway.relay import dial as dial_module
from gateway.simulator.clouds import alibaba, huawei
from gateway.simulator.clouds.cloud import Cloud
from gateway.simulator.clouds.faults import ApiFault, DialFault
from gateway.simulator.clouds.limits import Times
from gateway.simulator.desktop.handshake import ServerOptions
from gateway.simulator.simulator import Simulator

RUNNING = {"ali": alibaba.RUNNING, "hua": huawei.RUNNING}
KINDS = {"ali": "alibaba", "hua": "huawei"}
STOPPED = {"ali": alibaba.STOPPED, "hua": huawei.STOPPED}
UNKNOWN = {"ali": "i-bp1nobody", "hua": "00000000-0000-4000-8000-000000000000"}
CLOUDS = pytest.mark.parametrize("name", ["ali", "hua"])
VIEWER = b"RFB 003.008\n\x01\x01"  # all that a viewer says up to ClientInit


@dataclass(frozen=True, slots=True)
class World:
    """Two clouds and a gateway with an account in each."""

    clouds: Simulator
    site: Site

    def cloud(self, name: str) -> Cloud:
        return self.clouds.alibaba if name == "ali" else self.clouds.huawei

    async def end(self, name: str, instance: str | None = None) -> Ending:
        """Open a console as a viewer does; how it ends."""
        ws = await self.site.dial(f"{name}/{instance or RUNNING[name]}")
        await ws.send_bytes(VIEWER)
        return Ending(*await ending(ws))


@contextlib.asynccontextmanager
async def world(
    clouds: Simulator | None = None,
    *,
    secret: str | None = None,
    endpoint: str | None = None,
    window: float = 0,
    per_minute: int = 24,
) -> AsyncIterator[World]:
    """Both running; `secret` and `endpoint` put a wrong one in."""
    async with clouds or Simulator() as started:
        credentials: dict[str, Mapping[str, Any]] = {}
        providers: dict[str, Mapping[str, Any]] = {}
        for name, cloud in (("ali", started.alibaba), ("hua", started.huawei)):
            key = cloud.keyring.main
            credentials[name] = {"source": "static", "access_key": key.access, "secret_key": secret or key.secret}
            providers[name] = {
                "credentials": name,
                "endpoint": endpoint or started.endpoint,
                "allowed_hosts": ["127.0.0.1"],
            }
        providers["ali"] |= {"type": "alibaba", "region": alibaba.REGION}
        providers["hua"] |= {"type": "huawei", "region": huawei.REGION, "project_id": huawei.PROJECT}
        reconnect = {"window": window, "per_minute": per_minute}
        nobody = {"vm": f"tcp://127.0.0.1:{free_port()}"}
        async with site(nobody, credentials=credentials, providers=providers, reconnect=reconnect) as running:
            yield World(started, running)


@CLOUDS
async def test_an_instance_that_the_cloud_does_not_know(name: str):
    async with world(window=30) as at:
        assert await at.end(name, UNKNOWN[name]) == NO_SUCH_INSTANCE
        assert at.cloud(name).calls == 1


@CLOUDS
async def test_a_stopped_instance(name: str):
    async with world(window=30) as at:
        assert await at.end(name, STOPPED[name]) == INSTANCE_NOT_RUNNING
        assert at.cloud(name).calls == 1


async def test_an_instance_that_is_not_ready_is_asked_for_again():
    async with world(window=1) as at:
        assert await at.end("ali", alibaba.STARTING) == INSTANCE_NOT_RUNNING
        assert at.cloud("ali").calls > 1


@CLOUDS
async def test_wrong_credentials_are_asked_about_once_whoever_comes(name: str):
    async with world(secret="not-the-secret", window=30) as at:
        ends = await asyncio.gather(*[at.end(name, f"i-{number}") for number in range(5)])
        ends.append(await at.end(name))
        assert ends == [CLOUD_REFUSED] * 6
        assert at.cloud(name).calls == 1


API_FAULTS = {
    ApiFault.DROPPED: UPSTREAM_LOST,
    ApiFault.HTML: UPSTREAM_LOST,
    ApiFault.EMPTY: UPSTREAM_LOST,
    ApiFault.REDIRECT: UPSTREAM_LOST,
    ApiFault.FOREIGN: UPSTREAM_LOST,
    ApiFault.UNAVAILABLE: UPSTREAM_LOST,
    ApiFault.INTERNAL: UPSTREAM_LOST,
    ApiFault.THROTTLED: RATE_LIMITED,
    ApiFault.FORBIDDEN: CLOUD_REFUSED,
}


@CLOUDS
async def test_an_api_that_goes_wrong(name: str):
    async with world() as at:
        ends = {}
        for fault in API_FAULTS:
            at.cloud(name).fault = fault
            ends[fault] = await at.end(name)
        assert ends == API_FAULTS
        assert at.cloud(name).proxy.counts.dials == 0


@CLOUDS
async def test_an_answer_without_an_address_is_asked_for_once_more(name: str):
    async with world(window=30) as at:
        at.cloud(name).fault = ApiFault.HTML
        assert await at.end(name) == UPSTREAM_LOST
        assert at.cloud(name).calls == 2


@CLOUDS
async def test_an_api_that_says_nothing(name: str, monkeypatch: pytest.MonkeyPatch):
    begin = SignedCalls.__init__

    def begin_impatient(self: SignedCalls, caller: Caller, *given: Any, **options: Any) -> None:
        begin(self, caller, *given, **options | {"timeout": 0.2})  # 10 s in truth

    monkeypatch.setattr(SignedCalls, "__init__", begin_impatient)
    async with world() as at:
        at.cloud(name).fault = ApiFault.SILENT
        assert await at.end(name) == UPSTREAM_LOST


@CLOUDS
async def test_an_api_that_is_down(name: str):
    async with world(endpoint=f"http://127.0.0.1:{free_port()}") as at:
        assert await at.end(name) == UPSTREAM_LOST


@CLOUDS
async def test_a_trouble_that_passes_is_not_noticed(name: str):
    async with world(window=30) as at:
        cloud = at.cloud(name)
        cloud.fault = ApiFault.UNAVAILABLE
        ws = await at.site.dial(f"{name}/{RUNNING[name]}")
        while not cloud.calls:
            await asyncio.sleep(0.01)
        cloud.fault = ApiFault.NONE
        assert len(await rfb_handshake(ws)) > 24
        await ws.close()


@CLOUDS
async def test_each_dial_has_an_address_of_its_own_and_an_expired_one_is_replaced(name: str):
    times = Times(alibaba_address=0, huawei_address=0)
    async with world(Simulator(times=times), window=2) as at:
        cloud = at.cloud(name)
        assert await at.end(name) == UPSTREAM_LOST
        assert cloud.proxy.counts.dials == cloud.calls > 1
        assert set(cloud.proxy.counts.refused) == {"expired"}
        cloud.addresses.life = 15
        ws = await at.site.dial(f"{name}/{RUNNING[name]}")
        assert len(await rfb_handshake(ws)) > 24
        await ws.close()


@CLOUDS
async def test_an_address_ages_until_its_dial_is_over(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dial_module, "DIAL_TIMEOUT", 0.5)  # 10 s in truth
    async with world() as at:
        ws = await at.site.dial(f"{name}/{RUNNING[name]}")
        await rfb_handshake(ws)
        assert await at.site.metric("vnc_gateway_address_age_seconds_count") == 1
        connected = await at.site.metric("vnc_gateway_address_age_seconds_sum")
        assert connected >= await at.site.metric("vnc_gateway_dial_seconds_sum", kind=KINDS[name])
        await ws.close()
        at.cloud(name).proxy.rules.fault = DialFault.SILENT
        assert await at.end(name) == UPSTREAM_LOST
        assert await at.site.metric("vnc_gateway_address_age_seconds_count") == 2
        assert await at.site.metric("vnc_gateway_address_age_seconds_sum") >= connected + 0.5


async def test_an_address_that_is_always_the_same_has_no_age():
    async with world() as at:
        ws = await at.site.dial("lab/vm")
        assert Ending(*await ending(ws)) == UPSTREAM_LOST
        assert await at.site.metric("vnc_gateway_dial_seconds_count", kind="static") == 1
        assert await at.site.metric("vnc_gateway_address_age_seconds_count") == 0


@pytest.mark.parametrize("valid_for", [0.5, 60.0])
async def test_a_dial_that_fails_with_an_address_too_old_is_told(valid_for: float, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dial_module, "DIAL_TIMEOUT", 0.5)
    monkeypatch.setattr(alibaba_provider, "VALID_FOR", valid_for)
    with capture_logs() as lines:
        async with world() as at:
            at.cloud("ali").proxy.rules.fault = DialFault.SILENT
            assert await at.end("ali") == UPSTREAM_LOST
    late = [line for line in lines if line["event"] == "session.address_late"]
    assert [line["valid_for_s"] for line in late] == ([0.5] if valid_for == 0.5 else [])
    assert all(line["age_s"] >= 0.5 and line["session"] for line in late)


DIAL_FAULTS = {
    DialFault.NO_ANSWER: UPSTREAM_LOST,
    DialFault.FORBIDDEN: UPSTREAM_LOST,
    DialFault.DROPPED: UPSTREAM_LOST,
    DialFault.REFUSED: UPSTREAM_LOST,
    DialFault.SILENT: UPSTREAM_LOST,
    DialFault.GARBAGE: NOT_UNDERSTOOD,
    DialFault.TEXT: NOT_UNDERSTOOD,
}


@CLOUDS
async def test_a_proxy_that_goes_wrong(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dial_module, "DIAL_TIMEOUT", 0.5)  # 10 s in truth
    async with world() as at:
        ends = {}
        for fault in DIAL_FAULTS:
            at.cloud(name).proxy.rules.fault = fault
            ends[fault] = await at.end(name)
        assert ends == DIAL_FAULTS


@CLOUDS
@pytest.mark.parametrize("options", [ServerOptions(password="sesame"), ServerOptions(security=(19, 5))])
async def test_a_machine_that_does_not_let_the_gateway_in(name: str, options: ServerOptions):
    async with world(window=30) as at:
        at.cloud(name).instances[RUNNING[name]].options = options
        assert await at.end(name) == UPSTREAM_AUTH
        assert at.cloud(name).calls == 1


async def test_more_reconnects_than_the_cloud_allows():
    async with world(per_minute=100) as at:
        for _ in range(alibaba.A_MINUTE):
            ws = await at.site.dial(f"ali/{RUNNING['ali']}")
            await rfb_handshake(ws)
            await ws.close()
        assert await at.end("ali") == RATE_LIMITED


async def test_the_log_names_the_cause_and_no_secret():
    with capture_logs() as lines:
        async with world() as at:
            at.cloud("ali").fault = ApiFault.FORBIDDEN
            assert await at.end("ali") == CLOUD_REFUSED
            at.cloud("hua").proxy.rules.fault = DialFault.FORBIDDEN
            assert await at.end("hua") == UPSTREAM_LOST
            ended = [line for line in lines if line["event"] == "session.ended"]
            assert [line["reason"] for line in ended] == ["cloud_refused", "upstream_lost"]
            assert "Forbidden.RAM" in ended[0]["cause"]
            assert "403" in ended[1]["cause"]
            for cloud in (at.clouds.alibaba, at.clouds.huawei):
                assert cloud.keyring.main.secret not in str(lines)
            assert "token=" not in str(lines)
