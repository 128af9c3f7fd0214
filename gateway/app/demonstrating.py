"""`vnc-gateway demo`: simulated clouds with a live desktop, and the real gateway in front of them."""

import asyncio
import errno
import hashlib
import os
import secrets
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from rich.console import Console

from gateway.app.addresses import free_port, host_in_url, reached_as
from gateway.app.remote import KEY, URL, AdminApi
from gateway.app.serving import stopped
from gateway.app.wiring import Gateway, running
from gateway.config.load import build
from gateway.config.values import is_loopback
from gateway.errors import ListenFailed
from gateway.simulator.clouds import alibaba, huawei
from gateway.simulator.simulator import HOST, Simulator

ALIBABA = f"hangzhou/{alibaba.RUNNING}"
USER = "demo"

LINK_TTL = 12 * 3600
"""Seconds in which a link of the demo has to be opened: it lies on a terminal, and nothing real is behind it."""

HUAWEI = f"singapore/{huawei.RUNNING}"


async def demo(*, host: str, port: int, cut_every: float | None) -> None:
    """Run the demo until SIGTERM or SIGINT; on another port, and it says so, if `port` is taken.

    `cut_every`: seconds after which all upstreams are killed, again and again; None never.
    """
    console = Console(highlight=False, soft_wrap=True)
    async with Simulator() as clouds, AsyncExitStack() as stack:
        key = secrets.token_urlsafe()
        try:
            gateway = await stack.enter_async_context(_gateway(clouds, host, port or free_port(host), key))
        except ListenFailed as error:
            if not isinstance(error.__cause__, OSError) or error.__cause__.errno != errno.EADDRINUSE:
                raise
            gateway = await stack.enter_async_context(_gateway(clouds, host, free_port(host), key))
            console.print(f"Port {port} is in use: the demo is on {gateway.public_port} instead.")
        await _announce(console, host, gateway, key)
        async with asyncio.TaskGroup() as group:
            cutter = group.create_task(_cut(clouds, cut_every)) if cut_every else None
            await stopped()
            if cutter is not None:
                cutter.cancel()


def _gateway(clouds: Simulator, host: str, port: int, key: str) -> AbstractAsyncContextManager[Gateway]:
    return running(build(_configuration(clouds, host, port, key), environ={}), listed=[ALIBABA, HUAWEI])


async def _cut(clouds: Simulator, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        clouds.cut()


async def _announce(console: Console, host: str, gateway: Gateway, key: str) -> None:
    admin = f"http://{HOST}:{gateway.admin_port}"
    console.print("Two simulated clouds are running, with the gateway in front of them. Open a console:\n")
    for cloud, name in (("Alibaba Cloud", ALIBABA), ("Huawei Cloud", HUAWEI)):
        if is_loopback(host):
            link = f"http://{host_in_url(host)}:{gateway.public_port}/console/{name}"
        else:
            api = AdminApi({URL: admin, KEY: key})
            link = await api.mint(name, user=USER, ttl=LINK_TTL, view_only=False)
        console.print(f"  {cloud:<15} {link}")
    if not is_loopback(host):
        console.print(f"\nEach link opens once, within {LINK_TTL // 3600} hours. Another one:\n")
        console.print(f"  {URL}={admin} {KEY}={key} vnc-gateway ticket {ALIBABA} --ttl {LINK_TTL}")
    console.print(f"\nOperators see and end sessions at {admin}/ with the key {key}")
    console.print(f"Metrics: {admin}/metrics   Ctrl-C ends the demo.")


def _access(host: str, port: int, key: str) -> dict[str, Any]:
    """Open to this machine; whoever comes from elsewhere needs a link."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    admin = {"port": 0, "keys": {"demo": f"sha256:{digest}"}}
    if is_loopback(host):
        return {"listen": {"host": host, "port": port}, "admin": admin, "access": {"mode": "open"}}
    return {
        "listen": {"host": host, "port": port, "public_url": f"http://{host_in_url(reached_as(host))}:{port}"},
        "admin": admin,
        "access": {"mode": "ticket", "ticket_ttl_max": LINK_TTL},
    }


def _configuration(clouds: Simulator, host: str, port: int, key: str) -> dict[str, Any]:
    """The configuration of somebody who has a machine in each of the two clouds."""
    ali, hua = clouds.alibaba.keyring.main, clouds.huawei.keyring.main
    return _access(host, port, key) | {
        "audit": {"target": "file", "file": os.devnull},  # the terminal shows where the consoles are
        "credentials": {
            "ali": {"source": "static", "access_key": ali.access, "secret_key": ali.secret},
            "hua": {"source": "static", "access_key": hua.access, "secret_key": hua.secret},
        },
        "providers": {
            "hangzhou": {
                "type": "alibaba",
                "region": alibaba.REGION,
                "credentials": "ali",
                "endpoint": clouds.alibaba_endpoint,
                "allowed_hosts": [HOST],
            },
            "singapore": {
                "type": "huawei",
                "region": huawei.REGION,
                "project_id": huawei.PROJECT,
                "credentials": "hua",
                "endpoint": clouds.huawei_endpoint,
                "allowed_hosts": [HOST],
            },
        },
    }
