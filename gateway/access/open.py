"""Access mode `open`: everybody who reaches the listener may open every console. Loopback only."""

from gateway.access.caller import Caller, Identity
from gateway.access.grants import Rights

USER = "local"
"""The user's name in mode `open`, where nobody is asked for one."""


class OpenMode:
    """Takes everybody for the user of this machine."""

    async def authenticate(self, console: str, caller: Caller) -> Identity:  # noqa: ARG002 - nobody is asked anything
        """The user of this machine, who may do everything that others may."""
        return Identity(user=USER, rights=Rights(), expires_at=None)
