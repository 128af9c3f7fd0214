"""The answer of a provider: everything that is needed to dial one console once.

Holds one-time passwords, so neither repr nor str shows more than scheme, host and port.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr
from yarl import URL

from gateway.providers import hosts


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """Where a console is, and what its proxy wants to see.

    `url`: ws or wss, to be sent byte for byte; None for plain TCP to `host` and `port`.
    `password`: for RFB's VNC authentication, should the server ask.
    `fetched_at`: time.monotonic() when it was asked for: the address is no older. `valid_for`: seconds that the cloud
    takes it, None if nobody said. `single_use`: a second dial needs a new address. `one_session`: a second session
    ends the first.
    `tls`: for wss. `proxy`: an HTTP proxy on the way out, "" for none.
    `request_id`: the cloud's own, for logs. `account`: what budgets of calls are counted by.
    """

    host: str
    port: int
    account: str
    fetched_at: float
    url: URL | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    subprotocols: tuple[str, ...] = ()
    origin: str | None = None
    password: SecretStr | None = None
    valid_for: float | None = None
    single_use: bool = False
    one_session: bool = False
    tls: ssl.SSLContext | None = None
    proxy: str | None = None
    request_id: str = ""

    @property
    def scheme(self) -> Literal["tcp", "ws", "wss"]:
        if self.url is None:
            return "tcp"
        return "wss" if self.url.scheme == "wss" else "ws"

    def age(self, now: float) -> float:
        """Seconds that the address has at most; `now` is time.monotonic()."""
        return now - self.fetched_at

    def expired(self, now: float) -> bool:
        """Whether the cloud may no longer take the address."""
        return self.valid_for is not None and self.age(now) >= self.valid_for

    def peer_allowed(self, address: str) -> bool:
        """Whether the IP address that `host` led to may be talked to.

        To be asked after connecting and before the first byte: only then is it known what a name stands for. An
        address that the target itself spells out has been checked by its provider; behind a proxy, don't ask.
        """
        peer = hosts.literal(address.partition("%")[0])  # fe80::1%eth0
        return peer is not None and (peer == hosts.literal(self.host) or not hosts.is_refused(peer))

    def __repr__(self) -> str:
        return f"<Target {self}>"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}" + ("" if self.url is None else "/…")
