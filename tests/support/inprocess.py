"""The real gateway inside the test's own loop, on free ports, with static consoles."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp

from gateway.app.wiring import Gateway, running
from gateway.config.settings import Settings
from gateway.relay.buffer import ReceiveBuffer

API_KEY = "the-test-key"
API_KEY_HASH = "sha256:8ffd78526c2c960ea32fd5792fadee862411de09671f2ede9148c66b10510eb5"


def settings(consoles: Mapping[str, Any], **tables: Any) -> Settings:
    """A configuration with provider `lab`; `tables` are put over the defaults of the test."""
    data: dict[str, Any] = {
        "listen": {"port": 0},
        "admin": {"port": 0, "keys": {"test": API_KEY_HASH}},
        "access": {"mode": "open"},
        "providers": {"lab": {"type": "static", "consoles": dict(consoles)}},
        "reconnect": {"window": 0},
    }
    for name, table in tables.items():
        data[name] = data.get(name, {}) | table
    return Settings.model_validate(data)


class Site:
    """Where the gateway is, and a client session to it."""

    def __init__(self, gateway: Gateway, http: aiohttp.ClientSession) -> None:
        self.gateway = gateway
        self.http = http
        self.url = f"http://127.0.0.1:{gateway.public_port}"
        self.admin = f"http://127.0.0.1:{gateway.admin_port}"

    async def dial(self, console: str = "lab/vm", **options: Any) -> aiohttp.ClientWebSocketResponse:
        return await self.http.ws_connect(f"{self.url}/ws/{console}", protocols=["binary"], **options)

    async def metric(self, name: str, **labels: str) -> float:
        async with self.http.get(f"{self.admin}/metrics") as answer:
            text = await answer.text()
        wanted = name + ("{" + ",".join(f'{k}="{v}"' for k, v in labels.items()) + "}" if labels else "")
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.rpartition(" ")[0] == wanted)


@contextlib.asynccontextmanager
async def site(
    consoles: Mapping[str, Any], *, buffer: ReceiveBuffer | None = None, **tables: Any
) -> AsyncIterator[Site]:
    """A running gateway in front of `consoles`."""
    async with (
        running(settings(consoles, **tables), buffer) as gateway,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        yield Site(gateway, http)


async def rfb_handshake(ws: aiohttp.ClientWebSocketResponse, *, shared: bool = True) -> bytes:
    """A viewer's side of RFB 3.8 over `ws`, to ServerInit."""
    received = await read(ws, 12)
    assert received == b"RFB 003.008\n"
    await ws.send_bytes(received)
    assert await read(ws, 2) == b"\x01\x01"
    await ws.send_bytes(b"\x01")
    assert await read(ws, 4) == bytes(4)
    await ws.send_bytes(bytes([shared]))
    init = await read(ws, 24)
    return init + await read(ws, int.from_bytes(init[20:24], "big"))


async def read(ws: aiohttp.ClientWebSocketResponse, count: int) -> bytes:
    """Exactly `count` payload bytes, which have to end where a message ends or stay for the next call."""
    kept: bytearray = getattr(ws, "_kept", bytearray())
    while len(kept) < count:
        kept += await ws.receive_bytes(timeout=10)
    ws._kept = kept[count:]  # type: ignore[attr-defined]
    return bytes(kept[:count])


async def ending(ws: aiohttp.ClientWebSocketResponse, *, within: float = 30) -> tuple[int | None, str]:
    """Read on to the Close frame: its code and reason."""
    while True:
        message = await ws.receive(timeout=within)
        if message.type is aiohttp.WSMsgType.CLOSE:
            return message.data, message.extra or ""
        if message.type is not aiohttp.WSMsgType.BINARY:
            return ws.close_code, ""
