"""One HTTP call: bounded in size, never redirected, its failures told without the address.

Owns the session that all providers share and what comes back from a call. Leaves the time limit to the
caller, who knows how many calls it needs, and the meaning of an answer to refusals.py and the providers.
"""

import json
import os
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from gateway.errors import BadAddress, CloudUnavailable

MAX_ANSWER = 64 * 1024  # answers have below 2 KiB; more is a proxy's error page or an attack
CALL_TIMEOUT = 10.0  # seconds for one address, all calls it takes: a browser waits for it
_IDLE = 15.0  # seconds; clouds close idle connections after 60 and more


def open_session() -> aiohttp.ClientSession:
    """The pool of connections for API calls; made and closed by the app.

    No cookies are kept, no environment is read (proxies are configured per provider), nothing is decompressed.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=256, limit_per_host=64, keepalive_timeout=_IDLE),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "vnc-gateway", "Accept": "application/json", "Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT),
        skip_auto_headers=["Content-Type"],  # one that is sent has to be signed
        auto_decompress=False,
        trust_env=False,
    )


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """What to send; `url` goes out as it is encoded."""

    method: str
    url: URL
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What came back. `headers` ignores case; `document` is the body if that is a JSON object, else empty.

    `asked_at`: time.monotonic() when the request was begun; what the answer says is no older.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    document: Mapping[str, Any]
    asked_at: float

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Caller:
    """Sends requests through the shared session, on one provider's way out."""

    def __init__(
        self, http: aiohttp.ClientSession, *, tls: ssl.SSLContext | bool = True, proxy: str | None = None
    ) -> None:
        self._http = http
        self._tls = tls
        self._proxy = proxy

    async def send(self, request: Request) -> Answer:
        """The answer, whatever its status. Raises CloudUnavailable if there is none, BadAddress if it is too large."""
        asked_at = time.monotonic()
        try:
            async with self._http.request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body or None,
                ssl=self._tls,
                proxy=self._proxy,
                allow_redirects=False,
            ) as response:
                body = await _read(response)
                return Answer(response.status, response.headers, body, _document(body), asked_at)
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            raise CloudUnavailable(f"{request.url.host} not reached: {_reason(error)}") from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise BadAddress(f"{response.url.host} answered more than {MAX_ANSWER} bytes")
    return bytes(body)


def _reason(error: Exception) -> str:
    """The cause in words that hold no address; aiohttp's own often do."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"certificate refused: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return f"TLS failed: {cause.reason}"
    if isinstance(cause, socket.gaierror):
        return "no such host"
    if isinstance(cause, OSError) and cause.errno:
        return os.strerror(cause.errno)
    return type(error).__name__


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
