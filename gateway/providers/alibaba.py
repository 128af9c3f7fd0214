"""Alibaba Cloud ECS: DescribeInstanceVncUrl, whose answer is a WebSocket address good for one dial within 15 s."""

import secrets
from collections.abc import Callable
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

HOSTS = ("aliyun.com", "aliyuncs.com", "alibabacloud.com")  # where its VNC proxies are seen
VALID_FOR = 15.0  # seconds (API page, VncUrl)
_VERSION = "2014-05-26"


def endpoint(region: str) -> str:
    """The region's public API."""
    return f"https://ecs.{region}.aliyuncs.com"


class AlibabaProvider:
    """The instances of one region. The cloud allows one session per instance: a second one ends the first."""

    def __init__(
        self,
        name: str,
        *,
        region: str,
        api: str,
        calls: SignedCalls,
        allowed: AllowedHosts,
        outlet: Outlet,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self.name = name
        self._region = region
        self._api = URL(api)
        self._calls = calls
        self._allowed = allowed
        self._outlet = outlet
        self._nonce = nonce

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
            one_session=True,
            request_id=refusals.request_id(answer),
        )

    async def close(self) -> None:
        """Nothing is held."""

    def _request(self, instance: str, keys: Keys, now: float) -> Request:
        url = self._api.with_query(InstanceId=instance, RegionId=self._region)
        headers = {
            "host": url.host_port_subcomponent or "",
            "x-acs-action": "DescribeInstanceVncUrl",
            "x-acs-version": _VERSION,
            "x-acs-date": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": self._nonce(),
            "x-acs-content-sha256": signing.sha256(b""),
        }
        if keys.token:
            headers["x-acs-security-token"] = keys.token
        secret = keys.secret_key.get_secret_value()
        headers["Authorization"] = signing.alibaba(keys.access_key, secret, "POST", url, headers, b"")
        return Request("POST", url, headers)

    def _location(self, answer: Answer) -> Location:
        value = answer.document.get("VncUrl")
        if not isinstance(value, str):
            raise BadAddress("an answer without VncUrl")
        location = address.from_encoded(value)
        self._allowed.check(location.host)
        return location
