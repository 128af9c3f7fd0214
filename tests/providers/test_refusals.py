"""The error mapping of clouds.md §6, row by row."""

from collections.abc import Mapping
from typing import Any

import pytest
from multidict import CIMultiDict

from gateway import endings
from gateway.errors import (
    BadAddress,
    CloudError,
    CloudRefused,
    CloudUnavailable,
    InstanceNotReady,
    InstanceNotRunning,
    KeyRejected,
    NoSuchInstance,
    RateLimited,
)
from gateway.providers import refusals
from gateway.providers.api import Answer
from gateway.providers.refusals import Change

NOW = 1_700_000_000.0


def answer(status: int, document: Mapping[str, Any] | None = None, **headers: str) -> Answer:
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Answer(status, named, b"", document or {}, asked_at=0)


def alibaba(code: str, status: int = 400) -> refusals.Refusal:
    given = answer(status, {"Code": code, "Message": "…", "RequestId": "R"})
    return refusals.refusal(refusals.ALIBABA, refusals.alibaba_code(given.document), given, now=NOW)


def huawei(document: Mapping[str, Any], status: int = 400) -> refusals.Refusal:
    given = answer(status, document)
    return refusals.refusal(refusals.HUAWEI, refusals.huawei_code(given.document), given, now=NOW)


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
@pytest.mark.parametrize(
    ("code", "error", "change", "ending"),
    [
        ("InvalidInstanceId.NotFound", NoSuchInstance, Change.NOTHING, 4404),
        ("InvalidRegionInstance", NoSuchInstance, Change.NOTHING, 4404),
        ("InvalidRegionId.NotFound", NoSuchInstance, Change.NOTHING, 4404),
        ("IncorrectInstanceStatus", InstanceNotRunning, Change.NOTHING, 4423),
        ("InstanceNotReady", InstanceNotReady, Change.NOTHING, 4423),
        ("Throttling", RateLimited, Change.NOTHING, 4429),
        ("Throttling.User", RateLimited, Change.NOTHING, 4429),
        ("Throttling.Api", RateLimited, Change.NOTHING, 4429),
        ("InternalError", CloudUnavailable, Change.NOTHING, 4502),
        ("ServiceUnavailable", CloudUnavailable, Change.NOTHING, 4502),
        ("Forbidden.RAM", CloudRefused, Change.NOTHING, 4503),
        ("Forbidden", CloudRefused, Change.NOTHING, 4503),
        ("InvalidAccessKeyId.NotFound", KeyRejected, Change.NOTHING, 4503),
        ("InvalidAccessKeyId.Inactive", KeyRejected, Change.NOTHING, 4503),
        ("SignatureDoesNotMatch", KeyRejected, Change.NOTHING, 4503),
        ("InvalidSecurityToken.Expired", CloudRefused, Change.KEYS, 4503),
        ("InvalidTimeStamp.Expired", CloudRefused, Change.CLOCK, 4503),
        ("SignatureNonceUsed", CloudRefused, Change.NONCE, 4503),
        ("MissingParameter", CloudRefused, Change.NOTHING, 4503),
        ("InvalidParameter", CloudRefused, Change.NOTHING, 4503),
    ],
)
def test_alibabas_codes_whatever_the_status(
    code: str, error: type[CloudError], change: Change, ending: int, status: int
) -> None:
    refusal = alibaba(code, status)
    assert (type(refusal.error), refusal.change, refusal.error.ending.code) == (error, change, ending)
    assert code in str(refusal.error)
    assert refusal.error.request_id == "R"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize(
    ("code", "error", "change", "ending"),
    [
        ("Ecs.0114", NoSuchInstance, Change.NOTHING, 4404),
        ("Ecs.0614", NoSuchInstance, Change.NOTHING, 4404),
        ("APIGW.0308", RateLimited, Change.NOTHING, 4429),
        ("APIGW.0201", CloudUnavailable, Change.NOTHING, 4502),
        ("APIGW.0601", CloudUnavailable, Change.NOTHING, 4502),
        ("APIGW.0610", CloudUnavailable, Change.NOTHING, 4502),
        ("APIGW.0613", CloudUnavailable, Change.NOTHING, 4502),
        ("Ecs.0003", CloudRefused, Change.NOTHING, 4503),
        ("APIGW.0302", CloudRefused, Change.NOTHING, 4503),
        ("APIGW.0306", CloudRefused, Change.NOTHING, 4503),
        ("APIGW.0301", KeyRejected, Change.NOTHING, 4503),
        ("APIGW.0307", CloudRefused, Change.KEYS, 4503),
        ("Ecs.0005", CloudRefused, Change.NOTHING, 4503),
        ("APIGW.0101", CloudRefused, Change.NOTHING, 4503),
        ("APIGW.0602", CloudRefused, Change.NOTHING, 4503),
    ],
)
def test_huaweis_codes_whatever_the_status_and_wherever_they_stand(
    code: str, error: type[CloudError], change: Change, ending: int, status: int
) -> None:
    for document in (
        {"error_code": code, "error_msg": "…"},
        {"error": {"code": code, "message": "…"}},
        {"code": code, "message": "…"},
    ):
        refusal = huawei(document, status)
        assert (type(refusal.error), refusal.change, refusal.error.ending.code) == (error, change, ending)


@pytest.mark.parametrize(
    ("document", "status", "error"),
    [
        ({"itemNotFound": {"code": 404, "message": "…"}}, 404, NoSuchInstance),
        ({"conflictingRequest": {"code": 409, "message": "…"}}, 409, InstanceNotRunning),
        ({"error_code": 500, "error_msg": "a number"}, 500, CloudUnavailable),
        ({"error_code": 12345}, 400, CloudRefused),
        ({"error": {"code": "Ecs.0000"}}, 500, CloudUnavailable),
        ({"error": {"code": "Ecs.9999"}}, 400, CloudRefused),
        ({"error": {"code": None}}, 400, BadAddress),
        ({"error": "text"}, 403, BadAddress),
        ({}, 503, CloudUnavailable),
        ({}, 429, RateLimited),
        ({}, 404, BadAddress),
        ({}, 302, BadAddress),
        ({"error_code": True}, 400, BadAddress),
        ({"error_code": {"a": 1}}, 400, BadAddress),
    ],
)
def test_answers_without_a_row(document: Mapping[str, Any], status: int, error: type[CloudError]) -> None:
    assert type(huawei(document, status).error) is error


@pytest.mark.parametrize(
    ("status", "content_type", "error"),
    [
        (404, "application/json", NoSuchInstance),
        (404, "", NoSuchInstance),
        (404, "text/html; charset=utf-8", BadAddress),
        (409, "application/json", InstanceNotRunning),
        (429, "", RateLimited),
        (401, "", CloudRefused),
        (403, "", CloudRefused),
        (422, "", CloudRefused),
        (301, "", BadAddress),
        (500, "text/html", CloudUnavailable),
        (503, "", CloudUnavailable),
    ],
)
def test_a_brokers_statuses(status: int, content_type: str, error: type[CloudError]) -> None:
    given = answer(status, Content_Type=content_type)
    assert type(refusals.refusal(refusals.BROKER, refusals.broker_code(given), given, now=NOW).error) is error


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-acs-retry-after": "1500"}, 1.5),
        ({"X-Acs-Retry-After": "1500", "Retry-After": "9"}, 1.5),
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "999999999"}, refusals.MAX_RETRY_AFTER),
        ({"x-acs-retry-after": "999999999"}, refusals.MAX_RETRY_AFTER),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:40 GMT"}, 20.0),
        ({"Retry-After": "Tue, 14 Nov 2023 22:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1e9"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "9" * 5000}, None),
        ({"Retry-After": ""}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert refusals.retry_after(CIMultiDict(headers), NOW) == seconds


def test_the_wait_reaches_the_error() -> None:
    given = answer(400, {"Code": "Throttling.User"}, x_acs_retry_after="250")
    error = refusals.refusal(refusals.ALIBABA, "Throttling.User", given, now=NOW).error
    assert error.retry_after == 0.25
    assert error.code == "Throttling"


def test_metric_labels_come_from_a_small_set() -> None:
    """A cloud, or whoever answers in its place, cannot make up labels."""
    assert alibaba("Throttling.Whatever").error.code == "Throttling"
    assert alibaba("Made.Up").error.code == "other"
    assert huawei({}, 503).error.code == "http_503"


def test_what_a_cloud_says_is_cut_and_cleaned_before_it_is_logged() -> None:
    error = alibaba("Bad\r\nCode" + "x" * 1000).error
    assert "\n" not in str(error)
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("document", "headers", "expected"),
    [
        ({"RequestId": "A"}, {}, "A"),
        ({"request_id": "B"}, {}, "B"),
        ({}, {"x-acs-request-id": "C"}, "C"),
        ({}, {"X-Request-Id": "D"}, "D"),
        ({"RequestId": ["x"]}, {}, ""),
        ({}, {}, ""),
    ],
)
def test_the_request_id(document: dict[str, Any], headers: dict[str, str], expected: str) -> None:
    assert refusals.request_id(Answer(200, CIMultiDict(headers), b"", document, asked_at=0)) == expected


def test_a_refusal_tells_of_a_clock_that_is_off() -> None:
    off = answer(403, {"Code": "SignatureDoesNotMatch"}, Date="Tue, 14 Nov 2023 22:33:20 GMT")
    assert "+1200 s" in str(refusals.refusal(refusals.ALIBABA, "SignatureDoesNotMatch", off, now=NOW).error)
    assert refusals.refusal(refusals.ALIBABA, "SignatureDoesNotMatch", off, now=NOW).change is Change.CLOCK
    right = answer(403, {"Code": "SignatureDoesNotMatch"}, Date="Tue, 14 Nov 2023 22:13:21 GMT")
    assert "clock" not in str(refusals.refusal(refusals.ALIBABA, "SignatureDoesNotMatch", right, now=NOW).error)


def test_every_row_has_an_ending_that_the_product_knows() -> None:
    for rule in refusals.ALIBABA + refusals.HUAWEI + refusals.BROKER:
        assert rule.error.ending in endings.ENDINGS


def test_every_row_can_be_reached() -> None:
    for rules in (refusals.ALIBABA, refusals.HUAWEI, refusals.BROKER):
        for rule in rules:
            assert next(other for other in rules if other.matches(rule.code.removesuffix("*"))) is rule
