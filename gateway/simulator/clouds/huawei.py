"""Huawei's ECS API, as far as remote_console needs it, and its VNC proxy."""

import json
import time
import uuid
from enum import Enum
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from gateway.simulator.clouds.answers import FOREIGN_HOST, faulty
from gateway.simulator.clouds.cloud import Cloud, signed_request
from gateway.simulator.clouds.faults import ApiFault
from gateway.simulator.clouds.huawei_signature import HuaweiSignatures
from gateway.simulator.clouds.instances import Instance, State
from gateway.simulator.clouds.keyring import AccessKey
from gateway.simulator.clouds.limits import IdleCounts, Times
from gateway.simulator.clouds.proxy import Rules
from gateway.simulator.clouds.signed_request import ApiRefusal, SignedRequest

KEY = AccessKey("SIMULATEDHUAWEIKEY01", "simulated-secret-of-huawei-0001")
REGION = "ap-southeast-1"
PROJECT = "13c67a214ced4afb88d911ae4bd5721a"
RUNNING = "47bc79ae-df61-4ade-9197-283a74e5d70e"
STOPPED = "5f1d7c3a-0b52-4d11-9b53-6d0c9d6f5a01"
WANTED = {"remote_console": {"protocol": "vnc", "type": "novnc"}}


class Form(Enum):
    """The forms of address seen in the wild (clouds.md §3.1): the page, and the WebSocket path that goes with it."""

    REGION = (
        f"/vnc/region.{REGION}/vnc_auto.html?token={{token}}&lang=EN&tLength=70",
        f"/vnc/region.{REGION}/websockify",
    )
    CLASSIC = ("/vnc_auto.html?token={token}&lang=EN&tLength=70", "/websockify")
    NOVA = ("/vnc_lite.html?path=%3Ftoken%3D{token}", "/")

    @property
    def page(self) -> str:
        return self.value[0]

    @property
    def websocket(self) -> str:
        return self.value[1]


class Huawei(Cloud):
    """The API's answers carry the address of a page; `form` says of which kind."""

    owner = "Huawei Cloud"
    accent = 0xF05D72

    def __init__(self, times: Times, *, idle_counts: IdleCounts, no_pong: bool) -> None:
        rules = Rules(idle=times.idle, idle_counts=idle_counts, no_pong=no_pong)
        super().__init__(key=KEY, address_life=times.huawei_address, times=times, rules=rules, budget=None)
        self.signatures = HuaweiSignatures(self.keyring, times.lockout)
        self.form = Form.REGION
        self.add(RUNNING, PROJECT)
        self.add(STOPPED, PROJECT, state=State.STOPPED)

    def routes(self) -> list[web.RouteDef]:
        api = web.post("/v1/{project}/cloudservers/{instance}/remote_console", self._call)
        return [api, *(web.get(form.websocket, self._dial) for form in Form)]

    async def _call(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        response = await faulty(request, self.fault)
        if response is not None:
            return response
        number = uuid.uuid4().hex
        headers = {"X-Request-Id": number, "Date": self.date()}
        try:
            url = self._console(await signed_request(request), **request.match_info)
        except ApiRefusal as refusal:
            self.refused(refusal)
            return web.json_response(_body(refusal, number), status=refusal.status, headers=headers | refusal.headers)
        return web.json_response({"remote_console": {**WANTED["remote_console"], "url": url}}, headers=headers)

    def _console(self, request: SignedRequest, project: str, instance: str) -> str:
        self._faults()
        self.signatures.check(request, self.now())
        try:
            wanted = json.loads(request.body)
        except ValueError:
            wanted = None
        if wanted != WANTED:
            raise ApiRefusal(400, "Ecs.0005", "Invalid request body.")
        found = self._instance(project, instance)
        if self.spend(found):
            raise ApiRefusal(429, "APIGW.0308", "The throttling threshold has been reached")
        token = str(uuid.uuid4())
        self.addresses.issue(token, found, time.monotonic())
        base = f"wss://{FOREIGN_HOST}" if self.fault is ApiFault.FOREIGN else self.ws_base
        return base.replace("ws", "http", 1) + self.form.page.format(token=token)

    def _instance(self, project: str, name: str) -> Instance:
        instance = self.instances.get(name)
        if project not in {known.place for known in self.instances.values()}:
            raise ApiRefusal(403, "Ecs.0003", "You do not have permission to perform operations on the ECS.")
        if instance is None or instance.place != project:
            raise ApiRefusal(404, "Ecs.0114", f"Instance[{name}] could not be found.")
        if instance.state is not State.RUNNING:
            message = f"Cannot 'get_vnc_console' instance {name} while it is in vm_state {instance.state}"
            raise ApiRefusal(409, "conflictingRequest", message)
        return instance

    def _faults(self) -> None:
        match self.fault:
            case ApiFault.INTERNAL:
                raise ApiRefusal(500, "Ecs.0000", "System error.")
            case ApiFault.UNAVAILABLE:
                raise ApiRefusal(503, "APIGW.0201", "Backend unavailable")
            case ApiFault.THROTTLED:
                raise ApiRefusal(429, "APIGW.0308", "The throttling threshold has been reached")
            case ApiFault.FORBIDDEN:
                raise ApiRefusal(403, "Ecs.0003", "You do not have permission to perform operations on the ECS.")

    async def _dial(self, request: web.Request) -> web.StreamResponse:
        """The token is in the query, or in a cookie when the query has none; the directory is the page's."""
        if request.path != self.form.websocket:
            return web.Response(status=404)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(status=405, text="this address takes WebSockets")
        in_query = parse_qs(urlsplit(request.raw_path).query).get("token", [None])[0]
        in_cookie = SimpleCookie(request.headers.get("Cookie", "")).get("token")
        return await self.proxy.serve(request, in_query or (in_cookie.value if in_cookie else None))


def _body(refusal: ApiRefusal, number: str) -> dict[str, object]:
    """The gateway in front of the API, the service and nova behind it each have their own form."""
    if refusal.code.startswith("APIGW."):
        return {"error_msg": refusal.message, "error_code": refusal.code, "request_id": number}
    if refusal.code == "conflictingRequest":
        return {refusal.code: {"message": refusal.message, "code": refusal.status}}
    return {"error": {"code": refusal.code, "message": refusal.message}}
