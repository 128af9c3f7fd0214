"""A bastion for tests: another site, which mints tickets at the gateway's admin API and sends browsers on with them."""

import contextlib
import html
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from aiohttp import web


class Bastion:
    """Reached as localhost, another site than the gateway's 127.0.0.1. `tickets`: all that it has minted.

    `/open/PROVIDER/INSTANCE` mints a ticket and redirects to the console with it; `/link/…` is a page with a link
    there, `/frame/…` one with a frame.
    """

    def __init__(self, admin_url: str, key: str) -> None:
        self._admin_url = admin_url
        self._key = key
        self.url = ""
        self.tickets: list[str] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Bastion"]:
        """Listen on loopback."""
        app = web.Application()
        app.router.add_get("/open/{console:.+}", self._open)
        app.router.add_get("/link/{console:.+}", self._link)
        app.router.add_get("/frame/{console:.+}", self._frame)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://localhost:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()

    def aim(self, admin_url: str) -> None:
        """Mint at another gateway from now on."""
        self._admin_url = admin_url

    async def mint(self, console: str, **more: Any) -> dict[str, Any]:
        """A ticket for ana, as the admin API answers."""
        body = {"console": console, "user": "ana"} | more
        headers = {"Authorization": f"Bearer {self._key}"}
        url = f"{self._admin_url}/api/v1/tickets"
        async with aiohttp.ClientSession() as http, http.post(url, json=body, headers=headers) as answer:
            minted: dict[str, Any] = await answer.json(content_type=None)
            assert answer.status == 201, minted
        assert minted["expires_at"]
        self.tickets.append(minted["ticket"])
        return minted

    async def _open(self, request: web.Request) -> web.Response:
        minted = await self.mint(request.match_info["console"])
        return web.Response(status=303, headers={"Location": minted["url"], "Cache-Control": "no-store"})

    async def _link(self, request: web.Request) -> web.Response:
        return _page(f'<a href="/open/{html.escape(request.match_info["console"])}">open</a>')

    async def _frame(self, request: web.Request) -> web.Response:
        return _page(f'<iframe src="/open/{html.escape(request.match_info["console"])}" width="800" height="600">')


def _page(body: str) -> web.Response:
    return web.Response(text=f"<!doctype html><title>bastion</title>{body}", content_type="text/html")
