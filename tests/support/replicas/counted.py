"""`vnc-gateway` as it is, but on SIGUSR1 it writes what is alive and held in it to the file that COUNTED names."""

import ctypes
import json
import os
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from gateway.cli import main
from support.alive import alive, running
from support.programs import Program, eventually

FILE = "COUNTED"


@dataclass(frozen=True, slots=True)
class Count:
    """Tasks and parts of sessions by name; memory in use: Python's small blocks, and bytes of C's malloc. What the
    allocators keep for later is in neither.
    """

    alive: Counter[str]
    blocks: int
    bytes: int


class _Malloc(ctypes.Structure):
    """glibc's struct mallinfo2 (mallinfo(3))."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


async def count_of(program: Program, file: Path) -> Count:
    """Count `program`, which was told of `file` in COUNTED when it was started."""
    file.unlink(missing_ok=True)
    os.kill(program.pid, signal.SIGUSR1)
    await eventually(file.exists, within=30, what=f"{program.name} to count")
    found = json.loads(file.read_text())
    return Count(Counter(found.pop("alive")), **found)


def _malloced() -> int:
    """Bytes in use, small and large ones; 0 with another C library than glibc 2.33 or later."""
    try:
        mallinfo = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return 0
    mallinfo.restype = _Malloc
    found = mallinfo()
    return int(found.uordblks + found.hblkhd)


def _tell(_number: int, _frame: FrameType | None) -> None:
    there = alive() + running()  # collects garbage first
    count = {"alive": there, "blocks": sys.getallocatedblocks(), "bytes": _malloced()}
    file = Path(os.environ[FILE])
    part = file.with_suffix(".part")
    part.write_text(json.dumps(count))
    part.replace(file)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _tell)
    main()
