"""Where a server of a test is found, and with which password."""

from dataclasses import dataclass

from support.programs import LOOPBACK


@dataclass(frozen=True, slots=True)
class Address:
    """A VNC server on loopback: plain TCP, or WebSocket where `scheme` says so."""

    port: int
    scheme: str = "tcp"
    path: str = ""
    password: str | None = None
    host: str = LOOPBACK

    @property
    def url(self) -> str:
        """As a static console of the gateway's configuration takes it."""
        return f"{self.scheme}://{self.host}:{self.port}{self.path}"
