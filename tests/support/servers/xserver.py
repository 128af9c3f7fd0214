"""X servers for tests: TigerVNC's Xvnc, Xvfb, x11vnc on either, and an xterm that writes coloured text."""

import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.components import program
from support.programs import Program, free_port, listens, running
from support.rfb_client.handshake import vnc_response
from support.servers.address import Address

# Writes short coloured lines for ever, thirty a second: scrolling, new text and many colours.
_CHATTER = """
i=0
while :; do
  i=$((i + 1))
  printf '\\033[%dm%d \\033[48;5;%dm    \\033[0m the quick brown fox %d\\n' $((31 + i % 7)) $i $((i % 256)) $((i * i))
  sleep 0.03
done
"""

# The fixed key under which VNC servers keep passwords in files; every implementation has it.
_FILE_KEY = bytes((23, 82, 107, 6, 35, 78, 88, 7)).decode("latin-1")


@dataclass(frozen=True, slots=True)
class Display:
    """An X display that takes connections from this machine without a password."""

    number: int
    process: Program

    @property
    def name(self) -> str:
        return f":{self.number}"


@dataclass(frozen=True, slots=True)
class Xvnc:
    """TigerVNC's server: an X display and the VNC server on it."""

    display: Display
    tcp: Address

    @property
    def process(self) -> Program:
        return self.display.process


def password_file(directory: Path, password: str) -> Path:
    """A file as VNC servers read it: the password under a key that everybody knows."""
    path = directory / "passwd"
    path.write_bytes(vnc_response(password.encode("latin-1")[:8].ljust(8, b"\0"), _FILE_KEY))
    path.chmod(0o600)
    return path


@contextlib.asynccontextmanager
async def xvnc(
    *,
    logs: Path,
    password: str | None = None,
    geometry: tuple[int, int] = (640, 480),
    port: int | None = None,
    options: Sequence[str] = (),
) -> AsyncIterator[Xvnc]:
    """Run Xvnc with security None, or VncAuth where a password is given; `options` go to its command line."""
    address = Address(port or free_port(), password=password)
    with tempfile.TemporaryDirectory(prefix="xvnc-") as directory:
        argv = [program("xvnc"), "-geometry", "{}x{}".format(*geometry), "-depth", "24", "-ac", "-nolisten", "tcp"]
        argv += ["-rfbport", str(address.port), "-localhost", "-SecurityTypes", "VncAuth" if password else "None"]
        argv += ["-PasswordFile", str(password_file(Path(directory), password))] if password else []
        async with _display(f"xvnc-{address.port}", [*argv, *options], logs, address.port) as display:
            yield Xvnc(display, address)


@contextlib.asynccontextmanager
async def xvfb(*, logs: Path, geometry: tuple[int, int] = (640, 480)) -> AsyncIterator[Display]:
    """Run an X server without any screen."""
    screen = "{}x{}x24".format(*geometry)
    argv = [program("xvfb"), "-screen", "0", screen, "-ac", "-nolisten", "tcp"]
    async with _display("xvfb", argv, logs, None) as display:
        yield display


@contextlib.asynccontextmanager
async def x11vnc(
    display: Display, *, logs: Path, password: str | None = None, port: int | None = None, options: Sequence[str] = ()
) -> AsyncIterator[Address]:
    """Run x11vnc (libvncserver), which shows an X display that somebody else serves."""
    address = Address(port or free_port(), password=password)
    argv = [program("x11vnc"), "-display", display.name, "-rfbport", str(address.port), "-localhost", "-noipv6"]
    argv += ["-forever", "-shared", "-norc", "-nopw" if password is None else "-passwd"]
    argv += [password] if password is not None else []
    name = f"x11vnc-{address.port}"
    async with running(name, [*argv, *options], logs=logs, ready=lambda: listens(address.port)):
        yield address


@contextlib.asynccontextmanager
async def xterm(
    display: Display, *, logs: Path, script: str = _CHATTER, place: str = "60x20+20+20"
) -> AsyncIterator[Program]:
    """Run an xterm with a shell script in it; `freeze` stops what it shows."""
    argv = [program("xterm"), "-display", display.name, "-geometry", place, "-fn", "fixed", "-e", "sh", "-c", script]
    async with running("xterm", argv, logs=logs) as process:
        yield process


@contextlib.asynccontextmanager
async def _display(name: str, argv: Sequence[str], logs: Path, port: int | None) -> AsyncIterator[Display]:
    """Run an X server, which picks a free display itself and says which through a pipe."""
    told, tell = os.pipe()
    os.set_blocking(told, False)
    text = bytearray()

    def ready() -> bool:
        with contextlib.suppress(BlockingIOError):
            text.extend(os.read(told, 32))
        return text.endswith(b"\n") and (port is None or listens(port))

    try:
        full = [*argv, "-displayfd", str(tell)]
        async with running(name, full, logs=logs, ready=ready, pass_fds=(tell,)) as process:
            yield Display(int(text), process)
    finally:
        os.close(told)
        os.close(tell)
