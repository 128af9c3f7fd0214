"""Alibaba's ECS API, as far as DescribeInstanceVncUrl needs it, and its VNC proxy."""

import time
import uuid
from urllib.parse import parse_qsl, quote

from aiohttp import web

from gateway.simulator.clouds.alibaba_signature import AlibabaSignatures
from gateway.simulator.clouds.answers import FOREIGN_HOST, faulty
from gateway.simulator.clouds.cloud import Cloud, signed_request
from gateway.simulator.clouds.faults import ApiFault
from gateway.simulator.clouds.instances import Instance, State
from gateway.simulator.clouds.keyring import AccessKey
from gateway.simulator.clouds.limits import IdleCounts, Times, awkward_token
from gateway.simulator.clouds.proxy import Rules
from gateway.simulator.clouds.signed_request import ApiRefusal, SignedRequest

ACTION = "DescribeInstanceVncUrl"
VERSION = "2014-05-26"
KEY = AccessKey("LTAI5tSimulatorKey000001", "simulated-secret-of-alibaba-01")
REGION = "cn-hangzhou"
OTHER_REGIONS = frozenset({"cn-shanghai", "ap-southeast-1"})
RUNNING, STOPPED, STARTING = "i-bp1demo0hangzhou00a", "i-bp1stopped00000000a", "i-bp1starting0000000a"
CONSOLE_ORIGIN = "https://g.alicdn.com"  # where the cloud's own console page is from
A_MINUTE = 30
WEBSOCKET_PATH = "/websockify/"


class Alibaba(Cloud):
    """The API's answers carry `VncUrl`, a ws address percent-encoded once."""

    owner = "Alibaba Cloud"
    accent = 0xFF8A3D

    def __init__(self, times: Times, *, idle_counts: IdleCounts, no_pong: bool) -> None:
        rules = Rules(
            idle=times.idle,
            idle_counts=idle_counts,
            no_pong=no_pong,
            one_session=True,
            origins=frozenset({CONSOLE_ORIGIN}),
        )
        super().__init__(key=KEY, address_life=times.alibaba_address, times=times, rules=rules, budget=A_MINUTE)
        self.signatures = AlibabaSignatures(self.keyring)
        self.add(RUNNING, REGION)
        self.add(STOPPED, REGION, state=State.STOPPED)
        self.add(STARTING, REGION, state=State.STARTING)

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/", self._call), web.get(WEBSOCKET_PATH, self._dial)]

    async def _call(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        response = await faulty(request, self.fault)
        if response is not None:
            return response
        number = str(uuid.uuid4()).upper()
        headers = {"x-acs-request-id": number, "Date": self.date()}
        try:
            url = self._describe(await signed_request(request))
        except ApiRefusal as refusal:
            self.refused(refusal)
            body = {
                "RequestId": number,
                "HostId": request.host,
                "Code": refusal.code,
                "Message": refusal.message,
                "Recommend": f"https://api.alibabacloud.com/troubleshoot?q={refusal.code}&product=Ecs",
            }
            return web.json_response(body, status=refusal.status, headers=headers | refusal.headers)
        return web.json_response({"VncUrl": url, "RequestId": number}, headers=headers)

    def _describe(self, request: SignedRequest) -> str:
        self._faults()
        self.signatures.check(request, self.now())
        if (request.headers["x-acs-action"], request.headers["x-acs-version"]) != (ACTION, VERSION):
            message = "Specified api is not found, please check your url and method."
            raise ApiRefusal(404, "InvalidAction.NotFound", message)
        instance = self._instance(request)
        if wait := self.spend(instance):
            retry = {"x-acs-retry-after": str(round(wait * 1000))}
            raise ApiRefusal(400, "Throttling.User", "Request was denied due to user flow control.", retry)
        token = awkward_token()
        query = f"s={quote(token, safe='')}"
        self.addresses.issue(query, instance, time.monotonic())
        base = f"wss://{FOREIGN_HOST}" if self.fault is ApiFault.FOREIGN else self.ws_base
        return quote(f"{base}{WEBSOCKET_PATH}?{query}", safe="")

    def _faults(self) -> None:
        match self.fault:
            case ApiFault.INTERNAL:
                raise ApiRefusal(500, "InternalError", "The request processing has failed due to some unknown error.")
            case ApiFault.UNAVAILABLE:
                message = "The request has failed due to a temporary failure of the server."
                raise ApiRefusal(503, "ServiceUnavailable", message)
            case ApiFault.THROTTLED:
                retry = {"x-acs-retry-after": "1000"}
                raise ApiRefusal(400, "Throttling", "Request was denied due to request throttling.", retry)
            case ApiFault.FORBIDDEN:
                message = "User not authorized to operate on the specified resource, or this API doesn't support RAM."
                raise ApiRefusal(403, "Forbidden.RAM", message)

    def _instance(self, request: SignedRequest) -> Instance:
        form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        parameters = dict(request.query) | (dict(parse_qsl(request.body.decode("latin-1"))) if form else {})
        for name in ("RegionId", "InstanceId"):
            if not parameters.get(name):
                message = f'The input parameter "{name}" that is mandatory for processing this request is not supplied.'
                raise ApiRefusal(400, "MissingParameter", message)
        instance = self.instances.get(parameters["InstanceId"])
        region = parameters["RegionId"]
        if region not in OTHER_REGIONS | {known.place for known in self.instances.values()}:
            raise ApiRefusal(404, "InvalidRegionId.NotFound", "The specified RegionId does not exist.")
        if instance is None:
            raise ApiRefusal(404, "InvalidInstanceId.NotFound", "The specified InstanceId does not exist.")
        if instance.place != region:
            message = "The specified InstanceId does not exist in given region."
            raise ApiRefusal(400, "InvalidRegionInstance", message)
        if instance.state is State.STOPPED:
            message = "The current status of the resource does not support this operation."
            raise ApiRefusal(403, "IncorrectInstanceStatus", message)
        if instance.state is State.STARTING:
            message = "Temporarily unable to connect the specified instance,please try later."
            raise ApiRefusal(403, "InstanceNotReady", message)
        return instance

    async def _dial(self, request: web.Request) -> web.StreamResponse:
        """The query counts byte for byte: a client that quotes it anew has another token."""
        path, _, query = request.raw_path.partition("?")
        return await self.proxy.serve(request, query if path == WEBSOCKET_PATH else None)
