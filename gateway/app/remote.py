"""The admin API of a running gateway, as the command line uses it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from gateway.config.block import read_secret_file
from gateway.errors import ConfigurationError, GatewayError, Side

URL, KEY, KEY_FILE = "VNC_GATEWAY_ADMIN_URL", "VNC_GATEWAY_ADMIN_KEY", "VNC_GATEWAY_ADMIN_KEY_FILE"

TIMEOUT = 15.0
"""Seconds for an answer, which needs neither a cloud nor a console."""


class ApiFailed(GatewayError):
    """The API was not reached, or refused."""

    side = Side.OPERATOR


class NothingThere(ApiFailed):
    """The API knows of nothing at this address."""


class AdminApi:
    """Where the API is and the key for it, from the variables of `environ`. Raises ConfigurationError."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._base = environ.get(URL, "http://127.0.0.1:9090").rstrip("/")
        if not self._base.startswith(("http://", "https://")):
            raise ConfigurationError(f"{URL}: must start with http:// or https://")
        self._key = _key(environ)

    async def mint(self, console: str, *, user: str, ttl: float | None, view_only: bool) -> str:
        """A link that opens `console` once."""
        order: dict[str, object] = {"console": console, "user": user}
        if ttl is not None:
            order["ttl"] = ttl
        if view_only:
            order["rights"] = {"control": False}
        minted = await self._ask("POST", "/tickets", order)
        return str(minted["url"])

    async def sessions(self, wanted: Mapping[str, str]) -> dict[str, Any]:
        """The open sessions, all pages as one answer. `wanted`: a value each of user, console, reference."""
        answer = await self._ask("GET", "/sessions", query=wanted)
        while "next" in answer:
            page = await self._ask("GET", "/sessions", query={**wanted, "cursor": answer.pop("next")})
            answer = {**page, "sessions": answer["sessions"] + page["sessions"]}
        return answer

    async def session(self, id_: str) -> dict[str, Any]:
        """One of them."""
        with _named(id_):
            return await self._ask("GET", f"/sessions/{quote(id_, safe='')}")

    async def end(self, id_: str) -> None:
        """End it: its browser is told so and can't return."""
        with _named(id_):
            await self._ask("DELETE", f"/sessions/{quote(id_, safe='')}")

    async def end_some(self, wanted: Mapping[str, str]) -> None:
        """End all sessions that `sessions` would give."""
        await self._ask("DELETE", "/sessions", query=wanted)

    async def _ask(
        self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        url = f"{self._base}/api/v1{path}"
        headers = {"Authorization": f"Bearer {self._key}"}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        try:
            async with (
                aiohttp.ClientSession(headers=headers, timeout=timeout) as http,
                http.request(method, url, json=body, params=query, allow_redirects=False) as answer,
            ):
                return await _body(answer)
        except aiohttp.InvalidURL as error:
            raise ConfigurationError(f"{URL}: is not a URL") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:  # a timeout is an OSError
            raise ApiFailed(f"{self._base} does not answer as the admin API: {str(error) or 'no answer'}") from error


@contextmanager
def _named(id_: str) -> Iterator[None]:
    """Say of which session there is nothing."""
    try:
        yield
    except NothingThere as error:
        raise ApiFailed(f"no open session has the id {id_}") from error


async def _body(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    if answer.status == 204:
        return {}
    body = await answer.json(content_type=None)
    if not isinstance(body, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - an answer's, as what json raises
    if answer.status == 404:
        raise NothingThere(f"404 from {answer.url.origin()}: is that the admin address?")
    if not answer.ok:
        raise ApiFailed(f"{answer.status}: {body.get('detail') or body.get('title') or body.get('name')}")
    return body


def _key(environ: Mapping[str, str]) -> str:
    key, path = environ.get(KEY, ""), environ.get(KEY_FILE, "")
    if bool(key) == bool(path):
        raise ConfigurationError(f"set {KEY} or {KEY_FILE}, and not both: the key of the admin API")
    try:
        return key or read_secret_file(Path(path), KEY_FILE)
    except ValueError as error:
        raise ConfigurationError(f"{KEY_FILE}: {error}") from error
