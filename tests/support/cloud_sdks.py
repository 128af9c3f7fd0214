"""The clouds' own SDKs as oracles: what they send, and what they make of an answer.

They are imported late: Huawei's writes a file under HOME as it is imported, so callers point HOME elsewhere
first (`quiet_home`). Both calls block or may block the loop, so each runs in a thread of its own.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest


def quiet_home(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """Keep the SDKs away from the real HOME and from the environment's keys."""
    monkeypatch.setenv("HOME", str(directory))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


async def huawei_address(
    endpoint: str, *, project: str, server: str, access_key: str, secret_key: str, token: str | None = None
) -> str:
    """The page's address as Huawei's SDK gets it."""

    def call() -> str:
        from huaweicloudsdkcore.auth.credentials import BasicCredentials
        from huaweicloudsdkecs.v2 import (
            EcsClient,
            GetServerRemoteConsoleOption,
            ShowServerRemoteConsoleRequest,
            ShowServerRemoteConsoleRequestBody,
        )

        credentials = BasicCredentials(access_key, secret_key, project)
        if token is not None:
            credentials = credentials.with_security_token(token)
        client = EcsClient.new_builder().with_credentials(credentials).with_endpoint(endpoint).build()
        option = GetServerRemoteConsoleOption(type="novnc", protocol="vnc")
        body = ShowServerRemoteConsoleRequestBody(remote_console=option)
        answer = client.show_server_remote_console(ShowServerRemoteConsoleRequest(server_id=server, body=body))
        return str(answer.remote_console.url)

    return await asyncio.to_thread(call)


async def alibaba_address(
    endpoint: str, *, region: str, instance: str, access_key: str, secret_key: str, token: str | None = None
) -> str:
    """VncUrl as Alibaba's SDK gets it."""

    async def call() -> str:
        from alibabacloud_ecs20140526.client import Client
        from alibabacloud_ecs20140526.models import DescribeInstanceVncUrlRequest
        from alibabacloud_tea_openapi.models import Config
        from darabonba.runtime import RuntimeOptions

        config = Config(
            access_key_id=access_key,
            access_key_secret=secret_key,
            security_token=token,
            endpoint=endpoint.removeprefix("http://"),
            protocol="HTTP",
        )
        request = DescribeInstanceVncUrlRequest(region_id=region, instance_id=instance)
        answer = await Client(config).describe_instance_vnc_url_with_options_async(request, RuntimeOptions())
        return str(answer.body.vnc_url)

    return await asyncio.to_thread(lambda: asyncio.run(call()))


def huawei_authorization(
    access_key: str, secret_key: str, *, method: str, host: str, path: str, headers: Mapping[str, str], body: bytes
) -> str:
    """What Huawei's SDK signs for a request that we made."""
    from huaweicloudsdkcore.auth.credentials import BasicCredentials
    from huaweicloudsdkcore.sdk_request import SdkRequest
    from huaweicloudsdkcore.signer.signer import Signer

    request = SdkRequest(
        method=method,
        schema="http",
        host=host,
        resource_path=path,
        query_params=[],
        header_params=dict(headers),
        body=body,
    )
    signed: Any = Signer(BasicCredentials(access_key, secret_key, "project")).sign(request)
    return str(signed.header_params["Authorization"])


def alibaba_authorization(
    access_key: str, secret_key: str, *, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> str:
    """What Alibaba's SDK signs for a request that we made."""
    from alibabacloud_tea_openapi.utils import Utils
    from darabonba.request import DaraRequest

    request = DaraRequest()
    request.method, request.pathname, request.query, request.headers = method, path, dict(query), dict(headers)
    digest = headers["x-acs-content-sha256"]
    return str(Utils.get_authorization(request, "ACS3-HMAC-SHA256", digest, access_key, secret_key))
