"""Consoles that the configuration lists one by one: plain VNC servers, WebSockets, noVNC pages."""

from collections.abc import Mapping

from gateway.config.providers import StaticConsole
from gateway.errors import BadAddress, ConfigurationError, NoSuchInstance
from gateway.providers import address, hosts
from gateway.providers.address import Location
from gateway.providers.hosts import AllowedHosts
from gateway.providers.outlet import Outlet
from gateway.providers.target import Target


class StaticProvider:
    """Addresses that never change. Naming one allows it, but for link-local addresses and clouds' metadata services.

    Those have to be in `allowed` as well. Raises ConfigurationError with a line for each bad one.
    """

    def __init__(
        self, name: str, consoles: Mapping[str, StaticConsole], *, allowed: AllowedHosts, outlet: Outlet
    ) -> None:
        self.name = name
        self._consoles = consoles
        self._outlet = outlet
        self._locations: dict[str, Location] = {}
        faults = []
        for instance, console in consoles.items():
            try:
                location = address.from_any(console.url)
                _check(location.host, allowed)
                self._locations[instance] = location
            except BadAddress as error:
                faults.append(f"providers.{name}.consoles.{instance}: {error}")
        if faults:
            raise ConfigurationError("\n".join(faults))

    @property
    def account(self) -> str:
        return self.name

    async def locate(self, instance: str, *, session: str, user: str, reference: str) -> Target:  # noqa: ARG002 -- the Protocol's; a fixed address is the same for everybody
        """The console's address; NoSuchInstance if it is not listed."""
        location = self._locations.get(instance)
        if location is None:
            raise NoSuchInstance(f"providers.{self.name}.consoles has no {instance}")
        return self._outlet.target(location, account=self.name, password=self._consoles[instance].password)

    async def close(self) -> None:
        """Nothing is held."""


def _check(host: str, allowed: AllowedHosts) -> None:
    literal = hosts.literal(host)
    if literal is not None and hosts.is_refused(literal) and not allowed.allows(host):
        raise BadAddress(f"{host} is link-local or a metadata service: no console, unless allowed_hosts lists it")
