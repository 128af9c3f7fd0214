"""What both simulated clouds have: keys, machines, addresses, a proxy, a clock that may be wrong, counts."""

import time
from collections import Counter
from email.utils import formatdate

from aiohttp import web

from gateway.simulator.clouds.faults import ApiFault
from gateway.simulator.clouds.instances import Instance, State
from gateway.simulator.clouds.keyring import AccessKey, Keyring
from gateway.simulator.clouds.limits import Addresses, Budget, Times
from gateway.simulator.clouds.proxy import Proxy, Rules
from gateway.simulator.clouds.signed_request import ApiRefusal, SignedRequest
from gateway.simulator.desktop.desktop import Desktop


class Cloud:
    """One cloud. `fault` and `clock_ahead` (seconds) may be changed while it runs.

    `calls` counts API calls, `errors` the codes of those that were refused.
    """

    owner = "Simulated Cloud"
    accent = 0x38BDF8

    def __init__(self, *, key: AccessKey, address_life: float, times: Times, rules: Rules, budget: int | None) -> None:
        self.keyring = Keyring(key)
        self.instances: dict[str, Instance] = {}
        self.addresses = Addresses(address_life)
        self.budget = None if budget is None else Budget(budget, times.minute)
        dials = None if budget is None else Budget(budget, times.minute)
        self.proxy = Proxy(rules, self.addresses, dials)
        self.fault = ApiFault.NONE
        self.clock_ahead = 0.0
        self.calls = 0
        self.errors: Counter[str] = Counter()
        self.ws_base = ""  # where the proxy listens, ws://host:port

    def add(self, instance: str, place: str, *, state: State = State.RUNNING) -> Instance:
        """One more machine."""
        desktop = Desktop(instance, owner=self.owner, accent=self.accent)
        self.instances[instance] = Instance(instance, place, desktop, state)
        return self.instances[instance]

    def now(self) -> float:
        """The cloud's idea of the time."""
        return time.time() + self.clock_ahead

    def date(self) -> str:
        return formatdate(self.now(), usegmt=True)

    def spend(self, instance: Instance) -> float:
        """0, or the seconds until this machine may be asked for again."""
        return 0 if self.budget is None else self.budget.spend(instance.id, time.monotonic())

    def refused(self, refusal: ApiRefusal) -> None:
        self.errors[refusal.code] += 1


async def signed_request(request: web.Request) -> SignedRequest:
    """What the signature checks need of a request; of several headers with one name the first."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers.setdefault(name.lower(), _ascii(value))
    return SignedRequest(request.method, _ascii(request.raw_path), headers, await request.read())


def _ascii(text: str) -> str:
    """Bytes that no honest client sends become visible: a signature over them never fits."""
    return text.encode("ascii", "backslashreplace").decode()
