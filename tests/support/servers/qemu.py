"""QEMU without a disk: a boot sector draws, the VNC server is QEMU's own, over TCP and over WebSocket."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from support.components import program
from support.programs import LOOPBACK, Program, eventually, free_port, listens, running
from support.servers.address import Address
from support.servers.boot_sector import BOOT_SECTOR, READY, READY_AT
from support.servers.qmp import Qmp

SIZE = (640, 400)  # 320x200, shown twice as large

_FIRST_DISPLAY = 5900  # -vnc takes display numbers, which count from this port


class Qemu:
    """A running guest: 640x400, about 4 % of a core. `freeze` stops the guest, not the server."""

    def __init__(self, process: Program, qmp: Qmp, tcp: Address, websocket: Address, trace: Path) -> None:
        self.process = process
        self.qmp = qmp
        self.tcp = tcp
        self.websocket = websocket
        self._trace = trace

    async def freeze(self) -> None:
        """Stop the guest, so that the picture stays as it is; the VNC server goes on."""
        await self.qmp.execute("stop")

    async def thaw(self) -> None:
        await self.qmp.execute("cont")

    def inputs(self) -> list[str]:
        """Keyboard and pointer events that QEMU has taken from its VNC clients, as it logs them."""
        lines = self._trace.read_text(errors="replace").splitlines()
        return [line.partition("input_event_")[2] for line in lines if "input_event_" in line]


@contextlib.asynccontextmanager
async def qemu(
    *,
    logs: Path,
    password: str | None = None,
    tablet: bool = False,
    audio: bool = False,
    lossy: bool = False,
    port: int | None = None,
    websocket_port: int | None = None,
    exclusive: bool = False,
    power: bool = False,
) -> AsyncIterator[Qemu]:
    """Run a guest that draws; entered when the first rectangles are painted.

    `tablet` gives it an absolute pointer, `audio` a sound backend, `lossy` lets Tight use JPEG. The ports may be
    given to start a new QEMU in the place of one that ended. `exclusive` refuses shared connections beside an
    exclusive one (QEMU's default). `power` offers xvp, and ends QEMU when the guest is reset.
    """
    tcp = Address(port or free_port(), password=password)
    websocket = Address(websocket_port or free_port(), "ws", "/", password)
    with tempfile.TemporaryDirectory(prefix="qemu-") as directory:
        work = Path(directory)
        (work / "disk.img").write_bytes(BOOT_SECTOR)
        control = work / "qmp"  # a short path: those of sockets are limited to 107 bytes
        trace = logs / f"qemu-{tcp.port}-input.log"
        options = [",password=on" * (password is not None), ",lossy=on" * lossy, ",audiodev=quiet" * audio]
        options += [",power-control=on" * power]
        share = ",share=allow-exclusive" if exclusive else ",share=force-shared"
        display = f"{LOOPBACK}:{tcp.port - _FIRST_DISPLAY},websocket={websocket.port}{''.join(options)}{share}"
        argv = [program("qemu"), "-machine", "pc", "-accel", "tcg", "-m", "16", "-nodefaults", "-vga", "std"]
        argv += ["-drive", f"file={work}/disk.img,format=raw,if=ide", "-vnc", display]
        argv += ["-qmp", f"unix:{control},server=on,wait=off", "-trace", "input_event_*", "-D", str(trace)]
        argv += ["-no-reboot"] * power
        argv += ["-usb", "-device", "usb-tablet"] * tablet + ["-audiodev", "none,id=quiet"] * audio
        ready = partial(_serves, control, tcp.port)
        async with running(f"qemu-{tcp.port}", argv, logs=logs, ready=ready) as process:
            qmp = await Qmp.connect(control)
            try:
                if password is not None:
                    await qmp.execute("set_password", protocol="vnc", password=password)
                await eventually(lambda: _draws(qmp), within=20, what="the guest's first rectangles")
                yield Qemu(process, qmp, tcp, websocket, trace)
            finally:
                await qmp.close()


def _serves(control: Path, port: int) -> bool:
    return control.exists() and listens(port)


async def _draws(qmp: Qmp) -> bool:
    return f"{READY:#x}" in await qmp.monitor(f"xp /1hx {READY_AT:#x}")
