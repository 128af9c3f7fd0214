"""The real gateway as a subprocess: configured by a TOML file, reached over its public and its admin port."""

import contextlib
import json
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from support.programs import LOOPBACK, Program, free_port, running
from support.rfb_client.client import RfbClient, websocket_client
from support.servers.address import Address

ROOT = Path(__file__).parents[2]
PROVIDER = "lab"
OPEN = 'mode = "open"'

# For `provider`: one console opened again and again by many tests is not held to a cloud's 24 dials a minute.
MANY_DIALS = "reconnect = { per_minute = 1000 }"

# A gateway that a test is done with has nobody to wait for.
NO_DRAIN = {"VNC_GATEWAY_LIMITS__DRAIN_DELAY": "0", "VNC_GATEWAY_LIMITS__DRAIN": "0"}


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway with one static provider, `lab`; another's consoles are PROVIDER/INSTANCE."""

    process: Program
    port: int
    admin_port: int

    async def ticket(self, console: str) -> str:
        """A one-time WebSocket ticket, as the console page gets it."""
        url = f"http://{LOOPBACK}:{self.port}/grant/{_path(console)}"
        async with aiohttp.ClientSession() as session, session.post(url) as response:
            body = await response.json()
            assert response.status == 200, body
            ticket: str = body["ticket"]
            return ticket

    async def target(self, console: str) -> str:
        """Path and query that open the console once."""
        return f"/ws/{_path(console)}?ticket={await self.ticket(console)}"

    async def address(self, console: str) -> str:
        """The same as a WebSocket address."""
        return f"ws://{LOOPBACK}:{self.port}{await self.target(console)}"

    @contextlib.asynccontextmanager
    async def client(self, console: str) -> AsyncIterator[RfbClient]:
        """Our own client on a console, its handshake done."""
        async with websocket_client(await self.address(console)) as client:
            yield client

    async def metrics(self) -> dict[str, float]:
        """All samples of /metrics: the name with its labels, and the value."""
        url = f"http://{LOOPBACK}:{self.admin_port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            text = await response.text()
        lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}


def configuration(
    consoles: Mapping[str, str | Address],
    *,
    port: int,
    admin_port: int,
    directory: Path,
    access: str = OPEN,
    admin: str = "",
    provider: str = "",
    more: str = "",
) -> str:
    """The TOML text. `access` holds the lines of [access]; `admin` and `provider` further ones of [admin] and
    [providers.lab], `more` further tables."""
    lines = [
        "[listen]",
        f"port = {port}",
        "[admin]",
        f"port = {admin_port}",
        admin,
        "[access]",
        access,
        f"[providers.{PROVIDER}]",
        'type = "static"',
        provider,
        f"[providers.{PROVIDER}.consoles]",
    ]
    for name, console in consoles.items():
        url = console if isinstance(console, str) else console.url
        password = None if isinstance(console, str) else console.password
        if password is None:
            lines.append(f"{name} = {json.dumps(url)}")
        else:
            file = directory / f"{name}.password"
            file.write_text(password + "\n")
            file.chmod(0o600)
            lines.append(f"{name} = {{ url = {json.dumps(url)}, password_file = {json.dumps(str(file))} }}")
    return "\n".join([*lines, more, ""])


@contextlib.asynccontextmanager
async def gateway(
    consoles: Mapping[str, str | Address],
    *,
    logs: Path,
    access: str = OPEN,
    admin: str = "",
    provider: str = "",
    more: str = "",
    env: Mapping[str, str] | None = None,
) -> AsyncIterator[Gateway]:
    """Run `vnc-gateway serve` with these consoles; entered when /readyz says so. Without `env` it does not drain."""
    port, admin_port = free_port(), free_port()
    logs.mkdir(parents=True, exist_ok=True)
    file = logs / "gateway.toml"
    lines = {"access": access, "admin": admin, "provider": provider, "more": more}
    file.write_text(configuration(consoles, port=port, admin_port=admin_port, directory=logs, **lines))
    argv: list[str | Path] = [sys.executable, "-m", "gateway", "serve", "--config", file]

    async def ready() -> bool:
        return await _ready(admin_port)

    async with running("gateway", argv, logs=logs, ready=ready, env={**NO_DRAIN, **(env or {})}, cwd=ROOT) as process:
        yield Gateway(process, port, admin_port)


def _path(console: str) -> str:
    return console if "/" in console else f"{PROVIDER}/{console}"


async def _ready(port: int) -> bool:
    timeout = aiohttp.ClientTimeout(total=2)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://{LOOPBACK}:{port}/readyz") as response,
        ):
            return response.status == 200
    except (aiohttp.ClientConnectionError, TimeoutError):
        return False
