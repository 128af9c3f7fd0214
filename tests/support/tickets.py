"""A gateway in access mode `ticket`, and its admin API as a bastion host uses it."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from support.gateway import PROVIDER, Gateway, gateway
from support.inprocess import API_KEY, API_KEY_HASH
from support.programs import LOOPBACK
from support.rfb_client.client import RfbClient, websocket_client
from support.servers.address import Address

AUTHORIZATION = {"Authorization": f"Bearer {API_KEY}"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Bastion:
    """Mints tickets and ends sessions at `gateway`."""

    gateway: Gateway

    @property
    def public(self) -> str:
        return f"http://{LOOPBACK}:{self.gateway.port}"

    async def api(self, method: str, path: str, body: object = None) -> Answer:
        """Call the admin API below /api/v1 with the right key."""
        url = f"http://{LOOPBACK}:{self.gateway.admin_port}/api/v1{path}"
        return await _call(method, url, headers=AUTHORIZATION, json=body)

    async def minted(self, console: str, *, user: str = "ana", **more: object) -> dict[str, Any]:
        """A new ticket, as the API tells it; `more` are further fields of the request."""
        answer = await self.api("POST", "/tickets", {"console": _name(console), "user": user, **more})
        assert answer.status == 201, answer
        body: dict[str, Any] = answer.body
        return body

    async def ticket(self, console: str, **more: Any) -> str:
        """Only the ticket itself."""
        ticket: str = (await self.minted(console, **more))["ticket"]
        return ticket

    async def grant(self, console: str, bearer: str | None) -> Answer:
        """`POST /grant` with a ticket or resume token."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer is not None else {}
        return await _call("POST", f"{self.public}/grant/{_name(console)}", headers=headers)

    async def target(self, console: str, **rights: Any) -> str:
        """Path and query that open the console once, for a user with these rights."""
        return f"/ws/{_name(console)}?ticket={await self.ticket(console, rights=rights)}"

    @contextlib.asynccontextmanager
    async def client(self, console: str, **rights: Any) -> AsyncIterator[RfbClient]:
        """Our own client on a console with these rights, its handshake done."""
        address = f"ws://{LOOPBACK}:{self.gateway.port}{await self.target(console, **rights)}"
        async with websocket_client(address) as client:
            yield client


@contextlib.asynccontextmanager
async def bastion(
    consoles: Mapping[str, str | Address], *, logs: Path, access: str = "", **more: str
) -> AsyncIterator[Bastion]:
    """Run the gateway in mode `ticket`; `access` holds further lines of [access], `more` goes to `gateway`."""
    lines = f'mode = "ticket"\n{access}'
    keys = f'keys = {{ bastion = "{API_KEY_HASH}" }}'
    async with gateway(consoles, logs=logs, access=lines, admin=keys, **more) as running:
        yield Bastion(running)


def _name(console: str) -> str:
    return console if "/" in console else f"{PROVIDER}/{console}"


async def _call(method: str, url: str, **options: Any) -> Answer:
    async with aiohttp.ClientSession() as http, http.request(method, url, **options) as answer:
        body = await answer.json(content_type=None) if answer.content_type.endswith("json") else await answer.text()
        return Answer(answer.status, body)
