"""The simulated APIs: addresses in the real form, errors with the real bodies, faults on demand."""

import asyncio
import re
from urllib.parse import unquote

import aiohttp
import pytest

from gateway.simulator.clouds import alibaba, huawei
from gateway.simulator.clouds.faults import ApiFault
from gateway.simulator.clouds.instances import State

ASK = {"RegionId": alibaba.REGION, "InstanceId": alibaba.RUNNING}


async def test_alibabas_address_is_percent_encoded_twice_in_its_query(client, simulator):
    answer = await client.alibaba(**ASK)
    assert answer.status == 200
    assert set(answer.body) == {"VncUrl", "RequestId"}
    form = rf"ws%3A%2F%2F127\.0\.0\.1%3A{simulator.port}%2Fwebsockify%2F%3Fs%3DDvh%252FIA%252B[A-Za-z0-9%]+"
    assert re.fullmatch(form, answer.body["VncUrl"])
    once = unquote(answer.body["VncUrl"])
    assert re.fullmatch(rf"ws://127\.0\.0\.1:{simulator.port}/websockify/\?s=Dvh%2FIA%2B[A-Za-z0-9%]+", once)


async def test_huaweis_address_is_a_page(client, simulator):
    answer = await client.huawei(huawei.RUNNING)
    assert answer.status == 200
    console = answer.body["remote_console"]
    assert (console["type"], console["protocol"]) == ("novnc", "vnc")
    form = rf"http://127\.0\.0\.1:{simulator.port}/vnc/region\.ap-southeast-1/vnc_auto\.html"
    assert re.fullmatch(form + r"\?token=[0-9a-f-]{36}&lang=EN&tLength=70", console["url"])


ALIBABA_ERRORS = {
    "InvalidInstanceId.NotFound": (404, {**ASK, "InstanceId": "i-none"}),
    "InvalidRegionId.NotFound": (404, {**ASK, "RegionId": "moon-1"}),
    "InvalidRegionInstance": (400, {**ASK, "RegionId": "cn-shanghai"}),
    "IncorrectInstanceStatus": (403, {**ASK, "InstanceId": alibaba.STOPPED}),
    "InstanceNotReady": (403, {**ASK, "InstanceId": alibaba.STARTING}),
    "MissingParameter": (400, {"RegionId": alibaba.REGION}),
    "InvalidAction.NotFound": (404, {**ASK, "action": "DescribeEverything"}),
    "InvalidAccessKeyId.NotFound": (404, {**ASK, "access": "nobody"}),
    "SignatureDoesNotMatch": (400, {**ASK, "secret": "wrong"}),
}


@pytest.mark.parametrize("code", ALIBABA_ERRORS)
async def test_alibabas_errors_have_the_real_form(client, simulator, code):
    status, parameters = ALIBABA_ERRORS[code]
    answer = await client.alibaba(**parameters)
    assert (answer.status, answer.body["Code"]) == (status, code)
    assert set(answer.body) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert answer.headers["x-acs-request-id"] == answer.body["RequestId"]
    assert simulator.alibaba.errors == {code: 1}


async def test_huaweis_errors_have_the_forms_of_gateway_service_and_nova(client):
    refused = await client.huawei(huawei.RUNNING, secret="wrong")
    assert refused.status == 401
    assert refused.body["error_code"] == "APIGW.0301"
    assert set(refused.body) == {"error_msg", "error_code", "request_id"}
    unknown = await client.huawei("nobody")
    assert (unknown.status, unknown.body["error"]["code"]) == (404, "Ecs.0114")
    malformed = await client.huawei(huawei.RUNNING, wanted={})
    assert (malformed.status, malformed.code) == (400, "Ecs.0005")
    forbidden = await client.huawei(huawei.RUNNING, "another-project")
    assert (forbidden.status, forbidden.code) == (403, "Ecs.0003")
    stopped = await client.huawei(huawei.STOPPED)
    assert (stopped.status, stopped.body["conflictingRequest"]["code"]) == (409, 409)


async def test_a_clock_that_is_wrong_is_refused_with_the_right_date(client, simulator):
    client.skew = -1000
    answer = await client.alibaba(**ASK)
    assert answer.code == "InvalidTimeStamp.Expired"
    assert (await client.huawei(huawei.RUNNING)).code == "APIGW.0301"
    client.skew, simulator.alibaba.clock_ahead = 0, 1000
    answer = await client.alibaba(**ASK)
    assert answer.code == "InvalidTimeStamp.Expired"
    client.skew = 1000
    assert (await client.alibaba(**ASK)).status == 200


async def test_thirty_calls_a_minute_and_machine_are_free(client, simulator):
    simulator.alibaba.add("i-other", alibaba.REGION)
    for _ in range(30):
        assert (await client.alibaba(**ASK)).status == 200
    answer = await client.alibaba(**ASK)
    assert (answer.status, answer.code) == (400, "Throttling.User")
    assert 55_000 < int(answer.headers["x-acs-retry-after"]) <= 60_000
    assert (await client.alibaba(**{**ASK, "InstanceId": "i-other"})).status == 200


async def test_a_machine_may_stop_and_start(client, simulator):
    machine = simulator.alibaba.instances[alibaba.RUNNING]
    machine.state = State.STOPPED
    assert (await client.alibaba(**ASK)).code == "IncorrectInstanceStatus"
    machine.state = State.RUNNING
    assert (await client.alibaba(**ASK)).status == 200


FAULTS = {
    ApiFault.HTML: (200, 200),
    ApiFault.EMPTY: (200, 200),
    ApiFault.UNAVAILABLE: (503, 503),
    ApiFault.INTERNAL: (500, 500),
    ApiFault.THROTTLED: (400, 429),
    ApiFault.FORBIDDEN: (403, 403),
    ApiFault.REDIRECT: (302, 302),
    ApiFault.FOREIGN: (200, 200),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_faults_on_demand(client, simulator, fault):
    simulator.alibaba.fault = simulator.huawei.fault = fault
    answers = (await client.alibaba(**ASK), await client.huawei(huawei.RUNNING))
    assert (answers[0].status, answers[1].status) == FAULTS[fault]
    assert (simulator.alibaba.calls, simulator.huawei.calls) == (1, 1)


async def test_calls_may_be_dropped_or_never_answered(client, simulator):
    simulator.alibaba.fault = ApiFault.DROPPED
    with pytest.raises(aiohttp.ClientError):
        await client.alibaba(**ASK)
    simulator.alibaba.fault = ApiFault.SILENT
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.alibaba(**ASK), 0.2)


@pytest.mark.parametrize("header", ["Authorization", "x-acs-date", "X-Sdk-Date", "Host"])
async def test_a_request_of_garbage_is_refused_like_any_other(simulator, header):
    for path in ("/?a=\xff&=%zz", f"/v1/p/cloudservers/{huawei.RUNNING}/remote_console"):
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: ACS3-HMAC-SHA256 Credential=a\xff,,=\r\n"
        head += f"Content-Length: 2\r\nConnection: close\r\n{header}: \xfe\xff\r\n\r\n\xff\xff"
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        writer.write(head.encode("latin-1"))
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
