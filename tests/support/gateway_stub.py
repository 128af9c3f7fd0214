"""A stand-in for the gateway's public listener, scripted by the test: page, grants, and an RFB server behind /ws.

It proves what the console page does with each answer; that the real gateway gives these answers is for the
tests of gateway/web.
"""

import asyncio
import contextlib
import struct
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import WSMsgType, web

STATIC = Path(__file__).parents[2] / "gateway" / "web" / "static"
RIGHTS = {"control": True, "clipboard": "both", "power": False, "takeover": True}
EMBEDDER = "http://localhost"

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors {}"
)
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}


@dataclass(frozen=True)
class Ask:
    """What one POST /grant carried."""

    path: str
    authorization: str | None
    origin: str | None


@dataclass(frozen=True)
class End:
    """Close the WebSocket with this code, before the picture or `after_picture`; None: drop the connection.

    `notice`: sent ahead of it.
    """

    code: int | None
    reason: str = ""
    after_picture: bool = False
    notice: dict[str, object] | None = None


@dataclass(frozen=True)
class Refuse:
    """Answer POST /grant with a problem document, or with `body` from somebody in between."""

    status: int
    name: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class GatewayStub:
    """What the test says comes next: `grants` and `sockets` are used up in order, then all is well."""

    def __init__(self, *, embed_origins: tuple[str, ...] = (), width: int = 320, height: int = 200) -> None:
        self.grants: deque[Refuse] = deque()
        self.sockets: deque[End] = deque()
        self.rights = dict(RIGHTS)
        self.consoles: list[str] | None = ["lab/desktop", "lab/router-7"]
        self.picture: bytes | None = None  # Raw, 4 bytes a pixel; None: a plain colour
        self.silent = False  # accept, and never greet
        self.asked: list[Ask] = []
        self.tickets: list[str] = []
        self.takes: list[bool] = []
        self.protocols: list[str] = []
        self.keys: list[tuple[bool, int]] = []
        self.cut_texts: list[bytes] = []
        self.pictures_sent = 0
        self.closed_with: list[int | None] = []
        self.embed_origins = embed_origins
        self.size = (width, height)
        self.port = 0
        self._open: set[web.WebSocketResponse] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def console(self, console: str = "lab/desktop") -> str:
        return f"{self.url}/console/{console}"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["GatewayStub"]:
        app = web.Application()
        app.router.add_get("/", self._page("landing.html"))
        app.router.add_get("/consoles", self._consoles)
        app.router.add_get("/console/{provider}/{instance}", self._page("console.html"))
        app.router.add_get("/static/{name}", self._static)
        app.router.add_get("/blank", self._blank)
        app.router.add_get("/frame", self._frame)
        app.router.add_post("/grant/{provider}/{instance}", self._grant)
        app.router.add_get("/ws/{provider}/{instance}", self._socket)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            for socket in list(self._open):
                await socket.close()
            await runner.cleanup()

    async def send_clipboard(self, text: str) -> None:
        """ServerCutText to every open console (RFC 6143 §7.6.4)."""
        data = text.encode("latin-1")
        for socket in self._open:
            await socket.send_bytes(struct.pack(">BxxxI", 3, len(data)) + data)

    async def send_notice(self, **fields: object) -> None:
        for socket in self._open:
            await socket.send_json(fields)

    async def send_garbage(self) -> None:
        for socket in self._open:
            await socket.send_bytes(b"\xee" * 64)

    async def end_all(self, end: End) -> None:
        for socket in list(self._open):
            await _end(socket, end)

    def _page(self, name: str):
        async def serve(_: web.Request) -> web.Response:
            body = (STATIC / name).read_text()
            empty = '<meta name="vnc-gateway-embed-origins" content="">'
            assert name != "console.html" or empty in body
            body = body.replace(empty, empty.replace('""', f'"{" ".join(self.embed_origins)}"'))
            headers = {
                "Content-Security-Policy": _CSP.format(" ".join(self.embed_origins) or "'none'"),
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "no-store",
            }
            return web.Response(text=body, content_type="text/html", headers=headers)

        return serve

    async def _static(self, request: web.Request) -> web.Response:
        path = STATIC / request.match_info["name"]
        return web.Response(
            body=path.read_bytes(),
            content_type=_TYPES[path.suffix],
            headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"},
        )

    async def _consoles(self, _: web.Request) -> web.Response:
        if self.consoles is None:
            return web.Response(status=404)
        return web.json_response({"consoles": self.consoles})

    async def _blank(self, _: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>blank</title><body></body>", content_type="text/html")

    async def _frame(self, request: web.Request) -> web.Response:
        source = request.query["src"]
        return web.Response(
            text=f'<!doctype html><title>portal</title><body><iframe src="{source}"></iframe></body>',
            content_type="text/html",
        )

    async def _grant(self, request: web.Request) -> web.Response:
        headers = request.headers
        self.asked.append(Ask(request.path, headers.get("Authorization"), headers.get("Origin")))
        if self.grants:
            refuse = self.grants.popleft()
            problem = {"status": refuse.status, "name": refuse.name} if refuse.name else {}
            return web.json_response(
                problem, status=refuse.status, content_type="application/problem+json", headers=refuse.headers
            )
        count = len(self.asked)
        return web.json_response(
            {
                "ticket": f"ticket-{count}/+=",
                "resume": f"resume-{count}",
                "session": f"s{count}",
                "rights": self.rights,
                "expires_at": "2030-01-01T00:00:00Z",
            }
        )

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        self.tickets.append(request.query["ticket"])
        self.takes.append(request.query.get("take") != "0")
        self.protocols.append(request.headers.get("Sec-WebSocket-Protocol", ""))
        socket = web.WebSocketResponse(protocols=("binary",), compress=False)
        await socket.prepare(request)
        end = self.sockets.popleft() if self.sockets else None
        self._open.add(socket)
        try:
            if end is not None and not end.after_picture:
                await _end(socket, end)
                return socket
            await self._serve(socket, end)
        finally:
            self._open.discard(socket)
            self.closed_with.append(socket.close_code)
        return socket

    async def _serve(self, socket: web.WebSocketResponse, end: End | None) -> None:
        """RFB 3.8 with security None (RFC 6143 §7.1 to §7.3), then messages until the end."""
        stream = _Stream(socket)
        with contextlib.suppress(EOFError):
            if self.silent:
                await stream.exactly(1)
            await socket.send_bytes(b"RFB 003.008\n")
            await stream.exactly(12)
            await socket.send_bytes(b"\x01\x01")
            await stream.exactly(1)
            await socket.send_bytes(bytes(4))
            await stream.exactly(1)
            pixel_format = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
            await socket.send_bytes(struct.pack(">HH16sI", *self.size, pixel_format, 4) + b"stub")
            while True:
                await self._message(stream, socket)
                if end is not None and self.pictures_sent:
                    await _end(socket, end)
                    return

    async def _message(self, stream: "_Stream", socket: web.WebSocketResponse) -> None:
        kind = (await stream.exactly(1))[0]
        match kind:
            case 0:
                await stream.exactly(19)
            case 2:
                (count,) = struct.unpack(">xH", await stream.exactly(3))
                await stream.exactly(4 * count)
            case 3:
                incremental = (await stream.exactly(9))[0]
                if not incremental:
                    await self._send_picture(socket)
            case 4:
                down, keysym = struct.unpack(">BxxI", await stream.exactly(7))
                self.keys.append((bool(down), keysym))
            case 5:
                await stream.exactly(5)
            case 6:
                (length,) = struct.unpack(">xxxI", await stream.exactly(7))
                self.cut_texts.append(await stream.exactly(length))
            case _:
                raise AssertionError(f"client message {kind} was not offered")

    async def _send_picture(self, socket: web.WebSocketResponse) -> None:
        width, height = self.size
        pixels = self.picture or bytes((0x30, 0x60, 0x90, 0)) * (width * height)
        await socket.send_bytes(struct.pack(">BxHHHHHi", 0, 1, 0, 0, width, height, 0) + pixels)
        self.pictures_sent += 1


class _Stream:
    """Bytes out of WebSocket messages, whose boundaries mean nothing in RFB."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._held = bytearray()

    async def exactly(self, count: int) -> bytes:
        while len(self._held) < count:
            message = await self._socket.receive()
            if message.type is not WSMsgType.BINARY:
                raise EOFError
            self._held += message.data
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken


async def _end(socket: web.WebSocketResponse, end: End) -> None:
    if end.notice is not None:
        await socket.send_json(end.notice)
    if end.code is None:
        transport = socket._req.transport  # aiohttp has no public way to drop a WebSocket
        if transport is not None:
            transport.abort()
        await asyncio.sleep(0)
        return
    await socket.close(code=end.code, message=end.reason.encode())
