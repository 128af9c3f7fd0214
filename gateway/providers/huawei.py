"""Huawei Cloud ECS: remote_console, whose answer is a noVNC page with a one-time token."""

import json
from datetime import UTC, datetime

from yarl import URL

from gateway.errors import BadAddress
from gateway.providers import address, refusals, signing
from gateway.providers.address import Location
from gateway.providers.api import Answer, Request
from gateway.providers.calls import SignedCalls
from gateway.providers.hosts import AllowedHosts
from gateway.providers.keys import Keys
from gateway.providers.outlet import Outlet
from gateway.providers.target import Target

HOSTS = ("huaweicloud.com", "myhuaweicloud.com", "huaweicloud.eu", "myhuaweicloud.eu")
VALID_FOR = 600.0  # seconds: said of the older API of the same proxy (clouds.md §3.1); the current page names no time
_BODY = json.dumps({"remote_console": {"protocol": "vnc", "type": "novnc"}}).encode()


def endpoint(region: str) -> str:
    """The region's public API."""
    return f"https://ecs.{region}.myhuaweicloud.com"


class HuaweiProvider:
    """The servers of one project."""

    def __init__(
        self, name: str, *, project: str, api: str, calls: SignedCalls, allowed: AllowedHosts, outlet: Outlet
    ) -> None:
        self.name = name
        self._project = project
        self._api = URL(api)
        self._calls = calls
        self._allowed = allowed
        self._outlet = outlet

    @property
    def account(self) -> str:
        return self._calls.account

    async def locate(self, instance: str, *, session: str, user: str, reference: str) -> Target:  # noqa: ARG002 -- the Protocol's; the cloud is not told who asks
        """Ask for a new address."""
        location, answer = await self._calls.locate(
            lambda keys, now: self._request(instance, keys, now), self._location
        )
        return self._outlet.target(
            location,
            account=self._calls.account,
            asked_at=answer.asked_at,
            valid_for=VALID_FOR,
            single_use=True,
            request_id=refusals.request_id(answer),
        )

    async def close(self) -> None:
        """Nothing is held."""

    def _request(self, instance: str, keys: Keys, now: float) -> Request:
        url = self._api / "v1" / self._project / "cloudservers" / instance / "remote_console"
        headers = {
            "Host": url.host_port_subcomponent or "",
            "X-Sdk-Date": datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ"),
            "Content-Type": "application/json",
            "X-Project-Id": self._project,
        }
        if keys.token:
            headers["X-Security-Token"] = keys.token
        secret = keys.secret_key.get_secret_value()
        headers["Authorization"] = signing.huawei(keys.access_key, secret, "POST", url, headers, _BODY)
        return Request("POST", url, headers, _BODY)

    def _location(self, answer: Answer) -> Location:
        console = answer.document.get("remote_console")
        url = console.get("url") if isinstance(console, dict) else None
        if not isinstance(url, str):
            raise BadAddress("an answer without remote_console.url")
        location = _from_url(url.strip())
        self._allowed.check(location.host)
        return location


def _from_url(url: str) -> Location:
    """A page, as documented; an address that needs no page is taken as it is."""
    if url.lower().startswith(("ws://", "wss://")):
        return address.from_websocket(url)
    location = address.from_page(url, in_directory=True)
    if location.url is None or "token" not in location.url.query:
        raise BadAddress("the page's address has no token")
    return location
