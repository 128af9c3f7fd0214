"""The few commands of the desktop's terminal."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

HELP = """\
help            this list
echo TEXT       print TEXT
seq N           print N lines
date            the time here
copy TEXT       put TEXT on your clipboard
paste           print what you copied
resize 1024x768 change the size of the screen
bell            ring
wipe            clean the sheet
clear           clean the terminal"""

MOST_LINES = 1000


class Machine(Protocol):
    """What commands act on."""

    name: str
    now: float
    clipboard: str

    def send_clipboard(self, text: str) -> None: ...

    def bell(self) -> None: ...

    def wipe(self) -> None: ...

    def clear_terminal(self) -> None: ...

    def resize(self, width: int, height: int) -> int: ...


def run(line: str, machine: Machine) -> str:
    """Carry out a line; the answer is what it prints."""
    name, _, rest = line.strip().partition(" ")
    if not name:
        return ""
    command = COMMANDS.get(name)
    if command is None:
        return f"{name}: not known here, try help\n"
    text = command(machine, rest)
    return text if not text or text.endswith("\n") else text + "\n"


def _copy(machine: Machine, text: str) -> str:
    machine.send_clipboard(text)
    return ""


def _bell(machine: Machine, _: str) -> str:
    machine.bell()
    return ""


def _wipe(machine: Machine, _: str) -> str:
    machine.wipe()
    return ""


def _clear(machine: Machine, _: str) -> str:
    machine.clear_terminal()
    return ""


def _seq(_: Machine, number: str) -> str:
    if not number.isdecimal():
        return "seq: how many?"
    return "\n".join(f"line {line}" for line in range(1, min(int(number), MOST_LINES) + 1))


def _resize(machine: Machine, size: str) -> str:
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal()) or machine.resize(int(width), int(height)):
        return "resize: no such size"
    return ""


COMMANDS: dict[str, Callable[[Machine, str], str]] = {
    "help": lambda _, __: HELP,
    "echo": lambda _, text: text + "\n",
    "seq": _seq,
    "date": lambda machine, _: f"{datetime.fromtimestamp(machine.now, UTC):%a %d %b %Y %H:%M:%S} UTC",
    "copy": _copy,
    "paste": lambda machine, _: machine.clipboard,
    "resize": _resize,
    "bell": _bell,
    "wipe": _wipe,
    "clear": _clear,
}
