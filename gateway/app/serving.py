"""`vnc-gateway serve` and `check --resolve`."""

import asyncio
import gc
import signal

import structlog

from gateway.app.wiring import providing, running
from gateway.compiled.loader import framing
from gateway.config.settings import Settings
from gateway.errors import ConfigurationError

GARBAGE = 20_000
"""Objects made and not freed until the collector looks for cycles. A session has about 500 and no cycle that matters;
with Python's 700 opening a session costs an eighth more (measured)."""


async def serve(settings: Settings) -> None:
    """Run the gateway until SIGTERM or SIGINT. Raises ConfigurationError or ListenFailed."""
    log = structlog.get_logger()
    async with running(settings) as gateway:
        log.info(
            "gateway.ready",
            listen=f"{settings.listen.host}:{gateway.public_port}",
            admin=f"{settings.admin.host}:{gateway.admin_port}",
            providers=sorted(settings.providers),
            framing=framing(),
        )
        gc.collect()
        gc.freeze()  # what is here now stays; there is no need to look through it again and again
        gc.set_threshold(GARBAGE, 10, 10)
        await stopped()
        log.info("gateway.stopping", sessions=len(gateway.registry))


async def stopped() -> None:
    """Wait for SIGTERM or SIGINT; a second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)


async def inspect(settings: Settings) -> None:
    """Build all that `serve` would, and listen nowhere: raises ConfigurationError for what only building shows."""
    async with providing(settings):
        pass


async def resolve(settings: Settings, provider: str, instance: str) -> str:
    """Ask `provider` for the address of `instance`: without its secrets. Raises a CloudError or ConfigurationError."""
    async with providing(settings) as providers:
        if provider not in providers:
            raise ConfigurationError(f"there is no [providers.{provider}]")
        return str(await providers[provider].locate(instance, session="check", user="operator", reference=""))
