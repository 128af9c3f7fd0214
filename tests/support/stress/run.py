"""Stress against a gateway: many sessions at once, and what differed.

The gateway is named by a URL, so it may be another process; `gateway_here` puts one into this loop, with a switch for
the rule that makes the shared receive buffer safe.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext
from typing import Any

import pytest

from gateway.app.wiring import running
from gateway.relay import sockets
from gateway.relay.buffer import ReceiveBuffer
from support.certificates import Certificate
from support.inprocess import settings
from support.stress.browser import browse
from support.stress.server import StressServer
from support.stress.session import StressSession


@dataclass(frozen=True)
class Load:
    """How much. `down` and `up`: bytes a session sends to the browser and to the server. `within`: seconds for all."""

    sessions: int = 80
    down: int = 250_000
    up: int = 40_000
    receive_buffer: int = 16 * 1024
    within: float = 60.0
    seed: str = "1"


async def stress(gateway: str, server: StressServer, load: Load, *, tls: SSLContext | None = None) -> list[str]:
    """Open consoles `lab/0`, `lab/1`, … of the gateway at `gateway` (ws:// or wss://), all to `server`: differences.

    Raises TimeoutError if the sessions are not through in time.
    """

    async def one(number: int) -> StressSession:
        return await browse(
            f"{gateway}/ws/lab/{number}",
            server,
            seed=load.seed,
            up=load.up,
            tls=tls,
            receive_buffer=load.receive_buffer,
        )

    async with asyncio.timeout(load.within):
        results = await asyncio.gather(*map(one, range(load.sessions)), return_exceptions=True)
    lines = [f"browser {number}: {result!r}" for number, result in enumerate(results) if isinstance(result, Exception)]
    return lines + [line for session in server.sessions.values() for line in session.differences]


class StubbornBuffer(ReceiveBuffer):
    """Never gives up its block: the rule of the shared buffer switched off."""

    def renew(self) -> None:
        """Take a block the first time only."""
        if not hasattr(self, "view"):
            super().renew()


@asynccontextmanager
async def gateway_here(
    server: StressServer,
    sessions: int,
    *,
    tls: Certificate | None,
    authority: Path | None,
    keep_rule: bool = True,
    send_buffer: int = 8 * 1024,
) -> AsyncIterator[str]:
    """Run a gateway in this loop: its URL.

    `tls`: what it shows to browsers; `authority`: what it trusts of `server`; `send_buffer`: SO_SNDBUF of its legs.
    """
    lab: dict[str, Any] = {"type": "static", "consoles": dict.fromkeys(map(str, range(sessions)), server.url)}
    if authority is not None:
        lab["ca_file"] = authority
    listen = {"tls": {"certificate": tls.certificate, "key": tls.key}} if tls else {}
    configured = settings({}, listen=listen, keepalive={"method": "off"}, providers={"lab": lab})
    tune = sockets.tune

    def tune_and_shrink(transport: asyncio.Transport) -> None:
        tune(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sockets, "tune", tune_and_shrink)
        async with running(configured, ReceiveBuffer() if keep_rule else StubbornBuffer()) as gateway:
            yield f"{'wss' if tls else 'ws'}://127.0.0.1:{gateway.public_port}"
