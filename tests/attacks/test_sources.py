"""Addresses that somebody makes up: in headers, by a proxy that is none, ahead of the connection.

A ticket bound to a network shows what is believed: whoever uses it from elsewhere gets the same 401 as for any
other ticket, and whoever is believed to be there gets in.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.inprocess import API_KEY, Site, site
from support.programs import LOOPBACK
from support.proxy_headers import LOCAL, v1, v2

INSIDE, OUTSIDE = "10.1.2.3", "203.0.113.7"
PROXY, STRANGER = "127.0.0.1", "127.0.0.9"


@asynccontextmanager
async def running(**listen: Any) -> AsyncIterator[Site]:
    trusted = {"trusted_proxies": ["127.0.0.1/32", "10.9.0.0/16"]}
    async with site({"vm": "tcp://127.0.0.1:9"}, access={"mode": "ticket"}, listen=trusted | listen) as running:
        yield running


async def grant(running: Site, peer: str, headers: Mapping[str, str], *, first: bytes = b"") -> int:
    """The status of a grant for a ticket of INSIDE's network, on a connection from `peer`; 0 where that is closed."""
    bound = {"console": "lab/vm", "user": "ana", "source": "10.1.0.0/16"}
    key = {"Authorization": f"Bearer {API_KEY}"}
    async with running.http.post(running.admin + "/api/v1/tickets", json=bound, headers=key) as answer:
        assert answer.status == 201, await answer.text()
        ticket = json.loads(await answer.text())["ticket"]
    lines = {"Host": "localhost", "Authorization": f"Bearer {ticket}", "Connection": "close"} | headers
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    reader, writer = await asyncio.open_connection(LOOPBACK, running.gateway.public_port, local_addr=(peer, 0))
    try:
        writer.write(first + f"POST /grant/lab/vm HTTP/1.1\r\n{head}\r\n".encode())
        async with asyncio.timeout(20):
            answer = await reader.read()
        return int(answer.split()[1]) if answer else 0
    except ConnectionError:
        return 0
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        (PROXY, {"X-Forwarded-For": INSIDE}, 200),
        (PROXY, {"Forwarded": f"for={INSIDE}"}, 200),
        (PROXY, {"X-Forwarded-For": f"{INSIDE}, 10.9.1.1"}, 200),
        (PROXY, {}, 401),
        (PROXY, {"X-Forwarded-For": OUTSIDE}, 401),
        (PROXY, {"X-Forwarded-For": f"{INSIDE}, {OUTSIDE}"}, 401),
        (PROXY, {"X-Forwarded-For": f"{INSIDE}, {OUTSIDE}, 10.9.1.1"}, 401),
        (PROXY, {"Forwarded": f"for={INSIDE}, for={OUTSIDE}"}, 401),
        (PROXY, {"Forwarded": f'for={INSIDE}, for="{OUTSIDE}:1;for={INSIDE}"'}, 401),
        (PROXY, {"X-Forwarded-For": OUTSIDE, "Forwarded": f"for={INSIDE}"}, 400),
        (PROXY, {"X-Real-IP": INSIDE, "X-Forwarded": f"for={INSIDE}", "Client-IP": INSIDE}, 401),
        (STRANGER, {"X-Forwarded-For": INSIDE}, 401),
        (STRANGER, {"Forwarded": f"for={INSIDE}"}, 401),
        (STRANGER, {"X-Forwarded-For": f"{INSIDE}, 127.0.0.1"}, 401),
    ],
)
async def test_a_made_up_address_opens_nothing(peer: str, headers: dict[str, str], status: int):
    async with running() as gateway:
        assert await grant(gateway, peer, headers) == status


@pytest.mark.parametrize(
    ("peer", "first", "headers", "status"),
    [
        (PROXY, v1(INSIDE), {}, 200),
        (PROXY, v2(INSIDE), {}, 200),
        (PROXY, v2("10.9.1.1"), {"X-Forwarded-For": INSIDE}, 200),  # a balancer before a trusted proxy
        (PROXY, v1(OUTSIDE), {}, 401),
        (PROXY, v2(OUTSIDE), {"X-Forwarded-For": INSIDE}, 401),  # what its client says
        (PROXY, LOCAL, {}, 401),
        (PROXY, b"", {}, 0),
        (PROXY, v1(OUTSIDE) + v1(INSIDE), {}, 400),
        (STRANGER, v1(INSIDE), {}, 0),
        (STRANGER, v2(INSIDE), {}, 0),
        (STRANGER, b"", {}, 0),
    ],
)
async def test_nor_does_one_ahead_of_the_connection(peer: str, first: bytes, headers: dict[str, str], status: int):
    async with running(proxy_protocol=True) as gateway:
        assert await grant(gateway, peer, headers, first=first) == status
