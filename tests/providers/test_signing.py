"""Signatures: every published vector of clouds.md §2, and the rules behind them."""

import hashlib
from collections.abc import Callable

import pytest
from yarl import URL

from gateway.providers import signing

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_huawei_signs_the_documented_request() -> None:
    """Developer guide of API signing, GET with two query parameters."""
    authorization = signing.huawei(
        "QTWAOYTTINDUT2QVKYUC",
        "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc",
        "GET",
        URL(
            "https://service.region.example.com/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs"
            "?limit=2&marker=13551d6b-755d-4757-b956-536f674975c0"
        ),
        {
            "content-type": "application/json",
            "host": "service.region.example.com",
            "x-sdk-date": "20191115T033655Z",
        },
        b"",
    )
    assert authorization == (
        "SDK-HMAC-SHA256 Access=QTWAOYTTINDUT2QVKYUC, SignedHeaders=content-type;host;x-sdk-date, "
        "Signature=7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe"
    )


@pytest.mark.parametrize(
    ("method", "body", "signature"),
    [
        ("GET", b"", "cfb4171acec81de07d50e53d57eb77edd537414d66ddb1d7d780f128e12cd842"),
        ("POST", b'{"name":"test","id":1}', "436b1ac0a1ae03705934bb70ef2f2e09f7bfed2117d731a38235053199323a1f"),
    ],
)
def test_huawei_signs_as_the_sdks_own_tests(method: str, body: bytes, signature: str) -> None:
    authorization = signing.huawei(
        "AccessKey",
        "SecretKey",
        method,
        URL("https://service.endpoint.myhuaweicloud.com/resources?size=1"),
        {
            "Host": "service.endpoint.myhuaweicloud.com",
            "X-Sdk-Date": "20200608T023900Z",
            "TEST_UNDERSCORE": "not signed",
        },
        body,
    )
    assert authorization == (f"SDK-HMAC-SHA256 Access=AccessKey, SignedHeaders=host;x-sdk-date, Signature={signature}")


def test_alibaba_signs_the_documented_request() -> None:
    """Signature method V3, RunInstances."""
    authorization = signing.alibaba(
        "YourAccessKeyId",
        "YourAccessKeySecret",
        "POST",
        URL(
            "https://ecs.cn-shanghai.aliyuncs.com/"
            "?ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"
        ),
        {
            "host": "ecs.cn-shanghai.aliyuncs.com",
            "x-acs-action": "RunInstances",
            "x-acs-content-sha256": EMPTY,
            "x-acs-date": "2023-10-26T10:22:32Z",
            "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
            "x-acs-version": "2014-05-26",
        },
        b"",
    )
    assert authorization == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,"
        "SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_the_digest_of_nothing() -> None:
    assert signing.sha256(b"") == EMPTY == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("sign", [signing.huawei, signing.alibaba])
@pytest.mark.parametrize(
    "other",
    [
        {"secret_key": "Secret"},
        {"method": "GET"},
        {"url": URL("https://h/b?x=1")},
        {"url": URL("https://h/a?x=2")},
        {"headers": {"host": "i", "x-sdk-date": "d"}},
        {"headers": {"host": "h", "x-sdk-date": "e"}},
        {"headers": {"host": "h", "x-sdk-date": "d", "x-more": ""}},
        {"body": b"{}"},
    ],
)
def test_a_change_anywhere_changes_the_signature(sign: Callable[..., str], other: dict[str, object]) -> None:
    request: dict[str, object] = {
        "access_key": "Key",
        "secret_key": "secret",
        "method": "POST",
        "url": URL("https://h/a?x=1"),
        "headers": {"host": "h", "x-sdk-date": "d"},
        "body": b"",
    }
    assert sign(**request) == sign(**request)
    assert sign(**request) != sign(**(request | other))
