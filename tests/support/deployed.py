"""The files of deploy/ in use: nginx and HAProxy run with them, only names, ports and paths exchanged for loopback's.

What is exchanged has to be in the file, so that no test goes on with a file that has become another one.
"""

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from support.certificates import Certificate
from support.components import program
from support.gateway import ROOT
from support.inprocess import read, rfb_handshake
from support.programs import LOOPBACK, Program, listens, running
from support.scripted_server import Connection

DEPLOY = ROOT / "deploy"
ASK = b"\x03\x00" + bytes(4) + b"\x00\x40\x00\x30"
UPDATE = b"\x00\x00\x00\x01" + bytes(4) + b"\x00\x40\x00\x30" + bytes(4) + b"\x07" * (64 * 48 * 4)
SECOND = "127.0.0.2"
"""Where the second replica is, on the first one's port."""


@dataclass(frozen=True, slots=True)
class Front:
    """One of the files. `through`: it relays TLS as it comes, and the client's address in a PROXY header."""

    file: str
    through: bool = False

    def __str__(self) -> str:
        return self.file


NGINX = Front("nginx/vnc-gateway.conf")
HAPROXY = Front("haproxy/haproxy.cfg")
THROUGH = Front("haproxy/tls-through.cfg", through=True)


@dataclass(frozen=True, slots=True)
class Ports:
    """`https` and `http` of the front, `gateway` of both replicas, and what tells their health (HAProxy alone asks)."""

    https: int
    http: int
    gateway: int
    health: int


def exchanged(text: str, changes: Mapping[str, str]) -> str:
    """`text` with each key of `changes` for its value."""
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in the file any more"
        text = text.replace(old, new)
    return text


def environment(front: Front, ports: Ports, certificate: Certificate) -> dict[str, str]:
    """What the file's head asks of the gateways behind it."""
    said = {"LISTEN__PUBLIC_URL": f"https://{LOOPBACK}:{ports.https}", "LISTEN__TRUSTED_PROXIES": LOOPBACK}
    if front.through:
        said |= {
            "LISTEN__PROXY_PROTOCOL": "true",
            "LISTEN__TLS__CERTIFICATE": str(certificate.certificate),
            "LISTEN__TLS__KEY": str(certificate.key),
            "ADMIN__METRICS_PORT": str(ports.health),
        }
    return {f"VNC_GATEWAY_{key}": value for key, value in said.items()}


@contextlib.asynccontextmanager
async def serving(
    front: Front, ports: Ports, certificate: Certificate, directory: Path, more: Mapping[str, str] | None = None
) -> AsyncIterator[Program]:
    """Run the proxy with its file. `more`: further changes."""
    directory.mkdir(parents=True, exist_ok=True)
    text = exchanged((DEPLOY / front.file).read_text(), more or {})
    start = _nginx if front is NGINX else _haproxy
    argv = start(front, text, ports, certificate, directory)
    async with running(argv[0].name, argv, logs=directory, ready=lambda: listens(ports.https)) as process:
        yield process


def _nginx(_: Front, text: str, ports: Ports, certificate: Certificate, directory: Path) -> list[Path]:
    changes = {
        "listen [::]:80;": "",
        "listen [::]:443 ssl;": "",
        "listen 80;": f"listen {LOOPBACK}:{ports.http};",
        "listen 443 ssl;": f"listen {LOOPBACK}:{ports.https} ssl;",
        "10.0.0.11:8080": f"{LOOPBACK}:{ports.gateway}",
        "10.0.0.12:8080": f"{SECOND}:{ports.gateway}",
        "/etc/nginx/console.crt": str(certificate.certificate),
        "/etc/nginx/console.key": str(certificate.key),
        "/var/log/nginx": str(directory),
    }
    site = directory / "site.conf"
    site.write_text(exchanged(text, changes))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    main = directory / "nginx.conf"
    main.write_text(
        f"daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log stderr warn;\n"
        + ("user root;\n" if os.geteuid() == 0 else "")
        + "events { worker_connections 1000; }\n"
        + f"http {{ {' '.join(f'{kind}_temp_path {directory}/{kind};' for kind in kinds)} include {site}; }}\n"
    )
    return [Path(program("nginx")), Path("-c"), main, Path("-p"), directory, Path("-e"), Path("stderr")]


def _haproxy(front: Front, text: str, ports: Ports, certificate: Certificate, directory: Path) -> list[Path]:
    both = directory / "console.pem"
    both.write_bytes(certificate.certificate.read_bytes() + certificate.key.read_bytes())
    inner = 8443 if front.through else 8080
    changes = {
        "maxconn 20000": "maxconn 1000",  # which takes fewer open files
        "bind :443": f"bind {LOOPBACK}:{ports.https}",
        f"gateway-1:{inner}": f"{LOOPBACK}:{ports.gateway}",
        f"gateway-2:{inner}": f"{SECOND}:{ports.gateway}",
    }
    if front.through:
        changes["check port 9100"] = f"check port {ports.health}"
    else:
        changes |= {"bind :80": f"bind {LOOPBACK}:{ports.http}", "/etc/haproxy/console.pem": str(both)}
    file = directory / "haproxy.cfg"
    file.write_text(exchanged(text, changes))
    return [Path(program("haproxy")), Path("-db"), Path("-f"), file]


async def open_console(
    http: aiohttp.ClientSession, url: str, console: str, ticket: str, headers: Mapping[str, str] | None = None
) -> aiohttp.ClientWebSocketResponse:
    """Open a console at `url` as the page does: a grant for the minted ticket, and the WebSocket with its own."""
    bearer = {"Authorization": f"Bearer {ticket}"}
    async with http.post(f"{url}/grant/lab/{console}", headers=bearer | dict(headers or {})) as answer:
        assert answer.status == 200, await answer.text()
        once = (await answer.json())["ticket"]
    address = f"{url}/ws/lab/{console}?ticket={once}"
    ws = await http.ws_connect(address, protocols=["binary"], headers=headers or {})
    await rfb_handshake(ws)
    return ws


async def show(connection: Connection) -> None:
    """A machine that answers whatever is asked with its one picture: a script for ScriptedServer."""
    await connection.handshake()
    while await connection.reader.read(65536):
        await connection.send(UPDATE)


async def shows(ws: aiohttp.ClientWebSocketResponse) -> None:
    """The console lives: asked for its picture, it shows it."""
    await ws.send_bytes(ASK)
    assert await read(ws, len(UPDATE)) == UPDATE


@dataclass(eq=False, slots=True)
class Leaving:
    """A second replica that takes nothing new: `refused` are the requests. /readyz says so once `tells` is set.

    `drops`: connections, without a word.
    """

    tells: bool = False
    drops: bool = False
    refused: list[str] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def running(self, port: int) -> AsyncIterator["Leaving"]:
        async def answer(request: web.BaseRequest) -> web.Response:
            if request.path == "/readyz":
                return web.json_response({"status": "draining"}, status=503 if self.tells else 200)
            if self.drops and request.transport is not None:
                request.transport.abort()
            self.refused.append(f"{request.method} {request.path.split('/')[1]}")
            body = {"type": "about:blank", "status": 503, "name": "draining"}
            return web.json_response(body, status=503, headers={"Retry-After": "5"})

        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        try:
            await web.TCPSite(runner, SECOND, port).start()
            yield self
        finally:
            await runner.cleanup()
