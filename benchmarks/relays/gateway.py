"""The gateway itself: `vnc-gateway serve`, as a user runs it."""

import contextlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from support.programs import LOOPBACK, free_port, listens, running

from benchmarks.relays.relay import Relay, Way

PROVIDER = "bench"


def configuration(way: Way, port: int, admin: int) -> str:
    """The text of gateway.toml: a cloud where the way has an API, else consoles at a fixed address."""
    tls = way.certificate
    lines = [
        "[listen]",
        f"port = {port}",
        f'tls = {{ certificate = "{tls.certificate}", key = "{tls.key}" }}' if way.browser_tls else "",
        "[admin]",
        f"port = {admin}",
        "[access]",
        'mode = "open"',
        "[limits]",
        "sessions = 10000",
        "drain_delay = 0",
        "drain = 0",
        "[reconnect]",
        "per_minute = 1000",
        "[log]",
        'level = "warning"',
        f"[providers.{PROVIDER}]",
        f'ca_file = "{tls.authority}"',
    ]
    return "\n".join(lines + (_cloud(way) if way.api else _static(way)))


def _cloud(way: Way) -> list[str]:
    return [
        'type = "alibaba"',
        'region = "cn-hangzhou"',
        'credentials = "bench"',
        f'endpoint = "http://{LOOPBACK}:{way.api}"',
        f'allowed_hosts = ["{LOOPBACK}"]',
        "[credentials.bench]",
        'source = "static"',
        'access_key = "bench"',
        'secret_key = "bench"',
    ]


def _static(way: Way) -> list[str]:
    consoles = [f"c{number} = {json.dumps(way.url)}" for number in range(way.consoles)]
    return ['type = "static"', f"[providers.{PROVIDER}.consoles]", *consoles]


SHIPPED = ("-m", "gateway")
INTERPRETED = (
    "-c",
    "import gateway.compiled.loader as loader; loader.prefer_interpreted(); from gateway.cli import main; main()",
)


@contextlib.asynccontextmanager
async def interpreted(way: Way, directory: Path) -> AsyncIterator[Relay]:
    """Run it with its framing interpreted, as where nothing could be compiled."""
    async with gateway(way, directory, INTERPRETED) as relay:
        yield relay


@contextlib.asynccontextmanager
async def gateway(way: Way, directory: Path, program: Sequence[str] = SHIPPED) -> AsyncIterator[Relay]:
    """Run the gateway of this repository."""
    port, admin = free_port(), free_port()
    file = directory / "gateway.toml"
    file.write_text(configuration(way, port, admin))
    argv: list[str | Path] = [sys.executable, *program, "serve", "--config", file]
    root = Path(__file__).parents[2]
    async with running(
        "gateway", argv, logs=directory, ready=lambda: listens(port) and listens(admin), cwd=root
    ) as process:
        grant = f"/grant/{PROVIDER}/c{{}}" if way.api else ""
        yield Relay(process.pid, port, path=f"/ws/{PROVIDER}/c{{}}", grant=grant, health=admin)
