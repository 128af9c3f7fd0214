"""A relay of two `websockets` connections on uvloop: what most people would write.

Run as a program: PORT HEALTH_PORT UPSTREAM_URL, then the authority's, certificate's and key's files or empty words.
"""

import asyncio
import contextlib
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import uvloop
from support.programs import LOOPBACK, free_port, listens, running
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from benchmarks.relays.relay import Relay, Way

BINARY = [Subprotocol("binary")]


@contextlib.asynccontextmanager
async def two_websockets(way: Way, directory: Path) -> AsyncIterator[Relay]:
    """Run this file as a relay."""
    port, health = free_port(), free_port()
    tls = way.certificate
    argv: list[str | Path] = [sys.executable, "-m", __name__, str(port), str(health), way.url]
    argv += [str(tls.authority) if way.upstream == "wss" else "", str(way.server_pem) if way.browser_tls else ""]
    root = Path(__file__).parents[2]

    def ready() -> bool:
        return listens(port) and listens(health)

    async with running("two_websockets", argv, logs=directory, ready=ready, cwd=root) as process:
        yield Relay(process.pid, port, health=health)


async def pump(source: ServerConnection | ClientConnection, sink: ServerConnection | ClientConnection) -> None:
    """Carry every message over."""
    async for message in source:
        await sink.send(message)
    await sink.close()


async def main(port: int, health: int, url: str, authority: str, pem: str) -> None:
    """Serve until killed."""
    trust = ssl.create_default_context(cafile=authority) if authority else None
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if pem else None
    if own:
        own.load_cert_chain(pem)

    async def relay(browser: ServerConnection) -> None:
        async with connect(url, compression=None, max_size=None, subprotocols=BINARY, ssl=trust) as upstream:
            await asyncio.gather(pump(browser, upstream), pump(upstream, browser))

    def healthy(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(204, "") if request.path == "/healthz" else None

    async with (
        serve(relay, LOOPBACK, port, compression=None, max_size=None, subprotocols=BINARY, ssl=own),
        serve(relay, LOOPBACK, health, process_request=healthy),
    ):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
