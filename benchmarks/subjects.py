"""Who is measured, by name, and what each needs to be installed."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from support.components import install_command, missing

from benchmarks.relays.epoll_relay import epoll_relay
from benchmarks.relays.gateway import gateway, interpreted
from benchmarks.relays.haproxy import haproxy
from benchmarks.relays.nginx import nginx, nginx_default
from benchmarks.relays.relay import Relay, Way
from benchmarks.relays.two_websockets import two_websockets
from benchmarks.relays.websockify import websockify

Start = Callable[[Way, Path], AbstractAsyncContextManager[Relay]]


@asynccontextmanager
async def direct(way: Way, _: Path) -> AsyncIterator[Relay]:
    """No relay: the load's browsers go to its own servers, which shows what the load costs."""
    yield Relay(None, way.port)


@dataclass(frozen=True, slots=True)
class Subject:
    """One contestant. `component`: its name among the components that may be missing."""

    start: Start
    component: str = ""

    @property
    def lacks(self) -> str:
        """The command that installs it, empty where it is there."""
        wanted = [self.component] if self.component else []
        return install_command(wanted) if missing(wanted) else ""


SUBJECTS: dict[str, Subject] = {
    "gateway": Subject(gateway),
    "interpreted": Subject(interpreted),
    "nginx-256k": Subject(nginx, "nginx"),
    "nginx": Subject(nginx_default, "nginx"),
    "haproxy": Subject(haproxy, "haproxy"),
    "websockets": Subject(two_websockets),
    "websockify": Subject(websockify, "websockify"),
    "c-relay": Subject(epoll_relay),
    "direct": Subject(direct),
}
