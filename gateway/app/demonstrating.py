"""`vnc-gateway demo`: simulated clouds with a live desktop, and the real gateway in front of them."""

import asyncio
import errno
import os
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from rich.console import Console

from gateway.app.serving import stopped
from gateway.app.wiring import Gateway, running
from gateway.config.load import build
from gateway.config.settings import Settings
from gateway.errors import ListenFailed
from gateway.simulator.clouds import alibaba, huawei
from gateway.simulator.simulator import HOST, Simulator

ALIBABA = f"hangzhou/{alibaba.RUNNING}"
HUAWEI = f"singapore/{huawei.RUNNING}"


async def demo(*, host: str, port: int, cut_every: float | None) -> None:
    """Run the demo until SIGTERM or SIGINT; on another port, and it says so, if `port` is taken.

    `cut_every`: seconds after which all upstreams are killed, again and again; None never.
    """
    console = Console(highlight=False, soft_wrap=True)
    async with Simulator() as clouds, AsyncExitStack() as stack:
        try:
            gateway = await stack.enter_async_context(_gateway(clouds, host, port))
        except ListenFailed as error:
            if not isinstance(error.__cause__, OSError) or error.__cause__.errno != errno.EADDRINUSE:
                raise
            gateway = await stack.enter_async_context(_gateway(clouds, host, 0))
            console.print(f"Port {port} is in use: the demo is on {gateway.public_port} instead.")
        _announce(console, host, gateway)
        async with asyncio.TaskGroup() as group:
            cutter = group.create_task(_cut(clouds, cut_every)) if cut_every else None
            await stopped()
            if cutter is not None:
                cutter.cancel()


def _gateway(clouds: Simulator, host: str, port: int) -> AbstractAsyncContextManager[Gateway]:
    return running(_settings(clouds, host, port), listed=[ALIBABA, HUAWEI])


async def _cut(clouds: Simulator, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        clouds.cut()


def _announce(console: Console, host: str, gateway: Gateway) -> None:
    base = f"http://{host}:{gateway.public_port}"
    console.print("Two simulated clouds are running, with the gateway in front of them. Open a console:\n")
    console.print(f"  Alibaba Cloud   {base}/console/{ALIBABA}")
    console.print(f"  Huawei Cloud    {base}/console/{HUAWEI}")
    console.print(f"\nMetrics: http://{HOST}:{gateway.admin_port}/metrics   Ctrl-C ends the demo.")


def _settings(clouds: Simulator, host: str, port: int) -> Settings:
    """The configuration of somebody who has a machine in each of the two clouds."""
    ali, hua = clouds.alibaba.keyring.main, clouds.huawei.keyring.main
    return build(
        {
            "listen": {"host": host, "port": port},
            "admin": {"port": 0},
            "access": {"mode": "open"},
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
        },
        environ={},
    )
