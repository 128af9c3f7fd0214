"""The simulated clouds' checks accept the published examples and refuse every change to a good request."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from support import cloud_sdks

from gateway.simulator.clouds.alibaba_signature import AlibabaSignatures
from gateway.simulator.clouds.huawei_signature import HuaweiSignatures
from gateway.simulator.clouds.keyring import AccessKey, Keyring
from gateway.simulator.clouds.signed_request import ApiRefusal, SignedRequest

NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of no bytes


def at(text: str, form: str) -> float:
    return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()


# Published: https://help.aliyun.com, "V3 request structure and signature"; Huawei's developer guide and SDK tests.

ALIBABA_KEY = AccessKey("YourAccessKeyId", "YourAccessKeySecret")
ALIBABA_NOW = at("2023-10-26T10:22:32Z", "%Y-%m-%dT%H:%M:%SZ")
ALIBABA = SignedRequest(
    "POST",
    "/?ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai",
    {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": NOTHING,
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
        "authorization": "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;"
        "x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
    },
    b"",
)
HUAWEI_KEY = AccessKey("QTWAOYTTINDUT2QVKYUC", "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc")
HUAWEI_NOW = at("20191115T033655Z", "%Y%m%dT%H%M%SZ")
HUAWEI = SignedRequest(
    "GET",
    "/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs?limit=2&marker=13551d6b-755d-4757-b956-536f674975c0",
    {
        "content-type": "application/json",
        "host": "service.region.example.com",
        "x-sdk-date": "20191115T033655Z",
        "authorization": "SDK-HMAC-SHA256 Access=QTWAOYTTINDUT2QVKYUC, SignedHeaders=content-type;host;x-sdk-date, "
        "Signature=7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe",
    },
    b"",
)


def alibaba(key: AccessKey = ALIBABA_KEY) -> AlibabaSignatures:
    return AlibabaSignatures(Keyring(key))


def huawei(key: AccessKey = HUAWEI_KEY) -> HuaweiSignatures:
    return HuaweiSignatures(Keyring(key), lockout=300)


def with_header(request: SignedRequest, name: str, value: str | None) -> SignedRequest:
    headers = {known: text for known, text in request.headers.items() if known != name}
    return dataclasses.replace(request, headers=headers if value is None else {**headers, name: value})


def refusal(check: Callable[..., AccessKey], request: SignedRequest, now: float) -> str:
    with pytest.raises(ApiRefusal) as caught:
        check(request, now)
    return caught.value.code


def test_the_published_examples_are_good():
    assert alibaba().check(ALIBABA, ALIBABA_NOW) is ALIBABA_KEY
    assert huawei().check(HUAWEI, HUAWEI_NOW) is HUAWEI_KEY


def test_alibaba_lets_a_content_type_without_a_body_pass_unsigned():
    """The official SDK's HTTP client adds one after signing."""
    assert alibaba().check(with_header(ALIBABA, "content-type", "text/plain"), ALIBABA_NOW) is ALIBABA_KEY


ALIBABA_TAMPERED = {
    "method": (dataclasses.replace(ALIBABA, method="GET"), "SignatureDoesNotMatch"),
    "path": (dataclasses.replace(ALIBABA, target="/x" + ALIBABA.target[1:]), "SignatureDoesNotMatch"),
    "query": (dataclasses.replace(ALIBABA, target=ALIBABA.target + "0"), "SignatureDoesNotMatch"),
    "another parameter": (dataclasses.replace(ALIBABA, target=ALIBABA.target + "&a=b"), "SignatureDoesNotMatch"),
    "body": (dataclasses.replace(ALIBABA, body=b"x"), "SignatureDoesNotMatch"),
    "host": (with_header(ALIBABA, "host", "ecs.aliyuncs.com"), "SignatureDoesNotMatch"),
    "action": (with_header(ALIBABA, "x-acs-action", "DeleteInstance"), "SignatureDoesNotMatch"),
    "version": (with_header(ALIBABA, "x-acs-version", "2014-05-27"), "SignatureDoesNotMatch"),
    "date": (with_header(ALIBABA, "x-acs-date", "2023-10-26T10:22:33Z"), "SignatureDoesNotMatch"),
    "nonce": (with_header(ALIBABA, "x-acs-signature-nonce", "other"), "SignatureDoesNotMatch"),
    "an unsigned x-acs header": (with_header(ALIBABA, "x-acs-new", "1"), "SignatureDoesNotMatch"),
    "no action": (with_header(ALIBABA, "x-acs-action", None), "MissingAction"),
    "no nonce": (with_header(ALIBABA, "x-acs-signature-nonce", None), "MissingSignatureNonce"),
    "no date": (with_header(ALIBABA, "x-acs-date", None), "MissingTimestamp"),
    "a date of its own form": (with_header(ALIBABA, "x-acs-date", "Thu, 26 Oct 2023"), "InvalidTimeStamp.Format"),
    "nothing signed": (with_header(ALIBABA, "authorization", None), "MissingAccessKeyId"),
    "no signature": (
        with_header(ALIBABA, "authorization", "ACS3-HMAC-SHA256 Credential=YourAccessKeyId"),
        "SignatureDoesNotMatch",
    ),
    "another scheme": (
        with_header(ALIBABA, "authorization", "AWS4-HMAC-SHA256 Credential=YourAccessKeyId"),
        "MissingAccessKeyId",
    ),
    "a token for a key without one": (
        with_header(ALIBABA, "x-acs-security-token", "t"),
        "InvalidSecurityToken.MismatchWithAccessKey",
    ),
}


@pytest.mark.parametrize("what", ALIBABA_TAMPERED)
def test_alibaba_refuses_what_was_changed(what):
    request, code = ALIBABA_TAMPERED[what]
    assert refusal(alibaba().check, request, ALIBABA_NOW) == code


@pytest.mark.parametrize("late", [-901, 901])
def test_alibaba_refuses_what_is_late_or_early(late):
    assert refusal(alibaba().check, ALIBABA, ALIBABA_NOW + late) == "InvalidTimeStamp.Expired"


def test_alibaba_refuses_a_nonce_that_was_used():
    signatures = alibaba()
    signatures.check(ALIBABA, ALIBABA_NOW)
    assert refusal(signatures.check, ALIBABA, ALIBABA_NOW) == "SignatureNonceUsed"


def test_alibaba_refuses_other_keys():
    stranger, thief = AccessKey("Other", "x"), AccessKey(ALIBABA_KEY.access, "x")
    assert refusal(alibaba(stranger).check, ALIBABA, ALIBABA_NOW) == "InvalidAccessKeyId.NotFound"
    assert refusal(alibaba(thief).check, ALIBABA, ALIBABA_NOW) == "SignatureDoesNotMatch"


HUAWEI_TAMPERED = {
    "method": dataclasses.replace(HUAWEI, method="POST"),
    "path": dataclasses.replace(HUAWEI, target=HUAWEI.target.replace("vpcs", "vpc")),
    "query": dataclasses.replace(HUAWEI, target=HUAWEI.target + "0"),
    "body": dataclasses.replace(HUAWEI, body=b"{}"),
    "host": with_header(HUAWEI, "host", "other.example.com"),
    "date": with_header(HUAWEI, "x-sdk-date", "20191115T033656Z"),
    "content type": with_header(HUAWEI, "content-type", "text/plain"),
    "no date": with_header(HUAWEI, "x-sdk-date", None),
    "an unsigned token": with_header(HUAWEI, "x-security-token", "t"),
    "nothing signed": with_header(HUAWEI, "authorization", None),
    "no signature": with_header(HUAWEI, "authorization", f"SDK-HMAC-SHA256 Access={HUAWEI_KEY.access}"),
}


@pytest.mark.parametrize("what", HUAWEI_TAMPERED)
def test_huawei_refuses_what_was_changed(what):
    assert refusal(huawei().check, HUAWEI_TAMPERED[what], HUAWEI_NOW) == "APIGW.0301"


@pytest.mark.parametrize("late", [-901, 901])
def test_huawei_refuses_what_is_late_or_early(late):
    assert refusal(huawei().check, HUAWEI, HUAWEI_NOW + late) == "APIGW.0301"


def test_huawei_locks_a_key_after_five_failures():
    signatures = huawei()
    bad = dataclasses.replace(HUAWEI, body=b"x")
    for _ in range(4):
        refusal(signatures.check, bad, HUAWEI_NOW)
    assert signatures.check(HUAWEI, HUAWEI_NOW) is HUAWEI_KEY  # a good one forgives
    for _ in range(5):
        refusal(signatures.check, bad, HUAWEI_NOW)
    with pytest.raises(ApiRefusal, match=r"APIGW\.0301") as caught:
        signatures.check(HUAWEI, HUAWEI_NOW + 299)
    assert "reach the limit" in caught.value.message
    assert signatures.check(HUAWEI, HUAWEI_NOW + 301) is HUAWEI_KEY


# Keys with a token, signed by the clouds' own SDKs.


@pytest.fixture
def _home(monkeypatch, tmp_path):
    cloud_sdks.quiet_home(monkeypatch, tmp_path)


TEMPORARY = AccessKey("STS.key", "secret", "token", expires_at=ALIBABA_NOW + 60)


@pytest.mark.usefixtures("_home")
@pytest.mark.parametrize(
    ("token", "now", "code"),
    [
        ("token", 0, None),
        (None, 0, "MissingSecurityToken"),
        ("other", 0, "InvalidSecurityToken.Malformed"),
        ("token", 60, "InvalidSecurityToken.Expired"),
    ],
)
def test_alibaba_checks_the_token_of_a_temporary_key(token, now, code):
    headers = {name: text for name, text in ALIBABA.headers.items() if name != "authorization"}
    if token is not None:
        headers["x-acs-security-token"] = token
    query = dict(ALIBABA.query)
    headers["authorization"] = cloud_sdks.alibaba_authorization(
        "STS.key", "secret", method="POST", path="/", query=query, headers=headers
    )
    request = dataclasses.replace(ALIBABA, headers=headers)
    if code is None:
        assert alibaba(TEMPORARY).check(request, ALIBABA_NOW + now) is TEMPORARY
    else:
        assert refusal(alibaba(TEMPORARY).check, request, ALIBABA_NOW + now) == code


@pytest.mark.usefixtures("_home")
@pytest.mark.parametrize(
    ("token", "now", "code"),
    [("token", 0, None), (None, 0, "APIGW.0301"), ("other", 0, "APIGW.0301"), ("token", 60, "APIGW.0307")],
)
def test_huawei_checks_the_token_of_a_temporary_key(token, now, code):
    path = "/v1/project/cloudservers/a~b/remote_console"
    headers = {"host": "127.0.0.1:1", "content-type": "application/json", "x-sdk-date": "20231026T102232Z"}
    if token is not None:
        headers["x-security-token"] = token
    headers["authorization"] = cloud_sdks.huawei_authorization(
        "STS.key", "secret", method="POST", host="127.0.0.1:1", path=path, headers=headers, body=b"{}"
    )
    request = SignedRequest("POST", path, headers, b"{}")
    if code is None:
        assert huawei(TEMPORARY).check(request, ALIBABA_NOW + now) is TEMPORARY
    else:
        assert refusal(huawei(TEMPORARY).check, request, ALIBABA_NOW + now) == code
