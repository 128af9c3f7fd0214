"""Keys of the VM that the gateway runs on, from the metadata services of both clouds (clouds.md §2.5)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr
from yarl import URL

from gateway.errors import BadAddress, CloudUnavailable
from gateway.providers.api import Answer, Caller, Request
from gateway.providers.keys import Keys

_TOKEN_LIFE = 21600  # seconds, the longest that both services grant; a fresh one is asked for with every refresh
_NO_TOKENS = (404, 405, 503)  # an older service that answers without a token


class HuaweiMetadata:
    """The agency of a Huawei ECS."""

    margin = 40 * 60.0  # seconds; what Huawei's SDK keeps

    def __init__(self, account: str, caller: Caller, endpoint: str | None = None) -> None:
        self.account = account
        self._caller = caller
        self._service = URL(endpoint or "http://169.254.169.254")

    async def fetch(self) -> Keys:
        """New keys in two calls. Raises CloudUnavailable."""
        token = await _token(self._caller, self._service / "meta-data/latest/api/token", "X-Metadata-Token-Ttl-Seconds")
        headers = {"X-Metadata-Token": token} if token else {}
        answer = await _get(self._caller, self._service / "openstack/latest/securitykey", headers)
        credential = answer.document.get("credential")
        if not isinstance(credential, Mapping):
            raise CloudUnavailable("the metadata service answered without a credential: has the VM an agency?")
        return _keys(credential, "access", "secret", "securitytoken", "expires_at")


class AlibabaMetadata:
    """The RAM role of an Alibaba ECS; without `role` the one that the service names."""

    margin = 15 * 60.0  # seconds; from then on Alibaba's SDK calls a credential stale

    def __init__(self, account: str, caller: Caller, role: str | None = None, endpoint: str | None = None) -> None:
        self.account = account
        self._caller = caller
        self._role = role
        self._service = URL(endpoint or "http://100.100.100.200") / "latest"

    async def fetch(self) -> Keys:
        """New keys in two calls, three without a role. Raises CloudUnavailable."""
        token = await _token(self._caller, self._service / "api/token", "X-aliyun-ecs-metadata-token-ttl-seconds")
        headers = {"X-aliyun-ecs-metadata-token": token} if token else {}
        roles = self._service / "meta-data/ram/security-credentials"
        role = self._role or await self._first_role(roles, headers)
        answer = await _get(self._caller, roles / role, headers)
        if answer.document.get("Code") != "Success":
            raise CloudUnavailable("the metadata service gave no credential for the role")
        return _keys(answer.document, "AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration")

    async def _first_role(self, roles: URL, headers: Mapping[str, str]) -> str:
        answer = await _get(self._caller, roles / "", headers)
        names = answer.body.decode("ascii", "replace").split()
        if not names or "/" in names[0]:
            raise CloudUnavailable("the metadata service names no role: has the VM one?")
        return names[0]


async def _token(caller: Caller, url: URL, life_header: str) -> str:
    """A token for the calls that follow; "" from a service that knows no tokens."""
    answer = await _send(caller, Request("PUT", url, {life_header: str(_TOKEN_LIFE)}))
    if answer.status in _NO_TOKENS:
        return ""
    token = answer.body.decode("ascii", "replace").strip()
    if not answer.ok or not token.isprintable():
        raise CloudUnavailable(f"the metadata service refused a token: HTTP {answer.status}")
    return token


async def _get(caller: Caller, url: URL, headers: Mapping[str, str]) -> Answer:
    answer = await _send(caller, Request("GET", url, headers))
    if not answer.ok:
        raise CloudUnavailable(f"the metadata service answered HTTP {answer.status}")
    return answer


async def _send(caller: Caller, request: Request) -> Answer:
    try:
        return await caller.send(request)
    except BadAddress as error:
        raise CloudUnavailable("the metadata service answered too much") from error


def _keys(document: Mapping[str, Any], key: str, secret: str, token: str, end: str) -> Keys:
    values = [document.get(name) for name in (key, secret, token, end)]
    if not all(isinstance(value, str) and value for value in values):
        raise CloudUnavailable("the metadata service answered an incomplete credential")
    access_key, secret_key, security_token, expires_at = map(str, values)
    keys = Keys(access_key, SecretStr(secret_key), SecretStr(security_token), _moment(expires_at))
    if not keys.fit_for_headers:
        raise CloudUnavailable("the metadata service answered a credential with characters that no key has")
    return keys


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CloudUnavailable("the metadata service answered a credential without a readable end") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
