"""`vnc-gateway serve` and `check --resolve`."""

import gc
import os

import structlog

from gateway.app.notifying import Notifier
from gateway.app.providing import providing
from gateway.app.reloading import reloading, warn
from gateway.app.stopping import Stopping
from gateway.app.wiring import running
from gateway.compiled.loader import framing
from gateway.config.settings import Settings
from gateway.config.source import Source
from gateway.errors import ConfigurationError

GARBAGE = 20_000
"""Objects made and not freed until the collector looks for cycles. A session has about 500 and no cycle that matters;
with Python's 700 opening a session costs an eighth more (measured)."""


async def serve(
    settings: Settings, source: Source, notifier: Notifier | None = None, *, shares_port: bool = False
) -> None:
    """Run the gateway until SIGTERM, which drains it, or SIGINT. Raises ConfigurationError or ListenFailed.

    `settings` are what `source` had at the start; SIGHUP has it read again. `notifier`: systemd's, unless another one
    is given. `shares_port`: with other workers.
    """
    log = structlog.get_logger()
    notifier = notifier or Notifier.of(os.environ)
    stopping = Stopping()  # before anybody is told that it is ready: who is, may stop it
    async with (
        notifier.alive(),
        running(settings, shares_port=shares_port) as gateway,
        reloading(gateway, source, notifier.reloading, notifier.ready),
    ):
        log.info(
            "gateway.ready",
            listen=f"{settings.listen.host}:{gateway.public_port}",
            admin=f"{settings.admin.host}:{gateway.admin_port}",
            providers=sorted(settings.providers),
            framing=framing(),
        )
        warn(settings)
        gc.collect()
        gc.freeze()  # what is here now stays; there is no need to look through it again and again
        gc.set_threshold(GARBAGE, 10, 10)
        notifier.status = lambda: f"{gateway.readiness.state}, {len(gateway.registry)} sessions"
        notifier.ready()
        await stopping.asked()
        log.info("gateway.stopping", sessions=len(gateway.registry))
        gateway.refuse()
        notifier.stopping()
        await stopping.unless_at_once(gateway.drain())
    log.info("gateway.stopped")


async def stopped() -> None:
    """Wait for SIGTERM or SIGINT; a second one ends the process at once."""
    stopping = Stopping()
    await stopping.asked()
    stopping.end()


async def inspect(settings: Settings) -> None:
    """Build all that `serve` would, and listen nowhere: raises ConfigurationError for what only building shows."""
    async with providing(settings):
        pass


async def resolve(settings: Settings, provider: str, instance: str) -> str:
    """Ask `provider` for the address of `instance`: without its secrets. Raises a CloudError or ConfigurationError."""
    async with providing(settings) as provided:
        if provider not in provided.providers:
            raise ConfigurationError(f"there is no [providers.{provider}]")
        return str(await provided.providers[provider].locate(instance, session="check", user="operator", reference=""))
