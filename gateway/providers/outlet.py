"""The way out to the consoles of one provider: what its settings say about dialling, put into every Target."""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from gateway.config.providers import ProviderSettings
from gateway.errors import ConfigurationError
from gateway.providers.address import Location
from gateway.providers.target import Target


def trust(ca_file: Path | None = None) -> ssl.SSLContext:
    """The system's roots, `SSL_CERT_FILE` honoured, and those in `ca_file` beside them.

    Takes 20 to 140 ms of blocking work: once at the start, never per call.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"{ca_file} holds no usable certificates") from error
    return context


@dataclass(frozen=True, slots=True, repr=False)
class Outlet:
    """What every address of a provider is dialled with. `proxy` may hold a password: not to be shown."""

    tls: ssl.SSLContext
    proxy: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    origin: str | None = None
    subprotocols: tuple[str, ...] = ("binary",)
    password: SecretStr | None = None
    now: Callable[[], float] = time.monotonic

    @classmethod
    def of(cls, settings: ProviderSettings, tls: ssl.SSLContext) -> Self:
        """From a provider's settings; `tls` is used where they name no `ca_file` of their own."""
        return cls(
            tls=tls if settings.ca_file is None else trust(settings.ca_file),
            proxy=settings.proxy,
            headers=settings.headers,
            origin=settings.origin,
            subprotocols=(settings.subprotocol,) if settings.subprotocol else (),
            password=settings.password,
        )

    def target(
        self,
        location: Location,
        *,
        account: str,
        asked_at: float | None = None,
        valid_for: float | None = None,
        single_use: bool = False,
        one_session: bool = False,
        request_id: str = "",
        password: SecretStr | None = None,
    ) -> Target:
        """A target whose address was asked for at `asked_at`, or is known without asking: then it is of this moment.

        `password` goes before the provider's own.
        """
        return Target(
            host=location.host,
            port=location.port,
            url=location.url,
            cookies=location.cookies,
            account=account,
            fetched_at=self.now() if asked_at is None else asked_at,
            valid_for=valid_for,
            single_use=single_use,
            one_session=one_session,
            request_id=request_id,
            headers=self.headers,
            origin=self.origin,
            subprotocols=self.subprotocols,
            password=password or self.password,
            tls=self.tls if location.url is not None and location.url.scheme == "wss" else None,
            proxy=self.proxy,
        )
