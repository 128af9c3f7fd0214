"""A broker: what it is asked, every form of answer, and what it may not say."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from support.fake_api import FakeApi, Reply

from gateway.errors import (
    BadAddress,
    CloudRefused,
    CloudUnavailable,
    InstanceNotRunning,
    NoSuchInstance,
    RateLimited,
)
from gateway.providers.api import Caller
from gateway.providers.hosts import AllowedHosts
from gateway.providers.http import HttpProvider
from gateway.providers.outlet import Outlet
from gateway.providers.target import Target

Make = Callable[..., HttpProvider]


@pytest.fixture
def make(api: FakeApi, http: aiohttp.ClientSession, outlet: Outlet) -> Make:
    def make(**given: Any) -> HttpProvider:
        values: dict[str, Any] = {
            "url": f"{api.endpoint}/consoles?key=SECRET",
            "bearer": None,
            "caller": Caller(http),
            "allowed": AllowedHosts(["vnc.test", "10.0.0.7", "169.254.169.254", "fe80::1", "100.100.100.200"]),
            "outlet": outlet,
        }
        return HttpProvider("broker", **(values | given))

    return make


async def locate(provider: HttpProvider) -> Target:
    return await provider.locate("vm-1", session="S", user="ana", reference="CHG-17")


async def test_the_broker_is_told_for_whom(make: Make, api: FakeApi) -> None:
    api.answer(Reply({"url": "wss://vnc.test/x?t=a%2Fb"}))
    await locate(make(bearer=SecretStr("B3arer")))
    (seen,) = api.seen
    assert (seen.method, seen.path, seen.query) == ("POST", "/consoles", "key=SECRET")
    assert seen.document == {"console": "broker/vm-1", "user": "ana", "session": "S", "reference": "CHG-17"}
    assert seen.headers["Authorization"] == "Bearer B3arer"
    assert seen.headers["Content-Type"] == "application/json"


async def test_an_address_is_as_old_as_the_question(make: Make, api: FakeApi) -> None:
    api.answer(Reply(PLACE, delay=0.2))
    assert 0.2 <= (await locate(make())).age(time.monotonic()) < 5


async def test_without_a_bearer_none_is_sent(make: Make, api: FakeApi) -> None:
    api.answer(Reply({"url": "wss://vnc.test/"}))
    await locate(make())
    assert "Authorization" not in api.seen[0].headers


async def test_a_full_answer_as_proxmox_or_kubevirt_need_it(make: Make, api: FakeApi) -> None:
    end = datetime.now(UTC).timestamp() + 40
    answer = {
        "url": "wss://pve.vnc.test:8006/api2/json/vncwebsocket?port=5900&vncticket=a%3A%3Ab",
        "headers": {"Authorization": "Bearer t"},
        "cookies": {"PVEAuthCookie": "PVE:root@pam:65A::sig=="},
        "subprotocol": "plain.kubevirt.io",
        "rfb_password": "PVEVNC:65A::ticket",
        "expires_at": datetime.fromtimestamp(end, UTC).isoformat(),
        "something": "new",
    }
    api.answer(Reply(answer, headers={"X-Request-Id": "REQ"}))
    target = await locate(make())
    assert target.url is not None
    assert target.url.raw_path_qs == "/api2/json/vncwebsocket?port=5900&vncticket=a%3A%3Ab"
    assert (target.host, target.port, target.scheme) == ("pve.vnc.test", 8006, "wss")
    assert target.headers == {"Authorization": "Bearer t"}
    assert target.cookies == {"PVEAuthCookie": "PVE:root@pam:65A::sig=="}
    assert target.subprotocols == ("plain.kubevirt.io",)
    assert target.password is not None
    assert target.password.get_secret_value() == "PVEVNC:65A::ticket"
    assert target.valid_for == pytest.approx(40, abs=5)
    assert (target.single_use, target.one_session) == (True, False)
    assert (target.request_id, target.account) == ("REQ", "broker")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"host": "10.0.0.7", "port": 5901}, "tcp://10.0.0.7:5901"),
        ({"url": "tcp://10.0.0.7:5901"}, "tcp://10.0.0.7:5901"),
        ({"url": "ws://vnc.test:5700"}, "ws://vnc.test:5700/"),
        ({"url": "https://vnc.test:6080/x/vnc_auto.html?path=%3Ftoken%3Da"}, "wss://vnc.test:6080/?token=a"),
    ],
)
async def test_the_forms_of_a_place(make: Make, api: FakeApi, answer: dict[str, Any], expected: str) -> None:
    api.answer(Reply(answer))
    target = await locate(make())
    resource = target.url.raw_path_qs if target.url else ""
    assert f"{target.scheme}://{target.host}:{target.port}{resource}" == expected
    assert target.subprotocols == ("binary",)
    assert target.valid_for is None


async def test_an_empty_subprotocol_is_none(make: Make, api: FakeApi) -> None:
    api.answer(Reply({"url": "ws://vnc.test", "subprotocol": ""}))
    assert (await locate(make())).subprotocols == ()


PLACE = {"url": "wss://vnc.test/?t=SECRET"}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"url": None},
        {"url": 5},
        {"url": "SECRET"},
        {"url": "wss://evil.test/?t=SECRET"},
        {"url": "wss://vnc.test.evil.test/?t=SECRET"},
        {"url": "wss://127.0.0.1/?t=SECRET"},
        {"url": "ws://169.254.169.254/SECRET"},
        {"url": "ws://[fe80::1]/SECRET"},
        {"url": "ws://[::ffff:169.254.169.254]/SECRET"},
        {"url": "tcp://100.100.100.200:80"},
        {"url": "ws://2852039166/SECRET"},
        {"host": "169.254.169.254", "port": 80},
        {"host": "evil.test", "port": 5900},
        {"host": "vnc.test"},
        {"port": 5900},
        {"host": "vnc.test", "port": 0},
        {"host": "vnc.test", "port": 70000},
        {"host": "vnc.test/SECRET", "port": 5900},
        {"host": "vnc.test", "port": 5900, **PLACE},
        {**PLACE, "headers": {"Host": "evil.test"}},
        {**PLACE, "headers": {"Sec-WebSocket-Key": "SECRET"}},
        {**PLACE, "headers": {"X-A": "b\r\nX-SECRET: c"}},
        {**PLACE, "headers": {"X A": "SECRET"}},
        {**PLACE, "headers": {f"X-{number}": "SECRET" for number in range(33)}},
        {**PLACE, "headers": ["SECRET"]},
        {**PLACE, "cookies": {"a": "SECRET; b=c"}},
        {**PLACE, "cookies": {"a": "b\nSECRET"}},
        {**PLACE, "cookies": {"a;b": "SECRET"}},
        {**PLACE, "subprotocol": "a, SECRET"},
        {**PLACE, "expires_at": "SECRET"},
        {**PLACE, "expires_at": "2020-01-01T00:00:00Z"},
    ],
    ids=str,
)
async def test_what_a_broker_may_not_say(make: Make, api: FakeApi, answer: dict[str, Any]) -> None:
    api.answer(Reply(answer, headers={"X-Request-Id": "REQ"}))
    with pytest.raises(BadAddress) as caught:
        await locate(make())
    assert "SECRET" not in str(caught.value)
    assert "SECRET" not in repr(caught.value.__cause__)
    assert caught.value.request_id == "REQ"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply({}, status=404), NoSuchInstance),
        (Reply({}, status=409), InstanceNotRunning),
        (Reply({}, status=401), CloudRefused),
        (Reply({}, status=403), CloudRefused),
        (Reply({}, status=400), CloudRefused),
        (Reply({}, status=429, headers={"Retry-After": "4"}), RateLimited),
        (Reply({}, status=500), CloudUnavailable),
        (Reply(b"", status=302, headers={"Location": "http://127.0.0.1:1/"}), BadAddress),
        (Reply(b"<html>", status=404, headers={"Content-Type": "text/html"}), BadAddress),
        (Reply(b"<html>", headers={"Content-Type": "text/html"}), BadAddress),
    ],
    ids=range(10),
)
async def test_a_brokers_refusals(make: Make, api: FakeApi, reply: Reply, error: type[Exception]) -> None:
    api.answer(reply)
    with pytest.raises(error) as caught:
        await locate(make())
    assert type(caught.value) is error
    assert len(api.seen) == 1
    if error is RateLimited:
        assert getattr(caught.value, "retry_after", None) == 4.0


async def test_a_slow_broker_is_given_up(make: Make, api: FakeApi) -> None:
    api.answer(Reply(PLACE, delay=30))
    with pytest.raises(CloudUnavailable, match=r"0\.1 s") as caught:
        await locate(make(timeout=0.1))
    assert "SECRET" not in str(caught.value)


async def test_a_broker_that_is_down_is_named_by_its_host_alone(make: Make) -> None:
    with pytest.raises(CloudUnavailable) as caught:
        await locate(make(url="http://127.0.0.1:9/?key=SECRET"))
    assert "127.0.0.1" in str(caught.value)
    assert "SECRET" not in str(caught.value)


async def test_the_end_is_counted_by_the_brokers_own_clock(make: Make, api: FakeApi) -> None:
    behind = float(int(time.time())) - 7200
    end = datetime.fromtimestamp(behind + 30, UTC).isoformat()
    api.answer(Reply({**PLACE, "expires_at": end}, headers={"Date": formatdate(behind, usegmt=True)}))
    assert (await locate(make())).valid_for == 30.0


async def test_an_end_without_a_zone_is_utc_and_a_number_is_seconds(make: Make, api: FakeApi) -> None:
    now = float(int(time.time()))
    for end in (datetime.fromtimestamp(now + 60, UTC).replace(tzinfo=None).isoformat(), now + 60):
        api.answer(Reply({**PLACE, "expires_at": end}, headers={"Date": formatdate(now, usegmt=True)}))
        assert (await locate(make())).valid_for == 60.0
