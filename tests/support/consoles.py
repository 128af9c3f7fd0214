"""Consoles of a gateway in mode `ticket`, opened as people do: with a ticket from the bastion host, and returned to."""

import asyncio
import json
from typing import Any

import aiohttp

from support.inprocess import API_KEY, Site, rfb_handshake

KEY = {"Authorization": f"Bearer {API_KEY}"}

Socket = aiohttp.ClientWebSocketResponse


async def ticket(at: Site, user: str, console: str = "lab/vm", **rights: bool) -> str:
    """A ticket that a bastion host mints."""
    order = {"console": console, "user": user, "rights": rights}
    async with at.http.post(f"{at.admin}/api/v1/tickets", headers=KEY, json=order) as answer:
        assert answer.status == 201
        body: dict[str, Any] = await answer.json()
        return str(body["ticket"])


async def asked(at: Site, token: str, console: str = "lab/vm") -> aiohttp.ClientResponse:
    """The answer to `POST /grant` with a ticket or a resume token, read to its end."""
    async with at.http.post(f"{at.url}/grant/{console}", headers={"Authorization": f"Bearer {token}"}) as answer:
        await answer.read()
        return answer


async def granted(at: Site, token: str, console: str = "lab/vm") -> dict[str, Any]:
    """What a ticket or a resume token is traded for."""
    answer = await asked(at, token, console)
    assert answer.status == 200
    body: dict[str, Any] = await answer.json()
    return body


async def opened(at: Site, user: str, query: str = "", *, console: str = "lab/vm", **rights: bool) -> Socket:
    """A console opened by a ticket of its own."""
    return await at.dial(f"{console}?ticket={await ticket(at, user, console, **rights)}{query}")


async def returned(at: Site, token: str, query: str = "") -> Socket:
    """`lab/vm`, returned to."""
    return await at.dial(f"lab/vm?ticket={(await granted(at, token))['ticket']}{query}")


async def told(ws: Socket) -> tuple[list[dict[str, Any]], tuple[int | None, str]]:
    """Read on to the end: the notices before it, code and reason."""
    notices: list[dict[str, Any]] = []
    async with asyncio.timeout(30):  # one for all: aiohttp's own begins anew with each ping
        while True:
            message = await ws.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                notices.append(json.loads(message.data))
            elif message.type is not aiohttp.WSMsgType.BINARY:
                return notices, (message.data, message.extra or "")


async def ending(ws: Socket) -> tuple[int | None, str]:
    """Read on to the end: code and reason."""
    return (await told(ws))[1]


async def works(ws: Socket) -> bool:
    """Whether the console greets."""
    await rfb_handshake(ws)
    return not ws.closed
