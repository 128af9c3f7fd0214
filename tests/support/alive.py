"""What is alive in this process: tasks, and the parts that sessions are made of."""

import asyncio
import gc
from collections import Counter

from gateway.relay.browser_leg import BrowserLeg
from gateway.relay.opening import BrowserOpening, UpstreamOpening
from gateway.relay.relay import Relay
from gateway.relay.upstream_leg import UpstreamLeg
from gateway.rfb.client_stream import ClientStream
from gateway.rfb.memory import Memory
from gateway.rfb.server_stream import ServerStream
from gateway.sessions.connect import Connector
from gateway.sessions.session import Session
from gateway.sessions.watch import Watch
from gateway.web.takeover import Takeover

PARTS = (
    BrowserLeg,
    BrowserOpening,
    ClientStream,
    Connector,
    Memory,
    Relay,
    ServerStream,
    Session,
    Takeover,
    UpstreamLeg,
    UpstreamOpening,
    Watch,
)


def alive() -> Counter[str]:
    """How many of a session's parts there are."""
    gc.collect()
    return Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, PARTS))


def running() -> Counter[str]:
    """How many tasks of each kind there are, without those that wait for an HTTP client's next request."""
    names = (getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks())
    return Counter(name for name in names if name != "RequestHandler.start")
