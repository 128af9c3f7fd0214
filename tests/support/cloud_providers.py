"""Both clouds' providers over a fake API, each with the words that its API uses."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import aiohttp
from pydantic import SecretStr

from gateway.providers import refusals
from gateway.providers.alibaba import AlibabaProvider
from gateway.providers.api import Caller
from gateway.providers.calls import SignedCalls
from gateway.providers.hosts import AllowedHosts
from gateway.providers.huawei import HuaweiProvider
from gateway.providers.key_sources import FixedSource
from gateway.providers.keys import Credentials, Keys
from gateway.providers.outlet import Outlet
from gateway.providers.target import Target
from support.fake_api import FakeApi

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
