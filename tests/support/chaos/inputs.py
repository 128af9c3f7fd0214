"""What keys and buttons a machine has really got, and which of them are down: asked of X itself and of QEMU."""

import contextlib
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from support.components import program
from support.programs import Program, eventually, running
from support.servers.painter import Painter
from support.servers.qemu import Qemu
from support.servers.xserver import Display

Event = tuple[str, bool]  # name of a key or button, and whether it went down

_QUERY_POINTER, _QUERY_KEYMAP = 38, 44
_X_KEYS = {38: "a", 56: "b", 54: "c", 40: "d", 37: "ctrl", 50: "shift"}  # evdev's keycodes, which Xvnc uses
_X_BUTTONS = {1: "left", 2: "middle", 3: "right"}
_X_EVENT = re.compile(r"\((Raw\w+)\)\n\s+device: \d+ \(\d+\)\n(?:\s+time: \d+\n)?\s+detail: (\d+)")
_X_KINDS = {"RawKeyPress": True, "RawKeyRelease": False, "RawButtonPress": True, "RawButtonRelease": False}
_QEMU_EVENT = re.compile(r"(?:qcode|button) (\w+), down ([01])")


class Inputs(Protocol):
    """The input of a machine."""

    def events(self) -> list[Event]:
        """All so far, oldest first."""
        ...

    def count(self) -> int:
        """How many of any kind, movements of the pointer included."""
        ...

    def down(self) -> set[str]:
        """What is pressed now."""
        ...

    async def alone(self) -> None:
        """Wait until the machine has let go of all viewers that have left, and of what they held."""
        ...


class _Asker(Painter):
    """An X client that asks about keys and buttons."""

    def down(self) -> set[str]:
        self._request(_QUERY_KEYMAP, 0, b"")
        keymap = self._reply()[8:40]
        keys = {code for code in range(256) if keymap[code // 8] >> code % 8 & 1}
        self._request(_QUERY_POINTER, 0, int(self._root).to_bytes(4, "little"))
        state = int.from_bytes(self._reply()[24:26], "little")
        buttons = {name for number, name in _X_BUTTONS.items() if state >> 7 + number & 1}
        return {_X_KEYS.get(code, f"keycode {code}") for code in keys} | buttons

    def _reply(self) -> bytes:
        """The next answer, past events that nobody asked for: of keyboards that change their mapping."""
        while True:
            packet = self._exactly(32)
            if packet[0] == 1:
                return packet + self._exactly(4 * int.from_bytes(packet[4:8], "little"))
            assert packet[0], f"X error {packet[1]} for request {packet[10]}"


class XInputs:
    """An X server's: xinput writes down what happens, X itself says what is down. Made before there are viewers."""

    def __init__(self, server: Program, xinput: Program, asker: _Asker) -> None:
        self._server = server
        self._xinput = xinput
        self._asker = asker
        self._files = self._open_files()

    def events(self) -> list[Event]:
        found = _X_EVENT.findall(self._xinput.output())
        return [(_name(kind, int(code)), _X_KINDS[kind]) for kind, code in found if kind in _X_KINDS]

    def count(self) -> int:
        return self._xinput.output().count("EVENT type")

    def down(self) -> set[str]:
        return self._asker.down()

    async def alone(self) -> None:
        """It lets go of what a viewer held, and then of its connection."""
        await eventually(lambda: self._open_files() <= self._files, what="the end of a viewer's connection")

    def _open_files(self) -> int:
        return len(os.listdir(f"/proc/{self._server.pid}/fd"))


@dataclass(frozen=True, slots=True)
class QemuInputs:
    """A QEMU guest's: what its VNC server has passed on."""

    machine: Qemu

    def events(self) -> list[Event]:
        found = (_QEMU_EVENT.search(line) for line in self.machine.inputs())
        return [(event[1], event[2] == "1") for event in found if event]

    def count(self) -> int:
        return len(self.machine.inputs())

    def down(self) -> set[str]:
        state = dict(self.events())
        return {name for name, down in state.items() if down}

    async def alone(self) -> None:
        """QEMU lifts all keys, whoever holds them, the next time that it looks at its picture."""

        clients: list[dict[str, str]] = []

        async def nobody() -> bool:
            clients[:] = (await self.machine.qmp.execute("query-vnc"))["clients"]
            return not clients

        try:
            await eventually(nobody, within=10)
        except AssertionError:
            raise AssertionError(f"QEMU still has viewers: {clients}") from None


def _name(kind: str, code: int) -> str:
    return _X_BUTTONS.get(code, f"button {code}") if "Button" in kind else _X_KEYS.get(code, f"keycode {code}")


@contextlib.asynccontextmanager
async def x_inputs(display: Display, logs: Path) -> AsyncIterator[XInputs]:
    """Watch a display's input until the block is left."""
    argv = ["stdbuf", "-oL", program("xinput"), "test-xi2", "--root"]
    async with running("xinput", argv, logs=logs, env={"DISPLAY": display.name}) as watching:
        await eventually(lambda: "TigerVNC keyboard" in watching.output(), what="xinput's list of devices")
        with _Asker(display) as asker:
            yield XInputs(display.process, watching, asker)
