"""A provider that stays while what it stands for is exchanged: the configuration may change under open sessions."""

from gateway.providers.provider import Provider
from gateway.providers.target import Target


class CurrentProvider:
    """A Provider by the name that it has in the configuration. `now`: as that describes it now.

    Sessions hold on to this one, so their next dial is made with new credentials, too. Where the name is gone from the
    configuration, those that are open go on with what it was.
    """

    def __init__(self, now: Provider) -> None:
        self.now = now

    @property
    def name(self) -> str:
        return self.now.name

    @property
    def account(self) -> str:
        return self.now.account

    async def locate(self, instance: str, *, session: str, user: str, reference: str) -> Target:
        """See Provider."""
        return await self.now.locate(instance, session=session, user=user, reference=reference)

    async def close(self) -> None:
        """See Provider."""
        await self.now.close()
