"""The metadata services that give the machines of a cloud temporary keys (clouds.md §2.5)."""

import secrets
from datetime import UTC, datetime

from aiohttp import web

from gateway.simulator.clouds.cloud import Cloud
from gateway.simulator.clouds.keyring import AccessKey

ROLE = "simulated-role"
ALIBABA_TOKEN = "X-aliyun-ecs-metadata-token"  # noqa: S105  a header's name
HUAWEI_TOKEN = "X-Metadata-Token"  # noqa: S105  a header's name


class Metadata:
    """Issues keys that live `life` seconds. `issued` counts them."""

    def __init__(self, alibaba: Cloud, huawei: Cloud, life: float) -> None:
        self.life = life
        self.issued = 0
        self._alibaba = alibaba
        self._huawei = huawei
        self._tokens: set[str] = set()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.put("/latest/api/token", self._token),
            web.get("/latest/meta-data/ram/security-credentials/{role}", self._alibaba_key),
            web.put("/meta-data/latest/api/token", self._token),
            web.get("/openstack/latest/securitykey", self._huawei_key),
        ]

    async def _token(self, request: web.Request) -> web.Response:
        if not any(name + "-Ttl-Seconds" in request.headers for name in (ALIBABA_TOKEN, HUAWEI_TOKEN)):
            return web.Response(status=400)
        token = secrets.token_urlsafe()
        self._tokens.add(token)
        return web.Response(text=token)

    async def _alibaba_key(self, request: web.Request) -> web.Response:
        if request.headers.get(ALIBABA_TOKEN) not in self._tokens:
            return web.Response(status=403)
        if request.match_info["role"] != ROLE:
            return web.Response(status=404)
        key = self._issue(self._alibaba)
        return web.json_response(
            {
                "Code": "Success",
                "AccessKeyId": key.access,
                "AccessKeySecret": key.secret,
                "SecurityToken": key.token,
                "Expiration": _date(key),
            }
        )

    async def _huawei_key(self, request: web.Request) -> web.Response:
        if request.headers.get(HUAWEI_TOKEN) not in self._tokens:
            return web.Response(status=401)
        key = self._issue(self._huawei)
        credential = {
            "access": key.access,
            "secret": key.secret,
            "securitytoken": key.token,
            "expires_at": _date(key).replace("Z", ".000000Z"),
        }
        return web.json_response({"credential": credential})

    def _issue(self, cloud: Cloud) -> AccessKey:
        self.issued += 1
        return cloud.keyring.temporary(cloud.now(), self.life)


def _date(key: AccessKey) -> str:
    assert key.expires_at is not None, "temporary keys end"
    return datetime.fromtimestamp(key.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
