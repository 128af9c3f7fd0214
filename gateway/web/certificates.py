"""A listener's certificate and key, taken anew when their files change: renewed without a restart.

Open connections go on with what they began with.
"""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from gateway.config.listen import Tls, server_context

POLL = 10.0
"""Seconds between two looks. By content: times and inodes of files that an orchestrator mounts say little."""


class Certificates:
    """What new connections of a listener are served with; `renewed` is called when that is something new.

    Raises what server_context raises.
    """

    def __init__(self, tls: Tls, renewed: Callable[[], None] = lambda: None) -> None:
        self._tls = tls
        self._renewed = renewed
        self._seen = self._content()
        self.context = self._load()

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look for changes until the block is left."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(POLL)
            if await asyncio.to_thread(self.look):  # a mounted file may be slow
                self._renewed()

    def look(self) -> bool:
        """Take what the files hold now, if that is new and can be used together; else all stays as it is."""
        log = structlog.get_logger()
        try:
            content = self._content()
            if content == self._seen:
                return False
            self._seen = content  # also a bad one is told once
            self.context = self._load()
        except (OSError, ValueError) as error:  # an ssl.SSLError is an OSError
            log.warning("tls.not_renewed", certificate=str(self._tls.certificate), cause=str(error))
            return False
        log.info("tls.renewed", certificate=str(self._tls.certificate))
        return True

    def _content(self) -> bytes:
        files = (self._tls.certificate, self._tls.key, self._tls.client_ca)
        return b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files if file is not None)

    def _load(self) -> ssl.SSLContext:
        return server_context(self._tls.certificate, self._tls.key, self._tls.client_ca)
