"""What every provider can do."""

import re
from typing import Protocol

from gateway.providers.target import Target

# configuration.md: safe in a path, a query and a log line as it is
INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class Provider(Protocol):
    """One configured source of consoles. Safe for any number of concurrent calls."""

    @property
    def name(self) -> str:
        """The name in the configuration, the first part of a console's name."""

    @property
    def account(self) -> str:
        """What the cloud counts calls by: an access key's name, or the provider's own."""

    async def locate(self, instance: str, *, session: str, user: str, reference: str) -> Target:
        """A fresh address, to be dialled at once, in bounded time.

        Raises a CloudError: its `retryable`, `once` and `retry_after` say what is worth trying. What a cloud wants
        tried again with something changed (nonce, clock, temporary key) has been tried already.
        """

    async def close(self) -> None:
        """Let go of what is the provider's own; the HTTP session belongs to the app."""
