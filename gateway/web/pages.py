"""The static side of the public listener: console page, landing page, client.js.

The files are built from `web/` when the package is installed; they are read once, so that no path of a
request ever reaches the file system.
"""

import hashlib
from dataclasses import dataclass
from html import escape
from importlib import resources

from aiohttp import web

from gateway.errors import ConfigurationError
from gateway.web.problems import NOT_FOUND, Refused

CONTENT_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
    ".png": "image/png",
    ".ico": "image/x-icon",
}

EMBED_PLACEHOLDER = '<meta name="vnc-gateway-embed-origins" content="">'


@dataclass(frozen=True, slots=True)
class File:
    """A built file, ready to be sent."""

    body: bytes
    content_type: str
    etag: str


class Pages:
    """Every built file by its name. Raises ConfigurationError if the page was never built."""

    def __init__(self, embed_origins: list[str]) -> None:
        self._files = dict(_built())
        if "console.html" not in self._files:
            raise ConfigurationError("the console page is missing from the package: reinstall it (pip install .)")
        self._page = self._files["console.html"].body
        self.follow(embed_origins)

    def follow(self, embed_origins: list[str]) -> None:
        """Tell the console page from now on that these may frame it."""
        meta = EMBED_PLACEHOLDER.replace('content=""', f'content="{escape(" ".join(embed_origins))}"')
        self._files["console.html"] = _file(
            "console.html", self._page.replace(EMBED_PLACEHOLDER.encode(), meta.encode())
        )

    def page(self, name: str) -> web.Response:
        """A page: never stored by anybody."""
        file = self._files[name]
        return web.Response(
            body=file.body, content_type=file.content_type, charset="utf-8", headers={"Cache-Control": "no-store"}
        )

    def asset(self, request: web.Request, name: str) -> web.Response:
        """A script, style or picture: kept by browsers, but asked for again each time."""
        file = self._files.get(name)
        if file is None or name.endswith(".html"):
            raise Refused(NOT_FOUND)
        # Code without secrets, the same for everybody: pages of other origins import client.js.
        headers = {"Cache-Control": "no-cache", "ETag": file.etag, "Access-Control-Allow-Origin": "*"}
        if request.headers.get("If-None-Match") == file.etag:
            return web.Response(status=304, headers=headers)
        charset = "utf-8" if file.content_type.startswith("text/") else None
        return web.Response(body=file.body, content_type=file.content_type, charset=charset, headers=headers)


def _built() -> list[tuple[str, File]]:
    root = resources.files("gateway.web").joinpath("static")
    if not root.is_dir():
        return []
    files = [entry for entry in root.iterdir() if entry.is_file() and not entry.name.startswith(".")]
    return [(entry.name, _file(entry.name, entry.read_bytes())) for entry in files]


def _file(name: str, body: bytes) -> File:
    suffix = name[name.rfind(".") :] if "." in name else ""
    content_type = CONTENT_TYPES.get(suffix, "application/octet-stream")
    return File(body, content_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def security_headers(embed_origins: list[str]) -> dict[str, str]:
    """The headers of every response (product.md, page headers)."""
    ancestors = " ".join(embed_origins) or "'none'"
    return {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
            f"base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
        ),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Server": "vnc-gateway",
    }
