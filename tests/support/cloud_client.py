"""Asks the simulated clouds for addresses with signatures of its own, and dials them byte for byte.

Written apart from the gateway's client, so that tests of the simulator stand without it.
"""

import asyncio
import hmac
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote, unquote

import aiohttp
import websockets
from websockets.asyncio.client import ClientConnection
from yarl import URL

from gateway.simulator.clouds import huawei
from gateway.simulator.clouds.cloud import Cloud
from gateway.simulator.simulator import Simulator


@dataclass(frozen=True, slots=True)
class Answer:
    """What an API said; `body` is None where it was not JSON."""

    status: int
    headers: Any
    body: Any

    @property
    def code(self) -> str:
        """The error code in any of the clouds' forms."""
        error = self.body.get("error", {})
        return str(self.body.get("Code") or self.body.get("error_code") or error.get("code") or next(iter(self.body)))


class CloudClient:
    """Calls to one simulator. `skew` moves the clock that requests are dated by, in seconds."""

    def __init__(self, simulator: Simulator, http: aiohttp.ClientSession) -> None:
        self.skew = 0.0
        self._simulator = simulator
        self._http = http

    async def alibaba(self, **parameters: str) -> Answer:
        """DescribeInstanceVncUrl, or another `action`; the key and secret may be given, too."""
        key = self._simulator.alibaba.keyring.main
        access, secret = parameters.pop("access", key.access), parameters.pop("secret", key.secret)
        headers = {
            "host": f"127.0.0.1:{self._simulator.port}",
            "x-acs-action": parameters.pop("action", "DescribeInstanceVncUrl"),
            "x-acs-content-sha256": sha256(b"").hexdigest(),
            "x-acs-date": f"{self._now():%Y-%m-%dT%H:%M:%SZ}",
            "x-acs-signature-nonce": uuid.uuid4().hex,
            "x-acs-version": "2014-05-26",
        }
        query = _query(parameters)
        text = "\n".join(["POST", "/", query, _lines(headers), ";".join(headers), sha256(b"").hexdigest()])
        signature = _mac(secret, f"ACS3-HMAC-SHA256\n{_digest(text)}")
        fields = f"Credential={access},SignedHeaders={';'.join(headers)},Signature={signature}"
        return await self._post(f"/?{query}", headers | {"Authorization": f"ACS3-HMAC-SHA256 {fields}"}, b"")

    async def huawei(
        self, instance: str, project: str = huawei.PROJECT, *, wanted: object = huawei.WANTED, secret: str | None = None
    ) -> Answer:
        """remote_console."""
        key = self._simulator.huawei.keyring.main
        body = json.dumps(wanted).encode()
        date = f"{self._now():%Y%m%dT%H%M%SZ}"
        headers = {
            "content-type": "application/json",
            "host": f"127.0.0.1:{self._simulator.port}",
            "x-sdk-date": date,
        }
        path = f"/v1/{project}/cloudservers/{instance}/remote_console"
        text = "\n".join(["POST", path + "/", "", _lines(headers), ";".join(headers), sha256(body).hexdigest()])
        signature = _mac(secret or key.secret, f"SDK-HMAC-SHA256\n{date}\n{_digest(text)}")
        fields = f"Access={key.access}, SignedHeaders={';'.join(headers)}, Signature={signature}"
        return await self._post(path, headers | {"Authorization": f"SDK-HMAC-SHA256 {fields}"}, body)

    async def address(self, cloud: Cloud, instance: str) -> str:
        """A WebSocket address of a machine, as a careful client makes it from the answer."""
        if cloud is self._simulator.huawei:
            page = str((await self.huawei(instance)).body["remote_console"]["url"])
            token = page.partition("token%3D" if "token%3D" in page else "token=")[2].partition("&")[0]
            base = page.split("/", 3)[:3]
            return "/".join(base).replace("http", "ws", 1) + f"{self._simulator.huawei.form.websocket}?token={token}"
        place = cloud.instances[instance].place
        return unquote((await self.alibaba(RegionId=place, InstanceId=instance)).body["VncUrl"])

    async def _post(self, target: str, headers: dict[str, str], body: bytes) -> Answer:
        url = URL(self._simulator.endpoint + target, encoded=True)
        async with self._http.post(url, headers=headers, data=body, allow_redirects=False) as response:
            kind = response.content_type
            return Answer(response.status, response.headers, await response.json() if "json" in kind else None)

    def _now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.skew)


async def dial(url: str, **options: Any) -> ClientConnection:
    """A WebSocket with pings only when asked; subprotocol `binary` unless said otherwise."""
    chosen: dict[str, Any] = {"subprotocols": ["binary"], "ping_interval": None, "compression": None, "proxy": None}
    return await websockets.connect(url, **{**chosen, **options})


async def greeting(connection: ClientConnection) -> bytes:
    """The first 12 bytes of RFB."""
    data = await asyncio.wait_for(connection.recv(), 5)
    assert isinstance(data, bytes)
    return data


def _query(parameters: dict[str, str]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(parameters.items()))


def _lines(headers: dict[str, str]) -> str:
    return "".join(f"{name}:{value}\n" for name, value in headers.items())


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _mac(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), sha256).hexdigest()
