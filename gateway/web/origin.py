"""Who may talk to the public listener at all: the Host and Origin rules of product.md, as pure functions.

Host guards against DNS rebinding, Origin against other sites' pages in the user's browser.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from yarl import URL

from gateway.config.values import is_loopback
from gateway.web.forwarded import Proxies


@dataclass(frozen=True, slots=True)
class Front:
    """What browsers may call us and from where.

    `public_url` empty: only loopback names. `allowed_origins` are compared exactly, beside our own origin.
    `proxies` are believed about both. `here_only`: nobody from elsewhere, by whatever way (access mode `open`).
    `client_names`: what a client's certificate may call it, empty for anything.
    """

    public_url: str
    allowed_origins: frozenset[str]
    proxies: Proxies
    here_only: bool
    client_names: frozenset[str]

    @classmethod
    def of(
        cls,
        public_url: str,
        allowed_origins: Iterable[str],
        proxies: Proxies | None = None,
        *,
        here_only: bool = False,
        client_names: Iterable[str] = (),
    ) -> "Front":
        """Normalise the configured values once."""
        origins, names = frozenset(allowed_origins), frozenset(client_names)
        return cls(public_url.rstrip("/"), origins, proxies or Proxies(()), here_only, names)

    def host_allowed(self, host: str) -> bool:
        """True if `host`, a Host header, is `public_url`'s or, without one, a loopback name."""
        try:
            asked = URL(f"//{host}")
            name, port = asked.host, asked.explicit_port
        except ValueError:
            return False
        if not name or asked.raw_path not in ("", "/") or asked.raw_user or asked.raw_query_string:
            return False
        if not self.public_url:
            return is_loopback(name)
        own = URL(self.public_url)
        default = 443 if own.scheme == "https" else 80
        return name == own.host and (port or default) == (own.explicit_port or default)

    def origin_allowed(self, origin: str | None, scheme: str, host: str) -> bool:
        """True if `origin` is none (no browser), our own, or configured. `null` never is.

        `scheme`, `host`: what the browser asked for, which is our own origin where there is no `public_url`.
        """
        if origin is None or origin in self.allowed_origins:
            return True
        if self.public_url:
            return origin == str(URL(self.public_url).origin())
        return origin == f"{scheme}://{host}"

    def foreign(self, origin: str | None) -> bool:
        """True if `origin` is one of `allowed_origins`, whose pages need to be told so (CORS)."""
        return origin is not None and origin in self.allowed_origins


def came_through_proxy(headers: Mapping[str, str]) -> bool:
    """True if a proxy left its mark on the request."""
    names = [name.lower() for name in headers]
    return any(name in ("forwarded", "via") or name.startswith("x-forwarded-") for name in names)
