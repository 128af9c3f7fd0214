"""What all relays have in common: which way they lead, and how the load reaches them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from support.certificates import Certificate
from support.programs import LOOPBACK

Scheme = Literal["ws", "wss", "tcp"]


@dataclass(frozen=True, slots=True)
class Way:
    """Where a relay leads to, and how it is reached. `api`: the port of the simulated cloud, 0 where none is asked."""

    upstream: Scheme
    port: int
    certificate: Certificate
    browser_tls: bool = False
    consoles: int = 1
    api: int = 0

    @property
    def server_pem(self) -> Path:
        """Certificate and key in one file."""
        return self.certificate.certificate.with_name("both.pem")

    @property
    def url(self) -> str:
        """The servers' address."""
        return f"{self.upstream}://{LOOPBACK}:{self.port}" + ("" if self.upstream == "tcp" else "/")


@dataclass(frozen=True, slots=True)
class Relay:
    """A running relay. `health`: a port on which its loop answers GET /healthz; `grant`: what to POST to before.

    `bare`: bytes of memory before its first session.
    """

    pid: int | None
    port: int
    path: str = "/"
    grant: str = ""
    health: int | None = None
    bare: int = 0
