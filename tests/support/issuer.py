"""An issuer of JWTs for tests: a real web server with its keys, and tokens as good or bad as a test wants them."""

import base64
import contextlib
import json
import time
import warnings
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey

ISSUER = "https://issuer.example.com"
AUDIENCE = "vnc-gateway"

_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
ALGORITHMS = (*_CURVES, "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "Ed25519", "EdDSA")


def new_key(algorithm: str, kid: str) -> Key:
    """A key pair for `algorithm`."""
    if algorithm in _CURVES:
        return ECKey.generate_key(_CURVES[algorithm], {"kid": kid})
    if algorithm.startswith("Ed"):
        return OKPKey.generate_key("Ed25519", {"kid": kid})
    return RSAKey.generate_key(2048, {"kid": kid})


def claims(**changes: Any) -> dict[str, Any]:
    """Claims of a good token; a change to None takes one out."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ana",
        "iat": now,
        "exp": now + 300,
        "jti": "token-1",
        "consoles": ["lab/*"],
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(key: Key, algorithm: str = "ES256", header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token of `key` with `claims(**changes)`."""
    return sealed(key, claims(**changes), algorithm, header)


def sealed(key: Key, content: Any, algorithm: str = "ES256", header: dict[str, Any] | None = None) -> str:
    """A token with any content, also such as no issuer would sign."""
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    head = {"alg": algorithm, "kid": key.kid} | (header or {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jws.serialize_compact(head, json.dumps(content), key, registry=registry)


def unsigned(header: dict[str, Any], content: Any, signature: bytes = b"") -> str:
    """The three parts as an attacker puts them together."""
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode()
        for part in (json.dumps(header).encode(), json.dumps(content).encode(), signature)
    )


class Issuer:
    """Serves `keys` as a JWK Set. `asked` counts; `answer`, a web.Response's arguments, goes before it."""

    def __init__(self, *keys: Key) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.answer: dict[str, Any] | None = None
        self.url = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Issuer"]:
        """Listen on loopback."""
        app = web.Application()
        app.add_routes([web.get("/keys", self._keys)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
            yield self
        finally:
            await runner.cleanup()

    async def _keys(self, _: web.Request) -> web.Response:
        self.asked += 1
        if self.answer is not None:
            return web.Response(**self.answer)
        return web.json_response(KeySet(self.keys).as_dict(private=False))
