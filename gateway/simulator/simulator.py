"""Both simulated clouds on one loopback port: APIs, metadata, proxies; and the desktops' beat.

async with Simulator(time_scale=100) as simulator:
    ...  # simulator.alibaba_endpoint, simulator.alibaba.keyring.main, simulator.cut()
"""

import asyncio
import contextlib
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from gateway.simulator import certificate
from gateway.simulator.clouds.alibaba import Alibaba
from gateway.simulator.clouds.faults import Cut
from gateway.simulator.clouds.huawei import Huawei
from gateway.simulator.clouds.instances import Instance
from gateway.simulator.clouds.limits import IdleCounts, Times
from gateway.simulator.clouds.metadata import Metadata
from gateway.simulator.desktop.desktop import Desktop
from gateway.simulator.desktop.tcp import TcpServer
from gateway.simulator.desktop.viewer import Beat

HOST = "127.0.0.1"


class Simulator:
    """Two clouds. `time_scale` 100 makes their 300 s 3 s; `times` says each duration by itself instead.

    `port` 0 takes a free one. `no_pong`: the proxies leave WebSocket pings unanswered. `tls`: they listen with TLS on a
    port of their own, addresses are wss, and `ca_file` is what clients must trust; the APIs stay where they are.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        time_scale: float = 1,
        times: Times | None = None,
        idle_counts: IdleCounts = IdleCounts.RFB,
        no_pong: bool = False,
        tls: bool = False,
    ) -> None:
        self.times = times or Times().scaled(time_scale)
        self.alibaba = Alibaba(self.times, idle_counts=idle_counts, no_pong=no_pong)
        self.huawei = Huawei(self.times, idle_counts=idle_counts, no_pong=no_pong)
        self.metadata = Metadata(self.alibaba, self.huawei, self.times.temporary_key)
        self.port = port
        self.ca_file: Path | None = None
        self._tls = tls
        self._files: tempfile.TemporaryDirectory[str] | None = None
        self._runner: web.AppRunner | None = None
        self._beat: asyncio.Task[None] | None = None
        self._tcp: list[TcpServer] = []

    @property
    def endpoint(self) -> str:
        """The base of both APIs and of the metadata services."""
        return f"http://{HOST}:{self.port}"

    alibaba_endpoint = huawei_endpoint = metadata_endpoint = endpoint

    @property
    def instances(self) -> list[Instance]:
        return [*self.alibaba.instances.values(), *self.huawei.instances.values()]

    async def start(self) -> None:
        """Listen on loopback. Raises OSError when the port is taken."""
        application = web.Application()
        for part in (self.alibaba, self.huawei, self.metadata):
            application.add_routes(part.routes())
        runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=1)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, HOST, self.port).start()
        self.port = runner.addresses[0][1]
        proxies = await self._with_tls(runner) if self._tls else f"ws://{HOST}:{self.port}"
        self.alibaba.ws_base = self.huawei.ws_base = proxies
        self._beat = asyncio.create_task(Beat(self._desktops).run())

    async def stop(self) -> None:
        """End every connection and stop listening."""
        if self._beat is not None:
            self._beat.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beat
        self.cut()
        for server in self._tcp:
            await server.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._files is not None:
            self._files.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def cut(self, how: Cut = Cut.RESET) -> int:
        """End every upstream that the proxies hold; how many there were."""
        return self.alibaba.proxy.cut(how) + self.huawei.proxy.cut(how)

    def freeze(self, *, frozen: bool = True) -> None:
        """Let all pictures stand still, so that they can be compared pixel by pixel."""
        for instance in self.instances:
            instance.desktop.frozen = frozen

    async def listen(self, instance: Instance, port: int = 0) -> int:
        """Serve a machine's desktop as plain VNC on TCP, too; the port."""
        server = TcpServer(instance.desktop, instance.options)
        self._tcp.append(server)
        return await server.start(port)

    async def _with_tls(self, runner: web.AppRunner) -> str:
        """Listen with TLS, too; the base of the addresses there."""
        self._files = tempfile.TemporaryDirectory(prefix="vnc-gateway-")
        context, self.ca_file = certificate.make(Path(self._files.name), HOST)
        await web.TCPSite(runner, HOST, 0, ssl_context=context).start()
        return f"wss://{HOST}:{runner.addresses[1][1]}"

    def _desktops(self) -> list[Desktop]:
        return [instance.desktop for instance in self.instances]
