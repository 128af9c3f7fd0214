"""From the configuration to providers."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from support.fake_api import FakeApi, Reply

from gateway.config.settings import Settings
from gateway.errors import ConfigurationError, KeyRejected
from gateway.providers import alibaba, huawei
from gateway.providers.alibaba import AlibabaProvider
from gateway.providers.build import build
from gateway.providers.http import HttpProvider
from gateway.providers.huawei import HuaweiProvider
from gateway.providers.outlet import trust
from gateway.providers.provider import Provider
from gateway.providers.static import StaticProvider

KEY = {"source": "static", "access_key": "AK", "secret_key": "SK"}


def settings(providers: dict[str, Any], credentials: dict[str, Any] | None = None) -> Settings:
    return Settings.model_validate(
        {"access": {"mode": "open"}, "providers": providers, "credentials": credentials or {"prod": KEY}}
    )


def cloud(kind: str, **given: Any) -> dict[str, Any]:
    common = {"type": kind, "region": "r-1", "credentials": "prod"}
    return common | ({"project_id": "p1"} if kind == "huawei" else {}) | given


async def test_every_type(http: aiohttp.ClientSession) -> None:
    providers = build(
        settings(
            {
                "hangzhou": cloud("alibaba"),
                "beijing": cloud("huawei"),
                "lab": {"type": "static", "consoles": {"a": "tcp://10.0.0.5:5901"}},
                "broker": {"type": "http", "url": "https://b.test/", "allowed_hosts": ["vnc.test"]},
            }
        ),
        http,
        {},
    ).providers
    kinds = [AlibabaProvider, HuaweiProvider, StaticProvider, HttpProvider]
    assert [type(provider) for provider in providers.values()] == kinds
    assert [provider.name for provider in providers.values()] == list(providers)
    for provider in providers.values():
        await provider.close()


def test_the_regions_own_endpoints() -> None:
    assert alibaba.endpoint("cn-hangzhou") == "https://ecs.cn-hangzhou.aliyuncs.com"
    assert huawei.endpoint("cn-north-4") == "https://ecs.cn-north-4.myhuaweicloud.com"


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("alibaba", {"VncUrl": "ws%3A%2F%2F127.0.0.1%3A7%2F%3Fs%3Dx"}),
        ("huawei", {"remote_console": {"url": "http://127.0.0.1:7/vnc_auto.html?token=x"}}),
    ],
)
async def test_the_settings_of_a_cloud_reach_its_targets(
    api: FakeApi, http: aiohttp.ClientSession, kind: str, answer: dict[str, Any]
) -> None:
    api.answer(Reply(answer))
    given = cloud(
        kind,
        endpoint=api.endpoint,
        origin="https://o.test",
        subprotocol="",
        headers={"X-A": "b"},
        allowed_hosts=["127.0.0.1"],
        password="vnc",
    )
    provider = build(settings({"x": given}), http, {}).providers["x"]
    target = await provider.locate("i-1", session="s", user="u", reference="r")
    assert (target.host, target.port, target.scheme) == ("127.0.0.1", 7, "ws")
    assert (target.origin, target.subprotocols, target.headers) == ("https://o.test", (), {"X-A": "b"})
    assert target.password == SecretStr("vnc")


async def test_a_named_credential_is_one_for_all_who_use_it(api: FakeApi, http: aiohttp.ClientSession) -> None:
    api.answer(Reply({"Code": "SignatureDoesNotMatch"}, status=403))
    both = {name: cloud("alibaba", endpoint=api.endpoint, region=name) for name in ("r-1", "r-2")}
    providers = build(settings({"a": both["r-1"], "b": both["r-2"]}), http, {}).providers
    for provider in providers.values():
        with pytest.raises(KeyRejected):
            await provider.locate("i-1", session="s", user="u", reference="r")
    assert len(api.seen) == 1


async def rejected(provider: Provider) -> None:
    with pytest.raises(KeyRejected):
        await provider.locate("i-1", session="s", user="u", reference="r")


async def test_a_rejected_key_stays_at_rest_until_it_is_another(api: FakeApi, http: aiohttp.ClientSession) -> None:
    api.answer(Reply({"Code": "SignatureDoesNotMatch"}, status=403))
    before = build(settings({"a": cloud("alibaba", endpoint=api.endpoint)}), http, {})
    await rejected(before.providers["a"])
    for region, key, asked in (("r-2", KEY, 1), ("r-2", KEY | {"secret_key": "other"}, 2)):
        wanted = settings({"a": cloud("alibaba", endpoint=api.endpoint, region=region)}, {"prod": key})
        before = build(wanted, http, {}, before)
        await rejected(before.providers["a"])
        assert len(api.seen) == asked
    assert build(settings({}), http, {}, before).credentials == {}


@pytest.mark.parametrize("kind", ["alibaba", "huawei"])
async def test_every_source_of_keys(api: FakeApi, http: aiohttp.ClientSession, kind: str) -> None:
    environ = {
        "P_ALIBABA_CLOUD_ACCESS_KEY_ID": "AK-env",
        "P_ALIBABA_CLOUD_ACCESS_KEY_SECRET": "SK",
        "P_HUAWEICLOUD_SDK_AK": "AK-env",
        "P_HUAWEICLOUD_SDK_SK": "SK",
    }
    sources = {
        "static": KEY,
        "sts": {"source": "sts", "access_key": "AK-sts", "secret_key": "SK", "security_token": "T"},
        "env": {"source": "env", "prefix": "P_"},
        "meta": {"source": "ecs_metadata", "role": "r", "endpoint": api.endpoint},
    }
    given = {name: cloud(kind, credentials=name, endpoint=api.endpoint) for name in sources}
    providers = build(settings(given, sources), http, environ).providers
    metadata = {"access": "AK-meta", "secret": "SK", "securitytoken": "T", "expires_at": "2099-01-01T00:00:00Z"}
    document = {
        "VncUrl": "wss%3A%2F%2Fa.aliyun.com%2F",
        "remote_console": {"url": "https://a.huaweicloud.com/x.html?token=a"},
        "credential": metadata,
        "Code": "Success",
        "AccessKeyId": "AK-meta",
        "AccessKeySecret": "SK",
        "SecurityToken": "T",
        "Expiration": "2099-01-01T00:00:00Z",
    }
    api.answer(Reply(document))
    accounts = {}
    for name, provider in providers.items():
        target = await provider.locate("i-1", session="s", user="u", reference="r")
        accounts[name] = (target.account, f"AK-{name}" in api.seen[-1].headers["Authorization"])
    assert accounts == {
        "static": ("AK", False),
        "sts": ("AK-sts", True),
        "env": ("AK-env", True),
        "meta": ("meta", True),
    }


def test_a_ca_file_is_trusted_beside_the_systems_roots(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no usable certificates"):
        (tmp_path / "ca.pem").write_text("nothing")
        trust(tmp_path / "ca.pem")
    with pytest.raises(ConfigurationError, match="no usable certificates"):
        trust(tmp_path / "missing.pem")


async def test_all_faults_at_once_each_with_its_place(http: aiohttp.ClientSession) -> None:
    credentials = {
        "prod": KEY,
        "env": {"source": "env", "prefix": "X_"},
        "meta": {"source": "ecs_metadata", "cloud": "huawei"},
    }
    providers = {
        "b": cloud("huawei", credentials="env"),
        "c": cloud("alibaba", credentials="meta"),
        "d": {"type": "static", "consoles": {"x": "ws://1.2/", "y": "http://h.test/?host=a"}},
        "e": cloud("huawei", credentials="env"),
    }
    with pytest.raises(ConfigurationError) as caught:
        build(settings(providers, credentials), http, {})
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [
        "credentials.env",
        "credentials.meta",
        "providers.d.consoles.x",
        "providers.d.consoles.y",
    ]
