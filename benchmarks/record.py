"""Records what the servers of the office row send: `python -m benchmarks.record [NAME…]`, with tests/ on the path.

Each scene starts a real server and looks on as noVNC does without JPEG: one request for the whole screen, then one
for what has changed after each update. Kept are the server's bytes and the times at which they came.
"""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import numpy as np
from support.components import program
from support.programs import LOOPBACK, free_port, listens, running
from support.record import Tap
from support.recordings import Chunk, Recording
from support.rfb_client.client import RfbClient
from support.rfb_client.wire import RGB888, Encoding
from support.servers.painter import Painter
from support.servers.qmp import Qmp
from support.servers.xserver import Display, xterm, xvnc

DIRECTORY = Path(__file__).with_name("recordings")
BOOT = Path(__file__).with_name("boot.asm")

ENCODINGS = (Encoding.COPY_RECT, Encoding.TIGHT, Encoding.LAST_RECT, Encoding.CURSOR, Encoding.DESKTOP_SIZE)

SECONDS = 12.0
"""What is kept of each scene."""

_FIRST_DISPLAY = 5900  # -vnc takes display numbers, which count from this port

# Commands typed by hand, their answers in one burst, and a progress line.
_SHELL = """
type() { printf '$ '; printf %s "$1" | while IFS= read -rn1 c; do printf '%s' "${c:- }"; sleep 0.09; done; echo; }
while :; do
  type 'ls -l /usr/bin | tail -40'; ls -l /usr/bin | tail -40; sleep 0.9
  type 'make'; for i in $(seq 1 24); do printf 'cc -O2 -c module_%03d.c -o module_%03d.o\\n' $i $i; sleep 0.04; done
  for i in $(seq 5 5 100); do printf '\\r\\033[32m%3d %%\\033[0m linked' $i; sleep 0.05; done; echo; sleep 0.8
done
"""

Port = int
Scene = Callable[[Path], AbstractAsyncContextManager[Port]]


@contextlib.asynccontextmanager
async def terminal(logs: Path) -> AsyncIterator[Port]:
    """Somebody at work in a shell."""
    async with (
        xvnc(logs=logs, geometry=(1024, 768)) as server,
        xterm(server.display, logs=logs, script=f"exec bash -c '{_quoted(_SHELL)}'", place="120x50+30+20"),
    ):
        yield server.tcp.port


@contextlib.asynccontextmanager
async def desktop_session(logs: Path) -> AsyncIterator[Port]:
    """Windows that are opened, painted and moved, beside a terminal that scrolls."""
    async with (
        xvnc(logs=logs, geometry=(1280, 800)) as server,
        xterm(server.display, logs=logs, place="70x18+780+500"),
        _painting(server.display),
    ):
        yield server.tcp.port


@contextlib.asynccontextmanager
async def boot(logs: Path) -> AsyncIterator[Port]:
    """A machine from its power button on: firmware, network boot that finds nothing, lines of text, a prompt."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="boot-") as directory:
        disk, control = Path(directory) / "disk", Path(directory) / "qmp"
        assemble(disk)
        argv = [program("qemu"), "-S", "-machine", "pc", "-accel", "tcg", "-m", "64", "-nodefaults", "-vga", "std"]
        argv += ["-nic", "user,model=virtio,restrict=on", "-boot", "order=nc"]
        argv += ["-drive", f"file={disk},format=raw,if=ide", "-vnc", f"{LOOPBACK}:{port - _FIRST_DISPLAY}"]
        argv += ["-qmp", f"unix:{control},server=on,wait=off"]
        async with running("qemu", argv, logs=logs, ready=lambda: control.exists() and listens(port)):
            qmp = await Qmp.connect(control)
            await qmp.execute("cont")
            yield port
            await qmp.close()


SCENES: dict[str, Scene] = {"terminal": terminal, "desktop-session": desktop_session, "boot": boot}


def assemble(disk: Path) -> None:
    """Write the guest's disk, which is its boot sector."""
    subprocess.run([program("nasm"), "-f", "bin", BOOT, "-o", disk], check=True)


@contextlib.asynccontextmanager
async def _painting(display: Display) -> AsyncIterator[None]:
    with Painter(display, seed=7) as painter:
        task = asyncio.create_task(_paint(painter))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _paint(painter: Painter) -> None:
    """Bursts as people make them: a window in many parts, then some that move, then a rest."""
    while True:
        for _ in range(10):
            painter.step(400, 260)
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.9)


def _quoted(script: str) -> str:
    return script.replace("'", "'\\''")


async def record(name: str, logs: Path, seconds: float = SECONDS) -> Recording:
    """Look on for so long and return what came, to the end of the last whole message."""
    async with SCENES[name](logs) as port:
        tap = Tap(*await asyncio.open_connection(LOOPBACK, port))
        client = RfbClient(tap)
        await client.open()
        tap.chunks.clear()
        await client.set_up(ENCODINGS, RGB888)
        await client.request(incremental=False)
        await client.follow(seconds)
        while not client.decoder.idle:
            await client.next_messages()
        await client.close()
    start = min(chunk.at for chunk in tap.chunks)
    chunks = tuple(Chunk(chunk.at - start, chunk.from_server, chunk.count) for chunk in tap.chunks)
    data = (client.server_init.raw, bytes(client.sent), bytes(client.received))
    nothing = np.zeros((0, 0, 3), np.uint8)
    return Recording(name, *data, nothing, tuple(client.formats), chunks, exact=False)


async def main(wanted: Sequence[str]) -> None:
    """Record all scenes, or those that are wanted."""
    DIRECTORY.mkdir(exist_ok=True)
    for name in wanted or SCENES:
        with tempfile.TemporaryDirectory(prefix="record-") as logs:
            recording = await record(name, Path(logs))
        path = recording.save(DIRECTORY)
        print(f"{name}: {len(recording.server)} bytes in {recording.chunks[-1].at} ms, {path.stat().st_size} kept")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
