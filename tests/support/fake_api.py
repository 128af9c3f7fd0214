"""An HTTP server that answers as told and remembers what it was asked: stands in for a cloud's API in unit tests."""

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web
from yarl import URL


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `body`: a JSON value, or bytes as they are. `delay`: seconds of silence before it."""

    body: object = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One question, as it came over the wire."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def url(self) -> URL:
        query = f"?{self.query}" if self.query else ""
        return URL(f"http://{self.headers['Host']}{self.path}{query}", encoded=True)

    @property
    def document(self) -> object:
        return json.loads(self.body)


class FakeApi:
    """Listens on loopback from `start` to `stop`. The last of `replies` is given again and again."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = deque(replies)
        self.seen: list[Seen] = []
        self.at_once = 0
        self.most_at_once = 0
        self._runner: web.ServerRunner | None = None
        self.endpoint = ""

    def answer(self, *replies: Reply) -> None:
        """Answer so from now on."""
        self.replies = deque(replies)

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._serve), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.endpoint = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        self.seen.append(Seen(request.method, path, query, request.headers.copy(), await request.read()))
        reply = self.replies.popleft() if len(self.replies) > 1 else self.replies[0]
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(reply.delay)
        finally:
            self.at_once -= 1
        if isinstance(reply.body, bytes):
            return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
        return web.json_response(reply.body, status=reply.status, headers=reply.headers)
