"""Access mode `open`: everybody who reaches the listener may open every console. Loopback only."""

from gateway.access.caller import Caller, Identity
from gateway.access.grants import Rights
from gateway.access.users import user_named

USER = "local"
"""The user's name in mode `open`, where nobody is asked for one."""


class OpenMode:
    """Takes everybody for the user of this machine, or for who their certificate says where one is asked for."""

    async def authenticate(self, console: str, caller: Caller) -> Identity:  # noqa: ARG002 - all are open
        """Who may do everything that others may."""
        user = user_named(caller.certificate) if caller.certificate else USER
        return Identity(user=user, rights=Rights(), expires_at=None)
